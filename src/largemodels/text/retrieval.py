"""Finding passages: BM25, which counts words, and the fusion of several rankings.

BM25 is the formula of Robertson and Zaragoza, 2009 (https://doi.org/10.1561/1500000019) as the search engine Lucene
computes it. Reciprocal rank fusion is by Cormack, Clarke and Büttcher, 2009 (https://doi.org/10.1145/1571941.1572114).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def words(text: str) -> list[str]:
    """Words and numbers of a text, in lower case, without punctuation."""
    return re.findall(r"\w+", text.lower())


class BM25:
    """An index of passages that scores each of them by the words that it shares with a query.

    Args:
        passages: at least one.
        k1: how soon further occurrences of a word stop to count, at least 0.
        b: how much long passages are held back, from 0 to 1.
        cut: turns a text into words.

    Raises:
        ValueError: if there are no passages or words, or ``k1`` or ``b`` is out of range.
    """

    def __init__(
        self,
        passages: Sequence[str],
        k1: float = 1.5,
        b: float = 0.75,
        cut: Callable[[str], list[str]] = words,
    ) -> None:
        if k1 < 0 or not 0 <= b <= 1:
            raise ValueError(f"k1 must be at least 0 and b from 0 to 1, not {k1} and {b}.")
        self.n, self.cut = len(passages), cut
        counts = [Counter(cut(passage)) for passage in passages]
        lengths = torch.tensor([float(sum(its.values())) for its in counts])
        if not lengths.sum():
            raise ValueError("There are no words to search.")
        short = k1 * (1 - b + b * lengths / lengths.mean())
        found: dict[str, tuple[list[int], list[int]]] = {}
        for place, its in enumerate(counts):
            for word, n in its.items():
                where, how_often = found.setdefault(word, ([], []))
                where.append(place)
                how_often.append(n)
        self.postings: dict[str, tuple[Tensor, Tensor]] = {}
        for word, (where, how_often) in found.items():
            places, times = torch.tensor(where), torch.tensor(how_often).float()
            rare = torch.tensor(1 + (self.n - len(where) + 0.5) / (len(where) + 0.5)).log()
            self.postings[word] = places, rare * times / (times + short[places])

    def scores(self, queries: Sequence[str]) -> Tensor:
        """How well each passage fits each query, ``(queries, passages)``; a word that is twice in a query counts twice.

        Raises:
            TypeError: if ``queries`` is a single text.
        """
        if isinstance(queries, str):
            raise TypeError("This is a single query: put it into a list.")
        scores = torch.zeros(len(queries), self.n)
        for row, query in zip(scores, queries, strict=True):
            for word in self.cut(query):
                if word in self.postings:
                    places, weights = self.postings[word]
                    row[places] += weights
        return scores


def ranks(scores: Tensor) -> Tensor:
    """The rank of each passage for each query, 1 for the highest score; of equal ones, the earlier comes first."""
    order = scores.argsort(dim=1, descending=True, stable=True)
    places = torch.arange(1, scores.shape[1] + 1).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


def reciprocal_rank_fusion(scores: Sequence[Tensor], k: float = 60) -> Tensor:
    """Join several scores ``(queries, passages)`` by their ranks alone: the sum of 1 / (k + rank).

    Raises:
        ValueError: if ``k`` is below 0, or there are no scores, or their shapes differ.
    """
    if k < 0 or not scores or any(its.shape != scores[0].shape for its in scores):
        raise ValueError("Fusion needs scores of one shape, and k of at least 0.")
    return torch.stack([1 / (k + ranks(its)) for its in scores]).sum(dim=0)
