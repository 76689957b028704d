"""Study of the chapter "From AlexNet to ResNet": why did depth need the shortcut?

    make study NAME=01_history/alexnet_to_resnet

One thread, about 20 minutes. Networks of 3 × 3 convolutions with 16 channels learn handwritten
digits; what differs is the depth, the strength of the shortcut (1: residual, 0: plain), whether
there is batch normalisation, and the random numbers that the filters start from. Each kind of
network gets the same three learning rates, judged on the validation digits by a seed that is not
reported, and more where the best of them is the lowest or the highest. An interrupted study goes on
where it stopped.
"""

from __future__ import annotations

import time
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.batches import shuffled

CHANNELS, BATCH_SIZE, STEPS = 16, 32, 300
LEARNING_RATES = (1e-3, 3e-3, 1e-2)
LADDER = (3e-5, 1e-4, 3e-4, *LEARNING_RATES, 3e-2, 1e-1, 3e-1)
SEEDS, TUNING_SEED = range(5), 100
PLAIN = {"shortcut": 0.0, "norm": True, "start": "random"}
RESIDUAL = PLAIN | {"shortcut": 1.0}
# What is changed at 50 layers: the start, the strength of the shortcut, the normalisation.
CHANGED = (
    PLAIN | {"start": "mirrored"},
    PLAIN | {"shortcut": 0.5},
    PLAIN | {"norm": False},
    RESIDUAL | {"norm": False},
    PLAIN | {"norm": False, "start": "mirrored"},
)


class Layer(nn.Module):
    """A convolution 3 × 3, then batch normalisation if wanted."""

    def __init__(self, c_in: int, c_out: int, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1, bias=not norm)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        if not norm:
            nn.init.zeros_(self.conv.bias)
        self.norm = nn.BatchNorm2d(c_out) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height, width)``."""
        return self.norm(self.conv(x))


class Block(nn.Module):
    """Two layers; their input, times ``shortcut``, is added to their output."""

    def __init__(self, channels: int, shortcut: float, norm: bool) -> None:
        super().__init__()
        self.first, self.second = (Layer(channels, channels, norm) for _ in range(2))
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Same shape, ``(batch, channels, height, width)``."""
        return F.relu(self.shortcut * x + self.second(F.relu(self.first(x))))


class Network(nn.Module):
    """A convolution, blocks, the mean over all places, a linear head."""

    def __init__(self, depth: int, shortcut: float, norm: bool, start: str) -> None:
        super().__init__()
        self.stem = Layer(1, CHANNELS, norm)
        blocks = [Block(CHANNELS, shortcut, norm) for _ in range((depth - 2) // 2)]
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(CHANNELS, 10)
        if start == "mirrored":
            mirror(self)

    def features(self, pictures: Tensor) -> Tensor:
        """``(batch, 1, height, width)`` to ``(batch, channels, height, width)``."""
        x = F.relu(self.stem(pictures))
        for block in self.blocks:
            x = block(x)
        return x

    def forward(self, pictures: Tensor) -> Tensor:
        """``(batch, 1, height, width)`` to logits, ``(batch, 10)``."""
        return self.head(self.features(pictures).mean(dim=(2, 3)))

    def loss(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy in nats a picture."""
        return F.cross_entropy(self(pictures), labels)


@torch.no_grad()
def mirror(network: Network) -> None:
    """Filters in pairs of opposite sign, so that before training no ReLU loses anything."""
    half = CHANNELS // 2
    stem = network.stem.conv.weight  # (channels, 1, 3, 3)
    stem[half:] = -stem[:half]
    for block in network.blocks:
        for layer in (block.first, block.second):
            turn = nn.init.orthogonal_(torch.empty(half, half))
            pair = torch.cat([turn, -turn], dim=1)  # (half, channels)
            layer.conv.weight.zero_()
            layer.conv.weight[:, :, 1, 1] = torch.cat([pair, -pair])


def at_the_start(network: Network, pictures: Tensor, labels: Tensor) -> dict[str, float]:
    """How alike an untrained network treats pictures and their noisy copies.

    ``apart``: the distance of the features after the last block, in per cent of their size;
    ``agreement``: the cosine between the gradients for the first filters of the first block.
    """
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0))
    noisy = pictures + 0.01 * noise * pictures.norm() / noise.norm()
    features, gradients = [], []
    for some in (pictures, noisy):
        with torch.no_grad():
            features.append(network.features(some))
        network.zero_grad()
        network.loss(some, labels).backward()
        gradients.append(network.blocks[0].first.conv.weight.grad.flatten())
    clean, other = features
    return {
        "apart": 100 * ((other - clean).norm() / clean.norm()).item(),
        "agreement": F.cosine_similarity(*gradients, dim=0).item(),
    }


@torch.no_grad()
def measure(network: Network, pictures: Tensor, labels: Tensor) -> tuple[float, float]:
    """Share of wrong answers in per cent, and loss in nats a picture."""
    logits = network.eval()(pictures)
    loss = F.cross_entropy(logits, labels)
    return 100 * (logits.argmax(dim=1) != labels).float().mean().item(), loss.item()


def train(
    depth: int,
    shortcut: float,
    norm: bool,
    start: str,
    learning_rate: float,
    steps: int,
    seed: int,
) -> dict[str, Any]:
    """Train one network: seconds on one core, errors in per cent, losses in nats."""
    parts = lm.digits()
    torch.manual_seed(seed)
    network = Network(depth, shortcut, norm, start)
    results = at_the_start(network, *(tensor[:128] for tensor in parts["train"]))
    torch.manual_seed(seed)
    network = Network(
        depth, shortcut, norm, start
    )  # a fresh one: its norms have seen nothing
    recipe = lm.TrainingConfig(
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 20,
        weight_decay=0.0,
        evaluate_every=50,
    )
    batches = shuffled(*parts["train"], batch_size=BATCH_SIZE, seed=seed)
    began = time.process_time()  # of one thread: what else the machine does is not counted
    try:
        lm.train(network, batches, recipe)
        results["diverged"] = False
    except FloatingPointError:
        results["diverged"] = True  # it is measured as it was left
    results["core_seconds"] = time.process_time() - began
    for part, (pictures, labels) in parts.items():
        error, loss = measure(network, pictures, labels)
        results[f"{part}_error"] = error
        results[f"{part}_loss"] = loss if loss < 1e6 else 1e6  # also if it is not a number
    return results


def tune(study: lm.studies.Study, depth: int, kind: dict[str, Any], steps: int) -> float:
    """The best learning rate on validation digits, inside the rates that were tried."""

    def score(rate: float) -> tuple[float, float]:
        setting = dict(depth=depth, **kind, learning_rate=rate, steps=steps)
        row = study.row(train, **setting, seed=TUNING_SEED)
        return row["validation_error"], row["validation_loss"]

    return lm.studies.best_inside(LADDER, LEARNING_RATES, score)


def report(
    study: lm.studies.Study, depth: int, kind: dict[str, Any], steps: int, rate: float
) -> None:
    """Train with each seed that is reported: three without norms, five otherwise."""
    for seed in SEEDS if kind["norm"] else SEEDS[:3]:
        study.row(train, depth=depth, **kind, learning_rate=rate, steps=steps, seed=seed)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/alexnet_to_resnet")
    best = {}
    for index, kind in enumerate((PLAIN, RESIDUAL, *CHANGED)):
        best[index] = tune(study, 50, kind, STEPS)
        report(study, 50, kind, STEPS, best[index])
    for depth in (10, 30):
        for kind in (PLAIN, RESIDUAL):
            report(study, depth, kind, STEPS, tune(study, depth, kind, STEPS))
    # Does the deepest plain network only need more time? The learning rate stays as it was chosen.
    report(study, 50, PLAIN, 3 * STEPS, best[0])
    study.save()
