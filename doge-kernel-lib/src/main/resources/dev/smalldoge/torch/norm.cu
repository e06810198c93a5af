// Sums, RMSNorms and embeddings of the residual stream.

// sum = residual * x + branch, normed = weight * sum / rms(sum). With ids, x is a table of rows
// and sum the looked-up row, without branch.
extern "C" __global__ void __launch_bounds__(256) add_norm(const bf16* x, const i64* ids,
    const float* residual, const bf16* branch, const float* weight, bf16* sum, bf16* normed,
    float* inverse, i64 rows, double eps) {
  int lane = threadIdx.x & 31;
  i64 row = blockIdx.x * 8ll + (threadIdx.x >> 5);
  if (row >= rows) return;
  const bf16* from = x + (ids ? ids[row] : row) * HIDDEN;
  float v[PARTS][8];
  float squares = 0.f;
#pragma unroll
  for (int p = 0; p < PARTS; p++) {
    int c = p * 256 + lane * 8;
    unpack(*(const Eight*)(from + c), v[p]);
    if (branch) {
      float b[8], r[8];
      unpack(*(const Eight*)(branch + row * HIDDEN + c), b);
      load8(residual + c, r);
#pragma unroll
      for (int i = 0; i < 8; i++) v[p][i] = r[i] * v[p][i] + b[i];
    }
    Eight kept = packed(v[p]);
    *(Eight*)(sum + row * HIDDEN + c) = kept;
    unpack(kept, v[p]);
#pragma unroll
    for (int i = 0; i < 8; i++) squares += v[p][i] * v[p][i];
  }
  float scale = rsqrtf(warp_sum(squares) / HIDDEN + (float)eps);
  if (lane == 0) inverse[row] = scale;
#pragma unroll
  for (int p = 0; p < PARTS; p++) {
    int c = p * 256 + lane * 8;
    float w[8];
    load8(weight + c, w);
#pragma unroll
    for (int i = 0; i < 8; i++) v[p][i] *= scale * w[i];
    *(Eight*)(normed + row * HIDDEN + c) = packed(v[p]);
  }
}

// Gradient of a sum that went through the norm (dnormed) and, times residual, on to the next sum
// (downstream; absent after the last norm). partial gets per block the column sums of the norm
// weight's and the residual vector's gradients, HIDDEN each. A thread keeps eight columns, so a row
// takes LANES threads; a block works on TEAM rows at a time, each thread on two of its own at once.
#define LANES (HIDDEN / 8)
#define TEAM (256 / LANES)
extern "C" __global__ void __launch_bounds__(256, 2) add_norm_backward(
    const bf16* __restrict__ dnormed, const bf16* __restrict__ downstream,
    const float* __restrict__ residual, const bf16* __restrict__ sum,
    const float* __restrict__ inverse, const float* __restrict__ weight,
    bf16* __restrict__ dsum, float* __restrict__ partial, i64 rows) {
  __shared__ float products[2][2][8];
  __shared__ float sums[2 * HIDDEN];
  int member = threadIdx.x / LANES, c = (threadIdx.x % LANES) * 8;
  int warp = threadIdx.x >> 5;
  float w[8], r[8] = {}, dw[8] = {}, dr[8] = {};
  load8(weight + c, w);
  if (downstream) load8(residual + c, r);
  int parity = 0;
  for (i64 base = blockIdx.x * 2ll * TEAM; base < rows; base += gridDim.x * 2ll * TEAM) {
    Eight raw_g[2], raw_n[2], raw_d[2];
    float scale[2], product[2];
    bool here[2];
#pragma unroll
    for (int k = 0; k < 2; k++) {
      i64 row = base + k * TEAM + member;
      here[k] = row < rows;
      i64 at = row * HIDDEN + c;
      Eight none = {};
      raw_g[k] = here[k] ? *(const Eight*)(dnormed + at) : none;
      raw_n[k] = here[k] ? *(const Eight*)(sum + at) : none;
      raw_d[k] = here[k] && downstream ? *(const Eight*)(downstream + at) : none;
      scale[k] = here[k] ? inverse[row] : 0.f;
    }
#pragma unroll
    for (int k = 0; k < 2; k++) {
      float g[8], x[8], d[8];
      unpack(raw_g[k], g);
      unpack(raw_n[k], x);
      unpack(raw_d[k], d);
      product[k] = 0.f;
#pragma unroll
      for (int i = 0; i < 8; i++) {
        float n = x[i] * scale[k];
        dw[i] += g[i] * n;
        dr[i] += d[i] * x[i];
        product[k] += g[i] * w[i] * n;
      }
      product[k] = warp_sum(product[k]);
    }
    if (PARTS > 1) {  // the row's other warps; two sets take turns, so one barrier does
      if ((threadIdx.x & 31) == 0) {
        products[parity][0][warp] = product[0];
        products[parity][1][warp] = product[1];
      }
      __syncthreads();
#pragma unroll
      for (int k = 0; k < 2; k++) {
        product[k] = 0.f;
#pragma unroll
        for (int i = 0; i < PARTS; i++) product[k] += products[parity][k][member * PARTS + i];
      }
      parity ^= 1;
    }
#pragma unroll
    for (int k = 0; k < 2; k++) {
      if (!here[k]) continue;
      float g[8], x[8], d[8], out[8];
      unpack(raw_g[k], g);
      unpack(raw_n[k], x);
      unpack(raw_d[k], d);
      float back = product[k] / HIDDEN * scale[k];
#pragma unroll
      for (int i = 0; i < 8; i++) out[i] = scale[k] * (g[i] * w[i] - x[i] * back) + r[i] * d[i];
      *(Eight*)(dsum + (base + k * TEAM + member) * HIDDEN + c) = packed(out);
    }
  }
  for (int i = threadIdx.x; i < 2 * HIDDEN; i += blockDim.x) sums[i] = 0.f;
  for (int turn = 0; turn < TEAM; turn++) {  // one after the other: the same sum every time
    __syncthreads();
    if (turn != member) continue;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      sums[c + i] += dw[i];
      sums[HIDDEN + c + i] += dr[i];
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 2 * HIDDEN; i += blockDim.x)
    partial[blockIdx.x * 2ll * HIDDEN + i] = sums[i];
}

// first and second (width each; second may be absent) += the sums over blocks of partial.
extern "C" __global__ void __launch_bounds__(256) add_partials(const float* partial, i64 blocks,
    i64 width, float* first, float* second) {
  __shared__ float sums[8][32];
  int x = threadIdx.x & 31, y = threadIdx.x >> 5;
  i64 c = blockIdx.x * 32ll + x;
  float s = 0.f;
  for (i64 b = y; b < blocks; b += 8) s += partial[b * 2 * width + c];
  sums[y][x] = s;
  __syncthreads();
  if (y > 0) return;
  for (int i = 1; i < 8; i++) s += sums[i][x];
  if (c < width) first[c] += s;
  else if (second) second[c - width] += s;
}

// gradient[ids[n]] += dx[n], but for the padding token.
extern "C" __global__ void __launch_bounds__(256) embed_backward(const bf16* dx, const i64* ids,
    float* gradient, i64 rows, i64 padding) {
  i64 row = blockIdx.x * 8ll + (threadIdx.x >> 5);
  if (row >= rows || ids[row] == padding) return;
  float* to = gradient + ids[row] * HIDDEN;
  for (int c = threadIdx.x & 31; c < HIDDEN; c += 32) atomicAdd(to + c, low(dx[row * HIDDEN + c]));
}
