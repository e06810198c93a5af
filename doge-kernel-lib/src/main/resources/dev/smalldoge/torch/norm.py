# RMSNorm, dropout and linear layers with master weights of another dtype.

# x (..., d) in the compute dtype, weight (d) fp32. The mean square is taken in fp32.
def rms_norm(self, x: Tensor, weight: Tensor, eps: float) -> Tensor:
    dtype = ops.prim.dtype(x)
    wide = torch.to(x, 6)
    scale = torch.rsqrt(torch.add(torch.mean(torch.mul(wide, wide), [-1], True), eps))
    return torch.to(torch.mul(torch.mul(wide, scale), weight), dtype)

# x @ weights[i].T + biases[i]; biases is empty where the model has none.
def project(self, x: Tensor, weights: List[Tensor], biases: List[Tensor], i: int) -> Tensor:
    dtype = ops.prim.dtype(x)
    weight = torch.to(weights[i], dtype)
    if torch.len(biases) > 0:
        y = torch.linear(x, weight, torch.to(biases[i], dtype))
    else:
        y = torch.linear(x, weight)
    return y

# residual * x + branch, with dropout on the branch. residual (d) fp32.
def add_branch(self, x: Tensor, residual: Tensor, branch: Tensor, dropout: float) -> Tensor:
    if dropout > 0.:
        kept = torch.dropout(branch, dropout, True)
    else:
        kept = branch
    return torch.add(torch.mul(torch.to(residual, ops.prim.dtype(x)), x), kept)

# Token ids (B, T) to hidden states (B, T, d) in the compute dtype. The row of the padding id
# gets no gradient from here, as in the source; a tied head still trains it.
def embed(self, ids: Tensor, weight: Tensor, pad: int, dtype: int) -> Tensor:
    return torch.to(torch.embedding(weight, ids, pad), dtype)
