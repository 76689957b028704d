"""Fifth study of the chapter "Customer service": finding by one method, stopping by another.

    make study NAME=06_applications/customer_service_swap

One thread, a minute, after customer_service and customer_service_model. The sections come from
counting (TF-IDF) or from MiniLM, the evidence for the two probabilities from either, from both, or
from none, so that only the rates are known and each message is treated alike. Then SmolLM2 gives
evidence, or the order of MiniLM's three sections, with a weight chosen on the same folds. Else as
in the study customer_service. A row has a list entry a message.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import customer_service_study as base
import numpy as np
import torch
from torch import Tensor

import largemodels as lm
from largemodels.text.service import evidence

WEIGHTS = (
    0.0,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    5.0,
    1000.0,
)  # of SmolLM2 beside a cosine


@functools.cache
def judged() -> dict[str, Tensor]:
    """SmolLM2 on MiniLM's three sections, (messages, sections); what it did not see is lowest."""
    found = lm.studies.load("06_applications/customer_service_model")
    found = found[found.yes.notna()].sort_values("start")
    made = {}
    for name in ("yes", "message"):
        table = torch.full((len(base.asked()), len(base.sections())), -1e4)
        three = torch.tensor([it for batch in found.sections for it in batch])
        said = torch.tensor([it for batch in found[name] for it in batch])
        made[name] = table.scatter(1, three, said)
    return made


def options(name: str) -> dict[str, Tensor]:
    """The settings of a search."""
    if name == "TF-IDF":
        return base.weighted()
    meant = base.meant(False, False)
    if name == "MiniLM":
        return meant
    theirs = judged()[name.removeprefix("MiniLM, order by ")]
    return {str(weight): meant["both"] + weight * theirs for weight in WEIGHTS}


def seen(judge: str, scores: dict[str, Tensor], top: Tensor) -> Tensor:
    """The evidence: of searches, and SmolLM2's for the first section and the best of three."""
    lengths = [len(it) for it in base.asked().en]
    columns = [torch.zeros(len(lengths), 1)]
    for name in judge.split(" and "):
        if name == "SmolLM2":
            for theirs in judged().values():
                its = theirs.gather(1, top).clamp(min=-50)
                columns += [its[:, :1], its.max(dim=1, keepdim=True).values]
        elif name != "rates":
            columns.append(evidence(scores[name], lengths, base.K))
    return torch.cat(columns, dim=1)


def swapped(finder: str, judge: str, seed: int) -> dict[str, Any]:
    """Sections by the finder, probabilities by the judge, cross-fitted."""
    dealt, n = base.folds(seed), len(base.asked())
    three, q1, q3, settings = [[0]] * n, np.zeros(n), np.zeros(n), []
    for fold in range(base.FOLDS):
        rows, scores = dealt != fold, {}
        for name in {finder, *judge.split(" and ")} - {"SmolLM2", "rates"}:
            its = options(name)
            chosen = base.chosen(its, rows)
            scores[name] = its[chosen]
            settings += [chosen] if name == finder else []
        right, top = base.hits(scores[finder]), scores[finder].topk(base.K, dim=1).indices
        x = seen(judge, scores, top)
        first, among = (base.fitted(x, right[:, column], rows)(x) for column in (0, 1))
        for row in np.flatnonzero(~rows):
            three[row], q1[row] = top[row].tolist(), float(first[row])
            q3[row] = float(max(first[row], among[row]))
    return {
        "three": three,
        "first": q1.round(4).tolist(),
        "among": q3.round(4).tolist(),
        "settings": settings,
    }


PAIRS = (
    *itertools.product(
        ("TF-IDF", "MiniLM"), ("rates", "TF-IDF", "MiniLM", "TF-IDF and MiniLM")
    ),
    ("MiniLM", "MiniLM and SmolLM2"),
    ("MiniLM", "SmolLM2"),
    ("MiniLM, order by yes", "MiniLM"),
    ("MiniLM, order by message", "MiniLM"),
)

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/customer_service_swap")
    for (finder, judge), seed in itertools.product(PAIRS, range(base.SEEDS)):
        study.row(swapped, finder=finder, judge=judge, seed=seed)
    study.save()
