// Weights in pieces: bf16 copies, the norm of the gradients, AdamW. A block takes a piece, as many
// pieces as there are blocks, so arrays of all sizes share one launch.

// Rounds fp32 arrays to bf16. A piece is {source, target, elements / 4}.
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

// Up to 8192 elements of a weight, 16-byte aligned; copy is its bf16 copy, if there is one.
struct Piece {
  float *weight, *gradient, *mean, *square;
  bf16* copy;
  i64 count, group;
};

// Sum of squares of each piece's gradient.
extern "C" __global__ void __launch_bounds__(256) squares(const Piece* pieces, float* sums) {
  __shared__ float parts[8];
  const float* gradient = pieces[blockIdx.x].gradient;
  i64 count = pieces[blockIdx.x].count, fours = count / 4;
  float s = 0.f;
  for (i64 i = threadIdx.x; i < fours; i += 256) {
    float4 g = ((const float4*)gradient)[i];
    s += g.x * g.x + g.y * g.y + g.z * g.z + g.w * g.w;
  }
  i64 rest = fours * 4 + threadIdx.x;
  if (rest < count) s += gradient[rest] * gradient[rest];
  s = warp_sum(s);
  if ((threadIdx.x & 31) == 0) parts[threadIdx.x >> 5] = s;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int i = 1; i < 8; i++) s += parts[i];
  sums[blockIdx.x] = s;
}

// Weights that have had equally many updates and decay alike; updates is one float.
struct Group { float* updates; double decay; };

// What one update works with: the factor of the gradients, whether to go on at all, and by group
// the step's size, the second moment's correction, and what decay leaves of a weight.
struct Plan { float factor, go; struct { float size, root, kept; } groups[1]; };

// The global norm from the sums of squares, in their order, and from it the plan. One block.
extern "C" __global__ void __launch_bounds__(1024) adamw_plan(const float* sums, i64 count,
    const Group* groups, i64 group_count, float* norm, Plan* plan, double max_norm, double rate,
    double beta1, double beta2) {
  __shared__ double parts[1024];
  double s = 0;
  for (i64 i = threadIdx.x; i < count; i += 1024) s += sums[i];
  parts[threadIdx.x] = s;
  for (int half = 512; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
  }
  if (threadIdx.x > 0) return;
  float whole = (float)sqrt(parts[0]);
  bool finite = fabsf(whole) <= 3.4028235e38f;
  *norm = whole;
  double divisor = (whole + 1e-6) / max_norm;
  plan->factor = divisor > 1. ? (float)(1. / divisor) : 1.f;
  plan->go = finite ? 1.f : 0.f;
  for (i64 g = 0; g < group_count; g++) {
    if (finite) *groups[g].updates += 1.f;
    double updates = *groups[g].updates;
    plan->groups[g].size = (float)(rate / (1. - pow(beta1, updates)));
    plan->groups[g].root = (float)(1. / sqrt(1. - pow(beta2, updates)));
    plan->groups[g].kept = (float)(1. - rate * groups[g].decay);
  }
}

struct Constants { float factor, size, root, kept, fresh1, beta2, fresh2, eps; bool go; };

__device__ inline void adamw_element(float& w, float& g, float& m, float& v, Constants c) {
  if (c.go) {
    float scaled = g * c.factor;
    m += c.fresh1 * (scaled - m);
    v = c.beta2 * v + c.fresh2 * scaled * scaled;
    w = w * c.kept - c.size * m / (sqrtf(v) * c.root + c.eps);
  }
  g = 0.f;
}

__device__ inline void adamw_four(Piece p, i64 i, float4 w, float4 g, float4 m, float4 v,
    Constants c) {
  adamw_element(w.x, g.x, m.x, v.x, c);
  adamw_element(w.y, g.y, m.y, v.y, c);
  adamw_element(w.z, g.z, m.z, v.z, c);
  adamw_element(w.w, g.w, m.w, v.w, c);
  ((float4*)p.gradient)[i] = g;
  if (c.go) {
    ((float4*)p.weight)[i] = w;
    ((float4*)p.mean)[i] = m;
    ((float4*)p.square)[i] = v;
  }
  if (p.copy) {
    Four r;
    r.w[0] = pack(w.x, w.y);
    r.w[1] = pack(w.z, w.w);
    ((Four*)p.copy)[i] = r;
  }
}

// One update of a piece; its gradient is zero afterwards and its copy that of the weight, whether
// the plan changes anything or not.
extern "C" __global__ void __launch_bounds__(256) adamw(const Piece* pieces, const Plan* plan,
    double beta1, double beta2, double eps) {
  Piece p = pieces[blockIdx.x];
  auto group = plan->groups[p.group];
  Constants c = {plan->factor, group.size, group.root, group.kept, (float)(1. - beta1),
      (float)beta2, (float)(1. - beta2), (float)eps, plan->go != 0.f};
  i64 fours = p.count / 4;
  for (i64 i = threadIdx.x; i < fours; i += 512) {  // two at a time, so that more is asked for
    i64 j = i + 256;
    bool second = j < fours;
    i64 k = second ? j : i;
    float4 w = ((float4*)p.weight)[i], g = ((float4*)p.gradient)[i];
    float4 m = ((float4*)p.mean)[i], v = ((float4*)p.square)[i];
    float4 w2 = ((float4*)p.weight)[k], g2 = ((float4*)p.gradient)[k];
    float4 m2 = ((float4*)p.mean)[k], v2 = ((float4*)p.square)[k];
    adamw_four(p, i, w, g, m, v, c);
    if (second) adamw_four(p, j, w2, g2, m2, v2, c);
  }
  i64 rest = fours * 4 + threadIdx.x;
  if (rest >= p.count) return;
  float w = p.weight[rest], g = p.gradient[rest], m = p.mean[rest], v = p.square[rest];
  adamw_element(w, g, m, v, c);
  p.weight[rest] = w;
  p.gradient[rest] = g;
  p.mean[rest] = m;
  p.square[rest] = v;
  if (p.copy) p.copy[rest] = (bf16)(pack(w, 0.f) & 0xffffu);
}
