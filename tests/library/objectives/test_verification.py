from __future__ import annotations

import numpy as np
import pytest

from largemodels.objectives.verification import equal_error_rate, match_errors


def test_errors_by_hand() -> None:
    distance = np.array([0.1, 0.4, 0.5, 0.2, 0.3, 0.6, 0.7])
    same = np.array([True, True, True, True, False, False, False])
    threshold, missed, false = match_errors(distance, same)
    np.testing.assert_allclose(threshold, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    np.testing.assert_allclose(missed, [3 / 4, 1 / 2, 1 / 2, 1 / 4, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(false, [0, 0, 1 / 3, 1 / 3, 1 / 3, 2 / 3, 1], atol=1e-12)
    rate, at = equal_error_rate(distance, same)
    assert at == 0.4 and rate == pytest.approx((1 / 4 + 1 / 3) / 2)


def test_a_weight_is_a_repetition() -> None:
    rng = np.random.default_rng(0)
    distance, same, weight = rng.random(41), rng.random(41) < 0.4, rng.integers(0, 4, 41)
    again = equal_error_rate(distance.repeat(weight), same.repeat(weight))
    assert equal_error_rate(distance, same, weight)[1] == pytest.approx(again[1])


def test_equal_distances_match_together() -> None:
    for same in ([True, False], [False, True]):
        assert equal_error_rate(np.array([0.5, 0.5]), np.array(same)) == (0.5, 0.5)
    threshold, missed, false = match_errors(np.array([0.2, 0.1, 0.2]), np.array([True, True, False]))
    assert (threshold.tolist(), missed.tolist(), false.tolist()) == ([0.1, 0.2], [0.5, 0.0], [0.0, 1.0])


def test_one_kind_of_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match="Both kinds"):
        match_errors(np.arange(3.0), np.ones(3, bool))
