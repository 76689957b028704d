"""English with its translation into Brazilian Portuguese: messages of a program, and sentences of a handbook.

The messages are those of :mod:`.catalogues`, from the catalogues that LibreOffice's translators in Brazil wrote. The
sentences stand in "The Debian Administrator's Handbook", whose translation has the same pages and paragraphs, so that
paragraph follows paragraph; a paragraph whose translation has as many sentences gives as many pairs.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np

from ..text.neighbours import Neighbours
from .catalogues import TWINS, Translations, divided, messages
from .registry import files

HANDBOOK = {"test": 500, "validation": 200}  # sentences; the rest is for training
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-ZÀ-Ý“\"])")  # where a new one begins
_WORDS = (5, 30)  # of an English sentence that is kept


def brazilian_messages(split: int = 0, *, unchecked: bool = False) -> dict[str, Translations]:
    """Messages of LibreOffice in English and Brazilian Portuguese: "train", "validation" (500) and "test" (1,000).

    Drawn and cleaned as those of :func:`.catalogues.translations`.

    Args:
        split: seed of the division into parts.
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    pairs = messages(files("libreoffice-pt-br", unchecked=unchecked).values())
    return divided([pair for pair in pairs if max(len(text.split()) for text in pair) <= _WORDS[1]], split)


def handbook_sentences(split: int = 0, *, unchecked: bool = False) -> dict[str, Translations]:
    """Sentences of a handbook in English and Brazilian Portuguese: "train", "validation" (200) and "test" (500).

    No sentence of training has a near-twin in validation or test: see :func:`.catalogues.translations`.

    Args:
        split: seed of the division into parts.
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    found = files("debian-handbook", unchecked=unchecked)
    pages = [name.removeprefix("en-US/") for name in found if name.startswith("en-US/")]
    pairs = set[tuple[str, str]]()
    for page in sorted(pages):
        both = [
            paragraphs(found[f"{language}/{page}"].read_text(encoding="utf-8"))
            for language in ("en-US", "pt-BR")
        ]
        pairs |= set(sentence_pairs(*both))
    rows = sorted(pairs)
    index, free = Neighbours([source for source, _ in rows]), np.ones(len(rows), dtype=bool)
    parts: dict[str, list[int]] = {}
    order = np.random.default_rng(split).permutation(len(rows)).tolist()
    for part in ("validation", "test"):
        parts[part] = []
        while len(parts[part]) < HANDBOOK[part]:
            row = next(row for row in order if free[row])
            parts[part].append(row)
            free[index.similarities(rows[row][0]) > TWINS] = False
            free[row] = False
    parts["train"] = np.flatnonzero(free).tolist()
    return {
        part: Translations([rows[row][0] for row in some], [rows[row][1] for row in some])
        for part, some in parts.items()
    }


def paragraphs(page: str) -> list[str]:
    """The text of each paragraph of a page, ``<div class="para">``, in order, without marks and line breaks."""
    reader = _Paragraphs()
    reader.feed(page)
    reader.close()
    return [" ".join("".join(pieces).split()) for pieces in reader.found]


def sentence_pairs(source: list[str], target: list[str]) -> list[tuple[str, str]]:
    """Sentences of paragraphs that correspond; none if the two pages have different numbers of paragraphs.

    Left out: paragraphs whose translation has another number of sentences; sentences that were not translated, and
    those whose English has fewer than 5 or more than 30 words or whose translation is more than twice as long or
    less than half as long.
    """
    if len(source) != len(target):
        return []
    pairs: list[tuple[str, str]] = []
    for texts in zip(source, target, strict=True):
        first, second = (_SENTENCE.split(text) for text in texts)
        if len(first) == len(second):
            pairs += zip(first, second, strict=True)
    return [
        (a, b)
        for a, b in pairs
        if a != b and _WORDS[0] <= len(a.split()) <= _WORDS[1] and 0.5 <= len(b) / len(a) <= 2
    ]


class _Paragraphs(HTMLParser):
    """Collects the text inside ``<div class="para">``; one inside another has its own place."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[list[str]] = []
        self._open: list[list[str] | None] = []  # one for each open division; None: no paragraph

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "div":
            inside: list[str] | None = None
            if ("class", "para") in attributes:
                inside = []
                self.found.append(inside)
            self._open.append(inside)

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and (inside := self._open[-1]) is not None:
            inside.append(data)
