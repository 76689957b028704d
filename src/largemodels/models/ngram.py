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

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .checks import at_least

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass
class _Order:
    """Counts of one order. Keys are sorted; a key is an n-gram read as a number in base vocab_size."""

    ngrams: Ints  # keys of the n-grams seen
    counts: Ints  # c(h w)
    contexts: Ints  # keys of the contexts seen
    totals: Ints  # c(h)
    types: Ints  # t(h)
    discount: float  # D


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
        self._orders = [self._count(ngrams, counts)]
        for order in range(self.order - 1, 0, -1):
            # The n-grams of the order above without their first token: each shorter n-gram then occurs once
            # per distinct token before it.
            ngrams, counts = np.unique(ngrams % self.vocab_size**order, return_counts=True)
            self._orders.insert(0, self._count(ngrams, counts))
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

    def _keys(self, tokens: Ints, order: int) -> Ints:
        """Keys of all n-grams of one order in ``tokens``: ``(time - order + 1,)``."""
        n = len(tokens) - order + 1
        keys = np.zeros(n, dtype=np.int64)
        for offset in range(order):
            keys = keys * self.vocab_size + tokens[offset : offset + n]
        return keys

    def _count(self, ngrams: Ints, counts: Ints) -> _Order:
        contexts, first = np.unique(ngrams // self.vocab_size, return_index=True)
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        return _Order(
            ngrams=ngrams,
            counts=counts,
            contexts=contexts,
            totals=np.add.reduceat(counts, first),
            types=np.diff(np.append(first, len(ngrams))),
            discount=float(once / (once + 2 * twice)) if once and twice else 0.5,
        )

    def _smooth(self, below: Floats, order: int, keys: Ints) -> Floats:
        """p(w | h) for n-gram ``keys`` of one order, from ``below`` = p(w | h'), both ``(n,)``."""
        counted = self._orders[order - 1]
        at = _find(counted.contexts, keys // self.vocab_size)
        seen = at >= 0
        exact = _find(counted.ngrams, keys)
        count = np.where(exact >= 0, counted.counts[exact], 0)
        total, types, discount = counted.totals[at], counted.types[at], counted.discount
        smoothed = (np.maximum(count - discount, 0) + discount * types * below) / total
        return np.where(seen, smoothed, below)  # an unseen context: back off to the shorter one

    def log_probs(self, tokens: npt.ArrayLike) -> Floats:
        """Log-probability of each token given those before it, in nats: ``(time,)``.

        The first tokens are predicted from the shorter contexts that they have.
        """
        if not self._orders:
            raise ValueError("Nothing counted yet: call fit first.")
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


def _find(keys: Ints, wanted: Ints) -> Ints:
    """Position of each wanted key in the sorted ``keys``, -1 where it is missing."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)
