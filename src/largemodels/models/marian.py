"""The translator of Marian's students: a Transformer that reads, and a recurrent decoder that writes fast.

Kim et al., 2019, "From research to production and back: ludicrously fast neural machine translation"
(https://aclanthology.org/D19-5632). The encoder is that of Vaswani et al., 2017 (https://arxiv.org/abs/1706.03762):
each sub-layer is followed by its residual connection and LayerNorm. In the decoder the self-attention, whose work grows
with each token, is replaced by a *simpler simple recurrent unit* (SSRU), after the SRU of Lei et al., 2018
(https://arxiv.org/abs/1709.02755): one vector for each layer, however long the target. One matrix serves as both
embeddings and as the head. The defaults are the sizes of the models that Bergamot made for a browser.

As in the program Marian (Junczys-Dowmunt et al., 2018, https://arxiv.org/abs/1804.00344), the table of positions has
all sines before all cosines, of wavelengths spread by ``d_model / 2 - 1`` steps, not ``d_model / 2``, and the first
input of the decoder is zero: :meth:`Marian.decode` ignores which token stands there. Padding must be on the right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import Attention, CrossAttention, visible
from .base import Model
from .cache import KVCache
from .checks import at_least
from .conditioned import BoundDecoder
from .feed_forward import FeedForward
from .linear import Linear, linear


@dataclass(frozen=True)
class MarianConfig:
    """Sizes. The defaults are those of the "tiny" models of Bergamot."""

    vocab_size: int = 32_000  # of source and target together
    context_length: int = 512  # maximum number of tokens of source and of target
    n_layer: int = 6  # blocks of the encoder
    n_decoder_layer: int = 2  # blocks of the decoder
    n_head: int = 8  # heads of every attention
    d_model: int = 256  # width of the residual stream; even, a multiple of n_head
    d_hidden: int = 1536  # width inside the feed-forward networks
    norm_eps: float = 1e-9  # added to the variance

    def __post_init__(self) -> None:
        at_least(1, vocab_size=self.vocab_size, context_length=self.context_length, d_hidden=self.d_hidden)
        at_least(1, n_layer=self.n_layer, n_decoder_layer=self.n_decoder_layer, n_head=self.n_head)
        at_least(4, d_model=self.d_model)
        at_least(0, norm_eps=self.norm_eps)
        if self.d_model % self.n_head or self.d_model % 2:
            raise ValueError(
                f"d_model ({self.d_model}) must be even and a multiple of n_head ({self.n_head})."
            )


class SSRU(nn.Module):
    """The simpler simple recurrent unit: a gate decides, number by number, how much of the state stays.

    With x the input at a position: f = σ(W_f x + b_f), c = f ⊙ c_before + (1 - f) ⊙ W x, and the output is relu(c).
    Neither f nor W x depends on the state, so both are computed for all positions at once.

    Args:
        d_model: width of input, state and output.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.candidate = Linear(d_model, d_model, bias=False)  # W
        self.forget = Linear(d_model, d_model)  # W_f and b_f

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Outputs and the last state.

        Args:
            x: ``(batch, time, d_model)``.
            state: ``(batch, d_model)``, after the positions before; None: zero.

        Returns:
            ``(batch, time, d_model)`` and ``(batch, d_model)``.
        """
        keep = torch.sigmoid(self.forget(x))
        new = (1 - keep) * self.candidate(x)
        c = torch.zeros_like(x[:, 0]) if state is None else state
        states = []
        for t in range(x.shape[1]):
            c = keep[:, t] * c + new[:, t]
            states.append(c)
        return F.relu(torch.stack(states, dim=1)), c


class EncoderBlock(nn.Module):
    """Self-attention and a feed-forward network, each added to its input and then normalised."""

    def __init__(self, config: MarianConfig) -> None:
        super().__init__()
        d_model, eps = config.d_model, config.norm_eps
        self.attention = Attention(d_model, config.n_head)
        self.attention_norm = nn.LayerNorm(d_model, eps=eps)
        self.mlp = FeedForward(d_model, config.d_hidden, activation="relu")
        self.mlp_norm = nn.LayerNorm(d_model, eps=eps)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(batch, source_time, d_model)`` to the same shape; the mask is an attention mask."""
        x = self.attention_norm(x + self.attention(x, mask))
        added: Tensor = self.mlp_norm(x + self.mlp(x))
        return added


class DecoderBlock(nn.Module):
    """The recurrent unit, a look at the source and a feed-forward network, each added and normalised."""

    def __init__(self, config: MarianConfig, layer: int) -> None:
        super().__init__()
        d_model, eps = config.d_model, config.norm_eps
        self.layer = layer
        self.rnn = SSRU(d_model)
        self.rnn_norm = nn.LayerNorm(d_model, eps=eps)
        self.cross_attention = CrossAttention(d_model, config.n_head, layer=layer)
        self.cross_norm = nn.LayerNorm(d_model, eps=eps)
        self.mlp = FeedForward(d_model, config.d_hidden, activation="relu")
        self.mlp_norm = nn.LayerNorm(d_model, eps=eps)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None,
        source_mask: Tensor | None = None,
        cache: MarianCache | None = None,
    ) -> Tensor:
        """``(batch, time, d_model)`` to the same shape; ``source_mask`` is an attention mask."""
        written, state = self.rnn(x, None if cache is None else cache.states[self.layer])
        if cache is not None:
            cache.states[self.layer] = state
        x = self.rnn_norm(x + written)
        x = self.cross_norm(x + self.cross_attention(x, memory, source_mask, cache and cache.source))
        added: Tensor = self.mlp_norm(x + self.mlp(x))
        return added


class MarianCache:
    """What the decoder keeps while it writes: one vector a layer, and keys and values of the source.

    Args:
        states: ``(batch, d_model)`` for each layer.
        source: keys and values of the encoded source.
        source_mask: ``(batch, source_time)``, false where the source is padding; None: nowhere.

    Attributes:
        length: tokens of the target so far.
    """

    def __init__(self, states: list[Tensor], source: KVCache, source_mask: Tensor | None) -> None:
        self.states, self.source, self.source_mask = states, source, source_mask
        self.length = 0

    def select(self, rows: Tensor) -> None:
        """Reorder the sequences by ``(n,)`` indices, which may repeat or be missing, as beam search requires."""
        self.states = [it.index_select(0, rows) for it in self.states]
        self.source.select(rows)
        if self.source_mask is not None:
            self.source_mask = self.source_mask.index_select(0, rows)


class Marian(Model):
    """From a source and the target so far to the logits of the target's next token.

    The methods and shapes are those of :class:`.transformer.Transformer`: ``source`` is ``(batch, source_time)``,
    ``target`` ``(batch, time)``, whose first token is not read, and the masks are false where a token is padding.
    """

    positions: Tensor  # (context_length, d_model)

    def __init__(self, config: MarianConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.output_bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.register_buffer("positions", _positions(config), persistent=False)  # follows from the config
        self.encoder = nn.ModuleList(EncoderBlock(config) for _ in range(config.n_layer))
        self.decoder = nn.ModuleList(DecoderBlock(config, layer) for layer in range(config.n_decoder_layer))
        nn.init.normal_(self.embedding.weight, std=config.d_model**-0.5)

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
            ValueError: if there are more tokens than ``context_length``, or padding is not on the right.
        """
        memory = self.encode(source, source_mask)
        return self.logits(self.decode(target, memory, source_mask, target_mask))

    def encode(self, source: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """The encoded source, ``(batch, source_time, d_model)``; meaningless where the source is padding.

        Raises:
            ValueError: see :meth:`forward`.
        """
        _on_the_right(source_mask)
        x = self._placed(self.embedding(source), "source")
        mask = _seen(source_mask)
        for block in self.encoder:
            x = block(x, mask)
        return x

    def decode(
        self,
        target: Tensor,
        memory: Tensor | None = None,
        source_mask: Tensor | None = None,
        target_mask: Tensor | None = None,
        cache: MarianCache | None = None,
    ) -> Tensor:
        """The decoder's final hidden states, ``(batch, time, d_model)``; :meth:`logits` is the head.

        Args:
            target: as above; or those tokens that continue the cached ones.
            memory: the encoded source. With a cache it is not needed, nor is ``source_mask``.
            source_mask: as for :meth:`encode`.
            target_mask: only checked: what follows a position has no effect on it.
            cache: from :meth:`new_cache`.

        Raises:
            ValueError: see :meth:`forward`.
        """
        _on_the_right(target_mask)
        start = 0 if cache is None else cache.length
        source_mask = source_mask if cache is None else cache.source_mask
        x = self.embedding(target)
        if start == 0:  # nothing comes before the first token
            x = torch.cat([torch.zeros_like(x[:, :1]), x[:, 1:]], dim=1)
        x = self._placed(x, "target", start)
        seen = _seen(source_mask)
        for block in self.decoder:
            x = block(x, memory, seen, cache)
        if cache is not None:
            cache.length = start + target.shape[1]
        return x

    def _placed(self, x: Tensor, side: str, start: int = 0) -> Tensor:
        """Scale embedded tokens and add their positions, to the same shape."""
        end = start + x.shape[1]
        if end > self.config.context_length:
            raise ValueError(
                f"A {side} of {end} tokens does not fit into a context of {self.config.context_length}."
            )
        return x * math.sqrt(self.config.d_model) + self.positions[start:end]

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: ``(…, d_model)`` to ``(…, vocab_size)``."""
        return linear(hidden, self.embedding.weight, self.output_bias)

    def new_cache(
        self, memory: Tensor, source_mask: Tensor | None = None, length: int | None = None, n_beam: int = 1
    ) -> MarianCache:
        """A cache with the keys and values of an encoded source, computed once; for inference.

        Args:
            memory: ``(batch, source_time, d_model)``, from :meth:`encode`.
            source_mask: as for :meth:`encode`.
            length: maximum number of tokens of the target; the cache does not grow, so it is only checked.
            n_beam: number of targets per source; those of one source are adjacent rows.

        Raises:
            ValueError: if ``length`` is out of range.
        """
        config, (batch, time, d_model) = self.config, memory.shape
        if length is not None and not 0 < length <= config.context_length:
            raise ValueError(f"A cache holds 1 to {config.context_length} tokens, not {length}.")
        sizes = (len(self.decoder), batch, config.n_head, time, d_model // config.n_head)
        kept = KVCache(*sizes, device=memory.device, dtype=memory.dtype)
        for block in self.decoder:
            assert isinstance(block, DecoderBlock)
            block.cross_attention(memory[:, :1], memory, None, kept)  # only for what it stores
        kept.length = time
        cache = MarianCache([torch.zeros_like(memory[:, 0]) for _ in self.decoder], kept, source_mask)
        if n_beam > 1:
            cache.select(torch.arange(batch, device=memory.device).repeat_interleave(n_beam))
        return cache

    def decoder_for(
        self, source: Tensor, source_mask: Tensor | None = None, candidates: Tensor | None = None
    ) -> BoundDecoder:
        """The decoder with these sources, as a language model of their targets: see :class:`BoundDecoder`.

        Args:
            source: as above.
            source_mask: as above.
            candidates: ``(n,)``, the only tokens that may be written; None: all.
        """
        if candidates is None:
            return BoundDecoder(self, source, source_mask)
        return _Candidates(self, source, source_mask, candidates)


class _Candidates(BoundDecoder):
    """A decoder that computes the logits of some tokens only; those of the others are minus infinity."""

    def __init__(self, model: Marian, source: Tensor, mask: Tensor | None, candidates: Tensor) -> None:
        super().__init__(model, source, mask)
        self.candidates, self.vocab_size = candidates, model.config.vocab_size
        self.rows, self.bias = model.embedding.weight[candidates], model.output_bias[candidates]

    def logits(self, hidden: Tensor) -> Tensor:
        """``(…, d_model)`` to ``(…, vocab_size)``."""
        some = linear(hidden, self.rows, self.bias)
        every = some.new_full((*hidden.shape[:-1], self.vocab_size), -torch.inf)
        every[..., self.candidates] = some
        return every


def _positions(config: MarianConfig) -> Tensor:
    """Sines of all wavelengths, then cosines: ``(context_length, d_model)``."""
    half = config.d_model // 2
    rates = 10_000.0 ** (-torch.arange(half, dtype=torch.double) / (half - 1))
    angles = torch.arange(config.context_length, dtype=torch.double)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()


def _on_the_right(mask: Tensor | None) -> None:
    """Refuse a mask in which a real token follows padding."""
    if mask is not None and bool((mask[:, 1:].bool() & ~mask[:, :-1].bool()).any()):
        raise ValueError("Marian needs padding on the right, after the last real token.")


def _seen(mask: Tensor | None) -> Tensor | None:
    """The attention mask, ``(batch, 1, 1, source_time)``, that hides the padding of a source from every query."""
    return None if mask is None else visible(1, mask.shape[1], causal=False, padding=mask)
