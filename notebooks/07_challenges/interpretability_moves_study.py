"""Eighth study of "Interpretability": why surrogates foresee a model's changes less well.

    make study NAME=07_challenges/interpretability_moves

One thread, about a minute. Surrogates are also taught the model's answers on clients with one value
from another client, such as those of the test. Noted besides are how large a share of the model's
change is foreseen when the surrogate's changes may be scaled by one number, how well the answers on
changed clients are reproduced, and which columns the model's changes come from.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import interpretability_table_study as first
import numpy as np
import pandas as pd
from interpretability_table_study import Array
from scipy.special import logit
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

import largemodels as lm


@cache
def models() -> list[Any]:
    """The models that are explained, one of each part."""
    x, bad = first.clients()
    return [first.boosting(*first.BEST).fit(x.iloc[it], bad[it]) for it, _ in first.folds()]


def said(model: Any, rows: pd.DataFrame) -> Array:
    """Log-odds, with the bounds of the fourth study for models taught the outcomes."""
    chance = model.predict_proba(rows)[:, 1]
    return np.asarray(logit(chance if model in models() else chance.clip(0.002, 0.998)))


def run(kind: str, taught: str, depth: int) -> dict[str, Any]:
    """One row: a stand-in over all clients."""
    x, bad = first.clients()
    score, after, model, changed = np.zeros((4, len(bad)))
    for seed, (train, test) in enumerate(first.folds()):
        rows, answers = x.iloc[train], said(models()[seed], x.iloc[train])
        if taught == "answers, also on changed clients":
            others = first.swapped(train, 77 + seed)
            answers = np.concatenate([answers, said(models()[seed], others)])
            rows = pd.concat([rows, others])
        if taught == "outcomes":
            learner = first.scorecard(first.PENALTY).fit(rows, bad[train])
        elif kind == "curves":
            learner = first.curves(Ridge(1.0)).fit(rows, answers)
        else:
            learner = DecisionTreeRegressor(
                max_depth=depth, min_samples_leaf=first.LEAST, random_state=0
            ).fit(rows, answers)
        for out, by, its in (
            (model, models()[seed], x.iloc[test]),
            (changed, models()[seed], first.swapped(test, seed)),
            (score, learner, x.iloc[test]),
            (after, learner, first.swapped(test, seed)),
        ):
            out[test] = said(by, its) if hasattr(by, "classes_") else by.predict(its)
    moved, guess = changed - model, after - score
    scale = float(guess @ moved / (guess @ guess))
    return {
        "fidelity": first.shares((score - model) ** 2, (model - model.mean()) ** 2),
        "fidelity on changed": first.shares(
            (after - changed) ** 2, (changed - changed.mean()) ** 2
        ),
        "foreseen": first.shares((guess - moved) ** 2, moved**2),
        "scale": scale,
        "foreseen when scaled": first.shares((scale * guess - moved) ** 2, moved**2),
    }


def columns() -> dict[str, Any]:
    """One row: how much of the model's squared change comes from each column."""
    x, bad = first.clients()
    names = np.array(
        sorted(set(x.columns.str.replace(r"^(education|marriage)_.*", r"\1", regex=True)))
    )
    total, still = dict.fromkeys(names.tolist(), 0.0), 0
    for seed, (_, test) in enumerate(first.folds()):
        pick = np.random.default_rng(seed).integers(len(names), size=len(test))
        moved = said(models()[seed], first.swapped(test, seed)) - said(
            models()[seed], x.iloc[test]
        )
        still += int((moved == 0).sum())
        for at, name in enumerate(names.tolist()):
            total[name] += float((moved[pick == at] ** 2).sum())
    whole = sum(total.values())
    return {"unmoved": still / len(bad), "shares": {k: v / whole for k, v in total.items()}}


if __name__ == "__main__":
    study = lm.studies.Study("07_challenges/interpretability_moves")
    study.row(columns)
    for depth in (5, 10):
        for taught in ("answers", "answers, also on changed clients"):
            study.row(run, kind="tree", taught=taught, depth=depth)
    for taught in ("answers", "answers, also on changed clients", "outcomes"):
        study.row(run, kind="curves", taught=taught, depth=0)
    study.save()
