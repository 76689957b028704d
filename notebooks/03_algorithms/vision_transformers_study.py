"""Study of the chapter "Vision Transformers": what does it cost to know nothing of neighbourhood?

    make study NAME=03_algorithms/vision_transformers

One thread, about 13 minutes. A vision Transformer and a ResNet of as many parameters learn
Fashion-MNIST from 1,000 pictures each time, the Transformer in twice as many steps. Pictures are
"centred", as they come; "centred patches", their patches shuffled by one permutation; "centred
pixels", all pixels shuffled by one; or "moved", each shifted once by up to four pixels, and "moved
patches", shuffled after that. Each network has two ladders of learning rates (Transformer: AdamW,
Muon; ResNet: AdamW with two weight decays), judged on validation pictures with a draw of training
pictures that is not reported. Each seed has its own training pictures, the same for both networks.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.batches import shuffled

SIDE, PATCH, BATCH_SIZE, MOST = 28, 7, 64, 4
STEPS = {"ViT": 600, "ResNet": 300}
N, N_VALIDATION, N_TEST = 1_000, 2_000, 4_000
SEEDS, TUNING_SEED = range(5), 5
RATES = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.2, 0.4, 0.8]  # of AdamW
MATRIX_RATES = [1e-3, 3e-3, 1e-2, 2e-2, 4e-2, 8e-2, 0.16, 0.3]  # of Muon
# Of each network: optimiser, weight decay, rates to begin with.
LADDERS: dict[str, tuple[tuple[str, float, list[float], list[float]], ...]] = {
    "ViT": (("adamw", 0.1, RATES, [3e-3]), ("muon", 0.1, MATRIX_RATES, [2e-2])),
    "ResNet": (("adamw", 0.1, RATES, [1e-2]), ("adamw", 1.0, RATES, [1e-2])),
}
ROWS = {
    "ViT": ("centred", "moved", "centred pixels"),
    "ResNet": ("centred", "moved", "centred patches", "moved patches", "centred pixels"),
}
Loss = Callable[..., Tensor]


def vit(**other: Any) -> lm.ViT:
    """Sixteen patches of 7 × 7 pixels and the class token, two blocks: 60,394 parameters."""
    sizes = dict(image_size=SIDE, patch_size=PATCH, in_channels=1, n_classes=10)
    return lm.ViT(lm.ViTConfig(**sizes, d_model=48, n_layer=2, n_head=3, **other))


def resnet() -> lm.ResNet:
    """Twelve layers, 8 to 40 channels: 60,034 parameters."""
    config = lm.ResNetConfig(
        in_channels=1, stem_channels=8, channels=(8, 16, 40), n_blocks=(1, 2, 2),
        block="basic", stem="small", n_classes=10,
    )  # fmt: skip
    return lm.ResNet(config).to(memory_format=torch.channels_last)  # faster on a CPU


NETWORKS: dict[str, Callable[[], nn.Module]] = {"ViT": vit, "ResNet": resnet}


@functools.cache
def clothes() -> dict[str, tuple[Tensor, Tensor]]:
    """Fashion-MNIST."""
    return lm.fashion_mnist()


def move(pictures: Tensor, seed: int) -> Tensor:
    """Each picture shifted by up to four pixels either way; what leaves the frame is lost."""
    shifts = torch.randint(
        2 * MOST + 1, (len(pictures), 2), generator=torch.Generator().manual_seed(seed)
    )
    rows, columns = (shifts[:, axis, None] + torch.arange(SIDE) for axis in (0, 1))
    padded = F.pad(pictures, [MOST] * 4)  # (n, 1, 36, 36)
    each = torch.arange(len(pictures))
    return padded[each[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]


def shuffle(pictures: Tensor, size: int) -> Tensor:
    """The squares of so many pixels a side in another order, the same for all pictures."""
    squares = F.unfold(pictures, size, stride=size)  # (n, size², squares)
    order = torch.randperm(squares.shape[2], generator=torch.Generator().manual_seed(0))
    return F.fold(squares[:, :, order], SIDE, size, stride=size)


def shown(pictures: Tensor, data: str, seed: int) -> Tensor:
    """Pictures as the study shows them."""
    if data.startswith("moved"):
        pictures = move(pictures, seed)
    size = {"patches": PATCH, "pixels": 1}.get(data.split()[-1])
    return pictures if size is None else shuffle(pictures, size)


@functools.cache
def parts(data: str, n: int, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Training pictures of a seed, the same validation and test pictures for all."""
    limits = {"train": (n * seed, n), "validation": (0, N_VALIDATION), "test": (0, N_TEST)}
    found = {}
    for number, (part, (first, count)) in enumerate(limits.items()):
        pictures, labels = (it[first : first + count] for it in clothes()[part])
        found[part] = shown(pictures, data, 10 * seed if number == 0 else number), labels
    return found


@torch.no_grad()
def wrong(network: nn.Module, pictures: Tensor, labels: Tensor) -> tuple[float, float]:
    """Wrong answers in per cent, and loss in nats a picture."""
    logits = torch.cat([network.eval()(some) for some in pictures.split(500)])
    loss = F.cross_entropy(logits, labels)
    return 100 * (logits.argmax(dim=1) != labels).float().mean().item(), loss.item()


def drawn(
    rows: tuple[Tensor, ...], seed: int, copies: bool
) -> Iterator[tuple[Tensor, ...]]:
    """Endless batches; with copies, each picture is moved anew whenever it is drawn."""
    stream = shuffled(*rows, batch_size=BATCH_SIZE, seed=seed)
    for step, (pictures, *others) in enumerate(stream):
        yield (move(pictures, 1_000_000 * seed + step) if copies else pictures, *others)


def fit(
    network: nn.Module, batches: Iterator[tuple[Tensor, ...]], rate: float, steps: int,
    optimizer: str = "adamw", decay: float = 0.1, loss: Loss | None = None,
) -> float:  # fmt: skip
    """Train in place; returns seconds of one thread. With Muon, AdamW's rate is a third of its."""
    rates: dict[str, Any] = {"learning_rate": rate}
    if optimizer == "muon":
        rates = {"learning_rate": rate / 3, "matrix_learning_rate": rate}
    recipe = lm.TrainingConfig(
        steps=steps, warmup_steps=steps // 20, weight_decay=decay, optimizer=optimizer,
        evaluate_every=steps, final_fraction=0.02, **rates,
    )  # fmt: skip
    began = time.process_time()
    lm.train(network, batches, recipe, loss=loss)
    return time.process_time() - began


def measured(model: nn.Module, data: str, n: int, seed: int) -> dict[str, float]:
    """Validation for the draw that chooses; test, and training pictures, for all others."""
    rows, results = parts(data, n, seed), {}
    tested = {"train": tuple(it[:1000] for it in rows["train"]), "test": rows["test"]}
    if seed == TUNING_SEED:
        tested = {"validation": rows["validation"]}
    elif data == "centred":
        tested["moved"] = parts("moved", n, seed)["test"]
    for part, those in tested.items():
        results[f"{part}_error"], results[f"{part}_loss"] = wrong(model, *those)
    return results


def run(
    network: str, data: str, rate: float, seed: int, optimizer: str = "adamw",
    decay: float = 0.1, n: int = N, steps: int | None = None, copies: bool = False,
    smoothing: float = 0.0,
) -> dict[str, float]:  # fmt: skip
    """Train one network: wrong answers in per cent, losses in nats."""

    def loss(model: nn.Module, pictures: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(model(pictures), labels, label_smoothing=smoothing)

    torch.manual_seed(seed)
    model = NETWORKS[network]()
    batches = drawn(parts(data, n, seed)["train"], seed, copies)
    seconds = fit(model, batches, rate, steps or STEPS[network], optimizer, decay, loss)
    return {"core_seconds": seconds} | measured(model, data, n, seed)


def tune(study: lm.studies.Study, network: str, data: str, **other: Any) -> dict[str, Any]:
    """The best of both ladders on validation pictures."""
    tried: dict[float, dict[str, Any]] = {}
    for optimizer, decay, ladder, start in LADDERS[network]:
        key = dict(network=network, data=data, optimizer=optimizer, decay=decay, **other)

        def score(rate: float, key: dict[str, Any] = key) -> float:
            row = study.row(run, rate=rate, seed=TUNING_SEED, **key)
            tried[row["validation_error"]] = key | {"rate": rate}
            return row["validation_error"]

        lm.studies.best_inside(ladder, start, score)
    return tried[min(tried)]


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/vision_transformers")
    for network, kinds in ROWS.items():
        best = tune(study, network, "centred")
        for data in kinds:
            for seed in SEEDS:
                study.row(run, **best | {"data": data}, seed=seed)
    study.save()
