// The language-model head.

// What becomes of a row of logits and its label. LOSS: its loss in nats, and in place of the logits
// their gradient times scale, which is positive. HITS: also 1 where the label is the likeliest, of
// equal ones the first, else 0. SCORES: the label's log-probability, and where there is room for
// hits those; the logits stay. FACTORS: in place of the logits the gradient of the label's
// log-probability times the row's factor. With a label of -100 all of it is zero.
enum Way { LOSS, HITS, SCORES, FACTORS };

// vocab is a multiple of 8. A block works on one row after the other; the first 32768 logits of a
// row wait in registers for the second pass, and each register asks for the next row's as soon as it
// is done with. What is beyond is read again.
#define HELD 8
#define STRIDE 4096  // logits that a block's threads hold in one register each
#define LOG2E 1.4426950408889634f

__device__ inline float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

__device__ inline u32 larger(u32 a, u32 b) {
  u32 c;
  asm("max.bf16x2 %0, %1, %2;" : "=r"(c) : "r"(a), "r"(b));
  return c;
}

// The largest of eight numbers, in the unit of powers of 2.
__device__ inline float largest8(Eight a) {
  u32 m = larger(larger(a.w[0], a.w[1]), larger(a.w[2], a.w[3]));
  return fmaxf(low(m), high(m)) * LOG2E;
}

__device__ inline float powers8(Eight a, float m) {
  float v[8], s = 0.f;
  unpack(a, v);
#pragma unroll
  for (int i = 0; i < 8; i++) s += exp2_fast(v[i] * LOG2E - m);
  return s;
}

// Whether one of the first `count` of eight numbers is m, in the unit of powers of 2.
__device__ inline bool holds(Eight a, float m, int count) {
  float v[8];
  bool found = false;
  unpack(a, v);
#pragma unroll
  for (int i = 0; i < 8; i++) found |= i < count && v[i] * LOG2E == m;
  return found;
}

template <Way WAY>
__device__ inline void take_row(bf16* logits, const i64* labels, float* losses, float* hits,
    i64 width, i64 rows, const double* scale, const float* factors) {
  __shared__ float most[2][16], total[2][16];  // two sets take turns, so one barrier a row does
  __shared__ float factor, shift;              // read after a row's barrier
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  int first = threadIdx.x * 8, parity = 0, vocab = (int)width;
  if (WAY != FACTORS && WAY != SCORES && threadIdx.x == 0) {
    factor = (float)*scale;
    shift = log2f(factor);
  }
  Eight held[HELD], zero = {};
#pragma unroll
  for (int p = 0; p < HELD; p++)
    if (first + p * STRIDE < vocab)
      held[p] = *(const Eight*)(logits + blockIdx.x * width + first + p * STRIDE);
  for (int row = blockIdx.x; row < (int)rows; row += gridDim.x) {
    bf16* at = logits + row * width;
    bool more = row + gridDim.x < (u32)rows;
    int label = (int)labels[row];
    if (label == -100) {
#pragma unroll
      for (int p = 0; p < HELD; p++) {
        int c = first + p * STRIDE;
        if (c >= vocab) continue;
        if (WAY != SCORES) *(Eight*)(at + c) = zero;
        if (more) held[p] = *(const Eight*)(at + gridDim.x * width + c);
      }
      for (int c = first + HELD * STRIDE; c < vocab && WAY != SCORES; c += STRIDE)
        *(Eight*)(at + c) = zero;
      if (threadIdx.x == 0) {
        if (WAY != FACTORS) losses[row] = 0.f;
        if (WAY == HITS || WAY == SCORES && hits) hits[row] = 0.f;
      }
      continue;
    }
    float own = low(at[label]) * LOG2E;
    float m = -3.4e38f, s = 0.f;
#pragma unroll
    for (int p = 0; p < HELD; p++)
      if (first + p * STRIDE < vocab) m = fmaxf(m, largest8(held[p]));
#pragma unroll
    for (int p = 0; p < HELD; p++)
      if (first + p * STRIDE < vocab) s += powers8(held[p], m);
    for (int c = first + HELD * STRIDE; c < vocab; c += STRIDE) {
      Eight beyond = *(const Eight*)(at + c);
      float top = fmaxf(m, largest8(beyond));
      s = s * exp2_fast(m - top) + powers8(beyond, top);
      m = top;
    }
#pragma unroll
    for (int o = 16; o > 0; o >>= 1) {
      float m2 = __shfl_xor_sync(FULL, m, o), s2 = __shfl_xor_sync(FULL, s, o);
      float top = fmaxf(m, m2);
      s = s * exp2_fast(m - top) + s2 * exp2_fast(m2 - top);
      m = top;
    }
    if (lane == 0) { most[parity][warp] = m; total[parity][warp] = s; }
    __syncthreads();  // and by now all have read the label's logit
    m = most[parity][0];
    for (int i = 1; i < 16; i++) m = fmaxf(m, most[parity][i]);
    s = 0.f;
    for (int i = 0; i < 16; i++) s += total[parity][i] * exp2_fast(most[parity][i] - m);
    float normalizer = m + log2f(s);
    if (WAY != FACTORS && threadIdx.x == 0)
      losses[row] = (WAY == SCORES ? own - normalizer : normalizer - own) / LOG2E;
    if (WAY == HITS || WAY == SCORES && hits) {
      bool hit = own == m;  // the same in all threads
      if (hit) {
        bool earlier = false;
#pragma unroll
        for (int p = 0; p < HELD; p++)
          if (first + p * STRIDE < label) earlier |= holds(held[p], m, label - first - p * STRIDE);
        for (int c = first + HELD * STRIDE; c < label; c += STRIDE)
          earlier |= holds(*(const Eight*)(at + c), m, label - c);
        hit = !__syncthreads_or(earlier);
      }
      if (threadIdx.x == 0) hits[row] = hit ? 1.f : 0.f;
    }
    if (WAY == SCORES) {
#pragma unroll
      for (int p = 0; p < HELD; p++) {
        int c = first + p * STRIDE;
        if (c < vocab && more) held[p] = *(const Eight*)(at + gridDim.x * width + c);
      }
      parity ^= 1;
      continue;
    }
    float times = WAY == FACTORS ? -factors[row] : factor;
    float sign = WAY == FACTORS && times < 0.f ? -1.f : 1.f;
    bf16 labelled = (bf16)(pack(times * (exp2_fast(own - normalizer) - 1.f), 0.f) & 0xffffu);
    normalizer -= WAY == FACTORS ? log2f(fabsf(times)) : shift;  // a power of 2 then is the gradient
#pragma unroll
    for (int p = 0; p < HELD; p++) {
      int c = first + p * STRIDE;
      if (c >= vocab) continue;
      float v[8];
      unpack(held[p], v);
#pragma unroll
      for (int i = 0; i < 8; i++) v[i] = exp2_fast(v[i] * LOG2E - normalizer);
      if (WAY == FACTORS) {
#pragma unroll
        for (int i = 0; i < 8; i++) v[i] *= sign;
      }
      *(Eight*)(at + c) = packed(v);
      if (more) held[p] = *(const Eight*)(at + gridDim.x * width + c);
    }
    for (int c = first + HELD * STRIDE; c < vocab; c += STRIDE) {
      float v[8];
      unpack(*(const Eight*)(at + c), v);
#pragma unroll
      for (int i = 0; i < 8; i++) v[i] = sign * exp2_fast(v[i] * LOG2E - normalizer);
      *(Eight*)(at + c) = packed(v);
    }
    if ((label / 8) % 512 == threadIdx.x) at[label] = labelled;  // after its own vector of eight
    parity ^= 1;
  }
}

extern "C" __global__ void __launch_bounds__(512, 2) cross_entropy(bf16* logits, const i64* labels,
    float* losses, i64 width, i64 rows, const double* scale) {
  take_row<LOSS>(logits, labels, losses, nullptr, width, rows, scale, nullptr);
}

extern "C" __global__ void __launch_bounds__(512, 2) cross_entropy_hits(bf16* logits,
    const i64* labels, float* losses, float* hits, i64 width, i64 rows, const double* scale) {
  take_row<HITS>(logits, labels, losses, hits, width, rows, scale, nullptr);
}

extern "C" __global__ void __launch_bounds__(512, 2) log_probabilities(bf16* logits,
    const i64* labels, float* found, float* hits, i64 width, i64 rows) {
  take_row<SCORES>(logits, labels, found, hits, width, rows, nullptr, nullptr);
}

extern "C" __global__ void __launch_bounds__(512, 2) log_probabilities_backward(bf16* logits,
    const i64* labels, const float* factors, i64 width, i64 rows) {
  take_row<FACTORS>(logits, labels, nullptr, nullptr, width, rows, nullptr, factors);
}
