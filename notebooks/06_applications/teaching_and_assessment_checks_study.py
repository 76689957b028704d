"""Second study of the chapter "Teaching and assessment": fewer students, and rows that repeat.

    make study NAME=06_applications/teaching_and_assessment_checks

One thread, about six minutes. How many students does each method need? Regression and DKT learn
from 100, 300 and 900 students, with a strength of the penalty, or a number of steps, chosen anew
on the same 450; three draws of the students. And what happens if each answer stays in the table
as often as its file has it? Both are trained and tested on such rows, without the problem, with
three seeds. Other settings are those of the first study. Last, trials beyond the edges at which a
best value of the first study lies.
"""

from __future__ import annotations

from typing import Any

import torch
from teaching_and_assessment_study import SEEDS, tested, validated

from largemodels.book.studies import Study

# The best of the first study.
COUNTS: dict[str, Any] = {"C": 0.3, "keep_all": 0.7}
DKT: dict[str, Any] = {
    "rate": 1e-2,
    "dropout": 0.5,
}  # width 64, on validation as good as 128
BEYOND: list[tuple[str, dict[str, Any]]] = [
    ("sakt", {"rate": 1e-2, "dropout": 0.5}),
    ("sakt", {"rate": 3e-3, "dropout": 0.7}),
    ("sakt", {"rate": 3e-3, "dropout": 0.5, "steps": 700}),
]


def fewer(method: str, n_students: int, **settings: Any) -> dict[str, Any]:
    """A trial with fewer students."""
    return validated(method, n_students, **settings)


def test_of_fewer(
    method: str, n_students: int, seed: int, **settings: Any
) -> dict[str, Any]:
    """The test after fewer students."""
    found = tested(method, seed, n_students, **settings)
    return {"check": "students"} | {it: found[it] for it in ("auc", "loss", "students")}


def repeated(method: str, seed: int, **settings: Any) -> dict[str, Any]:
    """Training and test with repeated rows."""
    found = tested(method, seed, repeated=True, told=False, **settings)
    return {"check": "repeated"} | {
        it: found[it] for it in ("auc", "loss", "students", "n")
    }


def beyond(method: str, **settings: Any) -> dict[str, Any]:
    """A trial with all students, outside the grid of the first study."""
    found = validated(method, **settings)
    return {"check": "beyond"} | {it: found[it] for it in ("auc", "loss")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/teaching_and_assessment_checks")
    for seed in range(SEEDS):
        study.row(repeated, method="dkt", seed=seed, **DKT)
    study.row(repeated, method="counts", seed=0, **COUNTS)
    trials = {
        "counts": [COUNTS | {"C": it} for it in (0.1, 0.3, 1.0)],
        "dkt": [DKT | {"steps": it} for it in (60, 150, 300)],
    }
    for n_students in (100, 300, 900):
        for method, tries in trials.items():
            areas = [
                study.row(fewer, method=method, n_students=n_students, **it)["auc"]
                for it in tries
            ]
            best = tries[areas.index(max(areas))]
            for seed in range(SEEDS):
                study.row(
                    test_of_fewer, method=method, n_students=n_students, seed=seed, **best
                )
    for method, settings in BEYOND:
        study.row(beyond, method=method, **settings)
    study.save()
