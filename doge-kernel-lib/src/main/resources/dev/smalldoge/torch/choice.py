# Which entries of mask (..., S) are not among each row's count largest; bool. Of equal ones the
# later stay, so that the keys of a query depend neither on what comes after it nor on the cache
# or the device. Biases are equal where 14 bits are: those of one token differ in the last bits
# with the way in which they are computed. x * 1025 - (x * 1025 - x) rounds to 14 bits.
def dropped(self, mask: Tensor, count: int) -> Tensor:
    bias = torch.clamp(mask, -1, 1e30)
    scaled = torch.mul(bias, 1025.)
    rank = torch.sub(scaled, torch.sub(scaled, bias))
    best, _ = torch.topk(rank, count, -1, True, False)
    least = torch.amin(best, [-1], True)
    above = torch.gt(rank, least)
    equal = torch.eq(rank, least)
    room = torch.add(torch.neg(torch.sum(above, [-1], True, dtype=3)), count)
    later = torch.flip(torch.cumsum(torch.flip(equal, [-1]), -1, dtype=3), [-1])
    kept = torch.logical_or(above, torch.logical_and(equal, torch.le(later, room)))
    return torch.logical_not(kept)
