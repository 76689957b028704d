"""Numbers in a sentence: what is printed, to how many digits, with which unit, and whether it is a result."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import Decimal

from tools.passages import CODE
from tools.units import Unit, leading_unit

_DIGITS = r"\d{1,3}(?:[,\u00a0\u2009\u202f]\d{3})+(?!\d)|\d+"
_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−–", "0123456789---")
_NUMBER = re.compile(
    rf"""(?<![\w.])(?P<sign>[-−–+](?=[.\d]))?
    (?P<whole>(?:{_DIGITS})(?:\.\d+)?|\.\d+)(?!\d|\.\d)
    (?:[eE](?P<exponent>[-−+]?\d+)|\s?×\s?10(?:\^(?P<caret>[-−]?\d+)|(?P<power>[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)))?
    (?:\s?(?P<scale>thousand|million|billion|trillion|[kKMB])(?![^\W_]))?""",
    re.X,
)
_SCALES = {"k": 3, "K": 3, "thousand": 3, "M": 6, "million": 6, "B": 9, "billion": 9, "trillion": 12}

# Words that contain a digit: GPT-2, SmolLM2-135M, CC-BY-4.0. And words after which a decimal is part of a name.
_NAME = re.compile(r"(?<![\w.])[^\W\d]+(?:-[^\W\d]+)*-?\d[\w.-]*")
_NAMED = re.compile(
    r"""(?:\b(?:sections?|chapters?|figures?|tables?|equations?|eqs?\.|figs?\.|versions?|releases?)|§|
    \b(?:Python|PyTorch|torch|transformers|NumPy|numpy|pandas|matplotlib|CUDA|CC\ BY(?:-SA)?|Apache|MPL|Llama|
    Gemma|Phi|Claude|Gemini))[\s(]*$""",
    re.X | re.I,
)
_RANGE = re.compile(r"\s*(?:to|or|and|-|–|—|±|\+/-|/)\s*")


@dataclass(frozen=True)
class Number:
    """A number as it is printed."""

    text: str
    value: Decimal
    half: Decimal  # half a unit of the last printed digit
    factor: int  # 1,000,000 in "1.1 million", else 1
    unit: Unit | None
    result: bool  # whether it must be claimed or cited
    start: int = field(default=0, compare=False)  # position in the passage

    def agrees(self, value: float, unit: str) -> bool:
        """Whether a claim's value, rounded to the printed digits, is this number."""
        if not math.isfinite(value):
            return False
        exact, claimed = Decimal(repr(value)), leading_unit(f" {unit}")
        if self.unit and (not claimed or claimed.family != self.unit.family):
            return False
        ratio = claimed.size / self.unit.size if self.unit and claimed else Decimal(1)
        values = {exact * ratio, exact * ratio / self.factor}
        return any(abs(one - self.value) <= self.half for one in values)


def numbers(text: str) -> list[Number]:
    """All numbers of a passage, from left to right."""
    text = _NAME.sub(lambda name: CODE * len(name[0]), text)
    matches = list(_NUMBER.finditer(text))
    found: list[Number] = []
    for index in reversed(range(len(matches))):
        match = matches[index]
        unit = leading_unit(text[match.end() :])
        if unit and _decade(match, text):
            unit = None
        bare = unit is None
        after = matches[index + 1] if index + 1 < len(matches) else None
        if bare and after and _RANGE.fullmatch(text[match.end() : after.start()]):
            unit = found[0].unit  # "20 to 30 %": the unit belongs to both
        found.insert(0, _number(match, unit, text, shared=bare and unit is not None))
    return found


def _decade(match: re.Match[str], text: str) -> bool:
    """Whether the "s" after a number is that of "the 1980s" or "the '90s"."""
    years = re.fullmatch(r"(?:1[5-9]|20)\d0", match[0]) or text[: match.start()].endswith(("'", "’"))
    return bool(years and re.match(r"s\b", text[match.end() :]))


def _number(match: re.Match[str], unit: Unit | None, text: str, shared: bool) -> Number:
    whole = re.sub(r"[,\s]", "", match["whole"])
    power = (match["exponent"] or match["caret"] or match["power"] or "0").translate(_POWERS)
    value = Decimal(f"{whole}e{power}")
    half = Decimal(1).scaleb(int(value.as_tuple().exponent)) / 2
    if (match["sign"] or "").strip("+"):
        value = -value
    year = shared and re.fullmatch(r"(?:19|20)\d\d", whole)
    decimal = "." in whole or power != "0"
    named = unit is None and _follows_name(text[: match.start()])
    factor = 10 ** _SCALES.get(match["scale"] or "", 0)
    end = match.end() if shared or unit is None else match.end() + unit.length
    printed = text[match.start() : end].strip()
    result = bool(unit and not year) or (decimal and not named)
    return Number(printed, value, half, factor, unit, result, match.start())


def _follows_name(before: str) -> bool:
    """Whether a decimal is part of a name: "section 4.5", "sections 4.5 and 5.2", "Python 3.11"."""
    joined = re.compile(r"(?:[\d.]+\s*(?:and|to|or|–|-)\s*)+$")
    return bool(_NAMED.search(joined.sub("", before)))
