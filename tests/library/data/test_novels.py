from __future__ import annotations

from largemodels.data.novels import austen, paragraphs
from tests.library.data.installed import installed


def test_six_novels_in_three_parts() -> None:
    installed("austen")
    corpus = austen()
    assert list(corpus.validation) == ["Northanger Abbey"] and list(corpus.test) == ["Persuasion"]
    assert len(corpus.train) == 4
    text = corpus.text("train")
    assert 3_100_000 < len(text) < 3_150_000
    assert "a single man in possession of a good fortune, must be in want of a wife" in text  # over two lines


def test_lines_become_paragraphs() -> None:
    assert paragraphs(["", "One", " two.", "", "  ", "Three.", ""]) == "One two.\n\nThree.\n"
    assert paragraphs([]) == "\n"
