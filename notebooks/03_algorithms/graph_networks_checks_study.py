"""Study of the chapter "Graph networks": one round, another mean, wider networks, 64 rounds.

    make study NAME=03_algorithms/graph_networks_checks

One thread, about 10 minutes. Four checks of the studies before, on their draws of labels and their
validation labels. "hops" 1: the linear classifier on (1 - weight) X + weight S X, which shows the
neighbours but not theirs. "sage with S": GraphSAGE with the GCN's averaging in place of the mean.
"width" 64: networks as published but wider, with several weight decays. "rounds": the linear
classifier on S^rounds X, after the direction to which all rows tend has been taken out and each
row has been scaled to length 1.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
from graph_networks_networks_study import RATES, train
from graph_networks_study import (
    DRAWS,
    READ,
    averaging,
    bag,
    classify,
    coordinates,
    run,
    split,
)  # fmt: skip
from scipy.sparse.csgraph import connected_components

import largemodels as lm

DECAYS = (5e-4, 2e-3, 5e-3, 2e-2)


@functools.cache
def common() -> np.ndarray:
    """Where S^k tends on the largest component: the roots of the degrees, scaled to length 1."""
    edges = averaging() > 0
    _, of = connected_components(edges)
    degrees = np.asarray(edges.sum(1)).ravel()
    found = np.where(of == np.bincount(of).argmax(), np.sqrt(degrees), 0.0)
    return found / np.linalg.norm(found)


def averaged(h: Any, rounds: int) -> Any:
    """S^rounds H."""
    for _ in range(rounds):
        h = averaging() @ h
    return h


def rest(h: np.ndarray) -> np.ndarray:
    """H without the common direction."""
    return h - np.outer(common(), common() @ h)


@functools.cache
def lengths(read: int, rounds: int) -> tuple[np.ndarray, float]:
    """Of the rows of what is left of S^rounds X, in 400 directions; and its share of the norm."""
    x = bag(read)
    random = np.random.default_rng(0).normal(size=(x.shape[1], 400)) / 20
    whole = averaged(x @ random, rounds)
    left = rest(whole)
    largest = common() > 0
    share = np.linalg.norm(left[largest]) / np.linalg.norm(whole[largest])
    return np.maximum(np.linalg.norm(left, axis=1), 1e-30), float(share)


def left_over(read: int, draw: int, rounds: int) -> dict[str, float]:
    """Accuracy of the linear classifier on what averaging leaves beside the common direction."""
    x, parts, (size, share) = bag(read), split(draw), lengths(read, rounds)

    def forward(v: Any) -> Any:
        return rest(averaged(x @ v, rounds)) / size[:, None]

    def back(u: Any) -> Any:
        return x.T @ averaged(rest(u / size[:, None]), rounds)

    return classify(coordinates(parts[0], forward, back), parts) | {"share": 100 * share}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/graph_networks_checks")
    for draw in DRAWS:
        for read in READ:
            for weight in (0.2, 0.4, 0.6, 0.8):
                study.row(run, read=read, draw=draw, hops=1, weight=weight)
        for rounds in (2, 8, 16, 32, 64):
            study.row(left_over, read=8, draw=draw, rounds=rounds)
    same: dict[str, Any] = {"read": 8, "depth": 2, "recipe": "plain"}

    def score(rate: float) -> float:
        """Wrong on validation labels of the first draw."""
        key = same | {"layer": "sage with S", "learning_rate": rate}
        return -study.row(train, **key, draw=0)["validation"]

    rate = lm.studies.best_inside(RATES, [1e-2, 3e-2], score)
    for draw in DRAWS[1:]:
        study.row(train, **same, layer="sage with S", draw=draw, learning_rate=rate)
    for layer, rate in (("gcn", 1e-2), ("alone", 3e-2)):
        for draw in DRAWS:
            for decay in DECAYS:
                key = same | {"layer": layer, "learning_rate": rate, "width": 64}
                study.row(train, **key, draw=draw, weight_decay=decay)
    study.save()
