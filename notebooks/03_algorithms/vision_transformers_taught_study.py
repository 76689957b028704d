"""Fourth study of the chapter "Vision Transformers": what does a teacher bring, without copies?

    make study NAME=03_algorithms/vision_transformers_taught

One thread, about 6 minutes, after vision_transformers_teacher. The vision Transformer of the first
study learns, in the same steps and at the same rate, from the labels and the teacher's answers:
softly, or hard with DeiT's second token; or, without a teacher, from smoothed labels. The settings
of soft teaching and of smoothing are chosen on validation pictures.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
import vision_transformers_study as first
from torch import Tensor, nn

import largemodels as lm
from largemodels.objectives.distillation import hard_distillation, soft_distillation

SOFT = ((0.1, 3.0), (0.5, 3.0), (0.9, 1.0))  # weight and temperature
SMOOTHING = [0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8]
TEACHER = "03_algorithms/vision_transformers_teacher"


def answers(seed: int) -> Tensor:
    """The teacher's logits on the training pictures of a seed, ``(1000, 10)``."""
    rows = lm.studies.load(TEACHER)
    rows = rows[(rows.kind == "teacher") & (rows.seed == 0)]
    name = f"seed{seed}at{rows.penalty.iloc[0]:g}".replace(".", "p")
    return lm.studies.weights(TEACHER, name).state["logits"].float()


def run(
    way: str, network: str, rate: float, seed: int, optimizer: str, decay: float,
    weight: float = 0.0, temperature: float = 1.0, smoothing: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Train one network on centred pictures: wrong answers in per cent."""

    def soft(model: nn.Module, pictures: Tensor, labels: Tensor, teacher: Tensor) -> Tensor:
        return soft_distillation(
            model(pictures), teacher, labels, temperature=temperature, weight=weight
        )

    def hard(model: lm.ViT, pictures: Tensor, labels: Tensor, teacher: Tensor) -> Tensor:
        return hard_distillation(*model.both(pictures), teacher, labels)

    def smoothed(model: nn.Module, pictures: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(model(pictures), labels, label_smoothing=smoothing)

    torch.manual_seed(seed)
    model = first.vit(distilled=True) if way == "hard" else first.NETWORKS[network]()
    rows = first.parts("centred", first.N, seed)["train"]
    if way != "smoothed":
        rows = (*rows, answers(seed))
    loss = {"soft": soft, "hard": hard, "smoothed": smoothed}[way]
    batches = first.drawn(rows, seed, False)
    steps = first.STEPS[network]
    seconds = first.fit(model, batches, rate, steps, optimizer, decay, loss)
    return {"core_seconds": seconds} | first.measured(model, "centred", first.N, seed)


def chosen(network: str) -> dict[str, Any]:
    """What the first study chose for centred pictures."""
    rows = lm.studies.load("03_algorithms/vision_transformers")
    rows = rows[(rows.network == network) & (rows.data == "centred")]
    row = rows[rows.seed == 0].iloc[0]
    return {name: row[name] for name in ("network", "rate", "optimizer", "decay")}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/vision_transformers_taught")

    def score(**key: Any) -> float:
        """On validation pictures."""
        error: float = study.row(run, seed=first.TUNING_SEED, **key)["validation_error"]
        return error

    keys = [dict(way="hard", **chosen("ViT"))]
    tried = [
        dict(way="soft", weight=weight, temperature=temperature, **chosen("ViT"))
        for weight, temperature in SOFT
    ]
    keys.append(min(tried, key=lambda key: score(**key)))
    key = dict(way="smoothed", **chosen("ViT"))
    smoothing = lm.studies.best_inside(
        SMOOTHING, [0.1], lambda it: score(smoothing=it, **key)
    )
    keys.append(key | {"smoothing": smoothing})
    for chosen_key in keys:
        for seed in first.SEEDS:
            study.row(run, seed=seed, **chosen_key)
    study.save()
