"""Explanations of a prediction by the parts of its input, and interventions that test them.

Four attributions say how much each pixel or feature counts for one output: the gradient (Simonyan, Vedaldi and
Zisserman, 2014, https://arxiv.org/abs/1312.6034), integrated gradients (Sundararajan, Taly and Yan, 2017,
https://arxiv.org/abs/1703.01365), Grad-CAM (Selvaraju et al., 2016, https://arxiv.org/abs/1610.02391) and occlusion
(Zeiler and Fergus, 2014, section 4.2, https://arxiv.org/abs/1311.2901). They are equal to those of ``captum``. What
differs from the papers: gradients keep their sign; a window of the occlusion is filled with one number; the integral
is taken by the midpoint rule.

Two context managers change a model's inside for as long as they are open: one replaces hidden states, as in activation
patching (Meng et al., 2022, https://arxiv.org/abs/2202.05262), one changes attention weights, as Jain and Wallace did
(2019, https://arxiv.org/abs/1902.10186).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.attention import Attention


def _chosen(outputs: Tensor, target: Tensor) -> Tensor:
    """The output that is explained, one a row."""
    return outputs.gather(1, target[:, None])[:, 0]


def gradient(model: Callable[[Tensor], Tensor], x: Tensor, target: Tensor) -> Tensor:
    """The derivative of an output by each number of the input.

    Args:
        model: from inputs to outputs, ``(batch, outputs)``; a row of them depends on the same row of the input alone.
        x: ``(batch, …)``.
        target: ``(batch,)``, the output that is explained, such as the predicted class.

    Returns:
        of the shape of ``x``.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad(_chosen(model(x), target).sum(), x)[0]


def integrated_gradients(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    target: Tensor,
    *,
    baseline: Tensor | float = 0.0,
    steps: int = 32,
) -> Tensor:
    """(x - baseline) times the mean gradient on the straight way from the baseline to x.

    The values of a row sum to the output at ``x`` less that at the baseline, but for the error of the integral.

    Args:
        model: as in :func:`gradient`.
        x: ``(batch, …)``.
        target: ``(batch,)``.
        baseline: a number, or a tensor that broadcasts to ``x``.
        steps: points on the way, in the middle of equal pieces.

    Returns:
        of the shape of ``x``.

    Raises:
        ValueError: if there are no steps.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, not {steps}.")
    way, total = x - baseline, torch.zeros_like(x)
    for step in range(steps):
        total += gradient(model, baseline + (step + 0.5) / steps * way, target)
    return way * total / steps


def grad_cam(model: nn.Module, layer: nn.Module, x: Tensor, target: Tensor) -> Tensor:
    """The channels of a layer, weighted by their mean gradient, summed, and cut off below zero.

    Args:
        model: from pictures to outputs, ``(batch, outputs)``.
        layer: one of its modules, with an output ``(batch, channels, height, width)``.
        x: ``(batch, colours, rows, columns)``.
        target: ``(batch,)``.

    Returns:
        ``(batch, 1, height, width)``, in the layer's resolution.
    """
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda module, given, out: seen.append(out))
    try:
        with torch.enable_grad():
            out = _chosen(model(x.detach().requires_grad_()), target).sum()
            (slope,) = torch.autograd.grad(out, seen[0])
    finally:
        handle.remove()
    weights = slope.mean((2, 3), keepdim=True)
    return F.relu((weights * seen[0]).sum(1, keepdim=True)).detach()


@torch.no_grad()
def occlusion(
    model: Callable[[Tensor], Tensor],
    x: Tensor,
    target: Tensor,
    *,
    size: int,
    stride: int | None = None,
    fill: float = 0.0,
) -> Tensor:
    """By how much an output falls when a square window is filled; a mean over the windows that cover a pixel.

    Args:
        model: as in :func:`gradient`.
        x: ``(batch, colours, rows, columns)``.
        target: ``(batch,)``.
        size: side of the window, in pixels.
        stride: from one window to the next; None: ``size``.
        fill: what stands in the window instead.

    Returns:
        ``(batch, 1, rows, columns)``.

    Raises:
        ValueError: if the windows do not fit the picture.
    """
    stride = stride or size
    rows, columns = x.shape[-2:]
    if size > min(rows, columns) or (rows - size) % stride or (columns - size) % stride:
        raise ValueError(f"Windows of {size} every {stride} pixels do not fit {rows} × {columns}.")
    whole = _chosen(model(x), target)
    total, times = x.new_zeros(len(x), 1, rows, columns), x.new_zeros(rows, columns)
    for top in range(0, rows - size + 1, stride):
        for left in range(0, columns - size + 1, stride):
            hidden, window = x.clone(), (..., slice(top, top + size), slice(left, left + size))
            hidden[window] = fill
            total[window] += (whole - _chosen(model(hidden), target))[:, None, None, None]
            times[window] += 1
    return total / times


@contextmanager
def patched(module: nn.Module, positions: int | Sequence[int], values: Tensor) -> Iterator[None]:
    """While open, the module gives other vectors at some positions.

    Args:
        module: such as a block of a GPT, with an output ``(batch, time, width)``.
        positions: one position, or several.
        values: broadcast to ``(batch, positions, width)``; for one position to ``(batch, width)``.
    """

    def change(_module: nn.Module, _given: Any, out: Tensor) -> Tensor:
        out = out.clone()
        out[:, positions] = values.to(out)
        return out

    handle = module.register_forward_hook(change)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def attention_changed(
    attention: Attention, change: Callable[[Tensor], Tensor] | None = None
) -> Iterator[list[Tensor]]:
    """While open, an attention layer computes its weights openly: they are listed, and may be changed.

    Args:
        attention: self-attention in which each position may see all that the mask allows: neither causal nor rotary,
            and without a cache.
        change: from weights ``(batch, n_head, queries, keys)`` to others of the same shape; None: none.

    Yields:
        the list to which each call of the layer appends its weights, before the change.

    Raises:
        ValueError: if the layer is causal, or has normalised queries or fewer heads of keys than of queries.
    """
    if attention.causal or attention.q_norm is not None or attention.n_kv_head != attention.n_head:
        raise ValueError("Only plain self-attention that sees both ways can be changed.")
    seen: list[Tensor] = []

    def forward(x: Tensor, mask: Tensor | None = None, rotation: None = None, cache: None = None) -> Tensor:
        if rotation is not None or cache is not None:
            raise ValueError("Attention with rotary positions or a cache cannot be changed.")
        heads = attention.qkv(x).unflatten(2, (3 * attention.n_head, attention.d_head)).transpose(1, 2)
        q, k, v = heads.chunk(3, dim=1)
        scores = q @ k.transpose(2, 3) / attention.d_head**0.5
        if mask is not None:
            seen_by = mask[:, None, None, :] if mask.ndim == 2 else mask
            scores = scores.masked_fill(~seen_by.bool(), float("-inf"))
        weights = scores.softmax(-1)
        seen.append(weights)
        weights = weights if change is None else change(weights)
        mixed: Tensor = attention.project((weights @ v).transpose(1, 2).flatten(2))
        return mixed

    attention.forward = forward  # type: ignore[method-assign,assignment]
    try:
        yield seen
    finally:
        del attention.forward
