// Queries, keys and values on their way into attention and back.

#define WIDTH 128                             // of a head
#define FOLDED 144                            // a head, its bias and its document: 128 + 16
#define ALL ((HEADS + 2 * GROUPS) * WIDTH)    // queries, keys and values of a token
#define SUMS ((GROUPS > 2 ? GROUPS : 2) * WIDTH)  // column sums that a block of fold_backward has

__device__ inline float softplus(float x) { return x > 20.f ? x : log1pf(__expf(x)); }

// Queries and keys of qkv (N, ALL) normalised, turned by their position and folded into rows of
// FOLDED: q' = [q, 1, 1, 1, -L n], k' = [k, hi, lo, L m, 1], so that q'.k' = q.k + bias root(128)
// - L (n - m) with n and m the numbers of the documents within their row: a key of an earlier
// document falls below the smallest weight. A key that the mask hides falls likewise. raw (N,
// GROUPS) gets dt_proj(values) before softplus.
#define DOCUMENT 2048.f
#define HIDDEN_KEY -131072.f
extern "C" __global__ void __launch_bounds__(256) fold(const bf16* __restrict__ qkv,
    const float* __restrict__ q_weight, const float* __restrict__ k_weight,
    const float* __restrict__ cosines, const float* __restrict__ sines,
    const float* __restrict__ dt, const float* __restrict__ a,
    const i64* __restrict__ documents, const i64* __restrict__ visible, bf16* __restrict__ q,
    bf16* __restrict__ k, float* __restrict__ raw, i64 rows, i64 length, double eps) {
  int lane = threadIdx.x & 31;
  i64 at = blockIdx.x * 8ll + (threadIdx.x >> 5);
  i64 row = at / (HEADS + GROUPS);
  int unit = (int)(at - row * (HEADS + GROUPS));
  if (row >= rows) return;
  const bf16* token = qkv + row * ALL;
  bool query = unit < HEADS;
  float x[4], w[4], c[4], s[4], other[4];
  load4(token + unit * WIDTH + lane * 4, x);
  load4((query ? q_weight : k_weight) + lane * 4, w);
  i64 position = row % length;
  load4(cosines + position * WIDTH + lane * 4, c);
  load4(sines + position * WIDTH + lane * 4, s);
  float squares = x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + x[3] * x[3];
  float scale = rsqrtf(warp_sum(squares) / WIDTH + (float)eps);
#pragma unroll
  for (int i = 0; i < 4; i++) x[i] *= scale * w[i];
#pragma unroll
  for (int i = 0; i < 4; i++) other[i] = __shfl_xor_sync(FULL, x[i], 16);
  float sign = lane < 16 ? -1.f : 1.f;
#pragma unroll
  for (int i = 0; i < 4; i++) x[i] = x[i] * c[i] + sign * other[i] * s[i];
  float document =
      documents ? (float)(documents[row] - documents[row - position]) * DOCUMENT : 0.f;
  float tail[4] = {1.f, 1.f, 1.f, -document};
  bf16* to = q + (row * HEADS + unit) * FOLDED;
  if (!query) {
    int g = unit - HEADS;
    to = k + (row * GROUPS + g) * FOLDED;
    float dot = 0.f;
#pragma unroll
    for (int v = 0; v < GROUPS; v++) {
      float value[4], weight[4];
      load4(token + (HEADS + GROUPS + v) * WIDTH + lane * 4, value);
      load4(dt + (g * GROUPS + v) * WIDTH + lane * 4, weight);
#pragma unroll
      for (int i = 0; i < 4; i++) dot += value[i] * weight[i];
    }
    dot = warp_sum(dot);
    if (lane == 0) raw[row * GROUPS + g] = dot;
    float bias = expf(a[g] * softplus(dot)) * 11.313708498984761f;
    tail[0] = rounded(bias);
    tail[1] = bias - tail[0];
    tail[2] = visible && visible[row] == 0 ? HIDDEN_KEY : document;
    tail[3] = 1.f;
  }
  store4(to + lane * 4, x);
  if (lane > 0) { tail[0] = 0.f; tail[1] = 0.f; tail[2] = 0.f; tail[3] = 0.f; }
  if (lane < 4) store4(to + WIDTH + lane * 4, tail);
}

// Gradient of bias by dt_proj's output, given the gradient of k's column hi.
__device__ inline float raw_gradient(float dhigh, float raw, float a, float* da) {
  float step = softplus(raw);
  float dbias = dhigh * 11.313708498984761f * expf(a * step);
  *da = dbias * step;
  return dbias * a / (1.f + __expf(-raw));
}

// The way back through fold, and through the values' part in the bias: dq (N, HEADS, FOLDED), dk
// (N, GROUPS, FOLDED), dv (N, GROUPS, WIDTH) to dqkv (N, ALL). blockIdx.y is the head. partial
// gets per head and block SUMS column sums: for queries and keys the norm weight's gradient, then
// for keys A's; for values those of the GROUPS rows of dt_proj in this head's columns. A warp takes
// a position in all rows of the batch, so it reads the rotary tables once, and asks for the next
// row before it works on this one.
extern "C" __global__ void __launch_bounds__(256) fold_backward(const bf16* __restrict__ dq,
    const bf16* __restrict__ dk, const bf16* __restrict__ dv, const bf16* __restrict__ qkv,
    const float* __restrict__ raw, const float* __restrict__ q_weight,
    const float* __restrict__ k_weight, const float* __restrict__ cosines,
    const float* __restrict__ sines, const float* __restrict__ dt, const float* __restrict__ a,
    bf16* __restrict__ dqkv, float* __restrict__ partial, i64 rows, i64 length, double eps) {
  __shared__ float sums[SUMS];
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  int unit = blockIdx.y;
  bool query = unit < HEADS, value = unit >= HEADS + GROUPS;
  int mine = query ? unit : value ? unit - HEADS - GROUPS : unit - HEADS;
  const bf16* from = query ? dq + mine * FOLDED : value ? dv + mine * WIDTH : dk + mine * FOLDED;
  i64 stride = query ? HEADS * FOLDED : value ? GROUPS * WIDTH : GROUPS * FOLDED;
  from += lane * 4;
  const bf16* inputs = qkv + unit * WIDTH + lane * 4;
  float acc[GROUPS > 2 ? GROUPS : 2][4] = {};
  float w[4], c[4], s[4];
  load4((query ? q_weight : k_weight) + lane * 4, w);
  float sign = lane < 16 ? 1.f : -1.f;
  for (i64 position = blockIdx.x * 8ll + warp; position < length; position += gridDim.x * 8ll) {
    if (!value) {
      load4(cosines + position * WIDTH + lane * 4, c);
      load4(sines + position * WIDTH + lane * 4, s);
    }
    Four next_g = *(const Four*)(from + position * stride);
    Four next_x = *(const Four*)(inputs + position * ALL);
    for (i64 row = position; row < rows; row += length) {
      float g[4] = {low(next_g.w[0]), high(next_g.w[0]), low(next_g.w[1]), high(next_g.w[1])};
      float x[4] = {low(next_x.w[0]), high(next_x.w[0]), low(next_x.w[1]), high(next_x.w[1])};
      float out[4];
      if (row + length < rows) {
        next_g = *(const Four*)(from + (row + length) * stride);
        next_x = *(const Four*)(inputs + (row + length) * ALL);
      }
      if (value) {
#pragma unroll
        for (int i = 0; i < 4; i++) out[i] = g[i];
#pragma unroll
        for (int v = 0; v < GROUPS; v++) {
          float unused, weight[4];
          float dhigh = low(dk[(row * GROUPS + v) * FOLDED + WIDTH]);
          float draw = raw_gradient(dhigh, raw[row * GROUPS + v], a[v], &unused);
          load4(dt + (v * GROUPS + mine) * WIDTH + lane * 4, weight);
#pragma unroll
          for (int i = 0; i < 4; i++) {
            out[i] += draw * weight[i];
            acc[v][i] += draw * x[i];
          }
        }
      } else {
        float other[4];
#pragma unroll
        for (int i = 0; i < 4; i++) other[i] = __shfl_xor_sync(FULL, g[i] * s[i], 16);
        float squares = x[0] * x[0] + x[1] * x[1] + x[2] * x[2] + x[3] * x[3];
        float scale = rsqrtf(warp_sum(squares) / WIDTH + (float)eps);
        float product = 0.f;
#pragma unroll
        for (int i = 0; i < 4; i++) {
          g[i] = g[i] * c[i] + sign * other[i];
          x[i] *= scale;
          acc[0][i] += g[i] * x[i];
          g[i] *= w[i];
          product += g[i] * x[i];
        }
        product = warp_sum(product) / WIDTH;
#pragma unroll
        for (int i = 0; i < 4; i++) out[i] = scale * (g[i] - x[i] * product);
        if (!query && lane == 0) {
          float da;
          raw_gradient(low(from[row * stride + WIDTH]), raw[row * GROUPS + mine], a[mine], &da);
          acc[1][0] += da;
        }
      }
      store4(dqkv + row * ALL + unit * WIDTH + lane * 4, out);
    }
  }
  for (int i = threadIdx.x; i < SUMS; i += 256) sums[i] = 0.f;
  for (int turn = 0; turn < 8; turn++) {
    __syncthreads();
    if (turn != warp) continue;
#pragma unroll
    for (int v = 0; v < SUMS / WIDTH; v++)
#pragma unroll
      for (int i = 0; i < 4; i++) sums[v * WIDTH + lane * 4 + i] += acc[v][i];
  }
  __syncthreads();
  for (int i = threadIdx.x; i < SUMS; i += 256)
    partial[((i64)unit * gridDim.x + blockIdx.x) * SUMS + i] = sums[i];
}

// Adds fold_backward's column sums to the gradients. Grid: SUMS / 32 by all heads.
extern "C" __global__ void __launch_bounds__(256) fold_sums(const float* partial, i64 blocks,
    float* dq_weight, float* dk_weight, float* da, float* ddt) {
  __shared__ float sums[8][32];
  int x = threadIdx.x & 31, y = threadIdx.x >> 5;
  int unit = blockIdx.y, c = blockIdx.x * 32 + x;
  float s = 0.f;
  for (i64 b = y; b < blocks; b += 8) s += partial[(unit * blocks + b) * SUMS + c];
  sums[y][x] = s;
  __syncthreads();
  if (y > 0) return;
  for (int i = 1; i < 8; i++) s += sums[i][x];
  int g = unit - HEADS;
  if (unit < HEADS) {
    if (c < WIDTH) atomicAdd(dq_weight + c, s);
  } else if (g < GROUPS) {
    if (c < WIDTH) atomicAdd(dk_weight + c, s);
    else if (c == WIDTH) da[g] += s;
  } else if (c < GROUPS * WIDTH) {
    ddt[(c / WIDTH * GROUPS + g - GROUPS) * WIDTH + c % WIDTH] += s;
  }
}
