"""Rotary positions: a position turns queries and keys by angles that grow with it.

Su et al., 2021, "RoFormer: Enhanced Transformer with rotary position embedding", section 3.2
(https://arxiv.org/abs/2104.09864). The numbers of a head are read as pairs, and pair i of the vector at position t
turns by t · base^(-2i / d_head) radians. Both vectors of a product q_t · k_s turn, so that it depends on t - s alone:
the model sees distances, not places.

Two ways to pair the numbers are in use. The paper, and Llama's original files, take neighbours, (0, 1), (2, 3), …:
"interleaved". GPT-NeoX and all of Hugging Face take number i of the first half and number i of the second: "halves".
With random weights both are the same model. Trained weights belong to one of them; :func:`reorder_pairs` moves the rows
of a query or key matrix from one to the other.
"""

from __future__ import annotations

import torch
from torch import Tensor

PAIRS = ("halves", "interleaved")


def rotation(
    positions: Tensor, d_head: int, base: float = 10_000.0, pairs: str = "halves"
) -> tuple[Tensor, Tensor]:
    """Cosine and signed sine of every angle, as :func:`rotate` wants them.

    Args:
        positions: ``(time,)`` or ``(batch, time)``, 0 for the first token.
        d_head: width of a head, even.
        base: the slowest pair turns once in about ``2π · base`` positions.
        pairs: "halves" or "interleaved".

    Returns:
        two tensors ``(1, time, d_head)`` or ``(batch, 1, time, d_head)``, which fit ``(batch, n_head, time, d_head)``.
        The sine is negative for the first number of each pair.
    """
    exponents = torch.arange(0, d_head, 2, device=positions.device) / d_head  # (d_head / 2,)
    angles = positions[..., None, :, None] * (1.0 / base**exponents)  # (…, 1, time, d_head / 2)
    cos, sin = angles.cos(), angles.sin()
    if pairs == "interleaved":
        return cos.repeat_interleave(2, dim=-1), torch.stack([-sin, sin], dim=-1).flatten(-2)
    return torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor, pairs: str = "halves") -> Tensor:
    """Turn every pair (a, b) of ``x`` into (a cos - b sin, b cos + a sin).

    Args:
        x: ``(batch, n_head, time, d_head)``.
        cos: of :func:`rotation`.
        sin: of :func:`rotation`, with its sign.
        pairs: the same as there.
    """
    if pairs == "interleaved":
        partner = x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
    else:
        partner = x.roll(x.shape[-1] // 2, dims=-1)
    return x * cos.to(x.dtype) + partner * sin.to(x.dtype)


def reorder_pairs(weight: Tensor, n_head: int, to: str) -> Tensor:
    """Rows of a query or key matrix, or its bias, for the other way to pair.

    Args:
        weight: ``(n_head * d_head, …)``, made for the pairs that ``to`` does not name.
        n_head: heads in it.
        to: "halves" or "interleaved".
    """
    d_head = weight.shape[0] // n_head
    heads = weight.unflatten(0, (n_head, 2, d_head // 2) if to == "interleaved" else (n_head, d_head // 2, 2))
    return heads.transpose(1, 2).reshape(weight.shape)
