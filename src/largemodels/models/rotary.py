"""Rotary positions: queries and keys are rotated by angles proportional to their position.

Su et al., 2021, "RoFormer: Enhanced Transformer with rotary position embedding", section 3.2
(https://arxiv.org/abs/2104.09864). The elements of a head are treated as pairs, and pair i of the vector at position t
is rotated by t · base^(-2i / d_head) radians. Both vectors of a product q_t · k_s are rotated, so it depends on t - s
alone: attention sees relative positions, not absolute ones.

Here, as in GPT-NeoX and in Hugging Face's Llama, element i of the first half is paired with element i of the second.
The paper and Llama's original files pair neighbours, (0, 1), (2, 3), …: "interleaved". At random initialisation the two
are equivalent; trained weights fit only one of them. To convert interleaved weights, put the rows of each head's query
and key matrices into the order 0, 2, 4, …, 1, 3, 5, ….
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotation(positions: Tensor, d_head: int, base: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """Cosine and signed sine of every angle, as :func:`rotate` takes them.

    Args:
        positions: ``(time,)`` or ``(batch, time)``, 0 for the first token.
        d_head: width of a head, even.
        base: the slowest pair makes one full rotation in about ``2π · base`` positions.

    Returns:
        two tensors ``(1, time, d_head)`` or ``(batch, 1, time, d_head)``, which broadcast to
        ``(batch, n_head, time, d_head)``. The sine is negated for the first element of each pair.
    """
    exponents = torch.arange(0, d_head, 2, device=positions.device) / d_head  # (d_head / 2,)
    angles = positions[..., None, :, None] * (1.0 / base**exponents)  # (…, 1, time, d_head / 2)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate every pair (a, b) of ``x`` to (a cos - b sin, b cos + a sin).

    Args:
        x: ``(batch, n_head, time, d_head)``.
        cos: from :func:`rotation`.
        sin: from :func:`rotation`, signed.
    """
    partner = x.roll(x.shape[-1] // 2, dims=-1)
    return x * cos.to(x.dtype) + partner * sin.to(x.dtype)
