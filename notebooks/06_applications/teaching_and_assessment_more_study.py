"""Fifth study of the chapter "Teaching and assessment": four comparisons repeated with more care.

    make study NAME=06_applications/teaching_and_assessment_more

One thread, about five minutes. DKT and the regression without the problem, and both on repeated
rows, are tuned on the 450 students of the validation. Classes are parted into five,
each part once the test, so that all students of the test are of classes that training lacks; the
settings are those of the earlier studies. The examination and the questions about anger are
replayed with twenty ways to halve the people.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import log_loss
from teaching_and_assessment_ease_study import network
from teaching_and_assessment_study import (
    DRAWS,
    LONGEST,
    SEEDS,
    area,
    chances,
    counted,
    draws,
    parts,
    said,
    table,
)

import largemodels as lm
from largemodels.book.studies import Study, best_inside
from largemodels.data.answers import sequences
from largemodels.models.item_response import POINTS, WEIGHTS, asked_in_turn

COUNTS = {"C": 0.3, "keep_all": 0.7}
DKT = {"rate": 1e-2, "dropout": 0.25, "prior": 20.0}
FOLDS, SPLITS, NEAR = 5, 20, 0.5
# Tried one after the other, each from the best so far, until both neighbours of the best are worse.
LADDERS: dict[str, dict[str, tuple[float, ...]]] = {
    "counts": {
        "C": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
        "keep_all": (0.0, 0.05, 0.2, 0.4, 0.7, 0.85, 0.95),
        "keep_skill": (0.0, 0.05, 0.3, 0.5, 0.7, 0.85, 0.95),
    },
    "dkt": {
        "rate": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
        "dropout": (0.0, 0.1, 0.25, 0.5, 0.75, 0.9),
        "steps": (100, 200, 300, 450, 700, 1000),
        "width": (16, 32, 64, 128, 256),
    },
}
FIRST: dict[str, dict[str, float]] = {
    "counts": {"C": 0.3, "keep_all": 0.7, "keep_skill": 0.7},
    "dkt": {"rate": 1e-2, "dropout": 0.5, "steps": 300, "width": 64},
}


def validated(method: str, repeated: bool, **settings: Any) -> dict[str, Any]:
    """A trial without the problem."""
    data = parts(repeated=repeated)
    chance = said(method, data, "validation", told=False, **settings)
    right = data["validation"].right[data["validation"].real].numpy()
    order = np.argsort(chance, kind="stable")
    auc = area(chance[order], right[order], np.ones(len(right)))
    return {"part": "validation", "loss": log_loss(right, chance), "auc": auc}


def tested(method: str, repeated: bool, seed: int, **settings: Any) -> dict[str, Any]:
    """The test without the problem."""
    data = parts(repeated=repeated)
    chance = said(method, data, "test", seed, told=False, **settings)
    right = data["test"].right[data["test"].real].numpy()
    found = draws(data["test"], data["groups"], chance)
    return {"part": "test", "loss": log_loss(right, chance), "n": len(right), **found}


def chosen(study: Study, method: str, repeated: bool) -> dict[str, Any]:
    """The best of a method's trials."""

    @functools.cache
    def loss(**settings: Any) -> float:
        row = study.row(validated, method=method, repeated=repeated, **settings)
        return -float(row["auc"])

    best = dict(FIRST[method])
    for name, ladder in LADDERS[method].items():

        def score(value: float, name: str = name) -> float:
            return loss(**{**best, name: value})

        best[name] = best_inside(ladder, [best[name]], score)
    print(method, repeated, best, flush=True)
    return best


def other_classes(method: str, fold: int) -> dict[str, Any]:
    """The test on a fifth of the classes; training has no student who was in any of them."""
    answers = table()
    classes = np.sort(answers.group.unique())
    np.random.default_rng(3).shuffle(classes)
    away = answers.group.isin(np.array_split(classes, FOLDS)[fold])
    rows = {it: row for row, it in enumerate(answers.student.unique())}
    of_class = answers.groupby("student").group.first()
    test = of_class.index[of_class.isin(np.array_split(classes, FOLDS)[fold])]
    training = of_class.index.difference(answers.student[away].unique())
    every = sequences(answers, answers.student.isin(training), LONGEST)
    data = {
        "training": every.part(torch.tensor([rows[it] for it in training])),
        "test": every.part(torch.tensor([rows[it] for it in test])),
        "n_skills": int(every.skills.max()) + 1,
        "n_problems": int(every.problems.max()) + 1,
    }
    if method == "counts":
        chance = counted(data, "test", **COUNTS)
    else:
        chance = chances(network("dkt", data, fold, **DKT), data["test"])
    right = data["test"].right[data["test"].real].double().numpy()
    lengths = data["test"].real.sum(dim=1).numpy()
    unit = np.repeat(pd.factorize(of_class[test])[0], lengths)
    order = np.argsort(chance, kind="stable")
    chance, right, unit = chance[order], right[order], unit[order]
    random, n = np.random.default_rng([4, fold]), unit.max() + 1
    again = [
        area(chance, right, np.bincount(random.integers(n, size=n), minlength=n)[unit])
        for _ in range(DRAWS)
    ]
    return {
        "check": "other classes",
        "n_students": len(test),
        "n_classes": int(n),
        "n_training": len(training),
        "auc": area(chance, right, np.ones(len(right))),
        "classes": " ".join(f"{it:.5f}" for it in again),
    }


def replayed(of: str) -> list[np.ndarray]:
    """Squared distance from the end, (splits, people, questions), of three orders."""
    if of == "examination":
        given = torch.tensor(lm.exam_answers().drop(columns="group").to_numpy())
    else:
        given = torch.tensor(lm.anger_answers().to_numpy())
    found = np.empty((3, SPLITS, *given.shape))
    for split in range(SPLITS):
        mixed = torch.randperm(len(given), generator=torch.Generator().manual_seed(split))
        halves = mixed.chunk(2)
        for some, others in (halves, halves[::-1]):
            fit = lm.item_response(given[some])
            wanted = fit.abilities(given[others])[0][:, None]
            fixed = (WEIGHTS @ fit.information(POINTS)).argsort(descending=True)
            for place, it in enumerate((None, fixed, torch.arange(given.shape[1]))):
                mean = asked_in_turn(fit, given[others], it)[1]
                found[place, split, others.numpy()] = ((mean - wanted) ** 2).numpy()
    return list(found)


def replays(of: str) -> dict[str, Any]:
    """Three orders of questions; intervals over people, each with all splits."""
    its = dict(zip(("chosen", "fixed", "printed"), replayed(of), strict=True))
    n = its["fixed"].shape[1]
    again = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=2000) / n
    row: dict[str, Any] = {"check": "replay"}
    five: dict[str, np.ndarray] = {}
    for name, squares in its.items():
        of_split = np.sqrt(squares.mean(axis=1))  # (splits, questions)
        by_split = (of_split <= NEAR).argmax(axis=1) + 1
        row[f"{name}, each split"] = " ".join(str(it) for it in by_split)
        distance = np.sqrt(squares.mean(axis=(0, 1)))
        row[f"{name}, within"] = int((distance <= NEAR).argmax()) + 1
        drawn = np.sqrt(again @ squares.mean(axis=0))  # (draws, questions)
        ends = np.quantile((drawn <= NEAR).argmax(axis=1) + 1, (0.025, 0.975))
        row[f"{name}, within, low"], row[f"{name}, within, high"] = ends.tolist()
        row[f"{name}, after five"] = float(distance[4])
        five[name] = np.append(distance[4], drawn[:, 4])
    for other in ("fixed", "printed"):
        gain = five[other] - five["chosen"]
        row[f"{other} minus chosen"] = float(gain[0])
        ends = np.quantile(gain[1:], (0.025, 0.975))
        row[f"{other} minus chosen, low"], row[f"{other} minus chosen, high"] = (
            ends.tolist()
        )
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/teaching_and_assessment_more")
    for of in ("examination", "anger"):
        study.row(replays, of=of)
    for method in ("counts", "dkt"):
        for fold in range(FOLDS):
            study.row(other_classes, method=method, fold=fold)
    for repeated in (False, True):
        for method in ("counts", "dkt"):
            best = chosen(study, method, repeated)
            for seed in range(1 if method == "counts" else SEEDS):
                study.row(tested, method=method, repeated=repeated, seed=seed, **best)
    study.save()
