from __future__ import annotations

import numpy as np
import pytest
import torch

from largemodels.data.scenes import BACKDROPS, LEAST, Placed, Plan, backdrops, draw, plan, smaller, tensors
from largemodels.data.stamps import Stamp, stamps
from tests.library.data.installed import installed


def stamp(height: int, width: int, name: str = "box") -> Stamp:
    picture = np.full((height, width, 4), 255, np.uint8)
    picture[..., :3] = (200, 10, 10)
    return Stamp(name, "vehicle", name, "", picture)


def scene(*things: Placed) -> Plan:
    ground = np.full((50, 80, 3), 100, np.uint8)
    return Plan(ground, (0.0, 0.0, 50.0), False, (1.0, 1.0, 1.0), things)


def test_a_box_is_where_the_thing_is() -> None:
    found = draw(scene(Placed(stamp(10, 20), 0.5, 0.25, 0.4, False, 1.0)), side=100)
    np.testing.assert_array_equal(found.boxes, [[30, 15, 70, 35]])
    assert (found.picture[20, 40] == (200, 10, 10)).all()
    assert (found.picture[50, 40] == 100).all()
    assert found.visible == [1.0]


def test_what_is_covered_does_not_count() -> None:
    behind = Placed(stamp(20, 20, "behind"), 0.4, 0.5, 0.4, False, 1.0)
    front = Placed(stamp(20, 20, "front"), 0.6, 0.5, 0.4, False, 1.0)
    found = draw(scene(behind, front), side=100)
    assert found.names == ("behind", "front")
    np.testing.assert_array_equal(found.boxes, [[20, 30, 40, 70], [40, 30, 80, 70]])
    np.testing.assert_allclose(found.visible, [0.5, 1.0])


def test_a_thing_cut_off_by_the_edge() -> None:
    found = draw(scene(Placed(stamp(20, 20), 0.05, 1.0, 0.4, False, 1.0)), side=100)
    np.testing.assert_array_equal(found.boxes, [[0, 80, 25, 100]])


def test_a_bar_leaves_the_box_and_covers_its_middle() -> None:
    planned = scene(Placed(stamp(20, 20), 0.5, 0.5, 0.4, False, 1.0))
    plain, covered = draw(planned, 100), draw(planned, 100, cover=0.5)
    np.testing.assert_array_equal(plain.boxes, covered.boxes)
    red = (covered.picture[50] == (200, 10, 10)).all(axis=1)
    assert red[30:40].all() and not red[40:60].any() and red[60:70].all()
    beside = draw(planned, 100, cover=0.5, beside=True)
    assert (beside.picture[50, 30:70] == (200, 10, 10)).all()


def test_only_the_outline_is_left_with_a_texture() -> None:
    planned = scene(Placed(stamp(10, 20), 0.5, 0.5, 0.4, False, 1.0))
    found = draw(planned, 100, texture=np.full((7, 9, 3), 33, np.uint8))
    assert (found.picture[50, 50] == 33).all()


def test_sizes_can_be_set() -> None:
    planned = scene(Placed(stamp(10, 20), 0.5, 0.5, 0.4, False, 1.0)).resized(0.8)
    np.testing.assert_array_equal(draw(planned, 100).boxes, [[10, 30, 90, 70]])


def test_tensors_and_classes() -> None:
    planned = scene(Placed(stamp(10, 20), 0.5, 0.5, 0.4, False, 1.0))
    pictures, boxes, classes = tensors([draw(planned, 30)] * 2, {"vehicle": 2})
    assert pictures.shape == (2, 3, 30, 30) and pictures.max() <= 1
    assert boxes[1].shape == (1, 4) and classes[0].tolist() == [2]
    assert tensors([draw(planned, 30)], {"bird": 0})[2][0].tolist() == [-1]


def test_backdrops_are_split() -> None:
    installed("backdrops")
    parts = backdrops(0, 50)
    assert [len(it) for it in parts.values()] == [8, 2, 4]
    every = [it.tobytes() for its in parts.values() for it in its]
    assert len(set(every)) == len(BACKDROPS)
    assert all(max(it.shape) <= 50 for its in parts.values() for it in its)


def test_planned_scenes_hide_nothing_too_much() -> None:
    installed("stamps", "backdrops")
    its = smaller(stamps(), 40)
    assert max(max(it.size) for it in its) <= 40
    things = [[it for it in its if it.kind == kind] for kind in ("bird", "vehicle")]
    rng = np.random.default_rng(0)
    found = [draw(plan(things, backdrops(0, 60)["train"], rng, most=3), 64) for _ in range(20)]
    assert {len(it.kinds) for it in found} == {1, 2, 3}
    assert min(it.visible.min() for it in found) > LEAST - 0.1
    for it in found:
        assert (it.boxes[:, :2] >= 0).all() and (it.boxes[:, 2:] <= 64).all()
        assert (it.boxes[:, 2:] > it.boxes[:, :2]).all()


def test_the_same_seed_gives_the_same_scene() -> None:
    its = [[stamp(10, 20)]]
    ground = [np.arange(50 * 80 * 3).reshape(50, 80, 3).astype(np.uint8)]
    one, two = (draw(plan(its, ground, np.random.default_rng(4)), 32) for _ in range(2))
    np.testing.assert_array_equal(one.picture, two.picture)
    assert torch.equal(*(torch.from_numpy(it.boxes) for it in (one, two)))


@pytest.mark.parametrize("most", [1, 5])
def test_how_many_things(most: int) -> None:
    ground = [np.zeros((50, 80, 3), np.uint8)]
    rng = np.random.default_rng(0)
    counts = [len(plan([[stamp(2, 3)]], ground, rng, most).things) for _ in range(40)]
    assert min(counts) == 1 and max(counts) <= most
