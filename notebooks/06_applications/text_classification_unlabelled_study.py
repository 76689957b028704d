"""Sixth study of "Text classification": rivals that read the unlabelled posts, and fairer checks.

    make study NAME=06_applications/text_classification_unlabelled

One thread, about 6 minutes. Latent semantic analysis (Deerwester et al., 1990) of all posts that
might be labelled, or of 1,000 or 3,000 of them, then a support vector machine; naive Bayes that
learns from unlabelled posts, too, by expectation maximisation (Nigam et al., 2000); the first words
of a post with runs of letters, as the rival on whole posts has them; threads by other definitions;
stripping with eight draws of labels, for counts as well; Reuters R8 with a longer ladder.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import text_classification_checks_study as checks
import text_classification_study as first
import torch
from scipy.sparse import hstack
from scipy.special import logsumexp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

import largemodels as lm
from largemodels.data.topics import topic_articles

PARTS = (25, 50, 100, 150, 300, 600)  # directions kept


def texts(numbers: np.ndarray) -> list[str]:
    """Posts by number."""
    return [first.posts().text[it] for it in numbers]


@functools.cache
def directions(unlabelled: int, draw: int) -> np.ndarray:
    """Every post along 600 directions found in some posts of the pool, the strongest first."""
    pool = first.rows("pool")
    if unlabelled < len(pool):
        pool = np.random.default_rng(200 + draw).permutation(pool)[:unlabelled]
    weigh = TfidfVectorizer(sublinear_tf=True, min_df=2).fit(texts(pool))
    found = TruncatedSVD(max(PARTS), random_state=0, n_iter=3).fit(
        weigh.transform(texts(pool))
    )
    numbers = np.flatnonzero(first.posts().use != "")
    every = np.zeros((len(first.posts()), max(PARTS)), np.float32)
    every[numbers] = found.transform(weigh.transform(texts(numbers)))
    return every


def analysed(unlabelled: int, draw: int, parts: int) -> np.ndarray:
    """Vectors of length 1."""
    draw = draw if unlabelled < len(first.rows("pool")) else 0
    vectors: np.ndarray = normalize(directions(unlabelled, draw)[:, :parts])
    return vectors


def tune_lsa(unlabelled: int, n: int, parts: int, setting: float) -> dict[str, Any]:
    """Share of the validation posts named rightly."""
    known = analysed(unlabelled, first.TUNING_DRAW, parts)
    taught, asked = first.labelled(n, first.TUNING_DRAW), first.rows("validation")
    model = first.classifier("SVM", setting).fit(known[taught], first.target()[taught])
    return {"validation": 100 * float(model.score(known[asked], first.target()[asked]))}


def lsa(
    who: str, unlabelled: int, n: int, draw: int, parts: int, setting: float
) -> dict[str, Any]:
    """The groups of the test posts."""
    known, taught = analysed(unlabelled, draw, parts), first.labelled(n, draw)
    model = first.classifier("SVM", setting).fit(known[taught], first.target()[taught])
    asked = first.rows("test")
    return first.answers(first.scores(model, known[asked]), first.target()[asked])


@functools.cache
def shares() -> Any:
    """Counts of words of each post, scaled to a sum of 100."""
    count = CountVectorizer(min_df=3, max_df=0.3).fit(texts(first.rows("pool")))
    counts = count.transform(first.posts().text).astype(np.float32)
    return (100 * normalize(counts, norm="l1")).tocsr()


def maximised(n: int, draw: int, weight: float, alpha: float) -> Any:
    """Naive Bayes after eight rounds of guessing the unlabelled posts and learning from them."""
    taught = first.labelled(n, draw)
    others, known = np.setdiff1d(first.rows("pool"), taught), shares()
    sure, guess = np.eye(20)[first.target()[taught]], None
    for _ in range(9):
        words, groups = (known[taught].T @ sure).T + alpha, sure.sum(0) + 1
        if guess is not None:
            words = words + weight * (known[others].T @ guess).T
            groups = groups + weight * guess.sum(0)
        w, b = np.log(words / words.sum(1, keepdims=True)), np.log(groups / groups.sum())
        found = known[others] @ w.T + b
        guess = np.exp(found - logsumexp(found, axis=1, keepdims=True))
    return lambda asked: known[asked] @ w.T + b


def tune_em(n: int, weight: float, alpha: float) -> dict[str, Any]:
    """Share of the validation posts named rightly."""
    asked = first.rows("validation")
    said = maximised(n, first.TUNING_DRAW, weight, alpha)(asked).argmax(1)
    return {"validation": 100 * float((said == first.target()[asked]).mean())}


def em(who: str, n: int, draw: int, weight: float, alpha: float) -> dict[str, Any]:
    """The groups of the test posts."""
    asked = first.rows("test")
    return first.answers(maximised(n, draw, weight, alpha)(asked), first.target()[asked])


@functools.cache
def beginnings() -> Any:
    """Pairs of words and runs of letters of what MiniLM reads of a post."""
    read = first.first_words()
    train = [read[it] for it in np.flatnonzero(first.posts().part == "train")]
    runs = TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(3, 5),
        min_df=5,
        max_features=60_000,
        sublinear_tf=True,
    ).fit(train)
    some = np.flatnonzero(first.posts().use != "")
    found = runs.transform([read[it] for it in some])
    return hstack([first.features("first pairs")[some], found]).tocsr()


def place(numbers: np.ndarray) -> np.ndarray:
    """Rows of ``beginnings``."""
    return np.searchsorted(np.flatnonzero(first.posts().use != ""), numbers)


def begun(who: str, n: int, draw: int, setting: float) -> dict[str, Any]:
    """The groups of the validation posts for the draw that tunes, else of the test posts."""
    taught = first.labelled(n, draw)
    model = first.classifier("SVM", setting)
    model.fit(beginnings()[place(taught)], first.target()[taught])
    asked = first.rows("validation" if draw == first.TUNING_DRAW else "test")
    found = first.answers(
        model.decision_function(beginnings()[place(asked)]), first.target()[asked]
    )
    return {"validation": found["right"]} if draw == first.TUNING_DRAW else found


def threads(use: str, opening: int) -> dict[str, Any]:
    """As ``checks.threads``, a thread being posts that begin with the same so many words."""

    def key(number: int) -> str:
        words = first.posts().text[number].split()
        while words and words[0] in ("re", "fwd"):
            words = words[1:]
        return " ".join(words[:opening])

    pool, asked = first.rows("pool"), first.rows(use)
    theirs = {key(it) for it in asked}
    taught = np.array([it for it in pool if key(it) not in theirs])
    known = first.features("words")
    model = first.classifier("SVM", 1.0).fit(known[taught], first.target()[taught])
    right = 100 * float(model.score(known[asked], first.target()[asked]))
    return {"right": right, "cut": len(pool) - len(taught)}


@functools.cache
def articles() -> tuple[Any, Any, dict[tuple[str, bool], Any]]:
    """Articles with topics to learn from, others to ask about, and what is seen of them."""
    table = topic_articles()
    table = table[table.topic != ""]
    mixed = table.sample(frac=1, random_state=0)
    taught = mixed[mixed.part == "train"].groupby("topic").head(40)
    asked, seen = mixed[mixed.part == "test"][:400], {}
    for bare in (False, True):

        def read(its: Any, bare: bool = bare) -> list[str]:
            if not bare:
                return list(its)
            return [" ".join(re.sub("[^a-z]", " ", it.lower()).split()) for it in its]

        weigh = TfidfVectorizer(sublinear_tf=True, min_df=2)
        weigh.fit(read(table.text[table.part == "train"]))
        for who, by in (("frozen", checks.vectors), ("words", weigh.transform)):
            seen[who, bare] = [by(read(it.text)) for it in (taught, asked)]
    return taught, asked, seen


def stripped(who: str, letters_only: bool, n: int, draw: int) -> dict[str, Any]:
    """``n`` articles a topic, as they are or in lower-case letters; 400 others asked about."""
    taught, asked, seen = articles()
    rng, topic = np.random.default_rng(draw), taught.topic.to_numpy()
    some = [rng.permutation(np.flatnonzero(topic == it))[:n] for it in sorted(set(topic))]
    rows, (known, new) = np.concatenate(some), seen[who, letters_only]
    model = LogisticRegression(C=10.0, max_iter=3_000)
    if who == "words":
        model = first.classifier("SVM", 1.0)
    right = model.fit(known[rows], topic[rows]).predict(new) == asked.topic.to_numpy()
    hits = "".join("1" if it else "0" for it in right)
    return {"right": 100 * float(right.mean()), "hits": hits}


def r8(who: str, n: int, draw: int) -> dict[str, Any]:
    """As ``checks.r8`` for MiniLM, its ladder extended to 10 to the 6th."""
    names, known, parts = checks.reuters()
    some, asked, tried = known["frozen"], parts["validation"], {}
    taught = checks.taught_r8(lm.news("r8"), parts, n, 3)
    for kind in ("SVM", "logistic"):
        for setting in first.LADDER[3:]:
            model = first.classifier(kind, setting).fit(some[taught], names[taught])
            tried[kind, setting] = model.score(some[asked], names[asked])
    kind, setting = max(tried, key=tried.__getitem__)
    taught = checks.taught_r8(lm.news("r8"), parts, n, draw)
    model = first.classifier(kind, setting).fit(some[taught], names[taught])
    right = model.predict(some[parts["test"]]) == names[parts["test"]]
    hits = "".join("1" if it else "0" for it in right)
    return {
        "right": 100 * float(right.mean()),
        "kind": kind,
        "setting": setting,
        "hits": hits,
    }


def inside(row: Any, name: str, ladder: list[float], start: float, **others: Any) -> tuple:
    """The largest share of validation posts, and the setting that has it."""
    found = {}

    def score(setting: float) -> float:
        found[setting] = study.row(row, **others, **{name: setting})["validation"]
        return -float(found[setting])

    best = lm.studies.best_inside(ladder, [start], score)
    return found[best], best


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/text_classification_unlabelled")
    every = len(first.rows("pool"))
    for unlabelled, labels in (
        (every, (5, 10, 20, 50, 100)),
        (1_000, (5, 10, 20)),
        (3_000, (5, 10, 20)),
    ):
        for n in labels:
            tried = [
                (
                    *inside(
                        tune_lsa,
                        "setting",
                        first.LADDER,
                        0.1,
                        unlabelled=unlabelled,
                        n=n,
                        parts=parts,
                    ),
                    parts,
                )
                for parts in PARTS
            ]
            _, setting, parts = max(tried)
            for draw in first.DRAWS:
                study.row(
                    lsa,
                    who="lsa",
                    unlabelled=unlabelled,
                    n=n,
                    draw=draw,
                    parts=parts,
                    setting=setting,
                )
    for n in (5, 10, 20, 50):
        _, alpha = inside(tune_em, "alpha", first.LADDER, 0.1, n=n, weight=0.3)
        weights = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0]
        _, weight = inside(tune_em, "weight", weights, 0.3, n=n, alpha=alpha)
        for draw in first.DRAWS:
            study.row(em, who="em", n=n, draw=draw, weight=weight, alpha=alpha)
    for n, draws in ((10, range(5)), (100, range(3))):
        _, setting = inside(
            begun, "setting", first.LADDER, 1.0, who="begun", n=n, draw=first.TUNING_DRAW
        )
        for draw in draws:
            study.row(begun, who="begun", n=n, draw=draw, setting=setting)
    for opening in (2, 3, 5, 7):
        for use in ("validation", "test"):
            study.row(threads, use=use, opening=opening)
    for n in (5, 20):
        for draw in range(8):
            for who in ("frozen", "words"):
                for letters_only in (False, True):
                    study.row(stripped, who=who, letters_only=letters_only, n=n, draw=draw)
    for n in (5, 20):
        for draw in range(3):
            study.row(r8, who="r8", n=n, draw=draw)
    study.save()
