"""Second study of the chapter "Vision Transformers": a teacher that has seen photographs.

    make study NAME=03_algorithms/vision_transformers_teacher

One thread, about 3 minutes. EfficientNet-Lite0, trained on ImageNet and left as it is, turns each
picture, enlarged to 112 × 112 pixels, into 1,280 numbers. On those of the 1,000 training pictures
of a seed a logistic regression is fitted, with a penalty that the validation pictures choose with
the draw that is not reported. Its logits on the training pictures are kept: the teacher's answers.
The same regression on the pixels themselves is the rival of all networks.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
import vision_transformers_study as first
from torch import Tensor

import largemodels as lm
from largemodels.models.efficientnet import EfficientNetLite
from largemodels.pretrained.efficientnet import lite0_pixels, load_efficientnet_lite0

SIZE, N_TEST = 112, 1_000
PENALTIES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0]


@functools.cache
def efficientnet() -> EfficientNetLite:
    """The network, in the layout that is fastest on a CPU."""
    return load_efficientnet_lite0().to(memory_format=torch.channels_last)


@torch.no_grad()
def features(pictures: Tensor) -> Tensor:
    """``(n, 1, 28, 28)`` to ``(n, 1280)``."""
    found = []
    for some in pictures.split(5):
        large = F.interpolate(some, size=(SIZE, SIZE), mode="bilinear").expand(
            -1, 3, -1, -1
        )
        pixels = lite0_pixels(large).contiguous(memory_format=torch.channels_last)
        found.append(efficientnet().features(pixels))
    return torch.cat(found)


@functools.cache
def inputs(kind: str, data: str, part: str, seed: int) -> Tensor:
    """What the regression reads: EfficientNet's numbers, or pixels."""
    pictures = first.parts(data, first.N, seed)[part][0]
    if part == "test" and kind == "teacher":
        pictures = pictures[:N_TEST]
    return features(pictures) if kind == "teacher" else pictures.flatten(1)


def regression(x: Tensor, y: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """Weights and biases of the smallest cross-entropy plus penalty / 2 times squared weights."""
    weight = torch.zeros(10, x.shape[1], requires_grad=True)
    bias = torch.zeros(10, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=300, line_search_fn="strong_wolfe", tolerance_change=1e-7
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = (
            F.cross_entropy(x @ weight.T + bias, y) + penalty / 2 * weight.square().sum()
        )
        value.backward()
        return value

    optimiser.step(loss)
    return weight.detach(), bias.detach()


def fitted(kind: str, data: str, penalty: float, seed: int) -> dict[str, float]:
    """Wrong answers in per cent; the teacher's logits on the training pictures are kept."""
    other = "validation" if seed == first.TUNING_SEED else "test"
    x = {"train": inputs(kind, data, "train", seed), other: inputs(kind, data, other, 0)}
    centre, spread = x["train"].mean(0), x["train"].std(0) + 1e-2
    y = {part: it[1] for part, it in first.parts(data, first.N, seed).items()}
    weight, bias = regression((x["train"] - centre) / spread, y["train"], penalty)
    results: dict[str, float] = {}
    for part, those in x.items():
        logits = (those - centre) / spread @ weight.T + bias
        labels = y[part][: len(logits)]
        results[f"{part}_error"] = 100 * (logits.argmax(1) != labels).float().mean().item()
        results[f"{part}_loss"] = F.cross_entropy(logits, labels).item()
        if part == "train" and kind == "teacher":
            study.keep(f"seed{seed}at{penalty:g}".replace(".", "p"), {"logits": logits}, {})
    return results


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/vision_transformers_teacher")
    for kind, data in (("pixels", "centred"), ("pixels", "moved"), ("teacher", "centred")):
        penalty = lm.studies.best_inside(
            PENALTIES,
            [3e-2],
            lambda it, key=(kind, data): study.row(
                fitted, kind=key[0], data=key[1], penalty=it, seed=5
            )["validation_loss"],
        )
        for seed in first.SEEDS:
            study.row(fitted, kind=kind, data=data, penalty=penalty, seed=seed)
    study.save()
