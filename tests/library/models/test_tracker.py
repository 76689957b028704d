from __future__ import annotations

import numpy as np
import pytest

from largemodels.models.tracker import Tracker, TrackerConfig, assigned


def box(x: float, y: float, height: float = 20) -> list[float]:
    return [x - 4, y - height / 2, x + 4, y + height / 2]


def run(config: TrackerConfig, frames: list[list[list[float]]]) -> list[list[int]]:
    tracker = Tracker(config)
    return [tracker.step(np.array(it).reshape(-1, 4), np.ones(len(it)))[0].tolist() for it in frames]


def crossing(hidden: tuple[int, ...] = ()) -> list[list[list[float]]]:
    """Two people who walk through each other; the second is hidden in some frames."""
    return [[box(10 + 6 * t, 30)] + ([] if t in hidden else [box(76 - 6 * t, 34)]) for t in range(12)]


def test_motion_carries_a_person_through_a_gap() -> None:
    frames = crossing(hidden=(4, 5, 6, 7))
    assert run(TrackerConfig(gate=0.4), frames)[-1] == [1, 2]
    assert run(TrackerConfig(gate=0.4, motion=False), frames)[-1] != [1, 2]


def test_patience_and_score() -> None:
    frames = [[box(10, 10)], [], [], [box(10, 10)]]
    assert run(TrackerConfig(patience=2), frames) == [[1], [], [], [1]]
    assert run(TrackerConfig(patience=1), frames) == [[1], [], [], [2]]
    numbers, expected = Tracker(TrackerConfig(least=0.5)).step(
        np.array([box(1, 2), box(50, 60)]), np.array([0.4, 0.6])
    )
    assert numbers.tolist() == [0, 1] and np.isnan(expected).all()


def test_expected_place() -> None:
    tracker = Tracker(TrackerConfig(motion=False))
    tracker.step(np.array([box(10, 10)]), np.ones(1))
    assert tracker.step(np.array([box(12, 13)]), np.ones(1))[1].tolist() == [[10, 10]]


def test_greedy_takes_the_nearest_first() -> None:
    costs = np.array([[0.1, 0.2], [0.2, 0.9]])
    assert [it.tolist() for it in assigned(costs, 1.0, optimal=False)] == [[0, 1], [0, 1]]
    assert [it.tolist() for it in assigned(costs, 1.0)] == [[0, 1], [1, 0]]
    assert [it.tolist() for it in assigned(costs, 0.5, optimal=False)] == [[0], [0]]
    assert all(len(it) == 0 for it in assigned(np.zeros((0, 3)), 1.0, optimal=False))


def test_config_is_checked() -> None:
    for wrong in ({"noise": 0.0}, {"gate": -1.0}, {"patience": -1}):
        with pytest.raises(ValueError):
            TrackerConfig(**wrong)
