"""Ninth study of "Interpretability": maps that know the test's filling, but a random network.

    make study NAME=07_challenges/interpretability_blind

One thread, half a minute, after the first study. Integrated gradients and occlusion that are asked
about the very change of the test lead the other maps. As a sanity control they are taken here from
the same network with random weights in all layers, and tested on the trained one.
"""

from __future__ import annotations

from typing import Any

import interpretability_same_study as same
import interpretability_study as first
import torch

import largemodels as lm

ASKED = ("occlusion, same filling", "integrated gradients, same filling")


def blind(seed: int) -> dict[str, Any]:
    """One row: deletion and insertion on pictures without a cross."""
    model, x = same.kept(seed), first.pictures()["test"][0][: same.N]
    with torch.no_grad():
        target = model(x).argmax(1)
    random, row = first.randomised(model, 4, seed), {}
    for name, fill in same.fillings(x).items():
        its = same.asked(random, x, target, fill)
        for it in ASKED:
            found = same.score(model, x, its[it], target, fill)
            row[f"{name}: {it}, random weights"] = first.packed(found)
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/interpretability_blind")
    for seed in range(3):
        study.row(blind, seed=seed)
    study.save()
