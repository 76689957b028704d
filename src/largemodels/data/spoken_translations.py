"""Spoken English with its French translation: the prompts of :mod:`.speech`, and written pairs unlike those tested.

Two prompts with the same key are the same message. The English groups of near-twins decide which part of the split a
message belongs to. The written pairs are LibreOffice's messages (:mod:`.catalogues`).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ..text.neighbours import Neighbours, words_only
from ..text.spoken import spoken
from .catalogues import TWINS, messages
from .registry import files
from .speech import prompts, split

_LONGEST_MESSAGE = 30  # words of a message, on either side


@dataclass(frozen=True)
class SpokenPair:
    """One message: its English recording and words, its French text and recording."""

    key: str
    english: str  # as said: lower case, no punctuation, digits as words
    french: str  # in the form of :func:`french_words`
    group: str  # messages of one group say nearly the same in English
    sound: Tensor = field(repr=False)  # English, float32 (samples,), 8,000 a second
    french_sound: Tensor = field(repr=False)  # French, likewise


def french_words(text: str) -> str:
    """A French text in lower case and without punctuation; digits stay, an apostrophe stays with the word before it."""
    text = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    text = text.replace("#", " dièse ").replace("*", " étoile ")
    text = re.sub(r"[^\w\s']|_", " ", text)
    return " ".join(word for word in (it.strip() for it in text.split()) if word.strip("'"))


def spoken_pairs(longest: float = 15, *, unchecked: bool = False) -> dict[str, list[SpokenPair]]:
    """The messages that are in both languages: "train", "validation" and "test", each sorted by key.

    Args:
        longest: seconds of an English recording. With the default the parts are those of the chapter "Speech
            recognition", without the messages that have no French.
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if a package is missing or damaged.
    """
    return {part: list(its) for part, its in _pairs(longest, unchecked).items()}


@functools.cache
def _pairs(longest: float, unchecked: bool) -> dict[str, tuple[SpokenPair, ...]]:
    french = {it.key: it for it in prompts("fr", unchecked=unchecked)}
    parts = split([it for it in prompts("en", unchecked=unchecked) if it.seconds <= longest])
    return {
        part: tuple(
            SpokenPair(
                it.key,
                it.words,
                french_words(french[it.key].text),
                it.group,
                it.sound,
                french[it.key].sound,
            )
            for it in its
            if it.key in french
        )
        for part, its in parts.items()
    }


def written_pairs(unlike: Sequence[SpokenPair], *, unchecked: bool = False) -> list[tuple[str, str]]:
    """LibreOffice's messages, English and French, in the same forms as the prompts.

    Left out are near-twins of some prompts in English (character 4-grams with a Jaccard index above 0.5), and messages
    whose French is that of one of them.

    Args:
        unlike: prompts that are kept for validation and test.
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    raw = messages(files("libreoffice-fr", unchecked=unchecked).values())
    pairs = dict.fromkeys((spoken(a), french_words(b)) for a, b in raw)
    its = [
        pair for pair in pairs if all(pair) and max(len(text.split()) for text in pair) <= _LONGEST_MESSAGE
    ]
    index, left_out = Neighbours([source for source, _ in its]), set[int]()
    for prompt in unlike:
        left_out |= set((index.similarities(prompt.english) > TWINS).nonzero()[0].tolist())
    known = {words_only(it.french) for it in unlike}
    return [pair for row, pair in enumerate(its) if row not in left_out and words_only(pair[1]) not in known]
