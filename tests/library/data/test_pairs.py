from __future__ import annotations

import ast
from pathlib import Path

import pytest

from largemodels.data import pairs as messages
from largemodels.data.pairs import sphinx_messages
from largemodels.data.registry import DataError


def test_each_message_has_its_translation() -> None:
    texts = sphinx_messages()
    assert len(texts.english) == len(texts.chinese) > 400
    pairs = dict(zip(texts.english, texts.chinese, strict=True))
    assert pairs["%s is not a directory."] == "%s 不是一个目录。"
    assert all(any("\u4e00" <= character <= "\u9fff" for character in text) for text in texts.chinese)
    assert "" not in pairs  # the catalogue's header
    assert texts.english == sorted(texts.english)


def test_the_code_is_python() -> None:
    assert "class Sphinx" in sphinx_messages().code
    ast.parse(sphinx_messages().code)


def test_a_damaged_catalogue_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(name: str, *, unchecked: bool) -> dict[str, Path]:
        raise DataError(f"{name} is damaged")

    monkeypatch.setattr(messages, "files", damaged)
    with pytest.raises(DataError, match="sphinx is damaged"):
        sphinx_messages()
