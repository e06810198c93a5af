// What all CUDA kernels share. A program is this text and those of some parts, compiled at first
// use for the device and one model shape:
//   HIDDEN  width of the residual stream, a multiple of 256
//   HEADS   query heads of width 128
//   GROUPS  key/value heads of width 128
//   KEYS    product keys of a half of the router, and CHOSEN experts per token, of a CDMoE
// Arrays are row-major. bf16 is handled by its bits; all arithmetic is fp32. Every argument is 8
// bytes wide. N tokens are rows; a warp works on one row or one head of a row.

typedef unsigned int u32;
typedef unsigned short bf16;
typedef long long i64;

#define FULL 0xffffffffu
#define PARTS (HIDDEN / 256)  // 16-byte vectors of a row that a lane holds

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
