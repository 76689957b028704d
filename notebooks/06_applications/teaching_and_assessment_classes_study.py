"""Sixth study of the chapter "Teaching and assessment": classes that training lacks.

    make study NAME=06_applications/teaching_and_assessment_classes

One thread, about three minutes. As in the fifth study each fifth of the classes is the test once;
here the fifth that comes next chooses settings, four trials for each of two methods, and the other
three train. What was chosen learns from all four and is tested.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from teaching_and_assessment_ease_study import network
from teaching_and_assessment_more_study import COUNTS, DKT, FOLDS
from teaching_and_assessment_study import DRAWS, LONGEST, area, chances, counted, table

from largemodels.book.studies import Study
from largemodels.data.answers import sequences

TRIALS: dict[str, list[dict[str, float]]] = {
    "counts": [COUNTS | it for it in ({}, {"C": 0.1}, {"C": 1.0}, {"keep_skill": 0.3})],
    "dkt": [DKT | it for it in ({}, {"rate": 5e-3}, {"steps": 200}, {"prior": 80.0})],
}


def said(
    method: str, fold: int, away: tuple[int, ...], **settings: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a method says of one fifth of the classes when some fifths do not train it.

    Returns:
        forecasts in rising order, whether the answers were right, and numbers of classes.
    """
    answers = table()
    classes = np.sort(answers.group.unique())
    np.random.default_rng(3).shuffle(classes)
    fifths = np.array_split(classes, FOLDS)
    gone = answers.group.isin(np.concatenate([fifths[it] for it in away]))
    rows = {it: row for row, it in enumerate(answers.student.unique())}
    of_class = answers.groupby("student").group.first()
    asked = of_class.index[of_class.isin(fifths[fold])]
    training = of_class.index.difference(answers.student[gone].unique())
    every = sequences(answers, answers.student.isin(training), LONGEST)
    data = {
        "training": every.part(torch.tensor([rows[it] for it in training])),
        "test": every.part(torch.tensor([rows[it] for it in asked])),
        "n_skills": int(every.skills.max()) + 1,
        "n_problems": int(every.problems.max()) + 1,
    }
    if method == "counts":
        chance = counted(data, "test", **settings)
    else:
        chance = chances(network("dkt", data, fold, **settings), data["test"])
    right = data["test"].right[data["test"].real].double().numpy()
    unit = np.repeat(pd.factorize(of_class[asked])[0], data["test"].real.sum(dim=1).numpy())
    order = np.argsort(chance, kind="stable")
    return chance[order], right[order], unit[order]


def tried(method: str, fold: int, **settings: Any) -> dict[str, Any]:
    """A trial: the next fifth, which the test's training may see, chooses."""
    judge = (fold + 1) % FOLDS
    chance, right, _ = said(method, judge, (fold, judge), **settings)
    return {"part": "validation", "auc": area(chance, right, np.ones(len(right)))}


def tested(method: str, fold: int, **settings: Any) -> dict[str, Any]:
    """The test, and the area for draws of its classes."""
    chance, right, unit = said(method, fold, (fold,), **settings)
    random, n = np.random.default_rng([4, fold]), unit.max() + 1
    again = [
        area(chance, right, np.bincount(random.integers(n, size=n), minlength=n)[unit])
        for _ in range(DRAWS)
    ]
    return {
        "part": "test",
        "auc": area(chance, right, np.ones(len(right))),
        "classes": " ".join(f"{it:.5f}" for it in again),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/teaching_and_assessment_classes")
    for method, tries in TRIALS.items():
        for fold in range(FOLDS):
            areas = [
                study.row(tried, method=method, fold=fold, **it)["auc"] for it in tries
            ]
            best = tries[areas.index(max(areas))]
            print(method, fold, best, flush=True)
            study.row(tested, method=method, fold=fold, **best)
    study.save()
