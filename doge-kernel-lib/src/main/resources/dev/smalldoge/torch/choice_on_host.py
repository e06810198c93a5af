# keep_largest of choice.py, which of equal entries stay being the CPU's choice.
def keep_largest(self, mask: Tensor, keep_window: int, lowest: float) -> Tensor:
    _, chosen = torch.topk(torch.cpu(mask), keep_window, -1, True, False)
    kept = torch.to(chosen, ops.prim.device(mask), 4)
    dropped = torch.scatter(torch.ones_like(mask, dtype=11), -1, kept, 0)
    return torch.masked_fill(mask, dropped, lowest)
