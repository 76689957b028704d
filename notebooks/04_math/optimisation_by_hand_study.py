"""Study of the chapter "Optimisation by hand": which optimiser gains by the axes of a valley?

    make study NAME=04_math/optimisation_by_hand

One thread, about 6 minutes. An interrupted study goes on where it stopped.

The loss is tr(Wᵀ A W) / 2 with an (8, 8) matrix W from a normal distribution and curvatures from 1
to κ in A. In the straight version A is diagonal; in the turned one, rows and columns are rotated
at random. The heavy ball and Muon do the same in both, so only the turned one is run. Each
optimiser has 64 choices of its shares β, 8 times 8 for the two of Adam, with 35 learning rates
each. The pair with the least mean power of ten over 20 tuning seeds is tested on 20 others. In the
steepest two valleys the turned race is run over 400 steps, too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

import largemodels as lm
from largemodels.training.optimizers import newton_schulz

SIDE = 8
TUNING_SEEDS, TEST_SEEDS = range(100, 120), range(20)
RATES = 2.0 ** torch.arange(-14, 3.5, 0.5, dtype=torch.float64)  # (35,)
ONE = [(1 - 10 ** (-2 * i / 63), 0.0) for i in range(64)]  # from 0 to 0.99
FIRST = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98)
SECOND = (0.5, 0.7, 0.8, 0.9, 0.97, 0.99, 0.999, 0.9999)
TWO = [(first, second) for first in FIRST for second in SECOND]
CASES = [
    ("heavy ball", "turned"),
    ("Muon", "turned"),
    ("Adam", "straight"),
    ("Adam", "turned"),
]


def valley(kappa: float, version: str, seeds: range) -> tuple[Tensor, Tensor]:
    """Curvatures A and starts W of all seeds, (seeds, 8, 8) each."""
    curvatures, starts = [], []
    for seed in seeds:
        draw = torch.Generator().manual_seed(seed)
        W, *random = torch.randn(3, SIDE, SIDE, generator=draw, dtype=torch.float64)
        R1, R2 = (torch.linalg.qr(it)[0] for it in random)
        A = torch.logspace(0, math.log10(kappa), SIDE, dtype=torch.float64).diag()
        turned = version == "turned"
        curvatures.append(R1 @ A @ R1.mT if turned else A)
        starts.append(R1 @ W @ R2 if turned else W)
    return torch.stack(curvatures), torch.stack(starts)


def direction(
    rule: str, G: Tensor, state: dict[str, Tensor], t: int, betas: Tensor
) -> Tensor:
    """What an optimiser steps along, for matrices (…, 8, 8); t counts from 1."""
    first, second = betas
    zero = torch.zeros_like(G)
    if rule == "heavy ball":
        state["u"] = first * state.get("u", zero) + G
        return state["u"]
    state["m"] = first * state.get("m", zero) + (1 - first) * G
    if rule == "Muon":
        ahead = first * state["m"] + (1 - first) * G
        return newton_schulz(ahead.flatten(0, -3)).view_as(ahead)
    state["v"] = second * state.get("v", zero) + (1 - second) * G**2
    return state["m"] / (1 - first**t) / (state["v"] / (1 - second**t)).sqrt()


def lost(
    rule: str,
    version: str,
    kappa: float,
    steps: int,
    seeds: range,
    betas: Tensor,
    rates: Tensor,
) -> Tensor:
    """The share of the loss left, as a power of ten, for β (2, n) and rates: (n, rates, seeds)."""
    A, start = valley(kappa, version, seeds)
    W = start.expand(betas.shape[1], len(rates), *start.shape)
    state: dict[str, Tensor] = {}
    for t in range(1, steps + 1):
        eta = rates[:, None, None, None] * (1 + math.cos(math.pi * (t - 1) / steps)) / 2
        W = W - eta * direction(rule, A @ W, state, t, betas[:, :, None, None, None, None])
    before, after = ((it * (A @ it)).sum((-2, -1)) for it in (start, W))
    return (after / before).log10().nan_to_num(torch.inf)


def race(rule: str, version: str, kappa: float, steps: int) -> dict[str, object]:
    """The best shares and rate of an optimiser, and the loss it then leaves for each test seed."""
    betas = torch.tensor(TWO if rule == "Adam" else ONE, dtype=torch.float64)
    trials = [
        lost(rule, version, kappa, steps, TUNING_SEEDS, some.T, RATES).mean(-1)
        for some in betas.split(4)
    ]
    tuned = torch.cat(trials)  # (64, rates)
    at, at_rate = divmod(int(tuned.argmin()), len(RATES))
    chosen = betas[at, :, None], RATES[at_rate, None]
    ended = lost(rule, version, kappa, steps, TEST_SEEDS, *chosen)
    places = divmod(at, len(SECOND)) if rule == "Adam" else (at,)
    return {
        "beta": betas[at].tolist(),
        "rate": RATES[at_rate].item(),
        "place of rate": at_rate,
        "places of beta": list(places),
        "tuned": tuned[at, at_rate].item(),
        "lost": ended[0, 0].tolist(),
    }


def main() -> None:
    """All rows: each optimiser, tuned and tested in each valley."""
    study = lm.studies.Study("04_math/optimisation_by_hand")
    for kappa in (10.0, 100.0, 1_000.0, 10_000.0):
        for rule, version in CASES:
            study.row(race, rule=rule, version=version, kappa=kappa, steps=100)
    for kappa in (1_000.0, 10_000.0):
        for rule, version in CASES:
            if version == "turned":
                study.row(race, rule=rule, version=version, kappa=kappa, steps=400)
    study.save()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
