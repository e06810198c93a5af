# Arrays: creation, casts and the few whole-array operations that Java needs.
# dtypes are ATen's numbers: 4 int64, 6 float32, 7 float64, 11 bool, 15 bfloat16.

def cast(self, x: Tensor, dtype: int) -> Tensor:
    return torch.to(x, dtype)

def copy_of(self, x: Tensor) -> Tensor:
    return torch.clone(x)

def zeros_like(self, x: Tensor) -> Tensor:
    return torch.zeros_like(x)

def zeros(self, shape: List[int], dtype: int, like: Tensor) -> Tensor:
    return torch.zeros(shape, dtype=dtype, device=ops.prim.device(like))

def normal(self, shape: List[int], deviation: float, like: Tensor) -> Tensor:
    x = torch.zeros(shape, dtype=6, device=ops.prim.device(like))
    return torch.normal_(x, 0., deviation)

def copy_into(self, target: Tensor, source: Tensor) -> Tensor:
    return torch.copy_(target, source)

# A zero whose backward gives every parameter a gradient of zeros, so that gradient
# arrays exist, and stay where they are, before the first step.
def zero_of_all(self, parameters: List[Tensor]) -> Tensor:
    total = torch.zeros([], dtype=6, device=ops.prim.device(parameters[0]))
    for i in range(torch.len(parameters)):
        p = parameters[i]
        total = torch.add(total, torch.sum(torch.mul(p, torch.zeros_like(p))))
    return total

# Rows of a (B, T, d) array, one per batch entry: (B, d).
def rows_at(self, x: Tensor, positions: Tensor) -> Tensor:
    batch = torch.arange(torch.size(x, 0), dtype=4, device=ops.prim.device(x))
    return torch.index(x, [batch, positions])

# Log-probabilities of given next tokens. logits (N, V), labels (N), int64; -100 gives 0.
def label_log_probabilities(self, logits: Tensor, labels: Tensor) -> Tensor:
    kept = torch.ne(labels, -100)
    safe = torch.mul(labels, kept)
    chosen = torch.gather(torch.log_softmax(torch.to(logits, 6), -1), 1, torch.unsqueeze(safe, 1))
    return torch.mul(torch.squeeze(chosen, 1), kept)

def linear(self, x: Tensor, weight: Tensor) -> Tensor:
    return torch.linear(x, torch.to(weight, ops.prim.dtype(x)))

# Sum over all pairs of sum(x * g), so that one backward pass seeds several arrays.
def seeded_sum(self, xs: List[Tensor], seeds: List[Tensor]) -> Tensor:
    total = torch.zeros([], dtype=6, device=ops.prim.device(xs[0]))
    for i in range(torch.len(xs)):
        total = torch.add(total, torch.to(torch.sum(torch.mul(xs[i], seeds[i])), 6))
    return total

def view(self, x: Tensor, shape: List[int]) -> Tensor:
    return torch.view(x, shape)

# The last position of every row: (B, T, d) to (B, d).
def last_rows(self, x: Tensor) -> Tensor:
    return torch.select(x, 1, torch.size(x, 1) - 1)

def rows(self, x: Tensor, start: int, count: int) -> Tensor:
    return torch.narrow(x, 0, start, count)

def zero_row(self, x: Tensor, row: int) -> Tensor:
    return torch.zero_(torch.select(x, 0, row))

# The last position of each row of ids (B, T) that is not padding: (B), int64.
def last_positions(self, ids: Tensor, pad: int) -> Tensor:
    positions = torch.arange(torch.size(ids, 1), dtype=4, device=ops.prim.device(ids))
    return torch.argmax(torch.mul(positions, torch.ne(ids, pad)), -1)
