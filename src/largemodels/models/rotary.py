"""Rotary positions: a position turns queries and keys by angles that grow with it.

Su et al., 2021, "RoFormer: Enhanced Transformer with rotary position embedding", section 3.2
(https://arxiv.org/abs/2104.09864). The numbers of a head are read as pairs, and pair i of the vector at position t
turns by t · base^(-2i / d_head) radians. Both vectors of a product q_t · k_s turn, so that it depends on t - s alone:
the model sees distances, not places.

Here, as in GPT-NeoX and all of Hugging Face, a pair is number i of the first half and number i of the second. The
paper, and Llama's original files, take neighbours, (0, 1), (2, 3), …: "interleaved". With random weights both are the
same model. Trained weights belong to one of them: those of the other kind need the rows of their query and key matrices
in the order 0, 2, 4, …, 1, 3, 5, … of each head.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotation(positions: Tensor, d_head: int, base: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """Cosine and signed sine of every angle, as :func:`rotate` wants them.

    Args:
        positions: ``(time,)`` or ``(batch, time)``, 0 for the first token.
        d_head: width of a head, even.
        base: the slowest pair turns once in about ``2π · base`` positions.

    Returns:
        two tensors ``(1, time, d_head)`` or ``(batch, 1, time, d_head)``, which fit ``(batch, n_head, time, d_head)``.
        The sine is negative for the first number of each pair.
    """
    exponents = torch.arange(0, d_head, 2, device=positions.device) / d_head  # (d_head / 2,)
    angles = positions[..., None, :, None] * (1.0 / base**exponents)  # (…, 1, time, d_head / 2)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn every pair (a, b) of ``x`` into (a cos - b sin, b cos + a sin).

    Args:
        x: ``(batch, n_head, time, d_head)``.
        cos: of :func:`rotation`.
        sin: of :func:`rotation`, with its sign.
    """
    partner = x.roll(x.shape[-1] // 2, dims=-1)
    return x * cos.to(x.dtype) + partner * sin.to(x.dtype)
