# As in choice.py, but which of equal ones is the CPU's choice.
def largest(self, x: Tensor, count: int) -> Tensor:
    _, places = torch.topk(torch.cpu(x), count, -1, True, False)
    return torch.to(places, ops.prim.device(x), 4)
