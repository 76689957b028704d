from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from largemodels.data.batches import batches
from largemodels.data.registry import DataError
from largemodels.data.text import (
    TEST,
    VALIDATION,
    _part,
    near_duplicates,
    shakespeare,
    text_files,
    wikipedia,
    wikipedia_articles,
)


def test_the_parts_share_no_document() -> None:
    corpus = shakespeare()
    assert len(corpus.train) == 38
    assert tuple(corpus.validation) == VALIDATION
    assert tuple(corpus.test) == TEST
    assert not corpus.train.keys() & (corpus.validation.keys() | corpus.test.keys())
    assert "Is this a dagger which I see before me" in corpus.text("test")
    assert "dagger which I see before me" not in corpus.text("train")
    assert 4_500_000 < len(corpus.text("train")) < 4_700_000


def test_no_speaker_of_a_held_out_play_speaks_in_training() -> None:
    """The reason for the choice of plays: a shared person would be a leak."""
    corpus = shakespeare()
    assert "MALVOLIO" not in corpus.text("train").upper()
    assert "MACBETH" not in corpus.text("train").upper()


def test_batches_depend_on_seed_and_number_alone() -> None:
    tokens = torch.arange(100)
    three = list(itertools.islice(batches(tokens, 4, 9, seed=5), 3))
    (third,) = itertools.islice(batches(tokens, 4, 9, seed=5, start=2), 1)
    assert torch.equal(third[0], three[2][0])
    assert not torch.equal(three[0][0], three[1][0])
    (other,) = itertools.islice(batches(tokens, 4, 9, seed=6), 1)
    assert not torch.equal(other[0], three[0][0])


def test_targets_are_the_next_tokens_and_all_are_drawn() -> None:
    tokens = torch.arange(13)
    some = list(itertools.islice(batches(tokens, 5, 11, seed=0), 20))
    for inputs, targets in some:
        assert inputs.shape == targets.shape == (5, 11)
        assert torch.equal(targets, inputs + 1)
    assert {int(inputs[i, 0]) for inputs, _ in some for i in range(5)} == {0, 1}
    assert max(int(targets.max()) for _, targets in some) == 12


def test_too_few_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        next(batches(torch.arange(9), 2, 9, seed=0))


def test_batches_of_a_token_file_are_those_of_a_tensor() -> None:
    tokens = torch.randint(50_000, (101,))
    for kind in (np.uint16, np.uint32):
        in_file = batches(tokens.numpy().astype(kind), 3, 7, seed=5, start=11)
        for (inputs, targets), (ours, our_targets) in itertools.islice(
            zip(batches(tokens, 3, 7, seed=5, start=11), in_file, strict=False), 3
        ):
            assert ours.dtype == our_targets.dtype == torch.int64
            assert torch.equal(ours, inputs)
            assert torch.equal(our_targets, targets)


@pytest.mark.parametrize(("language", "n_articles"), [("en", 10_033), ("fr", 9_951), ("es", 6_226)])
def test_the_parts_of_wikipedia_share_no_article(language: str, n_articles: int) -> None:
    articles = wikipedia_articles(language)
    corpus = wikipedia(language)
    parts = [corpus.train, corpus.validation, corpus.test]
    assert len(articles) == sum(map(len, parts)) == n_articles
    assert articles.text.is_unique
    assert articles.title.is_unique
    assert len({title for part in parts for title in part}) == n_articles
    assert all(0.04 * n_articles < len(part) < 0.06 * n_articles for part in parts[1:])
    assert not any("\n" in text or "  " in text for text in articles.text)


def test_no_13_words_of_a_held_out_article_stand_in_training() -> None:
    def runs(part: str) -> set[tuple[str, ...]]:
        words = [re.findall(r"\w+", text.lower()) for text in getattr(wikipedia(), part).values()]
        return {tuple(some[i : i + 13]) for some in words for i in range(len(some) - 12)}

    train, validation, test = runs("train"), runs("validation"), runs("test")
    assert len(validation) > 20_000
    assert not train & validation
    assert not train & test
    assert not validation & test


def test_an_article_is_its_title_and_its_text() -> None:
    text = wikipedia().test["Acrobatics"]
    assert text.startswith("Acrobatics\nAcrobatics is the performance of human feats of balance")
    articles = wikipedia_articles()
    assert list(articles.columns) == ["title", "description", "topic", "text", "part"]
    assert articles.topic.nunique() == 12
    assert (articles[articles.title == "Acrobatics"].part == "test").all()


def test_an_article_stays_in_its_part_when_others_come_and_go() -> None:
    assert _part("Acrobatics") == "test"
    assert [_part(name) for name in ("Beowulf", "Tomato", "Yale University")] == ["train"] * 3


def test_near_duplicates_by_hand() -> None:
    texts = ["One, two three!", "zero one two", "three four", "TWO THREE four", "two", "three four"]
    # "one two" joins the first two, "two three" the fourth to the first, "three four" the rest to the fourth.
    assert near_duplicates(texts, n_words=2) == [0, 0, 0, 0, 4, 0]
    assert near_duplicates(texts, n_words=3) == [0, 1, 2, 3, 4, 2]
    assert near_duplicates([]) == []
    assert near_duplicates(["", "…", "a"]) == [0, 0, 2]  # without a word


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no language 'de'\. There are: en, fr, es"):
        wikipedia("de")


def test_a_file_of_ones_own_is_cut_at_ends_of_lines(tmp_path: Path) -> None:
    lines = [f"{n}: naïve 🙂\n" for n in range(1000)]
    (tmp_path / "mine.txt").write_text("".join(lines), encoding="utf-8")
    corpus = text_files(tmp_path / "mine.txt")
    parts = [corpus.train, corpus.validation, corpus.test]
    assert all(list(part) == ["mine.txt"] for part in parts)
    assert "".join(part["mine.txt"] for part in parts) == "".join(lines)
    assert all(part["mine.txt"].endswith("\n") for part in parts)
    assert [round(part["mine.txt"].count("\n") / 1000, 2) for part in parts] == [0.9, 0.05, 0.05]
    assert text_files(tmp_path) == corpus  # a folder with too few files is cut in the same way


@pytest.mark.parametrize(("n_files", "held_out"), [(3, 1), (20, 1), (21, 2), (50, 3)])
def test_a_folder_of_ones_own_is_split_by_file(n_files: int, held_out: int, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for n in range(n_files):
        (tmp_path / ("inner" if n % 2 else ".") / f"{n}.txt").write_text(f"Document {n}.")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "other.md").write_text("no document")
    corpus = text_files(tmp_path)
    assert [len(part) for part in (corpus.train, corpus.validation, corpus.test)] == [
        n_files - 2 * held_out,
        held_out,
        held_out,
    ]
    everything = corpus.train | corpus.validation | corpus.test
    assert sorted(everything.values()) == sorted(f"Document {n}." for n in range(n_files))
    assert text_files(tmp_path) == corpus


def test_texts_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"contains no text in files \*\.txt"):
        text_files(tmp_path)
    with pytest.raises(DataError, match=r"There is no file or folder .*b\.txt\."):
        text_files(tmp_path / "b.txt")
    (tmp_path / "a.txt").write_text("one line only")
    said = "too short, or .* 13 characters in 1 lines, the longest of 13. It needs at least 20 lines, none of them"
    with pytest.raises(DataError, match=said):
        text_files(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_text("  \n")
    with pytest.raises(DataError, match=r"a\.txt contains no text"):
        text_files(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"ab\xff")
    with pytest.raises(DataError, match=r"a\.txt is not UTF-8 text: byte 2"):
        text_files(tmp_path)
