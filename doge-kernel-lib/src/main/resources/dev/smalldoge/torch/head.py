# The language-model head and its loss. N tokens, d hidden width, V vocabulary.

# labels (B, T) as the model's inputs are, moved one to the left: position t is trained on
# token t + 1. The last of each row is not trained on (-100).
def next_labels(self, labels: Tensor) -> Tensor:
    moved = torch.narrow(labels, 1, 1, torch.size(labels, 1) - 1)
    return torch.reshape(torch.constant_pad_nd(moved, [0, 1], -100), [-1])

# Positions (n) int64 whose labels count; the others need no logits. A GPU is waited for.
def counted_positions(self, labels: Tensor) -> Tensor:
    return torch.squeeze(torch.nonzero(torch.ne(labels, -100)), 1)

# Sum of nats over the labels that count, with no array of all logits: per chunk of tokens
# the logits, their loss and at once the gradients, none of it recorded by autograd.
# hidden (N, d) in the compute dtype, weight (V, d) fp32, labels (N) int64, -100 not counted.
# scale multiplies the gradients (1 / counted tokens). weight_gradient: empty to leave the
# weights alone, else one fp32 (V, d) array that the gradient is added to. The result is
# (sum of nats in fp64, gradient of hidden, number of labels that are the likeliest in fp64;
# 0 unless count_hits). On the CPU, labels that do not count cost nothing.
def head_loss(self, hidden: Tensor, weight: Tensor, labels: Tensor, scale: float, chunk: int, gradients: bool, count_hits: bool, weight_gradient: List[Tensor]) -> Tuple[Tensor, Tensor, Tensor]:
    dtype = ops.prim.dtype(hidden)
    every = hidden
    picks = not ops.prim.is_cuda(hidden)
    kept = labels
    if picks:
        kept = self.counted_positions(labels)
        picks = 10 * torch.size(kept, 0) < 9 * torch.size(labels, 0)
    if picks:
        hidden = torch.index_select(hidden, 0, kept)
        labels = torch.index_select(labels, 0, kept)
    tokens = torch.size(hidden, 0)
    narrow_weight = torch.to(weight, dtype)
    total = torch.zeros([], dtype=7, device=ops.prim.device(hidden))
    hits = torch.zeros([], dtype=7, device=ops.prim.device(hidden))
    if gradients:
        hidden_gradient = torch.empty_like(hidden)
    else:
        hidden_gradient = hidden
    start = 0
    while start < tokens:
        size = min(chunk, tokens - start)
        h = torch.narrow(hidden, 0, start, size)
        label = torch.narrow(labels, 0, start, size)
        counted = torch.ne(label, -100)
        target = torch.unsqueeze(torch.mul(label, counted), 1)
        logits = torch.to(torch.linear(h, narrow_weight), 6)
        normalizer = torch.logsumexp(logits, [-1], True)
        nats = torch.mul(torch.squeeze(torch.sub(normalizer, torch.gather(logits, 1, target)), 1), counted)
        total = torch.add(total, torch.sum(nats, dtype=7))
        if count_hits:
            hits = torch.add(hits, torch.sum(torch.eq(torch.argmax(logits, -1), label), dtype=7))
        if gradients:
            factor = torch.unsqueeze(torch.mul(torch.to(counted, 6), scale), 1)
            error = torch.exp_(torch.sub_(logits, normalizer))
            error = torch.mul_(error, factor)
            error = torch.scatter_add_(error, 1, target, torch.neg(factor))
            narrow_error = torch.to(error, dtype)
            _ = torch.copy_(torch.narrow(hidden_gradient, 0, start, size), torch.matmul(narrow_error, narrow_weight))
            if torch.len(weight_gradient) > 0:
                _ = torch.add_(weight_gradient[0], torch.to(torch.matmul(torch.t(narrow_error), h), 6))
        start = start + size
    if picks and gradients:
        hidden_gradient = torch.index_copy(torch.zeros_like(every), 0, kept, hidden_gradient)
    return (total, hidden_gradient, hits)

# Log-probability of each label (N), fp32, 0 where the label is -100; chunked like the loss.
def head_log_probabilities(self, hidden: Tensor, weight: Tensor, labels: Tensor, chunk: int) -> Tensor:
    narrow_weight = torch.to(weight, ops.prim.dtype(hidden))
    every = torch.zeros([torch.size(hidden, 0)], dtype=6, device=ops.prim.device(hidden))
    kept = self.counted_positions(labels)
    hidden = torch.index_select(hidden, 0, kept)
    labels = torch.index_select(labels, 0, kept)
    tokens = torch.size(hidden, 0)
    parts: List[Tensor] = [torch.narrow(every, 0, 0, 0)]
    start = 0
    while start < tokens:
        size = min(chunk, tokens - start)
        logits = torch.linear(torch.narrow(hidden, 0, start, size), narrow_weight)
        _ = torch.append(parts, self.label_log_probabilities(logits, torch.narrow(labels, 0, start, size)))
        start = start + size
    return torch.index_copy(every, 0, kept, torch.cat(parts, 0))

# Gradient of a weighted sum of log-probabilities: weights (N) fp32. Adds to the weight
# gradient as head_loss does; the result is the gradient of hidden.
def head_log_probabilities_backward(self, hidden: Tensor, weight: Tensor, labels: Tensor, factors: Tensor, chunk: int, weight_gradient: List[Tensor]) -> Tensor:
    dtype = ops.prim.dtype(hidden)
    every = hidden
    kept = self.counted_positions(labels)
    hidden = torch.index_select(hidden, 0, kept)
    labels = torch.index_select(labels, 0, kept)
    factors = torch.index_select(factors, 0, kept)
    tokens = torch.size(hidden, 0)
    narrow_weight = torch.to(weight, dtype)
    hidden_gradient = torch.empty_like(hidden)
    start = 0
    while start < tokens:
        size = min(chunk, tokens - start)
        h = torch.narrow(hidden, 0, start, size)
        target = torch.unsqueeze(torch.narrow(labels, 0, start, size), 1)
        factor = torch.unsqueeze(torch.narrow(factors, 0, start, size), 1)
        error = torch.softmax(torch.to(torch.linear(h, narrow_weight), 6), -1)
        error = torch.mul_(error, torch.neg(factor))
        error = torch.to(torch.scatter_add_(error, 1, target, factor), dtype)
        _ = torch.copy_(torch.narrow(hidden_gradient, 0, start, size), torch.matmul(error, narrow_weight))
        if torch.len(weight_gradient) > 0:
            _ = torch.add_(weight_gradient[0], torch.to(torch.matmul(torch.t(error), h), 6))
        start = start + size
    return torch.index_copy(torch.zeros_like(every), 0, kept, hidden_gradient)
