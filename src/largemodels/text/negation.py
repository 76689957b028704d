"""Which words of a clinical text are denied, in the way of NegEx.

Chapman et al., 2001, "A simple algorithm for identifying negated findings and diseases in discharge summaries"
(https://doi.org/10.1006/jbin.2001.1029): a list of phrases that deny, each with a reach. Here a phrase such as "no" or
"free of" denies what follows it up to the end of the sentence or a word such as "but"; "are not seen" denies what
stands before it. "No change" and "cannot be excluded" deny nothing. The paper's first version reached five words far;
its list of phrases is longer.
"""

from __future__ import annotations

import re

_STOPS = frozenset({"but", "however", "although", "though", "except", "aside", "which", "other", "there"})
_SEEN = "(?:seen|identified|present|visualized|visualised|evident|appreciated|demonstrated|noted|apparent)"
_HARMLESS = re.compile(
    r"(?:no|not|without)(?: \w+){0,2} (?:change|changed|changes|increase|increased|improvement|excluded)\b"
    r"|not exclude(?:d)?\b|no longer\b|not only\b"
)
_AHEAD = re.compile(
    r"(?:no|not|without|nor|neither|negative for|free of|clear of|absence of|resolution of|rather than)\b"
)
_BEHIND = re.compile(rf"(?:(?:is|are|was|were) )?(?:not {_SEEN}|absent|unlikely|ruled out|resolved)\b")
_PIECES = re.compile(r"[a-z]+|[.;:!?]")


def words_denied(text: str) -> list[tuple[str, bool]]:
    """The words of a text in lower case, each with whether it is denied. Words that deny are not denied themselves."""
    found: list[tuple[str, bool]] = []
    part: list[str] = []
    for piece in [*_PIECES.findall(text.lower()), "."]:
        if piece.isalpha() and piece not in _STOPS:
            part.append(piece)
            continue
        found += _denied(part)
        if piece.isalpha():
            found.append((piece, False))
        part = []
    return found


def _denied(part: list[str]) -> list[tuple[str, bool]]:
    """The same for words of which none ends the reach of a phrase that denies."""
    ahead, found, skip = False, list[tuple[str, bool]](), 0
    for place, word in enumerate(part):
        if skip:
            skip -= 1
            found.append((word, False))
            continue
        rest = " ".join(part[place:])
        if match := _HARMLESS.match(rest):
            skip = len(match[0].split()) - 1
            found.append((word, False))
        elif match := _BEHIND.match(rest):
            found = [(it, True) for it, _ in found]
            skip = len(match[0].split()) - 1
            found.append((word, False))
        elif match := _AHEAD.match(rest):
            ahead, skip = True, len(match[0].split()) - 1
            found.append((word, False))
        else:
            found.append((word, ahead))
    return found


def with_denials(text: str) -> str:
    """A text's words in lower case, ``no_`` in front of each that is denied, for counting."""
    return " ".join(f"no_{word}" if denied else word for word, denied in words_denied(text))


def affirmed(text: str, phrases: str) -> int:
    """How often a text says something that fits a regular expression and is not denied.

    Args:
        text: of any length.
        phrases: a regular expression for the words in lower case, separated by single spaces, without punctuation.
    """
    return len(re.findall(rf"(?<!no_)\b(?:{phrases})", with_denials(text)))
