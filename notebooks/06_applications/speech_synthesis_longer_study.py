"""Study of the chapter "Speech synthesis": how many bits a sample does WaveNet need?

    make study NAME=06_applications/speech_synthesis_longer

One thread, about 8 minutes. Receptive field and learning rate are chosen on validation prompts
after short runs; two more seeds of these give the spread. One run is twenty times as long, with a
learning curve on some validation prompts; of its result, bits are counted for each test prompt.
Prompts above 15 seconds are left out, as in the chapter on recognition.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor

import largemodels as lm
from largemodels.data import sounds, speech
from largemodels.models import wavenet
from largemodels.training.config import TrainingConfig

STUDY = "06_applications/speech_synthesis_longer"
LONGEST = 15  # seconds
SIZES = (
    (3, 10, 5),
    (3, 7, 7),
    (2, 9, 9),
    (3, 9, 9),
)  # kernel, layers, layers until the gap is 1
RATES = (1e-3, 2.5e-3, 5e-3, 1e-2, 2e-2, 4e-2)
SHORT, LONG = 500, 10_000  # updates of a trial, and of the models that are compared
CURVE, EVERY = (
    1000,
    4,
)  # updates between two points of the curve, for which each fourth prompt is used
LENGTH, KNOWN = (
    1536,
    256,
)  # samples of a window, one in each batch; those that are only read
SILENCE = 128  # the level of zero


@functools.cache
def parts() -> dict[str, list[speech.Prompt]]:
    """Training, validation and test prompts."""
    return speech.split([it for it in speech.prompts() if it.seconds <= LONGEST])


def trained(
    config: wavenet.WaveNetConfig,
    seed: int,
    rate: float,
    steps: int,
    guesses: dict[str, list[Tensor]] | None = None,
) -> tuple[wavenet.WaveNet, list[float]]:
    """A WaveNet and its curve; a guided one with the guesses for the samples of each part."""
    torch.manual_seed(seed)
    model = wavenet.WaveNet(config)
    settings = TrainingConfig(
        steps=steps,
        learning_rate=rate,
        warmup_steps=20,
        final_fraction=0.05,
        weight_decay=0.01,
        evaluate_every=min(steps, CURVE),
    )

    def evaluate() -> dict[str, float]:
        """Bits a sample of some validation prompts."""
        if steps != LONG:
            return {}
        found = costs(model, "validation", guesses and guesses["validation"], EVERY)
        return {"bits": found["validation"]}

    its = [it.sound for it in parts()["train"]]
    history = lm.train(
        model,
        sounds.windows(its, 1, LENGTH, seed, beside=guesses and guesses["train"]),
        settings,
        evaluate,
        loss=lambda model, levels, *guesses: model.loss(levels, KNOWN, *guesses),
    )
    curve = [float(it) for it in history["bits"]] if steps == LONG else []
    return model.eval(), curve


@torch.no_grad()
def bits(model: wavenet.WaveNet, sound: Tensor, guesses: Tensor | None = None) -> float:
    """Bits that a whole sound costs; before it lies silence."""
    levels = torch.cat([torch.tensor([SILENCE]), wavenet.to_levels(sound)])[None]
    if guesses is not None:
        guesses = torch.cat([torch.zeros(1), guesses])[None]
    said = wavenet.log_probs(model(levels[:, :-1], guesses), levels[:, 1:])
    return -float(said.double().sum()) / math.log(2)


def costs(
    model: wavenet.WaveNet, part: str, guesses: list[Tensor] | None = None, every: int = 1
) -> dict[str, Any]:
    """Bits a sample of a part, and of the test part also the bits of each prompt."""
    its = parts()[part][::every]
    beside = guesses[::every] if guesses else [None] * len(its)
    found = [bits(model, it.sound, guess) for it, guess in zip(its, beside, strict=True)]
    mean = round(sum(found) / sum(len(it.sound) for it in its), 4)
    return {part: mean} | (
        {"bits": [round(it, 1) for it in found]} if part == "test" else {}
    )


def trial(
    kernel: int, n_layer: int, cycle: int, rate: float, steps: int, seed: int
) -> dict[str, Any]:
    """Bits a sample of validation prompts after a short run."""
    config = wavenet.WaveNetConfig(kernel=kernel, n_layer=n_layer, cycle=cycle)
    model, _ = trained(config, seed, rate, steps)
    return costs(model, "validation") | {"reach": config.reach}


def run(
    kernel: int, n_layer: int, cycle: int, rate: float, steps: int, seed: int
) -> dict[str, Any]:
    """Bits of test prompts after a long run."""
    config = wavenet.WaveNetConfig(kernel=kernel, n_layer=n_layer, cycle=cycle)
    model, curve = trained(config, seed, rate, steps)
    study.keep("model", model)
    return {"curve": curve} | costs(model, "validation") | costs(model, "test")


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    sizes = [dict(zip(("kernel", "n_layer", "cycle"), it, strict=True)) for it in SIZES]

    @functools.cache
    def score(at: int, rate: float, seed: int = 0) -> float:
        """Validation bits of a size at a learning rate."""
        row = study.row(trial, **sizes[at], rate=rate, steps=SHORT, seed=seed)
        found: float = row["validation"]
        return found

    best = min(range(len(sizes)), key=lambda it: score(it, 1e-2))
    best_rate = lm.studies.best_inside(RATES, [1e-2], lambda it: score(best, it))
    study.row(run, **sizes[best], rate=best_rate, steps=LONG, seed=0)
    for seed in (1, 2):
        score(best, best_rate, seed)
    study.save()
