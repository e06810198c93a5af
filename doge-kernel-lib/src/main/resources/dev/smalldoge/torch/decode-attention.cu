// Attention of one query of every row, after decode.cu.

// Little code, for a step runs all of it once and waits for most of it to be fetched.

#define CHUNK 256                    // keys that one block reads at least
#define MEMBERS (WIDTH / 8)          // lanes that share a key
#define AT_ONCE (32 / MEMBERS)       // keys that a warp reads at once
#define AHEAD 2                      // times that it asks before it computes
#define PART (WIDTH + 2)             // largest score, sum of weights, weighted values

#define SPREAD (WIDTH / 32)          // elements of a head that a lane holds when a warp has it

struct alignas(4 * SPREAD) Floats { float of[SPREAD]; };
struct alignas(2 * SPREAD) Halves { bf16 of[SPREAD]; };

// A lane's elements of a head, read at once.
__device__ inline Floats own_of(const float* head) {
  return ((const Floats*)head)[threadIdx.x & 31];
}

__device__ inline void write_own(float* head, Floats v) {
  ((Floats*)head)[threadIdx.x & 31] = v;
}

// Rounds to bf16, writes that, and gives it back.
__device__ inline Floats write_rounded(bf16* head, Floats v) {
  Halves h;
#pragma unroll
  for (int i = 0; i < SPREAD; i++) {
    h.of[i] = (bf16)pack(v.of[i], 0.f);
    v.of[i] = low(h.of[i]);
  }
  ((Halves*)head)[threadIdx.x & 31] = h;
  return v;
}

// A head's products, normed by weight and turned by cosines and sines.
__device__ inline Floats norm_and_turn(Floats v, Floats weight, Floats cosine, Floats sine,
    double eps) {
  float squares = 0.f;
#pragma unroll
  for (int i = 0; i < SPREAD; i++) squares += v.of[i] * v.of[i];
  float scale = rsqrtf(warp_sum(squares) / WIDTH + (float)eps);
  bool first_half = (threadIdx.x & 31) < 16;
#pragma unroll
  for (int i = 0; i < SPREAD; i++) {
    v.of[i] *= scale * weight.of[i];
    float other = __shfl_xor_sync(FULL, v.of[i], 16);
    v.of[i] = v.of[i] * cosine.of[i] + (first_half ? -other : other) * sine.of[i];
  }
  return v;
}

// The new token of one key/value head: its queries, key and value as it stands in the cache, and
// its mask bias.
struct Fresh {
  alignas(16) float query[SHARE][WIDTH];
  alignas(16) float key[WIDTH];
  alignas(16) float value[WIDTH];
  float bias;
};

// What one head has seen of its keys.
struct Seen {
  float most, total, sum[8];

  // Begins with nothing: padding's bias is lower still, so it weighs nothing.
  __device__ void clear() {
    most = -1e30f;
    total = 0.f;
#pragma unroll
    for (int i = 0; i < 8; i++) sum[i] = 0.f;
  }

  // Begins with one key.
  __device__ void begin(float score, const float* value) {
    most = score;
    total = 1.f;
#pragma unroll
    for (int i = 0; i < 8; i++) sum[i] = value[i];
  }

  // Makes `top` the largest score.
  __device__ void raise(float top) {
    float kept = __expf(most - top);
    most = top;
    total *= kept;
#pragma unroll
    for (int i = 0; i < 8; i++) sum[i] *= kept;
  }

  __device__ void add(float score, const float* value) {
    float p = __expf(score - most);
    total += p;
#pragma unroll
    for (int i = 0; i < 8; i++) sum[i] += p * value[i];
  }

  // Adds what the lanes `o` away have seen, and they what these have.
  __device__ void join(int o) {
    raise(fmaxf(most, __shfl_xor_sync(FULL, most, o)));
    total += __shfl_xor_sync(FULL, total, o);
#pragma unroll
    for (int i = 0; i < 8; i++) sum[i] += __shfl_xor_sync(FULL, sum[i], o);
  }
};

// Cached keys and values that a lane has asked for, eight elements of each.
struct Asked {
  Eight k[AHEAD], v[AHEAD];
  float bias[AHEAD];

  __device__ void ask(const bf16* keys, const bf16* values, const float* biases, int base, int end,
      int own, int member) {
#pragma unroll
    for (int a = 0; a < AHEAD; a++) {
      int j = base + a * WARPS * AT_ONCE + own;
      Eight none = {};
      bool here = j < end;
      k[a] = here ? *(const Eight*)(keys + (i64)j * WIDTH + member * 8) : none;
      v[a] = here ? *(const Eight*)(values + (i64)j * WIDTH + member * 8) : none;
      bias[a] = here ? biases[j] : LOWEST;
    }
  }
};

// q times a key, summed over the lanes that share it.
__device__ inline float score_of(const float* q, const float* key) {
  float s = 0.f;
#pragma unroll
  for (int i = 0; i < 8; i++) s += q[i] * key[i];
#pragma unroll
  for (int o = MEMBERS / 2; o > 0; o >>= 1) s += __shfl_xor_sync(FULL, s, o);
  return s;
}

__device__ inline void attend_asked(const float (*q)[8], const Asked& asked, Seen* seen) {
  float score[AHEAD][SHARE];
#pragma unroll
  for (int a = 0; a < AHEAD; a++) {
    float x[8];
    unpack(asked.k[a], x);
#pragma unroll
    for (int h = 0; h < SHARE; h++) score[a][h] = score_of(q[h], x) + asked.bias[a];
  }
#pragma unroll
  for (int h = 0; h < SHARE; h++) {
    float top = seen[h].most;
#pragma unroll
    for (int a = 0; a < AHEAD; a++) top = fmaxf(top, score[a][h]);
    seen[h].raise(top);
  }
#pragma unroll
  for (int a = 0; a < AHEAD; a++) {
    float x[8];
    unpack(asked.v[a], x);
#pragma unroll
    for (int h = 0; h < SHARE; h++) seen[h].add(score[a][h], x);
  }
}

// The sum of the warps' parts at element c: largest score, sum of weights, weighted value.
__device__ inline float3 add_parts(const float* parts, int c) {
  float top = parts[0], total = 0.f, sum = 0.f;
#pragma unroll
  for (int w = 1; w < WARPS; w++) top = fmaxf(top, parts[w * SHARE * PART]);
#pragma unroll
  for (int w = 0; w < WARPS; w++) {
    const float* part = parts + w * SHARE * PART;
    float weight = __expf(part[0] - top);
    total += weight * part[1];
    sum += weight * part[2 + c];
  }
  return make_float3(top, total, sum);
}

// The attention that `count` blocks' parts give at element c. Volatile: other blocks wrote them.
__device__ inline float attention_of(const volatile float* parts, int count, int c) {
  float top = NEVER, total = 0.f, sum = 0.f;
#pragma unroll 1
  for (int i = 0; i < count; i++) {
    const volatile float* part = parts + i * PART;
    float first = part[0];
    float next = fmaxf(top, first), kept = __expf(top - next), weight = __expf(first - next);
    total = total * kept + weight * part[1];
    sum = sum * kept + weight * part[2 + c];
    top = next;
  }
  return __fdividef(sum, total);
}

// out (rows, HEADS * WIDTH): attention of each row's new token over its cached keys and itself,
// which is appended. projected: see project. norms (HEADS + GROUPS, WIDTH) hold the scale of the
// scores too. keys, values (rows, GROUPS, capacity, WIDTH), biases (rows, GROUPS, capacity). Grid:
// gridDim.x blocks that share the keys, by rows * GROUPS; the last of them to finish adds what they
// left in `partial` (rows * HEADS, gridDim.x, PART), as `arrived` (rows * GROUPS) counts.
extern "C" __global__ void __launch_bounds__(256) attend(const float* projected, const float* norms,
    const float* minus_a, const float* cosines, const float* sines, const State* states,
    bf16* keys, bf16* values, float* biases, bf16* out, float* partial,
    unsigned long long* arrived, i64 capacity, i64 window, double eps) {
  __shared__ float parts[WARPS][SHARE][PART];
  __shared__ Fresh fresh;
  __shared__ bool last;
  let_next_begin();
  i64 row = blockIdx.y / GROUPS;
  int group = blockIdx.y % GROUPS, warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
  State state = states[row];
  int cached = (int)state.position;
  int first = window > 0 && cached >= window ? cached + 1 - (int)window : 0;
  int chunk = max((cached - first + (int)gridDim.x - 1) / (int)gridDim.x, CHUNK);
  int blocks = max((cached - first + chunk - 1) / chunk, 1);
  if (blockIdx.x >= blocks) return;
  bool newest = blockIdx.x == blocks - 1;
  int begin = first + blockIdx.x * chunk, end = min(begin + chunk, cached);
  i64 head = blockIdx.y * capacity;
  keys += head * WIDTH;
  values += head * WIDTH;
  biases += head;
  int member = lane % MEMBERS, own = warp * AT_ONCE + lane / MEMBERS;
  cosines += state.place * WIDTH;
  sines += state.place * WIDTH;
  Floats cosine = own_of(cosines), sine = own_of(sines);
  Asked asked;  // what earlier steps have cached need not wait
  asked.ask(keys, values, biases, begin, end, own, member);
  await_previous();

  const float* token = projected + row * PROJECTED;
  if (newest && warp == WARPS - 1) {
    const float* norm = norms + (HEADS + group) * WIDTH;
    Floats k = own_of(token + (HEADS + group) * WIDTH);
    k = norm_and_turn(k, own_of(norm), cosine, sine, eps);
    write_own(fresh.key, write_rounded(keys + (i64)cached * WIDTH, k));
  }
  if (newest && warp == WARPS - 2) {
    Floats v = own_of(token + (HEADS + GROUPS + group) * WIDTH);
    float minus_dt = token[(HEADS + 2 * GROUPS) * WIDTH + group];
    write_own(fresh.value, write_rounded(values + (i64)cached * WIDTH, v));
    float softplus = minus_dt < -20.f ? -minus_dt : __logf(1.f + __expf(-minus_dt));
    if (lane == 0) biases[cached] = fresh.bias = __expf(-minus_a[group] * softplus);
  }
#pragma unroll 1
  for (int h = warp; h < SHARE; h += WARPS) {
    int at = (group * SHARE + h) * WIDTH;
    Floats q = norm_and_turn(own_of(token + at), own_of(norms + at), cosine, sine, eps);
    write_own(fresh.query[h], q);
  }
  __syncthreads();

  float q[SHARE][8];
  Seen seen[SHARE];
#pragma unroll
  for (int h = 0; h < SHARE; h++) {
#pragma unroll
    for (int i = 0; i < 8; i++) q[h][i] = fresh.query[h][member * 8 + i];
    seen[h].clear();
    if (newest && warp == 0) {
      float score = score_of(q[h], fresh.key + member * 8) + fresh.bias;
      if (lane < MEMBERS) seen[h].begin(score, fresh.value + member * 8);
    }
  }
  constexpr int STEP = WARPS * AT_ONCE * AHEAD;
#pragma unroll 1
  for (int base = begin; base < end; base += STEP) {
    Asked next;
    next.ask(keys, values, biases, base + STEP, end, own, member);
    attend_asked(q, asked, seen);
    asked = next;
  }
#pragma unroll
  for (int h = 0; h < SHARE; h++) {
#pragma unroll
    for (int o = MEMBERS; o < 32; o <<= 1) seen[h].join(o);
    if (lane < MEMBERS) {
      float* part = parts[warp][h];
      part[0] = seen[h].most;
      part[1] = seen[h].total;
#pragma unroll
      for (int i = 0; i < 8; i++) part[2 + member * 8 + i] = seen[h].sum[i];
    }
  }
  __syncthreads();

  i64 first_head = row * HEADS + group * SHARE;
#pragma unroll 1
  for (int i = threadIdx.x; i < SHARE * WIDTH; i += 256) {
    int h = i / WIDTH, c = i % WIDTH;
    float3 all = add_parts(parts[0][h], c);
    if (blocks == 1) {
      out[(first_head + h) * WIDTH + c] = (bf16)pack(__fdividef(all.z, all.y), 0.f);
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
#pragma unroll 1
  for (int i = threadIdx.x; i < SHARE * WIDTH; i += 256) {
    int h = i / WIDTH, c = i % WIDTH;
    float v = attention_of(partial + (first_head + h) * gridDim.x * PART, blocks, c);
    out[(first_head + h) * WIDTH + c] = (bf16)pack(v, 0.f);
  }
  if (threadIdx.x == 0) arrived[blockIdx.y] = 0;
}
