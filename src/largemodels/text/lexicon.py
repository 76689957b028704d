"""Sentiment by a lexicon and rules: each rated word counts, changed by the words before it.

The rules are those of VADER 3.3.2 (Hutto and Gilbert, 2014, https://doi.org/10.1609/icwsm.v8i1.14550), written anew,
quirks included. Two things differ: emoji count for nothing, and where there is a "but", each word is weighed once
(their program looks words up by value and may weigh one twice).
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

FLIP, CAPITALS = -0.74, 0.733  # what "not" multiplies by, and what a word in capitals gains
FAR = (1.0, 0.95, 0.9)  # how much a word of degree counts that stands one, two and three words before
CEILING = 15.0  # in the formula that squeezes a sum between -1 and 1
EXCLAMATION, QUESTION, MANY_QUESTIONS = 0.292, 0.18, 0.96


@dataclass(frozen=True)
class Lexicon:
    """Rated words and what changes them, all in lower case.

    >>> round(Lexicon({"good": 1.9}, {"not"}, {"very": 0.293}).score("Not very good."), 4)
    -0.3865
    """

    words: Mapping[str, float]  # their ratings, from -4 to 4
    negations: Set[str] = frozenset()  # besides every word that contains "n't"
    degrees: Mapping[str, float] = field(default_factory=dict)  # "very": more, "hardly", "kind of": less
    phrases: Mapping[str, float] = field(
        default_factory=dict
    )  # of two or three words, with a rating of their own

    def score(self, text: str) -> float:
        """Sentiment of a text between -1 and 1, which VADER calls the compound score."""
        raw = self.total(text)
        return raw / (raw * raw + CEILING) ** 0.5

    def total(self, text: str) -> float:
        """The sum of what the words of a text count, and its exclamation and question marks; 0 without rated words."""
        values = self.values(text)
        total, marks = sum(values), min(text.count("!"), 4) * EXCLAMATION
        asks = text.count("?")
        if asks > 1:
            marks += asks * QUESTION if asks <= 3 else MANY_QUESTIONS
        return total + marks if total > 0 else total - marks if total < 0 else 0.0

    def values(self, text: str) -> list[float]:
        """What each word of a text counts, after all rules but that of the marks."""
        written = [_bare(token) for token in text.split()]
        words = [word.lower() for word in written]
        shouted = [word.isupper() for word in written]
        if all(shouted):
            shouted = [False] * len(words)  # nothing stands out
        found = [self._value(words, shouted, place) for place in range(len(words))]
        if "but" in words:
            but = words.index("but")
            found = [it * (0.5, 1.0, 1.5)[(place > but) + (place >= but)] for place, it in enumerate(found)]
        return found

    def _value(self, words: Sequence[str], shouted: Sequence[bool], place: int) -> float:
        word, following = words[place], words[place + 1 : place + 2]
        if word in self.degrees or (word == "kind" and following == ["of"]) or word not in self.words:
            return 0.0
        value = self.words[word]
        before = [words[place - n] if place >= n else "" for n in (1, 2, 3)]
        if word == "no" and following and following[0] in self.words:
            value = 0.0  # it negates the next word instead
        if "no" in before[:2] or (before[2] == "no" and before[0] in ("or", "nor")):
            value = self.words[word] * FLIP
        if shouted[place]:
            value += CAPITALS if value > 0 else -CAPITALS
        for n, other in enumerate(before):
            if place > n and other not in self.words:
                value += FAR[n] * self._degree(other, value, shouted[place - n - 1])
                value = self._negated(value, before, n)
                if n == 2:
                    value = self._in_phrase(value, words, place)
        at = before[1] in ("at", "very") and place > 1
        least = before[0] == "least" and "least" not in self.words and not at
        return value * FLIP if least else value

    def _degree(self, word: str, value: float, shouted: bool) -> float:
        """What a word of degree adds to a value."""
        if word not in self.degrees:
            return 0.0
        more = self.degrees[word] * (-1 if value < 0 else 1)
        return more + (CAPITALS if value > 0 else -CAPITALS) * shouted

    def _negated(self, value: float, before: Sequence[str], n: int) -> float:
        """A value after the word ``n + 1`` places before it has been looked at."""
        word, nearer = before[n], before[:n]
        never = n > 0 and word == "never" and before[n - 1] in ("so", "this")
        if never or (n == 2 and before[0] in ("so", "this")):
            return value * 1.25
        if n > 0 and word == "without" and "doubt" in nearer:
            return value
        return value * FLIP if word in self.negations or "n't" in word else value

    def _in_phrase(self, value: float, words: Sequence[str], place: int) -> float:
        """The rating of a phrase around a word if there is one, and words of degree that are phrases."""

        def said(start: int, stop: int) -> str:
            return " ".join(words[place + start : place + stop])

        for phrase in (said(-1, 1), said(-2, 1), said(-2, 0), said(-3, 0), said(-3, -1)):
            if phrase in self.phrases:
                value = self.phrases[phrase]
                break
        for stop in (2, 3):
            if place + stop <= len(words):
                value = self.phrases.get(said(0, stop), value)
        return value + sum(self.degrees.get(it, 0.0) for it in (said(-3, 0), said(-3, -1), said(-2, 0)))


def _bare(token: str) -> str:
    """Without signs at both ends, unless it then has two letters or fewer: it may be an emoticon."""
    word = token.strip(string.punctuation)
    return word if len(word) > 2 else token
