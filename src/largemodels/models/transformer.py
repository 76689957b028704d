"""The Transformer: an encoder that reads one sequence, and a decoder that looks at it and writes another.

Vaswani et al., 2017, "Attention is all you need" (https://arxiv.org/abs/1706.03762). By default the architecture, its
sizes and its regularisation are those of the paper's base model: each sub-layer is followed by its residual connection
and then by LayerNorm, positions are sines and cosines, and one matrix serves as both embeddings and as the output head.
It gives the same outputs and gradients as ``torch.nn.Transformer`` and ``transformers.MarianMTModel``.

What differs from the paper: dropout also applies to attention weights, as in ``torch.nn.Transformer``; the initial
values of the matrices, which the paper does not state, follow Glorot and Bengio, 2010
(https://proceedings.mlr.press/v9/glorot10a.html). Three things can be chosen: norms before the sub-layers and once at
the end (Xiong et al., 2020, https://arxiv.org/abs/2002.04745), learned positions or none, and whether source, target
and head share one matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import Attention, CrossAttention, visible
from .base import Model
from .cache import KVCache
from .checks import at_least, one_of, probability
from .conditioned import BoundDecoder
from .feed_forward import ACTIVATIONS, FeedForward
from .linear import Linear, linear
from .norm import make_norm
from .positions import sinusoidal

POSITIONS = ("sinusoidal", "learned", "none")


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes and choices of a Transformer. The defaults are those of the published base model for English to German."""

    vocab_size: int = 37_000  # number of distinct tokens of the target, and of the source if they share them
    source_vocab_size: int | None = None  # of a source with an embedding of its own; None: the target's
    context_length: int = 512  # maximum number of tokens of source and of target; the paper states none
    n_layer: int = 6  # blocks of the encoder
    n_decoder_layer: int | None = None  # blocks of the decoder; None: n_layer
    n_head: int = 8  # heads of every attention
    d_model: int = 512  # width of the residual stream; a multiple of n_head
    d_hidden: int = 2048  # width inside the feed-forward networks
    activation: str = "relu"  # the paper's; or "gelu" and others, see feed_forward.py
    norm_first: bool = False  # whether norms come before the sub-layers and once at the end, or after each
    norm_eps: float = 1e-5  # added to the variance
    position: str = "sinusoidal"  # a fixed table; or "learned": one for each of source and target; or "none"
    bias: bool = True  # of linear layers and LayerNorm; the head has none
    tied_head: bool = True  # whether the head shares the target's embedding or has its own matrix
    dropout: float = 0.1  # probability, in training only
    label_smoothing: float = 0.1  # probability that the loss spreads over all tokens, in training only

    def __post_init__(self) -> None:
        at_least(1, vocab_size=self.vocab_size, source_vocab_size=self.source_vocab_size)
        at_least(1, context_length=self.context_length, n_layer=self.n_layer)
        at_least(1, n_decoder_layer=self.n_decoder_layer, n_head=self.n_head)
        at_least(1, d_model=self.d_model, d_hidden=self.d_hidden)
        one_of(POSITIONS, position=self.position)
        one_of(ACTIVATIONS, activation=self.activation)
        if self.d_model % self.n_head:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of n_head ({self.n_head}).")
        if not self.norm_eps > 0:
            raise ValueError(f"norm_eps must be positive, not {self.norm_eps}.")
        probability(dropout=self.dropout, label_smoothing=self.label_smoothing)


def _norm(config: TransformerConfig) -> nn.Module:
    return make_norm("layernorm", config.d_model, eps=config.norm_eps, bias=config.bias)


class SubLayer(nn.Module):
    """An attention or a feed-forward network, with the residual connection around it and its norm.

    As published, ``LayerNorm(x + layer(x))``; with ``norm_first``, ``x + layer(LayerNorm(x))``.
    """

    def __init__(self, config: TransformerConfig, layer: nn.Module) -> None:
        super().__init__()
        self.norm_first = config.norm_first
        self.layer = layer  # drops out elements of its output itself
        self.norm = _norm(config)

    def forward(self, x: Tensor, *others: Any) -> Tensor:
        """``(batch, time, d_model)`` to the same shape; ``others`` are further arguments of the layer."""
        added: Tensor = x + self.layer(self.norm(x) if self.norm_first else x, *others)
        return added if self.norm_first else self.norm(added)


class EncoderBlock(nn.Module):
    """One layer of the encoder: each position looks at all others, then a feed-forward network."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        d_model, bias, dropout = config.d_model, config.bias, config.dropout
        self.attention = SubLayer(config, Attention(d_model, config.n_head, bias=bias, dropout=dropout))
        self.mlp = SubLayer(config, _feed_forward(config))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(batch, source_time, d_model)`` to the same shape; the mask is an attention mask."""
        x = self.attention(x, mask)
        return self.mlp(x)


class DecoderBlock(nn.Module):
    """One layer of the decoder: each position looks at those before it, then at the source, then a network."""

    def __init__(self, config: TransformerConfig, layer: int) -> None:
        super().__init__()
        d_model, bias, dropout = config.d_model, config.bias, config.dropout
        own = Attention(d_model, config.n_head, causal=True, bias=bias, dropout=dropout, layer=layer)
        self.attention = SubLayer(config, own)
        cross = CrossAttention(d_model, config.n_head, bias=bias, dropout=dropout, layer=layer)
        self.cross_attention = SubLayer(config, cross)
        self.mlp = SubLayer(config, _feed_forward(config))

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None,
        mask: Tensor | None = None,
        source_mask: Tensor | None = None,
        cache: TransformerCache | None = None,
    ) -> Tensor:
        """``(batch, time, d_model)`` to the same shape; both masks are attention masks."""
        x = self.attention(x, mask, None, cache and cache.target)
        x = self.cross_attention(x, memory, source_mask, cache and cache.source)
        return self.mlp(x)


def _feed_forward(config: TransformerConfig) -> FeedForward:
    return FeedForward(
        config.d_model,
        config.d_hidden,
        activation=config.activation,
        bias=config.bias,
        dropout=config.dropout,
    )


class TransformerCache:
    """What the decoder keeps while it writes: keys and values of the target so far, and those of the source.

    Args:
        target: grows with the target.
        source: keys and values of the whole encoded source, for every layer.
        source_mask: ``(batch, source_time)``, false where the source is padding; None: nowhere.

    Attributes:
        length: tokens of the target so far, padding included.
    """

    def __init__(self, target: KVCache, source: KVCache, source_mask: Tensor | None) -> None:
        self.target, self.source, self.source_mask = target, source, source_mask
        self.length = target.length

    def select(self, rows: Tensor) -> None:
        """Reorder the sequences by ``(n,)`` indices, which may repeat or be missing, as beam search requires."""
        self.target.select(rows)
        self.source.select(rows)
        if self.source_mask is not None:
            self.source_mask = self.source_mask.index_select(0, rows)


class Transformer(Model):
    """From a source and the target so far to the logits of the target's next token.

    In all methods ``source`` is ``(batch, source_time)`` and ``target`` ``(batch, time)``, integers below the
    respective size of vocabulary, at most ``context_length`` each. ``source_mask`` and ``target_mask`` have the same
    shapes and are false where a token is padding, on either side; nothing attends to padding, and positions count real
    tokens only, so padding has no effect on them. Each source needs at least one real token.
    """

    by_adamw = ("head",)  # maps out of the residual stream: Muon leaves it to AdamW
    positions: Tensor  # (context_length, d_model), the fixed table

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.target_embedding = nn.Embedding(config.vocab_size, config.d_model)
        if config.source_vocab_size is not None:
            self.source_embedding = nn.Embedding(config.source_vocab_size, config.d_model)
        if config.position == "sinusoidal":
            table = sinusoidal(config.context_length, config.d_model)
            self.register_buffer("positions", table, persistent=False)  # follows from the config
        elif config.position == "learned":
            self.source_position = nn.Embedding(config.context_length, config.d_model)
            self.target_position = nn.Embedding(config.context_length, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = nn.ModuleList(EncoderBlock(config) for _ in range(config.n_layer))
        n_decoder_layer = config.n_decoder_layer or config.n_layer
        self.decoder = nn.ModuleList(DecoderBlock(config, layer) for layer in range(n_decoder_layer))
        # As published, the last block already ends with a norm.
        self.encoder_norm = _norm(config) if config.norm_first else nn.Identity()
        self.decoder_norm = _norm(config) if config.norm_first else nn.Identity()
        if not config.tied_head:
            self.head = Linear(config.d_model, config.vocab_size, bias=False)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Maps as Glorot and Bengio, biases 0; embeddings N(0, 1 / d_model), which is N(0, 1) once they are scaled.

        With this variance the head, whether it is the embedding or not, starts with logits of variance about 1.
        """
        for module in self.modules():
            for name, layer in module.named_children():
                if isinstance(layer, nn.Linear):
                    rows = getattr(module, "stacked", {}).get(name, (len(layer.weight),))
                    # Of several maps in one matrix, each by its own size.
                    for part in layer.weight.split(rows):
                        nn.init.xavier_uniform_(part)
                    if layer.bias is not None:
                        nn.init.zeros_(layer.bias)
                if isinstance(layer, nn.Embedding) or (isinstance(layer, nn.Linear) and name == "head"):
                    nn.init.normal_(layer.weight, std=self.config.d_model**-0.5)

    @property
    def context_length(self) -> int:
        """Maximum number of tokens of the source, and of the target."""
        return self.config.context_length

    def forward(
        self,
        source: Tensor,
        target: Tensor,
        source_mask: Tensor | None = None,
        target_mask: Tensor | None = None,
    ) -> Tensor:
        """Logits ``(batch, time, vocab_size)``: at position ``t`` those of the target's token ``t + 1``.

        Raises:
            ValueError: if there are more tokens than ``context_length``.
        """
        memory = self.encode(source, source_mask)
        return self.logits(self.decode(target, memory, source_mask, target_mask))

    def encode(self, source: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """The encoded source, ``(batch, source_time, d_model)``; meaningless where the source is padding."""
        shared = self.config.source_vocab_size is None
        x = (self.target_embedding if shared else self.source_embedding)(source)
        x = self._placed(x, source_mask, "source")  # (batch, source_time, d_model)
        mask = _seen(source_mask)
        for block in self.encoder:
            x = block(x, mask)
        return self.encoder_norm(x)

    def decode(
        self,
        target: Tensor,
        memory: Tensor | None = None,
        source_mask: Tensor | None = None,
        target_mask: Tensor | None = None,
        cache: TransformerCache | None = None,
    ) -> Tensor:
        """The decoder's final hidden states, ``(batch, time, d_model)``; :meth:`logits` is the head.

        Args:
            target: as above; or those tokens that continue the cached ones.
            memory: the encoded source. With a cache it is not needed, nor is ``source_mask``.
            source_mask: as for :meth:`encode`.
            target_mask: as above; or of those tokens that continue the cached ones.
            cache: from :meth:`new_cache`.

        Raises:
            ValueError: if there are more tokens than ``context_length`` or the cache's capacity, or there is no source.
        """
        time, start = target.shape[1], cache.length if cache else 0
        if cache:
            source_mask = cache.source_mask
            if start + time > cache.target.capacity:
                raise ValueError(
                    f"{start + time} tokens do not fit into a cache of {cache.target.capacity}: lengthen it."
                )
            target_mask = cache.target.append_mask(target_mask, time)  # (batch, start + time)
        x = self._placed(self.target_embedding(target), target_mask, "target", start)
        mask = None if target_mask is None else visible(time, start + time, causal=True, padding=target_mask)
        source_mask = _seen(source_mask)  # once for all blocks, as the other mask
        for block in self.decoder:
            x = block(x, memory, mask, source_mask, cache)
        if cache:
            cache.length = cache.target.length = start + time
        return self.decoder_norm(x)

    def _placed(self, x: Tensor, mask: Tensor | None, side: str, start: int = 0) -> Tensor:
        """Scale embedded tokens and add their positions, to the same shape.

        Args:
            x: ``(batch, time, d_model)``, embedded tokens.
            mask: ``(batch, start + time)``, false where a token is padding.
            side: "source" or "target".
            start: number of tokens before these.
        """
        config, end = self.config, start + x.shape[1]
        if end > config.context_length:
            raise ValueError(
                f"A {side} of {end} tokens does not fit into a context of {config.context_length}: "
                "shorten one or lengthen the other."
            )
        x = x * math.sqrt(config.d_model)  # to elements of about 1, as large as those of the positions
        positions = torch.arange(start, end, device=x.device)  # (time,)
        if mask is not None:
            positions = (mask.long().cumsum(1) - 1).clamp(min=0)[:, start:]  # (batch, time)
        if config.position == "sinusoidal":
            x = x + self.positions[positions]
        elif config.position == "learned":
            x = x + (self.source_position if side == "source" else self.target_position)(positions)
        return self.dropout(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: ``(…, d_model)`` to ``(…, vocab_size)``."""
        return linear(hidden, self.target_embedding.weight if self.config.tied_head else self.head.weight)

    def loss(
        self,
        source: Tensor,
        target: Tensor,
        source_mask: Tensor | None = None,
        target_mask: Tensor | None = None,
    ) -> Tensor:
        """Mean cross-entropy in nats per token, a scalar.

        Each real token of the target but the first is predicted from those before it, so a target begins with a start
        token, which is given, and ends with an end token, which the model learns to write. In training the labels are
        smoothed: the target distribution is ``1 - label_smoothing`` on the right token plus ``label_smoothing`` spread
        over the whole vocabulary. In evaluation they are not, so losses of models can be compared.

        With several batches per update, ``lm.train(…, count=…)`` needs to know how many tokens each predicts: the sum
        of ``target_mask[:, 1:]``.
        """
        expected = target[:, 1:]
        if target_mask is not None:
            expected = expected.masked_fill(~target_mask[:, 1:].bool(), -100)
            target_mask = target_mask[:, :-1]
        logits = self(source, target[:, :-1], source_mask, target_mask)  # (batch, time - 1, vocab_size)
        smoothing = self.config.label_smoothing if self.training else 0.0
        return F.cross_entropy(
            logits.flatten(0, 1), expected.flatten(), ignore_index=-100, label_smoothing=smoothing
        )

    def new_cache(
        self, memory: Tensor, source_mask: Tensor | None = None, length: int | None = None, n_beam: int = 1
    ) -> TransformerCache:
        """A cache with the keys and values of an encoded source, computed once, and room for a target.

        For inference, under ``torch.no_grad()``, in evaluation mode.

        Args:
            memory: ``(batch, source_time, d_model)``, from :meth:`encode`.
            source_mask: as for :meth:`encode`.
            length: maximum number of tokens of the target, at most ``context_length``; None: ``context_length``.
            n_beam: number of targets per source; those of one source are adjacent rows.

        Raises:
            ValueError: if ``length`` is out of range.
        """
        config, (batch, time, d_model) = self.config, memory.shape
        length = config.context_length if length is None else length
        if not 0 < length <= config.context_length:
            raise ValueError(f"A cache holds 1 to {config.context_length} tokens, not {length}.")

        def empty(rows: int, capacity: int) -> KVCache:
            sizes = (len(self.decoder), rows, config.n_head, capacity, d_model // config.n_head)
            return KVCache(*sizes, device=memory.device, dtype=memory.dtype)

        kept = empty(batch, time)
        for block in self.decoder:
            assert isinstance(block, DecoderBlock)
            block.cross_attention.layer(memory[:, :1], memory, None, kept)  # only for what it stores
        kept.length = time
        cache = TransformerCache(empty(batch, length), kept, source_mask)
        if n_beam > 1:
            cache.select(torch.arange(batch, device=memory.device).repeat_interleave(n_beam))
        return cache

    def decoder_for(self, source: Tensor, source_mask: Tensor | None = None) -> BoundDecoder:
        """The decoder with these sources, as a language model of their targets: see :class:`BoundDecoder`."""
        return BoundDecoder(self, source, source_mask)


def _seen(mask: Tensor | None) -> Tensor | None:
    """The attention mask, ``(batch, 1, 1, source_time)``, that hides the padding of a source from every query."""
    return None if mask is None else visible(1, mask.shape[1], causal=False, padding=mask)
