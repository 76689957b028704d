"""Units of measured amounts, as prose writes them and as claims name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

# What may follow a number: pattern, family, size in the base unit of the family.
_UNITS = [
    (r"\s*(?:%|per\s?cent\b|percentage\spoints?\b)", "%", "1"),
    (r"\s*×(?!\s*[\d\ue000])|x\b|\s+times\b|[-\s]fold\b(?!\scross)", "×", "1"),
    (r"(?:\s*|-)(?:ns|nanoseconds?)\b", "s", "1e-9"),
    (r"(?:\s*|-)(?:[µμu]s|microseconds?)\b", "s", "1e-6"),
    (r"(?:\s*|-)(?:ms|milliseconds?)\b", "s", "1e-3"),
    (r"(?:\s*|-)(?:s|secs?|seconds?)\b", "s", "1"),
    (r"(?:\s*|-)(?:mins?|minutes?)\b", "s", "60"),
    (r"(?:\s*|-)(?:h|hours?)\b", "s", "3600"),
    (r"(?:\s*|-)days?\b", "s", "86400"),
    (r"(?:\s*|-)(?:kB|KB|kilobytes?)\b", "B", "1e3"),
    (r"(?:\s*|-)(?:MB|megabytes?)\b", "B", "1e6"),
    (r"(?:\s*|-)(?:GB|gigabytes?)\b", "B", "1e9"),
    (r"(?:\s*|-)(?:TB|terabytes?)\b", "B", "1e12"),
    (r"(?:\s*|-)KiB\b", "B", "1024"),
    (r"(?:\s*|-)MiB\b", "B", "1048576"),
    (r"(?:\s*|-)GiB\b", "B", "1073741824"),
    (r"(?:\s*|-)FLOPs?\b", "FLOP", "1"),
    (r"(?:\s*|-)[kK]FLOPs?\b", "FLOP", "1e3"),
    (r"(?:\s*|-)MFLOPs?\b", "FLOP", "1e6"),
    (r"(?:\s*|-)GFLOPs?\b", "FLOP", "1e9"),
    (r"(?:\s*|-)TFLOPs?\b", "FLOP", "1e12"),
    (r"(?:\s*|-)PFLOPs?\b", "FLOP", "1e15"),
    (r"(?:\s*|-)nats?\b", "nats", "1"),
    (r"\s*bits?\b", "bits", "1"),  # "16-bit" is a name
    (r"\s*kWh\b", "kWh", "1"),
    (r"\s*dB\b", "dB", "1"),
]
_PATTERNS = [(re.compile(pattern), family, Decimal(size)) for pattern, family, size in _UNITS]

# Things that are counted per unit of time: "900 training tokens a second", "27 GB/s".
_THINGS = (
    "tokens?|characters?|words?|steps?|samples?|examples?|images?|frames?|sequences?|sentences?|"
    "requests?|iterations?|operations?|predictions?|[kMGT]i?B|[kMGTP]?FLOPs?"
)
_RATE = re.compile(
    rf"(?:\s*|-)(?:[a-z]+\s+)?(?P<thing>{_THINGS})(?:\s*/\s*|\s+(?:a|an|per|each)\s+)"
    r"(?P<time>s|secs?|seconds?|mins?|minutes?|h|hours?)\b"
)


@dataclass(frozen=True)
class Unit:
    """A unit found in a text; units of one family measure the same thing."""

    family: str
    size: Decimal  # in the base unit of the family: 60 for minutes
    length: int  # characters that it takes in the text


def leading_unit(text: str) -> Unit | None:
    """The unit with which a text begins, after spaces of any kind or a hyphen; None where there is none."""
    if rate := _RATE.match(text):
        amount, time = leading_unit(rate["thing"]), leading_unit(rate["time"])
        family = amount.family if amount else rate["thing"].rstrip("s")
        size = (amount.size if amount else Decimal(1)) / (time.size if time else Decimal(1))
        return Unit(f"{family}/s", size, rate.end())
    for pattern, family, size in _PATTERNS:
        if match := pattern.match(text):
            return Unit(family, size, match.end())
    return None
