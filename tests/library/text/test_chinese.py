from __future__ import annotations

import pytest

from largemodels.text.chinese import cutter


def test_cut_by_hand() -> None:
    assert cutter((1,))("怎么用 APT-get？升级") == ["怎", "么", "用", "升", "级", "apt-get"]
    assert cutter((2,))("怎么用apt升级") == ["怎么", "么用", "升级", "apt"]
    assert cutter((1, 3), latin=False)("软件包 x") == ["软", "件", "包", "软件包"]


def test_nothing_to_cut() -> None:
    assert cutter((2,))("好 ！") == []
    assert cutter((1, 2))("") == []
    assert cutter(())("中文 vim 9.0") == ["vim", "9.0"]


def test_lengths_are_positive() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        cutter((1, 0))
