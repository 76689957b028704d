"""What stopping alone does, and larger weight decay than in the chapter's other studies.

    make study NAME=07_challenges/privacy_and_security_stopping

One thread, about two minutes. The network that learns its members by heart is stopped at the best
of 100 passes, and the network that was chosen is trained for all 100. AdamW with decay 10 and 30 is
tried on the same tuning models as before, and the best setting of each kind is audited. Where rate
times decay is above 1 each step would turn the weights over; these settings are left out. The rows
`audit` also compare with the chosen network, stopped at its best, on the same clients.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import torch
from privacy_and_security_rival_study import HIGHEST, setting
from privacy_and_security_study import (
    BOOTSTRAPS,
    D_HIDDEN,
    LONG,
    N_MODELS,
    N_POOL,
    N_TUNING,
    RATES,
    SCALES,
    Layers,
    area,
    attacked,
    components,
    ends,
    found,
    ordinary,
    scores,
)

from largemodels.book.studies import Study

DECAYS = (10.0, 30.0)
SETTINGS = [
    it
    for it in product(SCALES["ordinary"], (*RATES["ordinary"], HIGHEST), DECAYS)
    if it[1] * it[2] <= 1
]
HEART = (10.0, 0.01, 0.0)  # scale, rate and decay of the network that learns by heart
CHOSEN, CHOSEN_PASSES = (1.0, 0.001, 0.3), 28  # the best of the main study, and its passes


def best_pass(scale: float, rate: float, decay: float, longest: int) -> dict[str, Any]:
    """The pass with the largest area on the validation clients, and this area."""
    runs = ordinary(N_TUNING, "network", scale, rate, decay, longest)
    areas = {number: area(layers, scale) for number, layers in runs}
    best = max(areas, key=areas.__getitem__)
    return {
        "best_pass": best,
        "best_validation": areas[best],
        "last_validation": areas[longest],
    }


@cache
def trained(kind: str, scale: float, rate: float, decay: float, passes: int) -> Layers:
    """The models of an audit."""
    *_, (_, layers) = ordinary(N_MODELS, kind, scale, rate, decay, passes)
    return layers


def audit(
    kind: str, chosen_scale: float, chosen_rate: float, decay: float, passes: int
) -> dict[str, float]:
    """Area on the test clients, what the attacks find, and both less the chosen network."""
    layers = trained(kind, chosen_scale, chosen_rate, decay, passes)
    usual = trained("network", *CHOSEN, CHOSEN_PASSES)
    parts = components(layers, chosen_scale)
    more = [a - b for a, b in zip(parts, components(usual, CHOSEN[0]), strict=True)]
    row: dict[str, float] = {}
    for name, both in (("area", parts), ("area_more", more)):
        half, mean = (
            1.96 * math.sqrt(sum(it.var() / len(it) for it in both)),
            float(both[0].mean()),
        )
        row |= {name: mean, f"{name}_low": mean - half, f"{name}_high": mean + half}
    sure, ratio, member = scores(layers, chosen_scale)
    other = scores(usual, CHOSEN[0])[1]
    rng = np.random.default_rng(0)
    draws = [
        torch.from_numpy(rng.integers(0, N_POOL, N_POOL)) for _ in range(2 * BOOTSTRAPS)
    ]

    def difference(some: torch.Tensor) -> float:
        return found(ratio[:, some], member[:, some]) - found(
            other[:, some], member[:, some]
        )

    low, high = ends([difference(it) for it in draws])
    row |= {
        "found_more": difference(torch.arange(N_POOL)),
        "found_more_low": low,
        "found_more_high": high,
        "right_members": 100 * float((sure[member] > 0).double().mean()),
        "right_others": 100 * float((sure[~member] > 0).double().mean()),
    }
    return row | attacked(layers, chosen_scale)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/privacy_and_security_stopping")
    scale, rate, decay = HEART
    row = study.row(best_pass, scale=scale, rate=rate, decay=decay, longest=LONG)
    wanted: list[tuple[str, float, float, float, int]] = [
        ("network", *HEART, row["best_pass"]),
        ("network", *CHOSEN, LONG),
    ]
    for kind in D_HIDDEN:
        best: dict[str, Any] = {"validation": 0.0}
        for scale, rate, decay in SETTINGS:
            row = study.row(setting, kind=kind, scale=scale, rate=rate, decay=decay)
            best = max(best, row, key=lambda it: it["validation"])
        wanted.append((kind, best["scale"], best["rate"], best["decay"], best["passes"]))
    for kind, scale, rate, decay, passes in wanted:
        study.row(
            audit,
            kind=kind,
            chosen_scale=scale,
            chosen_rate=rate,
            decay=decay,
            passes=passes,
        )
    study.save()
