"""Shared features of 500 sine waves, trained as long as MAML: how good is a new last layer then?

A step of this training costs about a sixth of a step of MAML, so it gets 5.7 times as many.
The learning rate is that which is best for a seed that is not reported, on waves for validation, on
which the strength of the ridge regression is chosen, too; then five other seeds.
"""

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from largemodels.book.studies import Study, best_inside
from largemodels.objectives.meta import maml

N_HEADS, SHOTS = 500, 10
RATES = [1e-4 * 10 ** (k / 2) for k in range(8)]
RIDGE = [10.0**k for k in range(-9, 4)]


def waves(n: int, m: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points of n waves, m of each, as in the other study: x and y, (n, m, 1)."""
    amplitude = 0.1 + 4.9 * torch.rand(n, 1, 1, generator=generator)
    phase = torch.pi * torch.rand(n, 1, 1, generator=generator)
    x = 10 * torch.rand(n, m, 1, generator=generator) - 5
    return x, amplitude * (x - phase).sin()


HELD = {
    part: waves(300, SHOTS + 50, torch.Generator().manual_seed(10**6 + k))
    for k, part in enumerate(("validation", "test"))
}


def network(n_out: int) -> nn.Sequential:
    """Two hidden layers of 40."""
    return nn.Sequential(
        nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, n_out)
    )


def ridge(features: Callable[[Tensor], Tensor], part: str, strength: float) -> float:
    """Mean squared error if only a last layer is fitted to the ten points, in closed form."""
    x, y = (values.double() for values in HELD[part])
    with torch.no_grad():
        h = F.pad(features(x.float()).double(), (0, 1), value=1.0)  # (300, 60, 41)
    known, new = h[:, :SHOTS], h[:, SHOTS:]
    products = known @ known.mT + strength * torch.eye(SHOTS, dtype=torch.float64)
    weights = known.mT @ torch.linalg.solve(products, y[:, :SHOTS])
    return ((new @ weights - y[:, SHOTS:]) ** 2).mean().item()


def heads(steps: int, outer: float, seed: int) -> dict[str, float]:
    """A last layer for each of 500 waves on a shared network; a step sees 64 points of each."""
    torch.manual_seed(seed)
    generator, model = torch.Generator().manual_seed(seed), network(N_HEADS)
    amplitude = 0.1 + 4.9 * torch.rand(N_HEADS, generator=generator)
    phase = torch.pi * torch.rand(N_HEADS, generator=generator)
    adam = torch.optim.Adam(model.parameters(), lr=outer)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    began = time.process_time()
    for _ in range(steps):
        x = 10 * torch.rand(64, 1, generator=generator) - 5
        loss = F.mse_loss(model(x), amplitude * (x - phase).sin())
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
    seconds = time.process_time() - began
    strength = min(RIDGE, key=lambda strength: ridge(model[:4], "validation", strength))
    found = {f"ridge, {part}": ridge(model[:4], part, strength) for part in HELD}
    return found | {"strength": strength, "core_seconds": seconds}


def cost_of_maml(steps: int, seed: int) -> dict[str, float]:
    """Seconds of a training of the other study, without its judgement."""
    torch.manual_seed(seed)
    generator, model = torch.Generator().manual_seed(seed), network(1)
    adam = torch.optim.Adam(model.parameters(), lr=0.03)
    began = time.process_time()
    for _ in range(steps):
        x, y = waves(25, 2 * SHOTS, generator)
        support, query = (x[:, :SHOTS], y[:, :SHOTS]), (x[:, SHOTS:], y[:, SHOTS:])
        maml(model, support, query, loss=F.mse_loss, rate=0.018)
        adam.step()
    return {"core_seconds": time.process_time() - began}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/meta_learning_longer")
    study.row(cost_of_maml, steps=1_500, seed=0)
    study.row(heads, steps=1_500, outer=RATES[5], seed=0)
    rate = best_inside(
        RATES,
        RATES[4:7],
        lambda rate: study.row(heads, steps=8_500, outer=rate, seed=100)[
            "ridge, validation"
        ],
    )
    for seed in range(5):
        study.row(heads, steps=8_500, outer=rate, seed=seed)
    study.save()
