"""A language model that learns only what counting leaves over: a network beside an n-gram model.

Li et al., 2022, "N-gram is back: residual learning of neural text generation with n-gram language model"
(https://arxiv.org/abs/2210.14431). The network's logits are added to the log-probabilities of the n-gram model,

    p(w | tokens) ∝ exp(logits(w) + Σ_n g_n · log p_n(w)),

with p_n the n-gram model's distribution of order n. The weights g come from the network's state, so the network decides
how far to trust each order in this place: log-linear interpolation (Klakow, 1998,
https://doi.org/10.21437/ICSLP.1998-623) with weights that depend on the context, as compressors mix their models
(Mahoney, 2005, https://repository.fit.edu/ces_faculty/166). At first the weights are 0, …, 0, 1, so a network whose
logits are 0 starts at the loss that counting reaches.

Two things differ from Li et al.: they add the highest order alone, with a fixed weight; and here the network is trained
beside counts that do not know what they predict. An n-gram model is far too sure of the text that it has counted, so a
network trained beside it would learn to distrust it. The text is therefore cut into folds, and the tokens of a fold are
predicted from counts of all other folds, as in stacked generalisation (Wolpert, 1992,
https://doi.org/10.1016/S0893-6080(05)80023-1): see :class:`HeldOut`. Other texts are predicted from all counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.base import Model
from ..models.checks import at_least
from ..models.modes import evaluating
from ..models.ngram import MISSING, Ints, NGram
from .protocol import Cache, LanguageModel


@dataclass(frozen=True)
class ResidualConfig:
    """What a checkpoint must agree with: the network's settings and the counts."""

    network: Any  # config of the network; None if it has none
    order: int  # of the n-gram model
    counts: str  # fingerprint of what it has counted


class ResidualCache:
    """The network's cache, and the last tokens for the n-gram model.

    Attributes:
        length: tokens read of each sequence, padding included.
        network: the network's cache.
        recent: ``(batch, at most order - 1)``, :data:`.ngram.MISSING` where a token is padding.
    """

    def __init__(self, network: Cache, recent: Tensor) -> None:
        self.length, self.network, self.recent = 0, network, recent

    def select(self, rows: Tensor) -> None:
        """Reorder the sequences by ``(n,)`` indices, which may repeat or be missing, as beam search requires."""
        self.network.select(rows)
        self.recent = self.recent.index_select(0, rows)


class ResidualLM(Model):
    """A network whose logits correct the log-probabilities of an n-gram model.

    The hidden states are those of the network, followed by the log-probabilities of each order:
    ``(batch, time, d_model + order * vocab_size)``.

    Args:
        network: any :class:`.protocol.LanguageModel`; it is trained together with the weights of the orders.
        ngram: fitted, over the same vocabulary. It is not saved with the weights: a checkpoint holds a fingerprint of
            its counts, and a model with other counts refuses the weights.

    Raises:
        ValueError: if the n-gram model has counted nothing, or the vocabularies differ.
    """

    by_adamw = ("gate",)  # updated by AdamW even where Muon is used

    def __init__(self, network: LanguageModel, ngram: NGram) -> None:
        super().__init__()
        self.network: Any = network
        self.ngram = ngram
        self.config = ResidualConfig(getattr(network, "config", None), ngram.order, ngram.fingerprint())
        one = torch.zeros(1, 1, dtype=torch.long, device=next(network.parameters()).device)
        with torch.no_grad(), evaluating(cast(nn.Module, network)):
            state = network.hidden(one, None, None)  # (1, 1, d_model)
            vocab_size = network.logits(state).shape[-1]
        if vocab_size != ngram.vocab_size:
            raise ValueError(
                f"The network has a vocabulary of {vocab_size}, the n-gram model one of {ngram.vocab_size}: make them "
                "equal."
            )
        self.gate = nn.Linear(state.shape[-1], ngram.order, device=one.device)
        nn.init.zeros_(self.gate.weight)
        with torch.no_grad():
            self.gate.bias.copy_(torch.eye(ngram.order)[-1])  # at first only the highest order counts

    @property
    def context_length(self) -> int | None:
        """Maximum number of tokens that the model can see at once."""
        return cast(LanguageModel, self.network).context_length

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(batch, time)`` to logits ``(batch, time, vocab_size)``: at ``t`` those of token ``t + 1``."""
        return self.logits(self.hidden(tokens, mask))

    def hidden(
        self, tokens: Tensor, mask: Tensor | None = None, cache: ResidualCache | None = None
    ) -> Tensor:
        """Hidden states of the network, followed by the log-probabilities of the n-gram model.

        Args:
            tokens: ``(batch, time)``, integers below ``vocab_size``.
            mask: ``(batch, time)``, false where a token is padding; neither part sees those.
            cache: from :meth:`new_cache`. Then ``tokens`` and ``mask`` continue the sequences read so far.

        Returns:
            ``(batch, time, d_model + order * vocab_size)``.
        """
        time = tokens.shape[1]
        hidden = self.network.hidden(tokens, mask, None if cache is None else cache.network)
        read = tokens if mask is None else tokens.masked_fill(~mask.bool(), MISSING)
        if cache is not None:
            read = torch.cat([cache.recent, read], dim=1)
            cache.recent = read[:, max(0, read.shape[1] - self.ngram.order + 1) :]
            cache.length += time
        before = contexts(read, self.ngram.order)[:, -time:]
        return torch.cat([hidden, _log_probs(self.ngram, before).flatten(-2).to(hidden.device)], dim=-1)

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: ``(…, d_model + order * vocab_size)`` to ``(…, vocab_size)``."""
        states = hidden[..., : self.gate.in_features].to(self.gate.weight.dtype)
        log_probs = hidden[..., self.gate.in_features :]
        return self._combined(states, log_probs.unflatten(-1, (self.ngram.order, self.ngram.vocab_size)))

    def _combined(self, states: Tensor, log_probs: Tensor) -> Tensor:
        """Logits from the states of the network, ``(…, d_model)``, and log-probabilities ``(…, order, vocab_size)``."""
        weights = self.gate(states)  # (…, order)
        combined: Tensor = self.network.logits(states) + (weights[..., None] * log_probs).sum(dim=-2)
        return combined

    def loss(self, tokens: Tensor, targets: Tensor, log_probs: Tensor | None = None) -> Tensor:
        """Mean cross-entropy in nats per token, a scalar; targets of -100 are ignored.

        Args:
            tokens: ``(batch, time)``.
            targets: ``(batch, time)``, the token that follows each position.
            log_probs: ``(batch, time, order, vocab_size)`` of the n-gram model, from :meth:`HeldOut.batches` for a
                text that it has counted; None: computed from all its counts, for any other text.
        """
        if log_probs is None:
            logits = self(tokens)
        elif log_probs.shape[2] != self.ngram.order:
            raise ValueError(
                f"log_probs are of a {log_probs.shape[2]}-gram model, but this one has order {self.ngram.order}: give "
                "HeldOut the same n-gram model."
            )
        else:
            logits = self._combined(self.network.hidden(tokens, None, None), log_probs)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)

    def new_cache(self, batch_size: int, length: int) -> ResidualCache:
        """An empty cache for ``batch_size`` sequences of up to ``length`` tokens."""
        recent = torch.empty(batch_size, 0, dtype=torch.long, device=next(self.parameters()).device)
        return ResidualCache(self.network.new_cache(batch_size, length), recent)


class HeldOut:
    """A text each of whose tokens is predicted from the counts of the other folds only.

    Args:
        ngram: fitted on ``tokens``.
        tokens: ``(time,)``, the training text.
        folds: number of equal, contiguous parts. More make the counts more like those of the whole text, which the
            model uses afterwards, and need more memory.

    Raises:
        ValueError: if these are not the tokens that were counted, or too few for so many folds.
    """

    def __init__(self, ngram: NGram, tokens: Tensor, folds: int = 10) -> None:
        at_least(2, folds=folds)
        before = ngram.order - 1
        self.tokens, self.order, self.vocab_size = tokens, ngram.order, ngram.vocab_size
        # The first tokens of the text end no n-gram, so the first fold begins after them.
        borders = np.linspace(before, len(tokens), folds + 1).astype(np.int64)
        if (np.diff(borders) < 1).any():
            raise ValueError(f"{len(tokens)} tokens are too few for {folds} folds: use fewer.")
        self.borders = borders
        self.models = list(ngram.without(tokens[begin - before : end] for begin, end in pairwise(borders)))

    @property
    def positions(self) -> Tensor:
        """All positions of the text, ``(time,)``, to draw windows of."""
        return torch.arange(len(self.tokens))

    def batches(self, windows: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Batches for :meth:`ResidualLM.loss`.

        Args:
            windows: positions of inputs and of targets, both ``(batch, time)``, such as those that
                ``lm.batches(held_out.positions, batch_size, context_length, seed, start)`` yields.

        Yields:
            inputs and targets, both ``(batch, time)``, and log-probabilities, ``(batch, time, order, vocab_size)``.
            As the network, the n-gram models see only the window.
        """
        for inputs, targets in windows:
            yield self.tokens[inputs], self.tokens[targets], self._log_probs(self.tokens[inputs], targets)

    def _log_probs(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """From the tokens of the inputs, each target's counts chosen by its position."""
        before = contexts(inputs, self.order)
        folds = np.searchsorted(self.borders[1:-1], targets.numpy(), side="right")  # (batch, time)
        log_probs = torch.empty(*targets.shape, self.order, self.vocab_size)
        for fold in np.unique(folds):
            log_probs[torch.from_numpy(folds == fold)] = _log_probs(self.models[fold], before[folds == fold])
        return log_probs


def contexts(tokens: Tensor, order: int) -> Ints:
    """The tokens that an n-gram model sees at each position, ``(batch, time, order - 1)``, of ``(batch, time)``."""
    before = F.pad(tokens, (order - 1, 0), value=MISSING).unfold(1, order, 1)[..., 1:]
    return cast(Ints, before.cpu().numpy())


def _log_probs(ngram: NGram, before: Ints) -> Tensor:
    """Log-probabilities of the next token after contexts ``(…, order - 1)``: ``(…, order, vocab_size)``, fp32."""
    shape = before.shape[:-1]
    log_probs = ngram.log_probs_by_order(before.reshape(math.prod(shape), ngram.order - 1))
    return torch.from_numpy(log_probs.astype(np.float32)).view(*shape, ngram.order, ngram.vocab_size)
