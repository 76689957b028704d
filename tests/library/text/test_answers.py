"""When an answer counts as right."""

from __future__ import annotations

import pytest

from largemodels.text.answers import REFUSALS, exact, holds, normalised, refuses, token_f1


def test_normalised() -> None:
    assert normalised("  The “Red”, a  Fox's. ") == "red foxs"
    assert normalised("The a an") == ""


def test_exact_and_f1() -> None:
    assert exact("the Nile", "Nile.") and not exact("Nile river", "Nile")
    assert token_f1("the White Nile", "Nile") == pytest.approx(2 / 3)
    assert token_f1("of of", "of") == pytest.approx(2 / 3)  # a word counts as often as both have it
    assert token_f1("", "Nile") == token_f1("Rhine", "Nile") == 0


def test_holds() -> None:
    assert holds("It flows into the North Sea.", "North Sea") and not holds("North and Sea", "North Sea")
    assert not holds("Founded in 19610", "1961")  # whole words only


@pytest.mark.parametrize("words", REFUSALS)
def test_each_way_to_refuse(words: str) -> None:
    assert refuses(f"It is {words.capitalize()} here.")


def test_refuses() -> None:
    assert refuses("Not stated.") and refuses(" . ") and refuses("The passage does not say it.")
    assert not refuses("Stated in 1961")
