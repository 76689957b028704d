"""Translated messages of a program: LibreOffice's menus, dialogs and explanations.

The program looks a message up by its English text in catalogues of GNU gettext, one file for each of its parts, which
the standard library reads. A catalogue repeats itself: "Delete rows", "Deletes the row." and "Delete the rows" stand in
three dialogs. So the messages for validation and test are drawn first, and training does without their near-twins.
"""

from __future__ import annotations

import gettext
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..text.neighbours import Neighbours, words_only
from .registry import files

LANGUAGES = ("fr", "pt")  # French, and Portuguese as written in Portugal
SIZES = {"test": 1000, "validation": 500}  # the rest is for training
SHORTEST = 4  # words of a message for validation or test: BLEU counts runs of four words
TWINS = 0.5  # two messages whose similarity is above this are near-twins
_ACCELERATOR = re.compile(r"[~_](?=\w)")  # before the letter that works as a key: "_Edit", "Pri~nt"
# What the program fills in, such as %1, $(ARG1), $name$ or #1, and marks such as <BR> and \n, spelled out.
_PLACEHOLDER = re.compile(r"%\w|%\{|\$\w|\$\(|#\d|</?\w|\\\w|\{\w")
_ONE_FORM = str.maketrans({"’": "'", "…": "...", "“": '"', "”": '"'})  # translators use either


@dataclass(frozen=True)
class Translations:
    """Texts and their translations, row by row."""

    source: list[str]
    target: list[str]


def translations(
    language: str = "fr", split: int = 0, *, longest: int = 30, unchecked: bool = False
) -> dict[str, Translations]:
    """English messages and their translations: 1,000 for "test", 500 for "validation", the others for "train".

    No message of training has a near-twin in validation or test, or a translation that is equal to one there but for
    case and punctuation; nor do two messages of validation and test. A near-twin is a message whose character 4-grams
    have a Jaccard index above 0.5, see :mod:`largemodels.text.neighbours`. This holds within one language: a message
    for the test of one may be in the training of the other.

    Args:
        language: "fr" for French, "pt" for Portuguese.
        split: seed of the division into parts.
        longest: maximum number of words of a message, on either side.
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
        ValueError: if the language is unknown, or ``longest`` leaves too few messages.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, not {language!r}.")
    pairs = messages(files(f"libreoffice-{language}", unchecked=unchecked).values())
    return divided([pair for pair in pairs if max(len(text.split()) for text in pair) <= longest], split)


def messages(catalogues: Iterable[Path]) -> list[tuple[str, str]]:
    """Each English message of some catalogues with its most frequent translation, both :func:`tidy`, sorted.

    Left out: plural forms; messages with a placeholder, or without two lower-case letters in a row, such as "URL:";
    and those whose translation is the message itself, since they are names or were not translated.
    """
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for path in catalogues:
        with path.open("rb") as file:
            entries = vars(gettext.GNUTranslations(file))["_catalog"]  # there is no other way to list them
        for key, text in entries.items():
            if not isinstance(key, str) or not key:  # a plural form, or the header
                continue
            english = tidy(key.rpartition("\x04")[2])  # gettext puts the name of the dialog before it
            translated = tidy(text)
            if english and translated:
                found[english][translated] += 1
    pairs = ((english, counts.most_common(1)[0][0]) for english, counts in found.items())
    return sorted((a, b) for a, b in pairs if a != b and re.search("[a-z]{2}", a))


def tidy(text: str) -> str | None:
    """A message as a reader sees it; None if it has placeholders or signs that are not text.

    Without accelerators and line breaks, in Unicode's composed form (NFC), with one kind of apostrophe, quotation mark
    and space.
    """
    text = unicodedata.normalize("NFC", text).replace("%PRODUCTNAME", "LibreOffice").translate(_ONE_FORM)
    text, n_accelerators = _ACCELERATOR.subn("", text)
    if n_accelerators > 1 or re.search("[~_]", text) or _PLACEHOLDER.search(text):
        return None
    return " ".join(text.split())  # any white space, so that a no-break space before a colon is one, too


def divided(pairs: list[tuple[str, str]], seed: int) -> dict[str, Translations]:
    """Pairs in three parts that share neither near-twins nor translations; see :func:`translations`.

    Raises:
        ValueError: if there are too few pairs.
    """
    by_target = defaultdict(list)
    for row, (_, target) in enumerate(pairs):
        by_target[words_only(target)].append(row)
    index = Neighbours([source for source, _ in pairs])
    free = np.ones(len(pairs), dtype=bool)  # neither drawn nor too close to one that is
    parts: dict[str, list[int]] = {part: [] for part in ("train", "validation", "test")}
    candidates = (
        int(row)
        for row in np.random.default_rng(seed).permutation(len(pairs))
        if len(pairs[row][0].split()) >= SHORTEST
    )
    for part, size in SIZES.items():
        while len(parts[part]) < size:
            row = next((row for row in candidates if free[row]), -1)
            if row < 0:
                raise ValueError(f"The messages are too few for {size} in {part!r} that differ.")
            parts[part].append(row)
            free[index.similarities(pairs[row][0]) > TWINS] = False
            free[by_target[words_only(pairs[row][1])]] = False
    parts["train"] = np.flatnonzero(free).tolist()
    return {
        part: Translations([pairs[row][0] for row in rows], [pairs[row][1] for row in rows])
        for part, rows in parts.items()
    }
