"""Which texts are nearly the same: those that share most of their runs of four characters.

Two texts are compared by the Jaccard index of their sets of character n-grams, shared ones over all. Case, punctuation
and the amount of white space do not count. A split of data uses this to keep near-twins out of training, and a
translation memory to find the most similar text that somebody has translated already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def words_only(text: str) -> str:
    """The words of a text in lower case, with a single space between two."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def ngrams(text: str, n: int = 4) -> set[str]:
    """All runs of ``n`` characters of a text's words in lower case, with a space before, between and after them.

    A text that is too short for one run is one itself, so the set is never empty.
    """
    plain = f" {words_only(text)} "
    return {plain[i : i + n] for i in range(max(1, len(plain) - n + 1))}


class Neighbours:
    """An index of texts by their character n-grams.

    Args:
        texts: to search in.
        n: characters of a run.

    Raises:
        ValueError: if there are no texts.
    """

    def __init__(self, texts: Sequence[str], n: int = 4) -> None:
        if not texts:
            raise ValueError("There are no texts to search in.")
        self.n = n
        sets = [ngrams(text, n) for text in texts]
        self._sizes = np.array([len(found) for found in sets])
        rows: dict[str, list[int]] = {}
        for row, found in enumerate(sets):
            for gram in found:
                rows.setdefault(gram, []).append(row)
        self._rows = {gram: np.array(found) for gram, found in rows.items()}

    def similarities(self, text: str) -> npt.NDArray[np.float64]:
        """Jaccard index of each indexed text and this one, from 0 to 1: ``(n_texts,)``."""
        wanted = ngrams(text, self.n)
        found = [self._rows[gram] for gram in wanted if gram in self._rows]
        shared = np.bincount(np.concatenate(found) if found else [], minlength=len(self._sizes))
        return shared / (self._sizes + len(wanted) - shared)


class TranslationMemory:
    """Translate a text by the stored translation of the most similar one, the first of several.

    Args:
        sources: texts.
        targets: their translations, in the same order.
    """

    def __init__(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        if len(sources) != len(targets):
            raise ValueError(f"Each source needs one target: there are {len(sources)} and {len(targets)}.")
        self._index, self._targets = Neighbours(sources), list(targets)

    def translate(self, text: str) -> str:
        """A text of the targets, whatever the similarity."""
        return self._targets[int(self._index.similarities(text).argmax())]
