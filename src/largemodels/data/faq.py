"""Questions and answers of a real help desk's kind, in English and in Chinese: the FAQ of the Debian project."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from .registry import files

_X = "{http://www.w3.org/1999/xhtml}"
_NUMBER = re.compile(r"^[\d.]+\s+")  # of a section, before its title
_BLOCKS = {f"{_X}{name}" for name in ("p", "pre", "dt")}
_ABOUT_ITSELF = ("faqinfo",)  # files that are about the FAQ, not about Debian
# Between Chinese characters or punctuation a line break is no space.
_CHINESE = "\u3000-\u303f\u4e00-\u9fff\uff00-\uffef"
_BREAK = re.compile(rf"(?<=[{_CHINESE}]) (?=[{_CHINESE}])")


def faq(*, unchecked: bool = False) -> pd.DataFrame:
    """The sections of the FAQ that exist in both languages, one row each, in the order of the document.

    Most titles are questions; some are topics, such as "aptitude". Sections without text of their own (which only hold
    others) and the chapter about the FAQ itself are left out.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        columns ``key`` (the section's anchor), ``chapter`` (the file's name), ``question`` and ``answer`` (English) and
        ``question_zh`` and ``answer_zh`` (simplified Chinese).

    Raises:
        DataError: if a package is missing or damaged.
    """
    tables = [_table(files(name, unchecked=unchecked)) for name in ("debian-faq", "debian-faq-zh-cn")]
    english, chinese = tables
    return english.merge(
        chinese.drop(columns="chapter"), on="key", suffixes=("", "_zh"), validate="one_to_one"
    )


def _table(paths: dict[str, Path]) -> pd.DataFrame:
    """The sections of one language."""
    rows = []
    for name, path in paths.items():
        chapter = name.partition(".")[0].rpartition("/")[2]
        if chapter in _ABOUT_ITSELF:
            continue
        for section in ET.parse(path).getroot().iter(f"{_X}div"):
            if section.get("class") == "section":
                key, title, text = _read(section)
                if text:
                    rows.append({"key": key, "chapter": chapter, "question": title, "answer": text})
    return pd.DataFrame(rows)


def _read(section: ET.Element) -> tuple[str, str, str]:
    """Anchor, title without its number, and text without the sections inside it."""
    page, *rest = section
    heading = next(one for one in page.iter() if one.get("class") == "title")
    (anchor,) = heading.iter(f"{_X}a")
    title = _NUMBER.sub("", _tidy("".join(heading.itertext())))
    body = (part for element in rest if element.get("class") != "section" for part in _texts(element))
    return str(anchor.get("id")), title, _tidy(" ".join(body))


def _texts(element: ET.Element) -> Iterator[str]:
    """The texts of an element's paragraphs, so that two of them do not run together."""
    for block in list(_outermost(element)) or [element]:
        yield "".join(block.itertext())


def _outermost(element: ET.Element) -> Iterator[ET.Element]:
    """The blocks of text in an element that are in no other block."""
    if element.tag in _BLOCKS:
        yield element
    else:
        for child in element:
            yield from _outermost(child)


def _tidy(text: str) -> str:
    return _BREAK.sub("", " ".join(text.split()))
