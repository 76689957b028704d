"""The tracker against filterpy's Kalman filter and all assignments, its measures against motmetrics."""

from __future__ import annotations

import itertools

import motmetrics
import numpy as np
import torch
from filterpy.kalman import KalmanFilter

from largemodels.models.tracker import START, assigned, distances, predicted, uncovered, updated
from largemodels.objectives.detection import overlaps
from largemodels.objectives.tracking import Frame, followed


def test_filter_is_that_of_filterpy() -> None:
    rng = np.random.default_rng(0)
    for motion, noise in itertools.product((True, False), (0.3, 7.0)):
        theirs = KalmanFilter(dim_x=2, dim_z=1)
        theirs.F = np.array([[1.0, 1.0], [0.0, 1.0]] if motion else [[1.0, 0.0], [0.0, 0.0]])
        theirs.H, theirs.R = np.array([[1.0, 0.0]]), np.eye(1)
        theirs.Q = noise * np.array([[0.25, 0.5], [0.5, 1.0]] if motion else [[1.0, 0.0], [0.0, 0.0]])
        start = np.diag([1.0, START if motion else 0.0])
        theirs.x, theirs.P = np.array([[3.0], [0.0]]), start.copy()
        # Three tracks in five coordinates; the first coordinate of the second track is filterpy's.
        state, spread = rng.normal(size=(3, 2, 5)), np.tile(start, (3, 1, 1))
        state[1, :, 0] = theirs.x[:, 0]
        for seen in rng.normal(size=(7, 3, 5)).cumsum(axis=0):
            state, spread = predicted(state, spread, noise, motion)
            theirs.predict()
            np.testing.assert_allclose(state[1, :, 0], theirs.x[:, 0])
            state, spread = updated(state, spread, seen)
            theirs.update(seen[1, 0])
            np.testing.assert_allclose(state[1, :, 0], theirs.x[:, 0])
            np.testing.assert_allclose(spread[1], theirs.P)


def test_optimal_assignment_is_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    for rows, columns in ((3, 5), (4, 3), (1, 1), (0, 2)):
        costs, most = rng.random((rows, columns)), 0.4
        few, many = sorted((rows, columns))
        best = (0, 0.0)
        for order in itertools.permutations(range(many), few):
            its = [costs[(i, j) if rows <= columns else (j, i)] for i, j in enumerate(order)]
            its = [it for it in its if it <= most]
            best = min(best, (-len(its), sum(its)))
        a, b = assigned(costs, most)
        assert -len(a) == best[0] and np.isclose(costs[a, b].sum(), best[1])


def scene(rng: np.random.Generator) -> tuple[list[Frame], list[Frame]]:
    """People who wander, and tracks of them that swap numbers, miss and invent."""
    places = rng.uniform(0, 60, (5, 2))
    names, truth, reported = rng.permutation(5) + 11, [], []
    for _ in range(23):
        places += rng.normal(0, 3, places.shape)
        if rng.random() < 0.3:
            a, b = rng.choice(5, 2, replace=False)
            names[[a, b]] = names[[b, a]]
        here, found = rng.random(5) < 0.9, rng.random(5) < 0.8
        boxes = torch.from_numpy(np.hstack([places, places + np.array([9.0, 21.0])]))
        moved = boxes + torch.from_numpy(rng.normal(0, 1.5, (5, 1)))
        truth.append((torch.arange(5)[here] + 3, boxes[here]))
        reported.append((torch.from_numpy(names)[found], moved[found]))
    return truth, reported


def taken_over() -> tuple[list[Frame], list[Frame]]:
    """One track follows a person, then another, then overlaps both, who each had it last."""
    places = [([0, 30], 0), ([0, 30], 30), ([30, 31], 30)]
    boxes = [torch.tensor([[x, 0.0, x + 10, 20] for x in [*true, at]]) for true, at in places]
    people, track = torch.tensor([1, 2]), torch.tensor([1])
    return [(people, it[:2]) for it in boxes], [(track, it[2:]) for it in boxes]


def test_measures_are_those_of_motmetrics() -> None:
    rng, seen = np.random.default_rng(0), 0
    for truth, reported in [taken_over(), *(scene(rng) for _ in range(6))]:
        ours, theirs = followed(truth, reported), motmetrics.MOTAccumulator(auto_id=True)
        for (people, true), (numbers, boxes) in zip(truth, reported, strict=True):
            far = 1 - overlaps(true, boxes).double().numpy()
            theirs.update(people.tolist(), numbers.tolist(), np.where(far <= 0.5, far, np.nan))
        names = ["idf1", "mota", "num_switches", "num_misses", "idtp"]
        its = motmetrics.metrics.create().compute(theirs, metrics=names, name="all").loc["all"]
        np.testing.assert_allclose([ours.idf1(), ours.mota()], [its.idf1, its.mota])
        assert ours.switches.sum() == its.num_switches and ours.own.sum() == its.idtp
        assert (ours.there - ours.found).sum() == its.num_misses
        seen += its.num_switches
    assert seen > 20


def test_nearness_by_hand_and_by_overlaps() -> None:
    rng = np.random.default_rng(0)
    a, b = (np.concatenate([rng.uniform(0, 30, (n, 2)), rng.uniform(8, 30, (n, 1))], axis=1) for n in (3, 5))
    boxes = [
        torch.from_numpy(np.stack([x - 0.205 * h, y - h / 2, x + 0.205 * h, y + h / 2], 1))
        for x, y, h in (a.T, b.T)
    ]
    np.testing.assert_allclose(uncovered(a, b), 1 - overlaps(*boxes).numpy())
    np.testing.assert_allclose(distances(np.array([[1.0, 2, 8]]), np.array([[4.0, 6, 12]])), [[0.5]])
