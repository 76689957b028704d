"""Study of the chapter on generalisation: width, wrong labels, and test items that were learnt.

    make study NAME=07_challenges/generalisation_width

One thread, about 2 minutes. A network with one hidden layer learns 1,000 pictures of clothes, with
Adam and as many steps at each width. Some labels are drawn at random. After every 100 steps it is
judged on 500 validation pictures, whose labels are true, and on 4,000 of the test. Then some test
pictures are put among those of the training, or as many others.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study

STEPS, BATCH, RATE = 1_000, 100, 0.003
WIDTHS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
N, N_VALIDATION, N_TEST, N_LEAKED = 1_000, 500, 4_000, 200


@functools.cache
def clothes() -> dict[str, tuple[Tensor, Tensor]]:
    """Grey values of 14 × 14 pixels around 0, ``(n, 196)``, and labels of each part."""
    parts = lm.fashion_mnist()
    some = {"train": (N + N_LEAKED), "validation": N_VALIDATION, "test": N_TEST}
    found = {}
    for part, n in some.items():
        x, y = parts[part]
        found[part] = (2 * F.avg_pool2d(x[:n], 2).flatten(1) - 1, y[:n])
    return found


def network(width: int, seed: int) -> nn.Sequential:
    """One hidden layer: 207 weights for each of its units, and 10."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(196, width), nn.ReLU(), nn.Linear(width, 10))


def share(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Right answers."""
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def learn(
    model: nn.Module, x: Tensor, y: Tensor, steps: int, seed: int, watch: Any = None
) -> None:
    """Adam with a rate that falls to nothing, in passes over the shuffled pictures."""
    generator = torch.Generator().manual_seed(seed)
    adam = torch.optim.Adam(model.parameters(), lr=RATE)
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    order = torch.zeros(0, dtype=torch.long)
    for step in range(1, steps + 1):
        if len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(x), generator=generator)])
        now, order = order[:BATCH], order[BATCH:]
        adam.zero_grad()
        F.cross_entropy(model(x[now]), y[now]).backward()
        adam.step()
        plan.step()
        if watch and step % 100 == 0:
            watch()


def labels(noise: float, seed: int) -> Tensor:
    """The training labels, a share of them replaced by any of the ten at random."""
    generator = torch.Generator().manual_seed(seed)
    y = clothes()["train"][1][:N]
    drawn = torch.randint(10, y.shape, generator=generator)
    return torch.where(torch.rand(N, generator=generator) < noise, drawn, y)


def wide(width: int, noise: float, seed: int) -> dict[str, Any]:
    """At the end, and at the step that is best on the validation pictures."""
    data, y = clothes(), labels(noise, seed)
    model, x = network(width, seed), data["train"][0][:N]
    seen: list[tuple[float, float]] = []

    def watch() -> None:
        seen.append((share(model, *data["validation"]), share(model, *data["test"])))

    learn(model, x, y, STEPS, seed, watch)
    best = max(range(len(seen)), key=lambda k: seen[k][0])
    return {
        "train": share(model, x, y),
        "test": seen[-1][1],
        "test, stopped": seen[best][1],
        "stopped after": 100 * (best + 1),
    }


def leaked(copies: int, of_test: bool, steps: int, seed: int) -> dict[str, Any]:
    """Some pictures, of the test or not, are among the training's so many times."""
    data = clothes()
    x, y = (it[:N] for it in data["train"])
    items = data["test"] if of_test else tuple(it.flip(0) for it in data["train"])
    x, y = (
        torch.cat([mine, *[its[:N_LEAKED]] * copies])
        for mine, its in zip((x, y), items, strict=True)
    )
    model = network(128, seed)
    learn(model, x, y, steps, seed)
    test = data["test"]
    return {
        "on these": share(model, *(it[:N_LEAKED] for it in test)),
        "on the others": share(model, *(it[N_LEAKED:] for it in test)),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/generalisation_width")
    for seed in range(3):
        study.row(wide, width=512, noise=1.0, seed=seed)
        for width in WIDTHS:
            for noise in (0.0, 0.4):
                study.row(wide, width=width, noise=noise, seed=seed)
        for steps in (60, STEPS):
            for copies in (0, 1, 4, 16):
                for of_test in (True, False)[: 1 + (copies > 0)]:
                    study.row(
                        leaked, copies=copies, of_test=of_test, steps=steps, seed=seed
                    )
    study.save()
