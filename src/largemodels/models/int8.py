"""Weights of eight bits, for decoding on the CPU: a quarter of the bytes to read for each token.

Each row of a matrix is stored as whole numbers from -127 to 127 and one scale, the absmax scheme of Dettmers et al.,
2022, "LLM.int8()", section 2 (https://arxiv.org/abs/2208.07339), by row. What differs from the paper: inputs stay in
bfloat16, so nothing has to be done about outliers in them; and the head is stored so, too, since of a small model it is
a third. Embeddings and norms are not.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .gpt import GPT

FEW = 8  # rows, up to which it is quicker not to widen the weights first


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
        weight: ``(out_features, in_features)``, to be rounded.
        bias: ``(out_features,)``.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        weight, scale = quantise(weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.bfloat16())
        self.register_buffer("bias", None if bias is None else bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """``(…, in_features)`` to ``(…, out_features)``, in the type of ``x``."""
        rows = x.reshape(-1, x.shape[-1]).bfloat16()
        # The kernel for few rows reads sixteen numbers at a time, beyond the end of a row where they do not fit.
        if len(rows) <= FEW and rows.shape[-1] % 16 == 0:
            y = torch._weight_int8pack_mm(rows, self.weight, self.scale)
        else:  # a prompt: computing takes longer than reading the weights, and bfloat16 computes faster
            y = F.linear(rows, self.weight.bfloat16()) * self.scale
        y = y.to(x.dtype).view(*x.shape[:-1], -1)
        return y if self.bias is None else y + self.bias


class Int8GPT(GPT):
    """A GPT for inference on the CPU whose linear layers and head have weights of eight bits.

    Args:
        model: the same with its own weights; embeddings, norms and biases are shared with it.

    Raises:
        ValueError: if the model is not on the CPU.
    """

    def __init__(self, model: GPT) -> None:
        if next(model.parameters()).device.type != "cpu":
            raise ValueError(
                "Eight-bit weights run on the CPU only: move the model there first, model.cpu()."
            )
        with torch.device("meta"):  # no numbers yet: those of the model come
            super().__init__(model.config)
        self.load_state_dict(model.state_dict(), assign=True)
        for module in list(self.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.Linear):
                    setattr(module, name, Int8Linear(child.weight, child.bias))
        if model.config.tied_head:
            self.head = Int8Linear(model.token_embedding.weight)  # type: ignore[assignment]
        self.eval()

    def logits(self, hidden: Tensor) -> Tensor:
        """As :meth:`.gpt.GPT.logits`."""
        logits: Tensor = self.head(hidden)
        return logits
