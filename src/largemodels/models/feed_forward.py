"""The feed-forward network (MLP) that a Transformer applies to each position separately.

Vaswani et al., 2017, "Attention is all you need", section 3.3 (https://arxiv.org/abs/1706.03762): expand, apply an
activation function, contract. What differs from the paper is the choice of the activation:

- ``relu``: the paper's;
- ``gelu``: x · Φ(x) with the exact normal distribution function Φ (Hendrycks and Gimpel, 2016,
  https://arxiv.org/abs/1606.08415): BERT, ViT;
- ``gelu_tanh``: the tanh approximation of Φ from the same paper: GPT-2;
- ``quick_gelu``: its coarser approximation, x · σ(1.702 x): CLIP;
- ``relu2``: the square of ReLU (So et al., 2021, https://arxiv.org/abs/2109.08668);
- ``swiglu``: the hidden layer is twice as wide, and one half, after x · σ(x), gates the other
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
    return hidden * F.relu(hidden)  # its gradient costs half as much as that of relu(hidden)²


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
    """Two linear layers with an activation function between them.

    Args:
        d_model: width of input and output.
        d_hidden: width after the activation.
        activation: a name in :data:`ACTIVATIONS`.
        bias: whether both layers have one.
        dropout: probability of dropping an element of the output in training.

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
