"""Weights of eight bits, for decoding on the CPU: a quarter of the bytes to read for each token.

Each row of a matrix is stored as whole numbers from -127 to 127 and one scale, the absmax scheme of Dettmers et al.,
2022, "LLM.int8()", section 2 (https://arxiv.org/abs/2208.07339), by row. What differs from the paper: inputs stay in
bfloat16, so nothing has to be done about outliers in them; and only linear layers are stored so, not embeddings, not
the head, not norms.
"""

from __future__ import annotations

import copy

import torch
import torch.nn as nn
from torch import Tensor

from .gpt import GPT


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round each row to whole numbers.

    Args:
        weight: ``(rows, cols)``.

    Returns:
        ``(rows, cols)`` of int8 and ``(rows,)``, whose product is off by half a scale at most.
    """
    scale = weight.abs().amax(dim=1).clamp(min=1e-12) / 127
    return (weight / scale[:, None]).round().to(torch.int8), scale


class Int8Linear(nn.Module):
    """A linear layer with weights of eight bits, for inference on the CPU.

    Args:
        layer: what it replaces.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight, scale = quantise(layer.weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.bfloat16())
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """``(…, in_features)`` to ``(…, out_features)``, in the type of ``x``."""
        rows = x.reshape(-1, x.shape[-1]).bfloat16()
        y = torch._weight_int8pack_mm(rows, self.weight, self.scale).to(x.dtype).view(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias


def to_int8(model: GPT) -> GPT:
    """A copy for inference whose linear layers, but for the head, have weights of eight bits.

    Raises:
        ValueError: if the model is not on the CPU.
    """
    if next(model.parameters()).device.type != "cpu":
        raise ValueError("Eight-bit weights run on the CPU only: move the model there first, model.cpu().")
    small = copy.deepcopy(model).eval()
    for module in list(small.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Linear) and name != "head":
                setattr(module, name, Int8Linear(child))
    return small
