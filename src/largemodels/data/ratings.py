"""Sentences that many people have rated.

Gathered by Hutto and Gilbert, 2014 (https://doi.org/10.1609/icwsm.v8i1.14550); see the card ``ratings.md``.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import tarfile

import pandas as pd

from .registry import files
from .text import near_duplicates

# Kinds of sentences, by the beginning of their files' names.
KINDS = {
    "film": "movieReviewSnippets",
    "product": "amazonReviewSnippets",
    "news": "nytEditorialSnippets",
    "tweet": "tweets",
}
TEST, VALIDATION = 0.2, 0.1  # fractions of the groups of sentences
SHARED = 8  # consecutive words that two sentences of the same part may have in common


def rated_sentences(*, unchecked: bool = False) -> pd.DataFrame:
    """Sentences of films' reviews, customers' reviews, editorials and short messages, each rated by 15 people or more.

    Sentences of one review or article are in the same part, as far as the data tell (films and tweets have no such
    number), and so are sentences that share eight consecutive words, or all if they are shorter, of whatever kind. The
    part depends on the first sentence's name alone.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        columns ``kind``: "film", "product", "news" or "tweet"; ``name``, the authors' number of the sentence; ``text``;
        ``ratings``, a tuple of whole numbers from -4 (extremely negative) to 4; ``mean``, of these; ``group``, the row
        of the first sentence of its group; and ``part``: "train", "validation" or "test".
    """
    path = files("ratings", unchecked=unchecked)["additional_resources/hutto_ICWSM_2014.tar.gz"]
    rows = []
    with tarfile.open(path) as archive:
        for kind, stem in KINDS.items():
            ratings = {name: its[-1] for name, *its in _lines(archive, f"{stem}_anonDataRatings.txt")}
            for name, _, text in _lines(archive, f"{stem}_GroundTruth.txt"):
                rows.append((kind, name, html.unescape(text).strip(), tuple(json.loads(ratings[name]))))
    table = pd.DataFrame(rows, columns=["kind", "name", "text", "ratings"])
    table["mean"] = [sum(its) / len(its) for its in table.ratings]
    table["group"] = _groups(table)
    table["part"] = [_part(f"{table.kind[first]} {table.name[first]}") for first in table.group]
    return table


def _lines(archive: tarfile.TarFile, name: str) -> list[list[str]]:
    """A file of the archive: three or four fields a line, the last of which may hold anything."""
    file = archive.extractfile(f"hutto_ICWSM_2014/{name}")
    assert file is not None, f"{name} is a folder"
    lines = re.split(r"\r?\n", file.read().decode("utf-8-sig"))
    fields = 3 if "GroundTruth" in name else 4
    return [line.split("\t", fields - 1) for line in lines if line.strip()]


def _groups(table: pd.DataFrame) -> list[int]:
    """For each row the first one of its group: of the same review or article, or with words in common, or both."""
    first = near_duplicates(list(table.text), SHARED)
    by_source: dict[str, int] = {}  # a review or article: a row of it
    leader = list(range(len(table)))

    def root(row: int) -> int:
        while leader[row] != row:
            row = leader[row]
        return row

    def join(row: int, other: int) -> None:
        older, younger = sorted((root(row), root(other)))
        leader[younger] = older

    for row, (kind, name) in enumerate(zip(table.kind, table.name, strict=True)):
        join(row, first[row])
        if "_" in name:
            join(row, by_source.setdefault(f"{kind} {name.split('_')[0]}", row))
    return [root(row) for row in range(len(table))]


def _part(name: str) -> str:
    """The part of a group, drawn by the hash of its first sentence's name."""
    drawn = int.from_bytes(hashlib.sha256(f"rating of {name}".encode()).digest()[:8]) / 2**64  # in [0, 1)
    if drawn < TEST:
        return "test"
    return "validation" if drawn < TEST + VALIDATION else "train"
