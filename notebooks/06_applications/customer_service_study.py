"""First study of the chapter "Customer service": searches in the FAQ, and how sure they can be.

    make study NAME=06_applications/customer_service

One thread, about 4 minutes. Each search is tuned and judged by
four-fold cross-fitting: three quarters of the messages choose its settings (the share of answerable
messages whose section is first, then among three) and fit two logistic regressions, from the scores
to the probabilities that the first section is wanted and that one of three is; the last quarter is
judged. Each section's message is in one fold, and the same in both languages. The division is
repeated with five seeds. A row is one search, one language, one seed, with a list entry a message.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

import largemodels as lm
from largemodels.data.faq import faq
from largemodels.data.service import service_messages
from largemodels.text.chinese import cutter
from largemodels.text.retrieval import words
from largemodels.text.service import Odds, evidence, wanted

FOLDS, SEEDS, K = 4, 5, 3
FIELDS = ("title", "answer", "both", "title thrice")
K1 = (0.2, 0.5, 0.9, 1.5, 2.5, 4.0, 8.0, 16.0, 32.0)
B = (0.0, 0.25, 0.5, 0.75, 1.0)
SHARES = [
    n / 10 for n in range(1, 10)
]  # of counts in joined scores; 0 and 1 are the others
COMMON = frozenset(
    words(
        "a an the of to in on at for and or but is are was were be it its this that i my me we our "
        "you your do does did can could will would with from by as if so how what which who where "
        "when why there here have has had not no any some just get got"
    )
)
ENDING = re.compile(r"(?<=\w{3})(?:ies|ing|ed|es|s|y|e)$")


@functools.cache
def sections() -> Any:
    """The FAQ."""
    return faq()


@functools.cache
def asked() -> Any:
    """The messages, with the rows of the sections that fit."""
    its, row = service_messages(), {key: n for n, key in enumerate(sections().key)}
    its["rows"] = [{row[key] for key in keys} for keys in its.fits]
    return its


def texts(field: str, zh: bool) -> list[str]:
    """A field of all sections, in one language."""
    ending = "_zh" if zh else ""
    titles, answers = sections()["question" + ending], sections()["answer" + ending]
    made = {
        "title": titles,
        "answer": answers,
        "both": titles + " " + answers,
        "title thrice": (titles + " ") * 3 + answers,
    }
    return list(made[field])


def stems(text: str) -> list[str]:
    """Words without their endings and without the commonest."""
    return [ENDING.sub("", it) for it in words(text) if it not in COMMON]


CUTS: dict[str, dict[str, Callable[[str], list[str]]]] = {
    "BM25": {"words": words, "stems": stems},
    "BM25 zh": {str(n): cutter(n) for n in ((1,), (2,), (1, 2))},
    "BM25 zh without Latin": {str(n): cutter(n, latin=False) for n in ((1,), (2,), (1, 2))},
    "BM25 zh Latin only": {"latin": cutter(())},
}


@functools.cache
def counts(name: str, field: str, cut: str) -> tuple[Tensor, Tensor]:
    """How often each word is in each message and in each section: (messages or sections, words)."""
    zh = name != "BM25"
    cutting = CUTS[name][cut]
    theirs = [Counter(cutting(text)) for text in texts(field, zh)]
    known = {word: n for n, word in enumerate(sorted({it for its in theirs for it in its}))}
    queries = [Counter(cutting(text)) for text in (asked().zh if zh else asked().en)]
    both = []
    for rows in (queries, theirs):
        table = torch.zeros(len(rows), len(known))
        for n, its in enumerate(rows):
            for word, often in its.items():
                if word in known:
                    table[n, known[word]] = often
        both.append(table)
    return both[0], both[1]


def bm25(name: str, field: str, cut: str, k1: float, b: float) -> Tensor:
    """BM25 as in the library, as one product of matrices: (messages, sections)."""
    queries, theirs = counts(name, field, cut)
    lengths, inside = theirs.sum(dim=1, keepdim=True), (theirs > 0).sum(dim=0)
    rare = (1 + (len(theirs) - inside + 0.5) / (inside + 0.5)).log()
    weights = rare * theirs / (theirs + k1 * (1 - b + b * lengths / lengths.mean()))
    return queries @ weights.T


@functools.cache
def counted(name: str) -> dict[str, Tensor]:
    """BM25 with all settings: (messages, sections) each."""
    return {
        f"{field}, {cut}, {k1}, {b}": bm25(name, field, cut, k1, b)
        for field, cut, k1, b in itertools.product(FIELDS, CUTS[name], K1, B)
    }


@functools.cache
def weighted(zh: bool = False) -> dict[str, Tensor]:
    """TF-IDF, cosines."""
    made = {}
    for field, kind, n, sub in itertools.product(
        FIELDS, ("word", "char_wb"), ((1, 1), (1, 2), (2, 4), (3, 5)), (True, False)
    ):
        if (kind == "word") == (n[0] > 1):
            continue
        its = TfidfVectorizer(analyzer=kind, ngram_range=n, sublinear_tf=sub)
        theirs = its.fit_transform(texts(field, zh))
        scores = its.transform(asked().zh if zh else asked().en) @ theirs.T
        made[f"{field}, {kind}, {n}, {sub}"] = torch.tensor(scores.toarray()).float()
    return made


@functools.cache
def minilm() -> Any:
    """The encoder."""
    return lm.load_minilm()


def passages(zh: bool, longest: int = 400) -> tuple[list[str], list[int]]:
    """Pieces of the answers, of whole sentences, and each one's section."""
    pieces, owners = [], []
    for row, text in enumerate(texts("answer", zh)):
        piece = ""
        for sentence in re.split(r"(?<=[.!?:;。！？；：])\s*", text):
            if piece and len(piece) + len(sentence) > longest:
                pieces.append(piece)
                owners.append(row)
                piece = ""
            piece += " " * bool(piece) + sentence
        pieces.append(piece)
        owners.append(row)
    return pieces, owners


@functools.cache
def section_vectors(zh: bool) -> dict[str, Any]:
    """MiniLM's vectors of fields and pieces."""
    pieces, owners = passages(zh)
    made = {field: minilm().embed(texts(field, zh)) for field in ("title", "both")}
    return made | {"pieces": minilm().embed(pieces), "owners": torch.tensor(owners)}


def cosines(queries: Tensor, zh: bool) -> dict[str, Tensor]:
    """Scores of all sections by their vectors: four ways."""
    theirs = section_vectors(zh)
    title, both = queries @ theirs["title"].T, queries @ theirs["both"].T
    pieces = torch.full_like(title, -1.0)
    index = theirs["owners"].expand(len(queries), -1)
    pieces = pieces.scatter_reduce(1, index, queries @ theirs["pieces"].T, "amax")
    return {
        "title": title,
        "both": both,
        "pieces": pieces,
        "title or pieces": torch.maximum(title, pieces),
        "title and pieces": (title + pieces) / 2,
    }


@functools.cache
def meant(zh: bool, theirs_zh: bool) -> dict[str, Tensor]:
    """MiniLM on messages in one language and sections in one."""
    return cosines(minilm().embed(list(asked().zh if zh else asked().en)), theirs_zh)


@functools.cache
def alone() -> dict[str, Tensor]:
    """A text's vector is the mean of those that MiniLM gives its word pieces alone, by rarity."""
    encoder = minilm()
    start, end = encoder.tokenizer.encode("").ids
    both, messages = texts("both", False), list(asked().en)

    def pieces(text: str) -> list[int]:
        its = text.split()  # in parts: the tokenizer cuts long texts
        parts = [" ".join(its[n : n + 60]) for n in range(0, len(its), 60)]
        return [it for part in parts for it in encoder.tokenizer.encode(part).ids[1:-1]]

    inside = Counter(it for text in both for it in set(pieces(text)))
    known = sorted({it for text in both + messages for it in pieces(text)})
    with torch.no_grad():
        tokens = torch.tensor([[start, it, end] for it in known])
        table = torch.cat([encoder(part, part > -1) for part in tokens.split(512)])
    table = table - table.mean(dim=0)
    rare = torch.tensor([float(np.log(1 + len(both) / (1 + inside[it]))) for it in known])
    place = {it: n for n, it in enumerate(known)}

    def embed(its: list[str]) -> Tensor:
        rows = [torch.tensor([place[it] for it in pieces(text)]) for text in its]
        made = torch.stack([(rare[row, None] * table[row]).sum(dim=0) for row in rows])
        return torch.nn.functional.normalize(made, dim=1)

    queries = embed(messages)
    return {field: queries @ embed(texts(field, False)).T for field in FIELDS}


def joined(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Scores of a count, as shares of the highest, and cosines."""
    most = one.max(dim=1, keepdim=True).values.clamp(min=1e-9)
    return share * one / most + (1 - share) * other


@functools.cache
def folds(seed: int) -> np.ndarray:
    """The fold of each message: every kind is dealt out evenly."""
    order, its = np.random.default_rng(seed), np.zeros(len(asked()), dtype=int)
    for kind in asked().kind.unique():
        rows = np.flatnonzero(asked().kind == kind)
        its[order.permutation(rows)] = np.arange(len(rows)) % FOLDS
    return its


@functools.cache
def clear() -> np.ndarray:
    """Which messages are answerable."""
    return (asked().kind == "answerable").to_numpy()


@functools.cache
def fitting() -> tuple[Tensor, Tensor]:
    """Which sections fit each message, and what one that fits counts: 1, or its share if vague."""
    table = torch.zeros(len(asked()), len(sections()))
    for n, rows in enumerate(asked().rows):
        table[n, list(rows)] = 1
    vague = torch.tensor((asked().kind == "vague").to_numpy())
    return table, torch.where(vague, 1 / table.sum(dim=1).clamp(min=1), 1.0)


def hits(scores: Tensor) -> np.ndarray:
    """For each message, the probability that the first section is wanted, and one of three."""
    table, share = fitting()
    found = table.gather(1, scores.topk(K, dim=1).indices)
    return torch.stack(
        [found[:, 0] * share, (found.sum(dim=1) * share).clamp(max=1)], dim=1
    ).numpy()


def chosen(options: dict[str, Tensor], rows: np.ndarray) -> str:
    """The setting with which most answerable messages among the rows find their section."""
    rows = rows & clear()
    found = {name: hits(its)[rows].sum(axis=0) for name, its in options.items()}
    return max(found, key=lambda name: (found[name][0], found[name][1]))


def fitted(seen: Tensor, share: np.ndarray, rows: np.ndarray) -> Odds:
    """A logistic regression on some rows; a target may be a share."""
    x = np.concatenate([seen[rows].numpy()] * 2)
    y = np.repeat([1, 0], rows.sum())
    weight = np.r_[share[rows], 1 - share[rows]]
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=1.0).fit(scaler.transform(x), y, sample_weight=weight)
    weights = model.coef_[0] / scaler.scale_
    bias = model.intercept_[0] - (weights * scaler.mean_).sum()
    return Odds(float(bias), tuple(weights.tolist()))


def parts_of(method: str) -> tuple[list[dict[str, Tensor]], bool]:
    """The searches that a method joins, and whether it reads Chinese."""
    simple: dict[str, tuple[Callable[[], dict[str, Tensor]], bool]] = {
        "BM25": (lambda: counted("BM25"), False),
        "TF-IDF": (weighted, False),
        "MiniLM": (lambda: meant(False, False), False),
        "word vectors": (alone, False),
        "BM25 zh": (lambda: counted("BM25 zh"), True),
        "BM25 zh without Latin": (lambda: counted("BM25 zh without Latin"), True),
        "BM25 zh Latin only": (lambda: counted("BM25 zh Latin only"), True),
        "TF-IDF zh": (lambda: weighted(True), True),
        "MiniLM zh": (lambda: meant(True, True), True),
        "MiniLM zh to English": (lambda: meant(True, False), True),
    }
    names = method.split(" + ")
    return [simple[name][0]() for name in names], simple[names[0]][1]


def search(method: str, seed: int) -> dict[str, Any]:
    """A search, cross-fitted."""
    return crossed(*parts_of(method), seed)


def crossed(options: list[dict[str, Tensor]], zh: bool, seed: int) -> dict[str, Any]:
    """Searches with all their settings, cross-fitted: sections and probabilities by message."""
    settings, dealt, n = [], folds(seed), len(asked())
    three, q1, q3 = [[0]] * n, np.zeros(n), np.zeros(n)
    for fold in range(FOLDS):
        rows = dealt != fold
        best = [chosen(its, rows) for its in options]
        parts = [its[name] for its, name in zip(options, best, strict=True)]
        scores = parts[0]
        if len(parts) > 1:
            mixed = {str(s): joined(*parts, s) for s in SHARES}
            best.append(chosen(mixed, rows))
            scores = mixed[best[-1]]
        seen = evidence(scores, [len(it) for it in (asked().zh if zh else asked().en)], K)
        right = hits(scores)
        first, among = (fitted(seen, right[:, column], rows)(seen) for column in (0, 1))
        top = scores.topk(K, dim=1).indices.tolist()
        for row in np.flatnonzero(~rows):
            three[row], q1[row], q3[row] = (
                top[row],
                float(first[row]),
                float(max(first[row], among[row])),
            )
        settings.append("; ".join(best))
    its = zip(three, asked().rows, asked().kind, strict=True)
    right = np.array([wanted(top, fits, kind == "vague") for top, fits, kind in its])
    at = 100 * right[clear()].mean(axis=0)
    return {
        "at_1": float(at[0]),
        "at_3": float(at[1]),
        "three": three,
        "first": q1.round(4).tolist(),
        "among": q3.round(4).tolist(),
        "settings": settings,
    }


METHODS = (
    "BM25",
    "TF-IDF",
    "word vectors",
    "MiniLM",
    "BM25 + MiniLM",
    "TF-IDF + MiniLM",
    "BM25 zh",
    "BM25 zh without Latin",
    "BM25 zh Latin only",
    "TF-IDF zh",
    "MiniLM zh",
    "MiniLM zh to English",
)

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/customer_service")
    for method, seed in itertools.product(METHODS, range(SEEDS)):
        study.row(search, method=method, seed=seed)
    study.save()
