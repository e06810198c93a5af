// CUDA kernels that decode one token of every row, with common.cu before them. Constants besides
// HIDDEN, HEADS and GROUPS:
//   WIDTH  of a head: 32, 64 or 128; HEADS * WIDTH = HIDDEN
//   INNER  width of the MLP, a multiple of 32 as HIDDEN is
//   TILES  groups of 8 rows that a block serves, 1 to 8
// Every product is y = W x with the weight's rows as the m16 side of the tensor cores' tiles and the
// batch as their n8 side, so that one text serves one row and many. A weight is read once, past L1.
//
// Kernels of a step overlap: each lets the next begin at once and reads its own weights before it
// waits for the one before. Everything but weights is read after that wait.

#define SHARE (HEADS / GROUPS)                           // query heads of a key/value head
#define ALL ((HEADS + 2 * GROUPS) * WIDTH + GROUPS)      // columns of q, k, v and minus dt
#define ROWS (8 * TILES)                                 // rows that a block serves
#define WARPS 8
#define STRIPE 16                                        // columns of y that a product tile gives
#define STRIPES (HIDDEN / STRIPE)
#define PITCH (STRIPE + 4)                               // keeps stores to different banks
#define LOWEST -3.4028234663852886e38f
#define NEVER __int_as_float(0xff800000)                 // minus infinity

__device__ inline void let_next_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

__device__ inline void await_previous() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

__device__ inline Eight read_once(const bf16* at) {
  Eight v;
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3]) : "l"(at));
  return v;
}

// c (16 x 8) += a (16 x 16) b (16 x 8).
__device__ inline void multiply_tile(float* c, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// A lane's place in the tiles: weight rows `group` and `group + 8`, batch rows 2 * quarter and the
// next, eight elements from 8 * quarter on in every 32 of the sum.
struct Lane {
  int warp, group, quarter;
  __device__ Lane()
      : warp(threadIdx.x >> 5), group((threadIdx.x & 31) >> 2), quarter(threadIdx.x & 3) {}
};

// acc += W x of one stripe, over every SPLIT-th 32 elements from part on. upper and lower: the two
// weight rows of this lane; x: the block's first row. The order of the elements within 32 differs
// from the tensor cores' own, alike on both sides. on_wait runs when the previous kernel is done.
template <int LENGTH, int SPLIT, class Wait>
__device__ inline void multiply(const bf16* upper, const bf16* lower, const bf16* x, Lane lane,
    int part, float (*acc)[4], Wait on_wait) {
  constexpr int PIECES = LENGTH / 32;
  constexpr int MINE = (PIECES + SPLIT - 1) / SPLIT;
  constexpr int HELD = MINE < 8 ? MINE : 8;
  constexpr bool EVEN = PIECES % (SPLIT * HELD) == 0;
  upper += 8 * lane.quarter;
  lower += 8 * lane.quarter;
  x += lane.group * LENGTH + 8 * lane.quarter;
  for (int first = 0; first < MINE; first += HELD) {
    Eight a[HELD], b[HELD];
#pragma unroll
    for (int i = 0; i < HELD; i++) {
      int piece = (first + i) * SPLIT + part;
      if (EVEN || piece < PIECES) {
        a[i] = read_once(upper + piece * 32);
        b[i] = read_once(lower + piece * 32);
      }
    }
    if (first == 0) {
      await_previous();
      on_wait();
    }
#pragma unroll
    for (int i = 0; i < HELD; i++) {
      int piece = (first + i) * SPLIT + part;
      if (EVEN || piece < PIECES) {
        Eight v[TILES];
#pragma unroll
        for (int n = 0; n < TILES; n++) v[n] = *(const Eight*)(x + n * 8 * LENGTH + piece * 32);
#pragma unroll
        for (int n = 0; n < TILES; n++) {
          multiply_tile(acc[n], a[i].w[0], b[i].w[0], a[i].w[1], b[i].w[1], v[n].w[0], v[n].w[1]);
          multiply_tile(acc[n], a[i].w[2], b[i].w[2], a[i].w[3], b[i].w[3], v[n].w[2], v[n].w[3]);
        }
      }
    }
  }
}

// The warps' shares of a stripe, to be summed by threads of other places.
struct Shares {
  float of[WARPS][ROWS][PITCH];

  __device__ void put(Lane lane, const float (*acc)[4]) {
#pragma unroll
    for (int n = 0; n < TILES; n++) {
      float(*at)[PITCH] = of[lane.warp] + n * 8 + 2 * lane.quarter;
      at[0][lane.group] = acc[n][0];
      at[1][lane.group] = acc[n][1];
      at[0][lane.group + 8] = acc[n][2];
      at[1][lane.group + 8] = acc[n][3];
    }
    __syncthreads();
  }

  __device__ float sum(int row, int column) const {
    float s = 0.f;
#pragma unroll
    for (int w = 0; w < WARPS; w++) s += of[w][row][column];
    return s;
  }
};

// 1 / rms of the block's rows, from the sums of squares of their stripes.
__device__ inline void find_inverses(const float* squares, double eps, float* inverse) {
  constexpr int TEAM = 256 / ROWS;
  int row = threadIdx.x / TEAM, member = threadIdx.x % TEAM;
  const float* from = squares + ((i64)blockIdx.y * ROWS + row) * STRIPES;
  float s = 0.f;
  for (int i = member; i < STRIPES; i += TEAM) s += from[i];
#pragma unroll
  for (int o = TEAM / 2; o > 0; o >>= 1) s += __shfl_xor_sync(FULL, s, o);
  if (member == 0) inverse[row] = rsqrtf(s / HIDDEN + (float)eps);
}

// out (rows, ALL) = weight (ALL, HIDDEN) times the normed x. Grid: stripes by blocks of rows.
extern "C" __global__ void __launch_bounds__(256) project(const bf16* weight, const bf16* x,
    const float* squares, float* out, i64 rows, double eps) {
  __shared__ Shares shares;
  __shared__ float inverse[ROWS];
  let_next_begin();
  Lane lane;
  int column = blockIdx.x * STRIPE;
  i64 row = (i64)blockIdx.y * ROWS;
  float acc[TILES][4] = {};
  multiply<HIDDEN, WARPS>(weight + (i64)min(column + lane.group, ALL - 1) * HIDDEN,
      weight + (i64)min(column + lane.group + 8, ALL - 1) * HIDDEN, x + row * HIDDEN, lane,
      lane.warp, acc, [&] { find_inverses(squares, eps, inverse); });
  shares.put(lane, acc);
  for (int i = threadIdx.x; i < ROWS * STRIPE; i += 256) {
    int m = i % STRIPE, n = i / STRIPE;
    if (row + n < rows && column + m < ALL)
      out[(row + n) * ALL + column + m] = shares.sum(n, m) * inverse[n];
  }
}

// out (rows, INNER) = silu(gate) * up of the normed x. weight: (INNER, HIDDEN) of gate, then of up.
// A stripe is 8 columns of both.
extern "C" __global__ void __launch_bounds__(256) gate_up(const bf16* weight, const bf16* x,
    const float* squares, bf16* out, i64 rows, double eps) {
  __shared__ Shares shares;
  __shared__ float inverse[ROWS];
  let_next_begin();
  Lane lane;
  int column = blockIdx.x * 8;
  i64 row = (i64)blockIdx.y * ROWS;
  float acc[TILES][4] = {};
  const bf16* gate = weight + (i64)(column + lane.group) * HIDDEN;
  multiply<HIDDEN, WARPS>(gate, gate + (i64)INNER * HIDDEN, x + row * HIDDEN, lane, lane.warp, acc,
      [&] { find_inverses(squares, eps, inverse); });
  shares.put(lane, acc);
  for (int i = threadIdx.x; i < ROWS * 8; i += 256) {
    int m = i % 8, n = i / 8;
    if (row + n >= rows) continue;
    float g = shares.sum(n, m) * inverse[n], u = shares.sum(n, m + 8) * inverse[n];
    out[(row + n) * INNER + column + m] = (bf16)pack(g / (1.f + __expf(-g)) * u, 0.f);
  }
}

// x = residual * x + weight (HIDDEN, LENGTH) times input, and each stripe's sum of squares. With
// scale, which the last layer has, x leaves multiplied by it, the last norm's weight.
template <int LENGTH>
__device__ inline void add_product(const bf16* weight, const bf16* input, const bf16* residual,
    const bf16* scale, bf16* x, float* squares, i64 rows) {
  __shared__ Shares shares;
  let_next_begin();
  Lane lane;
  int column = blockIdx.x * STRIPE;
  i64 row = (i64)blockIdx.y * ROWS;
  float acc[TILES][4] = {};
  const bf16* upper = weight + (i64)(column + lane.group) * LENGTH;
  multiply<LENGTH, WARPS>(
      upper, upper + 8 * LENGTH, input + row * LENGTH, lane, lane.warp, acc, [] {});
  shares.put(lane, acc);
  for (int i = threadIdx.x; i < ROWS * STRIPE; i += 256) {
    int m = i % STRIPE, n = i / STRIPE, c = column + m;
    bool here = row + n < rows;
    float v = 0.f;
    if (here) {
      bf16* at = x + (row + n) * HIDDEN + c;
      v = rounded(low(residual[c]) * low(*at) + shares.sum(n, m));
      *at = (bf16)pack(scale ? v * low(scale[c]) : v, 0.f);
    }
    float s = v * v;
#pragma unroll
    for (int o = 8; o > 0; o >>= 1) s += __shfl_xor_sync(FULL, s, o);
    if (here && m == 0) squares[(row + n) * STRIPES + blockIdx.x] = s;
  }
}

extern "C" __global__ void __launch_bounds__(256) add_attention(const bf16* weight,
    const bf16* input, const bf16* residual, const bf16* scale, bf16* x, float* squares, i64 rows) {
  add_product<HIDDEN>(weight, input, residual, scale, x, squares, rows);
}

extern "C" __global__ void __launch_bounds__(256) add_mlp(const bf16* weight, const bf16* input,
    const bf16* residual, const bf16* scale, bf16* x, float* squares, i64 rows) {
  add_product<INNER>(weight, input, residual, scale, x, squares, rows);
}

// Where each row is: the next token's place in the cache and among the row's own, the column last
// written, and whether the text has ended.
struct State { i64 position, place, column, done; };
struct Rules { i64 first_end, pad, count, ends[1]; };

// Products of x with the rows of the head (vocab, HIDDEN), a stripe a warp.
template <class Wait>
__device__ inline void read_head(
    const bf16* weight, const bf16* x, i64 vocab, Lane lane, float (*acc)[4], Wait on_wait) {
  i64 id = ((i64)blockIdx.x * WARPS + lane.warp) * STRIPE + lane.group;
  multiply<HIDDEN, 1>(weight + min(id, vocab - 1) * HIDDEN, weight + min(id + 8, vocab - 1) * HIDDEN,
      x + (i64)blockIdx.y * ROWS * HIDDEN, lane, 0, acc, on_wait);
}

// logits (rows, vocab) of x, which has the last norm's weight in it.
extern "C" __global__ void __launch_bounds__(256) find_logits(const bf16* weight, const bf16* x,
    const float* squares, float* logits, i64 rows, i64 vocab, double eps) {
  __shared__ float inverse[ROWS];
  let_next_begin();
  Lane lane;
  float acc[TILES][4] = {};
  read_head(weight, x, vocab, lane, acc, [&] { find_inverses(squares, eps, inverse); });
  __syncthreads();
  i64 id = ((i64)blockIdx.x * WARPS + lane.warp) * STRIPE + lane.group;
#pragma unroll
  for (int n = 0; n < TILES; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int r = n * 8 + 2 * lane.quarter + (i & 1);
      i64 row = (i64)blockIdx.y * ROWS + r, at = id + (i & 2) * 4;
      if (row < rows && at < vocab) logits[row * vocab + at] = acc[n][i] * inverse[r];
    }
  }
}

// The likelier of two tokens; of equal ones the first.
__device__ inline void take_likelier(float* value, i64* id, float other, i64 other_id) {
  if (other > *value || (other == *value && other_id < *id)) {
    *value = other;
    *id = other_id;
  }
}

// Each block's likeliest token of every row: values and ids (rows, blocks). End tokens wait until
// column first_end.
extern "C" __global__ void __launch_bounds__(256) find_likeliest(const bf16* weight, const bf16* x,
    const State* states, const Rules* rules, float* values, i64* ids, i64 rows, i64 vocab) {
  __shared__ float value_of[WARPS][ROWS];
  __shared__ int id_of[WARPS][ROWS];
  let_next_begin();
  Lane lane;
  float acc[TILES][4] = {};
  read_head(weight, x, vocab, lane, acc, [] {});
  i64 id = ((i64)blockIdx.x * WARPS + lane.warp) * STRIPE + lane.group;
  float floors[2] = {NEVER, NEVER};
  bool out[2] = {id >= vocab, id + 8 >= vocab};
  if (states[0].column + 1 < rules->first_end)
    for (int e = 0; e < rules->count; e++)
      for (int half = 0; half < 2; half++)
        if (rules->ends[e] == id + 8 * half) { out[half] = true; floors[half] = LOWEST; }
#pragma unroll
  for (int n = 0; n < TILES; n++) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float value = out[0] ? floors[0] : acc[n][i];
      i64 best = id;
      take_likelier(&value, &best, out[1] ? floors[1] : acc[n][i + 2], id + 8);
#pragma unroll
      for (int o = 4; o < 32; o <<= 1) {
        float other = __shfl_xor_sync(FULL, value, o);
        take_likelier(&value, &best, other, __shfl_xor_sync(FULL, best, o));
      }
      if (lane.group == 0) {
        value_of[lane.warp][n * 8 + 2 * lane.quarter + i] = value;
        id_of[lane.warp][n * 8 + 2 * lane.quarter + i] = (int)best;
      }
    }
  }
  __syncthreads();
  i64 row = (i64)blockIdx.y * ROWS + threadIdx.x;
  if (threadIdx.x >= ROWS || row >= rows) return;
  float value = value_of[0][threadIdx.x];
  i64 best = id_of[0][threadIdx.x];
  for (int w = 1; w < WARPS; w++)
    take_likelier(&value, &best, value_of[w][threadIdx.x], id_of[w][threadIdx.x]);
  values[row * gridDim.x + blockIdx.x] = value;
  ids[row * gridDim.x + blockIdx.x] = best;
}

// x = the token's row of the embedding, and each stripe's sum of squares. A block a row.
__device__ inline void embed(
    const bf16* embedding, i64 token, bf16* x, float* squares) {
  i64 row = blockIdx.x;
  for (int at = threadIdx.x; at < HIDDEN / 8; at += 256) {
    Eight e = *(const Eight*)(embedding + token * HIDDEN + at * 8);
    *(Eight*)(x + row * HIDDEN + at * 8) = e;
    float v[8], s = 0.f;
    unpack(e, v);
#pragma unroll
    for (int i = 0; i < 8; i++) s += v[i] * v[i];
    s += __shfl_xor_sync(__activemask(), s, 1);
    if (at % 2 == 0) squares[row * STRIPES + at / 2] = s;
  }
}

__device__ inline bool ends_text(i64 token, const Rules* rules) {
  for (int e = 0; e < rules->count; e++)
    if (rules->ends[e] == token) return true;
  return false;
}

// Begins with given tokens (rows), which stand at `position`, after each row's padding. They are
// column 0 of what is written. A block a row.
extern "C" __global__ void __launch_bounds__(256) begin(const bf16* embedding, const i64* tokens,
    const i64* padding, const Rules* rules, State* states, bf16* x, float* squares, i64* written,
    i64 columns, i64 position) {
  i64 row = blockIdx.x, token = tokens[row];
  if (threadIdx.x == 0) {
    State s = {position, position - padding[row], 0, ends_text(token, rules)};
    states[row] = s;
    written[row * columns] = token;
  }
  embed(embedding, token, x, squares);
}

// Takes each row's likeliest token of `blocks` candidates, writes it down, and begins with it. A
// row that has ended writes padding. A block a row.
extern "C" __global__ void __launch_bounds__(256) go_on(const bf16* embedding, const float* values,
    const i64* ids, const Rules* rules, State* states, bf16* x, float* squares, i64* written,
    i64 columns, i64 blocks, i64 vocab) {
  __shared__ float value_of[WARPS];
  __shared__ i64 id_of[WARPS];
  __shared__ i64 chosen;
  let_next_begin();
  await_previous();
  i64 row = blockIdx.x;
  float value = NEVER;
  i64 best = vocab - 1;
  for (i64 b = threadIdx.x; b < blocks; b += 256)
    take_likelier(&value, &best, values[row * blocks + b], ids[row * blocks + b]);
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) {
    float other = __shfl_xor_sync(FULL, value, o);
    take_likelier(&value, &best, other, __shfl_xor_sync(FULL, best, o));
  }
  if ((threadIdx.x & 31) == 0) {
    value_of[threadIdx.x >> 5] = value;
    id_of[threadIdx.x >> 5] = best;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < WARPS; w++) take_likelier(&value, &best, value_of[w], id_of[w]);
    State s = states[row];
    i64 token = s.done ? rules->pad : min(best, vocab - 1);
    State next = {s.position + 1, s.place + 1, s.column + 1, s.done || ends_text(token, rules)};
    states[row] = next;
    written[row * columns + next.column] = token;
    chosen = token;
  }
  __syncthreads();
  embed(embedding, chosen, x, squares);
}
