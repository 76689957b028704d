"""The values of a request for a text, checked: they may be anything that JSON can say.

A field that was cleared comes as null, and who writes to the server without the page may send text for a number.
"""

from __future__ import annotations

import math
from typing import Any

import torch

# The decoding methods: their names on the page, and the fields of Sampling that each sets.
CHOICES: dict[str, tuple[str, ...]] = {
    "likeliest token": (),
    "temperature": ("temperature",),
    "top-k": ("temperature", "top_k"),
    "top-p": ("temperature", "top_p"),
}

_FOR = {"prompt": " for the text to begin with"}
NAMES = {"temperature": "temperature", "top_k": "number of candidate tokens", "top_p": "total probability"}


def shown(value: object) -> str:
    """A value as it was given, shortened; on one line."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no integer of more than 4,300 digits
        return f"so long a value ({type(value).__name__})"
    return text if len(text) <= 40 else f"{text[:40]} …"


def number(name: str, value: object) -> float:
    """A number, as a float; raises ValueError in one line for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # not a number
        raise ValueError(f"The {name} must be a number, not {'empty' if value is None else shown(value)}.")
    try:
        return float(value)
    except OverflowError:  # of an integer of more than 308 digits
        return math.copysign(math.inf, value > 0 or -1)


def check_text(name: str, text: object) -> None:
    """Refuse a prompt or a message that is no text, or an empty one."""
    if not isinstance(text, str):
        raise ValueError(f"The {name} must be a text, not {'empty' if text is None else shown(text)}.")
    if not text.strip():
        raise ValueError(f"The {name} is empty: write a few words{_FOR.get(name, '')}.")
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair that stands for one character in UTF-16
        raise ValueError(f"The {name} has half a character in it: type or paste it again.") from None


def sampling(
    choice: object, temperature: object, top_k: object, top_p: object, vocab_size: int
) -> dict[str, Any]:
    """The fields of Sampling that a decoding method sets; their ranges are checked there."""
    if not isinstance(choice, str) or choice not in CHOICES:
        raise ValueError(f"There is no decoding method {shown(choice)}.")
    given = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    fields: dict[str, Any] = {name: number(NAMES[name], given[name]) for name in CHOICES[choice]}
    if "top_k" in fields:
        fields["top_k"] = int(min(fields["top_k"], vocab_size)) if fields["top_k"] >= 1 else 0
    return {"temperature": 0.0} | fields


def seeded(seed: object) -> torch.Generator:
    """A random generator; seeded by chance if the seed is empty."""
    generator = torch.Generator()
    if seed is None or (isinstance(seed, str) and not seed.strip()):
        generator.seed()
        return generator
    whole: object = seed
    if isinstance(seed, str) and seed.strip().isdecimal() and len(seed.strip()) <= 19:  # as 2**63 has
        whole = int(seed)
    if isinstance(whole, bool) or not isinstance(whole, int) or not 0 <= whole < 2**63:
        raise ValueError(
            f"The seed must be a whole number from 0 to {2**63 - 1}, or empty, not {shown(seed)}."
        )
    return generator.manual_seed(whole)
