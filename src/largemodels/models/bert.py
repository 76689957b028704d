"""BERT, an encoder that reads a text in both directions, and RoBERTa.

Devlin et al., 2019, "BERT: Pre-training of deep bidirectional transformers for language understanding"
(https://arxiv.org/abs/1810.04805), with the details of the code published with it
(https://github.com/google-research/bert): embeddings of tokens, positions and segments, summed and normalised; blocks
whose norms come after each sub-layer; exact GELU; a pooler on the first token. On top there are the two heads that it
is pretrained with: one fills in masked words, tied to the token embedding, the other classifies a text or a pair of
texts from the pooled vector. It gives the same hidden states, logits and gradients as ``BertModel`` of
``transformers`` and its variants.

RoBERTa (Liu et al., 2019, https://arxiv.org/abs/1907.11692) is this network without segments, ``n_segment=0``. Its
published table of positions has two rows before those of real tokens, for padding; here there are none, because
positions count real tokens only. RoFormer (Su et al., 2021, https://arxiv.org/abs/2104.09864) has :mod:`.rotary`
positions instead of the table, ``position="rotary"``.

What differs from the paper: padding may be on either side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .attention import Attention, visible
from .base import Model
from .checks import at_least, one_of, probability
from .feed_forward import ACTIVATIONS, FeedForward
from .linear import Linear, linear
from .rotary import rotation


@dataclass(frozen=True)
class BERTConfig:
    """Sizes and heads of a BERT. The defaults are those of the published BERT-Base, lower case."""

    vocab_size: int = 30522  # number of distinct tokens
    context_length: int = 512  # maximum number of tokens that the model can see at once
    n_segment: int = 2  # texts that one sequence may hold; 0: no segment embedding, as in RoBERTa
    n_layer: int = 12  # number of blocks
    n_head: int = 12  # attention heads per block
    d_model: int = 768  # width of the hidden states; a multiple of n_head
    d_hidden: int | None = None  # width inside the feed-forward network; None: 4 d_model
    activation: str = "gelu"  # of feed-forward network and masked-word head; see feed_forward.py
    norm_eps: float = 1e-12  # added to the variance
    dropout: float = 0.1  # probability, in training only
    position: str = "learned"  # or "rotary"; d_model / n_head is then even

    masked_head: bool = True  # whether there is a head for masked words
    pooler: bool = True  # whether there is a layer that makes one vector of the first token's hidden state
    n_classes: int = 2  # outputs of the head on it; 2: does the second text follow the first; 0: no head

    def __post_init__(self) -> None:
        at_least(1, vocab_size=self.vocab_size, context_length=self.context_length, n_layer=self.n_layer)
        at_least(1, n_head=self.n_head, d_model=self.d_model, d_hidden=self.d_hidden)
        at_least(0, n_segment=self.n_segment, n_classes=self.n_classes)
        probability(dropout=self.dropout)
        one_of([name for name in ACTIVATIONS if name != "swiglu"], activation=self.activation)
        if self.d_model % self.n_head:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of n_head ({self.n_head}).")
        one_of(("learned", "rotary"), position=self.position)
        if self.position == "rotary" and self.d_head % 2:
            raise ValueError(f"Rotary positions need an even d_model / n_head, not {self.d_head}.")
        if self.norm_eps <= 0:
            raise ValueError(f"norm_eps must be positive, not {self.norm_eps}.")
        if self.n_classes and not self.pooler:
            raise ValueError("A head for classes needs pooler=True.")

    @property
    def d_head(self) -> int:
        """Width of an attention head."""
        return self.d_model // self.n_head


class Block(nn.Module):
    """One layer: attention and a feed-forward network, each added to its input, and the sum normalised."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        d_model, dropout = config.d_model, config.dropout
        self.attention = Attention(d_model, config.n_head, dropout=dropout)
        self.attention_norm = nn.LayerNorm(d_model, eps=config.norm_eps)
        d_hidden = config.d_hidden or 4 * d_model
        self.mlp = FeedForward(d_model, d_hidden, activation=config.activation, dropout=dropout)
        self.mlp_norm = nn.LayerNorm(d_model, eps=config.norm_eps)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, turned: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """``(batch, time, d_model)`` to the same shape; mask and rotation as in :class:`.attention.Attention`."""
        x = self.attention_norm(x + self.attention(x, mask, turned))
        return self.mlp_norm(x + self.mlp(x))


class MaskedHead(nn.Module):
    """From hidden states to the logits of the words that belong there."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.activation = config.activation
        self.transform = Linear(config.d_model, config.d_model)
        self.norm = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))  # the matrix is the token embedding

    def forward(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """``(…, d_model)`` and ``(vocab_size, d_model)`` to ``(…, vocab_size)``."""
        hidden = self.norm(ACTIVATIONS[self.activation](self.transform(hidden)))
        return linear(hidden, embedding, self.bias)


class BERT(Model):
    """From tokens to hidden states that depend on all the text, and from these to words or classes."""

    by_adamw = ("classes",)  # maps out of the hidden states: Muon leaves it to AdamW

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        if config.position == "learned":
            self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        if config.n_segment:
            self.segment_embedding = nn.Embedding(config.n_segment, config.d_model)
        self.embedding_norm = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        if config.masked_head:
            self.masked_head = MaskedHead(config)
        if config.pooler:
            self.pooler = Linear(config.d_model, config.d_model)
        if config.n_classes:
            self.classes = Linear(config.d_model, config.n_classes)
        self._initialise()

    def _initialise(self) -> None:
        """Weights N(0, 0.02²), cut off at two standard deviations, biases 0."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    @property
    def context_length(self) -> int:
        """Maximum number of tokens that the model can see at once."""
        return self.config.context_length

    def forward(self, tokens: Tensor, mask: Tensor | None = None, segments: Tensor | None = None) -> Tensor:
        """The hidden states after the last block.

        Args:
            tokens: ``(batch, time)``, integers below ``vocab_size``; ``time`` at most ``context_length``.
            mask: ``(batch, time)``, false where a token is padding, on either side; nothing attends to padding, and
                positions count real tokens only, so padding has no effect on them. Each row needs a real token.
            segments: ``(batch, time)``, which text a token belongs to, from 0; None: all to the first.

        Returns:
            ``(batch, time, d_model)``. The output at a padded position is meaningless.

        Raises:
            ValueError: if there are more tokens than ``context_length``, or segments in a model without them.
        """
        config, time = self.config, tokens.shape[1]
        if time > config.context_length:
            raise ValueError(
                f"{time} tokens do not fit into a context of {config.context_length}: shorten the text."
            )
        if segments is not None and not config.n_segment:
            raise ValueError("This model has no segments (n_segment=0): leave the argument out.")
        positions = torch.arange(time, device=tokens.device)  # (time,)
        if mask is not None:
            positions = (mask.long().cumsum(1) - 1).clamp(min=0)  # (batch, time)
            mask = visible(time, time, causal=False, padding=mask)  # once for all blocks
        x, turned = self.token_embedding(tokens), None
        if config.position == "rotary":
            turned = rotation(positions, config.d_head)  # of queries and keys, in each block
        else:
            x = x + self.position_embedding(positions)
        if config.n_segment:
            x = x + self.segment_embedding(torch.zeros_like(tokens) if segments is None else segments)
        x = self.dropout(self.embedding_norm(x))  # (batch, time, d_model)
        for block in self.blocks:
            x = block(x, mask, turned)
        return x

    def pooled(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """One vector per text, from the hidden state of its first token.

        Args:
            hidden: ``(batch, time, d_model)``, from :meth:`forward`.
            mask: as there; needed only if padding comes first.

        Returns:
            ``(batch, d_model)``, between -1 and 1.

        Raises:
            ValueError: if the model has no pooler.
        """
        self._need("pooler", "pooler=True")
        first = hidden[:, 0]
        if mask is not None:
            first = hidden[torch.arange(len(hidden), device=hidden.device), mask.long().argmax(dim=1)]
        return torch.tanh(self.pooler(first))

    def class_logits(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits of the classes, ``(batch, n_classes)``; arguments as in :meth:`pooled`.

        Raises:
            ValueError: if the model has no head for classes.
        """
        self._need("classes", "n_classes, or use with_classes()")
        return self.classes(self.dropout(self.pooled(hidden, mask)))

    def word_logits(self, hidden: Tensor) -> Tensor:
        """Logits of the word at a position: ``(…, d_model)`` to ``(…, vocab_size)``.

        Raises:
            ValueError: if the model has no head for masked words.
        """
        self._need("masked_head", "masked_head=True")
        logits: Tensor = self.masked_head(hidden, self.token_embedding.weight)
        return logits

    def loss(
        self, tokens: Tensor, targets: Tensor, mask: Tensor | None = None, segments: Tensor | None = None
    ) -> Tensor:
        """Mean cross-entropy of the masked words in nats per word, a scalar; 0 if none is masked.

        Args:
            tokens: ``(batch, time)``, with masked words.
            targets: ``(batch, time)``, the words that were masked, and -100 everywhere else.
            mask: as in :meth:`forward`.
            segments: as in :meth:`forward`.
        """
        wanted = targets != -100
        logits = self.word_logits(
            self(tokens, mask, segments)[wanted]
        )  # (n, vocab_size): spares most of the product
        return F.cross_entropy(logits, targets[wanted], reduction="sum") / wanted.sum().clamp(min=1)

    def with_classes(self, n_classes: int) -> BERT:
        """A model to fine-tune: a copy of this one with a new head for classes, and without that for masked words."""
        model = BERT(replace(self.config, n_classes=n_classes, pooler=True, masked_head=False))
        own = model.to(self.token_embedding.weight).state_dict()
        kept = {name: weight for name, weight in self.state_dict().items() if not name.startswith("classes.")}
        model.load_state_dict(own | {name: weight for name, weight in kept.items() if name in own})
        return model.train(self.training)

    def _need(self, layer: str, setting: str) -> None:
        if not hasattr(self, layer):
            raise ValueError(f"This model has no {layer}: make it with {setting}.")
