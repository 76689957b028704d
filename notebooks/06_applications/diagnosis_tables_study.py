"""Third study of "Diagnosis": a table of patients, and what choosing on the test would claim.

    make study NAME=06_applications/diagnosis_tables

One thread, six minutes. Three methods of "Fraud and credit" have twelve trials each: logistic
regression, boosted trees and an FT-Transformer. Nested: within the training rows of each of five
folds two halves predict each other, the trial with the lowest log loss is trained on all of them
and predicts the fold; Platt's two numbers, fitted on the halves' predictions, calibrate it. Flat:
all trials predict the fold, and the one that is best on all folds is told. Three draws of folds.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import fraud_and_credit_study as credit
import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.tables import Columns

METHODS = {"logistic": "scorecard", "trees": "boosting", "transformer": "transformer"}
TRIALS: dict[str, list[tuple[Any, ...]]] = {
    "logistic": [(form, it) for form in ("line", "bins") for it in credit.STRENGTHS],
    "trees": [(leaves, n) for leaves in (2, 3, 4, 8) for n in (40, 100, 250)],
    "transformer": [(*shape, n) for shape in credit.SIZES for n in (24, 48, 96)],
}
FOLDS, DRAWS = 5, 3


@cache
def table() -> tuple[pd.DataFrame, np.ndarray]:
    """Columns of the heart-disease table, and who is ill."""
    whole = lm.heart_disease()
    return whole.drop(columns="disease"), whole.disease.to_numpy()


def outer(draw: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test rows of the folds."""
    ill = table()[1]
    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=draw).split(ill, ill))


def predicted(
    method: str, train: np.ndarray, test: np.ndarray, its: list[tuple[Any, ...]]
) -> list[np.ndarray]:
    """Chances of the test rows for each trial."""
    columns, ill = table()
    known = Columns.fit(columns.iloc[train])
    parts = [
        tuple(it.numpy() for it in known.tensors(columns.iloc[rows]))
        for rows in (train, test)
    ]
    fit = credit.FIT[METHODS[method]]
    # "german" gives the size of the network's batches, 128 rows
    return list(
        fit(
            "german",
            known.cardinalities,
            parts[0],
            ill[train].astype(float),
            parts[1],
            its,
            0,
        )
    )


def run(method: str, draw: int, fold: int) -> dict[str, Any]:
    """One fold: all trials on it, and which one the training rows chose."""
    train, test = outer(draw)[fold]
    ill, its = table()[1], TRIALS[method]
    halves = StratifiedKFold(2, shuffle=True, random_state=1).split(train, ill[train])
    parts = [(train[a], train[b]) for a, b in halves]
    held = np.concatenate([b for _, b in parts])
    found = [predicted(method, a, b, its) for a, b in parts]
    inside = [
        np.clip(np.concatenate(it), 1e-4, 1 - 1e-4) for it in zip(*found, strict=True)
    ]
    losses = [log_loss(ill[held], it) for it in inside]
    best = int(np.argmin(losses))
    platt = LogisticRegression(C=1e6).fit(credit.logit(inside[best])[:, None], ill[held])
    chances = predicted(method, train, test, its)
    return {
        "best": best,
        "setting": " ".join(map(str, its[best])),
        "losses": " ".join(f"{it:.4f}" for it in losses),
        "slope": float(platt.coef_[0, 0]),
        "shift": float(platt.intercept_[0]),
        "chances": "|".join(credit.whole(it) for it in chances),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/diagnosis_tables")
    for method in METHODS:
        for draw in range(DRAWS):
            for fold in range(FOLDS):
                study.row(run, method=method, draw=draw, fold=fold)
    study.save()
