"""Study of the chapter "Image classification": networks whose weights all learn.

    make study NAME=06_applications/image_classification_tuned

One thread, about 10 minutes: 100 labels a class, two of the four folds. Modules and labels are
those of the study of frozen features, one draw of labels each. "tuned" is EfficientNet-Lite0 from
ImageNet at 128 × 128 pixels, whose new head starts as logistic regression on frozen features and
whose batch normalisation keeps ImageNet's means; "scratch" is a ResNet of ten layers that has
learnt nothing before, at the same size. Each tries learning rates until the best on validation
modules lies inside a ladder; that run's ranks of the test cells count. They are ranked in bfloat16.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from image_classification_study import (
    cells,
    defective,
    judged,
    labelled,
    parts,
    small,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

import largemodels as lm
from largemodels.pretrained.efficientnet import lite0_pixels, load_efficientnet_lite0

SIDE, BATCH_SIZE, DECAY = 128, 16, 0.01
STEPS = {"tuned": {20: 25, 100: 50, 450: 100}, "scratch": {20: 100, 100: 150, 450: 250}}
RATES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3]
FIRST = {"tuned": 3e-4, "scratch": 3e-3}


@functools.cache
def pictures() -> Tensor:
    """All cells as networks see them, ``(2624, 1, 128, 128)``, scaled as for EfficientNet."""
    return torch.cat([lite0_pixels(small(SIDE, it)) for it in cells().pictures.split(256)])


def input_of(rows: np.ndarray | Tensor, channels: int) -> Tensor:
    """Pictures of some cells, for a network of so many channels."""
    some = pictures()[torch.as_tensor(rows)].expand(-1, channels, -1, -1)
    return some.contiguous(memory_format=torch.channels_last)


def flipped(some: Tensor) -> Tensor:
    """Each picture mirrored with probability 1/2, upright and sideways."""
    for axis in (2, 3):
        turn = torch.rand(len(some)) < 0.5
        some = torch.where(turn[:, None, None, None], some.flip(axis), some)
    return some.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def answers(network: nn.Module, rows: np.ndarray, channels: int) -> np.ndarray:
    """Scores of some cells, in evaluation mode."""
    network.eval()
    some = np.array_split(rows, max(1, len(rows) // 32))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = [network(input_of(it, channels))[:, 0].float() for it in some]
    return torch.cat(found).numpy()


def pretrained(taught: np.ndarray) -> lm.EfficientNetLite:
    """EfficientNet-Lite0 with a head of one output, logistic regression on its features."""
    network = load_efficientnet_lite0()
    with torch.no_grad():
        some = np.array_split(taught, max(1, len(taught) // 32))
        seen = torch.cat([network.features(input_of(it, 3)) for it in some]).numpy()
    mean, deviation = seen.mean(0), seen.std(0) + 1e-3
    start = LogisticRegression(C=0.01, max_iter=1_000)
    start.fit((seen - mean) / deviation, defective()[taught])
    weight = start.coef_[0] / deviation
    network.head = nn.Linear(len(mean), 1)
    with torch.no_grad():
        network.head.weight.copy_(torch.tensor(weight)[None])
        network.head.bias.fill_(float(start.intercept_[0] - weight @ mean))
    return network.to(memory_format=torch.channels_last)


def fresh() -> lm.ResNet:
    """Ten layers, 16 to 128 channels, 307,761 parameters."""
    config = lm.ResNetConfig(
        in_channels=1, stem_channels=16, channels=(16, 32, 64, 128), n_blocks=(1, 1, 1, 1),
        block="basic", stem="large", n_classes=1,
    )  # fmt: skip
    return lm.ResNet(config).to(memory_format=torch.channels_last)


def learn(
    network: nn.Module,
    taught: np.ndarray,
    steps: int,
    rate: float,
    channels: int,
    frozen_norm: bool,
) -> None:
    """AdamW on balanced labels, the rate rising for a tenth of the steps and falling to 0."""
    truth = torch.tensor(defective(), dtype=torch.float)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=DECAY)
    network.train()
    if frozen_norm:
        network.eval()
    order = torch.empty(0, dtype=torch.long)
    for step in range(steps):
        if len(order) < BATCH_SIZE:
            order = torch.cat([order, torch.as_tensor(taught)[torch.randperm(len(taught))]])
        rows, order = order[:BATCH_SIZE], order[BATCH_SIZE:]
        part = min((step + 1) / (0.1 * steps), (steps - step) / (0.9 * steps), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate * part
        scores = network(flipped(input_of(rows, channels)))[:, 0]
        loss = F.binary_cross_entropy_with_logits(scores, truth[rows])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()


def run(who: str, n: int, fold: int, rate: float, how: str = "modules") -> dict[str, Any]:
    """Learn at one rate; validation decides, the test is ranked on the side."""
    torch.manual_seed(fold)
    taught = labelled(fold, how, n, 0)
    network = pretrained(taught) if who == "tuned" else fresh()
    channels = 3 if who == "tuned" else 1
    learn(network, taught, STEPS[who][n], rate, channels, frozen_norm=who == "tuned")
    its = parts(fold, how)
    found = {
        part: answers(network, its[part], channels).astype(np.float64)
        for part in ("validation", "test")
    }
    area = roc_auc_score(defective()[its["validation"]], found["validation"])
    row = {"validation": 100 * float(area), **judged(found, fold, how)}
    del row["tied"]
    return row


def choose(study: Any, who: str, n: int, fold: int) -> None:
    """Rates until the best on validation modules lies inside the ladder."""

    def score(rate: float) -> float:
        row = study.row(run, who=who, n=n, fold=fold, rate=rate)
        return -round(float(row["validation"]), 3)

    lm.studies.best_inside(RATES, [FIRST[who]], score)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/image_classification_tuned")
    for fold in (0, 1):
        for who in STEPS:
            choose(study, who, 100, fold)
    study.save()
