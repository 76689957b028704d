"""More settings of ordinary training, and networks against logistic regressions at equal ε.

    make study NAME=07_challenges/privacy_and_security_rival

One thread, about two minutes. AdamW with a higher rate and with less and more decay than in the
chapter's main study; the settings that are then the best are audited. The rows `against` compare
a private network with the private logistic regression of the same ε on the same clients.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import torch
from privacy_and_security_study import (
    BOOTSTRAPS,
    D_HIDDEN,
    N_MODELS,
    N_POOL,
    RATES,
    SCALES,
    SECOND,
    attacked,
    components,
    ends,
    found,
    ordinary,
    scores,
    trained,
    tried,
)

from largemodels.book.studies import Study

HIGHEST, DECAYS = 0.3, (0.0, 3.0)
SETTINGS = [
    (scale, rate, decay)
    for scale, rate, decay in product(
        SCALES["ordinary"], (*RATES["ordinary"], HIGHEST), (*DECAYS, *SECOND["ordinary"])
    )
    if rate == HIGHEST or decay in DECAYS
]


def setting(kind: str, scale: float, rate: float, decay: float) -> dict[str, Any]:
    """One setting of AdamW on the validation clients, at its best pass."""
    return tried("ordinary", kind, None, scale, rate, decay)


def audit(
    kind: str, chosen_scale: float, chosen_rate: float, decay: float, passes: int
) -> dict[str, float]:
    """Area on the test clients, how much less than the rival has, and the attacks."""
    *_, (_, layers) = ordinary(N_MODELS, kind, chosen_scale, chosen_rate, decay, passes)
    ours, theirs = (
        components(layers, chosen_scale),
        components(*trained("private", "logistic", None)),
    )
    row = {"area": float(ours[0].mean())}
    half = 1.96 * math.sqrt(sum(it.var() / len(it) for it in ours))
    row |= {"area_low": row["area"] - half, "area_high": row["area"] + half}
    lost = [b - a for a, b in zip(ours, theirs, strict=True)]
    half, value = (
        1.96 * math.sqrt(sum(it.var() / len(it) for it in lost)),
        float(lost[0].mean()),
    )
    row |= {"lost": value, "lost_low": value - half, "lost_high": value + half}
    return row | attacked(layers, chosen_scale)


def against(epsilon: float | None) -> dict[str, float]:
    """Area and members found of the private logistic regression, less those of the network."""
    both = [trained("private", kind, epsilon) for kind in ("logistic", "network")]
    parts = [components(*it) for it in both]
    more = [a - b for a, b in zip(*parts, strict=True)]
    half, value = (
        1.96 * math.sqrt(sum(it.var() / len(it) for it in more)),
        float(more[0].mean()),
    )
    (_, linear, member), (_, deep, _) = (scores(*it) for it in both)
    rng = np.random.default_rng(0)
    draws = [
        torch.from_numpy(rng.integers(0, N_POOL, N_POOL)) for _ in range(2 * BOOTSTRAPS)
    ]

    def difference(some: torch.Tensor) -> float:
        who = member[:, some]
        return found(linear[:, some], who) - found(deep[:, some], who)

    low, high = ends([difference(it) for it in draws])
    return {
        "area_more": value,
        "area_more_low": value - half,
        "area_more_high": value + half,
        "found_more": difference(torch.arange(N_POOL)),
        "found_more_low": low,
        "found_more_high": high,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/privacy_and_security_rival")
    for kind in D_HIDDEN:
        best: dict[str, Any] = {"validation": 0.0}
        for scale, rate, decay in SETTINGS:
            row = study.row(setting, kind=kind, scale=scale, rate=rate, decay=decay)
            best = max(best, row, key=lambda it: it["validation"])
        study.row(
            audit,
            kind=kind,
            chosen_scale=best["scale"],
            chosen_rate=best["rate"],
            decay=best["decay"],
            passes=best["passes"],
        )
    for epsilon in (0.5, 2.0, 8.0):
        study.row(against, epsilon=epsilon)
    study.save()
