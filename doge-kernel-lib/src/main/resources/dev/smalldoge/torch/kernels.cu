// CUDA kernels of the training step, compiled at first use for the device and one model shape:
//   HIDDEN  width of the residual stream, a multiple of 256
//   HEADS   query heads of width 128
//   GROUPS  key/value heads of width 128
// Arrays are row-major. bf16 is handled by its bits; all arithmetic is fp32. Every argument is 8
// bytes wide. N tokens are rows; a warp works on one row or one head of a row.

typedef unsigned int u32;
typedef unsigned short bf16;
typedef long long i64;

#define FULL 0xffffffffu
#define WIDTH 128                             // of a head
#define FOLDED 144                            // a head, its bias and its document: 128 + 16
#define ALL ((HEADS + 2 * GROUPS) * WIDTH)    // queries, keys and values of a token
#define PARTS (HIDDEN / 256)                  // 16-byte vectors of a row that a lane holds
#define SUMS ((GROUPS > 2 ? GROUPS : 2) * WIDTH)  // column sums that a block of fold_backward has

struct alignas(16) Eight { u32 w[4]; };
struct alignas(8) Four { u32 w[2]; };

__device__ inline float low(u32 w) { return __uint_as_float(w << 16); }
__device__ inline float high(u32 w) { return __uint_as_float(w & 0xffff0000u); }

__device__ inline u32 pack(float first, float second) {
  u32 w;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(second), "f"(first));
  return w;
}

__device__ inline float rounded(float x) { return low(pack(x, 0.f)); }

__device__ inline float warp_sum(float x) {
#pragma unroll
  for (int o = 16; o > 0; o >>= 1) x += __shfl_xor_sync(FULL, x, o);
  return x;
}

__device__ inline void unpack(Eight a, float* v) {
#pragma unroll
  for (int i = 0; i < 4; i++) { v[2 * i] = low(a.w[i]); v[2 * i + 1] = high(a.w[i]); }
}

__device__ inline Eight packed(const float* v) {
  Eight a;
#pragma unroll
  for (int i = 0; i < 4; i++) a.w[i] = pack(v[2 * i], v[2 * i + 1]);
  return a;
}

__device__ inline void load8(const float* from, float* v) {
  float4 a = ((const float4*)from)[0], b = ((const float4*)from)[1];
  v[0] = a.x; v[1] = a.y; v[2] = a.z; v[3] = a.w;
  v[4] = b.x; v[5] = b.y; v[6] = b.z; v[7] = b.w;
}

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

__device__ inline void load4(const bf16* from, float* v) {
  Four a = *(const Four*)from;
  v[0] = low(a.w[0]); v[1] = high(a.w[0]); v[2] = low(a.w[1]); v[3] = high(a.w[1]);
}

__device__ inline void store4(bf16* to, const float* v) {
  Four a;
  a.w[0] = pack(v[0], v[1]);
  a.w[1] = pack(v[2], v[3]);
  *(Four*)to = a;
}

__device__ inline void load4(const float* from, float* v) {
  float4 a = *(const float4*)from;
  v[0] = a.x; v[1] = a.y; v[2] = a.z; v[3] = a.w;
}

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

// out = silu(gate) * up, with gate and up side by side in a row of both.
extern "C" __global__ void __launch_bounds__(256) swiglu(const bf16* both, bf16* out, i64 rows,
    i64 width) {
  i64 per_row = width / 8;
  for (i64 at = blockIdx.x * 256ll + threadIdx.x; at < rows * per_row; at += gridDim.x * 256ll) {
    i64 row = at / per_row, c = (at - row * per_row) * 8;
    float g[8], u[8];
    unpack(*(const Eight*)(both + row * 2 * width + c), g);
    unpack(*(const Eight*)(both + row * 2 * width + width + c), u);
#pragma unroll
    for (int i = 0; i < 8; i++) u[i] *= g[i] / (1.f + __expf(-g[i]));
    *(Eight*)(out + row * width + c) = packed(u);
  }
}

// Overwrites both with its gradient, given that of out, and out's gradient with out itself.
extern "C" __global__ void __launch_bounds__(256) swiglu_backward(bf16* both, bf16* dout,
    i64 rows, i64 width) {
  i64 per_row = width / 8;
  for (i64 at = blockIdx.x * 256ll + threadIdx.x; at < rows * per_row; at += gridDim.x * 256ll) {
    i64 row = at / per_row, c = (at - row * per_row) * 8;
    bf16* gates = both + row * 2 * width + c;
    float g[8], u[8], d[8];
    unpack(*(const Eight*)gates, g);
    unpack(*(const Eight*)(gates + width), u);
    unpack(*(const Eight*)(dout + row * width + c), d);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      float sigmoid = 1.f / (1.f + __expf(-g[i]));
      float silu = g[i] * sigmoid;
      float dg = d[i] * u[i] * sigmoid * (1.f + g[i] * (1.f - sigmoid));
      float du = d[i] * silu;
      d[i] = silu * u[i];
      g[i] = dg;
      u[i] = du;
    }
    *(Eight*)gates = packed(g);
    *(Eight*)(gates + width) = packed(u);
    *(Eight*)(dout + row * width + c) = packed(d);
  }
}

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

// gradient[ids[n]] += dx[n], but for the padding token.
extern "C" __global__ void __launch_bounds__(256) embed_backward(const bf16* dx, const i64* ids,
    float* gradient, i64 rows, i64 padding) {
  i64 row = blockIdx.x * 8ll + (threadIdx.x >> 5);
  if (row >= rows || ids[row] == padding) return;
  float* to = gradient + ids[row] * HIDDEN;
  for (int c = threadIdx.x & 31; c < HIDDEN; c += 32) atomicAdd(to + c, low(dx[row * HIDDEN + c]));
}

// Rounds fp32 arrays to bf16. Each block takes one piece: {source, target, elements / 4}.
extern "C" __global__ void __launch_bounds__(256) round_pieces(const i64* pieces) {
  const float4* from = (const float4*)pieces[blockIdx.x * 3];
  Four* to = (Four*)pieces[blockIdx.x * 3 + 1];
  i64 count = pieces[blockIdx.x * 3 + 2];
  for (i64 i = threadIdx.x; i < count; i += 256) {
    float4 v = from[i];
    Four r;
    r.w[0] = pack(v.x, v.y);
    r.w[1] = pack(v.z, v.w);
    to[i] = r;
  }
}
