from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from largemodels.data.faq import _read, _tidy, faq
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    installed("debian-faq", "debian-faq-zh-cn")
    return faq()


def test_rows_and_columns(table: pd.DataFrame) -> None:
    assert len(table) == 143
    assert list(table) == ["key", "chapter", "question", "answer", "question_zh", "answer_zh"]
    assert table.key.is_unique
    assert table.chapter.nunique() == 15
    assert not table.isna().any().any()
    assert (table.drop(columns="key").map(str.strip) != "").all().all()


def test_questions_lose_their_numbers_and_keep_their_translation(table: pd.DataFrame) -> None:
    row = table.set_index("key").loc["bugreport"]
    assert row.question == "How do I report a bug in Debian?"
    assert row.question_zh == "如何报告 Debian 中的缺陷？"
    assert not table.question.str.match(r"\d+\.").any()


def test_each_language_is_where_it_belongs(table: pd.DataFrame) -> None:
    chinese = re.compile("[\u4e00-\u9fff]")
    assert not table.question.str.contains(chinese).any()
    assert table.answer_zh.str.contains(chinese).all()


PAGE = """<html xmlns="http://www.w3.org/1999/xhtml"><div class="section"><div class="titlepage"><h2 class="title">
<a id="one"></a>2.1. How
many?</h2></div><p>First.</p><ul><li><p>A <b>bold</b> point.</p></li></ul><pre>run   it</pre>
<div class="section"><div class="titlepage"><h3 class="title"><a id="two"></a>2.1.1. Why?</h3></div>
<p>Because.</p></div>
<dl><dt><p>A term</p></dt></dl><p>Last.</p></div></html>"""


def test_a_section_leaves_out_its_sections() -> None:
    outer, inner = (one for one in ET.fromstring(PAGE).iter() if one.get("class") == "section")
    assert _read(outer) == ("one", "How many?", "First. A bold point. run it A term Last.")
    assert _read(inner) == ("two", "Why?", "Because.")


def test_line_breaks_between_chinese_characters_are_no_spaces() -> None:
    assert _tidy("下一\n页。 好\n Debian\n系统") == "下一页。好 Debian 系统"
