"""Short parallel texts in English and Chinese, and source code, which come with the program Sphinx.

Sphinx ships its messages as GNU gettext catalogues, which the standard library reads, beside its own code.
"""

from __future__ import annotations

import gettext
import re
from dataclasses import dataclass

from .registry import files

CATALOGUE, CODE = "locale/zh_CN/LC_MESSAGES/sphinx.mo", "application.py"
_HAN = re.compile("[\u4e00-\u9fff]")  # the Unicode block of the characters used in modern Chinese


@dataclass(frozen=True)
class Messages:
    """Messages of a program in two languages, and one of its source files."""

    english: list[str]
    chinese: list[str]  # the translation of each English message, in the same order
    code: str  # Python source


def sphinx_messages(*, unchecked: bool = False) -> Messages:
    """Messages of Sphinx with their Chinese translations, and the source file ``application.py``.

    Messages with plural forms, or whose translation has no Chinese character, are left out.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.
    """
    paths = files("sphinx", unchecked=unchecked)
    with paths[CATALOGUE].open("rb") as file:
        entries = vars(gettext.GNUTranslations(file))["_catalog"]  # there is no other way to list them
    pairs = sorted((key, text) for key, text in entries.items() if isinstance(key, str) and _HAN.search(text))
    english, chinese = zip(*((key, text) for key, text in pairs if key), strict=True)
    return Messages(list(english), list(chinese), paths[CODE].read_text(encoding="utf-8"))
