"""Is an answer right? The measures of SQuAD (Rajpurkar et al., 2016, https://arxiv.org/abs/1606.05250) and others."""

from __future__ import annotations

import re
import string
from collections import Counter

REFUSALS = (
    "not stated",
    "not found",
    "not provided",
    "not mentioned",
    "not specified",
    "unknown",
    "does not",
)


def normalised(text: str) -> str:
    """A text in lower case, without punctuation, articles and superfluous blanks."""
    plain = "".join(it for it in text.lower() if it not in string.punctuation + "’“”–")
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", plain).split())


def exact(answer: str, right: str) -> bool:
    """Whether an answer is the right one, after :func:`normalised`."""
    return normalised(answer) == normalised(right)


def token_f1(answer: str, right: str) -> float:
    """Harmonic mean of precision and recall of an answer's words; 0 if the two have none in common."""
    ours, theirs = normalised(answer).split(), normalised(right).split()
    same = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * same / (len(ours) + len(theirs)) if same else 0.0


def holds(text: str, answer: str) -> bool:
    """Whether a text holds all words of an answer next to each other, after :func:`normalised`."""
    return f" {normalised(answer)} " in f" {normalised(text)} "


def refuses(answer: str) -> bool:
    """Whether an answer is empty or says that there is none, in one of the ways of :data:`REFUSALS`."""
    plain = answer.lower()
    return not normalised(answer) or any(it in plain for it in REFUSALS)
