"""Second study of the chapter "Teaching and assessment": networks at their best, and three checks.

    make study NAME=06_applications/teaching_and_assessment_checks

One thread, about five minutes. In the first study DKT gained nothing from being told the problem,
so here its ease is added to the logit and moves no vectors: twelve trials for DKT, four for SAKT,
and the test. How many students does each method need? Regression and DKT learn from 100 and 400
students, three draws of them, with a penalty or a number of steps chosen anew. And what happens if
each answer stays in the table as often as its file has it? Both are trained and tested on such
rows, without the problem.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import torch
from teaching_and_assessment_study import SEEDS, tested, together, validated

from largemodels.book.studies import Study

COUNTS: dict[str, Any] = {"C": 0.3, "keep_all": 0.7}  # the best of the first study
UNTOLD: dict[str, Any] = {"rate": 1e-2, "dropout": 0.5}  # of its DKT, at a width of 64
DKT_RATES, DKT_DROPOUTS = (2.5e-3, 5e-3, 1e-2), (0.25, 0.5, 0.75)
LATER: tuple[dict[str, Any], ...] = ({"width": 128}, {"steps": 200}, {"steps": 450})
SAKT_RATES, SAKT_DROPOUTS = (1e-3, 3e-3), (0.25, 0.5)


def added(method: str, **settings: Any) -> dict[str, Any]:
    """A trial in which a problem's ease is added to the logit alone."""
    return validated(method, moves=False, **settings)


def test_of_added(method: str, seed: int, **settings: Any) -> dict[str, Any]:
    """Its test."""
    return {"check": "added"} | tested(method, seed, moves=False, **settings)


def both(seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """The regression and this DKT together."""
    return {"check": "added"} | together(seed, COUNTS, settings | {"moves": False})


def fewer(method: str, n_students: int, **settings: Any) -> dict[str, Any]:
    """A trial with fewer students."""
    return validated(method, n_students, moves=False, **settings)


def test_of_fewer(
    method: str, n_students: int, seed: int, **settings: Any
) -> dict[str, Any]:
    """The test after fewer students."""
    found = tested(method, seed, n_students, moves=False, **settings)
    return {"check": "students"} | {it: found[it] for it in ("auc", "loss", "students")}


def repeated(method: str, seed: int, **settings: Any) -> dict[str, Any]:
    """Training and test with repeated rows."""
    found = tested(method, seed, repeated=True, told=False, **settings)
    return {"check": "repeated"} | {
        it: found[it] for it in ("auc", "loss", "students", "n")
    }


def best_of(rows: list[dict[str, Any]], tries: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings with the largest area on validation."""
    areas = [row["auc"] for row in rows]
    return tries[areas.index(max(areas))]


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/teaching_and_assessment_checks")
    best = {}
    for method, rates, dropouts in (
        ("dkt", DKT_RATES, DKT_DROPOUTS),
        ("sakt", SAKT_RATES, SAKT_DROPOUTS),
    ):
        tries: list[dict[str, Any]] = [
            {"rate": rate, "dropout": dropout} for rate, dropout in product(rates, dropouts)
        ]
        told = [study.row(added, method=method, **it) for it in tries]
        if method == "dkt":
            more = [best_of(told, tries) | it for it in LATER]
            told += [study.row(added, method=method, **it) for it in more]
            tries += more
        best[method] = best_of(told, tries)
        for seed in range(SEEDS):
            study.row(test_of_added, method=method, seed=seed, **best[method])
    for seed in range(SEEDS):
        study.row(both, seed=seed, settings=best["dkt"])
    for seed in range(2):
        study.row(repeated, method="dkt", seed=seed, **UNTOLD)
    study.row(repeated, method="counts", seed=0, **COUNTS)
    short = {it: best["dkt"][it] for it in ("rate", "dropout")}
    trials = {
        "counts": [COUNTS | {"C": it} for it in (0.1, 0.3, 1.0)],
        "dkt": [short | {"steps": it} for it in (60, 150, 300)],
    }
    for n_students in (100, 400):
        for method, tries in trials.items():
            told = [
                study.row(fewer, method=method, n_students=n_students, **it) for it in tries
            ]
            chosen = best_of(told, tries)
            for seed in range(SEEDS):
                study.row(
                    test_of_fewer, method=method, n_students=n_students, seed=seed, **chosen
                )
    study.save()
