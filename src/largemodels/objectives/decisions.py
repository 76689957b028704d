"""What acting on predicted chances is worth: net benefit.

Vickers and Elkin, 2006, "Decision curve analysis" (https://doi.org/10.1177/0272989X06295361).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def net_benefit(chance: npt.ArrayLike, truth: npt.ArrayLike, threshold: float) -> float:
    """Cases treated rightly a person, less what treating the others costs.

    Whoever has a chance above the threshold is treated. Treating a person without the disease costs
    ``threshold / (1 - threshold)`` of what treating one with it is worth: at that chance somebody who decides by the
    threshold does not care either way.

    Args:
        chance: of the disease, ``(n,)``.
        truth: whether somebody has it, ``(n,)``.
        threshold: above 0 and below 1.

    Returns:
        the net benefit, between minus ``threshold / (1 - threshold)`` and the share of people with the disease.

    Raises:
        ValueError: if the threshold is not inside, or the lengths differ.
    """
    chances, ill = np.asarray(chance, dtype=float), np.asarray(truth, dtype=bool)
    if not 0 < threshold < 1:
        raise ValueError(f"A threshold lies between 0 and 1; this one is {threshold}.")
    if chances.shape != ill.shape:
        raise ValueError(f"There are {chances.shape} chances for {ill.shape} people.")
    treated = chances > threshold
    odds = threshold / (1 - threshold)
    return float((treated & ill).mean() - odds * (treated & ~ill).mean())
