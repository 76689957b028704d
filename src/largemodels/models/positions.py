"""Two ways of telling attention where a token stands that need no parameters: a table of sines, and a bias on scores.

:func:`sinusoidal` is the table of Vaswani et al., 2017, "Attention is all you need", section 3.5
(https://arxiv.org/abs/1706.03762), which is added to the embeddings. Sines and cosines take turns, as published;
``transformers`` puts all sines before all cosines in some models, such as Marian.

:func:`alibi` is the bias of Press et al., 2021, "Train short, test long: attention with linear biases enables input
length extrapolation" (https://arxiv.org/abs/2108.12409): each head lowers the score of a key in proportion to its
distance. The slopes follow the paper for a power of two of heads, and the authors' code for other numbers, as BLOOM
does. BLOOM adds the slope times the position of the key instead; along a row the two differ by a constant, which the
softmax ignores.

The rotary positions have a file of their own, :mod:`.rotary`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .checks import at_least


def sinusoidal(length: int, d_model: int, base: float = 10_000.0) -> Tensor:
    """Sines and cosines of the positions 0, 1, …, at wavelengths from ``2π`` to nearly ``2π · base``.

    Args:
        length: number of positions.
        d_model: width of the residual stream; if it is odd, there is one more sine than cosines.
        base: the longest wavelength divided by ``2π``, nearly.

    Returns:
        ``(length, d_model)``: in column ``2i`` the sine of ``position / base^(2i / d_model)``, in column ``2i + 1`` its
        cosine.
    """
    at_least(1, length=length, d_model=d_model)
    exponents = torch.arange(0, d_model, 2, dtype=torch.double) / d_model  # one for each sine
    angles = torch.arange(length, dtype=torch.double)[:, None] / base**exponents  # (length, sines)
    table = torch.empty(length, d_model, dtype=torch.double)
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles[:, : d_model // 2].cos()
    return table.float()


def alibi_slopes(n_head: int) -> Tensor:
    """How fast each head's scores fall with distance, ``(n_head,)``.

    For n heads, n a power of two, the geometric series ``2^(-8/n), 2^(-16/n), …, 2^(-8)``. For other numbers the slopes
    of the next smaller power of two, then every second one of twice that power.
    """
    at_least(1, n_head=n_head)
    power = 2 ** math.floor(math.log2(n_head))

    def series(n: int) -> Tensor:
        return 2.0 ** (-8 * torch.arange(1, n + 1, dtype=torch.double) / n)

    return torch.cat([series(power), series(2 * power)[::2][: n_head - power]]).float()


def alibi(slopes: Tensor, length: int, causal: bool = True) -> Tensor:
    """A bias for the ``mask`` of :class:`.attention.Attention`: minus slope times distance.

    Args:
        slopes: ``(n_head,)``, such as those of :func:`alibi_slopes`; 0 switches a head's bias off.
        length: number of positions.
        causal: whether keys after the query get ``-inf``. A mask decides alone, so it must say so itself.

    Returns:
        ``(1, n_head, length, length)``: the bias of each head, query and key.
    """
    at_least(1, length=length)
    position = torch.arange(length, device=slopes.device)
    ahead = position - position[:, None]  # (queries, keys): how far a key is ahead of the query
    bias = -slopes[:, None, None] * ahead.abs()  # (n_head, queries, keys)
    return bias.masked_fill(ahead > 0, -math.inf)[None] if causal else bias[None]
