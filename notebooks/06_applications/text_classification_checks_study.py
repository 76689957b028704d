"""Fourth study of "Text classification": what the comparison depends on.

    make study NAME=06_applications/text_classification_checks

One thread, about 4 minutes. MiniLM reading three windows of a post; what it loses when a text is
turned into lower-case letters, on Wikipedia articles, where both forms exist; what posts of the
same thread give away; TF-IDF without names, that is with only those words that are whole words of
MiniLM's vocabulary; penalties chosen inside the labelled posts; and the comparison on Reuters R8.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any

import numpy as np
import text_classification_study as first
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import largemodels as lm
from largemodels.data.news import news
from largemodels.data.topics import topic_articles

WINDOW = first.TIME - 2  # word pieces between start and end


def vectors(texts: list[str], time: int = first.TIME) -> np.ndarray:
    """MiniLM's vectors of texts, ``(n, 384)``."""
    encoder = lm.load_minilm()
    encoder.tokenizer.enable_truncation(time)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return encoder.embed(texts).float().numpy()


@functools.cache
def windows() -> dict[int, np.ndarray]:
    """Vectors of whole posts: means over their first three windows, scaled to length 1."""
    encoder = lm.load_minilm()
    encoder.tokenizer.no_truncation()
    posts = np.concatenate([first.labelled(100, 0), *asked_about()])
    pieces, owner = [], []
    for it in posts:
        text = first.posts().text[it]
        starts = [start for start, end in encoder.tokenizer.encode(text).offsets[1:-1]]
        cuts = [*starts[: 3 * WINDOW : WINDOW], len(text)]
        if len(starts) > 3 * WINDOW:
            cuts[-1] = starts[3 * WINDOW]
        for start, end in itertools.pairwise(cuts):
            pieces.append(text[start:end])
            owner.append(it)
    found, owners = vectors(pieces), np.array(owner)
    means = {int(it): found[owners == it].mean(0) for it in posts}
    return {key: its / np.linalg.norm(its) for key, its in means.items()}


def asked_about() -> tuple[np.ndarray, np.ndarray]:
    """250 validation posts and 500 test posts."""
    return first.rows("validation")[::4], first.rows("test")[::4]


def whole(n: int) -> dict[str, Any]:
    """The first draw, MiniLM reading up to three windows of a post; 500 test posts."""
    taught, (before, after) = first.labelled(n, 0), asked_about()
    known, some, new = (
        np.stack([windows()[int(it)] for it in its]) for its in (taught, before, after)
    )
    tried = {}
    for kind in ("SVM", "logistic"):
        for setting in first.LADDER[3:10]:
            model = first.classifier(kind, setting).fit(known, first.target()[taught])
            tried[kind, setting] = model.score(some, first.target()[before])
    kind, setting = max(tried, key=tried.__getitem__)
    model = first.classifier(kind, setting).fit(known, first.target()[taught])
    found = first.answers(first.scores(model, new), first.target()[after])
    return {"kind": kind, "setting": setting, "windows": True, **found}


def bare(letters_only: bool) -> dict[str, Any]:
    """20 labels a topic of Wikipedia articles, as they are or turned into lower-case letters."""
    table = topic_articles()
    table = table[table.topic != ""]
    texts = {it.Index: it.text for it in table.itertuples()}
    if letters_only:
        texts = {
            key: " ".join(re.sub("[^a-z]", " ", it.lower()).split())
            for key, it in texts.items()
        }
    mixed = table.sample(frac=1, random_state=0)
    taught = mixed[mixed.part == "train"].groupby("topic").head(20)
    asked = mixed[mixed.part == "test"][:400]
    known, new = (vectors([texts[key] for key in it.index]) for it in (taught, asked))
    model = LogisticRegression(C=10.0, max_iter=3_000).fit(known, taught.topic)
    right = model.predict(new) == asked.topic.to_numpy()
    return {
        "right": 100 * float(right.mean()),
        "hits": "".join("1" if it else "0" for it in right),
    }


def no_names(n: int, draw: int, setting: float) -> dict[str, Any]:
    """TF-IDF of words that are whole words of MiniLM's vocabulary, and of all words."""
    whole = set(lm.load_minilm().tokenizer.get_vocab())
    texts, row = list(first.posts().text), {}
    for name, words in (("ordinary", whole), ("all", None)):
        weigh = TfidfVectorizer(sublinear_tf=True, min_df=2)
        if words is not None:
            weigh.fit([texts[it] for it in np.flatnonzero(first.posts().part == "train")])
            kept = sorted(set(weigh.get_feature_names_out()) & words)
            weigh = TfidfVectorizer(sublinear_tf=True, vocabulary=kept)
        weigh.fit([texts[it] for it in np.flatnonzero(first.posts().part == "train")])
        known, taught = weigh.transform(texts), first.labelled(n, draw)
        model = first.classifier("SVM", setting).fit(known[taught], first.target()[taught])
        asked = first.rows("test")
        row[name] = 100 * float(model.score(known[asked], first.target()[asked]))
        row[f"{name}_words"] = len(weigh.get_feature_names_out())
    return row


def inside(who: str, n: int, draw: int) -> dict[str, Any]:
    """The penalty chosen by cross-validation inside the labelled posts; 500 test posts."""
    taught, asked = first.labelled(n, draw), first.rows("test")[::4]
    if who == "words":
        known, new = first.features("words")[taught], first.features("words")[asked]
    else:
        texts = first.posts().text
        known = vectors([texts[it] for it in taught])
        new = asked_vectors()
    search = GridSearchCV(first.classifier("SVM", 1.0), {"C": first.LADDER[2:11]}, cv=5)
    search.fit(known, first.target()[taught])
    right = float(search.score(new, first.target()[asked]))
    return {"right": 100 * right, "setting": search.best_params_["C"]}


@functools.cache
def asked_vectors() -> np.ndarray:
    """MiniLM's vectors of 500 test posts."""
    return vectors([first.posts().text[it] for it in first.rows("test")[::4]])


@functools.cache
def reuters() -> tuple[Any, dict[str, Any], dict[str, np.ndarray]]:
    """Topics of Reuters articles, what each classifier sees of them, and the parts."""
    table = news("r8")
    rng = np.random.default_rng(0)
    mixed = rng.permutation(np.flatnonzero(table.part == "train"))
    parts = {
        "validation": mixed[:400],
        "pool": mixed[400:],
        "test": rng.permutation(np.flatnonzero(table.part == "test"))[:1_000],
    }
    seen = np.concatenate(
        [
            parts["validation"],
            parts["test"],
            *[taught_r8(table, parts, 20, it) for it in range(4)],
        ]
    )
    seen = np.unique(seen)
    found = np.zeros((len(table), 384), np.float32)
    found[seen] = vectors([table.text[it] for it in seen])
    weigh = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2))
    weigh.fit(table.text[table.part == "train"])
    return (
        table.topic.to_numpy(),
        {"frozen": found, "words": weigh.transform(table.text)},
        parts,
    )


def taught_r8(table: Any, parts: dict[str, np.ndarray], n: int, draw: int) -> np.ndarray:
    """Of each topic ``n`` articles."""
    mixed = np.random.default_rng(draw).permutation(parts["pool"])
    names = table.topic.to_numpy()
    return np.concatenate([mixed[names[mixed] == it][:n] for it in sorted(set(names))])


def r8(who: str, n: int, draw: int) -> dict[str, Any]:
    """1,000 test articles of R8; the penalty is chosen on 400 others, with another draw."""
    names, known, parts = reuters()
    some, tried = known[who], {}
    for kind in ("SVM", "Bayes") if who == "words" else ("SVM", "logistic"):
        for setting in first.LADDER[2:11]:
            taught = taught_r8(news("r8"), parts, n, 3)
            model = first.classifier(kind, setting).fit(some[taught], names[taught])
            tried[kind, setting] = model.score(
                some[parts["validation"]], names[parts["validation"]]
            )
    kind, setting = max(tried, key=tried.__getitem__)
    taught = taught_r8(news("r8"), parts, n, draw)
    model = first.classifier(kind, setting).fit(some[taught], names[taught])
    right = model.predict(some[parts["test"]]) == names[parts["test"]]
    return {
        "right": 100 * float(right.mean()),
        "kind": kind,
        "setting": setting,
        "hits": "".join("1" if it else "0" for it in right),
    }


def thread(number: int) -> str:
    """The first four words of a post's subject, without "re": posts of one thread share them."""
    words = first.posts().text[number].split()
    while words and words[0] in ("re", "fwd"):
        words = words[1:]
    return " ".join(words[:4])


def threads(use: str, setting: float) -> dict[str, Any]:
    """TF-IDF of words, all labels: without posts of threads asked about, or without others."""
    known, asked, pool = first.features("words"), first.rows(use), first.rows("pool")
    theirs = {thread(it) for it in asked}
    shared = np.array([thread(it) in theirs for it in pool])
    others = np.random.default_rng(0).permutation(np.flatnonzero(~shared))[: shared.sum()]
    parts = {
        "whole": pool,
        "without threads": pool[~shared],
        "without others": np.delete(pool, others),
    }
    row: dict[str, Any] = {"shared": int(shared.sum())}
    for name, taught in parts.items():
        model = first.classifier("SVM", setting).fit(known[taught], first.target()[taught])
        row[name] = 100 * float(model.score(known[asked], first.target()[asked]))
    open_threads = {thread(it) for it in pool}
    row["asked_in_open_threads"] = int(sum(thread(it) in open_threads for it in asked))
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/text_classification_checks")
    for n in (5, 10, 20, 50, 100):
        study.row(whole, n=n)
    for letters_only in (False, True):
        study.row(bare, letters_only=letters_only)
    for use in ("validation", "test"):
        study.row(threads, use=use, setting=1.0)
    for n, setting in ((20, 10.0), (1_000, 1.0)):
        study.row(no_names, n=n, draw=0, setting=setting)
    for who in ("words", "frozen"):
        for n in (5, 20):
            for draw in range(3):
                study.row(r8, who=who, n=n, draw=draw)
        for draw in range(3):
            study.row(inside, who=who, n=10, draw=draw)
    study.save()
