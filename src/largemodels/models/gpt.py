"""GPT, a decoder-only Transformer: GPT-2 and its modern variants.

Radford et al., 2019, "Language models are unsupervised multitask learners", section 2.3
(https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf).
By default the architecture is that of the released weights: learned positions, LayerNorm before each sub-layer and
once at the end, biases everywhere, GELU in its tanh approximation, the output head tied to the token embedding. It
gives the same logits, loss and gradients as ``transformers.GPT2LMHeadModel``.

Each later choice is a field of :class:`GPTConfig`, so each can be tried separately: RMSNorm (Zhang and Sennrich, 2019,
https://arxiv.org/abs/1910.07467), rotary positions (Su et al., 2021, https://arxiv.org/abs/2104.09864) or none
(Kazemnejad et al., 2023, https://arxiv.org/abs/2305.19466), normalised queries and keys (Dehghani et al., 2023,
https://arxiv.org/abs/2302.05442), squared ReLU (So et al., 2021, https://arxiv.org/abs/2109.08668), SwiGLU (Shazeer,
2020, https://arxiv.org/abs/2002.05202), grouped-query attention (Ainslie et al., 2023,
https://arxiv.org/abs/2305.13245), blocks that start as the identity (after Zhang et al., 2019,
https://arxiv.org/abs/1901.09321). With the right settings it is Llama (Touvron et al., 2023,
https://arxiv.org/abs/2302.13971), weight for weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from . import rotary
from .attention import Attention, visible
from .base import Model
from .cache import KVCache
from .checks import at_least, one_of, probability
from .feed_forward import ACTIVATIONS, FeedForward
from .linear import Linear, linear
from .norm import NORMS, make_norm

POSITIONS = ("learned", "rotary", "none")


@dataclass(frozen=True)
class GPTConfig:
    """Sizes and choices of a GPT. The defaults are those of the smallest published GPT-2."""

    vocab_size: int = 50257  # number of distinct tokens
    context_length: int = 1024  # maximum number of tokens that the model can see at once
    n_layer: int = 12  # number of blocks
    n_head: int = 12  # attention heads per block
    d_model: int = 768  # width of the residual stream; a multiple of n_head
    dropout: float = 0.0  # probability, in training only

    norm: str = "layernorm"  # or "rmsnorm": division by the root mean square, without mean or bias
    norm_eps: float = 1e-5  # added to the variance or the mean square
    position: str = "learned"  # one vector per position; or "rotary": queries and keys are rotated; or "none"
    rope_base: float = 10_000.0  # rotary: the slowest pair has a period of about 2π · rope_base positions
    qk_norm: bool = False  # whether queries and keys are normalised before their product
    n_kv_head: int | None = None  # key-value heads; divides n_head; None: n_head
    activation: str = "gelu_tanh"  # GPT-2's; or "relu2", "swiglu" and others, see feed_forward.py
    d_hidden: int | None = None  # width inside the feed-forward network; None: 4 (swiglu: 8/3) times d_model
    bias: bool = True  # of linear layers and LayerNorm
    tied_head: bool = True  # whether the head shares the token embedding or has its own matrix
    zero_init: bool = False  # whether projections into the residual stream start at 0 or small and random
    embedding_std: float = 0.02  # initial, of token embeddings; raise it only with an untied head

    def __post_init__(self) -> None:
        at_least(1, vocab_size=self.vocab_size, context_length=self.context_length, n_layer=self.n_layer)
        at_least(
            1, n_head=self.n_head, d_model=self.d_model, n_kv_head=self.n_kv_head, d_hidden=self.d_hidden
        )
        one_of(NORMS, norm=self.norm)
        one_of(POSITIONS, position=self.position)
        one_of(ACTIVATIONS, activation=self.activation)
        if self.d_model % self.n_head:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of n_head ({self.n_head}).")
        if self.n_head % (self.n_kv_head or self.n_head):
            raise ValueError(f"n_head ({self.n_head}) must be a multiple of n_kv_head ({self.n_kv_head}).")
        if self.norm_eps <= 0 or self.rope_base <= 1:
            raise ValueError("norm_eps must be positive, rope_base above 1.")
        if self.position == "rotary" and self.d_head % 2:
            raise ValueError(f"Rotary positions need heads of even width, not {self.d_head}.")
        probability(dropout=self.dropout)

    @property
    def d_head(self) -> int:
        """Width of a head."""
        return self.d_model // self.n_head


def _norm(config: GPTConfig) -> nn.Module:
    return make_norm(config.norm, config.d_model, eps=config.norm_eps, bias=config.bias)


class Block(nn.Module):
    """One layer: attention and a feed-forward network, each added to the residual stream."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        gated = config.activation == "swiglu"
        d_hidden = config.d_hidden or (8 * config.d_model // 3 if gated else 4 * config.d_model)
        self.attention_norm = _norm(config)
        self.attention = Attention(
            config.d_model,
            config.n_head,
            causal=True,
            n_kv_head=config.n_kv_head,
            bias=config.bias,
            dropout=config.dropout,
            qk_norm=config.qk_norm,
            norm_eps=config.norm_eps,
            layer=layer,
        )
        self.mlp_norm = _norm(config)
        self.mlp = FeedForward(
            config.d_model, d_hidden, activation=config.activation, bias=config.bias, dropout=config.dropout
        )

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        rotation: tuple[Tensor, Tensor] | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """``(batch, time, d_model)`` to the same shape; other arguments as in :class:`.attention.Attention`."""
        x = x + self.attention(self.attention_norm(x), mask, rotation, cache)
        return x + self.mlp(self.mlp_norm(x))


class GPT(Model):
    """A language model: from the tokens so far to the logits of the next one."""

    by_adamw = ("head",)  # maps out of the residual stream: Muon leaves it to AdamW

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        if config.position == "learned":
            self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
        self.final_norm = _norm(config)
        if not config.tied_head:
            self.head = Linear(config.d_model, config.vocab_size, bias=False)
        self._initialise()

    def _initialise(self) -> None:
        """Weights N(0, 0.02²), biases 0; projections into the residual stream start smaller, or at 0.

        Each block adds to the stream twice, so those projections are scaled by 1 / √(2 n_layer) to keep its variance.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                special = module is self.token_embedding
                nn.init.normal_(module.weight, std=self.config.embedding_std if special else 0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        std = 0.0 if self.config.zero_init else 0.02 / math.sqrt(2 * self.config.n_layer)
        for name, parameter in self.named_parameters():
            if name.endswith(("attention.project.weight", "mlp.contract.weight")):
                nn.init.normal_(parameter, std=std)

    @property
    def context_length(self) -> int:
        """Maximum number of tokens that the model can see at once."""
        return self.config.context_length

    def forward(self, tokens: Tensor, mask: Tensor | None = None, cache: KVCache | None = None) -> Tensor:
        """Logits of the token after each position.

        Args:
            tokens: ``(batch, time)``, integers below ``vocab_size``; ``time`` at most ``context_length``.
            mask: ``(batch, time)``, false where a token is padding, on either side; nothing attends to padding, and
                positions count real tokens only, so padding has no effect on them.
            cache: from :meth:`new_cache`. Then ``tokens`` and ``mask`` continue the cached ones.

        Returns:
            ``(batch, time, vocab_size)``: at position ``t`` the logits for token ``t + 1``.

        Raises:
            ValueError: if there are more tokens than ``context_length`` or the cache's capacity.
        """
        return self.logits(self.hidden(tokens, mask, cache))

    def hidden(self, tokens: Tensor, mask: Tensor | None = None, cache: KVCache | None = None) -> Tensor:
        """The final hidden states, ``(batch, time, d_model)``; arguments as in :meth:`forward`."""
        config, time, start = self.config, tokens.shape[1], cache.length if cache else 0
        place, longest = ("cache", cache.capacity) if cache else ("context", config.context_length)
        if start + time > longest:
            raise ValueError(
                f"{start + time} tokens do not fit into a {place} of {longest}: shorten one or lengthen the other."
            )
        positions = torch.arange(start, start + time, device=tokens.device)  # (time,)
        if cache:
            mask = cache.append_mask(mask, time)
        if mask is not None:
            positions = (mask.long().cumsum(1) - 1).clamp(min=0)[:, start:]  # (batch, time)
            mask = visible(time, start + time, causal=True, padding=mask)  # once for all blocks
        x, rotation = self.token_embedding(tokens), None
        if config.position == "learned":
            x = x + self.position_embedding(positions)
        elif config.position == "rotary":
            rotation = rotary.rotation(positions, config.d_head, config.rope_base)
        x = self.dropout(x)  # (batch, time, d_model)
        for block in self.blocks:
            x = block(x, mask, rotation, cache)
        if cache:
            cache.length += time
        return self.final_norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: ``(…, d_model)`` to ``(…, vocab_size)``."""
        return linear(hidden, self.token_embedding.weight if self.config.tied_head else self.head.weight)

    def loss(self, tokens: Tensor, targets: Tensor, mask: Tensor | None = None) -> Tensor:
        """Mean cross-entropy in nats per token, a scalar.

        Args:
            tokens: ``(batch, time)``.
            targets: ``(batch, time)``, the token that follows each position, or -100 to ignore it.
            mask: as in :meth:`forward`.
        """
        return F.cross_entropy(self(tokens, mask).flatten(0, 1), targets.flatten(), ignore_index=-100)

    def new_cache(
        self, batch_size: int, length: int | None = None, dtype: torch.dtype | None = None
    ) -> KVCache:
        """An empty cache for ``batch_size`` sequences.

        Args:
            batch_size: number of sequences.
            length: maximum number of tokens of each, at most ``context_length``; None: ``context_length``.
            dtype: of keys and values; None: that of the weights.
        """
        config, weight = self.config, self.token_embedding.weight
        length = config.context_length if length is None else length
        if not 0 < length <= config.context_length:
            raise ValueError(f"A cache holds 1 to {config.context_length} tokens, not {length}.")
        shape = (config.n_layer, batch_size, config.n_kv_head or config.n_head, length, config.d_head)
        return KVCache(*shape, device=weight.device, dtype=dtype or weight.dtype)
