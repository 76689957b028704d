"""Study of the chapter "Driving by imitation": two teachers, two ways to show as many states.

    make study NAME=06_applications/driving

One thread, about three minutes. All states are generated. An expert that runs the world ahead, a
careful one that keeps clear of other cars or a daring one that does not, labels 2,400 states: those
it meets itself ("shown") or, after the first 800, those that the learner meets ("own", DAgger in
three rounds). Learning rates are chosen for each learner by the loss on 800 other states of the
careful expert's, with the data "shown" of a draw of its own, the gap of the rule by points on
validation worlds. Worlds of the test serve for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data import traffic
from largemodels.data.batches import shuffled
from largemodels.data.traffic import Traffic, TrafficConfig, plan

SECONDS = 40  # of an episode
BATCH = 800  # labels of a round: 20 episodes without a crash
ROUNDS = 3
TUNING, VALIDATION, TEST = (
    70,
    800_000,
    900_000,
)  # a draw, and the first seeds of their worlds
N_TEST = 200
CRASH = 20.0  # points that a crash costs, as in the expert's plans
RATES = {
    "Transformer": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "MLP": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "trees": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
}
SIZES = {
    "Transformer": 400,
    "MLP": 400,
    "trees": 60,
}  # steps of 64 states, or trees a class
GAPS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # s, that the rule wants to the car ahead
DRAWS = {1.0: 2, 0.0: 1}  # of the careful and of the daring expert, by what nearness costs

States = tuple[np.ndarray, np.ndarray, np.ndarray]  # cars, which there are, best actions
Policy = Callable[[np.ndarray, np.ndarray], np.ndarray]


def worlds(first: int, n: int, **its: Any) -> Traffic:
    """Worlds with their seeds in a row."""
    return Traffic(TrafficConfig(**its), range(first, first + n))


def labelled(
    first: int, policy: Policy | None, near: float = 1.0, noise: float = 0.0, n: int = BATCH
) -> States:
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
            best[alive] = plan(its.part(alive), near=near)
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
def demonstrations(draw: int, rounds: int, near: float = 1.0, noise: float = 0.0) -> States:
    """States that the expert drives through, the first rounds of a draw."""
    return joined(
        [labelled(10_000 * draw + 1_000 * it, None, near, noise) for it in range(rounds)]
    )


def by_hand(cars: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Distance and relative speed of the next cars ahead and behind, on three lanes.

    Computed from what the Transformer sees, ``(batch, 14)``: first the lane to the left, then the
    driver's, then the one to the right. Where there is no car they are 4 and 0 (100 m and no
    difference). The last two say whether there is a lane to the left and to the right.
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


def given(
    model: torch.nn.Module, cars: np.ndarray, there: np.ndarray
) -> tuple[torch.Tensor, ...]:
    """A network's inputs."""
    if isinstance(model, lm.MLP):
        return (torch.from_numpy(flat(cars, there)),)
    return torch.from_numpy(cars), torch.from_numpy(there)


def fitted(learner: str, states: States, rate: float, size: int, seed: int) -> Any:
    """A learner, trained."""
    cars, there, actions = states
    if learner == "trees":
        its = HistGradientBoostingClassifier(
            learning_rate=rate,
            max_iter=size,
            max_leaf_nodes=15,
            early_stopping=False,
            random_state=seed,
        )
        return its.fit(flat(cars, there), actions)
    torch.manual_seed(seed)
    model = made(learner)
    batches = shuffled(
        *given(model, cars, there), torch.from_numpy(actions), batch_size=64, seed=seed
    )
    config = lm.TrainingConfig(
        steps=size,
        learning_rate=rate,
        warmup_steps=size // 20,
        weight_decay=0.01,
        evaluate_every=size,
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


def learned(
    learner: str, how: str, draw: int, rate: float, near: float = 1.0, noise: float = 0.0
) -> Any:
    """A driver: after 2,400 labels of the expert's, shown in one of the ways."""
    size = SIZES[learner]
    if how != "own":
        return fitted(learner, demonstrations(draw, ROUNDS, near, noise), rate, size, draw)
    states = demonstrations(draw, 1, near)
    for it in range(1, ROUNDS):
        driver = policy(fitted(learner, states, rate, size, draw))
        first = 10_000 * draw + 5_000 + 1_000 * it
        states = joined([states, labelled(first, driver, near)])
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


def guessing(its: Traffic, near: float) -> np.ndarray:
    """The expert without what no camera sees: each car wants the speed and the lane that it has."""
    guess = its.repeated(1)
    guess.wanted[:, 1:], guess.target[:, 1:] = guess.speed[:, 1:], guess.lane[:, 1:]
    guess.delta[:], guess.timer[:] = 4.0, 0.0
    return plan(guess, near=near)


def headway(cars: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Seconds to the rear of the car ahead in the driver's lane, at most 9."""
    ahead = there[:, 1:] & (np.abs(cars[:, 1:, 1]) < 0.5) & (cars[:, 1:, 0] > 0)
    metres = np.where(ahead, 100 * cars[:, 1:, 0] - traffic.LENGTH, np.inf).min(axis=1)
    return np.minimum(metres / np.maximum(5 * cars[:, 0, 2] + 25, 1), 9.0)


@cache
def unseen(near: float) -> States:
    """States of an expert's that nobody learns from."""
    return labelled(VALIDATION, None, near)


def tried(learner: str, rate: float) -> dict[str, Any]:
    """A learning rate, by the loss on states of the careful expert's."""
    model = learned(learner, "shown", TUNING, rate)
    cars, there, actions = unseen(1.0)
    found = chances(model, cars, there)[np.arange(len(actions)), actions]
    return {"loss": float(-np.log(np.maximum(found, 1e-9)).mean())}


def drives(
    near: float, learner: str, how: str, draw: int, rate: float, noise: float = 0.0
) -> dict[str, Any]:
    """A learner on the test worlds, and how often it disagrees with the expert, here and there."""
    model = learned(learner, how, draw, rate, near, noise)
    if (draw, learner, noise) == (0, "Transformer", 0.0):
        study.keep(f"{how}_{'careful' if near else 'daring'}", model)
    cars, there, actions = unseen(near)
    met = labelled(VALIDATION + 50_000, policy(model), near, n=400)
    return {
        "wrong_shown": float((policy(model)(cars, there) != actions).mean()),
        "wrong_own": float((policy(model)(*met[:2]) != met[2]).mean()),
        "close_shown": float((headway(cars, there) < 0.5).mean()),
        "close_own": float((headway(*met[:2]) < 0.5).mean()),
    } | driven(worlds(TEST, N_TEST), lambda its: seen(its, model))


def rule(gap: float, first: int, n: int) -> dict[str, Any]:
    """Car 0 follows the rules of the others, but wants 30 m/s and a gap of its own."""
    its = worlds(first, n, gap=gap)
    its.wanted[:, 0] = 30.0
    return driven(its, lambda _: None)


def planned(near: float, knows: bool, n: int) -> dict[str, Any]:
    """An expert on test worlds, with or without knowing what the others want."""
    return driven(
        worlds(TEST, n), lambda its: plan(its, near=near) if knows else guessing(its, near)
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/driving")

    def loss(learner: str, rate: float) -> float:
        """Of a learning rate."""
        return study.row(tried, learner=learner, rate=rate)["loss"]

    def lost(gap: float) -> float:
        """Points that a gap does not bring."""
        return -study.row(rule, gap=gap, first=VALIDATION, n=N_TEST)["points"]

    gap = lm.studies.best_inside(GAPS, (0.25, 0.5, 1.0), lost)
    study.row(rule, gap=gap, first=TEST, n=N_TEST)
    best = {}
    for learner, ladder in RATES.items():
        first = (0.03, 0.1, 0.3) if learner == "trees" else (1e-3, 3e-3, 1e-2)
        best[learner] = lm.studies.best_inside(
            ladder, first, lambda it, who=learner: loss(who, it)
        )
    for near, draws in DRAWS.items():
        for draw in range(draws):
            for learner in ("Transformer", "trees"):
                for how in ("shown", "own"):
                    its = {"near": near, "learner": learner, "how": how, "draw": draw}
                    study.row(drives, **its, rate=best[learner])
    for near in DRAWS:
        study.row(planned, near=near, knows=True, n=N_TEST // 4)
    study.row(planned, near=1.0, knows=False, n=N_TEST // 4)
    study.save()
