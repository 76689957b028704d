"""An n-gram language model with interpolated Kneser–Ney smoothing: counts, no gradient descent.

Kneser and Ney, 1995, "Improved backing-off for m-gram language modeling"
(https://doi.org/10.1109/ICASSP.1995.479394), in the interpolated form of Chen and Goodman, 1999,
section 3 (https://doi.org/10.1006/csla.1999.0128), with one discount per order, estimated as in Ney, Essen
and Kneser, 1994. With h a context, w a token and h' the context without its oldest token:

    p(w | h) = max(c(h w) - D, 0) / c(h)  +  D · t(h) / c(h) · p(w | h')

c(·) counts occurrences; t(h) is the number of distinct tokens that followed h. Below the highest order c(h w) is
the number of distinct tokens seen *before* h w: a token that follows many contexts is more likely in a new one
than a token that is frequent after only one. The recursion ends in the uniform distribution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .checks import at_least

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
MISSING = -1  # in a context: no token, because the text begins later


@dataclass
class _Order:
    """Counts of one order. Keys are sorted; a key is an n-gram read as a number in base vocab_size."""

    ngrams: Ints  # keys of the n-grams seen
    counts: Ints  # c(h w)
    contexts: Ints  # keys of the contexts seen
    totals: Ints  # c(h)
    types: Ints  # t(h)
    first: Ints  # place of each context's first n-gram: the n-grams of a context are neighbours
    width: Ints  # number of its n-grams, those counted 0 times included
    discount: float  # D

    @classmethod
    def counted(cls, ngrams: Ints, counts: Ints, vocab_size: int) -> _Order:
        """From the sorted keys of the n-grams seen and their counts."""
        contexts = ngrams // vocab_size  # sorted, as the n-grams are
        first = np.flatnonzero(np.diff(contexts, prepend=-1))
        width = np.diff(first, append=len(ngrams))
        return cls(ngrams, counts, contexts[first], width, width, first, width, 0.0).recounted(counts)

    def recounted(self, counts: Ints) -> _Order:
        """The same n-grams with other counts, of which some may be 0."""
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        return replace(
            self,
            counts=counts,
            totals=np.add.reduceat(counts, self.first),
            types=np.add.reduceat((counts > 0).astype(counts.dtype), self.first),
            discount=float(once / (once + 2 * twice)) if once and twice else 0.5,
        )

    def find(self, contexts: Ints) -> Ints:
        """Place of each context by its key, -1 where it was never seen."""
        at = _find(self.contexts, contexts)
        return np.where(self.totals[at] > 0, at, -1)


class NGram:
    """Kneser–Ney n-gram model over integer tokens.

    Args:
        order: n: the model sees the ``order - 1`` tokens before the one it predicts.
        vocab_size: number of distinct tokens; ``vocab_size ** order`` must fit into 63 bits.

    Raises:
        ValueError: if order or vocabulary are out of range; by the methods, if a token is outside the vocabulary.
    """

    def __init__(self, order: int, vocab_size: int) -> None:
        at_least(1, order=order, vocab_size=vocab_size)
        if vocab_size**order >= 2**63:
            raise ValueError(
                f"{order}-grams over {vocab_size} tokens do not fit into 64-bit keys: lower the order."
            )
        self.order = order
        self.vocab_size = vocab_size
        self._orders: list[_Order] = []

    def fit(self, tokens: npt.ArrayLike) -> NGram:
        """Count all n-grams of ``tokens``, a sequence of integers ``(time,)``; returns the model itself."""
        tokens = self._integers(tokens)
        if len(tokens) < self.order:
            raise ValueError(f"The tokens are fewer than the order {self.order}: {len(tokens)}.")
        ngrams, counts = np.unique(self._keys(tokens, self.order), return_counts=True)
        self._orders = [_Order.counted(ngrams, counts, self.vocab_size)]
        for order in range(self.order - 1, 0, -1):
            # The n-grams of the order above without their first token: each shorter n-gram then occurs once
            # per distinct token before it.
            ngrams, counts = np.unique(ngrams % self.vocab_size**order, return_counts=True)
            self._orders.insert(0, _Order.counted(ngrams, counts, self.vocab_size))
        return self

    def _integers(self, tokens: npt.ArrayLike) -> Ints:
        """Tokens as int64, ``(time,)``. One outside the vocabulary would count as another: its key would be theirs."""
        given = np.asarray(tokens)
        if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
            raise ValueError(f"Tokens must be integers (time,), not {given.dtype} of shape {given.shape}.")
        outside = given[(given < 0) | (given >= self.vocab_size)]
        if outside.size:
            raise ValueError(
                f"There is no token {outside[0]}: the model counts tokens 0 to {self.vocab_size - 1}."
            )
        return given.astype(np.int64)

    def without(self, passages: Iterable[npt.ArrayLike]) -> Iterator[NGram]:
        """For each passage a model as if its n-grams had not been counted, once each.

        Equal to counting everything else, but much faster, as nothing is sorted anew and the keys are shared.

        Args:
            passages: ``(time,)`` each, at least ``order`` tokens; parts of the text that was counted.

        Raises:
            ValueError: if a passage was not counted, or nothing else was.
        """
        self._refuse_unfitted()
        # Where the n-grams of each order are, without their first token, among those of the order below.
        shorter = [
            _find(below.ngrams, above.ngrams % self.vocab_size**order)
            for order, (below, above) in enumerate(pairwise(self._orders), start=1)
        ]
        highest = self._orders[-1]
        for passage in passages:
            found = _find(highest.ngrams, self._keys(self._integers(passage), self.order))
            counts = highest.counts - np.bincount(found[found >= 0], minlength=len(highest.counts))
            if (found < 0).any() or (counts < 0).any():
                raise ValueError(
                    "The passage holds n-grams that were not counted: it must be a part of the text."
                )
            if not counts.any():
                raise ValueError("Without the passage no n-gram is left: give a shorter one.")
            model = NGram(self.order, self.vocab_size)
            model._orders = [highest.recounted(counts.astype(np.int32))]  # half the memory of many models
            for below, place in zip(reversed(self._orders[:-1]), reversed(shorter), strict=True):
                counts = np.bincount(place[counts > 0], minlength=len(below.counts))
                model._orders.insert(0, below.recounted(counts.astype(np.int32)))
            yield model

    def _refuse_unfitted(self) -> None:
        if not self._orders:
            raise ValueError("Nothing counted yet: call fit first.")

    def _keys(self, tokens: Ints, order: int) -> Ints:
        """Keys of all n-grams of one order in ``tokens``: ``(time - order + 1,)``."""
        n = len(tokens) - order + 1
        keys = np.zeros(n, dtype=np.int64)
        for offset in range(order):
            keys *= self.vocab_size
            keys += tokens[offset : offset + n]
        return keys

    def _smooth(self, below: Floats, order: int, keys: Ints) -> Floats:
        """p(w | h) for n-gram ``keys`` of one order, from ``below`` = p(w | h'), both ``(n,)``."""
        counted = self._orders[order - 1]
        at = counted.find(keys // self.vocab_size)
        seen = at >= 0
        exact = _find(counted.ngrams, keys)
        count = np.where(exact >= 0, counted.counts[exact], 0)
        total, types, discount = np.maximum(counted.totals[at], 1), counted.types[at], counted.discount
        smoothed = (np.maximum(count - discount, 0) + discount * types * below) / total
        return np.where(seen, smoothed, below)  # an unseen context: back off to the shorter one

    def log_probs(self, tokens: npt.ArrayLike) -> Floats:
        """Log-probability of each token given those before it, in nats: ``(time,)``.

        The first tokens are predicted from the shorter contexts that they have.
        """
        self._refuse_unfitted()
        tokens = self._integers(tokens)
        probs = np.full(len(tokens), 1 / self.vocab_size)
        for order in range(1, min(self.order, len(tokens)) + 1):
            probs[order - 1 :] = self._smooth(probs[order - 1 :], order, self._keys(tokens, order))
        return np.log(probs)

    def next_probs(self, tokens: npt.ArrayLike) -> Floats:
        """Distribution over the token after ``tokens`` ``(time,)``: ``(vocab_size,)``, sums to 1."""
        tokens = self._integers(tokens)
        context = tokens[max(0, len(tokens) - self.order + 1) :]
        probs = np.full(self.vocab_size, 1 / self.vocab_size)
        for order in range(1, min(self.order, len(context) + 1) + 1):
            key = 0
            for token in context[len(context) - order + 1 :]:
                key = key * self.vocab_size + int(token)
            probs = self._smooth(probs, order, key * self.vocab_size + np.arange(self.vocab_size))
        return probs

    def distributions(self, contexts: Ints) -> Floats:
        """Distributions over the next token for many contexts at once: ``(n, vocab_size)``, rows sum to 1.

        Args:
            contexts: ``(n, order - 1)``, the tokens before each predicted one, oldest first. Where a text begins,
                :data:`MISSING` stands for tokens that are not there.
        """
        *_, (probs, row) = self._by_order(contexts)
        return probs[row]

    def log_probs_by_order(self, contexts: Ints) -> Floats:
        """Log-probabilities of the next token by each order: ``(n, order, vocab_size)``, the lowest order first.

        Args:
            contexts: as in :meth:`distributions`, whose logarithm is the last order.
        """
        return np.stack([np.log(probs)[row] for probs, row in self._by_order(contexts)], axis=1)

    def _by_order(self, contexts: Ints) -> Iterator[tuple[Floats, Ints]]:
        """Distributions and, for each context, which one it has: ``(any, vocab_size)`` and ``(n,)``, by order.

        Contexts that end alike share their distributions of the lower orders, so each is computed once.
        """
        self._refuse_unfitted()
        probs, row = (
            np.full((1, self.vocab_size), 1 / self.vocab_size),
            np.zeros(len(contexts), dtype=np.int64),
        )
        for order, counted in enumerate(self._orders, start=1):
            context = contexts[:, self.order - order :]  # (n, order - 1)
            keys = np.zeros(len(contexts), dtype=np.int64)
            for token in context.T:
                keys = keys * self.vocab_size + token
            at = np.where((context == MISSING).any(axis=1), -1, counted.find(keys))
            # A context that was never seen keeps the row of the shorter one; the others get one each.
            distinct = np.where(at >= 0, len(probs) + at, row)
            _, first, place = np.unique(distinct, return_index=True, return_inverse=True)
            probs, row, at = probs[row[first]], place, at[first]
            self._smooth_rows(probs, np.flatnonzero(at >= 0), counted, at[at >= 0])
            yield probs, row

    def fingerprint(self) -> str:
        """SHA-256 of the order, the vocabulary's size and all counts: equal for models that predict the same."""
        self._refuse_unfitted()
        digest = hashlib.sha256(f"{self.order} {self.vocab_size}".encode())
        for counted in self._orders:
            seen = counted.counts > 0
            digest.update(counted.ngrams[seen].tobytes() + counted.counts[seen].astype(np.int64).tobytes())
        return digest.hexdigest()

    def _smooth_rows(self, probs: Floats, rows: Ints, counted: _Order, at: Ints) -> None:
        """Turn p(· | h'), ``(n, vocab_size)``, into p(· | h) in these ``rows``; ``at`` says which context each has."""
        n_ngrams = counted.width[at]
        # The n-grams of all these contexts, one after another.
        start = np.cumsum(n_ngrams) - n_ngrams
        ngrams = np.repeat(counted.first[at] - start, n_ngrams) + np.arange(n_ngrams.sum())
        probs[rows] *= (counted.discount * counted.types[at])[:, None]
        probs[np.repeat(rows, n_ngrams), counted.ngrams[ngrams] % self.vocab_size] += np.maximum(
            counted.counts[ngrams] - counted.discount, 0
        )
        probs[rows] /= counted.totals[at][:, None]


def _find(keys: Ints, wanted: Ints) -> Ints:
    """Position of each wanted key in the sorted ``keys``, -1 where it is missing."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)
