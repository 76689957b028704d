from __future__ import annotations

import numpy as np
import pytest

from largemodels.data.traffic import LANE, Traffic, TrafficConfig, plan


def test_a_world_depends_on_its_seed_alone() -> None:
    many, one = Traffic(TrafficConfig(), [3, 8, 5]), Traffic(TrafficConfig(), [8])
    for its in (many, one):
        for _ in range(6):
            its.step(np.full(len(its), 1))
    np.testing.assert_array_equal(many.x[1:2], one.x)
    assert not np.allclose(many.x[0], many.x[1])


def test_parts_and_copies_are_independent() -> None:
    its = Traffic(TrafficConfig(n_cars=5), range(4))
    part, twice = its.part(np.array([2, 0])), its.repeated(2)
    before = its.x.copy()
    part.step(None)
    twice.step(np.full(8, 3))
    np.testing.assert_array_equal(its.x, before)
    np.testing.assert_array_equal(twice.x[0], twice.x[1])
    assert len(part) == 2 and len(twice) == 8


def test_what_a_driver_sees() -> None:
    its = Traffic(TrafficConfig(n_cars=3), [0])
    its.x[:], its.y[:] = [[0.0, 50, -20, 120]], [[4.0, 0, 4, 8]]
    its.speed[:], its.lane[:], its.target[:] = [[25.0, 20, 30, 22]], [[1, 0, 1, 2]], [[1, 0, 1, 2]]
    its.wanted[0, 0] = 25.0
    cars, there = its.observe(3)
    assert there.tolist() == [[True, True, True, False]]  # the last is 120 m away
    np.testing.assert_allclose(cars[0, 0], [0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(cars[0, 1], [-0.8, 0, 1, 0, 0, 0])  # the nearest: 20 m behind
    np.testing.assert_allclose(cars[0, 2], [2, -1, -1, 0, 0, 0])
    assert (cars[0, 3] == 0).all()


def test_the_expert_avoids_what_idleness_hits() -> None:
    idle, planned = (Traffic(TrafficConfig(), range(6)) for _ in range(2))
    for _ in range(20):
        idle.step(np.full(6, 1))
        planned.step(plan(planned))
    assert idle.crashed.sum() >= 4 and not planned.crashed.any()


def test_a_crashed_world_stands_still() -> None:
    its = Traffic(TrafficConfig(n_cars=2), [0])
    its.x[:], its.y[:], its.lane[:], its.target[:] = [[0.0, 9, 200]], LANE, 1, 1
    its.speed[:] = [[25.0, 5, 20]]
    its.wanted[:] = its.speed
    its.step(np.array([1]))
    assert its.crashed[0]
    where, far = its.x.copy(), its.distance.copy()
    its.step(np.array([1]))
    np.testing.assert_array_equal(its.x, where)
    np.testing.assert_array_equal(its.distance, far)


@pytest.mark.parametrize("wrong", [{"n_cars": 0}, {"lanes": 0}, {"density": 0.0}, {"gap": -1.0}])
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        TrafficConfig(**wrong)  # type: ignore[arg-type]
