"""Graphs: articles that name one another.

The articles are those of :mod:`largemodels.data.text`; an edge leads from each one to those whose titles its text
contains.
"""

from __future__ import annotations

import re
from collections import Counter

import pandas as pd
import torch
from torch import Tensor

from .text import wikipedia_articles


def words(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters and digits."""
    return re.findall(r"[^\W_]+", text.lower())


def linked_articles(*, unchecked: bool = False) -> tuple[pd.DataFrame, Tensor]:
    """English Wikipedia articles that have a topic, and which of them names which.

    An article names another if its text contains the other's title word for word, in upper or lower case. Where titles
    overlap, as "World War II" and "War" do, the longest one from the left counts. A title with something in brackets,
    such as "Time (magazine)", or made of digits, such as "1", is never found: such words mostly mean something else.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        the table of :func:`largemodels.data.text.wikipedia_articles` without the uncategorised articles, and the edges
        ``(2, n_edges)`` as rows of it: the article that names, and the one that is named. None occurs twice.
    """
    articles = wikipedia_articles(unchecked=unchecked)
    articles = articles[articles.topic != "Uncategorized"].reset_index(drop=True)
    titles = [() if re.search(r"\(|^\d+$", title) else tuple(words(title)) for title in articles.title]
    return articles, named([words(text) for text in articles.text], titles)


def named(texts: list[list[str]], titles: list[tuple[str, ...]]) -> Tensor:
    """Which text contains which title, see :func:`linked_articles`.

    Args:
        texts: words of each text.
        titles: words of the title of each text; none: it is not looked for, nor is a title that two texts have.

    Returns:
        ``(2, n_edges)``.
    """
    shared = Counter(titles)
    row_of = {title: row for row, title in enumerate(titles) if title and shared[title] == 1}
    longest: dict[str, int] = {}  # first word: length of the longest title that begins with it
    for title in row_of:
        longest[title[0]] = max(len(title), longest.get(title[0], 0))
    edges: list[tuple[int, int]] = []
    for row, text in enumerate(texts):
        found: set[int] = set()
        place = 0
        while place < len(text):
            for length in range(longest.get(text[place], 0), 0, -1):
                other = row_of.get(tuple(text[place : place + length]))
                if other is not None:
                    found.add(other)
                    place += length - 1
                    break
            place += 1
        edges += [(row, other) for other in sorted(found - {row})]
    return torch.tensor(edges, dtype=torch.long).view(-1, 2).T.contiguous()
