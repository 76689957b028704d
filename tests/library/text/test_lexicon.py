"""The lexicon scorer: rules one by one by hand, and the scores that VADER's authors print in their manual."""

from __future__ import annotations

import pytest

from largemodels.data.vader import vader
from largemodels.text.lexicon import CAPITALS, EXCLAMATION, FLIP, Lexicon
from tests.library.data.installed import installed


@pytest.fixture(scope="module", autouse=True)
def fetched() -> None:
    """VADER's words come in a source archive."""
    installed("ratings")


SMALL = Lexicon(
    {"good": 2.0, "bad": -3.0, "no": -1.0, ":)": 1.5},
    negations=frozenset({"not", "never", "without"}),
    degrees={"very": 0.25, "kind of": -0.25},
    phrases={"bad luck": 1.0},
)


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("", 0.0),
        ("a table", 0.0),
        ("good", 2.0),
        ("Good.", 2.0),
        (":)", 1.5),
        ("very good", 2.25),
        ("very bad", -3.25),
        ("very a good", 2.0 + 0.25 * 0.95),
        ("very a b good", 2.0 + 0.25 * 0.9),
        ("very a b c good", 2.0),  # too far
        ("not good", 2.0 * FLIP),
        ("isn't a b good", 2.0 * FLIP),
        ("not a b c good", 2.0),
        ("no good", 2.0 * FLIP),
        ("good but bad", 1.0 - 4.5),
        ("it is GOOD", 2.0 + CAPITALS),
        ("GOOD", 2.0),  # nothing else to stand out from
        ("good!!", 2.0 + 2 * EXCLAMATION),
        ("bad!!!!!!", -3.0 - 4 * EXCLAMATION),
        ("it is kind of good", 1.75),
        ("never so good", 2.0 * 1.25),
        ("without any doubt good", 2.0),
        ("the least good", 2.0 * FLIP),
        ("at least good", 2.0),
        ("z very least good", 2.0 + 0.25 * 0.95),
        ("good??", 2.0 + 2 * 0.18),
        ("good????", 2.0 + 0.96),
        ("no a good", -1.0 + 2.0 * FLIP),
        ("no a or good", -1.0 + 2.0 * FLIP),
        ("never this good", 2.0 * 1.25),
        ("a b so good", 2.0 * 1.25),
    ],
)
def test_each_rule_by_hand(text: str, total: float) -> None:
    assert SMALL.total(text) == pytest.approx(total)
    assert SMALL.score(text) == pytest.approx(total / (total**2 + 15) ** 0.5)


OTHER = Lexicon(
    {"good": 2.0, "least": -1.0},
    degrees={"p q r": 0.1},
    phrases={"a good": 0.25, "p q": 2.5, "p q r": 3.0, "good x": -1.0},
)


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("the least good", -1.0 + 2.0),  # rated itself, "least" turns nothing round
        ("z z a good", 0.25),
        ("z p q good", 2.5),
        ("p q r good", 3.0 + 0.1),
        ("z z z good x", -1.0),
    ],
)
def test_phrases_by_hand(text: str, total: float) -> None:
    assert OTHER.total(text) == pytest.approx(total)


PUBLISHED = {
    "VADER is smart, handsome, and funny.": 0.8316,
    "VADER is very smart, handsome, and funny.": 0.8545,
    "VADER is VERY SMART, handsome, and FUNNY!!!": 0.9342,
    "VADER is not smart, handsome, nor funny.": -0.7424,
    "At least it isn't a horrible book.": 0.431,
    "The book was only kind of good.": 0.3832,
    "The plot was good, but the characters are uncompelling and the dialog is not great.": -0.7042,
    "Today SUX!": -0.5461,
    "Today only kinda sux! But I'll get by, lol": 0.5249,
    "Make sure you :) or :D today!": 0.8633,
    "Not bad at all": 0.431,
}


@pytest.mark.parametrize("text", PUBLISHED)
def test_the_scores_of_the_manual(text: str) -> None:
    assert round(vader().score(text), 4) == PUBLISHED[text]
