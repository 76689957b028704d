"""Tenth study of "Interpretability": how alike maps stay while layers become random, ties shared.

    make study NAME=07_challenges/interpretability_cascade

One thread, a minute, after the first study. Its rank correlations give squares of equal value the
rank of their place, which is the same in both maps. Here they share a rank, and the correlation is
taken among all squares and among those that are not black.
"""

from __future__ import annotations

from typing import Any

import interpretability_same_study as same
import interpretability_study as first
import numpy as np
import torch
from scipy.stats import rankdata

import largemodels as lm


def alike(seed: int) -> dict[str, Any]:
    """One row: lists by the number of layers, from the top, that have become random."""
    model, x = same.kept(seed), first.pictures()["test"][0][: first.N_CASCADE]
    with torch.no_grad():
        target = model(x).argmax(1)
    before = first.maps(model, x, target)
    bright = first.squares(x[:, 0], 2).numpy() > 0
    row: dict[str, Any] = {
        f"{name}: {which}": [] for name in first.MAPS for which in ("all", "not black")
    }
    for layers in range(1, 5):
        after = first.maps(first.randomised(model, layers, seed), x, target)
        for name in first.MAPS:
            one, two = (first.squares(it[name], 2).abs().numpy() for it in (before, after))
            for which, among in (("all", np.ones_like(bright)), ("not black", bright)):
                ranked = [
                    (rankdata(a[i]), rankdata(b[i]))
                    for a, b, i in zip(one, two, among, strict=True)
                ]
                found = [
                    np.corrcoef(*it)[0, 1]
                    for it in ranked
                    if min(it[0].std(), it[1].std())  # a map that is 0 has no order
                ]
                row[f"{name}: {which}"].append(float(np.mean(found)))
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/interpretability_cascade")
    for seed in range(3):
        study.row(alike, seed=seed)
    study.save()
