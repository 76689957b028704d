"""An encoder–decoder with its sources, as generation takes it: as a language model of the targets.

Generation and beam search know models that continue a text (:mod:`largemodels.text.protocol`). With its sources bound,
the decoder of a translation model is one.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .modes import evaluating


class EncoderDecoder(Protocol):
    """What a model must have; shapes and masks as in :class:`.transformer.Transformer`."""

    @property
    def context_length(self) -> int:
        """Maximum number of tokens of a target."""

    def encode(self, source: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """The encoded sources, the memory."""

    def decode(
        self,
        target: Tensor,
        memory: Tensor | None = None,
        source_mask: Tensor | None = None,
        target_mask: Tensor | None = None,
        cache: Any = None,
    ) -> Tensor:
        """The decoder's hidden states."""

    def logits(self, hidden: Tensor) -> Tensor:
        """The head."""

    def new_cache(
        self, memory: Tensor, source_mask: Tensor | None = None, length: int | None = None, n_beam: int = 1
    ) -> Any:
        """What decoding keeps, with ``n_beam`` targets for each source."""


class BoundDecoder(nn.Module):
    """An encoder–decoder with sources to look at: a language model of their targets, in the form that generation takes.

    ``lm.generate(model.decoder_for(source, source_mask), start, n_new, end_token=…)`` writes one target per source;
    ``start`` is ``(batch, time)``, the start tokens with or without further ones. Beam search takes the same.

    Args:
        model: is not copied.
        source: ``(batch, source_time)``.
        source_mask: ``(batch, source_time)``, false where the source is padding; None: nowhere.
    """

    def __init__(self, model: EncoderDecoder, source: Tensor, source_mask: Tensor | None = None) -> None:
        super().__init__()
        self.model, self.source, self.source_mask = model, source, source_mask
        self.context_length = model.context_length

    def _memory(self) -> Tensor:
        return self.model.encode(self.source, self.source_mask)

    def _n_beam(self, rows: int) -> int:
        n_beam, left = divmod(rows, len(self.source))
        if left or not n_beam:
            raise ValueError(
                f"{rows} targets do not belong to {len(self.source)} sources: give as many of each."
            )
        return n_beam

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits ``(batch, time, vocab_size)``: at position ``t`` those of the target's token ``t + 1``."""
        return self.logits(self.hidden(tokens, mask))

    def hidden(self, tokens: Tensor, mask: Tensor | None = None, cache: Any = None) -> Tensor:
        """The decoder's final hidden states, ``(batch, time, d_model)``.

        Args:
            tokens: ``(batch * n_beam, time)``, targets; those of one source are adjacent rows.
            mask: same shape, false where a token is padding.
            cache: from :meth:`new_cache`. Then ``tokens`` and ``mask`` continue the cached ones.
        """
        if cache is not None:
            return self.model.decode(tokens, target_mask=mask, cache=cache)
        n_beam = self._n_beam(len(tokens))
        memory, source_mask = self._memory().repeat_interleave(n_beam, dim=0), self.source_mask
        source_mask = None if source_mask is None else source_mask.repeat_interleave(n_beam, dim=0)
        return self.model.decode(tokens, memory, source_mask, mask)

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: ``(…, d_model)`` to ``(…, vocab_size)``."""
        return self.model.logits(hidden)

    @torch.no_grad()
    def new_cache(self, batch_size: int, length: int | None = None) -> Any:
        """Encode the sources, each once, for ``batch_size`` targets of up to ``length`` tokens.

        Raises:
            ValueError: if ``batch_size`` is not a multiple of the number of sources.
        """
        n_beam = self._n_beam(batch_size)
        with evaluating(self):
            return self.model.new_cache(self._memory(), self.source_mask, length, n_beam)
