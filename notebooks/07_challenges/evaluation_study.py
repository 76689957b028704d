"""Two classifiers of film sentences: a language model asked in twelve wordings, and counts.

    make study NAME=07_challenges/evaluation

One thread, about five minutes. SmolLM2-135M-Instruct (4 bits a weight, computed in bfloat16) reads
sentences of 6 to 16 words in twelve wordings, which a rule makes, and says how much more probable
" positive" is than " negative". The rival counts words and pieces of words, may look words up in a
lexicon, and learns from all training sentences, in 36 settings; its best one learns again from 16
drawings of them. A row holds what was said of each sentence, packed.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor

import largemodels as lm

N_TEST, N_CHOOSING, N_DRAWS = 240, 100, 16
WORDS = (6, 16)  # of a sentence that is asked about
QUESTION = "Is the sentiment of this review {} or {}?\n\n"
QUESTIONS = {
    "none": "",
    "positive first": QUESTION.format("positive", "negative"),
    "negative first": QUESTION.format("negative", "positive"),
}
FIELDS = {"bare": "", "review": "Review: "}
CUES = {"sentiment": "\nSentiment:", "this review": "\nThis review is"}
WORDINGS = [(q, field, cue) for q in QUESTIONS for field in FIELDS for cue in CUES]
ANSWERS = (" positive", " negative")
FEATURES = ("words", "words and pieces", "words, pieces, lexicon")
PENALTIES = tuple(float(f"{10 ** (n / 2):.3g}") for n in range(-4, 8))  # C, 0.01 to 3,160
Array = NDArray[np.float64]


@functools.cache
def smollm2() -> tuple[Any, Any]:
    """The language model and its tokenizer."""
    return lm.load_smollm2()


@functools.cache
def rated() -> pd.DataFrame:
    """Sentences that people call positive or negative on average, in a fixed random order."""
    table = lm.rated_sentences()
    table = table[table["mean"] != 0].sample(frac=1, random_state=0)
    return table.assign(positive=table["mean"] > 0)


def sentences(kind: str, part: str, n: int | None = None) -> pd.DataFrame:
    """The first sentences of a kind and part, only short ones outside training."""
    table = rated()
    table = table[(table.kind == kind) & (table.part == part)]
    if part != "train":
        table = table[table.text.str.split().str.len().between(*WORDS)]
    return table.iloc[:n]


def packed(values: Array | Tensor) -> str:
    """Numbers between -32 and 32 as text, in thousandths."""
    whole = np.rint(1_000 * np.clip(np.asarray(values, float), -32, 32)).astype("<i2")
    return base64.b64encode(whole.tobytes()).decode()


def said(wording: tuple[str, str, str], texts: Sequence[str]) -> Tensor:
    """How much more probable "positive" is than "negative" after each text, in nats."""
    model, tokenizer = smollm2()
    question, field, cue = QUESTIONS[wording[0]], FIELDS[wording[1]], CUES[wording[2]]
    two = [int(tokenizer.encode(it)[0]) for it in ANSWERS]
    prompts = [tokenizer.encode(question + field + text + cue) for text in texts]
    found = lm.next_log_probs(model, prompts, two, bfloat16=True)
    return found[:, 0] - found[:, 1]


def asked(question: str, field: str, cue: str) -> dict[str, Any]:
    """One row: SmolLM2 in one wording, of film sentences and of one without content."""
    wording = (question, field, cue)
    test, choosing = sentences("film", "test", N_TEST), sentences("film", "validation")
    found = said(wording, [*test.text, *choosing.text[:N_CHOOSING], "N/A"])
    return {
        "test": packed(found[:N_TEST]),
        "choosing": packed(found[N_TEST:-1]),
        "empty": float(found[-1]),
    }


@functools.cache
def counters(features: str) -> tuple[list[TfidfVectorizer], Any]:
    """What is counted, learnt from the training sentences, and their numbers."""
    texts = list(sentences("film", "train").text)
    used = [TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)]
    if features != "words":
        used.append(
            TfidfVectorizer(
                analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True
            )
        )
    for it in used:
        it.fit(texts)
    return used, columns(features, used, texts)


@functools.cache
def lexicon() -> Any:
    """VADER's words."""
    return lm.vader()


def columns(features: str, used: list[TfidfVectorizer], texts: list[str]) -> Any:
    """Numbers of texts, ``(n, d)``, sparse."""
    parts = [it.transform(texts) for it in used]
    if "lexicon" in features:
        parts.append(sparse.csr_matrix([[lexicon().score(it)] for it in texts]))
    return sparse.hstack(parts).tocsr()


@functools.cache
def fitted(features: str, penalty: float, draw: int = 0) -> LogisticRegression:
    """A logistic regression on all training sentences, or on a drawing of groups of them."""
    train, numbers = sentences("film", "train"), counters(features)[1]
    rows = np.arange(len(train))
    if draw:
        places = pd.Series(rows).groupby(train.group.to_numpy()).apply(list)
        drawn = np.random.default_rng(draw).integers(len(places), size=len(places))
        rows = np.concatenate([places.iloc[it] for it in drawn])
    model = LogisticRegression(C=penalty, solver="liblinear")
    return model.fit(numbers[rows], train.positive.to_numpy()[rows])


def counted(texts: list[str], features: str, penalty: float, draw: int = 0) -> Array:
    """The rival's log-odds of each text."""
    numbers = columns(features, counters(features)[0], texts)
    return np.asarray(fitted(features, penalty, draw).decision_function(numbers))


def tuned(features: str, penalty: float) -> dict[str, Any]:
    """One row: the rival with one setting, of all validation sentences and of the test."""
    held, test = sentences("film", "validation"), sentences("film", "test")
    found = counted(list(held.text), features, penalty)
    right = (found > 0) == held.positive.to_numpy()
    few = right[:N_CHOOSING]
    return {
        "validation": 100 * float(right.mean()),
        "first": 100 * float(few.mean()),
        "counted": packed(counted(list(test.text[:N_TEST]), features, penalty)),
    }


def drawn(draw: int, features: str, penalty: float) -> dict[str, Any]:
    """One row: the rival after another drawing of its training sentences."""
    test = list(sentences("film", "test", N_TEST).text)
    return {"counted": packed(counted(test, features, penalty, draw))}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/evaluation")
    settings = [
        study.row(tuned, features=it, penalty=c) for it in FEATURES for c in PENALTIES
    ]
    top = max(settings, key=lambda it: it["validation"])
    setting = {"features": top["features"], "penalty": top["penalty"]}
    for draw in range(1, N_DRAWS + 1):
        study.row(drawn, draw=draw, **setting)
    for question, field, cue in WORDINGS:
        study.row(asked, question=question, field=field, cue=cue)
    study.save()
