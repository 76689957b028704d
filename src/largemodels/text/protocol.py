"""What generation asks of a language model: four members, and that it is a PyTorch module.

:class:`~largemodels.models.gpt.GPT` and :class:`~largemodels.models.recurrent_lm.RecurrentLM` have them. A model that
needs more than the tokens so far, as a decoder needs the sentence that it translates, gets them by a module that holds
both: its ``new_cache`` prepares what all steps need, and its cache carries it along.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from torch import Tensor, nn


class Cache(Protocol):
    """What a model keeps of the tokens that it has read."""

    length: int  # tokens read of each sequence, padding included; the model counts on

    def select(self, rows: Tensor) -> None:
        """Keep these sequences, ``(n,)`` indices in the new order, some perhaps twice."""


class LanguageModel(Protocol):
    """A ``torch.nn.Module`` that predicts the next token from those before it."""

    @property
    def context_length(self) -> int | None:
        """The most tokens that it can see at once; None if there is no limit."""

    def new_cache(self, batch_size: int, length: int) -> Cache:
        """An empty cache for ``batch_size`` sequences of up to ``length`` tokens, at most ``context_length``."""

    def hidden(self, tokens: Tensor, mask: Tensor | None, cache: Any) -> Tensor:
        """What the head reads, ``(batch, time, d_model)``.

        Args:
            tokens: ``(batch, time)``, those that come after the ones in the cache.
            mask: ``(batch, time)``, false where a token is padding, on the left; None: there is none.
            cache: of :meth:`new_cache`, in which the tokens are then held, too; None: ``tokens`` are all.
        """

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: ``(…, d_model)`` to ``(…, vocab_size)``."""

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """As in PyTorch; the first says on which device it is."""
