"""Second study of the chapter "Sentiment": linear models on counts, on a lexicon and on vectors.

    make study NAME=06_applications/sentiment

One thread, about 5 minutes, after sentiment_tuned. Ridge regression learns the mean of people's
ratings, and their spread, from up to 2,400 sentences of a kind, or of all kinds: from TF-IDF of
words, and of letters too; from these and VADER's score; from vectors of MiniLM, which stays as it
is. What it reads and its penalty are chosen on validation sentences of the kind it learns from.
Both ends of the penalties are natural limits: none, and one so large that only the size of answers
changes.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
import pandas as pd
import sentiment_tuned_study as first
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

import largemodels as lm
from largemodels.data.ratings import KINDS
from largemodels.data.vader import vader

SIZES, ALL = [200, 800, 2_400], 7_481  # ALL: training sentences of films
PENALTIES = [10.0**n for n in range(-3, 5)]  # practically from none to infinite
TOKENS = r"(?u)\b\w[\w']*|[^\w\s]+"  # words and signs
COUNTS = {  # what may be counted: these, pairs of them too, pieces of words of 2 to 5 letters
    "words": ({"ngram_range": (1, 1)},),
    "pairs": ({"ngram_range": (1, 2)},),
    "pairs, letters": (
        {"ngram_range": (1, 2)},
        {"ngram_range": (2, 5), "analyzer": "char_wb"},
    ),
}
BLOCKS = range(7)  # after how many of its blocks MiniLM is asked


@functools.cache
def vectors() -> dict[int, np.ndarray[Any, Any]]:
    """For the rows that are needed: means of hidden states after each block, ``(7, 384)``."""
    train = first.some("train", max(SIZES))
    table = pd.concat([train, asked("validation"), asked("test")])
    reader = first.Reader().eval()
    order = sorted(table.index, key=lambda row: len(table.text[row]))
    known = {}
    states: list[torch.Tensor] = []
    for block in reader.bert.blocks:
        block.register_forward_hook(lambda module, given, out: states.append(out))
    reader.bert.embedding_norm.register_forward_hook(
        lambda module, given, out: states.append(out)
    )
    with torch.no_grad():
        for start in range(0, len(order), 64):
            rows = order[start : start + 64]
            tokens, mask = reader.encoder.batch([table.text[row] for row in rows])
            states.clear()
            reader.bert(tokens, mask)
            real = mask.unsqueeze(-1)
            means = [F.normalize((it * real).sum(1) / real.sum(1), dim=1) for it in states]
            known |= dict(zip(rows, torch.stack(means, 1).numpy(), strict=True))
    return known


def asked(part: str) -> pd.DataFrame:
    """Sentences to choose settings by, or to report on: the same as in the first study."""
    n = first.N_TEST if part == "test" else first.N_VALIDATION
    return first.some(part, n)


@functools.cache
def counted(source: str, n: int, what: str) -> tuple[Any, Any, Any]:
    """TF-IDF of training, validation and test sentences."""
    taught, parts = first.taught(source, n), []
    for options in COUNTS[what]:
        words = {} if options.get("analyzer") else {"token_pattern": TOKENS}
        weigh = TfidfVectorizer(sublinear_tf=True, **words, **options).fit(taught.text)
        parts.append([weigh.transform(it) for it in _texts(taught)])
    train, validation, test = (hstack(its).tocsr() for its in zip(*parts, strict=True))
    return train, validation, test


def _texts(taught: pd.DataFrame) -> list[pd.Series]:
    return [taught.text, asked("validation").text, asked("test").text]


def features(method: str, source: str, n: int, what: str) -> list[Any]:
    """What ridge regression sees of the sentences of the three parts."""
    if method == "frozen":
        taught, known, block = first.taught(source, n), vectors(), int(what)
        rows = (taught.index, asked("validation").index, asked("test").index)
        return [np.stack([known[row][block] for row in its]) for its in rows]
    parts: list[Any] = list(counted(source, n, what))
    if method == "counts, lexicon":
        lexicon = vader()
        for place, texts in enumerate(_texts(first.taught(source, n))):
            scores = [[lexicon.score(it), lexicon.total(it) / 4] for it in texts]
            parts[place] = hstack([parts[place], csr_matrix(scores)]).tocsr()
    return parts


def chosen(method: str, source: str, n: int, target: str) -> tuple[str, float, Any]:
    """What is best read, the best penalty, and the predictions for the test sentences."""
    taught, judge = first.taught(source, n), asked("validation")
    own = (
        np.ones(len(judge), bool)
        if source == "mixture"
        else (judge.kind == source).to_numpy()
    )
    wanted = judge[target].to_numpy()[own]
    solver = "cholesky" if method == "frozen" else "sparse_cg"
    found = []
    for what in map(str, BLOCKS) if method == "frozen" else COUNTS:
        train, validation, test = features(method, source, n, what)
        for penalty in PENALTIES:
            model = Ridge(penalty, solver=solver).fit(train, taught[target])
            said = model.predict(validation[own])
            found.append(
                (np.corrcoef(said, wanted)[0, 1], what, penalty, model.predict(test))
            )
    return max(found, key=lambda it: it[0])[1:]


def run(method: str, source: str, n: int) -> dict[str, Any]:
    """Learn from one kind of sentences; be asked about all kinds. The spread is learnt once."""
    answers, row = np.zeros((len(asked("test")), 2)), {}
    for column, target in enumerate(
        ("mean", "spread") if n == first.N_TRAIN else ("mean",)
    ):
        what, penalty, answers[:, column] = chosen(method, source, n, target)
        row |= {f"{target}_reads": what, f"{target}_penalty": float(penalty)}
    said = torch.tensor(answers, dtype=torch.float)
    if n in (first.N_TRAIN, ALL):
        thousandths = (1_000 * said).round().to(torch.int16)
        name = f"{method.replace(', ', '-')}-{source}-{n}"
        study.keep(name, {"thousandths": thousandths}, config={})
    scores = first.scores(said, asked("test"))
    return row | {it: value for it, value in scores.items() if value == value}  # no NaN


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="Setting penalty")
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/sentiment")
    for method in ("counts", "counts, lexicon", "frozen"):
        for source in ("mixture", *KINDS):
            for n in (first.N_TRAIN,) if source == "mixture" else SIZES:
                study.row(run, method=method, source=source, n=n)
        if method == "counts":
            study.row(run, method=method, source="film", n=ALL)
    study.save()
