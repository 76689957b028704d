"""Choose the settings of the recipes on the validation plays: ``python -m tests.benchmarks.tuning [RECIPE]``.

As many trials for the rival as for each of ours, one seed, which is none of those that the benchmark reports. The rows
lie beside this file. Three quarters of an hour of one core.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import torch
import typer

from .recipes import combined, ours, published, read, timed

ROWS = Path(__file__).with_name("tuning.json")
SEED = 100
# Five rates for each; then, for each, five more around the best, with larger batches and as many windows in all.
RIVAL: list[dict[str, float]] = [{"learning_rate": rate} for rate in (1e-3, 2e-3, 4e-3, 6e-3, 1e-2)] + [
    {"learning_rate": 3e-3},
    {"learning_rate": 8e-3},
    {"steps": 1_000, "batch_size": 24, "learning_rate": 4e-3},
    {"steps": 1_000, "batch_size": 24, "learning_rate": 6e-3},
    {"steps": 1_000, "batch_size": 24, "learning_rate": 1e-2},
]
OURS: list[dict[str, float]] = [
    {"steps": 500, "learning_rate": rate, "matrix_learning_rate": matrix_rate}
    for rate, matrix_rate in (
        *((5e-3, 0.02), (5e-3, 0.04), (5e-3, 0.08), (1e-2, 0.04), (1e-2, 0.08)),
        *((5e-3, 0.01), (1e-2, 0.02)),
    )
] + [
    {"steps": 250, "batch_size": 24, "learning_rate": rate, "matrix_learning_rate": matrix_rate}
    for rate, matrix_rate in ((5e-3, 0.02), (1e-2, 0.02), (1e-2, 0.04))
]
# Five trials, then five around the best, all short and on a part of the validation plays; the benchmark lets the best
# settings run for as long as the rival.
N_VALIDATION = 65_536
COMBINED: list[dict[str, float]] = [
    {"steps": 300, "order": order, "folds": folds, "learning_rate": rate, "matrix_learning_rate": matrix_rate}
    for order, folds, rate, matrix_rate in (
        *((6, 10, 5e-3, 0.02), (8, 10, 5e-3, 0.02), (6, 20, 5e-3, 0.02), (6, 10, 1e-2, 0.04)),
        (6, 10, 5e-3, 0.01),
        *((9, 10, 5e-3, 0.02), (8, 5, 5e-3, 0.02), (8, 10, 3e-3, 0.02), (8, 10, 5e-3, 0.03)),
        (9, 5, 5e-3, 0.02),
    )
]
TRIALS = {"published": (published, RIVAL), "ours": (ours, OURS), "combined": (combined, COMBINED)}


def main(recipe: Annotated[str | None, typer.Argument()] = None) -> None:
    """Run what is not in the file yet."""
    torch.set_num_threads(1)
    rows = json.loads(ROWS.read_text()) if ROWS.exists() else []
    text = read()
    trials = [
        (name, train, setting)
        for name, (train, settings) in TRIALS.items()
        for setting in settings
        if recipe in (None, name)
    ]
    for name, train, setting in trials:
        key = {"recipe": name, **setting}
        if any(key.items() <= row.items() for row in rows):
            continue
        part = text.validation[:N_VALIDATION] if name == "combined" else text.validation
        _, loss = timed(lambda train=train, s=setting: train(text, SEED, **s), part)
        rows.append({**key, "validation_loss": round(loss, 4)})
        ROWS.write_text(json.dumps(rows, indent=1) + "\n")
        print(rows[-1], flush=True)


if __name__ == "__main__":
    typer.run(main)
