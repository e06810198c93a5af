# Per query, the keep_window largest entries of the mask; the others fall to lowest. Which of
# equal entries stay is the device's choice.
def keep_largest(self, mask: Tensor, keep_window: int, lowest: float) -> Tensor:
    _, kept = torch.topk(mask, keep_window, -1, True, False)
    dropped = torch.scatter(torch.ones_like(mask, dtype=11), -1, kept, 0)
    return torch.masked_fill(mask, dropped, lowest)
