"""Our traffic against ``highway-env``: the same cars, step by step, until a crash."""

from __future__ import annotations

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import gymnasium
import highway_env  # noqa: F401  registers its worlds
import numpy as np
import pytest

from largemodels.data.traffic import SPEEDS, Traffic, TrafficConfig, plan


def same(cars: list, lanes: int, **its: float) -> Traffic:
    """A world with the cars of highway-env's."""
    world = Traffic(TrafficConfig(n_cars=len(cars) - 1, lanes=lanes, **its), [0])
    for name, values in {
        "x": [it.position[0] for it in cars],
        "y": [it.position[1] for it in cars],
        "heading": [it.heading for it in cars],
        "speed": [it.speed for it in cars],
        "wanted": [it.target_speed for it in cars],
        "lane": [it.lane_index[2] for it in cars],
        "target": [it.target_lane_index[2] for it in cars],
        "delta": [getattr(it, "DELTA", 4.0) for it in cars],
        "timer": [getattr(it, "timer", 0.0) for it in cars],
    }.items():
        setattr(world, name, np.array([values], dtype=int if name in ("lane", "target") else float))
    return world


@pytest.mark.parametrize(
    ("seed", "lanes", "n_cars"), [(0, 3, 13), (1, 3, 13), (2, 4, 9), (4, 2, 7), (5, 3, 13)]
)
def test_the_same_traffic(seed: int, lanes: int, n_cars: int) -> None:
    settings = {
        "duration": 60,
        "lanes_count": lanes,
        "vehicles_count": n_cars,
        "vehicles_density": 1.5,
        "action": {"type": "DiscreteMetaAction", "target_speeds": SPEEDS.tolist()},
    }
    theirs = gymnasium.make("highway-fast-v0", config=settings)
    theirs.reset(seed=seed)
    cars = theirs.unwrapped.road.vehicles
    ours, draw = same(cars, lanes), np.random.default_rng(seed)
    first = ours.lane.copy()
    compared = 0
    for _ in range(15):
        action = int(draw.integers(5)) if seed % 2 else int(plan(ours)[0])
        ended = theirs.step(action)[2]
        ours.step(np.array([action]))
        if ended or ours.crashed[0]:
            break
        for name, values in {
            "x": [it.position[0] for it in cars],
            "y": [it.position[1] for it in cars],
            "heading": [it.heading for it in cars],
            "speed": [it.speed for it in cars],
            "target": [it.target_lane_index[2] for it in cars],
        }.items():
            np.testing.assert_allclose(getattr(ours, name)[0], values, atol=1e-9, err_msg=name)
        compared += 1
    assert compared >= 1
    assert seed or (ours.lane != first)[0, 1:].any()  # other cars have changed lanes, too


def test_a_crash_is_found_when_theirs_is() -> None:
    """In a queue that it runs into, car 0 crashes in the same second, or one before."""
    for seed in range(3):
        theirs = gymnasium.make("highway-fast-v0", config={"vehicles_count": 9, "vehicles_density": 2.0})
        theirs.reset(seed=seed)
        ours = same(theirs.unwrapped.road.vehicles, 3)
        crashed, ended = [], []
        for _ in range(30):
            ended.append(theirs.step(1)[2])
            ours.step(np.array([1]))
            crashed.append(bool(ours.crashed[0]))
            if ended[-1]:
                break
        assert ended[-1] and crashed[-1]
        assert crashed.index(True) in (ended.index(True), ended.index(True) - 1)
