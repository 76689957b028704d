"""What a written text sounds like, as words: lower case, digits and signs as words, no punctuation.

Two recognisers that hear the same may write it differently, "Press 1." and "press one". Before their errors are
counted, references and answers both go through :func:`spoken`, as those of Whisper go through a longer list of rules
in Radford et al., 2022, appendix C (https://arxiv.org/abs/2212.04356). Ours are for English, but for :func:`plain`.
"""

from __future__ import annotations

import re
import unicodedata

_ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]  # noqa: E501  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_SIGNS = {
    "#": " pound ",
    "*": " star ",
    "&": " and ",
    "%": " percent ",
    "@": " at ",
    "$": " dollar ",
    "+": " plus ",
}


def number(value: int) -> str:
    """An integer in English words: 42 becomes "forty two".

    Args:
        value: from 0 to 999,999,999.

    Raises:
        ValueError: for other numbers.
    """
    if not 0 <= value < 10**9:
        raise ValueError(f"Only numbers from 0 to 999,999,999 are written as words, not {value}.")
    if value < 20:
        return _ONES[value]
    if value < 100:
        rest = value % 10
        return _TENS[value // 10 - 2] + (f" {_ONES[rest]}" if rest else "")
    size, name = next(
        it for it in ((10**6, "million"), (1000, "thousand"), (100, "hundred")) if value >= it[0]
    )
    rest = value % size
    return f"{number(value // size)} {name}" + (f" {number(rest)}" if rest else "")


def ordinal(value: int) -> str:
    """An ordinal in English words: 42 becomes "forty second"."""
    *before, last = number(value).split()
    if last in _ORDINALS:  # noqa: SIM108
        last = _ORDINALS[last]
    else:
        last = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return " ".join([*before, last])


def plain(text: str) -> str:
    """Lower case letters, apostrophes inside words, and single spaces; for any language with an alphabet."""
    text = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    text = "".join(it if it.isalpha() or it in "'\n" else " " for it in text)
    words = (word.strip("'") for word in text.split())
    return " ".join(word for word in words if word)


def spoken(text: str) -> str:
    """English words as they are said: "Press 1, or #." becomes "press one or pound".

    A run of single letters is written as one word, since "A.M.", "AM" and "a m" sound alike.
    """
    text = text.lower()
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"\b(\d{1,9})(?:st|nd|rd|th)\b", lambda it: f" {ordinal(int(it[1]))} ", text)
    text = re.sub(r"\d+", lambda it: f" {_digits(it[0])} ", text)
    words: list[str] = []
    letters = False
    for word in plain(text).split():
        if letters and len(word) == 1:
            words[-1] += word
        else:
            words.append(word)
        letters = len(word) == 1
    return " ".join(words)


def _digits(found: str) -> str:
    """Digits as a number; one by one if there are many or the first is zero."""
    if len(found) > 9 or (found[0] == "0" and len(found) > 1):
        return " ".join(_ONES[int(it)] for it in found)
    return number(int(found))
