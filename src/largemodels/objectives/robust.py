"""Adversarial examples: the change of an input, within bounds, that raises the loss most.

Madry et al., 2017, "Towards deep learning models resistant to adversarial attacks"
(https://arxiv.org/abs/1706.06083): projected gradient ascent within a box around the input. One step as wide as the
box is the fast gradient sign method (Goodfellow et al., 2014, https://arxiv.org/abs/1412.6572).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def worst_nearby(
    loss: Callable[[Tensor], Tensor],
    inputs: Tensor,
    *,
    bound: float,
    steps: int,
    step: float,
    start: Tensor | None = None,
) -> Tensor:
    """Inputs of high loss, no component of which differs by more than a bound.

    Args:
        loss: of inputs, summed over the batch.
        inputs: ``(batch, …)``, from 0 to 1.
        bound: largest change of a component.
        steps: number of steps along the sign of the gradient.
        step: width of a step.
        start: where to begin, of the shape of inputs; None: at the inputs.

    Returns:
        of the shape of inputs, from 0 to 1.

    Raises:
        ValueError: if the bound or the step is not positive.
    """
    if not (bound > 0 and step > 0):
        raise ValueError(f"bound ({bound}) and step ({step}) must be positive.")
    low, high = (inputs - bound).clamp(min=0), (inputs + bound).clamp(max=1)
    x = (inputs if start is None else start).clamp(low, high).detach()
    for _ in range(steps):
        x.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(x), x)
        x = (x.detach() + step * gradient.sign()).clamp(low, high)
    return x
