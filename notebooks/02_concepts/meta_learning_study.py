"""Ten points of a sine wave: does it help to have learnt how to learn, or to have good features?

MAML, its first-order form, Reptile, one network for all waves at once, and a shared network with a
last layer for each of 500 waves. Learning rates are those that are best over two seeds that are
not reported, on waves for validation; then five other seeds. The rate of the steps on a new wave
and the strength of the ridge regression are chosen on the validation waves, too.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from largemodels.book.studies import Study, best_inside
from largemodels.objectives.meta import adapt, maml, reptile

STEPS, N_TASKS, SHOTS, MOST = 1_500, 25, 10, 10
N_HEADS = 500
INNER = [1e-3 * 10 ** (k / 4) for k in range(11)]
OUTER = [1e-4 * 10 ** (k / 2) for k in range(8)]
RIDGE = [10.0**k for k in range(-6, 4)]


def network(n_out: int = 1) -> nn.Sequential:
    """Finn's: two hidden layers of 40."""
    return nn.Sequential(
        nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, n_out)
    )


def waves(
    n: int, m: int, generator: torch.Generator, faster: float = 1
) -> tuple[Tensor, Tensor]:
    """Points of waves, m of each of n, amplitude 0.1 to 5, phase 0 to π: x and y, (n, m, 1)."""
    amplitude = 0.1 + 4.9 * torch.rand(n, 1, 1, generator=generator)
    phase = torch.pi * torch.rand(n, 1, 1, generator=generator)
    x = 10 * torch.rand(n, m, 1, generator=generator) - 5
    return x, amplitude * (faster * x - phase).sin()


# Waves that no training sees; the last ones have twice the frequency.
HELD = {
    part: waves(300, SHOTS + 50, torch.Generator().manual_seed(10**6 + k), 1 + (k == 2))
    for k, part in enumerate(("validation", "test", "faster"))
}


def errors(model: nn.Module, part: str, rate: float) -> list[float]:
    """Mean squared error on new points after 0 … 10 steps on ten points."""
    x, y = HELD[part]
    support, query = (x[:, :SHOTS], y[:, :SHOTS]), (x[:, SHOTS:], y[:, SHOTS:])
    start = {name: value.detach() for name, value in model.named_parameters()}
    now = {name: value.expand(len(x), *value.shape) for name, value in start.items()}

    def error(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(functional_call(model, weights, (x,)), y)

    def step(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return adapt(model, weights, x, y, loss=F.mse_loss, rate=rate)

    after = []
    with torch.no_grad():
        for k in range(MOST + 1):
            value = vmap(error)(now, *query).mean().item()
            after.append(value if math.isfinite(value) else 1e9)
            now = vmap(step)(now, *support) if k < MOST else now
    return after


def ridge(features: Callable[[Tensor], Tensor], part: str, strength: float) -> float:
    """Mean squared error if only a last layer is fitted to the ten points, in closed form."""
    x, y = (values.double() for values in HELD[part])
    with torch.no_grad():
        h = features(x.float()).double()  # (300, 60, d)
    h = torch.cat([h, torch.ones_like(h[..., :1])], dim=-1)
    known, new = h[:, :SHOTS], h[:, SHOTS:]
    products = known @ known.mT + strength * torch.eye(SHOTS, dtype=torch.float64)
    weights = known.mT @ torch.linalg.solve(products, y[:, :SHOTS])
    return ((new @ weights - y[:, SHOTS:]) ** 2).mean().item()


def judged(model: nn.Sequential) -> dict[str, object]:
    """Errors by steps at the rate that is best on the validation waves, and of ridge regression."""
    by_rate = {rate: errors(model, "validation", rate) for rate in INNER}
    best = [min(INNER, key=lambda rate: by_rate[rate][k]) for k in range(MOST + 1)]
    result: dict[str, object] = {
        "validation": [by_rate[rate][k] for k, rate in enumerate(best)],
        "rates": best,
    }
    for part in ("test", "faster"):
        found = {rate: errors(model, part, rate) for rate in set(best)}
        result[part] = [found[rate][k] for k, rate in enumerate(best)]
    result |= last_layer(model)
    return result


def last_layer(model: nn.Sequential) -> dict[str, object]:
    """Ridge regression on the network's last hidden layer."""
    strength = min(RIDGE, key=lambda strength: ridge(model[:4], "validation", strength))
    found = {f"ridge, {part}": ridge(model[:4], part, strength) for part in HELD}
    return found | {"strength": strength}


def trained(method: str, rate: float, outer: float, seed: int) -> dict[str, object]:
    """Meta-training with Adam; "joint" fits all waves at once, without steps on each."""
    torch.manual_seed(seed)
    generator, model = torch.Generator().manual_seed(seed), network()
    adam = torch.optim.Adam(model.parameters(), lr=outer)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
    kinds = dict(loss=F.mse_loss, rate=rate)
    for _ in range(STEPS):
        if method == "Reptile":
            x, y = (
                v.view(N_TASKS, 5, SHOTS, 1) for v in waves(N_TASKS, 5 * SHOTS, generator)
            )
            reptile(model, x, y, **kinds)
        else:
            x, y = waves(N_TASKS, 2 * SHOTS, generator)
            steps, first_order = int(method != "joint"), method == "first-order MAML"
            support, query = (x[:, :SHOTS], y[:, :SHOTS]), (x[:, SHOTS:], y[:, SHOTS:])
            maml(model, support, query, steps=steps, first_order=first_order, **kinds)
        adam.step()
        schedule.step()
    return judged(model)


def heads(outer: float, seed: int) -> dict[str, object]:
    """A last layer for each of 500 waves on a shared network; a step sees 64 points of each."""
    torch.manual_seed(seed)
    generator, model = torch.Generator().manual_seed(seed), network(N_HEADS)
    amplitude = 0.1 + 4.9 * torch.rand(N_HEADS, generator=generator)
    phase = torch.pi * torch.rand(N_HEADS, generator=generator)
    adam = torch.optim.Adam(model.parameters(), lr=outer)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS)
    for _ in range(STEPS):
        x = 10 * torch.rand(64, 1, generator=generator) - 5
        loss = F.mse_loss(model(x), amplitude * (x - phase).sin())
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
    return last_layer(model)


def untrained(seed: int) -> dict[str, object]:
    """Random weights."""
    torch.manual_seed(seed)
    return judged(network())


def alone(seed: int) -> dict[str, object]:
    """From random weights, up to 2,000 steps of Adam on each wave's ten points."""
    marks, rates = (10, 30, 100, 300, 1_000, 2_000), (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    found: dict[tuple[float, int], dict[str, float]] = {}
    for rate in rates:
        for part, (x, y) in HELD.items():
            torch.manual_seed(seed)
            model = network()
            weights = {
                name: value.detach().repeat(len(x), *[1] * value.ndim).requires_grad_()
                for name, value in model.named_parameters()
            }
            adam = torch.optim.Adam(weights.values(), lr=rate)
            for k in range(1, marks[-1] + 1):
                adam.zero_grad()
                ((stacked(weights, x[:, :SHOTS]) - y[:, :SHOTS]) ** 2).sum().backward()
                adam.step()
                if k in marks:
                    error = F.mse_loss(stacked(weights, x[:, SHOTS:]), y[:, SHOTS:]).item()
                    found.setdefault((rate, k), {})[part] = error
    rate, k = min(found, key=lambda key: found[key]["validation"])
    return {"best rate": rate, "steps": k} | {
        f"long, {p}": e for p, e in found[rate, k].items()
    }


def stacked(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """As many networks as there are waves at once."""
    for layer in (0, 2, 4):
        x = torch.baddbmm(
            weights[f"{layer}.bias"][:, None], x, weights[f"{layer}.weight"].mT
        )
        x = x.relu() if layer < 4 else x
    return x


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/meta_learning")

    scores: dict[str, float] = {}

    def mean(compute, **key) -> float:
        """Of the validation errors after 1 … 10 steps, or of the ridge regression's, two seeds."""
        if str(key) not in scores:
            rows = [study.row(compute, **key, seed=seed) for seed in (100, 101)]
            lines = [
                row.get("validation", [0, row["ridge, validation"]])[1:] for row in rows
            ]
            scores[str(key)] = sum(sum(line) / len(line) for line in lines)
        return scores[str(key)]

    outer = best_inside(OUTER, OUTER[3:6], lambda outer: mean(heads, outer=outer))
    for seed in range(5):
        study.row(heads, outer=outer, seed=seed)
        study.row(untrained, seed=seed)
    for method in ("MAML", "first-order MAML", "Reptile", "joint"):
        rate, first = INNER[6], OUTER[3]
        if method != "joint":
            rate = best_inside(
                INNER,
                INNER[5:8],
                lambda rate, m=method: mean(trained, method=m, rate=rate, outer=OUTER[3]),
            )
        first = best_inside(
            OUTER,
            OUTER[2:5],
            lambda outer, m=method, r=rate: mean(trained, method=m, rate=r, outer=outer),
        )
        for seed in range(5):
            study.row(trained, method=method, rate=rate, outer=first, seed=seed)
    for seed in range(3):
        study.row(alone, seed=seed)
    study.save()
