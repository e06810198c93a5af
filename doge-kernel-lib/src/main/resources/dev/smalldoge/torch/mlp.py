# The gated MLP (SwiGLU) and the cross domain mixture of experts (CDMoE) on top of it.
# N tokens, d hidden width, E = K*K single-neuron experts, k experts per token.

# weights: gate, up, down projections.
def gated_mlp(self, x: Tensor, weights: List[Tensor], biases: List[Tensor]) -> Tensor:
    gate = torch.silu(self.project(x, weights, biases, 0))
    return self.project(torch.mul(gate, self.project(x, weights, biases, 1)), weights, biases, 2)

# Normalise, apply the MLP, add to the residual stream. x (B, T, d).
def mlp_block(self, x: Tensor, norm: Tensor, residual: Tensor, weights: List[Tensor], biases: List[Tensor], eps: float, dropout: float) -> Tensor:
    h = self.rms_norm(x, norm, eps)
    return self.add_branch(x, residual, self.gated_mlp(h, weights, biases), dropout)

# Router output (N, 2K) to the scores of both product keys, (2, N, K) in fp32. The legacy
# view mixes tokens; see ModelConfig.Routing.
def product_scores(self, logits: Tensor, legacy: bool) -> Tensor:
    tokens = torch.size(logits, 0)
    wide = torch.to(logits, 6)
    if legacy:
        scores = torch.view(wide, [2, tokens, -1])
    else:
        scores = torch.transpose(torch.view(wide, [tokens, 2, -1]), 0, 1)
    return scores

# The k best of all K*K sums, as scores and expert ids, both (N, k), best first. A best
# pair is made of best halves, so each half's k best suffice.
def best_experts(self, scores: Tensor, count: int) -> Tuple[Tensor, Tensor]:
    keys = torch.size(scores, 2)
    tokens = torch.size(scores, 1)
    halves, ids = torch.topk(scores, min(count, keys), -1)
    sums = torch.add(torch.unsqueeze(torch.select(halves, 0, 0), 2), torch.unsqueeze(torch.select(halves, 0, 1), 1))
    experts = torch.add(torch.unsqueeze(torch.mul(torch.select(ids, 0, 0), keys), 2), torch.unsqueeze(torch.select(ids, 0, 1), 1))
    best, places = torch.topk(torch.view(sums, [tokens, -1]), count, -1)
    return (best, torch.gather(torch.view(experts, [tokens, -1]), 1, places))

# Sum over the chosen experts of softmax(score) * silu(down_e . x) * up_e. x (N, d).
def experts(self, x: Tensor, scores: Tensor, ids: Tensor, down_embed: Tensor, up_embed: Tensor, normalize: bool) -> Tensor:
    dtype = ops.prim.dtype(x)
    routing = torch.softmax(scores, -1)
    if normalize:
        routing = torch.div(routing, torch.sum(routing, [-1], True))
    down = torch.to(torch.embedding(down_embed, ids), dtype)
    up = torch.to(torch.embedding(up_embed, ids), dtype)
    neurons = torch.squeeze(torch.matmul(down, torch.unsqueeze(x, -1)), -1)
    neurons = torch.mul(torch.silu(neurons), torch.to(routing, dtype))
    return torch.squeeze(torch.matmul(torch.unsqueeze(neurons, 1), up), 1)

# Normalise, apply MLP and experts, add to the residual stream; also the product scores
# (2, N, K) for the load-balancing loss. expert_weights: router, down_embed, up_embed.
def experts_block(self, x: Tensor, norm: Tensor, residual: Tensor, weights: List[Tensor], biases: List[Tensor], expert_weights: List[Tensor], count: int, normalize: bool, legacy: bool, eps: float, dropout: float) -> Tuple[Tensor, Tensor]:
    h = self.rms_norm(x, norm, eps)
    tokens = torch.view(h, [-1, torch.size(h, 2)])
    scores = self.product_scores(self.project(tokens, expert_weights, [], 0), legacy)
    best, ids = self.best_experts(scores, count)
    mixed = self.experts(tokens, best, ids, expert_weights[1], expert_weights[2], normalize)
    branch = torch.add(self.gated_mlp(h, weights, biases), torch.view(mixed, torch.size(h)))
    return (self.add_branch(x, residual, branch, dropout), scores)

# Load-balancing loss over all layers' product scores (2, N, K): E * sum_e f_e * P_e, with
# f_e the share of choices that fell on expert e and P_e its mean probability. The
# probability of a pair is the product of its halves' softmaxes, so P needs no (N, K*K).
# mask: at most one (N) array, 1 for tokens that count. sorted_order compares f_e with
# probabilities by rank, as the published code does.
def load_balancing_loss(self, layers: List[Tensor], count: int, sorted_order: bool, mask: List[Tensor]) -> Tensor:
    keys = torch.size(layers[0], 2)
    tokens = torch.size(layers[0], 1)
    device = ops.prim.device(layers[0])
    if torch.len(mask) > 0:
        counted = torch.to(mask[0], 6)
    else:
        counted = torch.ones([tokens], dtype=6, device=device)
    chosen = torch.zeros([keys * keys], dtype=6, device=device)
    probability = torch.zeros([keys, keys], dtype=6, device=device)
    for i in range(torch.len(layers)):
        scores = layers[i]
        _, ids = self.best_experts(scores, count)
        each = torch.reshape(torch.expand(torch.unsqueeze(counted, 1), [tokens, count]), [-1])
        chosen = torch.scatter_add(chosen, 0, torch.view(ids, [-1]), each)
        if sorted_order:
            ordered, _ = torch.sort(scores, -1, True)
        else:
            ordered = scores
        halves = torch.softmax(ordered, -1)
        x = torch.mul(torch.select(halves, 0, 0), torch.unsqueeze(counted, 1))
        probability = torch.add(probability, torch.matmul(torch.t(x), torch.select(halves, 0, 1)))
    total = torch.mul(torch.sum(counted), float(torch.len(layers)))
    chosen = torch.div(chosen, torch.mul(total, float(count)))
    shares = torch.div(torch.view(probability, [-1]), total)
    return torch.mul(torch.sum(torch.mul(chosen, shares)), float(keys * keys))
