"""Multi-head self-attention.

Vaswani et al., 2017, "Attention is all you need", section 3.2 (https://arxiv.org/abs/1706.03762).
Three things differ from the paper. The projections carry biases, as in GPT-2. Queries, keys and values
come from one matrix product instead of three, which computes the same. And the softmax of section 3.2.1
is left to ``torch.nn.functional.scaled_dot_product_attention``, which picks the fastest exact kernel.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


class SelfAttention(nn.Module):
    """Causal multi-head self-attention.

    Args:
        d_model: width of the residual stream; a multiple of ``n_head``.
        n_head: number of heads, each ``d_model // n_head`` wide.
        dropout: probability that an attention weight, or an output, is dropped in training.
    """

    def __init__(self, d_model: int, n_head: int, dropout: float = 0.0) -> None:
        super().__init__()
        if d_model % n_head:
            raise ValueError(f"d_model ({d_model}) must be a multiple of n_head ({n_head}).")
        self.n_head = n_head
        self.dropout = dropout
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.project = nn.Linear(d_model, d_model)
        self.output_dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mix each position with the positions before it.

        Args:
            x: ``(batch, time, d_model)``.
            mask: ``(batch, time)``, true where a position is a real token and false where it is padding;
                nothing attends to padding.

        Returns:
            ``(batch, time, d_model)``. What stands at a padded position has no meaning.
        """
        batch, time, d_model = x.shape
        # (batch, time, 3 * d_model) -> three tensors (batch, n_head, time, d_head)
        q, k, v = self.qkv(x).view(batch, time, 3, self.n_head, -1).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        if mask is None:
            mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        else:
            allowed = causal_mask(time, device=x.device) & mask[:, None, None, :].bool()
            # A padded position at the start of a row would attend to nothing, and its softmax would be
            # 0 / 0: it may see itself.
            allowed = allowed | torch.eye(time, dtype=torch.bool, device=x.device)
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, dropout_p=dropout)
        # (batch, n_head, time, d_head) -> (batch, time, d_model): the heads lie side by side
        return self.output_dropout(self.project(mixed.transpose(1, 2).reshape(batch, time, d_model)))


def causal_mask(time: int, device: torch.device | None = None) -> Tensor:
    """Which position may see which: ``(time, time)``, true where column ``<=`` row."""
    return torch.ones(time, time, dtype=torch.bool, device=device).tril()
