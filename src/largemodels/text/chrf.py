"""chrF, the overlap of runs of characters, with its counts for each text, so that texts can be drawn again in groups.

Popović, 2015, "chrF: character n-gram F-score for automatic MT evaluation" (https://aclanthology.org/W15-3049). For
each length from 1 to 6, the precision is the share of the translation's runs of characters that the reference has, too,
and the recall the share of the reference's that the translation has. The score is a weighted harmonic mean of their
averages over the lengths, in which recall counts twice. White space does not count. It equals ``CHRF`` of the package
``sacrebleu`` with its default settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

LONGEST, BETA = 6, 2  # characters of a run; how much more recall counts than precision
Floats = npt.NDArray[np.float64]


def chrf_counts(said: Sequence[str], references: Sequence[str]) -> Floats:
    """For each text and length of run: runs of the translation, of the reference, and shared ones, ``(n, 6, 3)``.

    Args:
        said: translations.
        references: a translator's translations, in the same order.

    Raises:
        ValueError: if there are not as many of both.
    """
    if len(said) != len(references):
        raise ValueError(f"There are {len(said)} translations for {len(references)} references.")
    rows = [
        [_shared(one, other, n) for n in range(1, LONGEST + 1)]
        for one, other in zip(said, references, strict=True)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, LONGEST, 3)


def _shared(one: str, other: str, n: int) -> tuple[int, int, int]:
    """Runs of ``n`` characters of two texts, and those that they share."""
    here, there = _runs(one, n), _runs(other, n)
    shared = (here & there).total()
    # As in sacrebleu, a length counts only if the reference is long enough for it.
    return (here.total() if there else 0), there.total(), shared


def _runs(text: str, n: int) -> Counter[str]:
    joined = "".join(text.split())
    return Counter(joined[at : at + n] for at in range(len(joined) - n + 1))


def chrf(counts: Floats) -> Floats:
    """The score of summed counts, ``(…, 6, 3)`` to ``(…)``, from 0 to 100."""
    said, wanted, shared = np.moveaxis(counts, -1, 0)
    there = (said > 0) & (wanted > 0)
    n = np.maximum(there.sum(-1), 1)
    precision = np.divide(shared, said, where=there, out=np.zeros_like(shared)).sum(-1) / n
    recall = np.divide(shared, wanted, where=there, out=np.zeros_like(shared)).sum(-1) / n
    below = BETA**2 * precision + recall
    found: Floats = np.divide(
        100 * (1 + BETA**2) * precision * recall, below, where=below > 0, out=np.zeros_like(below)
    )
    return found


def resampled_chrf(
    systems: Mapping[str, Sequence[Floats]], groups: Sequence[str], n: int = 2000, seed: int = 0
) -> dict[str, Floats]:
    """Scores when groups of texts are drawn with replacement, the same for all systems.

    Args:
        systems: by name, one array of :func:`chrf_counts`, or several, of several seeds, whose scores are averaged.
        groups: of each text.
        n: number of draws.
        seed: of the draws.

    Returns:
        for each system ``(n,)``. Subtract those of two systems for a paired difference.
    """
    names = sorted(set(groups))
    place = np.array([names.index(it) for it in groups])
    often = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), size=n)
    member = (place == np.arange(len(names))[:, None]).astype(np.float64)  # (groups, texts)
    weights = often @ member  # (n, texts)
    return {
        name: np.mean([chrf(np.tensordot(weights, it, 1)) for it in its], axis=0)
        for name, its in systems.items()
    }
