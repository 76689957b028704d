"""Generated motorway traffic: many small worlds at once, each with cars that follow rules and one that is driven.

The rules are those of ``highway-env`` 1.12 (Leurent, 2018, https://github.com/Farama-Foundation/HighwayEnv), whose
``highway-fast-v0`` this repeats step by step for a straight road, some hundred times as fast: cars keep their distance
by the Intelligent Driver Model (Treiber, Hennecke and Helbing, 2000, https://arxiv.org/abs/cond-mat/0002177), change
lanes by MOBIL (Kesting, Treiber and Helbing, 2007, https://doi.org/10.3141/1999-10) and move as a bicycle does. Once a
second the driver of car 0 picks one of ``ACTIONS``. What differs: a driven car that would touch another within the next
fifth of a second has crashed at once, and its world stands still from then on.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

ACTIONS = ("left", "idle", "right", "faster", "slower")
SPEEDS = np.array([10.0, 15.0, 20.0, 25.0, 30.0])  # m/s, that the driver of car 0 can ask for
LANE = 4.0  # width of a lane, m
LENGTH, WIDTH = 5.0, 2.0  # of a car, m
STEP = 0.2  # s, of the simulation; a decision lasts for five of them
GAIN, BRAKING = 0.2, 2.0  # m/s²: a lane change must gain so much, and may make the car behind brake so hard
CLEAR = 8.0  # m, that the expert likes to keep free
SEEN = 100.0  # m, how far a driver sees


@dataclass(frozen=True)
class TrafficConfig:
    """A road and how full it is."""

    n_cars: int = 15  # besides the driven one
    lanes: int = 3
    density: float = 1.5  # of cars along the road, relative to highway-env's
    gap: float = (
        1.5  # s, the time gap that the rule wants to the car in front, for car 0 only; the others keep 1.5
    )

    def __post_init__(self) -> None:
        if self.n_cars < 1 or self.lanes < 1:
            raise ValueError("n_cars and lanes must be at least 1.")
        if self.density <= 0 or self.gap <= 0:
            raise ValueError("density and gap must be positive.")


class Traffic:
    """Worlds side by side. All arrays are ``(worlds, cars)``; car 0 is the driven one.

    Attributes:
        x, y: places of the centres, along and across the road, m.
        heading: rad.
        speed: m/s.
        lane, target: the lane nearest to a car, and the one it wants to be on, from 0, the leftmost.
        wanted: the speed it wants to have, m/s.
        delta: exponent of the driver model.
        timer: s since it last thought of changing lanes.
        crashed: ``(worlds,)``.
        distance: ``(worlds,)``, m driven by car 0.
    """

    def __init__(self, config: TrafficConfig, seeds: Iterable[int]) -> None:
        self.config = config
        drawn = [self._draw(config, seed) for seed in seeds]
        x, lane, speed, delta = (np.array(its) for its in zip(*drawn, strict=True))
        self.x, self.y, self.speed, self.delta = x, LANE * lane, speed, delta
        self.heading = np.zeros_like(x)
        self.lane, self.target = lane, lane.copy()
        self.wanted = speed.copy()
        self.timer = (x + self.y) * np.pi % 1.0
        self.crashed = np.zeros(len(x), bool)
        self.distance = np.zeros(len(x))

    @staticmethod
    def _draw(config: TrafficConfig, seed: int) -> tuple[np.ndarray, ...]:
        """Places, lanes, speeds and exponents as highway-env draws them: each car a little ahead of the last."""
        draw, n = np.random.default_rng(seed), config.n_cars
        speed = np.concatenate([[25.0], draw.uniform(21.0, 24.0, n)])
        spacing = np.concatenate([[1.5], np.full(n, 1 / config.density)])
        ahead = spacing * (12 + speed) * np.exp(-config.lanes / 8)
        x = 3 * ahead[0] + np.cumsum(ahead * draw.uniform(0.9, 1.1, n + 1))
        return x, draw.integers(config.lanes, size=n + 1), speed, draw.uniform(3.5, 4.5, n + 1)

    def __len__(self) -> int:
        return len(self.x)

    def repeated(self, times: int) -> Traffic:
        """Each world so many times, one copy after the other."""
        its = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(its, name, np.repeat(value, times, axis=0))
        return its

    def part(self, which: np.ndarray) -> Traffic:
        """Some of the worlds, a copy; a mask or indices ``(worlds,)``."""
        its = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(its, name, value[which].copy())
        return its

    def step(self, actions: np.ndarray | None) -> None:
        """One second.

        Args:
            actions: ``(worlds,)``, indices of ``ACTIONS`` for car 0; None: it follows the rules, too.
        """
        if actions is not None:
            self._ask(np.asarray(actions))
        for _ in range(round(1 / STEP)):
            self._decide(driven=actions is not None)
            self._move()
            self.crashed |= self._touching()

    def _ask(self, actions: np.ndarray) -> None:
        """What the driver of car 0 asks for: another lane, or the next speed above or below the present one."""
        side = (actions == 2).astype(int) - (actions == 0)
        self.target[:, 0] = np.clip(self.target[:, 0] + side, 0, self.config.lanes - 1)
        change = (actions == 3).astype(int) - (actions == 4)
        last = len(SPEEDS) - 1
        now = np.clip(np.round((self.speed[:, 0] - SPEEDS[0]) / 5), 0, last).astype(int)
        asked = SPEEDS[np.clip(now + change, 0, last)]
        self.wanted[:, 0] = np.where(change != 0, asked, self.wanted[:, 0])

    def _around(self) -> tuple[np.ndarray, np.ndarray]:
        """The cars in front of and behind each car on each lane, ``(worlds, cars, lanes)``, -1 where there is none."""
        n = self.x.shape[1]
        order = np.argsort(self.x, axis=1)
        place = np.argsort(order, axis=1)[:, :, None]  # of a car in the order
        y = np.take_along_axis(self.y, order, axis=1)
        on = np.abs(y[:, :, None] - LANE * np.arange(self.config.lanes)) <= LANE / 2 + 1
        rows, end = np.arange(n)[None, :, None], np.full((len(self), 1, self.config.lanes), n)
        after = np.minimum.accumulate(np.where(on, rows, n)[:, ::-1], axis=1)[:, ::-1]
        after = np.concatenate([after[:, 1:], end], axis=1)
        before = np.maximum.accumulate(np.where(on, rows, -1), axis=1)
        before = np.concatenate([end * 0 - 1, before[:, :-1]], axis=1)
        named = np.concatenate([order, np.full((len(self), 1), -1)], axis=1)  # n and -1: no car
        worlds = np.arange(len(self))[:, None, None]
        front, behind = (named[worlds, np.take_along_axis(its, place, 1)] for its in (after, before))
        return front, behind

    def _acceleration(
        self, world: np.ndarray, who: np.ndarray, front: np.ndarray, judge: np.ndarray
    ) -> np.ndarray:
        """What the driver model says to cars ``who`` behind cars ``front``, by the exponent and gap of ``judge``."""
        speed, wanted, heading = (its[world, who] for its in (self.speed, self.wanted, self.heading))
        free = 3.0 * (1 - (np.maximum(speed, 0) / np.clip(wanted, 0.01, 30)) ** self.delta[world, judge])
        away = self.x[world, front] - self.x[world, who]
        away = np.where(np.abs(away) > 0.01, away, np.where(away >= 0, 0.01, -0.01))
        closing = speed - self.speed[world, front] * np.cos(self.heading[world, front] - heading)
        gap = np.where(judge == 0, self.config.gap, 1.5)
        desired = 10.0 + speed * gap + speed * closing / (2 * np.sqrt(15.0))
        held = np.where(front >= 0, 3.0 * (desired / away) ** 2, 0.0)
        return np.where(who >= 0, free - held, 0.0)

    def _wish(self, front: np.ndarray, behind: np.ndarray, now: np.ndarray) -> np.ndarray:
        """The lanes that cars would like, by MOBIL, ``(worlds, cars)``."""
        wish = self.target.copy()
        thinks = (self.lane == self.target) & (self.timer > 1.0)
        self.timer = np.where(thinks, 0.0, self.timer)
        world, car = np.nonzero(thinks & (np.abs(self.speed) >= 1))
        for side in (-1, 1):
            lane = self.lane[world, car] + side
            there = (lane >= 0) & (lane < self.config.lanes)
            world_, car_, lane = world[there], car[there], lane[there]
            then = self._acceleration(world_, car_, front[world_, car_, lane], car_)
            braking = self._acceleration(world_, behind[world_, car_, lane], car_, car_)
            good = (braking >= -BRAKING) & (then - now[world_, car_] >= GAIN)
            wish[world_[good], car_[good]] = lane[good]
        return wish

    def _decide(self, driven: bool) -> None:
        """Lanes, steering and acceleration of all cars."""
        world, car = np.arange(len(self))[:, None], np.arange(self.x.shape[1])[None]
        front, behind = self._around()
        pedal = self._acceleration(world, car, front[world, car, self.lane], car)
        wish = self._wish(front, behind, pedal)
        self._choose(wish, self.lane != self.target, first=int(driven))
        world, car = np.nonzero(self.lane != self.target)
        onto = self._acceleration(world, car, front[world, car, self.target[world, car]], car)
        pedal[world, car] = np.minimum(pedal[world, car], onto)
        self.pedal = np.clip(pedal, -6.0, 6.0)
        if driven:
            self.pedal[:, 0] = (self.wanted[:, 0] - self.speed[:, 0]) / 0.6
        speed = np.where(np.abs(self.speed) > 0.01, self.speed, np.where(self.speed >= 0, 0.01, -0.01))
        across = -(self.y - LANE * self.target) / 0.6
        aim = np.clip(np.arcsin(np.clip(across / speed, -1, 1)), -np.pi / 4, np.pi / 4)
        slip = np.arcsin(np.clip(LENGTH / 2 / speed * (aim - self.heading) / 0.2, -1, 1))
        steering = np.clip(np.arctan(2 * np.tan(slip)), -np.pi / 3, np.pi / 3)
        self.slip = np.arctan(np.tan(steering) / 2)

    def _choose(self, wish: np.ndarray, changing: np.ndarray, first: int) -> None:
        """New lanes, car after car: one that changes turns back if another, close ahead, wants the same lane."""
        for car in range(first, self.x.shape[1]):
            rows = np.flatnonzero(changing[:, car])
            self.target[:, car] = np.where(changing[:, car], self.target[:, car], wish[:, car])
            if not len(rows):
                continue
            lane, speed = self.target[rows, car, None], self.speed[rows, car, None]
            away = self.x[rows] - self.x[rows, car, None]
            closing = speed - self.speed[rows] * np.cos(self.heading[rows] - self.heading[rows, car, None])
            desired = (
                10.0 + speed * (self.config.gap if car == 0 else 1.5) + speed * closing / (2 * np.sqrt(15.0))
            )
            rival = (self.lane[rows] != lane) & (self.target[rows] == lane) & (away > 0) & (away < desired)
            back = rows[rival.any(axis=1)]
            self.target[back, car] = self.lane[back, car]

    def _move(self) -> None:
        """A fifth of a second of motion, where no crash has happened."""
        pedal = np.where(self.speed > 40, np.minimum(self.pedal, 40 - self.speed), self.pedal)
        on = STEP * ~self.crashed[:, None]
        self.distance += (on * self.speed)[:, 0]
        self.x = self.x + on * self.speed * np.cos(self.heading + self.slip)
        self.y = self.y + on * self.speed * np.sin(self.heading + self.slip)
        self.heading = self.heading + on * self.speed * np.sin(self.slip) / (LENGTH / 2)
        self.speed = self.speed + on * pedal
        self.timer = self.timer + on
        across = np.abs(self.y[:, :, None] - LANE * np.arange(self.config.lanes))
        self.lane = across.argmin(axis=2)

    def _touching(self) -> np.ndarray:
        """Whether car 0 touches another car or will within a step, ``(worlds,)``: by separating axes."""
        away = np.hypot(self.x[:, 1:] - self.x[:, :1], self.y[:, 1:] - self.y[:, :1])
        near = away <= np.hypot(LENGTH, WIDTH) + self.speed[:, :1] * STEP
        rows, others = np.nonzero(near & ~self.crashed[:, None])
        others = others + 1
        apart = np.zeros((2, len(rows)), bool)  # now, and within a step
        between = (
            np.stack([self.x, self.y], axis=2)[rows, others] - np.stack([self.x, self.y], axis=2)[rows, 0]
        )
        axes = np.stack([np.cos(self.heading), np.sin(self.heading)], axis=2)
        ahead = axes[rows, 0], axes[rows, others]
        closing = STEP * (self.speed[rows, 0, None] * ahead[0] - self.speed[rows, others, None] * ahead[1])
        for axis in (ahead[0], ahead[0][:, ::-1] * [-1, 1], ahead[1], ahead[1][:, ::-1] * [-1, 1]):
            reach = sum(
                LENGTH / 2 * np.abs((axis * it).sum(1))
                + WIDTH / 2 * np.abs((axis * it[:, ::-1] * [-1, 1]).sum(1))
                for it in ahead
            )
            gap, motion = (axis * between).sum(1), (axis * closing).sum(1)
            # The driven car's shadow grows by its motion relative to the other's.
            low, high = np.minimum(motion, 0), np.maximum(motion, 0)
            apart[0] |= np.abs(gap) > reach
            apart[1] |= (gap - high > reach) | (low - gap > reach)
        touching = np.zeros(len(self), bool)
        touching[rows[~apart.all(axis=0)]] = True
        return touching

    def observe(self, n_seen: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """What a driver sees: itself and the nearest cars, without what the others want.

        Args:
            n_seen: how many other cars at most, the nearest along the road first.

        Returns:
            ``(worlds, 1 + n_seen, 6)``, in units of 25 m, a lane and 5 m/s: place along and across the road, speed
            along and across, wanted speed and lane. Of other cars place and speed are relative to the driver's, and
            what they want is zero; the driver's own place along the road is zero, too. And which rows hold a car,
            ``(worlds, 1 + n_seen)``.
        """
        vx, vy = self.speed * np.cos(self.heading), self.speed * np.sin(self.heading)
        away = self.x - self.x[:, :1]
        near = np.argsort(np.abs(away), axis=1, kind="stable")
        near = np.concatenate([np.zeros((len(self), 1), int), near[near != 0].reshape(len(self), -1)], axis=1)
        near = near[:, : 1 + n_seen]
        its = np.stack([away / 25, (self.y - self.y[:, :1]) / LANE, (vx - vx[:, :1]) / 5, vy / 5], axis=2)
        its = np.take_along_axis(its, near[:, :, None], axis=1)
        seen = np.concatenate([its, np.zeros((*its.shape[:2], 2))], axis=2)
        middle = (self.config.lanes - 1) / 2
        seen[:, 0, 1], seen[:, 0, 2] = self.y[:, 0] / LANE - middle, (vx[:, 0] - 25) / 5
        seen[:, 0, 4], seen[:, 0, 5] = (self.wanted[:, 0] - 25) / 5, self.target[:, 0] - middle
        there = np.abs(np.take_along_axis(away, near, axis=1)) <= SEEN
        return (seen * there[:, :, None]).astype(np.float32), there


def plan(
    traffic: Traffic, seconds: int = 4, change: float = 0.1, crash: float = 20.0, near: float = 1.0
) -> np.ndarray:
    """The action that a driver takes who can run the world ahead: an expert to imitate, and a slow one.

    Each action, followed by none or by slowing down, is tried in a copy of the world, what the other cars want
    included. A second brings from 0 to 1 point for a speed from 10 to 30 m/s.

    Args:
        traffic: left as it is.
        seconds: how far it looks ahead.
        change: points that a lane change costs.
        crash: points that a crash costs.
        near: points that a second costs at whose end less than ``CLEAR`` lies before or behind the car.

    Returns:
        ``(worlds,)``, indices of ``ACTIONS``.
    """
    pairs = np.array(list(itertools.product(range(len(ACTIONS)), (1, 4))))
    ahead = traffic.repeated(len(pairs))
    points = np.zeros(len(ahead))
    for second in range(seconds):
        actions = np.tile(pairs[:, second] if second < 2 else np.full(len(pairs), 1), len(traffic))
        before = ahead.target[:, 0].copy()
        was = ahead.crashed.copy()
        ahead.step(actions)
        speed = np.clip((ahead.speed[:, 0] - 10) / 20, 0, 1)
        points += np.where(ahead.crashed, 0.0, speed) - crash * (ahead.crashed & ~was)
        away, beside = np.abs(ahead.x[:, 1:] - ahead.x[:, :1]), np.abs(ahead.y[:, 1:] - ahead.y[:, :1])
        points -= near * ((away - LENGTH < CLEAR) & (beside < LANE * 0.75)).any(axis=1)
        points -= change * (ahead.target[:, 0] != before)
    # Of equal plans the first that begins with no change.
    points += 1e-6 * (np.tile(pairs[:, 0], len(traffic)) == 1)
    best = points.reshape(len(traffic), -1).argmax(axis=1)
    return np.asarray(pairs[best, 0])
