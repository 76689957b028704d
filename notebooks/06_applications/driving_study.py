"""Study of the chapter "Driving by imitation": three learners, four ways to show them the same number of states.

    make study NAME=06_applications/driving

One thread, about ten minutes. All states are generated. An expert that runs the world ahead labels
4,000 of them: those it meets itself ("shown"), those it meets while random actions disturb it
("disturbed", the idea of DART), or, after the first 800, those that the learner meets ("own",
DAgger in four rounds). Learning rate and length of training are chosen for each learner by the loss
on 2,000 other states of the expert's, with the data "shown"; the share of disturbed actions by
points on validation worlds, for each learner. Worlds of the test serve for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

import largemodels as lm
from largemodels.data import traffic
from largemodels.data.batches import shuffled
from largemodels.data.traffic import Traffic, TrafficConfig, plan

SECONDS = 40  # of an episode
BATCH = 800  # labels of a round: 20 episodes without a crash
ROUNDS = 5
VALIDATION, TEST = 800_000, 900_000  # first seeds of their worlds
N_TEST = 400
CRASH = 20.0  # points that a crash costs, as in the expert's plans
LEARNERS = ("Transformer", "MLP", "trees")
RATES = {
    "Transformer": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "MLP": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
    "trees": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
}
SIZES = {  # steps of 128 states, or trees a class
    "Transformer": (75, 150, 300, 600, 1_200, 2_400),
    "MLP": (75, 150, 300, 600, 1_200, 2_400, 4_800),
    "trees": (13, 25, 50, 100, 200, 400),
}
NOISE = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)

States = tuple[np.ndarray, np.ndarray, np.ndarray]  # cars, which there are, the expert's actions
Policy = Callable[[np.ndarray, np.ndarray], np.ndarray]


def worlds(first: int, n: int, **its: Any) -> Traffic:
    """Worlds with their seeds in a row."""
    return Traffic(TrafficConfig(**its), range(first, first + n))


def labelled(first: int, policy: Policy | None, noise: float = 0.0, n: int = BATCH) -> States:
    """States met by a policy, or the expert, disturbed or not, with the expert's actions.

    Episodes are whole; where crashes end some early, there are more of them.
    """
    parts: list[States] = []
    length = SECONDS  # of an episode, so far
    while (have := sum(len(it[0]) for it in parts)) < n:
        many = max(4, int(np.ceil((n - have) / length)))
        its, draw = worlds(first, many), np.random.default_rng(first)
        met: list[list[States]] = [[] for _ in range(many)]
        for _ in range(SECONDS):
            alive = np.flatnonzero(~its.crashed)
            if not len(alive):
                break
            cars, there = its.observe()
            best = np.ones(many, int)
            best[alive] = plan(its.part(alive))
            for it in alive:
                met[it].append((cars[it : it + 1], there[it : it + 1], best[it : it + 1]))
            action = best if policy is None else policy(cars, there)
            random = draw.random(many) < noise
            its.step(np.where(random, draw.integers(5, size=many), action))
        parts += [joined(states) for states in met]
        first += many
        length = sum(len(it[0]) for it in parts) / len(parts)
    return joined(parts, n)


def joined(parts: list[States], n: int | None = None) -> States:
    """One after the other."""
    cars, there, actions = (np.concatenate(it)[:n] for it in zip(*parts, strict=True))
    return cars, there, actions


@cache
def demonstrations(draw: int, rounds: int, noise: float = 0.0) -> States:
    """States that the expert drives through, the first rounds of a draw."""
    return joined([labelled(10_000 * draw + 1_000 * it, None, noise) for it in range(rounds)])


def by_hand(cars: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Distance and relative speed of the next car ahead and behind on the driver's lane and on both beside it.

    Computed from what the Transformer sees, ``(batch, 14)``; where there is no car, 4 and 0 (100 m and no difference).
    The last two say whether there is a lane to the left and to the right.
    """
    own = cars[:, 0, 1].round()
    across, along, speed = cars[:, 1:, 1] + cars[:, :1, 1], cars[:, 1:, 0], cars[:, 1:, 2]
    found = []
    for side in (-1, 0, 1):
        lane = there[:, 1:] & (np.abs(across - (own + side)[:, None]) <= 0.75)
        for sign in (1, -1):
            far = np.where(lane & (sign * along >= 0), np.abs(along), 4.0)
            nearest = far.argmin(axis=1)[:, None]
            far = np.take_along_axis(far, nearest, 1)[:, 0]
            its = np.take_along_axis(speed, nearest, 1)[:, 0]
            found += [far, np.where(far < 4, its, 0.0)]
    return np.stack([*found, own > -1, own < 1], axis=1)


def flat(cars: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Distances by hand and the same numbers in a row, the nearest car first, ``(batch, 91)``."""
    its = by_hand(cars, there), cars.reshape(len(cars), -1), there
    return np.concatenate(its, axis=1).astype(np.float32)


def made(learner: str) -> torch.nn.Module:
    """A network before training."""
    if learner == "Transformer":
        return lm.Driver(lm.DriverConfig(d_model=32, n_layer=2, n_head=4))
    return lm.MLP(lm.MLPConfig(91, (128, 128), 5, activation="relu"))


def given(model: torch.nn.Module, cars: np.ndarray, there: np.ndarray) -> tuple[torch.Tensor, ...]:
    """A network's inputs."""
    if isinstance(model, lm.MLP):
        return (torch.from_numpy(flat(cars, there)),)
    return torch.from_numpy(cars), torch.from_numpy(there)


def fitted(learner: str, states: States, rate: float, size: int, seed: int) -> Any:
    """A learner, trained."""
    cars, there, actions = states
    if learner == "trees":
        its = HistGradientBoostingClassifier(
            learning_rate=rate, max_iter=size, max_leaf_nodes=15, early_stopping=False, random_state=seed
        )
        return its.fit(flat(cars, there), actions)
    torch.manual_seed(seed)
    model = made(learner)
    batches = shuffled(
        *given(model, cars, there), torch.from_numpy(actions), batch_size=128, seed=seed
    )
    config = lm.TrainingConfig(
        steps=size, learning_rate=rate, warmup_steps=size // 20, weight_decay=0.01, evaluate_every=size
    )
    lm.train(model, batches, config)
    return model.eval()


def chances(model: Any, cars: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Probabilities of the actions, ``(batch, 5)``."""
    if isinstance(model, torch.nn.Module):
        with torch.no_grad():
            return model(*given(model, cars, there)).softmax(dim=1).numpy()
    its = np.full((len(cars), 5), 1e-9)
    its[:, model.classes_] = model.predict_proba(flat(cars, there))
    return its


def policy(model: Any) -> Policy:
    """The most probable action."""
    return lambda cars, there: chances(model, cars, there).argmax(axis=1)


def learned(learner: str, how: str, draw: int, rate: float, size: int, noise: float) -> Any:
    """A driver: after 4,000 labels of the expert's, shown in one of the ways."""
    rounds = ROUNDS
    if how == "own":
        states = demonstrations(draw, 1)
        for it in range(1, rounds):
            driver = policy(fitted(learner, states, rate, size, draw))
            first = 10_000 * draw + 5_000 + 1_000 * it
            states = joined([states, labelled(first, driver)])
    else:
        states = demonstrations(draw, rounds, noise if how == "disturbed" else 0.0)
    return fitted(learner, states, rate, size, draw)


def driven(its: Traffic, choose: Callable[[Traffic], np.ndarray | None]) -> dict[str, Any]:
    """Metres and second of the crash of each world, in a row, and what follows from them."""
    crash = np.zeros(len(its), int)
    for second in range(1, SECONDS + 1):
        its.step(choose(its))
        crash[its.crashed & (crash == 0)] = second
    metres = its.distance.round().astype(int)
    lived = np.where(crash > 0, crash, SECONDS)
    points = (metres - 10 * lived) / 20 - CRASH * (crash > 0)
    return {
        "crashes": int((crash > 0).sum()),
        "km": float(metres.sum() / 1000),
        "speed": float(metres.sum() / lived.sum()),
        "points": float(points.mean()),
        "metres": " ".join(map(str, metres)),
        "second": " ".join(map(str, crash)),
    }


def seen(its: Traffic, model: Any) -> np.ndarray:
    """What a learner does in worlds."""
    return policy(model)(*its.observe())


def guessing(its: Traffic) -> np.ndarray:
    """The expert without what no camera sees: each car wants the speed and the lane that it has."""
    guess = its.repeated(1)
    guess.wanted[:, 1:], guess.target[:, 1:] = guess.speed[:, 1:], guess.lane[:, 1:]
    guess.delta[:], guess.timer[:] = 4.0, 0.0
    return plan(guess)


def headway(cars: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Seconds to the rear of the car ahead in the driver's lane, at most 9."""
    ahead = there[:, 1:] & (np.abs(cars[:, 1:, 1]) < 0.5) & (cars[:, 1:, 0] > 0)
    metres = np.where(ahead, 100 * cars[:, 1:, 0] - traffic.LENGTH, np.inf).min(axis=1)
    return np.minimum(metres / np.maximum(5 * cars[:, 0, 2] + 25, 1), 9.0)


