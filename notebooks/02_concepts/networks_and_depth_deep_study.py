"""At which depth does a network of ReLU layers stop learning the digits, and what brings it back?

Each way of building the network gets the learning rate that is best on validation digits at its
own depth, over three seeds that are not reported, from a ladder that is extended until the best
rate lies inside.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study, best_inside

RATES = [3e-7 * 10 ** (k / 2) for k in range(15)]  # 3e-7 … 3
STEPS, WIDTH = 400, 64
# name: (scale of torch's own starting weights, its biases kept, residual, norm)
WAYS = {
    "torch's start": (1.0, True, False, False),
    "He's start": (6**0.5, False, False, False),
    "torch's start, norm": (1.0, True, False, True),
    "torch's start, residual": (1.0, True, True, False),
}
AT_32 = {
    "torch's weights, no biases": (1.0, False, False, False),
    "He's weights, torch's biases": (6**0.5, True, False, False),
}


class Network(nn.Module):
    """Layers of 64 ReLU units and a head of ten."""

    def __init__(
        self, depth: int, scale: float, biases: bool, residual: bool, norm: bool
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(64, WIDTH) for _ in range(depth))
        self.head, self.residual, self.norm = nn.Linear(WIDTH, 10), residual, norm
        with torch.no_grad():
            for layer in self.layers:
                layer.weight.mul_(scale)
                layer.bias.mul_(biases)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels `(batch, 64)` to logits `(batch, 10)`."""
        for layer in self.layers:
            a = layer(x)
            a = F.relu(F.layer_norm(a, (WIDTH,)) if self.norm else a)
            x = x + a if self.residual else a
        return self.head(x)


def trained(model: nn.Module, groups: list[dict]) -> dict[str, float]:
    """Errors in per cent after training, and the loss; a group has its own learning rate `lr`."""
    parts = {part: (x.flatten(1), y) for part, (x, y) in lm.digits().items()}
    x, y = parts["train"]
    # With so small an eps the size of the gradients has no influence on the steps.
    step = torch.optim.Adam(groups, eps=1e-30)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        step, [group["lr"] for group in groups], total_steps=STEPS, pct_start=0.1
    )
    for _ in range(STEPS):
        some = torch.randint(len(x), (128,))
        loss = F.cross_entropy(model(x[some]), y[some])
        step.zero_grad()
        loss.backward()
        step.step()
        schedule.step()
    result = {}
    with torch.no_grad():
        for part, (x, y) in parts.items():
            wrong = (model(x).argmax(dim=1) != y).float().mean().item()
            result[f"{part}_error"] = 100 * wrong
        loss = F.cross_entropy(model(parts["validation"][0]), parts["validation"][1]).item()
    return result | {"validation_loss": loss if math.isfinite(loss) else 1e9}


def run(way: str, depth: int, rate: float, seed: int) -> dict[str, float]:
    """One network."""
    scale, biases, residual, norm = (WAYS | AT_32)[way]
    torch.manual_seed(seed)
    model = Network(depth, scale, biases, residual, norm)
    return trained(model, [{"params": list(model.parameters()), "lr": rate}])


def tuned(study: Study, compute: Callable[..., dict[str, float]], **key: Any) -> None:
    """Five seeds at the best learning rate."""

    def score(rate: float) -> tuple[float, float]:
        rows = [study.row(compute, **key, rate=rate, seed=seed) for seed in (100, 101, 102)]
        # Where all rates end at chance, the last digits of the loss shall not send the search on.
        loss = round(sum(r["validation_loss"] for r in rows), 1)
        return sum(r["validation_error"] for r in rows), loss

    rate = best_inside(RATES, RATES[6:11:2], score)  # 3e-4, 3e-3, 3e-2 at first
    for seed in range(5):
        study.row(compute, **key, rate=rate, seed=seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/networks_and_depth_deep")
    for way in WAYS | AT_32:
        tuned(study, run, way=way, depth=32)
    for depth in (8, 2):
        for way in WAYS:
            tuned(study, run, way=way, depth=depth)
    study.save()
