"""News to classify: posts of 20 Newsgroups and the Reuters articles R8, in their official parts.

The texts are those that Ana Cardoso-Cachopo prepared (2007, "all-terms"): letters only, in lower case, the subject
first. See the card ``news.md``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from .registry import DataError, files

COLLECTIONS = {"20newsgroups": "20newsgroups", "r8": "reuters-r8"}  # by the name of their files
_HEAD = [
    "Category\tText",
    "d\tstring",
    "class\t",
]  # names, kinds and roles of the columns, as Orange writes them


def news(collection: str = "20newsgroups", *, unchecked: bool = False) -> pd.DataFrame:
    """Texts, their topics, and in which part they are.

    Args:
        collection: "20newsgroups", posts of 20 discussion groups, the test part later than the training part; or "r8",
            Reuters articles of 1987 with one of 8 topics, very unevenly.
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        columns ``text`` (lower case, letters and single spaces only), ``topic`` and ``part``, "train" or "test", in the
        order of the files.

    Raises:
        ValueError: if there is no such collection.
        DataError: if the package is missing or damaged.
    """
    if collection not in COLLECTIONS:
        raise ValueError(f"There is no collection {collection!r}. There are: {', '.join(COLLECTIONS)}.")
    found = files("news", unchecked=unchecked)
    parts = [
        read_tab(found[f"{COLLECTIONS[collection]}-{part}.tab"]).assign(part=part)
        for part in ("train", "test")
    ]
    return pd.concat(parts, ignore_index=True)


def read_tab(path: Path) -> pd.DataFrame:
    """A table of Orange with a topic and a text a line; lines without a topic are left out.

    Raises:
        DataError: if it is something else.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[:3] != _HEAD:
        raise DataError(f"{path.name} does not begin like a table of topics and texts.")
    rows = [line.split("\t") for line in lines[3:] if line.strip()]
    if wrong := [number for number, row in enumerate(rows, start=4) if len(row) != 2]:
        raise DataError(f"{path.name}: text {wrong[0] - 3} has not just a topic and a text.")
    rows = [[" ".join(text.split()), topic] for topic, text in rows]
    return pd.DataFrame(rows, columns=["text", "topic"])
