"""Study of the chapter "Graph networks": what is an edge worth?

    make study NAME=03_algorithms/graph_networks

One thread, about 12 minutes. A linear classifier tells the topics of 9,033 articles from the first
4, 8, 16, 32 or all known words of each, weighted by tf-idf, on five draws of 20 labels a topic.
"hops": it reads S^hops X instead of the words X, with S the GCN's averaging (simple graph
convolution); "weight" w: it reads (1 - w) X + w S^hops X. The edges are as found ("both"), rewired
at random ("rewired"), or means over the articles that an article names ("out"), over those that
name it ("in") or both ("mean"). "restart": 64 averagings, with a share of X added after each. What
the neighbours show, "shows", is their words, their titles alone, or their words without titles.
Label propagation reads no word. All is chosen on 500 validation labels.

The classifier is logistic regression with a penalty. Its solution lies in the span of the
training rows, so it is fitted exactly in their 220 coordinates instead of in 9,930.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.linear_model import LogisticRegression

import largemodels as lm
from largemodels.data.graphs import linked_articles, words

DRAWS = (0, 1, 2, 3, 4)
READ = (4, 8, 16, 32, 1000)  # words of an article; the longest has 207 known ones
PENALTIES = [10.0**p for p in np.arange(-2, 10.5, 0.5)]  # 1 / strength, scikit-learn's C
MIXES = [0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0]
RESTARTS = [0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0]
SPREADS = [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999]
Matrix = Any  # of SciPy, sparse


@functools.cache
def articles() -> tuple[Any, np.ndarray, np.ndarray]:
    """The table, the topic of each article as a number, and the edges."""
    table, edges = linked_articles()
    return table, table.topic.astype("category").cat.codes.to_numpy(int), edges.numpy()


@functools.cache
def vocabulary() -> dict[str, tuple[int, float]]:
    """Known words, in 5 articles at least and in a tenth at most: number and log(n / articles)."""
    texts = articles()[0].text
    found = Counter(word for text in texts for word in set(words(text)))
    known = sorted(word for word, n in found.items() if 5 <= n <= len(texts) / 10)
    return {
        word: (i, float(np.log(len(texts) / found[word]))) for i, word in enumerate(known)
    }


def title_words(title: str) -> set[str]:
    """The words of a title, without what it has in brackets."""
    return set(words(re.sub(r"\(.*?\)", "", title)))


@functools.cache
def bag(read: int, shows: str = "words") -> Matrix:
    """tf-idf of the first known words of each article, rows of length 1, (articles, words)."""
    table, known = articles()[0], vocabulary()
    rows, columns, values = [], [], []
    for row, (title, text) in enumerate(zip(table.title, table.text, strict=True)):
        first = [word for word in words(text) if word in known][:read]
        if shows != "words":
            own = title_words(title)
            first = [word for word in first if (word in own) == (shows == "titles")]
        rows += [row] * len(first)
        columns += [known[word][0] for word in first]
        values += [known[word][1] for word in first]
    x = sp.csr_matrix((values, (rows, columns)), shape=(len(table), len(known)))
    length = np.sqrt(np.asarray(x.multiply(x).sum(1)).ravel())
    return sp.diags(1 / np.maximum(length, 1e-9)) @ x


@functools.cache
def averaging(edges: str = "both", seed: int = 0) -> Matrix:
    """The matrix of one averaging, each article with an edge to itself."""
    _, topics, links = articles()
    n = len(topics)
    ones = np.ones(links.shape[1])
    out = sp.csr_matrix((ones, (links[0], links[1])), shape=(n, n))
    if edges in ("out", "in", "mean"):
        a = {"out": out, "in": out.T, "mean": ((out + out.T) > 0).astype(float)}[
            edges
        ] + sp.eye(n)
        return (sp.diags(1 / np.asarray(a.sum(1)).ravel()) @ a).tocsr()
    if edges == "rewired":  # the same ends of edges, joined anew
        ends = np.random.default_rng(seed).permutation(links[1])
        keep = links[0] != ends
        out = sp.csr_matrix((ones[keep], (links[0][keep], ends[keep])), shape=(n, n))
    a = ((out + out.T) > 0).astype(float) + sp.eye(n)
    scale = sp.diags(np.asarray(a.sum(1)).ravel() ** -0.5)
    return (scale @ a @ scale).tocsr()


def split(draw: int, labels: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows, as many of each topic; 500 for validation; all others for the test."""
    topics, drawn = articles()[1], np.random.default_rng(draw)
    train = np.concatenate(
        [
            drawn.choice(np.flatnonzero(topics == t), labels, replace=False)
            for t in range(11)
        ]
    )
    rest = drawn.permutation(np.setdiff1d(np.arange(len(topics)), train))
    return train, rest[:500], rest[500:]


def coordinates(
    train: np.ndarray, forward: Callable[[Any], Any], back: Callable[[Any], Any]
) -> np.ndarray:
    """All articles in an orthonormal basis of the span of the training rows of a matrix.

    The matrix is given by its products with a matrix, and those of its transpose.
    """
    n = len(articles()[1])
    chosen = np.zeros((n, len(train)))
    chosen[train, np.arange(len(train))] = 1
    products = forward(back(chosen))  # (articles, training rows)
    values, vectors = np.linalg.eigh(products[train])
    keep = values > 1e-9 * values[-1]
    return products @ (vectors[:, keep] / np.sqrt(values[keep]))


def classify(
    z: np.ndarray, parts: tuple[np.ndarray, ...], smooth: bool = False
) -> dict[str, float]:
    """Logistic regression, its penalty chosen on the validation part; accuracies in per cent.

    Where all rows are nearly alike ("smooth"), the search begins at several penalties.
    """
    topics = articles()[1]
    z = z / np.sqrt((z[parts[0]] ** 2).sum(1).mean())  # rows of length 1 on average
    train, validation, _ = parts

    @functools.cache
    def fitted(penalty: float) -> LogisticRegression:
        return LogisticRegression(C=penalty, max_iter=2000).fit(z[train], topics[train])

    def score(penalty: float) -> float:
        return -fitted(penalty).score(z[validation], topics[validation])

    best = lm.studies.best_inside(
        PENALTIES, PENALTIES[6::4] if smooth else [PENALTIES[6]], score
    )
    right = fitted(best).predict(z) == topics
    names = ("train", "validation", "test")
    found = {
        name: 100 * right[part].mean() for name, part in zip(names, parts, strict=True)
    }
    return {"penalty": best} | found


def run(
    read: int, draw: int, hops: int, weight: float = 1.0, edges: str = "both",
    shows: str = "words", own: str = "words", labels: int = 20,
) -> dict[str, float]:  # fmt: skip
    """Accuracy of the linear classifier on (1 - weight) X + weight S^hops Z."""
    x, shown, s = bag(read, own), bag(read, shows), averaging(edges, draw)

    def forward(v: Any) -> Any:
        far = shown @ v
        for _ in range(hops):
            far = s @ far
        return (1 - weight) * (x @ v) + weight * far

    def back(u: Any) -> Any:
        far = u
        for _ in range(hops):
            far = s.T @ far
        return (1 - weight) * (x.T @ u) + weight * (shown.T @ far)

    parts = split(draw, labels)
    return classify(coordinates(parts[0], forward, back), parts, smooth=hops > 4)


def restarted(read: int, draw: int, restart: float, steps: int) -> dict[str, float]:
    """The same on H after steps of H = (1 - restart) S H + restart X, from H = X (APPNP)."""
    x, s = bag(read), averaging()

    def mixed(h: Any) -> Any:
        start = h
        for _ in range(steps):
            h = (1 - restart) * (s @ h) + restart * start
        return h

    parts = split(draw)
    z = coordinates(parts[0], lambda v: mixed(x @ v), lambda u: x.T @ mixed(u))
    return classify(z, parts)


def propagated(draw: int, spread: float) -> dict[str, float]:
    """Label propagation: F = spread S F + (1 - spread) Y, 100 times; no word is read."""
    topics, s, parts = articles()[1], averaging(), split(draw)
    y = np.zeros((len(topics), 11))
    y[parts[0], topics[parts[0]]] = 1
    f = y
    for _ in range(100):
        f = spread * (s @ f) + (1 - spread) * y
    right = f.argmax(1) == topics
    return {
        "validation": 100 * right[parts[1]].mean(), "test": 100 * right[parts[2]].mean(),
        "reached": 100 * (f.sum(1) > 0).mean(),
    }  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/graph_networks")
    for draw in DRAWS:
        for read in READ:
            for hops in (0, 1, 2, 3, 4):
                study.row(run, read=read, draw=draw, hops=hops)
            for weight in MIXES[1:-1]:
                study.row(run, read=read, draw=draw, hops=2, weight=weight)
            for weight in (0.4, 0.8, 1.0):
                study.row(run, read=read, draw=draw, hops=2, weight=weight, edges="rewired")
        for spread in SPREADS:
            study.row(propagated, draw=draw, spread=spread)
    for draw in DRAWS:
        for read in (8, 1000):
            for edges in ("out", "in", "mean"):
                for weight in (0.2, 0.4, 0.6, 0.8, 1.0):
                    study.row(run, read=read, draw=draw, hops=1, weight=weight, edges=edges)
        for read in (4, 8, 1000):
            for shows in ("titles", "rest"):
                study.row(run, read=read, draw=draw, hops=0, own=shows, shows=shows)
                study.row(run, read=read, draw=draw, hops=2, own=shows, shows=shows)
                for weight in MIXES[2:-1:2]:
                    study.row(run, read=read, draw=draw, hops=2, weight=weight, shows=shows)
        for read in READ if draw < 3 else ():
            for weight in (0.0, 0.4, 0.8, 1.0):
                study.row(run, read=read, draw=draw, hops=2, weight=weight, labels=100)
        for read in (8, 1000):
            for hops in (8, 16, 32, 64):
                study.row(run, read=read, draw=draw, hops=hops)
            for restart in RESTARTS[1:-1]:
                study.row(restarted, read=read, draw=draw, restart=restart, steps=64)
    study.save()
