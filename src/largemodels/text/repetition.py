"""Automatic metrics of a text's repetition and diversity.

How much of a text repeats itself, and what fraction of its n-grams are distinct (Li et al., 2016,
https://arxiv.org/abs/1510.03055). Neither says whether a text is good; each shows how far it is from human-written
text, if that is measured in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def words(text: str) -> list[str]:
    """Words of a text in lower case, without punctuation."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())


def repeated(texts: Sequence[str], n: int = 3) -> float:
    """Fraction of n-grams of words that occurred earlier in the same text, over all texts, from 0 to 1.

    Raises:
        ValueError: if no text has ``n`` words.
    """
    total, again = 0, 0
    for text in texts:
        sequences = _sequences(text, n)
        total += len(sequences)
        again += len(sequences) - len(set(sequences))
    if not total:
        raise ValueError(f"No text has as many words as n = {n}.")
    return again / total


def distinct(texts: Sequence[str], n: int = 2) -> float:
    """Number of distinct n-grams of words divided by the number of n-grams, in all texts together, from 0 to 1.

    It falls with the amount of text: compare only equal amounts.

    Raises:
        ValueError: if no text has ``n`` words.
    """
    sequences = [sequence for text in texts for sequence in _sequences(text, n)]
    if not sequences:
        raise ValueError(f"No text has as many words as n = {n}.")
    return len(set(sequences)) / len(sequences)


def _sequences(text: str, n: int) -> list[tuple[str, ...]]:
    found = words(text)
    return [tuple(found[start : start + n]) for start in range(len(found) - n + 1)]
