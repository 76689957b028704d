"""Letters and sounds of English words, from the CMU Pronouncing Dictionary.

The task, grapheme-to-phoneme conversion, is a small case of sequence-to-sequence learning: ``ph`` is one sound, ``x``
two, and the ``e`` of *cake* none, so that the places of letters and sounds differ.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .registry import files

PAD, START, END = 0, 1, 2  # tokens of both alphabets
LETTERS = ("·", "<", ">", *"abcdefghijklmnopqrstuvwxyz")
SOUNDS = (
    "·", "<", ">", "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH",
    "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z",
    "ZH",
)  # fmt: skip
ENDINGS = (
    "s",
    "es",
    "ed",
    "d",
    "ing",
    "ings",
    "er",
    "ers",
    "r",
    "rs",
    "ly",
    "y",
    "ies",
    "ied",
    "ness",
    "est",
    "in",
)
PARTS = {"test": 10, "validation": 5}  # per cent; the rest is for training


@dataclass(frozen=True)
class Word:
    """A word and its pronunciations."""

    letters: str  # a to z
    sounds: tuple[tuple[str, ...], ...]  # pronunciations without stress, the dictionary's first one first


def pronunciations(*, unchecked: bool = False) -> dict[str, list[Word]]:
    """The words of two letters or more, a to z only, in alphabetical order, by part.

    All pronunciations of a word are in one part, and so are words that differ in a common ending only, whichever
    way they are linked: walk, walks, walking, walker, walkers.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        ``training``, ``validation`` and ``test``.
    """
    found: dict[str, list[tuple[str, ...]]] = {}
    for line in (
        files("cmudict", unchecked=unchecked)["cmudict.dict"].read_text(encoding="utf-8").splitlines()
    ):
        name, *sounds = line.split("#")[0].split()
        name = re.sub(r"\(\d+\)$", "", name)
        said = tuple(re.sub(r"\d", "", sound) for sound in sounds)
        if re.fullmatch("[a-z]{2,}", name) and said not in found.setdefault(name, []):
            found[name].append(said)
    parts: dict[str, list[Word]] = {"training": [], "validation": [], "test": []}
    for name, family in sorted(families(found).items()):
        parts[_part(family)].append(Word(name, tuple(found[name])))
    return parts


def families(words: Sequence[str] | dict[str, list[tuple[str, ...]]]) -> dict[str, str]:
    """For each word one word that stands for all that are linked with it by common endings."""
    parent = {word: word for word in words}

    def root(word: str) -> str:
        while parent[word] != word:
            parent[word] = word = parent[parent[word]]
        return word

    for word in parent:
        for ending in ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 2:
                stem = word[: -len(ending)]
                for base in (stem, stem + "e", stem + "y", stem[:-1] if stem[-1] == stem[-2] else stem):
                    if base != word and base in parent:
                        first, second = sorted((root(word), root(base)))
                        parent[second] = first
    return {word: root(word) for word in parent}


def _part(family: str) -> str:
    """The part of a family, drawn from the hash of its name, so that it depends on nothing else."""
    place = int.from_bytes(hashlib.sha256(family.encode()).digest()[:4], "big") % 100
    for part, per_cent in PARTS.items():
        if place < per_cent:
            return part
        place -= per_cent
    return "training"


def encode(symbols: Sequence[Sequence[str]], alphabet: Sequence[str], *, start: bool = False) -> Tensor:
    """Tokens ``(batch, longest)`` of sequences of symbols, each ended by ``END`` and padded on the right.

    Args:
        symbols: words, or pronunciations.
        alphabet: :data:`LETTERS` or :data:`SOUNDS`.
        start: whether each begins with ``START``.

    Raises:
        ValueError: if a symbol is not in the alphabet.
    """
    number = {symbol: token for token, symbol in enumerate(alphabet)}
    unknown = {symbol for row in symbols for symbol in row} - set(alphabet[END + 1 :])
    if unknown:
        raise ValueError(f"Not in the alphabet: {', '.join(sorted(unknown))}.")
    rows = [[START] * start + [number[symbol] for symbol in row] + [END] for row in symbols]
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


def decode(tokens: Sequence[int], alphabet: Sequence[str]) -> tuple[str, ...]:
    """The symbols up to the first ``END``, without ``START`` and padding."""
    tokens = list(tokens)
    until = tokens.index(END) if END in tokens else len(tokens)
    return tuple(alphabet[token] for token in tokens[:until] if token > END)


def edits(said: Sequence[str], right: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions that turn one sequence into the other."""
    row = list(range(len(right) + 1))
    for i, one in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (one != other))
    return row[-1]


def nearest(said: Sequence[str], word: Word) -> tuple[int, int]:
    """Edits to the pronunciation of the word that needs the fewest, and its length."""
    return min((edits(said, right), len(right)) for right in word.sounds)
