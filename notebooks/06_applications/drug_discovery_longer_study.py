"""Study of the chapter "Drug discovery": the networks again, trained three times as long.

    make study NAME=06_applications/drug_discovery_longer

One thread, about 12 minutes. The reader from scratch and pretrained, 90 epochs with the rates that
the study "text" has chosen, and the graph network, 120 epochs with the better of two rates by two
seeds. The rows are stored after each group, so that an interruption loses one group at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import drug_discovery_text_study as text
import numpy as np
import torch

import largemodels as lm

first = text.first
first.EPOCHS, first.GRAPH_EPOCHS = 90, 120


def longer(kind: str, *others: Any) -> Callable[..., Any]:
    """One of the networks of the other studies, under a name of its own."""
    way = first.graph if kind == "longer graph" else text.text
    return way(kind.removeprefix("longer "), *others)


first.WAYS |= dict.fromkeys(("longer text", "longer pretrained", "longer graph"), longer)


def trial(kind: str, setting: float, seed: int) -> dict[str, Any]:
    """The error on the molecules that choose, of a model of the first fold."""
    rows = np.flatnonzero(first.folds("similar") < 0)
    found = first.fitted(kind, "similar", 0, setting, seed)(rows)[0]
    return {"validation": first.error(found, rows)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/drug_discovery_longer")
    chosen = lm.studies.load("06_applications/drug_discovery_text").dropna(subset=["test"])
    rates = chosen.groupby("kind").setting.first()
    first.predict(study, "longer text", "similar", rates["text"], 0)
    study.save()
    scores = {}
    for rate in (3e-3, 1e-2):
        tried = [
            study.row(trial, kind="longer graph", setting=rate, seed=seed)
            for seed in (0, 1)
        ]
        scores[rate] = sum(it["validation"] for it in tried)
    best = min(scores, key=scores.__getitem__)
    for seed in (0, 1):
        first.predict(study, "longer graph", "similar", best, seed)
        study.save()
    first.predict(study, "longer text", "similar", rates["text"], 1)
    study.save()
    first.predict(study, "longer pretrained", "similar", rates["pretrained"], 0)
    study.save()
