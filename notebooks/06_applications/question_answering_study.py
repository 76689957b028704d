"""Second study of the chapter "Question answering": settings of the search, chosen on development.

    make study NAME=06_applications/question_answering

One thread, about 2 minutes, after question_answering_vectors. BM25's k1 and b and the k of
reciprocal rank fusion with MiniLM are chosen by the share of development questions (all three
forms) whose passage is ranked first; ladders are extended until the best lies inside.
"""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd
import torch
from torch import Tensor

import largemodels as lm
from largemodels.data.questions import wikipedia_questions
from largemodels.data.text import wikipedia_articles
from largemodels.text.retrieval import BM25, ranks, reciprocal_rank_fusion

K1 = [0.1, 0.2, 0.4, 0.6, 0.9, 1.2, 1.6, 2.4, 3.6, 6.0]
B = [0.0, 0.2, 0.4, 0.6, 0.75, 0.9, 1.0]  # 0 and 1 are its natural limits
K = [0.0, 1.0, 3.0, 10.0, 30.0, 60.0, 100.0, 300.0, 1000.0]


@functools.cache
def passages() -> list[str]:
    """All articles, each after its title."""
    articles = wikipedia_articles()
    return [
        f"{title}. {text}"
        for title, text in zip(articles.title, articles.text, strict=True)
    ]


@functools.cache
def questions(part: str) -> pd.DataFrame:
    """Questions of a part."""
    asked = wikipedia_questions()
    return asked[asked.part == part].reset_index(drop=True)


@functools.cache
def words(part: str, k1: float, b: float) -> Tensor:
    """Scores of BM25, (questions, passages)."""
    return BM25(passages(), k1, b).scores(list(questions(part).question))


@functools.cache
def vectors() -> Tensor:
    """A unit vector for each article."""
    kept = lm.studies.weights("06_applications/question_answering_vectors", "vectors")
    return torch.nn.functional.normalize(kept.state["vectors"].float(), dim=1)


@functools.cache
def meaning(part: str) -> Tensor:
    """Cosines of MiniLM, (questions, passages)."""
    return lm.load_minilm().embed(list(questions(part).question)) @ vectors().T


def found(scores: Tensor, part: str) -> dict[str, Any]:
    """In per cent: questions whose passage is among the first 1, 5, 20; of each form, first."""
    asked = questions(part)
    right = torch.tensor(asked.article.to_numpy())
    place = ranks(scores)[torch.arange(len(asked)), right]
    shares = {f"at_{n}": 100 * (place <= n).float().mean().item() for n in (1, 5, 20)}
    for form in asked.form.unique():
        its = torch.tensor((asked.form == form).to_numpy())
        shares[str(form)] = 100 * (place[its] == 1).float().mean().item()
    return shares


def bm25(k1: float, b: float) -> dict[str, Any]:
    """BM25 on development questions."""
    return found(words("development", k1, b), "development")


def fused(k1: float, b: float, k: float) -> dict[str, Any]:
    """BM25 and MiniLM, joined by their ranks."""
    both = [words("development", k1, b), meaning("development")]
    return found(reciprocal_rank_fusion(both, k), "development")


def minilm(part: str) -> dict[str, Any]:
    """MiniLM alone, which has nothing to choose."""
    return found(meaning(part), part)


def worst(row: dict[str, Any]) -> tuple[float, float]:
    """What is to be small: the shares not found first, then not among five."""
    return -row["at_1"], -row["at_5"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/question_answering")
    k1, b = 1.2, 0.75
    for _ in range(2):
        k1 = lm.studies.best_inside(
            K1, [k1], lambda it, b=b: worst(study.row(bm25, k1=it, b=b))
        )
        b = min(B, key=lambda it, k1=k1: worst(study.row(bm25, k1=k1, b=it)))
    study.row(minilm, part="development")
    limits = (K[0], K[-1])  # 0 is a natural limit, 1000 practically the sum of ranks
    tried = {k: worst(study.row(fused, k1=k1, b=b, k=k)) for k in K}
    print("chosen", k1, b, min(tried, key=tried.__getitem__), limits)
    study.save()
