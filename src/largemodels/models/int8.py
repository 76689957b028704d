"""8-bit weights for decoding on the CPU: a quarter of the bytes to read per token.

Each row of a matrix is stored as integers from -127 to 127 and one scale: the absmax scheme of Dettmers et al., 2022,
"LLM.int8()", section 2 (https://arxiv.org/abs/2208.07339), row by row. What differs from the paper: activations stay in
bfloat16, so their outliers need no special treatment; and the head is quantised too, since it is a third of a small
model. Embeddings and norms are not.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .gpt import GPT

FEW = 8  # rows; up to here the int8 kernel is faster than converting the weights to bfloat16 first


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Quantise each row to integers and a scale.

    Args:
        weight: ``(rows, cols)``.

    Returns:
        int8 values ``(rows, cols)`` and float32 scales ``(rows,)``; their product is within half a scale of ``weight``.
    """
    weight = weight.float()  # sixteen bits would round the largest of a row to 128, which wraps to -128
    scale = weight.abs().amax(dim=1).clamp(min=1e-12) / 127
    return (weight / scale[:, None]).round().to(torch.int8).contiguous(), scale


class Int8Linear(nn.Module):
    """A linear layer with 8-bit weights, for inference on the CPU.

    Args:
        weight: ``(out_features, in_features)``, to be quantised.
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
        """``(…, in_features)`` to ``(…, out_features)``, in the dtype of ``x``."""
        rows = x.reshape(-1, x.shape[-1]).bfloat16().contiguous()
        # The kernel reads rows that follow each other in memory, sixteen numbers at a time, and past the end of a row
        # whose width is not a multiple of 16.
        if 0 < len(rows) <= FEW and rows.shape[-1] % 16 == 0:
            y = torch._weight_int8pack_mm(rows, self.weight, self.scale)
        else:  # a prompt: compute-bound, not memory-bound, and bfloat16 computes faster
            y = F.linear(rows, self.weight.bfloat16()) * self.scale
        y = y.to(x.dtype).view(*x.shape[:-1], len(self.scale))
        return y if self.bias is None else y + self.bias


class Int8GPT(GPT):
    """A GPT for inference on the CPU whose linear layers and head have 8-bit weights.

    Args:
        model: the GPT to quantise; embeddings, norms and biases are shared with it.

    Raises:
        ValueError: if the model is not on the CPU.
    """

    def __init__(self, model: GPT) -> None:
        if next(model.parameters()).device.type != "cpu":
            raise ValueError(
                "Eight-bit weights run on the CPU only: move the model there first, model.cpu()."
            )
        with torch.device("meta"):  # allocates nothing: the model's weights follow
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
        """Same as :meth:`.gpt.GPT.logits`."""
        logits: Tensor = self.head(hidden)
        return logits
