"""A scorecard that learns from women alone, and the price of equal refusals split by split.

    make study NAME=07_challenges/fairness_ethics_law_more

One thread, about half a minute. A scorecard of women cannot have learnt which columns stand for
sex. All clients are scored by it, without their own fifth, and refused above the cheapest
threshold, as in the main study.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from fairness_ethics_law_study import (
    SPLITS,
    belongs,
    cheapest,
    clients,
    folds,
    packed,
    pair,
    ready,
    scorecard,
    scores,
)

from largemodels.book.studies import Study


def taught_by_women(split: int) -> dict[str, Any]:
    """One row: whom the cheapest threshold refuses, on scores learnt from women."""
    _, bad = clients()
    score, woman = np.zeros(len(bad)), ~belongs("sex")
    for train, test in folds(split):
        learns = train[woman[train]]
        columns = ready(learns, "sex")
        fitted = scorecard().fit(columns[learns], bad[learns])
        score[test] = fitted.predict_proba(columns[test])[:, 1]
    return {"refused": packed(cheapest(score, split).astype(float))}


def added(demand: str, split: int) -> dict[str, float]:
    """One row: what equal rates add to the cost of 100 decisions in one split."""
    _, bad = clients()
    member, score = belongs("sex"), scores("sex", "blind", split)
    refused = np.zeros(len(bad))
    for others, held in folds(split):
        cut = pair(demand, score[others], bad[others], member[others])
        refused[held] = score[held] > np.where(member[held], cut[True], cut[False])
    paid = np.where(bad == 1, -(1 - bad.mean()) / bad.mean(), 1)
    return {"cost": float(100 * ((refused - cheapest(score, split)) * paid).mean())}


if __name__ == "__main__":
    study = Study("07_challenges/fairness_ethics_law_more")
    for split in SPLITS:
        study.row(taught_by_women, split=split)
    for demand in ("refusals", "false alarms"):
        for split in SPLITS:
            study.row(added, demand=demand, split=split)
    study.save()
