# As in choice.py, but only equal bits are equal, and which of those stay is libtorch's choice on
# the CPU: that of the reference's figures, which changes with the number of keys.
def dropped(self, mask: Tensor, count: int) -> Tensor:
    _, places = torch.topk(torch.cpu(mask), count, -1, True, False)
    kept = torch.to(places, ops.prim.device(mask), 4)
    return torch.scatter(torch.ones_like(mask, dtype=11), -1, kept, 0)
