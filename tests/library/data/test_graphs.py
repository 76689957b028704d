from __future__ import annotations

import torch

from largemodels.data.graphs import linked_articles, named, words


def test_words() -> None:
    assert words("Émile Zola's 2nd novel—J'Accuse_…!") == [
        "émile",
        "zola",
        "s",
        "2nd",
        "novel",
        "j",
        "accuse",
    ]


def test_the_longest_title_counts() -> None:
    titles = [("war",), ("world", "war", "ii"), ("ii",), ("peace",)]
    texts = [
        words(text) for text in ("Peace", "After World War II came peace", "a war, World War I", "ii II")
    ]
    edges = named(texts, titles)
    assert edges.T.tolist() == [[0, 3], [1, 3], [2, 0], [3, 2]]


def test_titles_that_are_shared_empty_or_its_own_make_no_edge() -> None:
    titles = [("time",), ("time",), (), ("art",)]
    edges = named([["time"], ["art"], ["time", "art"], ["art"]], titles)
    assert edges.T.tolist() == [[1, 3], [2, 3]]
    nothing = named([["a"], ["b"]], [("c",), ()])
    assert nothing.shape == (2, 0) and nothing.dtype == torch.long


def test_articles_name_others() -> None:
    articles, edges = linked_articles()
    assert len(articles) == 9033 and "Uncategorized" not in set(articles.topic)
    assert edges.shape == (2, 30_566)
    assert edges.unique(dim=1).shape == edges.shape and (edges[0] != edges[1]).all()
    row = {title: i for i, title in enumerate(articles.title)}
    named_there = set(edges[1, edges[0] == row["Mount Everest"]].tolist())
    assert {row["Nepal"], row["Border"]} <= named_there
    # Directed: Nepal need not name all that name it.
    assert row["Edmund Hillary"] in edges[0, edges[1] == row["Mount Everest"]]
    assert row["Edmund Hillary"] not in named_there
    brackets = [i for title, i in row.items() if "(" in title]
    assert not torch.isin(edges[1], torch.tensor(brackets)).any()
