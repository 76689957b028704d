"""Study of the chapter "Driving by imitation": an expert, three ways to show as many answers of it.

    make study NAME=06_applications/driving

One thread, about nine minutes. All states are generated. An expert that runs the world ahead, a
careful one that keeps clear of other cars or a daring one that does not, labels 2,400 states: those
it meets itself in drives of 40 s ("shown") or of 10 s ("starts") or, after the first 800, those
that the learner meets ("own", DAgger in three rounds). Learning rate and length of training of each
learner, and the gap of the rule, are those with most points on the same validation worlds, with the
data "shown" of a draw of its own. Worlds of the test serve for nothing else.
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
from largemodels.data.batches import shuffled
from largemodels.data.traffic import Traffic, TrafficConfig, plan

SECONDS = 40  # of an episode
START = 10  # seconds of an episode of "starts", and that the teacher drives before it hands over
EARLY = 5  # seconds at the start whose mistakes are counted apart
BATCH = 800  # labels of a round: 20 episodes without a crash
ROUNDS = 3
TUNING = 70  # a draw
VALIDATION, TEST = 800_000, 900_000  # the first seeds of their worlds
N_TEST = 200
CRASH = 20.0  # points that a crash costs, as in the expert's plans
RATES = {
    "Transformer": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "trees": (0.01, 0.03, 0.05, 0.1, 0.2, 0.3),
}
SIZES = {  # steps of 64 states, or trees a class
    "Transformer": (400, 800, 1500, 3000),
    "trees": (30, 60, 120, 240, 480),
}
FIRST = {  # tried first; then the neighbours of the best until it has none
    "Transformer": ((3e-4, 1500), (1e-3, 800), (1e-3, 1500), (3e-3, 800), (3e-3, 1500)),
    "trees": ((0.05, 60), (0.05, 120), (0.05, 240), (0.1, 60), (0.1, 120)),
}
DROPOUT = 0.1  # tried at the best setting of the Transformer
GAPS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # s, that the rule wants to the car ahead
CASES = {  # draws, by what nearness costs the expert and how its answers are shown
    (1.0, "shown"): 2,
    (1.0, "own"): 2,
    (1.0, "starts"): 2,
    (0.0, "shown"): 1,
}

States = tuple[np.ndarray, np.ndarray, np.ndarray]  # cars, which there are, best actions
Policy = Callable[[np.ndarray, np.ndarray], np.ndarray]


def worlds(first: int, n: int, **its: Any) -> Traffic:
    """Worlds with their seeds in a row."""
    return Traffic(TrafficConfig(**its), range(first, first + n))


def labelled(
    first: int, policy: Policy | None, near: float = 1.0, seconds: int = SECONDS
) -> States:
    """States met by a policy, or the expert, with the expert's actions.

    Episodes are whole; where crashes end some early, there are more of them.
    """
    parts: list[States] = []
    length: float = seconds  # of an episode, so far
    while (have := sum(len(it[0]) for it in parts)) < BATCH:
        many = max(4, int(np.ceil((BATCH - have) / length)))
        its = worlds(first, many)
        met: list[list[States]] = [[] for _ in range(many)]
        for _ in range(seconds):
            alive = np.flatnonzero(~its.crashed)
            if not len(alive):
                break
            cars, there = its.observe()
            best = np.ones(many, int)
            best[alive] = plan(its.part(alive), near=near)
            for it in alive:
                met[it].append((cars[it : it + 1], there[it : it + 1], best[it : it + 1]))
            its.step(best if policy is None else policy(cars, there))
        parts += [joined(states) for states in met]
        first += many
        length = sum(len(it[0]) for it in parts) / len(parts)
    return joined(parts, BATCH)


def joined(parts: list[States], n: int | None = None) -> States:
    """One after the other."""
    cars, there, actions = (np.concatenate(it)[:n] for it in zip(*parts, strict=True))
    return cars, there, actions


@cache
def demonstrations(
    draw: int, rounds: int, near: float = 1.0, seconds: int = SECONDS
) -> States:
    """States that the expert drives through, the first rounds of a draw."""
    first = 10_000 * draw
    return joined(
        [labelled(first + 1_000 * it, None, near, seconds) for it in range(rounds)]
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


def fitted(
    learner: str, states: States, rate: float, size: int, seed: int, dropout: float = 0.0
) -> Any:
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
    model = lm.Driver(lm.DriverConfig(d_model=32, n_layer=2, n_head=4, dropout=dropout))
    batches = shuffled(*map(torch.from_numpy, states), batch_size=64, seed=seed)
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
            return (
                model(torch.from_numpy(cars), torch.from_numpy(there))
                .softmax(dim=1)
                .numpy()
            )
    its = np.full((len(cars), 5), 1e-9)
    its[:, model.classes_] = model.predict_proba(flat(cars, there))
    return its


def policy(model: Any) -> Policy:
    """The most probable action."""
    return lambda cars, there: chances(model, cars, there).argmax(axis=1)


def learned(
    learner: str, how: str, draw: int, near: float, rate: float, size: int, dropout: float
) -> list[Any]:
    """Drivers after as many labels as each round has; but for DAgger there is one round.

    A round of DAgger sees each of its states as often as the last does: a Transformer takes fewer
    steps. Of trees there are always as many.
    """
    if how != "own":
        states = demonstrations(draw, ROUNDS, near, START if how == "starts" else SECONDS)
        return [fitted(learner, states, rate, size, draw, dropout)]
    states, drivers = demonstrations(draw, 1, near), []
    for it in range(1, ROUNDS + 1):
        steps = size * it // ROUNDS if learner == "Transformer" else size
        drivers.append(fitted(learner, states, rate, steps, draw, dropout))
        if it < ROUNDS:
            first = 10_000 * draw + 5_000 + 1_000 * it
            states = joined([states, labelled(first, policy(drivers[-1]), near)])
    return drivers


def written(values: Any) -> str:
    """Whole numbers in a row."""
    return " ".join(str(int(it)) for it in values)


def driven(
    its: Traffic, choose: Callable[[Traffic], np.ndarray | None], seconds: int = SECONDS
) -> dict[str, Any]:
    """Metres and second of the crash of each world, in a row, and what follows from them."""
    crash, before = np.zeros(len(its), int), its.distance.copy()
    for second in range(1, seconds + 1):
        its.step(choose(its))
        crash[its.crashed & (crash == 0)] = second
    metres = (its.distance - before).round().astype(int)
    lived = np.where(crash > 0, crash, seconds)
    points = (metres - 10 * lived) / 20 - CRASH * (crash > 0)
    return {
        "crashes": int((crash > 0).sum()),
        "km": float(metres.sum() / 1000),
        "speed": float(metres.sum() / lived.sum()),
        "points": float(points.mean()),
        "metres": written(metres),
        "second": written(crash),
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


@cache
def unseen(near: float) -> States:
    """States of 20 drives of an expert's that nobody learns from."""
    return labelled(VALIDATION, None, near)


@cache
def begun(near: float) -> Traffic:
    """The test worlds after the expert has driven for a while."""
    its = worlds(TEST, N_TEST)
    for _ in range(START):
        its.step(plan(its, near=near))
    return its


def mistakes(model: Any, near: float) -> dict[str, str]:
    """Decisions of each of 20 own drives, and those the expert would not take: early, later."""
    its = worlds(VALIDATION + 50_000, 20)
    taken, wrong = np.zeros((2, 20), int), np.zeros((2, 20), int)
    for second in range(SECONDS):
        alive = np.flatnonzero(~its.crashed)
        if not len(alive):
            break
        action, late = seen(its, model), int(second >= EARLY)
        best = plan(its.part(alive), near=near)
        taken[late, alive] += 1
        wrong[late, alive] += action[alive] != best
        its.step(action)
    return {
        "own_early": written(taken[0]),
        "own_late": written(taken[1]),
        "wrong_own_early": written(wrong[0]),
        "wrong_own_late": written(wrong[1]),
    }


def tried(learner: str, rate: float, size: int, dropout: float = 0.0) -> dict[str, Any]:
    """A setting, by points on validation worlds; beside them the loss on states of the expert's."""
    model = learned(learner, "shown", TUNING, 1.0, rate, size, dropout)[-1]
    cars, there, actions = unseen(1.0)
    found = chances(model, cars, there)[np.arange(len(actions)), actions]
    its = driven(worlds(VALIDATION, N_TEST), lambda its: seen(its, model))
    loss = float(-np.log(np.maximum(found, 1e-9)).mean())
    return {"loss": loss} | {it: its[it] for it in ("crashes", "km", "points")}


def drives(
    near: float, learner: str, how: str, draw: int, rate: float, size: int, dropout: float
) -> dict[str, Any]:
    """A learner on the test worlds, after a hand-over, and where it disagrees with the expert."""
    drivers = learned(learner, how, draw, near, rate, size, dropout)
    model = drivers[-1]
    if (draw, learner) == (0, "Transformer"):
        study.keep(f"{how}_{'careful' if near else 'daring'}", model)
    cars, there, actions = unseen(near)
    wrong = (policy(model)(cars, there) != actions).reshape(-1, SECONDS)
    its = begun(near)
    its = its.part(np.flatnonzero(~its.crashed))
    after = driven(its, lambda its: seen(its, model), SECONDS - START)
    rounds = [
        driven(worlds(VALIDATION, N_TEST), lambda its, it=it: seen(its, it))
        for it in drivers
    ]
    return {
        "rounds": " ".join(f"{it['points']:.2f}" for it in rounds),
        "round_crashes": written(it["crashes"] for it in rounds),
        "wrong_shown_early": written(wrong[:, :EARLY].sum(axis=1)),
        "wrong_shown_late": written(wrong[:, EARLY:].sum(axis=1)),
        "after_metres": after["metres"],
        "after_second": after["second"],
        **mistakes(model, near),
    } | driven(worlds(TEST, N_TEST), lambda its: seen(its, model))


class Limited(Traffic):
    """Traffic in which the driver by rule has no more than a learner has.

    It does not know which lanes the others want, so it never turns back from a change for them, or
    it decides once a second, or both.
    """

    blind = held = False
    count = 0

    def _choose(self, wish: np.ndarray, changing: np.ndarray, first: int) -> None:
        if self.blind:
            self.target[:, 0] = np.where(changing[:, 0], self.target[:, 0], wish[:, 0])
        super()._choose(wish, changing, first=1 if self.blind else first)

    def _decide(self, driven: bool) -> None:
        lane = self.target[:, 0].copy()
        super()._decide(driven)
        if self.held and self.count % 5:
            self.pedal[:, 0], self.target[:, 0] = self.last, lane
        self.last = self.pedal[:, 0].copy()
        self.count += 1


def limited(gap: float, blind: bool, held: bool) -> dict[str, Any]:
    """The rule on test worlds with what it knows, or how often it decides, cut down."""
    its = Limited(TrafficConfig(gap=gap), range(TEST, TEST + N_TEST))
    its.blind, its.held = blind, held
    its.wanted[:, 0] = 30.0
    return driven(its, lambda _: None)


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


def best(learner: str) -> tuple[float, int]:
    """The setting with most points, after all its neighbours have been tried."""
    points: dict[tuple[float, int], float] = {}
    wanted = list(FIRST[learner])
    while wanted:
        for rate, size in wanted:
            its = study.row(tried, learner=learner, rate=rate, size=size)
            points[rate, size] = its["points"]
        rate, size = max(points, key=points.__getitem__)
        i, j = RATES[learner].index(rate), SIZES[learner].index(size)
        near = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
        inside = [(a, b) for a, b in near if a in range(len(RATES[learner]))]
        inside = [(a, b) for a, b in inside if b in range(len(SIZES[learner]))]
        both = [(RATES[learner][a], SIZES[learner][b]) for a, b in inside]
        wanted = [it for it in both if it not in points]
    return rate, size


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/driving")

    def lost(gap: float) -> float:
        """Points that a gap does not bring."""
        return -study.row(rule, gap=gap, first=VALIDATION, n=N_TEST)["points"]

    gap = lm.studies.best_inside(GAPS, (0.25, 0.5, 1.0), lost)
    study.row(rule, gap=gap, first=TEST, n=N_TEST)
    for blind, held in ((True, False), (False, True), (True, True)):
        study.row(limited, gap=gap, blind=blind, held=held)
    chosen: dict[str, dict[str, Any]] = {}
    for learner in RATES:
        rate, size = best(learner)
        chosen[learner] = {"rate": rate, "size": size, "dropout": 0.0}
    rate, size = chosen["Transformer"]["rate"], chosen["Transformer"]["size"]
    key = {"learner": "Transformer", "rate": rate, "size": size}
    plain = study.row(tried, **key)["points"]
    if study.row(tried, **key, dropout=DROPOUT)["points"] > plain:
        chosen["Transformer"]["dropout"] = DROPOUT
    for (near, how), draws in CASES.items():
        for draw in range(draws):
            for learner in ("trees", "Transformer"):
                its = {"near": near, "learner": learner, "how": how, "draw": draw}
                study.row(drives, **its, **chosen[learner])
    for near in (1.0, 0.0):
        for knows in (True, False):
            study.row(planned, near=near, knows=knows, n=N_TEST // 4)
    study.save()
