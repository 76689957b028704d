"""Study of the chapter "Text classification": how many labels does a pretrained encoder save?

    make study NAME=06_applications/text_classification

One thread, about 12 minutes. From 5 to all labelled posts a group, three kinds of classifiers
learn to name the group: counts of words and of pairs of words, weighted by TF-IDF, with whatever
linear classifier and penalty names most of 1,000 validation posts; the same on the first 128 word
pieces of a post; and the sentence vectors of MiniLM, which reads these, likewise tuned. The test
is 2,000 posts drawn from the official test part. Each row says what was answered to each of them,
one letter a post, and some rows how sure the classifier was, two hexadecimal digits a post, after
a temperature was fitted on the validation posts. MiniLM computes in bfloat16.
"""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar
from scipy.sparse import hstack
from scipy.special import log_softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.naive_bayes import ComplementNB
from sklearn.svm import LinearSVC

import largemodels as lm
from largemodels.data.news import news

LABELS = (5, 10, 20, 50, 100, 200, 1_000)  # a group; no group has 1,000, so that is all
DRAWS, TUNING_DRAW = range(5), 5
TIME = 128  # word pieces that MiniLM reads
LADDER = [10.0**power for power in range(-6, 7)]
KINDS = {
    "words": [
        ("words", "SVM"), ("words", "Bayes"), ("pairs", "SVM"), ("letters", "SVM")
    ],
    "first words": [("first", "SVM"), ("first", "Bayes"), ("first pairs", "SVM")],
    "frozen": [("MiniLM", "SVM"), ("MiniLM", "logistic")],
}  # fmt: skip


@functools.cache
def posts() -> pd.DataFrame:
    """All posts, with ``use``: "pool" to label, "validation", "test", or "" for the rest."""
    table = news()
    rng = np.random.default_rng(0)
    use = np.where(table.part == "train", "pool", "").astype(object)
    for rows, n, name in (("train", 1_000, "validation"), ("test", 2_000, "test")):
        use[rng.permutation(np.flatnonzero(table.part == rows))[:n]] = name
    return table.assign(use=use)


@functools.cache
def target() -> np.ndarray:
    """The group of each post, a number."""
    names = sorted(set(posts().topic))
    return np.array([names.index(it) for it in posts().topic])


@functools.cache
def rows(use: str) -> np.ndarray:
    """Numbers of posts."""
    return np.flatnonzero(posts().use == use)


def labelled(n: int, draw: int) -> np.ndarray:
    """Posts whose group may be seen: ``n`` of each, or all."""
    mixed = np.random.default_rng(100 + draw).permutation(rows("pool"))
    return np.concatenate([mixed[target()[mixed] == it][:n] for it in range(20)])


@functools.cache
def first_words() -> list[str]:
    """Of each post what MiniLM reads of it."""
    encoder = lm.load_minilm()
    encoder.tokenizer.enable_truncation(TIME)
    found = encoder.tokenizer.encode_batch(list(posts().text))
    return [
        text[: max(it.offsets, key=lambda o: o[1])[1]]
        for text, it in zip(posts().text, found, strict=True)
    ]


@functools.cache
def features(name: str) -> Any:
    """What a classifier sees of each post. Words are weighted by all training posts, unlabelled."""
    if name == "MiniLM":
        encoder = lm.load_minilm()
        encoder.tokenizer.enable_truncation(TIME)
        some = np.flatnonzero(posts().use != "")
        found = np.zeros((len(posts()), 384), np.float32)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found[some] = encoder.embed([posts().text[it] for it in some]).float().numpy()
        return found
    texts = first_words() if name.startswith("first") else list(posts().text)
    if name in ("letters",):
        weigh = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 5), min_df=5, max_features=60_000,
            sublinear_tf=True,
        )  # fmt: skip
        texts = [it[:1_500] for it in texts]
    else:
        longest = 2 if name.endswith("pairs") else 1
        weigh = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, longest))
    weigh.fit([texts[it] for it in np.flatnonzero(posts().part == "train")])
    found = weigh.transform(texts)
    return hstack([features("pairs"), found]).tocsr() if name == "letters" else found


def classifier(kind: str, setting: float) -> Any:
    """A linear classifier, before it has learnt."""
    if kind == "SVM":
        return LinearSVC(C=setting)
    if kind == "Bayes":
        return ComplementNB(alpha=setting)
    return LogisticRegression(C=setting, max_iter=3_000)


def scores(model: Any, some: Any) -> np.ndarray:
    """One number a group, the largest of which is the answer."""
    if isinstance(model, ComplementNB):
        return np.asarray(model.predict_joint_log_proba(some))
    return np.asarray(model.decision_function(some))


def temperature(found: np.ndarray, truth: np.ndarray) -> float:
    """What scores are divided by so that their softmax fits the truth best (Guo et al., 2017)."""

    def loss(power: float) -> float:
        return -float(
            log_softmax(found / np.exp(power), axis=1)[range(len(truth)), truth].mean()
        )

    return float(np.exp(minimize_scalar(loss, bounds=(-8, 8), method="bounded").x))


def answers(found: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """What a row stores of the scores of some posts."""
    said = found.argmax(1)
    return {
        "right": 100 * float((said == truth).mean()),
        "macro_f1": 100 * float(f1_score(truth, said, average="macro")),
        "said": "".join(chr(97 + it) for it in said),
    }


def sure(found: np.ndarray, degrees: float) -> str:
    """Probability of each answer, as two hexadecimal digits."""
    p = np.exp(log_softmax(found / degrees, axis=1)).max(1)
    return "".join(f"{round(255 * it):02x}" for it in p)


def tune(seen: str, kind: str, n: int, setting: float) -> dict[str, Any]:
    """Share of the validation posts named rightly."""
    known, taught = features(seen), labelled(n, TUNING_DRAW)
    model = classifier(kind, setting).fit(known[taught], target()[taught])
    asked = rows("validation")
    return {"validation": 100 * float(model.score(known[asked], target()[asked]))}


def test(
    who: str, n: int, draw: int, seen: str, kind: str, setting: float
) -> dict[str, Any]:
    """Learn from a draw of labels and name the groups of the test posts."""
    known, taught = features(seen), labelled(n, draw)
    model = classifier(kind, setting).fit(known[taught], target()[taught])
    before, after = (rows(it) for it in ("validation", "test"))
    found = scores(model, known[after])
    degrees = temperature(scores(model, known[before]), target()[before])
    row = {"degrees": degrees, **answers(found, target()[after])}
    if draw == 0:
        row |= {"sure": sure(found, degrees), "sure_raw": sure(found, 1.0)}
        row["said_validation"] = answers(scores(model, known[before]), target()[before])[
            "said"
        ]
        row["sure_validation"] = sure(scores(model, known[before]), degrees)
    if who == "frozen" and n == LABELS[-1]:
        head = {"weight": torch.tensor(model.coef_), "bias": torch.tensor(model.intercept_)}
        study.keep(
            "head", {key: it.float() for key, it in head.items()}, {"degrees": degrees}
        )
    return row


def chosen(who: str, n: int) -> dict[str, Any]:
    """The classifier and penalty that name most validation posts."""
    found = []
    for seen, kind in KINDS[who]:

        def score(setting: float, seen: str = seen, kind: str = kind) -> float:
            """Minus what ``best_inside`` makes as large as it can."""
            row = study.row(tune, seen=seen, kind=kind, n=n, setting=setting)
            found.append(
                (row["validation"], {"seen": seen, "kind": kind, "setting": setting})
            )
            return -float(row["validation"])

        lm.studies.best_inside(LADDER, [0.1 if kind == "Bayes" else 1.0], score)
    return dict(max(found, key=lambda it: it[0])[1])


def five_words(text: str) -> set[str]:
    """All runs of five words; a shorter text is one run."""
    words = text.split()
    return {" ".join(words[it : it + 5]) for it in range(max(1, len(words) - 4))}


def twins(at_least: float) -> dict[str, Any]:
    """Test posts of which one training post holds at least this share of the runs of five words."""
    asked = rows("test")
    runs = [five_words(posts().text[it]) for it in asked]
    where = defaultdict(list)
    for place, its in enumerate(runs):
        for run in its:
            where[run].append(place)
    most, twin = np.zeros(len(asked)), np.zeros(len(asked), int)
    for number in np.flatnonzero(posts().part == "train"):
        shared = Counter(
            place
            for run in five_words(posts().text[number])
            for place in where.get(run, ())
        )
        for place, n in shared.items():
            if n / len(runs[place]) > most[place]:
                most[place], twin[place] = n / len(runs[place]), number
    has = most >= at_least
    return {
        "twins": "".join("1" if it else "0" for it in has),
        "same": int((most >= 1).sum()),
        "same_group": int((target()[twin[has]] == target()[asked[has]]).sum()),
        "cut": sorted({int(it) for it in twin[has]}),
    }


def without(
    who: str, seen: str, kind: str, setting: float, cut: list[int]
) -> dict[str, Any]:
    """The best of all labels again, after training posts that are twins of test posts were cut."""
    known, taught = features(seen), np.setdiff1d(labelled(LABELS[-1], 0), cut)
    model = classifier(kind, setting).fit(known[taught], target()[taught])
    return answers(scores(model, known[rows("test")]), target()[rows("test")])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/text_classification")
    near = study.row(twins, at_least=0.5)
    for who in ("frozen", "words", "first words"):
        for n in LABELS:
            best = chosen(who, n)
            for draw in DRAWS if n < LABELS[-1] else [0]:
                study.row(test, who=who, n=n, draw=draw, **best)
        if who != "first words":
            study.row(without, who=who, **best, cut=near["cut"])
    study.save()
