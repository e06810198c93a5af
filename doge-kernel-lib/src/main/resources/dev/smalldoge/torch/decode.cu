// CUDA kernels that decode one token of every row, with common.cu before them. Constants besides
// HIDDEN, HEADS and GROUPS:
//   WIDTH  of a head: 32, 64 or 128; HEADS * WIDTH = HIDDEN
//   INNER  width of the MLP, a multiple of 32 as HIDDEN is
//   PROJECT_TILES, ADD_TILES, GATE_TILES, HEAD_TILES
//          groups of 8 rows that a block of each product serves, 1 to 8
// Every product is y = W x with the weight's rows as the m16 side of the tensor cores' tiles and
// the batch as their n8 side, so that one text serves one row and many. Warps share the sum.
//
// Kernels of a step overlap: each lets the next begin at once, and reads its own weights, and what
// the step before left, ahead of its wait for the kernel before. All else is read after that wait.

#define SHARE (HEADS / GROUPS)                           // query heads of a key/value head
#define ALL ((HEADS + 2 * GROUPS) * WIDTH + GROUPS)      // columns of q, k, v and minus dt
#define PROJECTED ((ALL + 3) / 4 * 4)                    // distance of their rows
#define WARPS 8
#define STRIPE 16                                        // columns of y that a product tile gives
#define STRIPES (HIDDEN / STRIPE)
#define PITCH (STRIPE + 4)                               // keeps stores to different banks
#define AHEAD_OF(tiles) (tiles > 4 ? 2 : tiles > 2 ? 4 : 8)  // pieces of x that are read ahead
#define HEAD_AHEAD (HEAD_TILES > 4 ? 1 : AHEAD_OF(HEAD_TILES))  // its warps share x in L1
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

// Reads that stay where they are written: the compiler would move them behind the wait, next to
// their use. A weight passes L1 by.
__device__ inline Eight read_once(const bf16* at) {
  Eight v;
  asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3]) : "l"(at) : "memory");
  return v;
}

__device__ inline Eight read_now(const bf16* at) {
  Eight v;
  asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3]) : "l"(at) : "memory");
  return v;
}

// c (16 x 8) += a (16 x 16) b (16 x 8).
__device__ inline void multiply_tile(float* c, u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, "
      "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
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
// from the tensor cores' own, alike on both sides. The weight is read HELD pieces of 32 ahead, x
// DEPTH pieces. on_wait runs when the previous kernel is done.
template <int TILES, int LENGTH, int SPLIT, int DEPTH, class Wait>
__device__ inline void multiply(const bf16* upper, const bf16* lower, const bf16* x, Lane lane,
    int part, float (*acc)[4], Wait on_wait) {
  constexpr int PIECES = LENGTH / 32;
  constexpr int MINE = (PIECES + SPLIT - 1) / SPLIT;
  constexpr int MOST = TILES > 4 ? 4 : 8;
  constexpr int HELD = MINE < MOST ? MINE : MOST;
  constexpr bool EVEN = PIECES % SPLIT == 0 && MINE % HELD == 0;
  Eight a[HELD], b[HELD], v[DEPTH][TILES];
  upper += 8 * lane.quarter + part * 32;
  lower += 8 * lane.quarter + part * 32;
  x += lane.group * LENGTH + 8 * lane.quarter + part * 32;
  auto is_mine = [=](int i) { return EVEN ? i < MINE : i * SPLIT + part < PIECES; };
#pragma unroll
  for (int i = 0; i < HELD; i++) {
    if (is_mine(i)) {
      a[i] = read_once(upper + i * SPLIT * 32);
      b[i] = read_once(lower + i * SPLIT * 32);
    }
  }
  await_previous();
  on_wait();
#pragma unroll
  for (int i = 0; i < DEPTH; i++) {
    if (i < MINE && is_mine(i)) {
#pragma unroll
      for (int n = 0; n < TILES; n++)
        v[i][n] = read_now(x + n * 8 * LENGTH + i * SPLIT * 32);
    }
  }
  for (int base = 0; base < MINE; base += HELD) {
#pragma unroll
    for (int i = 0; i < HELD; i++) {
      int at = base + i;
      if (is_mine(at)) {
#pragma unroll
        for (int n = 0; n < TILES; n++) {
          const Eight& w = v[i % DEPTH][n];
          multiply_tile(acc[n], a[i].w[0], b[i].w[0], a[i].w[1], b[i].w[1], w.w[0], w.w[1]);
          multiply_tile(acc[n], a[i].w[2], b[i].w[2], a[i].w[3], b[i].w[3], w.w[2], w.w[3]);
        }
      }
      if (MINE > HELD && is_mine(at + HELD)) {
        a[i] = read_once(upper + (at + HELD) * SPLIT * 32);
        b[i] = read_once(lower + (at + HELD) * SPLIT * 32);
      }
      if (at + DEPTH < MINE && is_mine(at + DEPTH)) {
#pragma unroll
        for (int n = 0; n < TILES; n++)
          v[i % DEPTH][n] = read_now(x + n * 8 * LENGTH + (at + DEPTH) * SPLIT * 32);
      }
    }
  }
}

// The warps' shares of a block's stripe, to be summed by threads of other places.
template <int TILES>
struct Shares {
  float of[WARPS][8 * TILES][PITCH];

  __device__ void put(Lane lane, const float (*acc)[4]) {
#pragma unroll
    for (int n = 0; n < TILES; n++) {
      float(*at)[PITCH] = of[lane.warp] + n * 8 + 2 * lane.quarter;
      at[0][lane.group] = acc[n][0];
      at[1][lane.group] = acc[n][1];
      at[0][lane.group + 8] = acc[n][2];
      at[1][lane.group + 8] = acc[n][3];
    }
  }

  __device__ float sum(int row, int column) const {
    float s = 0.f;
#pragma unroll
    for (int w = 0; w < WARPS; w++) s += of[w][row][column];
    return s;
  }
};

// Sums of squares of a block's rows, by stripes: asked for early, used late.
template <int TILES>
struct Squares {
  static constexpr int TEAM = 256 / (8 * TILES);
  static constexpr int MINE = (STRIPES + TEAM - 1) / TEAM;
  float of[MINE];

  __device__ void ask(const float* squares) {
    int row = threadIdx.x / TEAM, member = threadIdx.x % TEAM;
    const float* from = squares + ((i64)blockIdx.y * 8 * TILES + row) * STRIPES;
#pragma unroll
    for (int i = 0; i < MINE; i++) {
      int stripe = i * TEAM + member;
      of[i] = stripe < STRIPES ? from[stripe] : 0.f;
    }
  }

  // 1 / rms of each row.
  __device__ void invert(double eps, float* inverse) const {
    float s = 0.f;
#pragma unroll
    for (int i = 0; i < MINE; i++) s += of[i];
#pragma unroll
    for (int o = TEAM / 2; o > 0; o >>= 1) s += __shfl_xor_sync(FULL, s, o);
    if (threadIdx.x % TEAM == 0) inverse[threadIdx.x / TEAM] = rsqrtf(s / HIDDEN + (float)eps);
  }
};

// out (rows, PROJECTED) = weight (ALL, HIDDEN) times the normed x. Grid: stripes by blocks of rows.
extern "C" __global__ void __launch_bounds__(256) project(const bf16* weight, const bf16* x,
    const float* squares, float* out, i64 rows, double eps) {
  constexpr int TILES = PROJECT_TILES, ROWS = 8 * TILES;
  __shared__ Shares<TILES> shares;
  __shared__ float inverse[ROWS];
  let_next_begin();
  Lane lane;
  Squares<TILES> sums;
  int column = blockIdx.x * STRIPE;
  i64 row = (i64)blockIdx.y * ROWS;
  float acc[TILES][4] = {};
  multiply<TILES, HIDDEN, WARPS, AHEAD_OF(TILES)>(
      weight + (i64)min(column + lane.group, ALL - 1) * HIDDEN,
      weight + (i64)min(column + lane.group + 8, ALL - 1) * HIDDEN, x + row * HIDDEN, lane,
      lane.warp, acc, [&] { sums.ask(squares); });
  shares.put(lane, acc);
  sums.invert(eps, inverse);
  __syncthreads();
  for (int i = threadIdx.x; i < ROWS * STRIPE; i += 256) {
    int m = i % STRIPE, n = i / STRIPE;
    if (row + n < rows && column + m < ALL)
      out[(row + n) * PROJECTED + column + m] = shares.sum(n, m) * inverse[n];
  }
}

// out (rows, INNER) = silu(gate) * up of the normed x. weight: (INNER, HIDDEN) of gate, then of up.
// A stripe is 8 columns of both.
extern "C" __global__ void __launch_bounds__(256) gate_up(const bf16* weight, const bf16* x,
    const float* squares, bf16* out, i64 rows, double eps) {
  constexpr int TILES = GATE_TILES, ROWS = 8 * TILES;
  __shared__ Shares<TILES> shares;
  __shared__ float inverse[ROWS];
  let_next_begin();
  Lane lane;
  Squares<TILES> sums;
  int column = blockIdx.x * 8;
  i64 row = (i64)blockIdx.y * ROWS;
  float acc[TILES][4] = {};
  const bf16* gate = weight + (i64)(column + lane.group) * HIDDEN;
  multiply<TILES, HIDDEN, WARPS, AHEAD_OF(TILES)>(gate, gate + (i64)INNER * HIDDEN,
      x + row * HIDDEN, lane, lane.warp, acc, [&] { sums.ask(squares); });
  shares.put(lane, acc);
  sums.invert(eps, inverse);
  __syncthreads();
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
  constexpr int TILES = ADD_TILES, ROWS = 8 * TILES, MINE = (ROWS * STRIPE + 255) / 256;
  __shared__ Shares<TILES> shares;
  let_next_begin();
  Lane lane;
  int m = threadIdx.x % STRIPE, first = threadIdx.x / STRIPE, c = blockIdx.x * STRIPE + m;
  i64 row = (i64)blockIdx.y * ROWS;
  float factor = low(residual[c]), after = scale ? low(scale[c]) : 1.f;
  bf16 old[MINE];
  float acc[TILES][4] = {};
  const bf16* upper = weight + (i64)(blockIdx.x * STRIPE + lane.group) * LENGTH;
  multiply<TILES, LENGTH, WARPS, AHEAD_OF(TILES)>(
      upper, upper + 8 * LENGTH, input + row * LENGTH, lane, lane.warp, acc, [&] {
#pragma unroll
        for (int i = 0; i < MINE; i++) {
          int n = first + i * (256 / STRIPE);
          old[i] = n < ROWS && row + n < rows ? x[(row + n) * HIDDEN + c] : 0;
        }
      });
  shares.put(lane, acc);
  __syncthreads();
#pragma unroll
  for (int i = 0; i < MINE; i++) {
    int n = first + i * (256 / STRIPE);
    bool here = n < ROWS && row + n < rows;
    float v = 0.f;
    if (here) {
      v = rounded(factor * low(old[i]) + shares.sum(n, m));
      x[(row + n) * HIDDEN + c] = (bf16)pack(v * after, 0.f);
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
