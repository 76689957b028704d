"""The reduction of Agarwal et al. (2018) on the card holders, by its bound.

    make study NAME=07_challenges/fairness_ethics_law_reduction

One thread, about five minutes. Sex is seen while the mixture of scorecards is learnt, and not when
it decides. `difference_bound` limits how far the rate of a group may be from the rate of all, not
the gap between the groups. Two splits: no threshold is chosen, so that splits differ little.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from fairlearn.reductions import (
    DemographicParity,
    ErrorRate,
    ExponentiatedGradient,
    FalsePositiveRateParity,
)
from fairness_ethics_law_study import belongs, clients, folds, packed, ready, scorecard

from largemodels.book.studies import Study

CONSTRAINTS = {"refusals": DemographicParity, "false alarms": FalsePositiveRateParity}
BOUNDS = (0.0, 0.0025, 0.005, 0.01)
SPLITS = (0, 1)


def reduced(kind: str, bound: float, split: int) -> dict[str, Any]:
    """One row: chances of refusal of all clients, each decided without having been learnt from."""
    _, bad = clients()
    member, refused, models = belongs("sex"), np.zeros(len(bad)), []
    for train, test in folds(split):
        columns = ready(train, "sex")
        share = bad[train].mean()
        found = ExponentiatedGradient(
            scorecard(), CONSTRAINTS[kind](difference_bound=bound), eps=0.001, max_iter=30,
            objective=ErrorRate(costs={"fp": share, "fn": 1 - share}),
        )  # fmt: skip
        found.fit(columns[train], bad[train], sensitive_features=member[train])
        refused[test] = found._pmf_predict(columns[test])[:, 1]
        models.append(int((found.weights_ > 1e-6).sum()))
    return {"refused": packed(refused), "models": max(models)}


if __name__ == "__main__":
    study = Study("07_challenges/fairness_ethics_law_reduction")
    for kind in CONSTRAINTS:
        for bound in BOUNDS:
            for split in SPLITS:
                study.row(reduced, kind=kind, bound=bound, split=split)
    study.save()
