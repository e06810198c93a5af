# Global-norm clipping and AdamW over lists of fp32 arrays.

# L2 norm over all arrays together, fp32.
def global_norm(self, arrays: List[Tensor]) -> Tensor:
    return torch.linalg_vector_norm(torch.stack(torch._foreach_norm(arrays)))

# One AdamW update of one decay group. norm: the global norm before clipping; a norm above
# max_norm divides the gradients, and one that is not finite leaves everything as it is.
# step counts updates, fp32, and is shared by all arrays of the group.
def adamw(self, parameters: List[Tensor], gradients: List[Tensor], means: List[Tensor], squares: List[Tensor], step: Tensor, norm: Tensor, max_norm: float, learning_rate: float, beta1: float, beta2: float, eps: float, weight_decay: float) -> Tensor:
    skipped = torch.to(torch.logical_not(torch.isfinite(norm)), 6)
    divisor = torch.clamp_min(torch.div(torch.add(norm, 1e-6), max_norm), 1.)
    _ = torch.add_(step, torch.sub(torch.ones_like(step), skipped))
    steps: List[Tensor] = []
    for i in range(torch.len(parameters)):
        _0 = torch.append(steps, step)
    ops.aten._fused_adamw_(parameters, gradients, means, squares, [], steps, lr=learning_rate, beta1=beta1, beta2=beta2, weight_decay=weight_decay, eps=eps, amsgrad=False, maximize=False, grad_scale=divisor, found_inf=skipped)
    return step

def zero_all(self, arrays: List[Tensor]) -> Tensor:
    torch._foreach_zero_(arrays)
    return arrays[0]
