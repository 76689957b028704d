"""Articles with topics: no part shares words with another, and what has no topic is for training only."""

from __future__ import annotations

import re

from largemodels.data.text import wikipedia_articles
from largemodels.data.topics import topic_articles


def runs(text: str, n: int = 13) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + n]) for i in range(len(words) - n + 1)}


def test_the_parts_hold_all_articles_and_share_no_run_of_words() -> None:
    articles, before = topic_articles(), wikipedia_articles()
    assert articles.title.tolist() == before.title.tolist()
    assert (articles.text == before.title + ". " + before.text).all()
    sizes = articles.part.value_counts()
    assert 0.16 < sizes["test"] / len(articles) < 0.2  # a fifth of those with a topic
    assert 0.05 < sizes["validation"] / len(articles) < 0.07
    found = {
        part: set().union(*map(runs, before.text[articles.part == part]))
        for part in ("train", "validation", "test")
    }
    assert len(found["test"]) > 50_000
    assert not found["test"] & (found["train"] | found["validation"])
    assert not found["validation"] & found["train"]


def test_what_has_no_topic_is_in_training_only() -> None:
    articles, before = topic_articles(), wikipedia_articles()
    none = articles.topic == ""
    assert none.sum() == (before.topic == "Uncategorized").sum() == 1_000
    assert set(articles.part[none]) == {"train"}
    assert articles.topic[~none].nunique() == 11
    smallest = articles[~none].groupby(["topic", "part"]).size().min()
    assert smallest >= 10  # so that each topic can be tested


def test_the_division_is_not_that_of_the_texts() -> None:
    articles, before = topic_articles(), wikipedia_articles()
    test = articles.part == "test"
    assert 0.8 < (before.part[test] == "train").mean() < 0.95  # as of all articles
