"""Rated sentences: their numbers, their parts, and that no two parts share a source or a run of words."""

from __future__ import annotations

import re

import pytest

from largemodels.data.ratings import SHARED, rated_sentences
from largemodels.data.vader import vader
from tests.library.data.installed import installed


@pytest.fixture(scope="module", autouse=True)
def fetched() -> None:
    """The sentences come in a source archive."""
    installed("ratings")


def runs(text: str) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + SHARED]) for i in range(max(1, len(words) - SHARED + 1))}


def test_all_sentences_are_there_with_ratings_on_the_scale() -> None:
    table = rated_sentences()
    counts = {"film": 10_605, "product": 3_708, "news": 5_190, "tweet": 4_200}
    assert table.kind.value_counts().to_dict() == counts
    assert table.ratings.map(len).min() == 15
    assert all(min(it) >= -4 and max(it) <= 4 for it in table.ratings)
    assert not table.duplicated(["kind", "name"]).any()
    assert "& the love was so strong" in table.text[(table.kind == "tweet") & (table.name == "3")].iloc[0]
    first = table.iloc[0]
    assert first.ratings == (3, 2, 2, 2, 0, 4, 3, 1, 2, 2, 4, 3, 3, 1, 2)
    assert abs(first["mean"] - 34 / 15) < 1e-12
    second_tweet = table[(table.kind == "tweet") & (table.name == "2")].iloc[0]
    assert abs(second_tweet["mean"] - 2.262626263) < 1e-8  # the published mean beside it is another


def test_parts_share_no_source_and_no_run_of_words() -> None:
    table = rated_sentences()
    shares = table.part.value_counts() / len(table)
    assert 0.17 < shares["test"] < 0.23
    assert 0.07 < shares["validation"] < 0.13
    assert table.groupby("group").part.nunique().max() == 1
    assert table.group.nunique() == 15_390  # a number of product and the same of news are two sources
    numbered = table[table.kind.isin(["product", "news"])]
    source = numbered.kind + numbered.name.str.split("_").str[0]
    assert numbered.part.groupby(source).nunique().max() == 1
    found = {part: set().union(*map(runs, its.text)) for part, its in table.groupby("part")}
    assert not found["test"] & (found["train"] | found["validation"])
    assert not found["train"] & found["validation"]


def test_the_lexicon_is_read_and_not_run() -> None:
    lexicon = vader()
    assert len(lexicon.words) == 7_506
    assert lexicon.words["good"] == 1.9
    assert {"not", "isn't", "never"} <= lexicon.negations
    assert lexicon.degrees["very"] == 0.293 == -lexicon.degrees["hardly"]
    assert lexicon.phrases["bus stop"] == 0.0
