"""Gradients of differentially private training: each example's is clipped, and noise is added to their sum.

Abadi et al., 2016, "Deep learning with differential privacy" (https://arxiv.org/abs/1607.00133), algorithm 1. Two ways
to the same sum: :func:`private_gradients` computes the gradient of each example, for any model; :func:`clipped_sums`
needs only the norms, which for linear layers follow from what goes into a layer and what comes back (Goodfellow, 2015,
"Efficient per-example gradient computations", https://arxiv.org/abs/1510.01799).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

Loss = Callable[[Tensor, Tensor], Tensor]
Layer = tuple[Tensor, Tensor]


def private_gradients(
    model: nn.Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    *,
    clip: float,
    noise: float,
    size: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a model's gradients with the noisy mean of the clipped gradients of the examples.

    Args:
        model: without layers that mix the examples of a batch, such as batch normalisation.
        loss: of the model's output for a batch of one example, and its targets; a scalar.
        inputs: ``(batch, …)``; no example at all is allowed, as a batch drawn by coins may be empty.
        targets: ``(batch, …)``.
        clip: C, the largest norm of the gradient of an example over all parameters.
        noise: σ, the standard deviation of the noise on the sum of the gradients, as a multiple of C.
        size: what the sum is divided by, the expected size of a batch; None: the size of this one.
        generator: of the noise.

    Returns:
        the norms before clipping, ``(batch,)``.

    Raises:
        ValueError: if clip is not positive, noise is negative, or there is nothing to divide by.
    """
    _check(clip, noise)
    size = float(len(inputs)) if size is None else size
    if not size > 0:
        raise ValueError("An empty batch needs a size, the expected number of examples.")
    values = {name: it.detach() for name, it in model.named_parameters() if it.requires_grad}

    def one(values: dict[str, Tensor], example: Tensor, target: Tensor) -> Tensor:
        return loss(functional_call(model, values, (example[None],)), target[None])

    norms = torch.zeros(0, device=inputs.device)
    sums = {name: torch.zeros_like(it) for name, it in values.items()}
    if len(inputs):
        with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
            warnings.filterwarnings("ignore", "There is a performance drop")
            each = vmap(grad(one), in_dims=(None, 0, 0), randomness="different")(values, inputs, targets)
        norms = torch.stack([it.flatten(1).norm(dim=1) for it in each.values()]).norm(dim=0)
        factors = clip / norms.clamp(min=clip)  # 1 where the gradient is short enough
        sums = {name: torch.einsum("b,b...->...", factors, it) for name, it in each.items()}
    for name, parameter in model.named_parameters():
        if name in sums:
            drawn = torch.randn(
                parameter.shape, generator=generator, device=parameter.device, dtype=parameter.dtype
            )
            parameter.grad = (sums[name] + noise * clip * drawn) / size
    return norms


def clipped_sums(layers: list[Layer], clip: float) -> list[tuple[Tensor, Tensor]]:
    """The sums over a batch of the clipped gradients of linear layers ``x W + b``.

    The gradient of W for one example is the outer product of its input and of the derivative of its loss by the
    layer's output. The norm of an outer product is the product of the norms, so no gradient of a single example is
    formed. Leading dimensions, such as several models side by side, are kept.

    Args:
        layers: for each its inputs, ``(…, batch, d_in)``, and the derivatives of each example's own loss by its
            outputs, ``(…, batch, d_out)``.
        clip: C, the largest norm of the gradient of an example over all weights and biases; may be infinite.

    Returns:
        for each layer the sums for W, ``(…, d_in, d_out)``, and for b, ``(…, d_out)``.

    Raises:
        ValueError: if clip is not positive.
    """
    _check(clip, 0.0)
    squares = torch.stack([(x.square().sum(-1) + 1) * d.square().sum(-1) for x, d in layers]).sum(0)
    factors = (clip / squares.sqrt().clamp(min=1e-12)).clamp(max=1)[..., None]  # (…, batch, 1)
    return [(x.mT @ (factors * d), (factors * d).sum(-2)) for x, d in layers]


def _check(clip: float, noise: float) -> None:
    if not clip > 0 or not noise >= 0:
        raise ValueError(f"clip ({clip}) must be positive and noise ({noise}) not negative.")
