"""The two-layer network that a Transformer applies to each position by itself.

Vaswani et al., 2017, "Attention is all you need", section 3.3 (https://arxiv.org/abs/1706.03762). Widen, apply a
nonlinear function, narrow again. What differs from the paper is the choice of the function:

- ``relu``: that of the paper;
- ``gelu``: x · Φ(x) with the normal distribution function Φ, exactly (Hendrycks and Gimpel, 2016,
  https://arxiv.org/abs/1606.08415): BERT, ViT;
- ``gelu_tanh``: the approximation of Φ by tanh that the same paper gives: GPT-2;
- ``quick_gelu``: the coarser one, x · σ(1.702 x): CLIP;
- ``relu2``: the square of ReLU (So et al., 2021, https://arxiv.org/abs/2109.08668);
- ``swiglu``: one half of a hidden layer that is twice as wide, after x · σ(x), multiplies the other half
  (Shazeer, 2020, https://arxiv.org/abs/2002.05202): Llama.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import one_of
from .linear import Linear


def _gelu_tanh(hidden: Tensor) -> Tensor:
    return F.gelu(hidden, approximate="tanh")


def _quick_gelu(hidden: Tensor) -> Tensor:
    return hidden * torch.sigmoid(1.702 * hidden)


def _relu2(hidden: Tensor) -> Tensor:
    return hidden * F.relu(hidden)  # the gradient of this form costs half of that of a square


def _swiglu(hidden: Tensor) -> Tensor:
    gate, value = hidden.chunk(2, dim=-1)
    return F.silu(gate) * value


# From (…, d_hidden) to the same shape; swiglu halves the last dimension.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
    "quick_gelu": _quick_gelu,
    "relu": F.relu,
    "relu2": _relu2,
    "swiglu": _swiglu,
}


class FeedForward(nn.Module):
    """Two linear layers with a nonlinear function between them.

    Args:
        d_model: width of what goes in and comes out.
        d_hidden: width after the function.
        activation: a name in :data:`ACTIVATIONS`.
        bias: of both layers.
        dropout: probability that a number of the result is dropped in training.

    Raises:
        ValueError: if there is no such activation.
    """

    def __init__(
        self,
        d_model: int,
        d_hidden: int,
        *,
        activation: str = "gelu",
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        one_of(ACTIVATIONS, activation=activation)
        self.activation = activation
        gated = activation == "swiglu"
        self.expand = Linear(d_model, 2 * d_hidden if gated else d_hidden, bias=bias)
        if gated:
            self.stacked = {"expand": (d_hidden, d_hidden)}  # rows of gate and value in one matrix, for Muon
        self.contract = Linear(d_hidden, d_model, bias=bias)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(…, d_model)`` to the same shape."""
        return self.dropout(self.contract(ACTIVATIONS[self.activation](self.expand(x))))
