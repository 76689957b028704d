"""Verification: is it the same one? Two errors at every threshold, and the rate at which they are equal.

A pair counts as matched if its distance is at most a threshold. The share of pairs of one person that are not matched
is the false non-match rate, the share of pairs of two people that are matched the false match rate, as ISO/IEC 19795-1
calls them.
"""

from __future__ import annotations

import numpy as np


def match_errors(
    distance: np.ndarray, same: np.ndarray, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both errors at every distance as a threshold.

    Args:
        distance: ``(pairs,)``.
        same: ``(pairs,)``, whether both are of one person.
        weight: ``(pairs,)``, how often each pair counts; None: once.

    Returns:
        the different distances in rising order, and false non-match rates and false match rates at them.

    Raises:
        ValueError: if there is no pair of one person, or none of two.
    """
    count = np.ones(len(distance)) if weight is None else np.asarray(weight, float)
    order = np.argsort(distance, kind="stable")
    distance, one, two = distance[order], (count * same)[order], (count * ~same)[order]
    if not one.sum() or not two.sum():
        raise ValueError("Both kinds of pairs are needed: of one person and of two.")
    last = np.append(distance[1:] != distance[:-1], True)  # equal distances match or fail together
    missed, false = 1 - one.cumsum() / one.sum(), two.cumsum() / two.sum()
    return distance[last], missed[last], false[last]


def equal_error_rate(
    distance: np.ndarray, same: np.ndarray, weight: np.ndarray | None = None
) -> tuple[float, float]:
    """The mean of both errors where they are nearest to each other, and the threshold there.

    Arguments and errors as for :func:`match_errors`.
    """
    threshold, missed, false = match_errors(distance, same, weight)
    at = int(np.abs(missed - false).argmin())
    return float(missed[at] + false[at]) / 2, float(threshold[at])
