"""Whisper: a Transformer whose encoder reads 30 seconds of sound and whose decoder writes what is said.

Radford et al., 2022, "Robust speech recognition via large-scale weak supervision" (https://arxiv.org/abs/2212.04356).
Two convolutions bring the log-mel spectrogram of :mod:`.mel` to the width of the Transformer and halve its frames;
the encoder adds fixed positions, the decoder learned ones; all norms come before the sub-layers. The blocks are those
of :mod:`.transformer`. It gives the same logits as ``transformers.WhisperForConditionalGeneration``, whose key
projections have no bias; here they have one, which is zero. The defaults are the sizes of tiny.en.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .cache import KVCache
from .checks import at_least
from .conditioned import BoundDecoder
from .linear import linear
from .transformer import DecoderBlock, EncoderBlock, TransformerCache, TransformerConfig


@dataclass(frozen=True)
class WhisperConfig:
    """Sizes. The defaults are those of tiny.en."""

    vocab_size: int = 51_864  # number of distinct tokens
    n_mel: int = 80  # bands of the spectrogram
    n_frame: int = 3000  # frames of the spectrogram, a hundredth of a second each; even
    context_length: int = 448  # maximum number of tokens of a text, with those before it
    n_layer: int = 4  # blocks of the encoder
    n_decoder_layer: int = 4  # blocks of the decoder
    n_head: int = 6  # heads of every attention
    d_model: int = 384  # width of the residual stream; even, a multiple of n_head
    d_hidden: int = 1536  # width inside the feed-forward networks

    def __post_init__(self) -> None:
        at_least(1, vocab_size=self.vocab_size, n_mel=self.n_mel, context_length=self.context_length)
        at_least(1, n_layer=self.n_layer, n_decoder_layer=self.n_decoder_layer, n_head=self.n_head)
        at_least(1, d_hidden=self.d_hidden)
        at_least(2, n_frame=self.n_frame)
        at_least(4, d_model=self.d_model)
        if self.n_frame % 2:
            raise ValueError(f"n_frame must be even, not {self.n_frame}.")
        if self.d_model % self.n_head or self.d_model % 2:
            raise ValueError(
                f"d_model ({self.d_model}) must be even and a multiple of n_head ({self.n_head})."
            )

    @property
    def transformer(self) -> TransformerConfig:
        """Sizes and choices of the blocks."""
        return TransformerConfig(
            vocab_size=self.vocab_size,
            context_length=self.context_length,
            n_layer=self.n_layer,
            n_decoder_layer=self.n_decoder_layer,
            n_head=self.n_head,
            d_model=self.d_model,
            d_hidden=self.d_hidden,
            activation="gelu",
            norm_first=True,
            position="none",
            dropout=0.0,
        )


class Whisper(Model):
    """From spectrograms and the tokens so far to the logits of the next token."""

    source_positions: Tensor  # (n_frame / 2, d_model)

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config = config
        width, blocks = config.d_model, config.transformer
        self.conv1 = nn.Conv1d(config.n_mel, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.register_buffer("source_positions", _sines(config.n_frame // 2, width), persistent=False)
        self.encoder = nn.ModuleList(EncoderBlock(blocks) for _ in range(config.n_layer))
        self.encoder_norm = nn.LayerNorm(width)
        self.embedding = nn.Embedding(config.vocab_size, width)
        self.target_position = nn.Embedding(config.context_length, width)
        self.decoder = nn.ModuleList(DecoderBlock(blocks, layer) for layer in range(config.n_decoder_layer))
        self.decoder_norm = nn.LayerNorm(width)

    @property
    def context_length(self) -> int:
        """Maximum number of tokens of a text, with those before it."""
        return self.config.context_length

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Logits ``(batch, time, vocab_size)``: at position ``t`` those of the target's token ``t + 1``.

        Args:
            source: ``(batch, n_mel, n_frame)``, from :func:`.mel.whisper_features`.
            target: ``(batch, time)``, tokens.
        """
        return self.logits(self.decode(target, self.encode(source)))

    def encode(self, source: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """The encoded sound, ``(batch, n_frame / 2, d_model)``.

        Args:
            source: ``(batch, n_mel, n_frame)``, or fewer frames.
            source_mask: must be None, as silence is no padding.
        """
        if source_mask is not None:
            raise ValueError("Whisper has no mask for its sound: shorter ones are followed by silence.")
        x = F.gelu(self.conv2(F.gelu(self.conv1(source)))).transpose(1, 2)
        if x.shape[1] > len(self.source_positions):
            raise ValueError(f"{source.shape[2]} frames do not fit into the encoder's {self.config.n_frame}.")
        x = x + self.source_positions[: x.shape[1]]
        for block in self.encoder:
            x = block(x)
        encoded: Tensor = self.encoder_norm(x)
        return encoded

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
            target: ``(batch, time)``, tokens; or those that continue the cached ones.
            memory: the encoded sound. With a cache it is not needed.
            source_mask: must be None.
            target_mask: must be None: texts begin at the start token, so they are padded on the right, where padding
                has no effect.
            cache: from :meth:`new_cache`.

        Raises:
            ValueError: if there is a mask, or there are more tokens than fit.
        """
        if source_mask is not None or target_mask is not None:
            raise ValueError("Whisper's texts and sounds have no mask.")
        start, time = cache.length if cache else 0, target.shape[1]
        most = cache.target.capacity if cache else self.config.context_length
        if start + time > most:
            raise ValueError(f"{start + time} tokens do not fit into {most}.")
        x = self.embedding(target) + self.target_position.weight[start : start + time]
        for block in self.decoder:
            x = block(x, memory, None, None, cache)
        if cache:
            cache.length = cache.target.length = start + time
        hidden: Tensor = self.decoder_norm(x)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: ``(…, d_model)`` to ``(…, vocab_size)``."""
        return linear(hidden, self.embedding.weight)

    def new_cache(
        self, memory: Tensor, source_mask: Tensor | None = None, length: int | None = None, n_beam: int = 1
    ) -> TransformerCache:
        """A cache with the keys and values of encoded sounds, computed once, and room for the texts.

        Args:
            memory: ``(batch, frames, d_model)``, from :meth:`encode`.
            source_mask: must be None.
            length: maximum number of tokens of a text, at most ``context_length``; None: ``context_length``.
            n_beam: number of texts for each sound; those of one sound are adjacent rows.

        Raises:
            ValueError: if ``length`` is out of range.
        """
        config, (batch, time, width) = self.config, memory.shape
        length = config.context_length if length is None else length
        if not 0 < length <= config.context_length:
            raise ValueError(f"A cache holds 1 to {config.context_length} tokens, not {length}.")

        def empty(capacity: int) -> KVCache:
            sizes = (len(self.decoder), batch, config.n_head, capacity, width // config.n_head)
            return KVCache(*sizes, device=memory.device, dtype=memory.dtype)

        kept = empty(time)
        for block in self.decoder:
            assert isinstance(block, DecoderBlock)
            block.cross_attention.layer(memory[:, :1], memory, None, kept)  # only for what it stores
        kept.length = time
        cache = TransformerCache(empty(length), kept, source_mask)
        if n_beam > 1:
            cache.select(torch.arange(batch, device=memory.device).repeat_interleave(n_beam))
        return cache

    def decoder_for(self, source: Tensor) -> BoundDecoder:
        """The decoder with these sounds, as a language model of their texts: see :class:`BoundDecoder`."""
        return BoundDecoder(self, source)


def _sines(length: int, width: int) -> Tensor:
    """Sines of all wavelengths, then cosines: ``(length, width)``."""
    half = width // 2
    rates = 10_000.0 ** (-torch.arange(half, dtype=torch.double) / (half - 1))
    angles = torch.arange(length, dtype=torch.double)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()
