// The language-model head.

// One block a row of logits: its loss in nats, and in place of the logits their gradient times
// scale. A label of -100 gives a loss and a gradient of zero. vocab is a multiple of 8. The first
// 32768 logits of a row wait in registers for the second pass; what is beyond is read again.
#define HELD 8
extern "C" __global__ void __launch_bounds__(512, 2) cross_entropy(bf16* logits, const i64* labels,
    float* losses, i64 vocab, double scale) {
  __shared__ float most[16], total[16];
  i64 row = blockIdx.x, label = labels[row];
  bf16* at = logits + row * vocab;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  int first = threadIdx.x * 8;
  if (label == -100) {
    Eight zero = {};
    for (i64 c = first; c < vocab; c += 512 * 8) *(Eight*)(at + c) = zero;
    if (threadIdx.x == 0) losses[row] = 0.f;
    return;
  }
  Eight held[HELD];
#pragma unroll
  for (int p = 0; p < HELD; p++)
    if (first + p * 4096 < vocab) held[p] = *(const Eight*)(at + first + p * 4096);
  float m = -3.4e38f, s = 0.f;
#pragma unroll
  for (int p = 0; p < HELD; p++) {
    if (first + p * 4096 >= vocab) continue;
    float v[8];
    unpack(held[p], v);
#pragma unroll
    for (int i = 0; i < 8; i++) m = fmaxf(m, v[i]);
  }
#pragma unroll
  for (int p = 0; p < HELD; p++) {
    if (first + p * 4096 >= vocab) continue;
    float v[8];
    unpack(held[p], v);
#pragma unroll
    for (int i = 0; i < 8; i++) s += __expf(v[i] - m);
  }
  for (i64 c = first + HELD * 4096ll; c < vocab; c += 4096) {
    float v[8];
    unpack(*(const Eight*)(at + c), v);
    float top = m;
#pragma unroll
    for (int i = 0; i < 8; i++) top = fmaxf(top, v[i]);
    s *= __expf(m - top);
    m = top;
#pragma unroll
    for (int i = 0; i < 8; i++) s += __expf(v[i] - m);
  }
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) {
    float m2 = __shfl_xor_sync(FULL, m, o), s2 = __shfl_xor_sync(FULL, s, o);
    float top = fmaxf(m, m2);
    s = s * __expf(m - top) + s2 * __expf(m2 - top);
    m = top;
  }
  if (lane == 0) { most[warp] = m; total[warp] = s; }
  __syncthreads();
  m = most[0];
  for (int i = 1; i < 16; i++) m = fmaxf(m, most[i]);
  s = 0.f;
  for (int i = 0; i < 16; i++) s += total[i] * __expf(most[i] - m);
  float normalizer = m + logf(s);
  if (threadIdx.x == 0) losses[row] = normalizer - low(at[label]);
  __syncthreads();  // the label's logit is read before it is overwritten
  float factor = (float)scale;
#pragma unroll
  for (int p = 0; p < HELD; p++) {
    int c = first + p * 4096;
    if (c >= vocab) continue;
    float v[8];
    unpack(held[p], v);
#pragma unroll
    for (int i = 0; i < 8; i++)
      v[i] = factor * (__expf(v[i] - normalizer) - (c + i == label ? 1.f : 0.f));
    *(Eight*)(at + c) = packed(v);
  }
  for (i64 c = first + HELD * 4096ll; c < vocab; c += 4096) {
    float v[8];
    unpack(*(const Eight*)(at + c), v);
#pragma unroll
    for (int i = 0; i < 8; i++)
      v[i] = factor * (__expf(v[i] - normalizer) - (c + i == label ? 1.f : 0.f));
    *(Eight*)(at + c) = packed(v);
  }
}
