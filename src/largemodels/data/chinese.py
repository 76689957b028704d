"""English with its translation into simplified Chinese: messages of a program.

The messages are those of :mod:`.catalogues`, from the catalogues that LibreOffice's translators in China wrote.
"""

from __future__ import annotations

from .catalogues import Translations, divided, messages
from .registry import files


def chinese_messages(split: int = 0, *, unchecked: bool = False) -> dict[str, Translations]:
    """Messages of LibreOffice in English and Chinese: "train", "validation" (500) and "test" (1,000).

    Drawn and cleaned as those of :func:`.catalogues.translations`.

    Args:
        split: seed of the division into parts.
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    return divided(messages(files("libreoffice-zh-cn", unchecked=unchecked).values()), split)
