# What the fused training step takes from libtorch: cuDNN's attention, and arrays to work in.

# Folded attention by cuDNN, which takes keys wider than values, and fewer of them than queries.
# q (B, T, H, 144), k (B, T, G, 144) and qkv (B, T, H + 2G, 128), whose last G heads are the
# values. The result is (B, T, H, 128) and what the way back needs.
def attend_fused(self, q: Tensor, k: Tensor, qkv: Tensor, scale: float) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    groups = torch.size(k, 2)
    v = torch.narrow(qkv, 2, torch.size(qkv, 2) - groups, groups)
    out, normalizer, _, _0, _1, _2, seed, offset, _3 = torch._scaled_dot_product_cudnn_attention(torch.transpose(q, 1, 2), torch.transpose(k, 1, 2), torch.transpose(v, 1, 2), None, True, 0., True, False, scale=scale)
    return (torch.contiguous(torch.transpose(out, 1, 2)), normalizer, seed, offset)

def attend_fused_backward(self, gradient: Tensor, q: Tensor, k: Tensor, qkv: Tensor, out: Tensor, normalizer: Tensor, seed: Tensor, offset: Tensor, scale: float) -> Tuple[Tensor, Tensor, Tensor]:
    groups = torch.size(k, 2)
    length = torch.size(k, 1)
    v = torch.narrow(qkv, 2, torch.size(qkv, 2) - groups, groups)
    none = ops.prim.AutogradZero()
    dq, dk, dv = torch._scaled_dot_product_cudnn_attention_backward(torch.transpose(gradient, 1, 2), torch.transpose(q, 1, 2), torch.transpose(k, 1, 2), torch.transpose(v, 1, 2), torch.transpose(out, 1, 2), normalizer, seed, offset, none, none, none, length, length, 0., True, scale=scale)
    return (torch.contiguous(torch.transpose(dq, 1, 2)), torch.contiguous(torch.transpose(dk, 1, 2)), torch.contiguous(torch.transpose(dv, 1, 2)))

# Moves arrays of equal width into one, row after row; each becomes a view of its part.
def share_rows(self, arrays: List[Tensor]) -> Tensor:
    shared = torch.cat(arrays, 0)
    start = 0
    for i in range(torch.len(arrays)):
        count = torch.size(arrays[i], 0)
        _ = torch.set_(arrays[i], torch.narrow(shared, 0, start, count))
        start = start + count
    return shared

def empty(self, shape: List[int], dtype: int, like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=dtype, device=ops.prim.device(like))

def wide_sum(self, x: Tensor, negated: bool) -> Tensor:
    total = torch.sum(x, dtype=7)
    if negated:
        total = torch.neg(total)
    return total
