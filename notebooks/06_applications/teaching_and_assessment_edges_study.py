"""Third study of the chapter "Teaching and assessment": trials beyond the edges of earlier grids.

    make study NAME=06_applications/teaching_and_assessment_edges

One thread, about one minute. Where the best value of the second study lies at the edge of its
grid, trials beyond it.
"""

from __future__ import annotations

from typing import Any

import torch
from teaching_and_assessment_study import SEEDS, tested, validated

from largemodels.book.studies import Study

BEYOND: list[tuple[str, dict[str, Any]]] = [
    ("dkt", {"rate": 2e-2, "dropout": 0.25}),
    ("dkt", {"rate": 1e-2, "dropout": 0.1}),
    ("dkt", {"rate": 2e-2, "dropout": 0.5}),
    ("sakt", {"rate": 3e-3, "dropout": 0.1}),
    ("sakt", {"rate": 1e-2, "dropout": 0.25}),
    ("dkt", {"n_students": 100, "rate": 1e-2, "dropout": 0.25, "steps": 20}),
    ("dkt", {"n_students": 100, "rate": 1e-2, "dropout": 0.25, "steps": 35}),
    ("dkt", {"n_students": 100, "rate": 3e-3, "dropout": 0.5, "steps": 60}),
    ("dkt", {"n_students": 100, "rate": 3e-3, "dropout": 0.5, "steps": 120}),
]


def beyond(method: str, **settings: Any) -> dict[str, Any]:
    """A trial."""
    return validated(method, moves=False, **settings)


def test_of_fewer(seed: int, **settings: Any) -> dict[str, Any]:
    """The test of DKT after 100 students."""
    found = tested("dkt", seed, 100, moves=False, **settings)
    return {"check": "students"} | {it: found[it] for it in ("auc", "loss", "students")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/teaching_and_assessment_edges")
    tried = [study.row(beyond, method=method, **settings) for method, settings in BEYOND]
    few = max(tried[5:], key=lambda row: row["auc"])
    best = {it: few[it] for it in ("rate", "dropout", "steps")}
    for seed in range(SEEDS):
        study.row(test_of_fewer, seed=seed, **best)
    study.save()
