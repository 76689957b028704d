"""Digits changed by at most a tenth: what noise and attacks do to two classifiers.

    make study NAME=07_challenges/privacy_and_security_fooled

One thread, about a minute. Each row is a network, trained on plain pictures or on their worst
neighbours.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from largemodels.book.studies import Study
from largemodels.data.batches import shuffled
from largemodels.data.pictures import mnist
from largemodels.models.mlp import MLP, MLPConfig
from largemodels.objectives.robust import worst_nearby

BOUND, STEPS, BATCH, RATE = 0.1, 400, 100, 0.002
SEEDS = (0, 1, 2)


@cache
def pictures(part: str) -> tuple[Tensor, Tensor]:
    """Pictures as rows, and labels."""
    x, y = mnist()[part]
    return x.flatten(1), y


def attacked(
    model: MLP, x: Tensor, y: Tensor, steps: int, step: float, start: Tensor | None = None
) -> Tensor:
    """The worst neighbours that some steps find."""

    def loss(changed: Tensor) -> Tensor:
        return F.cross_entropy(model(changed), y, reduction="sum")

    return worst_nearby(loss, x, bound=BOUND, steps=steps, step=step, start=start)


def trained(hardened: bool, seed: int) -> MLP:
    """A network of one hidden layer."""
    torch.manual_seed(seed)
    model = MLP(MLPConfig(d_input=784, d_hidden=(128,), n_class=10, activation="relu"))
    adam = torch.optim.Adam(model.parameters(), RATE)
    source = shuffled(*pictures("train"), batch_size=BATCH, seed=seed)
    for _, (x, y) in zip(range(STEPS), source, strict=False):
        if hardened:
            start = x + BOUND * (2 * torch.rand_like(x) - 1)
            x = attacked(model, x, y, 7, BOUND / 4, start)
        adam.zero_grad()
        F.cross_entropy(model(x), y).backward()
        adam.step()
    return model


def run(hardened: bool, seed: int) -> dict[str, float]:
    """Accuracy on the test pictures, in per cent, as they are and changed in four ways."""
    model = trained(hardened, seed)
    x, y = pictures("test")
    corner = x + BOUND * (2 * torch.randint(0, 2, x.shape).float() - 1)
    tried = {
        "plain": x,
        "noise": corner.clamp(0, 1),
        "one_step": attacked(model, x, y, 1, BOUND),
        "many_steps": attacked(model, x, y, 40, BOUND / 10),
    }
    right = {name: model(it).argmax(1) == y for name, it in tried.items()}
    again = attacked(model, x, y, 40, BOUND / 10, corner)
    right["many_steps"] &= model(again).argmax(1) == y  # fooled by either start
    return {name: 100 * it.double().mean().item() for name, it in right.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/privacy_and_security_fooled")
    for hardened in (False, True):
        for seed in SEEDS:
            study.row(run, hardened=hardened, seed=seed)
    study.save()
