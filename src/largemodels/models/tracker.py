"""Tracking by detection: which box of this frame is who of the last one?

Bewley et al., 2016, "Simple online and realtime tracking" (https://arxiv.org/abs/1602.00763): a Kalman filter (Kalman,
1960, https://doi.org/10.1115/1.3662552) says where each person will be, and an assignment hands out the new boxes so
that all of them together are as near as possible (Kuhn, 1955, https://doi.org/10.1002/nav.3800020109).

What differs from the paper: nearness is the distance of the middles in heights of a person unless ``overlap`` is set;
the filter knows the middle and the height, all three with a velocity; and a track is reported from its first box on.
``motion=False`` and ``optimal=False`` give the simpler trackers that this one should beat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDE = 0.41  # width of a person over the height, for overlaps
START = 10.0  # variance of a new track's velocity, in variances of one measurement


@dataclass(frozen=True)
class TrackerConfig:
    """Settings; a frame is the unit of time."""

    motion: bool = True  # expect people to walk on; otherwise where they were last
    optimal: bool = True  # the best of all assignments; otherwise the nearest pair first
    noise: float = (
        1.0  # variance that a step adds, to the velocity or without motion to the place, over a measurement's
    )
    overlap: bool = False  # near is who overlaps, as in the paper; otherwise whose middle is near
    gate: float = (
        0.5  # heights that a box may be from where its person is expected; or one minus the least overlap
    )
    patience: int = 10  # frames that a track without a box waits for one
    least: float = 0.3  # score of a box below which it is left out

    def __post_init__(self) -> None:
        if self.noise <= 0 or self.gate <= 0:
            raise ValueError("noise and gate must be positive.")
        if self.patience < 0:
            raise ValueError("patience counts frames; it cannot be negative.")


def predicted(
    state: np.ndarray, spread: np.ndarray, noise: float, motion: bool
) -> tuple[np.ndarray, np.ndarray]:
    """One step of time.

    Args:
        state: places and velocities of n tracks in k coordinates, ``(n, 2, k)``.
        spread: covariance of place and velocity, the same for each coordinate, ``(n, 2, 2)``, in variances of one
            measurement.
        noise: see :class:`TrackerConfig`.
        motion: whether a velocity is kept.
    """
    step = np.array([[1.0, 1.0], [0.0, 1.0]] if motion else [[1.0, 0.0], [0.0, 0.0]])
    added = noise * np.array([[0.25, 0.5], [0.5, 1.0]] if motion else [[1.0, 0.0], [0.0, 0.0]])
    return step @ state, step @ spread @ step.T + added


def updated(state: np.ndarray, spread: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """State and spread after places were measured, ``(n, k)``, each with variance 1."""
    gain = spread[:, :, :1] / (spread[:, :1, :1] + 1)  # (n, 2, 1)
    return state + gain * (seen[:, None] - state[:, :1]), spread - gain @ spread[:, :1]


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of each pair of people the distance of the middles in mean heights; x, y, height, ``(n, 3)``, ``(m, 3)``."""
    far = np.linalg.norm(a[:, None, :2] - b[None, :, :2], axis=2)
    heights: np.ndarray = np.maximum(2.0, a[:, None, 2] + b[None, :, 2]) / 2
    return far / heights


def uncovered(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of each pair one minus the intersection over union of their boxes, all equally slim."""
    sizes = [np.stack([WIDE * it[:, 2], it[:, 2]], axis=1).clip(min=1) for it in (a, b)]
    low, high = (
        pick(a[:, None, :2] + sign * sizes[0][:, None] / 2, b[None, :, :2] + sign * sizes[1][None] / 2)
        for pick, sign in ((np.maximum, -1), (np.minimum, 1))
    )
    shared = (high - low).clip(min=0).prod(axis=2)
    areas = [it.prod(axis=1) for it in sizes]
    return np.asarray(1 - shared / (areas[0][:, None] + areas[1][None] - shared))


def assigned(costs: np.ndarray, most: float, optimal: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that belong together, no pair of which costs more than ``most``.

    Args:
        costs: ``(n, m)``.
        most: of a pair.
        optimal: as many pairs as possible with the least sum; otherwise always the cheapest pair that is left.
    """
    if optimal:
        from scipy.optimize import linear_sum_assignment  # needed here alone

        dear = most * (min(costs.shape, default=0) + 1) + 1  # one pair more is always worth it
        rows, columns = linear_sum_assignment(np.where(costs <= most, costs, dear))
        good = costs[rows, columns] <= most
        return rows[good], columns[good]
    left, pairs = np.where(costs <= most, costs, np.inf), []
    while left.size and np.isfinite(left.min()):
        row, column = np.unravel_index(left.argmin(), left.shape)
        pairs.append((row, column))
        left[row], left[:, column] = np.inf, np.inf
    its = np.array(pairs, dtype=int).reshape(-1, 2)
    return its[:, 0], its[:, 1]


class Tracker:
    """Gives the boxes of one frame after the other numbers, the same number to the same person."""

    def __init__(self, config: TrackerConfig) -> None:
        self.config = config
        self.state, self.spread = np.zeros((0, 2, 3)), np.zeros((0, 2, 2))
        self.who, self.waits = np.zeros(0, dtype=int), np.zeros(0, dtype=int)
        self.born = 0

    def step(self, boxes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The next frame.

        Args:
            boxes: left, top, right, bottom, ``(n, 4)``.
            scores: ``(n,)``.

        Returns:
            for each box the number of its person, 0 where its score is too low, ``(n,)``; and for each box where the
            person was expected, x and y of the middle, NaN for new ones, ``(n, 2)``.
        """
        config = self.config
        self.state, self.spread = predicted(self.state, self.spread, config.noise, config.motion)
        used = np.flatnonzero(scores >= config.least)
        its = boxes[used].astype(float)
        seen = np.stack([its[:, [0, 2]].mean(1), its[:, [1, 3]].mean(1), its[:, 3] - its[:, 1]], axis=1)
        far = (uncovered if config.overlap else distances)(self.state[:, 0], seen)
        rows, columns = assigned(far, config.gate, config.optimal)
        numbers, expected = np.zeros(len(boxes), dtype=int), np.full((len(boxes), 2), np.nan)
        numbers[used[columns]] = self.who[rows]
        expected[used[columns]] = self.state[rows, 0, :2]
        self.waits += 1
        self.waits[rows] = 0
        self.state[rows], self.spread[rows] = updated(self.state[rows], self.spread[rows], seen[columns])
        fresh = np.setdiff1d(np.arange(len(used)), columns)
        numbers[used[fresh]] = self._begin(seen[fresh])
        self._keep(self.waits <= config.patience)
        return numbers, expected

    def _begin(self, seen: np.ndarray) -> np.ndarray:
        """New tracks; their numbers."""
        numbers = self.born + 1 + np.arange(len(seen))
        self.born += len(seen)
        start = np.diag([1.0, START if self.config.motion else 0.0])
        self.state = np.concatenate([self.state, np.stack([seen, np.zeros_like(seen)], axis=1)])
        self.spread = np.concatenate([self.spread, np.tile(start, (len(seen), 1, 1))])
        self.who = np.concatenate([self.who, numbers])
        self.waits = np.concatenate([self.waits, np.zeros(len(seen), dtype=int)])
        return numbers

    def _keep(self, kept: np.ndarray) -> None:
        """Forget the other tracks."""
        self.state, self.spread = self.state[kept], self.spread[kept]
        self.who, self.waits = self.who[kept], self.waits[kept]
