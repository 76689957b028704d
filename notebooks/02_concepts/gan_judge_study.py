"""Two judges of pictures: classifiers of Fashion-MNIST, whose last hidden layer measures distances.

Both are trained on the training part; their weights are kept. One thread, about a minute.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study

STEPS, BATCH = 1_200, 128


def judge(kind: str) -> nn.Sequential:
    """Pictures `(batch, 1, 28, 28)` from -1 to 1 to 64 features, then to ten logits."""
    if kind == "convolutions":
        layers = [
            nn.Conv2d(1, 24, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(24, 48, 4, 2, 1),
            nn.ReLU(),
        ]
        layers += [nn.Flatten(), nn.Linear(48 * 49, 64), nn.ReLU()]
    else:
        layers = [nn.Flatten()]
        for a, b in pairwise((784, 256, 64)):
            layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """In per cent."""
    with torch.no_grad():
        return 100 * (model(2 * x - 1).argmax(dim=1) != y).float().mean().item()


def run(kind: str, rate: float, seed: int) -> dict[str, float]:
    """Train one, and keep it."""
    torch.manual_seed(seed)
    parts = lm.fashion_mnist()
    x, y = parts["train"]
    model = judge(kind)
    step = torch.optim.AdamW(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(step, rate, total_steps=STEPS)
    for _ in range(STEPS):
        some = torch.randint(len(x), (BATCH,))
        loss = F.cross_entropy(model(2 * x[some] - 1), y[some])
        step.zero_grad()
        loss.backward()
        step.step()
        schedule.step()
    model.half().float()  # as it is kept
    study.keep(kind, model)
    return {f"{part}_error": error(model, *parts[part]) for part in ("validation", "test")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/gan_judge")
    for kind in ("convolutions", "layers"):
        study.row(run, kind=kind, rate=3e-3, seed=0)
    study.save()
