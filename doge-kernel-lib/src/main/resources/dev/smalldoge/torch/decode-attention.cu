// Attention of one query of every row, after decode.cu.

#define CHUNK 256                    // keys that one block reads at least
#define MEMBERS (WIDTH / 8)          // lanes that share a key
#define AT_ONCE (32 / MEMBERS)       // keys that a warp reads at once
#define AHEAD 4                      // times that it asks before it computes
#define PART (WIDTH + 2)             // largest score, sum of weights, weighted values

// A head's WIDTH products, normed by weight and turned by cosines and sines; a lane holds every
// element from lane * WIDTH / 32 on.
__device__ inline void norm_and_turn(const float* from, const float* weight, const float* cosines,
    const float* sines, double eps, float* v) {
  constexpr int MINE = WIDTH / 32;
  int at = (threadIdx.x & 31) * MINE;
  float squares = 0.f;
#pragma unroll
  for (int i = 0; i < MINE; i++) {
    v[i] = from[at + i];
    squares += v[i] * v[i];
  }
  float scale = rsqrtf(warp_sum(squares) / WIDTH + (float)eps);
#pragma unroll
  for (int i = 0; i < MINE; i++) {
    v[i] *= scale * weight[at + i];
    float other = __shfl_xor_sync(FULL, v[i], 16);
    v[i] = v[i] * cosines[at + i] + (at < WIDTH / 2 ? -other : other) * sines[at + i];
  }
}

// The key, value and mask bias of the new token, appended to the cache of one key/value head.
__device__ inline void append(const float* token, int group, const float* norm, float minus_a,
    const float* cosines, const float* sines, double eps, bf16* key, bf16* value, float* bias) {
  constexpr int MINE = WIDTH / 32;
  int warp = threadIdx.x >> 5, at = (threadIdx.x & 31) * MINE;
  if (warp == WARPS - 1) {
    float v[MINE];
    norm_and_turn(token + (HEADS + group) * WIDTH, norm, cosines, sines, eps, v);
    for (int i = 0; i < MINE; i++) key[at + i] = (bf16)pack(v[i], 0.f);
  } else if (warp == WARPS - 2) {
    const float* from = token + (HEADS + GROUPS + group) * WIDTH + at;
    for (int i = 0; i < MINE; i++) value[at + i] = (bf16)pack(from[i], 0.f);
    float minus_dt = token[(HEADS + 2 * GROUPS) * WIDTH + group];
    float softplus = minus_dt < -20.f ? -minus_dt : log1pf(__expf(-minus_dt));
    if (at == 0) *bias = expf(-minus_a * softplus);
  }
}

// What one head has seen of its keys.
struct Seen {
  float most, total, sum[8];

  __device__ void add(const Seen& other) {
    float top = fmaxf(most, other.most);
    float mine = __expf(most - top), theirs = __expf(other.most - top);
    total = total * mine + other.total * theirs;
#pragma unroll
    for (int i = 0; i < 8; i++) sum[i] = sum[i] * mine + other.sum[i] * theirs;
    most = top;
  }
};

// Attention of the SHARE heads of `query` over keys begin to end: `parts` gets each warp's.
__device__ inline void attend_keys(const float (*query)[WIDTH], const bf16* keys,
    const bf16* values, const float* biases, i64 begin, i64 end, float (*parts)[SHARE][PART]) {
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  int member = lane % MEMBERS, own = warp * AT_ONCE + lane / MEMBERS;
  float q[SHARE][8];
  Seen seen[SHARE];
#pragma unroll
  for (int h = 0; h < SHARE; h++) {
    seen[h].most = -1e30f;  // padding's bias is lower still, so it weighs nothing
    seen[h].total = 0.f;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      q[h][i] = query[h][member * 8 + i];
      seen[h].sum[i] = 0.f;
    }
  }
  for (i64 base = begin; base < end; base += WARPS * AT_ONCE * AHEAD) {
    Eight k[AHEAD], v[AHEAD];
    float bias[AHEAD], score[AHEAD][SHARE];
#pragma unroll
    for (int a = 0; a < AHEAD; a++) {
      i64 j = base + a * WARPS * AT_ONCE + own;
      Eight none = {};
      bool here = j < end;
      k[a] = here ? *(const Eight*)(keys + j * WIDTH + member * 8) : none;
      v[a] = here ? *(const Eight*)(values + j * WIDTH + member * 8) : none;
      bias[a] = here ? biases[j] : LOWEST;
    }
#pragma unroll
    for (int a = 0; a < AHEAD; a++) {
      float x[8];
      unpack(k[a], x);
#pragma unroll
      for (int h = 0; h < SHARE; h++) {
        float s = 0.f;
#pragma unroll
        for (int i = 0; i < 8; i++) s += q[h][i] * x[i];
#pragma unroll
        for (int o = MEMBERS / 2; o > 0; o >>= 1) s += __shfl_xor_sync(FULL, s, o);
        score[a][h] = s + bias[a];
      }
    }
#pragma unroll
    for (int h = 0; h < SHARE; h++) {
      float top = seen[h].most;
#pragma unroll
      for (int a = 0; a < AHEAD; a++) top = fmaxf(top, score[a][h]);
      float kept = __expf(seen[h].most - top);
      seen[h].most = top;
      seen[h].total *= kept;
#pragma unroll
      for (int i = 0; i < 8; i++) seen[h].sum[i] *= kept;
#pragma unroll
      for (int a = 0; a < AHEAD; a++) {
        float x[8], p = __expf(score[a][h] - top);
        unpack(v[a], x);
        seen[h].total += p;
#pragma unroll
        for (int i = 0; i < 8; i++) seen[h].sum[i] += p * x[i];
      }
    }
  }
#pragma unroll
  for (int h = 0; h < SHARE; h++) {
#pragma unroll
    for (int o = MEMBERS; o < 32; o <<= 1) {
      Seen other;
      other.most = __shfl_xor_sync(FULL, seen[h].most, o);
      other.total = __shfl_xor_sync(FULL, seen[h].total, o);
#pragma unroll
      for (int i = 0; i < 8; i++) other.sum[i] = __shfl_xor_sync(FULL, seen[h].sum[i], o);
      seen[h].add(other);
    }
    if (lane >= MEMBERS) continue;
    float* part = parts[warp][h];
    part[0] = seen[h].most;
    part[1] = seen[h].total;
#pragma unroll
    for (int i = 0; i < 8; i++) part[2 + member * 8 + i] = seen[h].sum[i];
  }
}

// Adds `count` parts, `stride` apart, at element c: {largest score, sum of weights, weighted value}.
__device__ inline float3 add_parts(const float* parts, int count, i64 stride, int c) {
  float top = parts[0], total = 0.f, sum = 0.f;
  for (int i = 1; i < count; i++) top = fmaxf(top, parts[i * stride]);
  for (int i = 0; i < count; i++) {
    float weight = __expf(parts[i * stride] - top);
    total += weight * parts[i * stride + 1];
    sum += weight * parts[i * stride + 2 + c];
  }
  return make_float3(top, total, sum);
}

// out (rows, HEADS * WIDTH): attention of each row's new token over its cached keys and itself,
// which is appended first. projected: see project. norms (HEADS + GROUPS, WIDTH) hold the scale of
// the scores too. keys, values (rows, GROUPS, capacity, WIDTH), biases (rows, GROUPS, capacity).
// Grid: gridDim.x blocks that share the keys, by rows * GROUPS; the last of them to finish adds what
// they left in `partial` (rows * HEADS, gridDim.x, PART), as `arrived` (rows * GROUPS) counts.
extern "C" __global__ void __launch_bounds__(256) attend(const float* projected, const float* norms,
    const float* minus_a, const float* cosines, const float* sines, const State* states,
    bf16* keys, bf16* values, float* biases, bf16* out, float* partial,
    unsigned long long* arrived, i64 capacity, i64 window, double eps) {
  __shared__ float query[SHARE][WIDTH];
  __shared__ float parts[WARPS][SHARE][PART];
  __shared__ bool last;
  let_next_begin();
  await_previous();
  i64 row = blockIdx.y / GROUPS;
  int group = blockIdx.y % GROUPS, warp = threadIdx.x >> 5;
  State state = states[row];
  i64 known = state.position + 1;
  i64 first = window > 0 && known > window ? known - window : 0;
  i64 chunk = (known - first + gridDim.x - 1) / gridDim.x;
  if (chunk < CHUNK) chunk = CHUNK;
  int blocks = (int)((known - first + chunk - 1) / chunk);
  if (blockIdx.x >= blocks) return;
  i64 begin = first + blockIdx.x * chunk, end = min(begin + chunk, known);

  const float* token = projected + row * ALL;
  i64 head = blockIdx.y * capacity;
  cosines += state.place * WIDTH;
  sines += state.place * WIDTH;
  if (end == known)
    append(token, group, norms + (HEADS + group) * WIDTH, minus_a[group], cosines, sines, eps,
        keys + (head + state.position) * WIDTH, values + (head + state.position) * WIDTH,
        biases + head + state.position);
  for (int h = warp; h < SHARE; h += WARPS) {
    constexpr int MINE = WIDTH / 32;
    float v[MINE];
    int q = group * SHARE + h, at = (threadIdx.x & 31) * MINE;
    norm_and_turn(token + q * WIDTH, norms + q * WIDTH, cosines, sines, eps, v);
    for (int i = 0; i < MINE; i++) query[h][at + i] = v[i];
  }
  __syncthreads();
  attend_keys(query, keys + head * WIDTH, values + head * WIDTH, biases + head, begin, end, parts);
  __syncthreads();

  i64 first_head = row * HEADS + group * SHARE;
  for (int i = threadIdx.x; i < SHARE * WIDTH; i += 256) {
    int h = i / WIDTH, c = i % WIDTH;
    float3 all = add_parts(parts[0][h], WARPS, SHARE * PART, c);
    if (blocks == 1) {
      out[(first_head + h) * WIDTH + c] = (bf16)pack(all.z / all.y, 0.f);
    } else {
      float* to = partial + ((first_head + h) * gridDim.x + blockIdx.x) * PART;
      if (c == 0) { to[0] = all.x; to[1] = all.y; }
      to[2 + c] = all.z;
    }
  }
  if (blocks == 1) return;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) last = atomicAdd(arrived + blockIdx.y, 1ull) == blocks - 1;
  __syncthreads();
  if (!last) return;
  __threadfence();
  for (int i = threadIdx.x; i < SHARE * WIDTH; i += 256) {
    int h = i / WIDTH, c = i % WIDTH;
    float3 all = add_parts(partial + (first_head + h) * gridDim.x * PART, blocks, PART, c);
    out[(first_head + h) * WIDTH + c] = (bf16)pack(all.z / all.y, 0.f);
  }
  if (threadIdx.x == 0) arrived[blockIdx.y] = 0;
}
