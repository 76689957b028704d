"""Second study of the chapter "From AlexNet to ResNet": does the agreement of gradients decide?

    make study NAME=01_history/alexnet_to_resnet_agreement

One thread, about 8 minutes. In the first study, networks of 50 layers learnt well where the
gradients for almost equal batches agreed before training. Here are three kinds that could refute
that this decides: shortcuts of strength 0.7 and 0.8, and a plain network whose filters are random,
as usual, but mirrored, so that no ReLU loses anything. All is as in the first study, the tuning
included. For these and for four kinds of the first study, agreement is measured before training and
after 30 and 60 of its 300 steps, on almost equal batches and on two different ones. Three plain
networks are trained without the clipping of large gradients, too.
"""

from __future__ import annotations

import copy
from typing import Any

import alexnet_to_resnet_study as first
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.batches import shuffled

DEPTH, EVERY, LAST_MEASURED = 50, 30, 60
NEW = (
    {"shortcut": 0.7, "start": "random"},
    {"shortcut": 0.8, "start": "random"},
    {"shortcut": 0.0, "start": "pairs"},
)
# Kinds of the first study, with the learning rates that it chose.
OLD = (
    {"shortcut": 0.0, "start": "random", "learning_rate": 3e-3},
    {"shortcut": 0.5, "start": "random", "learning_rate": 3e-3},
    {"shortcut": 0.0, "start": "mirrored", "learning_rate": 3e-3},
    {"shortcut": 1.0, "start": "random", "learning_rate": 1e-2},
)


class EnoughError(Exception):
    """Ends a training that is only watched."""


def build(shortcut: float, start: str, seed: int) -> first.Network:
    """A network with batch normalisation; ``start``: random, mirrored or pairs."""
    torch.manual_seed(seed)
    usual = "random" if start == "pairs" else start
    network = first.Network(DEPTH, shortcut, norm=True, start=usual)
    if start == "pairs":
        pair(network)
    return network


@torch.no_grad()
def pair(network: first.Network) -> None:
    """Random filters of 3 × 3 in pairs of opposite sign, so that no ReLU loses anything."""
    half = first.CHANNELS // 2
    stem = network.stem.conv.weight  # (channels, 1, 3, 3)
    stem[half:] = -stem[:half]
    for block in network.blocks:
        for layer in (block.first, block.second):
            some = layer.conv.weight[:half, :half].clone()
            both = torch.cat([some, -some], dim=1)  # (half, channels, 3, 3)
            layer.conv.weight.copy_(torch.cat([both, -both]))


def gradient(network: nn.Module, pictures: Tensor, labels: Tensor) -> Tensor:
    """The gradient for the first filters of the first block, as one vector."""
    watched = copy.deepcopy(network).train()  # its norms may see what they like
    watched.zero_grad()
    with torch.enable_grad():
        watched.loss(pictures, labels).backward()
    return watched.blocks[0].first.conv.weight.grad.flatten()


def agreements(network: nn.Module) -> dict[str, float]:
    """Cosines of gradients: of 128 digits and their noisy copies, and of 128 and the next 128."""
    pictures, labels = lm.digits()["train"]
    some, others = slice(0, 128), slice(128, 256)
    noise = torch.randn(pictures[some].shape, generator=torch.Generator().manual_seed(0))
    noisy = pictures[some] + 0.01 * noise * pictures[some].norm() / noise.norm()
    clean = gradient(network, pictures[some], labels[some])
    copies = gradient(network, noisy, labels[some])
    different = gradient(network, pictures[others], labels[others])
    return {
        "copies": F.cosine_similarity(clean, copies, dim=0).item(),
        "different": F.cosine_similarity(clean, different, dim=0).item(),
    }


def train(
    shortcut: float,
    start: str,
    learning_rate: float,
    seed: int,
    whole: bool,
    clipped: bool,
) -> dict[str, Any]:
    """Train one network, or watch only its first 60 steps: agreement, errors in per cent."""
    parts, results = lm.digits(), {}
    network, step = build(shortcut, start, seed), 0

    def watch() -> dict[str, float]:
        nonlocal step
        if step <= LAST_MEASURED:
            results.update({f"{k}_{step}": v for k, v in agreements(network).items()})
        if step == LAST_MEASURED and not whole:
            raise EnoughError
        step += EVERY
        return {}

    recipe = lm.TrainingConfig(
        steps=first.STEPS,
        learning_rate=learning_rate,
        warmup_steps=first.STEPS // 20,
        weight_decay=0.0,
        evaluate_every=EVERY,
        clip_norm=1.0 if clipped else None,
    )
    batches = shuffled(*parts["train"], batch_size=first.BATCH_SIZE, seed=seed)
    try:
        lm.train(network, batches, recipe, watch)
    except EnoughError:
        return results
    for part in ("train", "validation"):
        error, loss = first.measure(network, *parts[part])
        results[f"{part}_error"], results[f"{part}_loss"] = error, loss
    return results


def tune(study: lm.studies.Study, kind: dict[str, Any]) -> float:
    """The best learning rate on validation digits, as in the first study."""

    def score(rate: float) -> tuple[float, float]:
        setting = kind | {"learning_rate": rate, "seed": first.TUNING_SEED}
        row = study.row(train, **setting, whole=True, clipped=True)
        return row["validation_error"], row["validation_loss"]

    return lm.studies.best_inside(first.LADDER, first.LEARNING_RATES, score)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/alexnet_to_resnet_agreement")
    for kind in NEW:
        rate = tune(study, kind)
        for seed in first.SEEDS:
            study.row(
                train, **kind, learning_rate=rate, seed=seed, whole=True, clipped=True
            )
    for kind in OLD:
        for seed in first.SEEDS:
            study.row(train, **kind, seed=seed, whole=False, clipped=True)
    for seed in first.SEEDS[:3]:
        study.row(train, **OLD[0], seed=seed, whole=True, clipped=False)
    study.save()
