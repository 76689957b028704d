"""Errors of recognisers: words wrong, missing or added, as the package ``jiwer`` counts them, and what chance does to
them.

The word error rate divides the fewest words that must be replaced, left out or added, to make the answer the
reference, by the words of the reference. With many added words it exceeds 100%. Recordings that say nearly the same
are not independent, so whole groups of them are drawn with replacement for an interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def word_errors(said: Sequence[str], words: Sequence[str]) -> Counts:
    """For each recording the wrong, missing and added words, and the words of the reference: ``(n, 4)``.

    Args:
        said: answers, as words.
        words: references, as words.

    Raises:
        ValueError: if there are not as many of both.
    """
    import jiwer

    if len(said) != len(words):
        raise ValueError(f"There are {len(said)} answers to {len(words)} recordings.")
    rows = []
    for answer, reference in zip(said, words, strict=True):
        n = len(reference.split())
        if not n:  # nothing was said, so every word is added
            rows.append((0, 0, len(answer.split()), 0))
            continue
        found = jiwer.process_words(reference, answer)
        rows.append((found.substitutions, found.deletions, found.insertions, n))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def error_rate(counts: Counts) -> float:
    """The word error rate of all recordings together, in per cent."""
    return float(100 * counts[:, :3].sum() / counts[:, 3].sum())


def resampled_rates(
    systems: Mapping[str, Sequence[Counts]], groups: Sequence[str], n: int = 2000, seed: int = 0
) -> dict[str, npt.NDArray[np.float64]]:
    """Word error rates, in per cent, when groups of recordings are drawn with replacement, the same for all systems.

    Args:
        systems: by name, one array of :func:`word_errors`, or several, of several seeds: their mean counts.
        groups: of each recording.
        n: number of draws.
        seed: of the draws.

    Returns:
        for each system ``(n,)``. Subtract those of two systems for a paired difference.
    """
    names = sorted(set(groups))
    place = np.array([names.index(it) for it in groups])
    rng = np.random.default_rng(seed)
    often = rng.multinomial(len(names), [1 / len(names)] * len(names), size=n)  # (n, groups)
    rates = {}
    for system, its in systems.items():
        errors = np.mean([it[:, :3].sum(axis=1) for it in its], axis=0)
        per_group = np.stack([np.bincount(place, errors), np.bincount(place, its[0][:, 3])])
        wrong, total = often @ per_group.T[:, 0], often @ per_group.T[:, 1]
        rates[system] = 100 * wrong / total
    return rates
