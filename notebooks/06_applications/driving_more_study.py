"""Study of the chapter "Driving by imitation": the same inputs for both learners, and more worlds.

    make study NAME=06_applications/driving_more

One thread, about seven minutes. The Transformer also gets the distances that are worked out by hand
for the trees, as further numbers of its own car, and the trees do without; both are tuned by the
search of the study "driving". In "spread" the careful teacher drives the worlds of "starts" for
forty seconds, and each fourth second is learnt from: as many worlds and answers, of whole drives.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import driving_study as base
import numpy as np
import torch
from driving_draws_study import CHOSEN
from sklearn.ensemble import HistGradientBoostingClassifier

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.batches import shuffled
from largemodels.data.traffic import Traffic, plan

N_DRAWS, N_WORLDS, APART = 6, 80, 4  # worlds of a round, seconds between those learnt from
NAMES = {"trees": "trees without distances", "Transformer": "Transformer with distances"}


def beside(cars: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Cars with the distances by hand beside the driver's own numbers, ``(batch, n, 6 + 14)``."""
    by_hand = base.by_hand(cars, there)
    more = np.zeros((*cars.shape[:2], by_hand.shape[1]), np.float32)
    more[:, 0] = by_hand
    return np.concatenate([cars, more], axis=2).astype(np.float32)


def plain(cars: np.ndarray, there: np.ndarray) -> np.ndarray:
    """What the Transformer sees, in a row, the nearest car first, ``(batch, 77)``."""
    return np.concatenate([cars.reshape(len(cars), -1), there], axis=1).astype(np.float32)


def swapped(
    learner: str, states: base.States, rate: float, size: int, seed: int, dropout: float
) -> base.Policy:
    """A learner with the inputs of the other, trained."""
    cars, there, actions = states
    if learner == "trees":
        trees = HistGradientBoostingClassifier(
            learning_rate=rate,
            max_iter=size,
            max_leaf_nodes=15,
            early_stopping=False,
            random_state=seed,
        ).fit(plain(cars, there), actions)
        return lambda cars, there: trees.predict(plain(cars, there))
    torch.manual_seed(seed)
    seen = beside(cars, there)
    model = lm.Driver(
        lm.DriverConfig(
            d_car=seen.shape[2], d_model=32, n_layer=2, n_head=4, dropout=dropout
        )
    )
    parts = map(torch.from_numpy, (seen, there, actions))
    config = lm.TrainingConfig(
        steps=size,
        learning_rate=rate,
        warmup_steps=size // 20,
        weight_decay=0.01,
        evaluate_every=size,
    )
    lm.train(model, shuffled(*parts, batch_size=64, seed=seed), config)
    model.eval()

    @torch.no_grad()
    def choose(cars: np.ndarray, there: np.ndarray) -> np.ndarray:
        found = model(torch.from_numpy(beside(cars, there)), torch.from_numpy(there))
        return found.argmax(dim=1).numpy()

    return choose


def driven(choose: base.Policy, first: int) -> dict[str, Any]:
    """What comes of worlds that a policy drives."""

    def decide(its: Traffic) -> np.ndarray:
        return choose(*its.observe())

    return base.driven(base.worlds(first, base.N_TEST), decide)


def tried(learner: str, rate: float, size: int, dropout: float = 0.0) -> dict[str, Any]:
    """A setting with the other's inputs, by points on validation worlds."""
    states = base.demonstrations(base.TUNING, base.ROUNDS)
    its = driven(
        swapped(learner, states, rate, size, base.TUNING, dropout), base.VALIDATION
    )
    return {it: its[it] for it in ("crashes", "km", "points")}


@cache
def spread(draw: int) -> base.States:
    """Each fourth second of whole drives of the careful teacher, in the worlds of "starts"."""
    parts: list[base.States] = []
    for it in range(base.ROUNDS):
        its = base.worlds(10_000 * draw + 1_000 * it, N_WORLDS)
        for second in range(base.SECONDS):
            best, (cars, there) = plan(its), its.observe()
            rows = ~its.crashed & ((np.arange(N_WORLDS) + second) % APART == 0)
            parts.append((cars[rows], there[rows], best[rows]))
            its.step(best)
    return base.joined(parts)


def drives(
    learner: str, how: str, draw: int, rate: float, size: int, dropout: float, near: float
) -> dict[str, Any]:
    """A learner on the test worlds."""
    if how == "spread":
        states = spread(draw)
        choose = base.policy(base.fitted(learner, states, rate, size, draw, dropout))
    else:
        kind = {name: it for it, name in NAMES.items()}[learner]
        states = base.demonstrations(draw, base.ROUNDS)
        choose = swapped(kind, states, rate, size, draw, dropout)
    its = driven(choose, base.TEST)
    return {"answers": len(states[2])} | its


def best(learner: str) -> dict[str, Any]:
    """The setting with most points, after all its neighbours and dropout have been tried."""
    points: dict[tuple[float, int], float] = {}
    wanted = list(base.FIRST[learner])
    rates, sizes = base.RATES[learner], base.SIZES[learner]
    while wanted:
        for rate, size in wanted:
            its = study.row(tried, learner=learner, rate=rate, size=size)
            points[rate, size] = its["points"]
        rate, size = max(points, key=points.__getitem__)
        i, j = rates.index(rate), sizes.index(size)
        near = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
        both = [
            (rates[a], sizes[b])
            for a, b in near
            if a in range(len(rates)) and b in range(len(sizes))
        ]
        wanted = [it for it in both if it not in points]
    chosen = {"rate": rate, "size": size, "dropout": 0.0}
    if learner == "Transformer":
        its = study.row(tried, learner=learner, rate=rate, size=size, dropout=base.DROPOUT)
        if its["points"] > points[rate, size]:
            chosen["dropout"] = base.DROPOUT
    return chosen


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/driving_more")
    for learner, name in NAMES.items():
        its = best(learner)
        for draw in range(N_DRAWS):
            study.row(drives, learner=name, how="shown", draw=draw, near=1.0, **its)
    for draw in range(N_DRAWS):
        for learner, chosen in CHOSEN.items():
            study.row(drives, learner=learner, how="spread", draw=draw, near=1.0, **chosen)
    study.save()
