"""News with topics: official parts, nothing but letters, and tables that are not what they should be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from largemodels.data.news import news, read_tab
from largemodels.data.registry import DataError

HEAD = "Category\tText\nd\tstring\nclass\t\n"


@pytest.mark.parametrize(
    ("collection", "n_topics", "sizes", "smallest"),
    [
        ("20newsgroups", 20, {"train": 11_293, "test": 7_528}, 251),
        ("r8", 8, {"train": 5_485, "test": 2_189}, 10),
    ],
)
def test_the_parts_are_the_official_ones(
    collection: str, n_topics: int, sizes: dict[str, int], smallest: int
) -> None:
    table = news(collection)
    assert table.columns.tolist() == ["text", "topic", "part"]
    assert table.part.value_counts().to_dict() == sizes
    assert table.topic.nunique() == n_topics
    assert table.groupby(["topic", "part"]).size().min() == smallest
    assert table.index.tolist() == list(range(len(table)))


def test_texts_hold_lower_case_letters_and_single_spaces() -> None:
    for collection in ("20newsgroups", "r8"):
        assert all(re.fullmatch(r"[a-z]+( [a-z]+)*", text) for text in news(collection).text)


def test_an_unknown_collection_is_refused() -> None:
    with pytest.raises(ValueError, match="There are: 20newsgroups, r8"):
        news("r52")


def test_odd_tables(tmp_path: Path) -> None:
    path = tmp_path / "some.tab"
    path.write_text(HEAD + "\na\t one  two \n\nb\tthree\n", encoding="utf-8")
    assert read_tab(path).to_numpy().tolist() == [["one two", "a"], ["three", "b"]]
    path.write_text(HEAD, encoding="utf-8")
    assert len(read_tab(path)) == 0
    path.write_text(HEAD + "a\tone\nb\ttwo\tthree\n", encoding="utf-8")
    with pytest.raises(DataError, match="text 2 has not just"):
        read_tab(path)
    path.write_text("Text\tCategory\n", encoding="utf-8")
    with pytest.raises(DataError, match="does not begin like"):
        read_tab(path)
