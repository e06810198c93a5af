# What fine-tuning adds: the preference loss, and low-rank adapters.

# Preference loss of P pairs. log_probabilities (2P * T) fp32 of one forward over P chosen
# answers and then P rejected ones, 0 where nothing is learned; reference (2P) fp64: sums of
# the reference model; lengths (2P) fp64: learned tokens of each answer; scale multiplies the
# derivative. With r = policy - reference and m = r(chosen) - r(rejected):
#   sigmoid  -(1 - s) log sigma(beta m) - s log sigma(-beta m), s the label smoothing
#   ipo      (m - 1 / (2 beta))^2, with r per token of its answer
# The result: the derivative by each log-probability (2P * T) fp32; and the sums over the pairs
# of loss, beta m, m > 0, log-probability of chosen, of rejected, and the mean of -r, (6) fp64.
def preference_loss(self, log_probabilities: Tensor, reference: Tensor, lengths: Tensor, beta: float, smoothing: float, ipo: bool, scale: float) -> Tuple[Tensor, Tensor]:
    rows = torch.size(reference, 0)
    pairs = torch.floordiv(rows, 2)
    by_row = torch.view(log_probabilities, [rows, -1])
    policy = torch.sum(by_row, [1], dtype=7)
    ratio = torch.sub(policy, reference)
    weight = torch.ones_like(reference)
    if ipo:
        weight = torch.reciprocal(lengths)
    weighed = torch.mul(ratio, weight)
    margin = torch.sub(torch.narrow(weighed, 0, 0, pairs), torch.narrow(weighed, 0, pairs, pairs))
    if ipo:
        error = torch.sub(margin, 1. / (2. * beta))
        loss = torch.mul(error, error)
        slope = torch.mul(error, 2.)
    else:
        z = torch.mul(margin, beta)
        right = torch.mul(torch.log_sigmoid(z), smoothing - 1.)
        loss = torch.sub(right, torch.mul(torch.log_sigmoid(torch.neg(z)), smoothing))
        slope = torch.mul(torch.sub(torch.sigmoid(z), 1. - smoothing), beta)
    by_answer = torch.mul(torch.cat([slope, torch.neg(slope)], 0), torch.mul(weight, scale))
    derivative = torch.to(torch.expand_as(torch.unsqueeze(by_answer, 1), by_row), 6)
    figures = torch.stack([torch.sum(loss), torch.mul(torch.sum(margin), beta), torch.sum(torch.gt(margin, 0), dtype=7), torch.sum(torch.narrow(policy, 0, 0, pairs)), torch.sum(torch.narrow(policy, 0, pairs, pairs)), torch.mul(torch.sum(ratio), -0.5)])
    return (torch.reshape(derivative, [-1]), figures)

# Sums of log-probabilities (rows * T) over each row, fp64.
def row_sums(self, log_probabilities: Tensor, rows: int) -> Tensor:
    return torch.sum(torch.view(log_probabilities, [rows, -1]), [1], dtype=7)

# weight = base + scale * b a, in place. base (out, in), a (r, in), b (out, r), all fp32.
def adapter_merge(self, weight: Tensor, base: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    return torch.copy_(weight, torch.add(base, torch.mul(torch.matmul(b, a), scale)))

# Adds the gradients of a and b that follow from that of base + scale * b a.
def adapter_gradients(self, gradient: Tensor, a: Tensor, b: Tensor, a_gradient: Tensor, b_gradient: Tensor, scale: float) -> Tensor:
    _ = torch.add_(a_gradient, torch.mul(torch.matmul(torch.t(b), gradient), scale))
    _0 = torch.add_(b_gradient, torch.mul(torch.matmul(gradient, torch.t(a)), scale))
    return a_gradient
