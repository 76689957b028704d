"""Markov chains, each with a rule of its own: sequences that can be predicted only from what was read before.

A Markov chain has a table: in row ``a``, the probabilities of the symbols that may follow the symbol ``a``. Here each
sequence draws a new table, its rows from a Dirichlet distribution, and a table is never seen again. So nothing about it
can be stored in a network's weights, but it shows in the sequence itself. The task is that of Edelman et al., 2024,
"The evolution of statistical induction heads: in-context learning Markov chains" (https://arxiv.org/abs/2402.11004),
section 2. The data is synthetic; its purpose is that the best possible prediction is known.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def chain_batches(
    n_symbols: int, length: int, concentration: float, batch_size: int, seed: int, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of sequences, each from a chain of its own.

    Args:
        n_symbols: number of distinct symbols.
        length: symbols that are read, and that are predicted, in each sequence.
        concentration: of the Dirichlet distribution, the same for all symbols. At 1 all tables are equally likely; the
            closer to 0, the fewer symbols follow a symbol often.
        batch_size: sequences per batch.
        seed: for the random draws.
        start: number of the first batch.

    Yields:
        inputs and targets, both ``(batch_size, length)``; targets are the inputs shifted by one.

    Raises:
        ValueError: if a number is too small.
    """
    if n_symbols < 2 or length < 1 or batch_size < 1 or concentration <= 0:
        raise ValueError(
            "Chains need n_symbols ≥ 2, length ≥ 1, batch_size ≥ 1 and a concentration above 0, not "
            f"{n_symbols}, {length}, {batch_size} and {concentration}."
        )
    for number in itertools.count(start):
        rng = np.random.default_rng((seed, number))
        tables = rng.dirichlet([concentration] * n_symbols, size=(batch_size, n_symbols))
        tokens = torch.from_numpy(walk(tables, length + 1, rng))
        yield tokens[:, :-1], tokens[:, 1:]


def walk(tables: npt.NDArray[np.float64], length: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """One sequence from each table, ``(n, length)``; the first symbol is uniform.

    Args:
        tables: ``(n, n_symbols, n_symbols)``, rows sum to 1: of the symbol before, to the symbol after.
        length: symbols of a sequence.
        rng: random generator.
    """
    n, n_symbols = tables.shape[:2]
    up_to = tables.cumsum(axis=-1)  # a symbol is drawn where a uniform number falls between two of these
    every = np.arange(n)
    tokens = np.empty((n, length), dtype=np.int64)
    tokens[:, 0] = rng.integers(n_symbols, size=n)
    for t in range(1, length):
        row = up_to[every, tokens[:, t - 1]]  # (n, n_symbols)
        drawn = rng.random((n, 1)) * row[:, -1:]  # by rounding, rows may end just below 1
        tokens[:, t] = (drawn >= row).sum(axis=-1)
    return tokens


def chain_log_probs(tokens: Tensor, n_symbols: int, concentration: float, *, pairs: bool = True) -> Tensor:
    """Log-probability of each symbol but the first, by counts in the sequence before it.

    The posterior mean of a Dirichlet distribution (Laplace's rule, for a concentration of 1):
    ``(count + concentration) / (all counts + n_symbols · concentration)``. If the tables were drawn with this
    concentration, counts of pairs predict best of all that see no more than the sequence, on average over tables.

    Args:
        tokens: ``(n, time)``.
        n_symbols: number of distinct symbols.
        concentration: what is added to each count.
        pairs: count what followed the present symbol; otherwise count all symbols, whatever stood before them.

    Returns:
        ``(n, time - 1)``, in nats, fp64.
    """
    n, time = tokens.shape
    every = torch.arange(n)
    counts = torch.full((n, n_symbols, n_symbols), float(concentration), dtype=torch.float64)
    found = torch.empty(n, time - 1, dtype=torch.float64)
    if not pairs:
        counts[every, 0, tokens[:, 0]] += 1
    for t in range(1, time):
        before = tokens[:, t - 1] if pairs else torch.zeros_like(tokens[:, 0])
        row = counts[every, before]  # (n, n_symbols)
        found[:, t - 1] = (row[every, tokens[:, t]] / row.sum(dim=-1)).log()
        counts[every, before, tokens[:, t]] += 1
    return found
