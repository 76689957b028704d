"""Normalisation of each vector of a sequence separately: LayerNorm and RMSNorm.

Ba, Kiros and Hinton, 2016, "Layer normalization" (https://arxiv.org/abs/1607.06450); Zhang and Sennrich, 2019, "Root
mean square layer normalization" (https://arxiv.org/abs/1910.07467), which subtracts no mean and has no bias.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .checks import one_of

NORMS = ("layernorm", "rmsnorm")


def make_norm(kind: str, d_model: int, *, eps: float = 1e-5, bias: bool = True) -> nn.LayerNorm | nn.RMSNorm:
    """A normalisation layer.

    Args:
        kind: "layernorm" or "rmsnorm".
        d_model: width of the vectors.
        eps: added to the variance or the mean square.
        bias: of a LayerNorm; an RMSNorm has none.

    Raises:
        ValueError: if there is no such kind.
    """
    one_of(NORMS, norm=kind)
    if kind == "rmsnorm":
        return nn.RMSNorm(d_model, eps=eps)
    return nn.LayerNorm(d_model, eps=eps, bias=bias)


def rms_norm(x: Tensor, norm: nn.RMSNorm | None) -> Tensor:
    """Apply an RMSNorm, if there is one, in the dtype of ``x``: under autocast the weight's dtype differs."""
    if norm is None:
        return x
    return F.rms_norm(x, norm.normalized_shape, norm.weight.to(x.dtype), norm.eps)
