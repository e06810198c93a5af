// The head, the choice of a token and its embedding, after decode.cu.

// Products of x with the rows of the head (vocab, HIDDEN), a stripe a warp from `id` on.
template <class Wait>
__device__ inline void read_head(const bf16* weight, const bf16* x, i64 vocab, i64 id, Lane lane,
    float (*acc)[4], Wait on_wait) {
  multiply<HEAD_TILES, HIDDEN, 1, HEAD_AHEAD>(weight + min(id + lane.group, vocab - 1) * HIDDEN,
      weight + min(id + lane.group + 8, vocab - 1) * HIDDEN,
      x + (i64)blockIdx.y * 8 * HEAD_TILES * HIDDEN, lane, 0, acc, on_wait);
}

// logits (rows, vocab) of x, which has the last norm's weight in it.
extern "C" __global__ void __launch_bounds__(256) find_logits(const bf16* weight, const bf16* x,
    const float* squares, float* logits, i64 rows, i64 vocab, double eps) {
  constexpr int TILES = HEAD_TILES, ROWS = 8 * TILES;
  __shared__ float inverse[ROWS];
  let_next_begin();
  Lane lane;
  Squares<TILES> sums;
  i64 id = ((i64)blockIdx.x * WARPS + lane.warp) * STRIPE;
  float acc[TILES][4] = {};
  read_head(weight, x, vocab, id, lane, acc, [&] { sums.ask(squares); });
  sums.invert(eps, inverse);
  __syncthreads();
#pragma unroll
  for (int n = 0; n < TILES; n++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int r = n * 8 + 2 * lane.quarter + (i & 1);
      i64 row = (i64)blockIdx.y * ROWS + r, at = id + lane.group + (i & 2) * 4;
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
  constexpr int TILES = HEAD_TILES, ROWS = 8 * TILES;
  __shared__ float value_of[WARPS][ROWS];
  __shared__ int id_of[WARPS][ROWS];
  let_next_begin();
  Lane lane;
  i64 stripe = ((i64)blockIdx.x * WARPS + lane.warp) * STRIPE, id = stripe + lane.group;
  float floors[2] = {NEVER, NEVER};
  bool out[2] = {id >= vocab, id + 8 >= vocab};
  if (states[0].column + 1 < rules->first_end)
    for (int e = 0; e < rules->count; e++)
      for (int half = 0; half < 2; half++)
        if (rules->ends[e] == id + 8 * half) { out[half] = true; floors[half] = LOWEST; }
  float acc[TILES][4] = {};
  read_head(weight, x, vocab, stripe, lane, acc, [] {});
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

// Writes a row's next token down, padding after its end, and goes on; the token as written.
__device__ inline i64 write_down(i64 token, State s, const Rules* rules, State* state,
    i64* written) {
  if (s.done) token = rules->pad;
  State next = {s.position + 1, s.place + 1, s.column + 1, s.done || ends_text(token, rules)};
  *state = next;
  written[next.column] = token;
  return token;
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
  i64 row = blockIdx.x;
  State s = states[row];
  await_previous();
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
    chosen = write_down(min(best, vocab - 1), s, rules, states + row, written + row * columns);
  }
  __syncthreads();
  embed(embedding, chosen, x, squares);
}
