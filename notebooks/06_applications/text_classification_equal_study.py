"""Seventh study of "Text classification": LSA of what MiniLM reads of a post, and of Reuters R8.

    make study NAME=06_applications/text_classification_equal

One thread, about 3 minutes. Latent semantic analysis of the words that fit into MiniLM's window,
found in all posts that might be labelled; and of the whole articles of Reuters R8. Directions and
penalty are chosen on validation texts by a draw of labels that is not tested, as in study six.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import text_classification_checks_study as checks
import text_classification_study as first
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

import largemodels as lm

PARTS = (10, 25, 50, 100, 150, 300, 600)  # directions kept
R8_TUNING_DRAW = 3


def analysed(texts: list[str], pool: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Texts along 600 directions found in those of the pool, the strongest first."""
    weigh = TfidfVectorizer(sublinear_tf=True, min_df=2).fit([texts[it] for it in pool])
    known = weigh.transform([texts[it] for it in pool])
    found = TruncatedSVD(max(PARTS), random_state=0, n_iter=3).fit(known)
    every = np.zeros((len(texts), max(PARTS)), np.float32)
    every[asked] = found.transform(weigh.transform([texts[it] for it in asked]))
    return every


@functools.cache
def beginnings() -> np.ndarray:
    """Posts by what MiniLM reads of them."""
    used = np.flatnonzero(first.posts().use != "")
    return analysed(first.first_words(), first.rows("pool"), used)


@functools.cache
def articles() -> np.ndarray:
    """Whole articles of R8."""
    texts, parts = list(lm.news("r8").text), checks.reuters()[2]
    return analysed(texts, parts["pool"], np.arange(len(texts)))


def sets(
    which: str,
) -> tuple[np.ndarray, np.ndarray, Callable[..., Any], np.ndarray, np.ndarray]:
    """Vectors, labels, the function that draws taught texts, validation and test texts."""
    if which == "beginnings":
        asked = first.rows("validation"), first.rows("test")
        return beginnings(), first.target(), first.labelled, *asked
    names, _, parts = checks.reuters()

    def drawn(n: int, draw: int) -> np.ndarray:
        return checks.taught_r8(lm.news("r8"), parts, n, draw)

    return articles(), names, drawn, parts["validation"], parts["test"]


def fitted(
    which: str, n: int, draw: int, parts: int, setting: float
) -> tuple[Any, np.ndarray]:
    """A support vector machine, and the vectors of all texts."""
    known, labels, drawn, _, _ = sets(which)
    some, taught = normalize(known[:, :parts]), drawn(n, draw)
    return first.classifier("SVM", setting).fit(some[taught], labels[taught]), some


def tune(which: str, n: int, parts: int, setting: float) -> dict[str, Any]:
    """Share of the validation texts named rightly."""
    draw = first.TUNING_DRAW if which == "beginnings" else R8_TUNING_DRAW
    model, some = fitted(which, n, draw, parts, setting)
    _, labels, _, asked, _ = sets(which)
    return {"validation": 100 * float(model.score(some[asked], labels[asked]))}


def run(which: str, n: int, draw: int, parts: int, setting: float) -> dict[str, Any]:
    """Which of the test texts are named rightly."""
    model, some = fitted(which, n, draw, parts, setting)
    _, labels, _, _, asked = sets(which)
    right = model.predict(some[asked]) == labels[asked]
    hits = "".join("1" if it else "0" for it in right)
    return {"right": 100 * float(right.mean()), "hits": hits}


def best(which: str, n: int, parts: int) -> tuple[float, float]:
    """The largest share of validation texts named rightly, and the penalty that has it."""
    found: dict[float, float] = {}

    def score(setting: float) -> float:
        row = study.row(tune, which=which, n=n, parts=parts, setting=setting)
        found[setting] = row["validation"]
        return -float(row["validation"])

    setting = lm.studies.best_inside(first.LADDER, [0.1], score)
    return found[setting], setting


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/text_classification_equal")
    for which, labels, draws in (("beginnings", (5, 10, 20), 5), ("r8", (5, 20), 3)):
        for n in labels:
            tried = []
            for parts in PARTS:
                tried.append((*best(which, n, parts), parts))
            _, setting, parts = max(tried)
            for draw in range(draws):
                study.row(run, which=which, n=n, draw=draw, parts=parts, setting=setting)
    study.save()
