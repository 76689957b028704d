"""Decisions about 30,000 holders of a credit card under several demands of equality, out of fold.

    make study NAME=07_challenges/fairness_ethics_law

One thread, about five minutes. Each way of deciding is fitted on four fifths of the clients and
applied to the fifth, with two splits into fifths; a row holds its scores, or the chances with which
it refuses, of all clients. A missed default costs as many wrong refusals as there are clients who
pay for one who does not, so that the least cost is the greatest balanced accuracy, which
Fairlearn's `ThresholdOptimizer` can seek.
"""

from __future__ import annotations

import base64
import zlib
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from fairlearn.postprocessing import ThresholdOptimizer
from fairlearn.reductions import (
    DemographicParity,
    EqualizedOdds,
    ErrorRate,
    ExponentiatedGradient,
)
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import SplineTransformer, StandardScaler

from largemodels.book.studies import Study
from largemodels.data.clients import card_clients

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)
STRENGTH = 0.01  # the best of these by the rows `tried`
SPLITS = (0, 1)
PAIRED = ("refusals", "false alarms", "misses", "precision")  # made equal by two thresholds
FAIRLEARN = ("demographic_parity", "false_positive_rate_parity", "equalized_odds")
REDUCED = {"demographic_parity": DemographicParity, "equalized_odds": EqualizedOdds}
BOUNDS = (0.005, 0.02)  # on the gap that the reduction allows on its training rows
Array = NDArray[np.float64]


@cache
def clients() -> tuple[pd.DataFrame, Array]:
    """Clients without their outcome, and the outcome."""
    table = card_clients()
    return table.drop(columns="default"), table.default.to_numpy().astype(float)


def belongs(group: str) -> NDArray[np.bool_]:
    """Who belongs to the group with the higher share of defaults: men, or people up to 25 years."""
    table, _ = clients()
    return (table.sex == "male" if group == "sex" else table.age <= 25).to_numpy()


def folds(split: int) -> list[tuple[NDArray[np.int_], NDArray[np.int_]]]:
    """Rows to learn from and rows to decide about, five times."""
    _, bad = clients()
    return list(StratifiedKFold(5, shuffle=True, random_state=split).split(bad, bad))


def ready(train: NDArray[np.int_], without: str) -> Array:
    """Curves of numbers and a column for each category, scaled on the training rows."""
    table, _ = clients()
    table = table.drop(columns=without.split())
    numbers = table.select_dtypes("number")
    curves = SplineTransformer(
        4, degree=2, knots="quantile", extrapolation="constant", include_bias=False
    )
    parts = [curves.fit(numbers.iloc[train]).transform(numbers)]
    parts.append(pd.get_dummies(table.select_dtypes("category")).to_numpy(float))
    joined = np.concatenate(parts, axis=1)
    return np.asarray(StandardScaler().fit(joined[train]).transform(joined))


def scorecard(strength: float = STRENGTH) -> LogisticRegression:
    """A scorecard that is not fitted."""
    return LogisticRegression(C=strength, solver="newton-cholesky", max_iter=200)


@cache
def scores(group: str, way: str, split: int, fold: int) -> Array:
    """Chances of default of all clients by a scorecard fitted without the fold."""
    _, bad = clients()
    train, _ = folds(split)[fold]
    columns, weights = ready(train, "" if way == "aware" else group), None
    if (
        way == "reweighed"
    ):  # Kamiran and Calders, 2012: group and outcome become independent
        counted = pd.DataFrame({"group": belongs(group)[train], "bad": bad[train]})
        size = {it: counted.groupby(it).transform("size") for it in ("group", "bad")}
        both = counted.groupby(["group", "bad"])["bad"].transform("size")
        weights = (size["group"] * size["bad"] / both / len(train)).to_numpy()
    fitted = scorecard().fit(columns[train], bad[train], sample_weight=weights)
    return np.asarray(fitted.predict_proba(columns)[:, 1])


def pair(
    demand: str, score: Array, bad: Array, member: NDArray[np.bool_]
) -> dict[bool, float]:
    """The two thresholds of least cost among those with equal rates in both groups."""
    ratio, cuts, found = (1 - bad.mean()) / bad.mean(), {}, []
    cut = np.quantile(score, np.linspace(0.02, 0.98, 400))
    for it in (False, True):
        s, y = score[member == it], bad[member == it]
        refused = s[:, None] > cut
        alarms, hits = refused[y == 0].sum(0), refused[y == 1].sum(0)
        rate = {
            "refusals": refused.mean(0), "false alarms": alarms / (y == 0).sum(),
            "misses": 1 - hits / y.sum(), "precision": hits / np.maximum(alarms + hits, 1),
        }[demand]  # fmt: skip
        cuts[it] = rate, alarms + ratio * (y.sum() - hits)
    for place in range(len(cut)):
        other = int(np.abs(cuts[True][0] - cuts[False][0][place]).argmin())
        found.append((cuts[False][1][place] + cuts[True][1][other], place, other))
    _, place, other = min(found)
    return {False: float(cut[place]), True: float(cut[other])}


class AsIs(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted model of which the scores are given."""

    def fit(self, columns: Array, bad: Array) -> AsIs:
        """Learn nothing."""
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, columns: Array) -> Array:
        """The first column, as chances of both outcomes."""
        return np.stack([1 - columns[:, 0], columns[:, 0]], axis=1)

    def predict(self, columns: Array) -> NDArray[np.int_]:
        """Whether the first column is above one half."""
        return (columns[:, 0] > 0.5).astype(int)


def packed(values: Array, kind: str) -> str:
    """Numbers from 0 to 1 as text, with one byte each ("u1") or two ("u2")."""
    whole = np.rint(values * np.iinfo(kind).max).astype("<" + kind)
    return base64.b64encode(zlib.compress(whole.tobytes(), 9)).decode()


def scored(group: str, way: str, split: int) -> dict[str, Any]:
    """One row: each client's score."""
    _, bad = clients()
    found = np.zeros(len(bad))
    for fold, (_, test) in enumerate(folds(split)):
        found[test] = scores(group, way, split, fold)[test]
    return {"scores": packed(found, "u2"), "loss": float(log_loss(bad, found))}


def paired(group: str, demand: str, split: int) -> dict[str, Any]:
    """One row: two thresholds on the scores without the attribute."""
    _, bad = clients()
    member, refused, cuts = belongs(group), np.zeros(len(bad)), []
    for fold, (train, test) in enumerate(folds(split)):
        score = scores(group, "blind", split, fold)
        cut = pair(demand, score[train], bad[train], member[train])
        refused[test] = score[test] > np.where(member[test], cut[True], cut[False])
        cuts.append(f"{cut[False]:.4f} {cut[True]:.4f}")
    return {"refused": packed(refused, "u1"), "cuts": "|".join(cuts)}


def optimised(group: str, constraint: str, split: int) -> dict[str, Any]:
    """One row: Fairlearn's thresholds on the same scores."""
    _, bad = clients()
    member, refused = belongs(group), np.zeros(len(bad))
    for fold, (train, test) in enumerate(folds(split)):
        score = scores(group, "blind", split, fold)[:, None]
        found = ThresholdOptimizer(
            estimator=AsIs().fit(score, bad), constraints=constraint, prefit=True,
            objective="balanced_accuracy_score", predict_method="predict_proba",
        )  # fmt: skip
        found.fit(score[train], bad[train], sensitive_features=member[train])
        refused[test] = found._pmf_predict(score[test], sensitive_features=member[test])[
            :, 1
        ]
    return {"refused": packed(refused, "u1")}


def reduced(group: str, constraint: str, bound: float, split: int) -> dict[str, Any]:
    """One row: Agarwal et al.'s reduction, which does not see the attribute when it decides."""
    _, bad = clients()
    member, refused, models = belongs(group), np.zeros(len(bad)), []
    for train, test in folds(split):
        columns = ready(train, group)
        share = bad[train].mean()
        found = ExponentiatedGradient(
            scorecard(), REDUCED[constraint](difference_bound=bound), eps=0.01, max_iter=30,
            objective=ErrorRate(costs={"fp": share, "fn": 1 - share}),
        )  # fmt: skip
        found.fit(columns[train], bad[train], sensitive_features=member[train])
        refused[test] = found._pmf_predict(columns[test])[:, 1]
        models.append(int((found.weights_ > 1e-6).sum()))
    return {"refused": packed(refused, "u1"), "models": max(models)}


def tried(strength: float) -> dict[str, float]:
    """One row: log loss of a penalty on held-out rows of the first training part."""
    _, bad = clients()
    train, _ = folds(0)[0]
    inner = StratifiedKFold(3, shuffle=True, random_state=9).split(train, bad[train])
    losses = []
    for learns, held in inner:
        columns = ready(train[learns], "sex")
        fitted = scorecard(strength).fit(columns[train[learns]], bad[train[learns]])
        losses.append(
            log_loss(bad[train[held]], fitted.predict_proba(columns[train[held]]))
        )
    return {"loss": float(np.mean(losses))}


if __name__ == "__main__":
    study = Study("07_challenges/fairness_ethics_law")
    for strength in STRENGTHS:
        study.row(tried, strength=strength)
    for group in ("sex", "age"):
        for split in SPLITS:
            for way in ("aware", "blind", "reweighed"):
                study.row(scored, group=group, way=way, split=split)
            for demand in PAIRED:
                study.row(paired, group=group, demand=demand, split=split)
            for constraint in FAIRLEARN:
                study.row(optimised, group=group, constraint=constraint, split=split)
            scores.cache_clear()
    for constraint in REDUCED:
        for bound in BOUNDS:
            for split in SPLITS:
                study.row(
                    reduced, group="sex", constraint=constraint, bound=bound, split=split
                )
    study.save()
