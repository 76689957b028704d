"""Chinese text cut for a search without a dictionary: single characters or runs of them, and words in Latin letters.

Chinese is written without spaces. A search can look words up in a dictionary, or count overlapping runs of characters,
which did about as well in experiments that Nie and Ren, 1999, review (https://doi.org/10.1016/S0306-4573(98)00051-X).
"""

from __future__ import annotations

import re
from collections.abc import Callable

_RUN, _LATIN = re.compile("[\u4e00-\u9fff]+"), re.compile(r"[a-z0-9][a-z0-9.+-]*")


def cutter(lengths: tuple[int, ...], latin: bool = True) -> Callable[[str], list[str]]:
    """A function that cuts texts: the ``cut`` of :class:`.retrieval.BM25`.

    Args:
        lengths: of the runs of Chinese characters; a run does not cross anything that is not one.
        latin: whether words in Latin letters and numbers are kept, in lower case.

    Raises:
        ValueError: if a length is below 1.
    """
    if any(length < 1 for length in lengths):
        raise ValueError(f"lengths must be at least 1, not {lengths}.")

    def cut(text: str) -> list[str]:
        runs = _RUN.findall(text)
        its = [run[i : i + n] for run in runs for n in lengths for i in range(len(run) - n + 1)]
        return its + (_LATIN.findall(text.lower()) if latin else [])

    return cut
