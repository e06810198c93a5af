// The cross domain mixture of experts: KEYS product keys of a half, KEYS * KEYS experts of one
// neuron each, CHOSEN of them a token. scores (N, 2 KEYS) fp32 are the router's, ids and shares (N,
// CHOSEN) the choice, best first. down and up (KEYS * KEYS, HIDDEN) are the experts' weights.

#define HALF ((KEYS + 31) / 32)                   // scores of a half that a lane holds
#define SHORT (KEYS < CHOSEN ? KEYS : CHOSEN)     // of each half's best, those that can matter
#define LISTS ((SHORT + 31) / 32)                 // rows of their sums that a lane goes along
#define AT_ONCE (PARTS <= 2 ? 4 : 2)              // experts' rows that a warp asks for at a time

// Bits that order as the numbers do; 0 is below all of them.
__device__ inline u32 ordered(float x) {
  u32 bits = __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// The lane whose value is the largest of the warp, the first of equal ones.
__device__ inline int largest(u32 value) {
  u32 most = __reduce_max_sync(FULL, value);
  return __ffs(__ballot_sync(FULL, value == most)) - 1;
}

// Chooses experts: the best sums of two halves. A best sum has best halves, so of each half the
// best SHORT are put in order; then row i of the sums, half 0's i-th best and each of half 1's,
// falls, and the next best sum is always at the head of a row.
extern "C" __global__ void __launch_bounds__(256) route(const float* scores, int* ids,
    float* shares, i64 rows) {
  __shared__ float best[8][2][SHORT], sums[8][CHOSEN];
  __shared__ int keys[8][2][SHORT], found[8][CHOSEN];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  i64 row = blockIdx.x * 8ll + warp;
  if (row >= rows) return;
  for (int half = 0; half < 2; half++) {
    const float* from = scores + (row * 2 + half) * KEYS;
    float v[HALF];
    u32 left[HALF];
#pragma unroll
    for (int i = 0; i < HALF; i++) {
      bool here = lane + 32 * i < KEYS;
      v[i] = here ? from[lane + 32 * i] : 0.f;
      left[i] = here ? ordered(v[i]) : 0;
    }
    for (int j = 0; j < SHORT; j++) {
      u32 mine = left[0];
#pragma unroll
      for (int i = 1; i < HALF; i++) mine = max(mine, left[i]);
      if (lane != largest(mine)) continue;
      bool taken = false;
#pragma unroll
      for (int i = 0; i < HALF; i++) {
        if (taken || left[i] != mine) continue;
        best[warp][half][j] = v[i];
        keys[warp][half][j] = lane + 32 * i;
        left[i] = 0;
        taken = true;
      }
    }
  }
  __syncwarp();
  int next[LISTS];
#pragma unroll
  for (int i = 0; i < LISTS; i++) next[i] = lane + 32 * i < SHORT ? 0 : SHORT;
  for (int j = 0; j < CHOSEN; j++) {
    u32 mine = 0;
    int list = 0;
#pragma unroll
    for (int i = 0; i < LISTS; i++) {
      if (next[i] == SHORT) continue;
      u32 head = ordered(best[warp][0][lane + 32 * i] + best[warp][1][next[i]]);
      if (head > mine) { mine = head; list = i; }
    }
    if (lane != largest(mine)) continue;
#pragma unroll
    for (int i = 0; i < LISTS; i++) {
      if (i != list) continue;
      sums[warp][j] = best[warp][0][lane + 32 * i] + best[warp][1][next[i]];
      found[warp][j] = keys[warp][0][lane + 32 * i] * KEYS + keys[warp][1][next[i]];
      next[i]++;
    }
  }
  __syncwarp();
  float total = 0.f;
  for (int j = lane; j < CHOSEN; j += 32) total += __expf(sums[warp][j] - sums[warp][0]);
  total = warp_sum(total);
  for (int j = lane; j < CHOSEN; j += 32) {
    ids[row * CHOSEN + j] = found[warp][j];
    shares[row * CHOSEN + j] = __expf(sums[warp][j] - sums[warp][0]) / total;
  }
}

__device__ inline void load_row(const bf16* from, int lane, Eight* row) {
#pragma unroll
  for (int p = 0; p < PARTS; p++) row[p] = *(const Eight*)(from + p * 256 + lane * 8);
}

__device__ inline float dot_row(const Eight* row, float (*x)[8]) {
  float sum = 0.f;
#pragma unroll
  for (int p = 0; p < PARTS; p++) {
    float v[8];
    unpack(row[p], v);
#pragma unroll
    for (int i = 0; i < 8; i++) sum += v[i] * x[p][i];
  }
  return sum;
}

__device__ inline void add_row(const Eight* row, float factor, float (*x)[8]) {
#pragma unroll
  for (int p = 0; p < PARTS; p++) {
    float v[8];
    unpack(row[p], v);
#pragma unroll
    for (int i = 0; i < 8; i++) x[p][i] += factor * v[i];
  }
}

__device__ inline void unpack_row(const bf16* from, int lane, float (*x)[8]) {
#pragma unroll
  for (int p = 0; p < PARTS; p++) unpack(*(const Eight*)(from + p * 256 + lane * 8), x[p]);
}

__device__ inline void store_row(bf16* to, int lane, const float (*x)[8]) {
#pragma unroll
  for (int p = 0; p < PARTS; p++) *(Eight*)(to + p * 256 + lane * 8) = packed(x[p]);
}

// Goes over a token's choices (CHOSEN): factor_of gets the rank of one and its expert's row of
// `dotted` times x, and gives how often its row of `added` is added to sum.
template <class Factor>
__device__ inline void over_chosen(const int* ids, const bf16* dotted, const bf16* added, int lane,
    float (*x)[8], float (*sum)[8], Factor factor_of) {
  for (int j = 0; j < CHOSEN; j += AT_ONCE) {
    Eight first[AT_ONCE][PARTS], second[AT_ONCE][PARTS];
#pragma unroll
    for (int q = 0; q < AT_ONCE; q++) {
      i64 expert = ids[min(j + q, CHOSEN - 1)];
      load_row(dotted + expert * HIDDEN, lane, first[q]);
      load_row(added + expert * HIDDEN, lane, second[q]);
    }
#pragma unroll
    for (int q = 0; q < AT_ONCE; q++) {
      if (j + q >= CHOSEN) break;
      add_row(second[q], factor_of(j + q, warp_sum(dot_row(first[q], x))), sum);
    }
  }
}

// out = sum over the chosen of share * silu(down . x) * up; before (N, CHOSEN) gets down . x.
extern "C" __global__ void __launch_bounds__(256) experts(const bf16* x, const int* ids,
    const float* shares, const bf16* down, const bf16* up, float* before, bf16* out, i64 rows) {
  int lane = threadIdx.x & 31;
  i64 row = blockIdx.x * 8ll + (threadIdx.x >> 5);
  if (row >= rows) return;
  float h[PARTS][8], sum[PARTS][8] = {};
  unpack_row(x + row * HIDDEN, lane, h);
  over_chosen(ids + row * CHOSEN, down, up, lane, h, sum, [&](int j, float a) {
    i64 slot = row * CHOSEN + j;
    if (lane == 0) before[slot] = a;
    return shares[slot] * a / (1.f + __expf(-a));
  });
  store_row(out + row * HIDDEN, lane, sum);
}

// The way back, given out's gradient: dx (N, HIDDEN), the factors that out's gradient and x have in
// the gradients of the chosen experts' up and down (N, CHOSEN), and dscores (N, 2 KEYS) bf16, to
// which extra (fp32, may be absent) is added. counts gets how many tokens chose an expert.
extern "C" __global__ void __launch_bounds__(256) experts_backward(const bf16* dout,
    const int* ids, const float* shares, const float* before, const bf16* down, const bf16* up,
    const float* extra, float* up_factors, float* down_factors, bf16* dx, bf16* dscores,
    int* counts, i64 rows) {
  __shared__ float dshares[8][CHOSEN], sums[8][2 * KEYS];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  i64 row = blockIdx.x * 8ll + warp;
  if (row >= rows) return;
  float g[PARTS][8], sum[PARTS][8] = {};
  unpack_row(dout + row * HIDDEN, lane, g);
  over_chosen(ids + row * CHOSEN, up, down, lane, g, sum, [&](int j, float z) {
    i64 slot = row * CHOSEN + j;
    float a = before[slot], share = shares[slot], sigmoid = 1.f / (1.f + __expf(-a));
    float da = z * share * sigmoid * (1.f + a * (1.f - sigmoid));
    if (lane == 0) {
      up_factors[slot] = share * a * sigmoid;
      down_factors[slot] = da;
      dshares[warp][j] = z * a * sigmoid;
    }
    return da;
  });
  store_row(dx + row * HIDDEN, lane, sum);
  for (int c = lane; c < 2 * KEYS; c += 32)
    sums[warp][c] = extra ? extra[row * 2 * KEYS + c] : 0.f;
  __syncwarp();
  float product = 0.f;
  for (int j = lane; j < CHOSEN; j += 32) product += shares[row * CHOSEN + j] * dshares[warp][j];
  product = warp_sum(product);
  for (int j = lane; j < CHOSEN; j += 32) {
    int expert = ids[row * CHOSEN + j];
    float dscore = shares[row * CHOSEN + j] * (dshares[warp][j] - product);
    atomicAdd(&sums[warp][expert / KEYS], dscore);
    atomicAdd(&sums[warp][KEYS + expert % KEYS], dscore);
    atomicAdd(counts + expert, 1);
  }
  __syncwarp();
  for (int c = 2 * lane; c < 2 * KEYS; c += 64)
    *(u32*)(dscores + row * 2 * KEYS + c) = pack(sums[warp][c], sums[warp][c + 1]);
}

// Where each expert's slots begin in a list of all, from the counts, which are zero afterwards. One
// block.
extern "C" __global__ void __launch_bounds__(1024) expert_starts(int* counts, int* starts) {
  __shared__ int totals[1024];
  int each = (KEYS * KEYS + 1023) / 1024, first = threadIdx.x * each;
  int total = 0;
  for (int e = first; e < first + each && e < KEYS * KEYS; e++) total += counts[e];
  totals[threadIdx.x] = total;
  for (int step = 1; step < 1024; step *= 2) {
    __syncthreads();
    int before = threadIdx.x >= step ? totals[threadIdx.x - step] : 0;
    __syncthreads();
    totals[threadIdx.x] += before;
  }
  int start = totals[threadIdx.x] - total;
  for (int e = first; e < first + each && e < KEYS * KEYS; e++) {
    starts[e] = start;
    start += counts[e];
    counts[e] = 0;
  }
}

// Lists the slots (a token's place times CHOSEN, plus the rank of its choice) expert by expert.
extern "C" __global__ void __launch_bounds__(256) list_slots(const int* ids, int* starts,
    int* slots, i64 count) {
  for (i64 at = blockIdx.x * 256ll + threadIdx.x; at < count; at += gridDim.x * 256ll)
    slots[atomicAdd(starts + ids[at], 1)] = (int)at;
}

__device__ inline void add_to(float* to, int lane, float (*sum)[8]) {
#pragma unroll
  for (int p = 0; p < PARTS; p++) {
    float* at = to + p * 256 + lane * 8;
#pragma unroll
    for (int i = 0; i < 8; i += 4) {
#if __CUDA_ARCH__ >= 900
      asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" :: "l"(at + i),
          "f"(sum[p][i]), "f"(sum[p][i + 1]), "f"(sum[p][i + 2]), "f"(sum[p][i + 3]) : "memory");
#else
      for (int k = i; k < i + 4; k++) atomicAdd(at + k, sum[p][k]);
#endif
    }
  }
}

// Adds to the experts' gradients. A warp goes along share slots of the list, and adds up in
// registers for as long as they are of one expert.
extern "C" __global__ void __launch_bounds__(256) expert_gradients(const int* slots,
    const int* ids, const float* up_factors, const float* down_factors, const bf16* x,
    const bf16* dout, float* ddown, float* dup, i64 count, i64 share) {
  int lane = threadIdx.x & 31;
  i64 first = (blockIdx.x * 8ll + (threadIdx.x >> 5)) * share;
  i64 end = min(first + share, count);
  if (first >= end) return;
  float downs[PARTS][8] = {}, ups[PARTS][8] = {};
  i64 current = ids[slots[first]];
  for (i64 at = first; at < end; at += AT_ONCE) {
    Eight xs[AT_ONCE][PARTS], gs[AT_ONCE][PARTS];
    int slot[AT_ONCE];
#pragma unroll
    for (int q = 0; q < AT_ONCE; q++) {
      slot[q] = slots[min(at + q, end - 1)];
      i64 row = slot[q] / CHOSEN;
      load_row(x + row * HIDDEN, lane, xs[q]);
      load_row(dout + row * HIDDEN, lane, gs[q]);
    }
#pragma unroll
    for (int q = 0; q < AT_ONCE; q++) {
      if (at + q >= end) break;
      i64 expert = ids[slot[q]];
      if (expert != current) {
        add_to(ddown + current * HIDDEN, lane, downs);
        add_to(dup + current * HIDDEN, lane, ups);
#pragma unroll
        for (int p = 0; p < PARTS; p++)
#pragma unroll
          for (int i = 0; i < 8; i++) downs[p][i] = ups[p][i] = 0.f;
        current = expert;
      }
      add_row(xs[q], down_factors[slot[q]], downs);
      add_row(gs[q], up_factors[slot[q]], ups);
    }
  }
  add_to(ddown + current * HIDDEN, lane, downs);
  add_to(dup + current * HIDDEN, lane, ups);
}
