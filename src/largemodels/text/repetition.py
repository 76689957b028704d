"""Figures that say something about a written text, without a reader.

How much of a text repeats itself, how many different word pairs there are (Li et al., 2016,
https://arxiv.org/abs/1510.03055), and how likely a model finds a continuation. None of them says whether a text is
good; each says how far it is from text by people, if that is measured in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def words(text: str) -> list[str]:
    """Words of a text in lower case; signs are left out."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())


def repeated(texts: Sequence[str], n: int = 3) -> float:
    """Share of the sequences of ``n`` words that stood earlier in the same text, from 0 to 1.

    Raises:
        ValueError: if no text has ``n`` words.
    """
    total, again = 0, 0
    for text in texts:
        sequences = _sequences(text, n)
        total += len(sequences)
        again += len(sequences) - len(set(sequences))
    if not total:
        raise ValueError(f"No text has {n} words.")
    return again / total


def distinct(texts: Sequence[str], n: int = 2) -> float:
    """Different sequences of ``n`` words over all of them, in all texts together, from 0 to 1.

    It falls with the amount of text: compare equal amounts only.

    Raises:
        ValueError: if no text has ``n`` words.
    """
    sequences = [sequence for text in texts for sequence in _sequences(text, n)]
    if not sequences:
        raise ValueError(f"No text has {n} words.")
    return len(set(sequences)) / len(sequences)


def _sequences(text: str, n: int) -> list[tuple[str, ...]]:
    found = words(text)
    return [tuple(found[start : start + n]) for start in range(len(found) - n + 1)]
