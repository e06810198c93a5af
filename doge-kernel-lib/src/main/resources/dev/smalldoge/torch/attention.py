# Dynamic mask attention. B batch, T queries, S keys, H query heads, G key/value heads,
# D head width. Every key carries a bias per key/value head:
#   bias = exp(A * softplus(dt_proj(values of all heads)))
# which is added to its scores. Source: DogeAttention of Hugging Face transformers.

# x (B, T, d) to queries (B, H, T, D), keys and values (B, G, T, D), bias (B, G, T) fp32.
# weights: q, k, v, o, dt projections, A, q_norm, k_norm.
def heads_of(self, x: Tensor, weights: List[Tensor], biases: List[Tensor], cos: Tensor, sin: Tensor, heads: int, groups: int, eps: float) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    batch = torch.size(x, 0)
    length = torch.size(x, 1)
    values = self.project(x, weights, biases, 2)
    q = torch.view(self.project(x, weights, biases, 0), [batch, length, heads, -1])
    k = torch.view(self.project(x, weights, biases, 1), [batch, length, groups, -1])
    q = torch.transpose(self.rms_norm(q, weights[6], eps), 1, 2)
    k = torch.transpose(self.rms_norm(k, weights[7], eps), 1, 2)
    v = torch.transpose(torch.view(values, [batch, length, groups, -1]), 1, 2)
    dt = torch.softplus(torch.to(self.project(values, weights, biases, 4), 6))
    bias = torch.transpose(torch.exp(torch.mul(dt, weights[5])), 1, 2)
    return (self.rotate(q, cos, sin), self.rotate(k, cos, sin), v, bias)

# Rotary embedding. x (B, heads, T, D); cos, sin (T, D) fp32, halves repeated.
def rotate(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    dtype = ops.prim.dtype(x)
    half = torch.floordiv(torch.size(x, -1), 2)
    first = torch.narrow(x, -1, 0, half)
    second = torch.narrow(x, -1, half, half)
    turned = torch.cat([torch.neg(second), first], -1)
    return torch.to(torch.add(torch.mul(x, cos), torch.mul(turned, sin)), dtype)

# Each key/value head once per query head that shares it.
def per_query_head(self, x: Tensor, heads: int) -> Tensor:
    groups = torch.size(x, 1)
    if heads == groups:
        y = x
    else:
        y = torch.repeat_interleave(x, torch.floordiv(heads, groups), 1)
    return y

# Plain causal attention over folded arrays: q' = [q, 1, 1], k' = [k, hi/scale, lo/scale], so
# that q'.k' * scale = q.k * scale + bias. hi + lo carries the bias through bf16 at 8e-6.
# Exact for every query that sees at least one key, where no top-k and no dropout acts.
def attend_folded(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    dtype = ops.prim.dtype(q)
    heads = torch.size(q, 1)
    width = torch.size(q, 3)
    root = float(width) ** 0.5
    scaled = torch.unsqueeze(torch.mul(bias, root), -1)
    high = torch.to(scaled, dtype)
    low = torch.to(torch.sub(scaled, torch.to(high, 6)), dtype)
    pad = torch.remainder(-(width + 2), 8)
    ones = torch.ones([torch.size(q, 0), heads, torch.size(q, 2), 2], dtype=dtype, device=ops.prim.device(q))
    folded_q = torch.constant_pad_nd(torch.cat([q, ones], -1), [0, pad], 0)
    folded_k = torch.constant_pad_nd(torch.cat([k, high, low], -1), [0, pad], 0)
    folded_v = torch.constant_pad_nd(v, [0, pad + 2], 0)
    out = torch.scaled_dot_product_attention(folded_q, self.per_query_head(folded_k, heads), self.per_query_head(folded_v, heads), None, 0., True, scale=1. / root)
    return torch.narrow(out, -1, 0, width)

# The explicit path, for every mask. The last T of S keys belong to the queries. key_mask
# holds at most one (B, S) array, 1 for real keys. ends holds at most one (B, S) array:
# the number of the document that each key belongs to.
def attend_explicit(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, key_mask: List[Tensor], documents: List[Tensor], keep_window: int, sliding_window: int, dropout: float) -> Tensor:
    heads = torch.size(q, 1)
    queries = torch.size(q, 2)
    keys = torch.size(k, 2)
    scale = float(torch.size(q, 3)) ** -0.5
    device = ops.prim.device(q)
    wide_k = self.per_query_head(k, heads)
    wide_v = self.per_query_head(v, heads)
    row = torch.unsqueeze(torch.arange(keys - queries, keys, dtype=4, device=device), 1)
    column = torch.unsqueeze(torch.arange(keys, dtype=4, device=device), 0)
    hidden = torch.gt(column, row)
    if sliding_window > 0:
        hidden = torch.logical_or(hidden, torch.le(column, torch.sub(row, sliding_window)))
    hidden = torch.unsqueeze(torch.unsqueeze(hidden, 0), 0)
    if torch.len(key_mask) > 0:
        absent = torch.eq(key_mask[0], 0)
        hidden = torch.logical_or(hidden, torch.unsqueeze(torch.unsqueeze(absent, 1), 1))
    if torch.len(documents) > 0:
        document = documents[0]
        own = torch.narrow(document, 1, keys - queries, queries)
        other = torch.ne(torch.unsqueeze(own, 2), torch.unsqueeze(document, 1))
        hidden = torch.logical_or(hidden, torch.unsqueeze(other, 1))
    lowest = -3.4028234663852886e+38
    mask = torch.masked_fill(torch.unsqueeze(bias, 2), hidden, lowest)
    if keys > keep_window:
        mask = self.keep_largest(mask, keep_window, lowest)
    scores = torch.mul(torch.matmul(q, torch.transpose(wide_k, 2, 3)), scale)
    scores = torch.add(torch.to(scores, 6), self.per_query_head(mask, heads))
    weights = torch.to(torch.softmax(scores, -1), ops.prim.dtype(q))
    if dropout > 0.:
        weights = torch.dropout(weights, dropout, True)
    return torch.matmul(weights, wide_v)

# Per query, the keep_window largest entries of the mask; the others fall to lowest.
def keep_largest(self, mask: Tensor, keep_window: int, lowest: float) -> Tensor:
    return torch.masked_fill(mask, self.dropped(mask, keep_window), lowest)

# Attention heads back to (B, T, d), through the output projection.
def merge_heads(self, out: Tensor, weights: List[Tensor], biases: List[Tensor]) -> Tensor:
    batch = torch.size(out, 0)
    length = torch.size(out, 2)
    return self.project(torch.reshape(torch.transpose(out, 1, 2), [batch, length, -1]), weights, biases, 3)

# Normalise, attend, add to the residual stream. x (B, T, d). bounds: offsets of the
# documents in the flattened batch, first 0 and last B*T; empty for one document per row.
# folded chooses the path; see DynamicMaskAttention for when it is exact.
def attention_block(self, x: Tensor, norm: Tensor, residual: Tensor, weights: List[Tensor], biases: List[Tensor], cos: Tensor, sin: Tensor, heads: int, groups: int, eps: float, folded: bool, key_mask: List[Tensor], documents: List[Tensor], bounds: List[int], keep_window: int, sliding_window: int, attention_dropout: float, hidden_dropout: float) -> Tensor:
    q, k, v, bias = self.heads_of(self.rms_norm(x, norm, eps), weights, biases, cos, sin, heads, groups, eps)
    if folded:
        if torch.len(key_mask) > 0:
            absent = torch.unsqueeze(torch.eq(key_mask[0], 0), 1)
            bias = torch.masked_fill(bias, absent, -1e30)
        if torch.len(bounds) > 0:
            out = self.attend_documents(q, k, v, bias, bounds)
        else:
            out = self.attend_folded(q, k, v, bias)
    else:
        out = self.attend_explicit(q, k, v, bias, key_mask, documents, keep_window, sliding_window, attention_dropout)
    return self.add_branch(x, residual, self.merge_heads(out, weights, biases), hidden_dropout)

# Folded attention within each document. Arrays are (B, heads, T, D); documents never cross
# a row, so each is a slice of one row.
def attend_documents(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, bounds: List[int]) -> Tensor:
    length = torch.size(q, 2)
    rows: List[Tensor] = []
    parts: List[Tensor] = []
    for i in range(torch.len(bounds) - 1):
        row = torch.floordiv(bounds[i], length)
        start = bounds[i] - row * length
        size = bounds[i + 1] - bounds[i]
        part = self.attend_folded(torch.narrow(torch.narrow(q, 0, row, 1), 2, start, size), torch.narrow(torch.narrow(k, 0, row, 1), 2, start, size), torch.narrow(torch.narrow(v, 0, row, 1), 2, start, size), torch.narrow(torch.narrow(bias, 0, row, 1), 2, start, size))
        _ = torch.append(parts, part)
        if start + size == length:
            _ = torch.append(rows, torch.cat(parts, 2))
            parts = []
    return torch.cat(rows, 0)

# One block over new tokens with the keys, values and biases of earlier ones kept in cache:
# k, v (B, G, capacity, D), bias (B, G, capacity) fp32, the lowest number for padding, so that
# decode_tokens needs no mask. position: tokens already cached. cos, sin (T, D), or (B, 1, T, D)
# where rows stand at different positions.
def attention_block_cached(self, x: Tensor, norm: Tensor, residual: Tensor, weights: List[Tensor], biases: List[Tensor], cos: Tensor, sin: Tensor, heads: int, groups: int, eps: float, key_mask: List[Tensor], keep_window: int, sliding_window: int, cache: List[Tensor], position: int) -> Tensor:
    q, k, v, bias = self.heads_of(self.rms_norm(x, norm, eps), weights, biases, cos, sin, heads, groups, eps)
    fresh = torch.size(x, 1)
    known = position + fresh
    if torch.len(key_mask) > 0:
        absent = torch.unsqueeze(torch.eq(torch.narrow(key_mask[0], 1, position, fresh), 0), 1)
        bias = torch.masked_fill(bias, absent, -3.4028234663852886e+38)
    _ = torch.copy_(torch.narrow(cache[0], 2, position, fresh), k)
    _ = torch.copy_(torch.narrow(cache[1], 2, position, fresh), v)
    _ = torch.copy_(torch.narrow(cache[2], 2, position, fresh), bias)
    every_key = known <= keep_window and (sliding_window == 0 or known <= sliding_window)
    if position == 0 and every_key and torch.len(key_mask) == 0:
        out = self.attend_folded(q, k, v, bias)
    else:
        out = self.attend_explicit(q, torch.narrow(cache[0], 2, 0, known), torch.narrow(cache[1], 2, 0, known), torch.narrow(cache[2], 2, 0, known), key_mask, [], keep_window, sliding_window, 0.)
    return self.add_branch(x, residual, self.merge_heads(out, weights, biases), 0.)
