# One token of every row through the whole model in one call. B rows, d hidden width, H query
# heads, G key/value heads, D head width, S tokens known, W columns of the fused projection.
#
# Fewer operators than the blocks of training: norm weights are folded into the projection
# after them, q, k, v and dt are one product, and RMSNorm is LayerNorm of [x, -x], whose mean
# is 0 and whose variance is the mean square. Where weights are mirrored, the products already
# give [x, -x] (a GPU waits for operators, not for memory), else it is put together here.

# (n, d) to (2n, d): the rows, then their negatives.
def mirror_rows(self, x: Tensor) -> Tensor:
    return torch.cat([x, torch.neg(x)], 0)

# Rows of every head [a; b] to [-b; a; b; -a], so that LayerNorm sees each value with its
# negative, columns D/2 on are the head, and the first D columns are the head turned a quarter.
def mirror_heads(self, weight: Tensor, heads: int) -> Tensor:
    rows = torch.view(weight, [heads, 2, -1, torch.size(weight, 1)])
    a = torch.select(rows, 1, 0)
    b = torch.select(rows, 1, 1)
    return torch.reshape(torch.cat([torch.neg(b), a, b, torch.neg(a)], 1), [-1, torch.size(weight, 1)])

# The fused projection of one attention block, (W, d) in dtype: q and k, v, and minus dt of
# each key/value head. weights as in heads_of; norm (d) is folded in unless empty. Biases are
# a column more, so the same text folds them: weights[i] (n, 1).
def fuse_projection(self, weights: List[Tensor], norm: List[Tensor], heads: int, groups: int, mirrored: bool) -> Tensor:
    dt = torch.to(torch.matmul(torch.to(weights[4], 7), torch.to(weights[2], 7)), 6)
    qk = torch.cat([weights[0], weights[1]], 0)
    if mirrored:
        qk = self.mirror_heads(qk, heads + groups)
    fused = torch.cat([qk, weights[2], torch.neg(dt)], 0)
    if torch.len(norm) > 0:
        fused = torch.mul(fused, norm[0])
    return fused

# Zero rows below, so that the number of rows is a multiple of 8 and can be split.
def pad_rows(self, x: Tensor) -> Tensor:
    return torch.constant_pad_nd(x, [0, 0, 0, torch.remainder(-torch.size(x, 0), 8)], 0)

# What decode_tokens takes for one layer: fused projection, -A (G) fp32, output projection,
# residual, gate and up, down, residual. attention as in heads_of, mlp as in gated_mlp.
def decoding_layer(self, attention: List[Tensor], mlp: List[Tensor], norms: List[Tensor], residuals: List[Tensor], heads: int, groups: int, mirrored: bool, dtype: int) -> Tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    fused = self.pad_rows(self.fuse_projection(attention, [norms[0]], heads, groups, mirrored))
    gate_up = torch.mul(torch.cat([mlp[0], mlp[1]], 0), norms[1])
    out = attention[3]
    down = mlp[2]
    first = residuals[0]
    second = residuals[1]
    if mirrored:
        out = self.mirror_rows(out)
        down = self.mirror_rows(down)
        first = torch.cat([first, first], 0)
        second = torch.cat([second, second], 0)
    return (torch.to(fused, dtype), torch.neg(attention[5]), torch.to(out, dtype), torch.to(first, dtype), torch.to(gate_up, dtype), torch.to(down, dtype), torch.to(second, dtype))

# Biases of one attention block: of the fused projection, and of the output projection.
def decoding_attention_biases(self, attention: List[Tensor], biases: List[Tensor], heads: int, groups: int, mirrored: bool, dtype: int) -> Tuple[Tensor, Tensor]:
    ordered = [torch.unsqueeze(biases[0], 1), torch.unsqueeze(biases[1], 1), torch.unsqueeze(biases[2], 1), torch.unsqueeze(biases[3], 1), attention[4]]
    column = self.fuse_projection(ordered, [], heads, groups, mirrored)
    own = torch.narrow(column, 0, torch.size(column, 0) - groups, groups)
    _ = torch.sub_(own, torch.unsqueeze(biases[4], 1))
    fused = torch.squeeze(self.pad_rows(column), 1)
    out = biases[3]
    if mirrored:
        out = self.mirror_rows(out)
    return (torch.to(fused, dtype), torch.to(out, dtype))

# Biases of one MLP: of gate and up, and of down.
def decoding_mlp_biases(self, biases: List[Tensor], mirrored: bool, dtype: int) -> Tuple[Tensor, Tensor]:
    down = biases[2]
    if mirrored:
        down = self.mirror_rows(down)
    return (torch.to(torch.cat([biases[0], biases[1]], 0), dtype), torch.to(down, dtype))

# Router and experts' inputs with the norm weight folded in, and experts' outputs.
def decoding_experts(self, experts: List[Tensor], norm: Tensor, mirrored: bool, dtype: int) -> Tuple[Tensor, Tensor, Tensor]:
    up = experts[2]
    if mirrored:
        up = torch.cat([up, torch.neg(up)], 1)
    return (torch.to(torch.mul(experts[0], norm), dtype), torch.to(torch.mul(experts[1], norm), dtype), torch.to(up, dtype))

# Weights of q_norm and k_norm of all layers for each head, (L, 1, H + G, D) fp32: as they
# fall on the head, and as they fall on the head turned a quarter. The scale of the scores is
# part of the queries'. norms: q_norm of layer 0, k_norm of layer 0, q_norm of layer 1, ...
def decoding_head_norms(self, norms: List[Tensor], heads: int, groups: int) -> Tuple[Tensor, Tensor]:
    width = torch.size(norms[0], 0)
    layers: List[Tensor] = []
    for i in range(torch.floordiv(torch.len(norms), 2)):
        q = torch.mul(norms[2 * i], float(width) ** -0.5)
        q = torch.expand(torch.unsqueeze(q, 0), [heads, width])
        k = torch.expand(torch.unsqueeze(norms[2 * i + 1], 0), [groups, width])
        _ = torch.append(layers, torch.cat([q, k], 0))
    all = torch.unsqueeze(torch.stack(layers), 1)
    return (all, torch.roll(all, [torch.floordiv(width, 2)], [-1]))

# A linear layer whose weight is of x's dtype; biases holds its bias at i, or nothing. parts
# above 1 splits the rows of the weight for as many threads, for which x must be one row: BLAS
# multiplies one row on one thread. The column keeps the strides of a row's transpose, which
# BLAS serves at 2.4 times the speed of a contiguous column.
# Where there are packed matrices, the one at k takes the place of weight.
def decode_linear(self, x: Tensor, weight: Tensor, biases: List[Tensor], i: int, parts: int, packed: List[__torch__.torch.classes.quantized.LinearPackedParamsBase], k: int) -> Tensor:
    if torch.len(packed) > 0:
        y = ops.quantized.linear_dynamic_fp16(x, packed[k])
        if torch.len(biases) > 0:
            y = torch.add(y, biases[i])
    elif parts > 1:
        width = torch.size(x, 1)
        column = torch.expand(torch.unsqueeze(torch.t(x), 0), [parts, width, 1])
        y = torch.reshape(torch.bmm(torch.view(weight, [parts, -1, width]), column), [1, -1])
        if torch.len(biases) > 0:
            y = torch.add(y, biases[i])
    elif torch.len(biases) > 0:
        y = torch.linear(x, weight, biases[i])
    else:
        y = torch.linear(x, weight)
    return y

# Matrices (n, d) in fp16, as FBGEMM multiplies a fp32 row by them on an x86 CPU.
def pack_matrices(self, weights: List[Tensor]) -> List[__torch__.torch.classes.quantized.LinearPackedParamsBase]:
    packed = annotate(List[__torch__.torch.classes.quantized.LinearPackedParamsBase], [])
    for i in range(torch.len(weights)):
        _ = torch.append(packed, ops.quantized.linear_prepack_fp16(weights[i], None))
    return packed

# RMSNorm without weight of a stream (B, d), or (B, 2d) mirrored: (B, d).
def decode_norm(self, x: Tensor, mirrored: bool, eps: float) -> Tensor:
    if mirrored:
        wide = x
    else:
        wide = torch.cat([x, torch.neg(x)], -1)
    width = torch.size(wide, -1)
    y = torch.layer_norm(wide, [width], None, None, eps)
    return torch.narrow(y, -1, 0, torch.floordiv(width, 2))

# Queries and keys (B, H + G, D) of their columns of the fused projection, normed and turned; cos
# and sin (B or 1, H + G, D) hold the norm's weights too.
def decode_heads(self, qk: Tensor, count: int, width: int, mirrored: bool, cos: Tensor, sin: Tensor, eps: float) -> Tensor:
    half = torch.floordiv(width, 2)
    if mirrored:
        wide = torch.view(qk, [-1, count, width * 2])
    else:
        x = torch.view(qk, [-1, count, width])
        a, b = torch.split(torch.neg(x), half, -1)
        wide = torch.cat([b, x, a], -1)
    y = torch.layer_norm(wide, [width * 2], None, None, eps)
    return torch.addcmul(torch.mul(torch.narrow(y, -1, half, width), cos), torch.narrow(y, -1, 0, width), sin)

# Attention of one query per row over the keys from first to position in the cache. fused: as
# one operator, a third faster on the CPU; on a GPU it would round the biases to bf16.
def decode_attention(self, q: Tensor, cache: List[Tensor], at: int, groups: int, first: int, known: int, keep_window: int, fused: bool) -> Tensor:
    batch = torch.size(q, 0)
    width = torch.size(q, 2)
    keys = torch.narrow(cache[at], 2, first, known)
    values = torch.narrow(cache[at + 1], 2, first, known)
    bias = torch.unsqueeze(torch.narrow(cache[at + 2], 2, first, known), 2)
    if known > keep_window:
        bias = self.keep_largest(bias, keep_window, -3.4028234663852886e+38)
    grouped = torch.reshape(q, [batch, groups, -1, width])
    if fused:
        mask = torch.to(bias, ops.prim.dtype(q))
        out = torch.scaled_dot_product_attention(grouped, keys, values, mask, 0., False, scale=1.)
    else:
        scores = torch.add(torch.matmul(grouped, torch.transpose(keys, 2, 3)), bias)
        shares = torch.to(torch.softmax(scores, -1), ops.prim.dtype(q))
        out = torch.matmul(shares, values)
    return torch.reshape(out, [batch, -1])

# Logits (B, V) fp32 of what follows the tokens (B, 1). shared: embedding (V, d), head (V, d),
# final norm (d), the two of decoding_head_norms, cos and sin (1 or B, D) of this position.
# layers, 7 per layer, is made by decoding_layer; attention_biases and mlp_biases (2 per
# layer) and experts (3 per layer) may be empty. packed may be empty too, else it has the four
# matrices of each layer and the head. threads splits the products of a single row. cache, 3 per layer: keys, values, biases.
def decode_tokens(self, tokens: Tensor, shared: List[Tensor], layers: List[Tensor], attention_biases: List[Tensor], mlp_biases: List[Tensor], experts: List[Tensor], packed: List[__torch__.torch.classes.quantized.LinearPackedParamsBase], cache: List[Tensor], position: int, heads: int, groups: int, keep_window: int, sliding_window: int, experts_per_token: int, normalize: bool, mirrored: bool, threads: int, eps: float) -> Tensor:
    dtype = ops.prim.dtype(shared[0])
    width = torch.size(shared[3], 3)
    both = heads + groups
    rest = both * width
    if mirrored:
        rest = 2 * rest
    parts = 1
    if torch.size(tokens, 0) == 1:
        parts = threads
    x = torch.embedding(shared[0], torch.select(tokens, 1, 0))
    if mirrored:
        x = torch.cat([x, torch.neg(x)], -1)
    cos = torch.to(torch.mul(shared[3], torch.unsqueeze(shared[5], 1)), dtype)
    sin = torch.to(torch.mul(shared[4], torch.unsqueeze(shared[6], 1)), dtype)
    first = 0
    if sliding_window > 0:
        first = max(0, position + 1 - sliding_window)
    known = position + 1 - first
    cosines = torch.unbind(cos, 0)
    sines = torch.unbind(sin, 0)
    used = rest + groups * width + groups
    for i in range(torch.floordiv(torch.len(layers), 7)):
        w = 7 * i
        h = self.decode_norm(x, mirrored, eps)
        fused = self.decode_linear(h, layers[w], attention_biases, 2 * i, parts, packed, 4 * i)
        unturned, v, dt, filling = torch.split_with_sizes(fused, [rest, groups * width, groups, torch.size(fused, 1) - used], 1)
        qk = self.decode_heads(unturned, both, width, mirrored, cosines[i], sines[i], eps)
        q, k = torch.split_with_sizes(qk, [heads, groups], 1)
        bias = torch.pow(torch.sigmoid(torch.to(dt, 6)), layers[w + 1])
        _ = torch.copy_(torch.select(cache[3 * i], 2, position), k)
        _ = torch.copy_(torch.select(cache[3 * i + 1], 2, position), torch.view(v, [-1, groups, width]))
        _ = torch.copy_(torch.select(cache[3 * i + 2], 2, position), bias)
        out = self.decode_attention(q, cache, 3 * i, groups, first, known, keep_window, not mirrored)
        x = torch.addcmul(self.decode_linear(out, layers[w + 2], attention_biases, 2 * i + 1, parts, packed, 4 * i + 1), layers[w + 3], x)
        h = self.decode_norm(x, mirrored, eps)
        gate_up = self.decode_linear(h, layers[w + 4], mlp_biases, 2 * i, parts, packed, 4 * i + 2)
        gate, up = torch.chunk(gate_up, 2, 1)
        gated = torch.mul(torch.silu(gate), up)
        branch = self.decode_linear(gated, layers[w + 5], mlp_biases, 2 * i + 1, parts, packed, 4 * i + 3)
        if torch.len(experts) > 0:
            scores = self.product_scores(torch.linear(h, experts[3 * i]), False)
            best, ids = self.best_experts(scores, experts_per_token)
            branch = torch.add(branch, self.experts(h, best, ids, experts[3 * i + 1], experts[3 * i + 2], normalize))
        x = torch.addcmul(branch, layers[w + 6], x)
    last = torch.mul(self.decode_norm(x, mirrored, eps), shared[2])
    return torch.to(self.decode_linear(last, shared[1], [], 0, parts, packed, torch.len(packed) - 1), 6)

# A table's rows (P, D) at each row's own positions, as the third axis of (B, 1, T, D) wants
# them: position of a token = number of real tokens before it. mask (B, S) int64, of which the
# last T columns count.
def rows_at_positions(self, table: Tensor, mask: Tensor, count: int) -> Tensor:
    places = torch.clamp_min(torch.sub(torch.cumsum(mask, 1), 1), 0)
    fresh = torch.narrow(places, 1, torch.size(mask, 1) - count, count)
    return torch.unsqueeze(torch.embedding(table, fresh), 1)

# How often the arrays were written in place; int64.
def versions(self, arrays: List[Tensor]) -> Tensor:
    total = 0
    for i in range(torch.len(arrays)):
        total = total + ops.aten._version(arrays[i])
    return torch.full([1], total, dtype=4)
