"""Questions and remarks with answers to them, which people have written for the program ChatterBot.

The conversations are short, most of them a question and an answer, and many are repeated. Each pair is kept once.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pandas as pd

from .registry import files
from .text import near_duplicates

VALIDATION, TEST = 0.1, 0.2  # shares of the groups of questions that resemble each other
# In these files the first turn is a question and each later one another answer to it.
ALTERNATIVES = {"computers", "emotion", "psychology"}
N_WORDS = 5  # consecutive ones that two questions of different parts do not share
LEFT_OUT = {"coding"}  # its answers are programs, most of them longer than all others


def dialogues(*, unchecked: bool = False) -> pd.DataFrame:
    """Pairs of a question, or a remark, and an answer, in English.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        columns ``topic`` (name of the file), ``question``, ``answer`` and ``part``: "train", "validation" or "test".
        Questions that are the same but for case and punctuation, or have five consecutive words in common, are in the
        same part, and so are different answers to a question. An answer may occur in several parts.
    """
    import yaml  # which transformers brings

    rows: list[tuple[str, str, str]] = []
    for name, path in sorted(files("dialogues", unchecked=unchecked).items()):
        topic = name.removesuffix(".yml")
        if topic in LEFT_OUT:
            continue
        for conversation in yaml.safe_load(path.read_text(encoding="utf-8"))["conversations"]:
            rows += [(topic, *pair) for pair in pairs(conversation, topic in ALTERNATIVES)]
    table = pd.DataFrame(rows, columns=["topic", "question", "answer"])
    same = table[["question", "answer"]].map(words)
    table = table[~same.duplicated() & (same != "").all(axis=1)].reset_index(drop=True)
    groups = near_duplicates(list(table.question), N_WORDS)
    table["part"] = [_part(words(table.question[first])) for first in groups]
    return table


def pairs(conversation: Any, alternatives: bool) -> list[tuple[str, str]]:
    """Each turn with the one that answers it.

    Args:
        conversation: turns; what is no list of at least two of them is left out.
        alternatives: whether all turns answer the first one, or each the one before it.
    """
    if not isinstance(conversation, list):  # a slip of the source: one text instead of two
        return []
    turns = [" ".join(str(turn).split()) for turn in conversation]
    return [(turns[0] if alternatives else turns[i], turns[i + 1]) for i in range(len(turns) - 1)]


def words(text: str) -> str:
    """A text without case and punctuation."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _part(question: str) -> str:
    """Drawn by the hash of the question, so that it does not change when others come or go."""
    drawn = int.from_bytes(hashlib.sha256(f"dialogue {question}".encode()).digest()[:8]) / 2**64  # in [0, 1)
    if drawn < TEST:
        return "test"
    return "validation" if drawn < TEST + VALIDATION else "train"
