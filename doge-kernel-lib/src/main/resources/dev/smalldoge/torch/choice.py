# Places of the count largest entries of each row. Which of equal ones, is the device's choice.
def largest(self, x: Tensor, count: int) -> Tensor:
    _, places = torch.topk(x, count, -1, True, False)
    return places
