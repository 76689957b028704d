"""GPT-2, a decoder-only Transformer.

Radford et al., 2019, "Language models are unsupervised multitask learners", section 2.3
(https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf).
The architecture is that of the released weights: learned positions, LayerNorm before each sub-layer and
once at the end, biases everywhere, GELU in its tanh approximation, the output head tied to the token
embedding. It gives the same logits, loss and gradients as ``transformers.GPT2LMHeadModel``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .attention import SelfAttention


@dataclass(frozen=True)
class GPTConfig:
    """Sizes of a GPT. The defaults are those of the smallest published GPT-2."""

    vocab_size: int = 50257  # number of different tokens
    context_length: int = 1024  # the most tokens that the model can see at once
    n_layer: int = 12  # number of blocks
    n_head: int = 12  # attention heads a block
    d_model: int = 768  # width of the residual stream; a multiple of n_head
    dropout: float = 0.0  # probability, in training only

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context_length", "n_layer", "n_head", "d_model"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.d_model % self.n_head:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of n_head ({self.n_head}).")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {self.dropout}.")


class Block(nn.Module):
    """One layer: attention and a two-layer network, each added to the residual stream."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model)
        self.attention = SelfAttention(config.d_model, config.n_head, config.dropout)
        self.mlp_norm = nn.LayerNorm(config.d_model)
        self.expand = nn.Linear(config.d_model, 4 * config.d_model)
        self.contract = nn.Linear(4 * config.d_model, config.d_model)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(batch, time, d_model)`` to the same shape."""
        x = x + self.attention(self.attention_norm(x), mask)
        hidden = F.gelu(self.expand(self.mlp_norm(x)), approximate="tanh")  # (batch, time, 4 * d_model)
        return x + self.dropout(self.contract(hidden))


class GPT(nn.Module):
    """A language model: from the tokens so far to the logits of the next one."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.final_norm = nn.LayerNorm(config.d_model)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.head.weight = self.token_embedding.weight  # tied: one matrix, two uses
        self._initialise()

    def _initialise(self) -> None:
        """Weights N(0, 0.02²), biases 0; what is added to the residual stream starts smaller.

        Each block adds twice to the stream, so those projections shrink by √(2 n_layer) to keep its
        variance independent of depth (section 2.3 of the paper).
        """
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        for name, parameter in self.named_parameters():
            if name.endswith(("attention.project.weight", "contract.weight")):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.config.n_layer))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits of the token after each position.

        Args:
            tokens: ``(batch, time)``, integers below ``vocab_size``; ``time`` at most ``context_length``.
            mask: ``(batch, time)``, false where a token is padding; see :class:`SelfAttention`.

        Returns:
            ``(batch, time, vocab_size)``: at position ``t`` the logits for token ``t + 1``.

        Raises:
            ValueError: if there are more tokens than ``context_length``.
        """
        time = tokens.shape[1]
        if time > self.config.context_length:
            raise ValueError(
                f"{time} tokens do not fit into a context of {self.config.context_length}: "
                "shorten the text or build the model with a larger context_length."
            )
        positions = torch.arange(time, device=tokens.device)  # (time,)
        x = self.dropout(self.token_embedding(tokens) + self.position_embedding(positions))
        for block in self.blocks:
            x = block(x, mask)  # (batch, time, d_model)
        return self.head(self.final_norm(x))

    def loss(self, tokens: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean cross-entropy in nats a token, a scalar.

        Args:
            tokens: ``(batch, time)``.
            targets: ``(batch, time)``, the token that follows each position, or -100 where it does not count.
            mask: as in :meth:`forward`.
        """
        logits = self(tokens, mask)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)

    def n_parameters(self) -> int:
        """Number of trained parameters; the tied head counts once."""
        return sum(parameter.numel() for parameter in self.parameters())
