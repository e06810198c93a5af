// The gated MLP.

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
