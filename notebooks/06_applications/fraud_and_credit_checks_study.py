"""Third study of "Fraud and credit": the scorecard with curves, and what might change the answers.

    make study NAME=06_applications/fraud_and_credit_checks

One thread, about three minutes. The scorecard gets a third form besides those of the first study,
numbers through splines, with eighteen trials in all, with every column and without those that
the law protects. Platt's two numbers of the untuned trees are fitted on predictions from ten folds
instead of two halves, from three splits. And where the first study chose the most epochs of the
Transformer, it is trained for up to twice as many on the same held-out rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import fraud_and_credit_study as first
import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import KBinsDiscretizer, SplineTransformer

from largemodels.book.studies import Study
from largemodels.data.tables import TARGET

FORMS = {
    "line": None,
    "bins": KBinsDiscretizer(
        5, encode="onehot-dense", quantile_method="averaged_inverted_cdf"
    ),
    "curve": SplineTransformer(6, knots="quantile", extrapolation="constant"),
}
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
WITHOUT = {
    "german": (
        "",
        "personal_status",
        "age",
        "foreign_worker",
        "personal_status age foreign_worker",
    ),
    "scoring": ("", "marital", "age", "marital age"),
}
LONGER = {
    "german": ([0, 2, 3], [(8, 1, 0.4), (16, 1, 0.4)], (48, 72, 96)),
    "scoring": ([0, 3], [(32, 1, 0.4), (32, 2, 0.2)], (32, 48, 64)),
}


def scorecard(
    data: str, sizes, train: first.Rows, bad, test: first.Rows, trials, seed
) -> Iterator[np.ndarray]:
    """Logistic regression on categories and numbers, these as they are, in bins or as curves."""
    for form, strength in trials:
        parts, cut = [train[0], test[0]], FORMS[form]
        if cut is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # columns with few values
                parts = [cut.fit_transform(train[0]), cut.transform(test[0])]
        ready = [
            np.concatenate([a, first.hot(b, sizes)], axis=1)
            for a, b in zip(parts, (train, test), strict=True)
        ]
        fitted = LogisticRegression(C=strength, max_iter=3_000).fit(ready[0], bad)
        yield fitted.predict_proba(ready[1])[:, 1]


def curved(data: str, fold: int, without: str, method: str) -> dict[str, Any]:
    """The scorecard of eighteen trials in three forms, tuned and tested as in the first study."""
    theirs, tried = first.FIT["scorecard"], first.trials
    first.FIT["scorecard"] = scorecard
    first.trials = lambda data, method: [(form, it) for form in FORMS for it in STRENGTHS]
    try:
        return first.run(data, method, fold, without)
    finally:
        first.FIT["scorecard"], first.trials = theirs, tried


def platt(fold: int, split: int) -> dict[str, Any]:
    """Platt's numbers for the untuned trees of the first study, from ten folds of training rows."""
    train, _ = first.outer("german")[fold]
    bad = first.table("german")[TARGET].to_numpy()[train]
    held = np.zeros(len(train))
    folds = StratifiedKFold(10, shuffle=True, random_state=split)
    for learns, asked in folds.split(train, bad):
        its = first.fitted("german", "untuned", train[learns], train[asked], [()], [])
        held[asked] = its[0]
    found = LogisticRegression(C=1e6).fit(first.logit(held)[:, None], bad)
    return {"slope": float(found.coef_[0, 0]), "shift": float(found.intercept_[0])}


def longer(data: str, fold: int, shape: int) -> dict[str, Any]:
    """Loss on the held-out rows after the most epochs of the first study and after more."""
    _, shapes, epochs = LONGER[data]
    its = [(*shapes[shape], it) for it in epochs]
    bad, splits = (
        first.table(data)[TARGET].to_numpy(),
        first.inner(data, first.outer(data)[fold][0]),
    )
    held = np.concatenate([it for _, it in splits])
    found = [first.fitted(data, "transformer", a, b, its, []) for a, b in splits]
    losses = [log_loss(bad[held], np.concatenate(it)) for it in zip(*found, strict=True)]
    return {
        "best": " ".join(map(str, shapes[shape])),
        "losses": " ".join(f"{it:.4f}" for it in losses),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/fraud_and_credit_checks")
    for name, columns in WITHOUT.items():
        for some in columns:
            for part in range(5):
                study.row(curved, data=name, method="scorecard", without=some, fold=part)
    for cut_of in range(3):
        for part in range(5):
            study.row(platt, fold=part, split=cut_of)
    for name, (parts_, shapes_, _) in LONGER.items():
        for part in parts_:
            for place in range(len(shapes_)):
                study.row(longer, data=name, fold=part, shape=place)
    study.save()
