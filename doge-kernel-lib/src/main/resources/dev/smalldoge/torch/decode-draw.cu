// The draw of a token by temperature, top k, top p and min p, after decode-head.cu. VOCAB is a
// constant besides those of decode.cu.

#define DRAWERS 1024                                   // threads of a block
#define MINE ((VOCAB + DRAWERS - 1) / DRAWERS)         // tokens of a thread: its number, and on by DRAWERS

// top_k 0, top_p 1 and min_p 0 are off.
struct Draws { i64 top_k; double temperature, top_p, min_p; };

// A sum over the block's threads, the same in all of them and every time. Two sets take turns, so
// one barrier a sum does.
struct BlockSums {
  float mass[2][DRAWERS / 32];
  int count[2][DRAWERS / 32];
};

__device__ inline void block_sum(BlockSums* sums, int* parity, float* mass, int* count) {
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  float m = warp_sum(*mass);
  int n = *count;
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) n += __shfl_xor_sync(FULL, n, o);
  if (lane == 0) { sums->mass[*parity][warp] = m; sums->count[*parity][warp] = n; }
  __syncthreads();
  m = warp_sum(sums->mass[*parity][lane]);
  n = sums->count[*parity][lane];
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) n += __shfl_xor_sync(FULL, n, o);
  *parity ^= 1;
  *mass = m;
  *count = n;
}

// Sets to 0 what is not among the likeliest: a weight stays while those above it are fewer than
// most, and have less than mass together. Equal ones stay together. Weights are 0 to 1. Halves the
// range of the smallest that stays, in the order of the numbers' bits, until one is left in it.
__device__ inline void keep_likeliest(float* weights, int most, float mass, BlockSums* sums,
    int* parity) {
  int lower = -1, upper = 0x3f800000;  // as a bound, lower keeps too many, and upper does not
  int above_lower = VOCAB, above_upper = 0;
  while (upper - lower > 1 && above_lower - above_upper > 1) {
    int middle = lower + (upper - lower) / 2;
    float bound = __int_as_float(middle), sum = 0.f;
    int count = 0;
#pragma unroll
    for (int i = 0; i < MINE; i++) {
      bool above = weights[i] > bound;
      sum += above ? weights[i] : 0.f;
      count += above;
    }
    block_sum(sums, parity, &sum, &count);
    if (count < most && sum < mass) {
      upper = middle;
      above_upper = count;
    } else {
      lower = middle;
      above_lower = count;
    }
  }
  float least = __int_as_float(lower + 1);
#pragma unroll
  for (int i = 0; i < MINE; i++)
    if (weights[i] < least) weights[i] = 0.f;
}

// Draws each row's token from logits (rows, VOCAB), writes it down, and begins with it. noise
// (columns, rows), in [0, 1 - 2^-23], decides: the first token, thread by thread, at which the sum
// of the weights exceeds that part of all. A row that has ended writes padding. A block a row.
extern "C" __global__ void __launch_bounds__(DRAWERS) draw(const bf16* embedding,
    const float* logits, const float* noise, const Draws* draws, const Rules* rules, State* states,
    bf16* x, float* squares, i64* written, i64 columns, i64 rows) {
  __shared__ BlockSums sums;
  __shared__ float totals[DRAWERS / 32];
  __shared__ int first, last;
  __shared__ i64 chosen;
  let_next_begin();
  i64 row = blockIdx.x;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, parity = 0;
  State s = states[row];
  await_previous();
  float weights[MINE], most = NEVER;
#pragma unroll
  for (int i = 0; i < MINE; i++) {
    int id = i * DRAWERS + threadIdx.x;
    weights[i] = id < VOCAB ? logits[row * VOCAB + id] : NEVER;
  }
  if (s.column + 1 < rules->first_end)
    for (int e = 0; e < rules->count; e++) {
      int end = (int)rules->ends[e];
      if (end % DRAWERS != threadIdx.x) continue;
#pragma unroll
      for (int i = 0; i < MINE; i++)
        if (i == end / DRAWERS) weights[i] = NEVER;
    }
#pragma unroll
  for (int i = 0; i < MINE; i++) most = fmaxf(most, weights[i]);
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) most = fmaxf(most, __shfl_xor_sync(FULL, most, o));
  if (threadIdx.x == 0) { first = DRAWERS; last = 0; }
  if (lane == 0) totals[warp] = most;
  __syncthreads();
  most = totals[lane];
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) most = fmaxf(most, __shfl_xor_sync(FULL, most, o));
  float rate = (float)(1. / draws->temperature);
#pragma unroll
  for (int i = 0; i < MINE; i++) weights[i] = __expf((weights[i] - most) * rate);
  for (int rule = 0; rule < 2; rule++) {  // top k, then top p of what that leaves
    if (rule == 0 ? draws->top_k == 0 || draws->top_k >= VOCAB : draws->top_p >= 1.) continue;
    float mass = 0.f;
    int none = 0;
#pragma unroll
    for (int i = 0; i < MINE; i++) mass += weights[i];
    block_sum(&sums, &parity, &mass, &none);
    keep_likeliest(weights, rule == 0 ? (int)draws->top_k : VOCAB + 1,
        rule == 0 ? 2.f * mass : (float)draws->top_p * mass, &sums, &parity);
  }
  float floor = (float)draws->min_p, own = 0.f;
#pragma unroll
  for (int i = 0; i < MINE; i++) {
    if (weights[i] < floor) weights[i] = 0.f;
    own += weights[i];
  }
  float up_to = own;  // the sum of the threads up to this one
#pragma unroll
  for (int o = 1; o < 32; o <<= 1) {
    float before = __shfl_up_sync(FULL, up_to, o);
    if (lane >= o) up_to += before;
  }
  __syncthreads();  // all have read the largest logits
  if (lane == 31) totals[warp] = up_to;
  __syncthreads();
  float all = 0.f, start = 0.f;
  for (int w = 0; w < DRAWERS / 32; w++) {
    if (w == warp) start = all;
    all += totals[w];
  }
  float before = __shfl_up_sync(FULL, up_to, 1);
  float target = noise[(s.column + 1) * rows + row] * all;
  if (own > 0.f) {
    if (start + up_to > target) atomicMin(&first, (int)threadIdx.x);
    atomicMax(&last, (int)threadIdx.x);  // for a target that rounding puts beyond all
  }
  __syncthreads();
  if (threadIdx.x == (first < DRAWERS ? first : last)) {
    float sum = lane > 0 ? start + before : start;
    int at = -1, final = 0;
#pragma unroll
    for (int i = 0; i < MINE; i++) {
      sum += weights[i];
      if (weights[i] > 0.f) {
        final = i;
        if (at < 0 && sum > target) at = i;
      }
    }
    chosen = write_down((at < 0 ? final : at) * DRAWERS + threadIdx.x, s, rules, states + row,
        written + row * columns);
  }
  __syncthreads();
  embed(embedding, chosen, x, squares);
}
