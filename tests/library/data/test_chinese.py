from __future__ import annotations

import re

import pytest

from largemodels.data.catalogues import Translations
from largemodels.data.chinese import chinese_messages
from largemodels.text.neighbours import Neighbours
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def parts() -> dict[str, Translations]:
    installed("libreoffice-zh-cn")
    return chinese_messages()


def test_sizes(parts: dict[str, Translations]) -> None:
    sizes = {name: (len(it.source), len(it.target)) for name, it in parts.items()}
    assert sizes == {"train": (13_807,) * 2, "validation": (500,) * 2, "test": (1_000,) * 2}


def test_most_translations_are_chinese(parts: dict[str, Translations]) -> None:
    written = [bool(re.search("[\u4e00-\u9fff]", text)) for text in parts["test"].target]
    assert sum(written) > 990
    assert not any(re.search("[\u4e00-\u9fff]", text) for text in parts["test"].source)


def test_parts_share_no_near_twins_and_no_translation(parts: dict[str, Translations]) -> None:
    held = parts["validation"].source + parts["test"].source
    assert len(set(held)) == len(held)
    index = Neighbours(parts["train"].source)
    assert max(index.similarities(text).max() for text in held[::7]) <= 0.5
    assert not set(parts["test"].target) & set(parts["train"].target)


def test_another_split_is_another_test(parts: dict[str, Translations]) -> None:
    assert len(set(parts["test"].source) & set(chinese_messages(1)["test"].source)) < 400
