from __future__ import annotations

import numpy as np
import pytest

from largemodels.text.recognition import error_rate, resampled_rates, word_errors
from largemodels.text.spoken import number, ordinal, plain, spoken


def test_numbers() -> None:
    assert number(0) == "zero" and number(42) == "forty two" and number(310) == "three hundred ten"
    assert number(1_204_017) == "one million two hundred four thousand seventeen"
    assert ordinal(42) == "forty second" and ordinal(20) == "twentieth" and ordinal(9) == "ninth"
    with pytest.raises(ValueError, match="999"):
        number(-1)


def test_what_is_said() -> None:
    assert spoken("Press 1, or #. It's 8:00 A.M.!") == "press one or pound it's eight zero zero am"
    assert spoken("the 3rd, 1,200") == "the third one thousand two hundred"
    assert spoken("M I S D N") == spoken("MISDN") == "misdn"
    assert plain("L'été,  d’où ?") == "l'été d'où"


def test_errors() -> None:
    counts = word_errors(["a b c", "", "x y"], ["a x c d", "b", ""])
    assert counts.tolist() == [[1, 1, 0, 4], [0, 1, 0, 1], [0, 0, 2, 0]]
    assert error_rate(counts) == 100
    with pytest.raises(ValueError, match="answers"):
        word_errors(["a"], [])


def test_groups_are_drawn_together() -> None:
    counts = np.array([[1, 0, 0, 2], [1, 0, 0, 2], [0, 0, 0, 4]])
    draws = resampled_rates({"one": [counts], "two": [counts, 0 * counts + counts]}, ["a", "a", "b"], n=500)
    assert set(draws["one"].round(4)) == {0.0, 25.0, 50.0}
    assert np.array_equal(draws["one"], draws["two"])
