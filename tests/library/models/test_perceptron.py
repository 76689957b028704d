from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from largemodels.models.perceptron import Perceptron, mistake_bound

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def slow(x: np.ndarray, y: np.ndarray, epochs: int) -> tuple[np.ndarray, float, list[int]]:
    """The rule one example at a time."""
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, []
    for _ in range(epochs):
        mistakes.append(0)
        for one, label in zip(x, y, strict=True):
            sign = 1 if label else -1
            if sign * (one @ w + b) <= 0:
                w, b = w + sign * one, b + sign
                mistakes[-1] += 1
        if not mistakes[-1]:
            break
    return w, b, mistakes


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(1, 5))
def test_equal_to_the_rule_one_example_at_a_time(seed: int, n: int, d_input: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(-3, 4, (n, d_input)).astype(float), rng.integers(2, size=n)
    ours = Perceptron().fit(x, y, epochs=7)
    weights, bias, mistakes = slow(x, y, 7)
    np.testing.assert_array_equal(ours.weights, weights)
    assert (ours.bias, ours.mistakes) == (bias, mistakes)
    assert ours.converged == (mistakes[-1] == 0)


def test_and_is_learnt_and_xor_is_not() -> None:
    learnt = Perceptron().fit(CORNERS, [0, 0, 0, 1])
    assert learnt.converged
    assert learnt.predict(CORNERS).tolist() == [0, 0, 0, 1]
    never = Perceptron().fit(CORNERS, [0, 1, 1, 0], epochs=500)
    assert not never.converged
    assert len(never.mistakes) == 500


@pytest.mark.parametrize("seed", range(10))
def test_no_order_makes_more_mistakes_than_the_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=3), rng.normal()
    x = rng.normal(size=(200, 3))
    x = x[np.abs(x @ w + b) > 0.2]
    y = (x @ w + b > 0).astype(int)
    ours = Perceptron().fit(x, y, epochs=10_000, rng=rng)
    assert ours.converged
    assert sum(ours.mistakes) <= mistake_bound(x, y, w, b) < math.inf


def test_the_bound_of_two_points() -> None:
    # x = ±1, plane x = 0: with the bias as an input the lengths are √2 and the margin is 1.
    assert mistake_bound([[1.0], [-1.0]], [1, 0], [3.0], 0.0) == pytest.approx(2)
    assert mistake_bound([[1.0], [-1.0]], [1, 0], [-3.0], 0.0) == math.inf


def test_errors_in_words() -> None:
    with pytest.raises(ValueError, match="call fit first"):
        Perceptron().predict(CORNERS)
    with pytest.raises(ValueError, match="must be 0 or 1"):
        Perceptron().fit(CORNERS, [-1, 1, 1, 1])
    with pytest.raises(ValueError, match="one label per example"):
        Perceptron().fit(CORNERS, [1, 0])
