"""Decisions about 30,000 holders of a credit card under several demands of equality, out of fold.

    make study NAME=07_challenges/fairness_ethics_law

One thread, about three minutes. Each model is fitted on four fifths of the clients and applied to
the fifth, with ten splits into fifths; every threshold is chosen on the out-of-fold scores of the
other four parts. A row holds the chances with which clients are refused, as means over the splits.
A missed default costs as many wrong refusals as there are clients who pay for one who does not, so
that the least cost is the greatest balanced accuracy, which Fairlearn's `ThresholdOptimizer` can
seek.
"""

from __future__ import annotations

import base64
import zlib
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from fairlearn.postprocessing import ThresholdOptimizer
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import SplineTransformer, StandardScaler

from largemodels.book.studies import Study
from largemodels.data.clients import card_clients

STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)
STRENGTH = 0.01  # the best of these by the rows `tried`
SPLITS = range(10)
PAIRED = ("refusals", "false alarms", "misses", "precision")  # made equal by two thresholds
FAIRLEARN = ("demographic_parity", "false_positive_rate_parity")
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # of the guess of sex that is taken off
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


def reweighing(member: NDArray[np.bool_], bad: Array) -> Array:
    """Weights with which group and outcome are independent (Kamiran and Calders, 2012)."""
    counted = pd.DataFrame({"group": member, "bad": bad})
    size = {it: counted.groupby(it).transform("size") for it in ("group", "bad")}
    both = counted.groupby(["group", "bad"])["bad"].transform("size")
    return np.asarray(size["group"] * size["bad"] / both / len(bad))


@cache
def scores(group: str, way: str, split: int) -> Array:
    """Chance of default of each client by a scorecard fitted without the client's part.

    The way "costs" weighs both outcomes alike, "guess" predicts the group from the rest.
    """
    _, bad = clients()
    found, member = np.zeros(len(bad)), belongs(group)
    for train, test in folds(split):
        columns, weights = ready(train, "" if way == "aware" else group), None
        if way == "reweighed":
            weights = reweighing(member[train], bad[train])
        if way == "costs":
            share = bad[train].mean()
            weights = 2 * np.where(bad[train] == 1, 1 - share, share)
        wanted = member.astype(float) if way == "guess" else bad
        fitted = scorecard().fit(columns[train], wanted[train], sample_weight=weights)
        found[test] = fitted.predict_proba(columns[test])[:, 1]
    return found


def cheapest(score: Array, split: int) -> NDArray[np.bool_]:
    """Whom one threshold refuses, the cheapest on the other four parts."""
    _, bad = clients()
    decided = np.zeros(len(bad), bool)
    cuts = np.quantile(score, np.linspace(0.02, 0.98, 400))
    above = np.searchsorted(cuts, score)  # how many cuts each score is above
    paid = np.where(bad == 1, -(1 - bad.mean()) / bad.mean(), 1)  # what a refusal adds
    for others, held in folds(split):
        cost = np.bincount(above[others], paid[others], minlength=len(cuts) + 1)
        decided[held] = score[held] > cuts[cost[::-1].cumsum()[::-1][1:].argmin()]
    return decided


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


def packed(values: Array) -> str:
    """Numbers from 0 to 1 as text, with two bytes each."""
    whole = np.rint(values * np.iinfo("u2").max).astype("<u2")
    return base64.b64encode(zlib.compress(whole.tobytes(), 9)).decode()


def scored(split: int) -> dict[str, Any]:
    """One row: scores without sex, and whom the cheapest threshold refuses."""
    score = scores("sex", "blind", split)
    return {
        "scores": packed(score),
        "refused": packed(cheapest(score, split).astype(float)),
    }


def decided(group: str, way: str) -> dict[str, Any]:
    """One row: mean score, and the chance of refusal by the cheapest threshold."""
    _, bad = clients()
    every = [scores(group, way, it) for it in SPLITS]
    refused = np.mean(
        [cheapest(s, it) for it, s in zip(SPLITS, every, strict=True)], axis=0
    )
    return {
        "scores": packed(np.mean(every, axis=0)),
        "refused": packed(refused),
        "loss": float(np.mean([log_loss(bad, it) for it in every])),
        "auc": float(np.mean([roc_auc_score(bad, it) for it in every])),
    }


def halved(rule: str) -> dict[str, Any]:
    """One row: refusal above one half, as the reduction decides, without any constraint."""
    refused = np.mean([scores("sex", rule, it) > 0.5 for it in SPLITS], axis=0)
    return {"refused": packed(refused)}


def paired(group: str, way: str, demand: str) -> dict[str, Any]:
    """One row: two thresholds, one for each group."""
    _, bad = clients()
    member, refused = belongs(group), np.zeros((len(SPLITS), len(bad)))
    for split in SPLITS:
        score = scores(group, way, split)
        for others, held in folds(split):
            cut = pair(demand, score[others], bad[others], member[others])
            refused[split, held] = score[held] > np.where(
                member[held], cut[True], cut[False]
            )
    return {"refused": packed(refused.mean(0))}


def optimised(constraint: str) -> dict[str, Any]:
    """One row: Fairlearn's thresholds for each sex on the same scores."""
    _, bad = clients()
    member, refused = belongs("sex"), np.zeros((len(SPLITS), len(bad)))
    for split in SPLITS:
        score = scores("sex", "blind", split)[:, None]
        for others, held in folds(split):
            found = ThresholdOptimizer(
                estimator=AsIs().fit(score, bad), constraints=constraint, prefit=True,
                objective="balanced_accuracy_score", predict_method="predict_proba",
            )  # fmt: skip
            found.fit(score[others], bad[others], sensitive_features=member[others])
            chances = found._pmf_predict(score[held], sensitive_features=member[held])
            refused[split, held] = chances[:, 1]
    return {"refused": packed(refused.mean(0))}


def lowered(share: float) -> dict[str, Any]:
    """One row: one threshold on the score's log odds less a share of those of being a man.

    The guess comes from the same columns, so that the rule does not see sex when it decides.
    """
    refused = []
    for split in SPLITS:
        both = [
            np.clip(scores("sex", it, split), 1e-4, 1 - 1e-4) for it in ("blind", "guess")
        ]
        odds = [np.log(it / (1 - it)) for it in both]
        refused.append(cheapest(odds[0] - share * odds[1], split))
    guess = [roc_auc_score(belongs("sex"), scores("sex", "guess", it)) for it in SPLITS]
    return {"refused": packed(np.mean(refused, axis=0)), "auc": float(np.mean(guess))}


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
    for split in SPLITS:
        study.row(scored, split=split)
    for group, way in (("sex", "aware"), ("sex", "reweighed"), ("age", "blind")):
        study.row(decided, group=group, way=way)
    study.row(halved, rule="costs")
    for group, way in (("sex", "blind"), ("sex", "aware"), ("age", "blind")):
        for demand in PAIRED:
            study.row(paired, group=group, way=way, demand=demand)
    for constraint in FAIRLEARN:
        study.row(optimised, constraint=constraint)
    for share in SHARES:
        study.row(lowered, share=share)
    study.save()
