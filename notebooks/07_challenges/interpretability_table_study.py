"""Fourth study of "Interpretability": readable stand-ins for a model of card holders.

    make study NAME=07_challenges/interpretability_table

One thread, about two minutes. Boosted trees say how likely each of 30,000 card holders is to miss a
payment. Trees of growing depth, and a sum of one curve for each column, learn either what the model
says (a surrogate) or the outcomes themselves (a model in its own right). Each client is scored by
models that have not seen it. A surrogate is asked two things: does it say what the model says, and
does it foresee how the model's answer moves when one value is replaced by that of another client?
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import largemodels as lm

DEPTHS = (2, 3, 4, 5, 6, 8, 10)
TRIALS = [(rate, round(it / rate)) for rate in (0.015, 0.03, 0.06) for it in (1.5, 3, 6)]
PENALTIES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
BEST, PENALTY = (0.03, 100), 0.01  # the best by the rows `tried`
LEAST = 50  # clients in a leaf
Array = NDArray[np.float64]


@cache
def clients() -> tuple[pd.DataFrame, Array]:
    """Numbers and codes of each client, without sex, and whether the payment was missed."""
    table = lm.card_clients().drop(columns="sex")
    bad = table.pop("default").to_numpy().astype(float)
    late = {name: table[name].astype(float) for name in table if name.startswith("late")}
    flat = pd.get_dummies(table.assign(**late), dtype=float)
    return flat, bad


def folds() -> list[tuple[NDArray[np.int_], NDArray[np.int_]]]:
    """Five parts, each tested once."""
    x, bad = clients()
    return list(StratifiedKFold(5, shuffle=True, random_state=0).split(x, bad))


def boosting(rate: float, rounds: int) -> HistGradientBoostingClassifier:
    """The model that is explained."""
    return HistGradientBoostingClassifier(
        learning_rate=rate, max_iter=rounds, min_samples_leaf=LEAST, random_state=0,
        early_stopping=False,
    )  # fmt: skip


def curves(last: Any) -> Any:
    """A sum of a curve for each column."""
    bend = SplineTransformer(
        4, degree=2, knots="quantile", extrapolation="constant", include_bias=False
    )
    return make_pipeline(bend, StandardScaler(), last)


def scorecard(penalty: float) -> Any:
    """Logistic regression on curves."""
    return curves(LogisticRegression(C=penalty, solver="newton-cholesky", max_iter=200))


def tried(method: str, trial: list[float]) -> dict[str, Any]:
    """One row: log loss on a fifth of the training clients of the first part."""
    x, bad = clients()
    train = np.random.default_rng(0).permutation(folds()[0][0])
    held, learn = train[: len(train) // 5], train[len(train) // 5 :]
    model = boosting(trial[0], int(trial[1])) if method == "boosting" else scorecard(*trial)
    said = model.fit(x.iloc[learn], bad[learn]).predict_proba(x.iloc[held])[:, 1]
    return {"loss": float(log_loss(bad[held], said))}


def swapped(test: NDArray[np.int_], seed: int) -> pd.DataFrame:
    """Each client with one column of the original table taken from another client."""
    x, _ = clients()
    rng, its = np.random.default_rng(seed), x.iloc[test]
    groups = its.columns.str.replace(r"^(education|marriage)_.*", r"\1", regex=True)
    names = np.array(sorted(set(groups)))
    pick, other = rng.integers(len(names), size=len(its)), rng.permutation(len(its))
    values = its.to_numpy().copy()
    for at, name in enumerate(names):
        rows, columns = np.flatnonzero(pick == at), np.flatnonzero(groups == name)
        values[np.ix_(rows, columns)] = its.to_numpy()[np.ix_(other[rows], columns)]
    return pd.DataFrame(values, columns=x.columns, index=its.index)


@cache
def explained() -> list[dict[str, Array]]:
    """Of each part the model's log-odds: for training clients, for tested ones, after the swap."""
    x, bad, found = clients()[0], clients()[1], []
    for seed, (train, test) in enumerate(folds()):
        model = boosting(*BEST).fit(x.iloc[train], bad[train])
        parts = {
            "train": x.iloc[train],
            "test": x.iloc[test],
            "swapped": swapped(test, seed),
        }
        found.append(
            {it: logit(model.predict_proba(part)[:, 1]) for it, part in parts.items()}
        )
    return found


def auc_parts(score: Array) -> tuple[Array, Array]:
    """Share of paying clients below each one who did not pay; of others above each who paid."""
    _, bad = clients()
    one, none = score[bad == 1], score[bad == 0]
    below = np.searchsorted(np.sort(none), one, "left") + np.searchsorted(
        np.sort(none), one, "right"
    )
    above = np.searchsorted(np.sort(one), none, "left") + np.searchsorted(
        np.sort(one), none, "right"
    )
    return below / 2 / len(none), 1 - above / 2 / len(one)


def shares(wrong: Array, total: Array) -> list[float]:
    """One minus a ratio of sums, with its 95 % interval over clients."""
    ratio = wrong.sum() / total.sum()
    half = 1.96 * np.sqrt((((wrong - ratio * total) / total.sum()) ** 2).sum())
    return [float(1 - ratio), float(1 - ratio - half), float(1 - ratio + half)]


def run(kind: str, taught: str, depth: int) -> dict[str, Any]:
    """One row: a tree, curves or boosting, taught by the model's answers or by the outcomes."""
    x, bad = clients()
    score, after = np.zeros(len(bad)), np.zeros(len(bad))
    model, moved = np.zeros(len(bad)), np.zeros(len(bad))
    for seed, ((train, test), said) in enumerate(zip(folds(), explained(), strict=True)):
        if kind == "boosting" and taught == "outcomes":
            score[test], after[test] = said["test"], said["swapped"]
        else:
            surrogate = taught == "answers"
            maker: Any = DecisionTreeRegressor if surrogate else DecisionTreeClassifier
            learner = maker(max_depth=depth, min_samples_leaf=LEAST, random_state=0)
            if kind == "boosting":
                rate, rounds = BEST
                learner = HistGradientBoostingRegressor(
                    learning_rate=rate, max_iter=rounds, min_samples_leaf=LEAST, random_state=0,
                    early_stopping=False,
                )  # fmt: skip
            if kind == "curves":
                learner = curves(Ridge(1.0)) if surrogate else scorecard(PENALTY)
            learner.fit(x.iloc[train], said["train"] if surrogate else bad[train])
            for out, rows in ((score, x.iloc[test]), (after, swapped(test, seed))):
                if surrogate:
                    out[test] = learner.predict(rows)
                else:
                    chance = learner.predict_proba(rows)[:, 1]
                    out[test] = logit(chance.clip(0.002, 0.998))
        model[test], moved[test] = said["test"], said["swapped"] - said["test"]
    mine, theirs = auc_parts(score), auc_parts(model)
    less = [one - two for one, two in zip(mine, theirs, strict=True)]
    half = 1.96 * (less[0].var() / len(less[0]) + less[1].var() / len(less[1])) ** 0.5
    cut = logit(bad.mean())
    same = ((score > cut) == (model > cut)).astype(float)
    return {
        "auc": float(mine[0].mean()),
        "auc_less": [float(less[0].mean() + it * half) for it in (0, -1, 1)],
        "fidelity": shares((score - model) ** 2, (model - model.mean()) ** 2),
        "same": [
            float(same.mean() + it * 1.96 * same.std() / len(bad) ** 0.5)
            for it in (0, -1, 1)
        ],
        "foreseen": shares((after - score - moved) ** 2, moved**2),
        "base": float(max((model > cut).mean(), 1 - (model > cut).mean())),
    }


if __name__ == "__main__":
    study = lm.studies.Study("07_challenges/interpretability_table")
    for trial in TRIALS:
        study.row(tried, method="boosting", trial=list(trial))
    for penalty in PENALTIES:
        study.row(tried, method="curves", trial=[penalty])
    study.row(run, kind="boosting", taught="outcomes", depth=0)
    study.row(run, kind="boosting", taught="answers", depth=0)
    for taught in ("answers", "outcomes"):
        study.row(run, kind="curves", taught=taught, depth=0)
        for depth in DEPTHS:
            study.row(run, kind="tree", taught=taught, depth=depth)
    study.save()
