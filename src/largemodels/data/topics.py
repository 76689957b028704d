"""Articles of Wikipedia and their topics, to learn from texts first and to classify them afterwards.

Of the articles of :mod:`.text` a fifth is for the test, four times as many as there, since the share of right answers
needs many. What is without a topic is in training only: a model may read it before it learns topics.
"""

from __future__ import annotations

import hashlib

import pandas as pd

from .text import near_duplicates, wikipedia_articles

TEST, VALIDATION = 0.2, 0.07  # fractions of the groups of articles
NO_TOPIC = "Uncategorized"  # as the source writes it


def topic_articles(*, unchecked: bool = False) -> pd.DataFrame:
    """English articles, their topics, and in which part they are.

    The part depends on the title alone, except that articles with 13 consecutive words in common are in the same part,
    and that articles without a topic, and all that share words with one, are in "train".

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        columns ``title``, ``text`` (which begins with the title), ``topic`` (one of 11, or the empty string) and
        ``part``: "train", "validation" or "test".
    """
    articles = wikipedia_articles(unchecked=unchecked)
    group = near_duplicates(list(articles.text))
    without = {first for first, topic in zip(group, articles.topic, strict=True) if topic == NO_TOPIC}
    return pd.DataFrame(
        {
            "title": articles.title,
            "text": articles.title + ". " + articles.text,
            "topic": articles.topic.replace(NO_TOPIC, ""),
            "part": ["train" if first in without else _part(articles.title[first]) for first in group],
        }
    )


def _part(title: str) -> str:
    """Drawn by another hash than that of :mod:`.text`, so that the two divisions have nothing to do with each other."""
    drawn = int.from_bytes(hashlib.sha256(f"topic of {title}".encode()).digest()[:8]) / 2**64  # in [0, 1)
    if drawn < TEST:
        return "test"
    return "validation" if drawn < TEST + VALIDATION else "train"
