# The choice of the next token, on the device. B rows, V vocabulary.

# Tokens that have appeared become less likely. seen (B, V) bool.
def penalize(self, logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    lower = torch.where(torch.lt(logits, 0), torch.mul(logits, penalty), torch.div(logits, penalty))
    return torch.where(seen, lower, logits)

# One draw per row from the distribution that temperature, top_k, top_p and min_p leave, in
# that order. uniform (B) in [0, 1 - 2^-23] decides: the first token, likeliest first where
# they are sorted at all, at which the cumulative probability exceeds its share of the whole.
# top_k 0, top_p 1 and min_p 0 are off.
def draw(self, logits: Tensor, uniform: Tensor, temperature: float, top_k: int, top_p: float, min_p: float) -> Tensor:
    scores = torch.div(logits, temperature)
    sorted: List[Tensor] = []
    if top_k > 0 and top_k < torch.size(logits, 1):
        scores, ids = torch.topk(scores, top_k, -1)
        _ = torch.append(sorted, ids)
    elif top_p < 1.:
        scores, ids0 = torch.sort(scores, -1, True)
        _ = torch.append(sorted, ids0)
    probabilities = torch.softmax(scores, -1)
    if top_p < 1.:
        before = torch.sub(torch.cumsum(probabilities, -1), probabilities)
        probabilities = torch.masked_fill(probabilities, torch.ge(before, top_p), 0)
    if min_p > 0.:
        floor = torch.mul(torch.amax(probabilities, [-1], True), min_p)
        probabilities = torch.masked_fill(probabilities, torch.lt(probabilities, floor), 0)
    cumulative = torch.cumsum(probabilities, -1)
    total = torch.narrow(cumulative, 1, torch.size(cumulative, 1) - 1, 1)
    passed = torch.le(cumulative, torch.mul(total, torch.unsqueeze(uniform, 1)))
    place = torch.sum(passed, [-1], True)
    if torch.len(sorted) > 0:
        place = torch.gather(sorted[0], 1, place)
    return torch.squeeze(place, 1)

# Chooses each row's next token and remembers it. logits (B, V) fp32; output (B, N) int64 gets
# the tokens in column step; done (B) bool is set at an end token, and a row that is done
# writes pad; ends (E) int64. seen: at most one (B, V) bool; noise: at most one (N, B) fp32,
# without which the likeliest token is taken. settings: temperature, top_p, min_p, penalty.
# The result is (B, 1), the next input.
def choose_tokens(self, logits: Tensor, output: Tensor, done: Tensor, ends: Tensor, seen: List[Tensor], noise: List[Tensor], step: int, pad: int, may_end: bool, top_k: int, temperature: float, top_p: float, min_p: float, penalty: float) -> Tensor:
    scores = logits
    if torch.len(seen) > 0:
        scores = self.penalize(scores, seen[0], penalty)
    if not may_end:
        scores = torch.index_fill(scores, 1, ends, -3.4028234663852886e+38)
    if torch.len(noise) > 0:
        chosen = self.draw(scores, torch.select(noise[0], 0, step), temperature, top_k, top_p, min_p)
    else:
        chosen = torch.argmax(scores, -1)
    chosen = torch.masked_fill(chosen, done, pad)
    _ = torch.copy_(torch.select(output, 1, step), chosen)
    column = torch.unsqueeze(chosen, 1)
    _ = torch.logical_or_(done, torch.any(torch.eq(column, ends), 1))
    if torch.len(seen) > 0:
        _ = torch.scatter_(seen[0], 1, column, 1)
    return column

# Columns of a (B, N) array, with memory of their own.
def columns(self, x: Tensor, start: int, count: int) -> Tensor:
    return torch.clone(torch.narrow(x, 1, start, count), memory_format=0)

# (B, V) bool: which ids each row of (B, T) holds, padding aside. mask (B, T) int64.
def ids_seen(self, ids: Tensor, mask: Tensor, vocabulary: int) -> Tensor:
    seen = torch.zeros([torch.size(ids, 0), vocabulary], dtype=4, device=ops.prim.device(ids))
    seen = torch.scatter_add(seen, 1, ids, mask)
    return torch.gt(seen, 0)
