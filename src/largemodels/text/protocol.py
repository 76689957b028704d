"""What generation requires of a language model: a PyTorch module with four more members.

:class:`~largemodels.models.gpt.GPT` and :class:`~largemodels.models.recurrent_lm.RecurrentLM` have them. A model that
needs more than the tokens so far, such as a decoder that needs the sentence to translate, is wrapped in a module that
holds both: its ``new_cache`` prepares what all steps need, and the cache carries it along.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch import Tensor, nn


class Cache(Protocol):
    """What a model keeps of the tokens that it has processed."""

    length: int  # tokens processed of each sequence, padding included; the model updates it

    def select(self, rows: Tensor) -> None:
        """Reorder the sequences by ``(n,)`` indices, which may repeat or be missing."""


class LanguageModel(Protocol):
    """A ``torch.nn.Module`` that predicts the next token from those before it."""

    @property
    def context_length(self) -> int | None:
        """Maximum number of tokens that it can see at once; None if there is no limit."""

    def new_cache(self, batch_size: int, length: int) -> Cache:
        """An empty cache for ``batch_size`` sequences of up to ``length`` tokens, at most ``context_length``."""

    def hidden(self, tokens: Tensor, mask: Tensor | None, cache: Any) -> Tensor:
        """The final hidden states, ``(batch, time, d_model)``.

        Args:
            tokens: ``(batch, time)``, which continue those in the cache.
            mask: ``(batch, time)``, false where a token is padding, on the left; None: no padding.
            cache: from :meth:`new_cache`, to which ``tokens`` are added; None: ``tokens`` are the whole sequences.
        """

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: ``(…, d_model)`` to ``(…, vocab_size)``."""

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """As in PyTorch; the first one tells the model's device."""
