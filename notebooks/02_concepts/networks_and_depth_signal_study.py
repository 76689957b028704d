"""Is it the scale of the weights or the shrunken signal that keeps 32 ReLU layers from learning?

PyTorch's weights stay as they are; one number multiplies the last hidden layer before the head.
The biases of the hidden layers start at zero and are either held there or trained. As in the study
of depth, each way gets its own best learning rate, over three seeds that are not reported.
"""

import math

import networks_and_depth_deep_study as first
import torch
import torch.nn.functional as F
from torch import Tensor

import largemodels as lm
from largemodels.book.studies import Study, best_inside

DEPTH = 32


class Network(first.Network):
    """The network of the study of depth with PyTorch's weights and a multiplied signal."""

    def __init__(self, factor: float, held: bool) -> None:
        super().__init__(DEPTH, scale=1.0, biases=False, residual=False, norm=False)
        self.factor = factor
        for layer in self.layers:
            layer.bias.requires_grad_(not held)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels `(batch, 64)` to logits `(batch, 10)`."""
        for layer in self.layers:
            x = F.relu(layer(x))
        return self.head(self.factor * x)


def run(power: int, held: bool, rate: float, seed: int) -> dict[str, float]:
    """Errors in per cent after training with the signal times 6^power, and the loss."""
    parts = {part: (x.flatten(1), y) for part, (x, y) in lm.digits().items()}
    torch.manual_seed(seed)
    model = Network(6.0**power, held)
    x, y = parts["train"]
    trained = [p for p in model.parameters() if p.requires_grad]
    step = torch.optim.Adam(trained, lr=rate, eps=1e-30)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        step, rate, total_steps=first.STEPS, pct_start=0.1
    )
    for _ in range(first.STEPS):
        some = torch.randint(len(x), (128,))
        step.zero_grad()
        F.cross_entropy(model(x[some]), y[some]).backward()
        step.step()
        schedule.step()
    result = {}
    with torch.no_grad():
        for part, (x, y) in parts.items():
            wrong = (model(x).argmax(dim=1) != y).float().mean().item()
            result[f"{part}_error"] = 100 * wrong
        loss = F.cross_entropy(model(parts["validation"][0]), parts["validation"][1]).item()
    return result | {"validation_loss": loss if math.isfinite(loss) else 1e9}


def tuned(study: Study, power: int, held: bool) -> None:
    """Five seeds at the best learning rate."""

    def score(rate: float) -> tuple[float, float]:
        rows = [
            study.row(run, power=power, held=held, rate=rate, seed=seed)
            for seed in (100, 101, 102)
        ]
        # As in the study of depth: at chance, the last digits of the loss decide nothing.
        loss = round(sum(r["validation_loss"] for r in rows), 1)
        return sum(r["validation_error"] for r in rows), loss

    rate = best_inside(first.RATES, first.RATES[6:11:2], score)  # 3e-4, 3e-3, 3e-2 at first
    for seed in range(5):
        study.row(run, power=power, held=held, rate=rate, seed=seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/networks_and_depth_signal")
    for power, held in ((0, True), (16, True), (16, False)):
        tuned(study, power, held)
    study.save()
