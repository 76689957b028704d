"""Study of the chapter "Speech synthesis": how many bits a sample does WaveNet need?

    make study NAME=06_applications/speech_synthesis

One thread, about 15 minutes. The learning rate is chosen on validation prompts after short runs;
then three seeds are trained longer. Bits are counted for each test prompt. Prompts above 15
seconds are left out, as in the chapter on recognition.
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

STUDY = "06_applications/speech_synthesis"
LONGEST = 15  # seconds
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
SHORT, STEPS = 60, 500  # updates of a trial, and of the models that are compared
BATCH, LENGTH = 3, 4608  # windows and their samples; the first 512 are only read
SILENCE = 128  # the level of zero


@functools.cache
def parts() -> dict[str, list[speech.Prompt]]:
    """Training, validation and test prompts."""
    return speech.split([it for it in speech.prompts() if it.seconds <= LONGEST])


def trained(seed: int, rate: float, steps: int, n_mixture: int) -> wavenet.WaveNet:
    """A WaveNet."""
    torch.manual_seed(seed)
    model = wavenet.WaveNet(wavenet.WaveNetConfig(n_mixture=n_mixture))
    settings = TrainingConfig(
        steps=steps,
        learning_rate=rate,
        warmup_steps=20,
        final_fraction=0.05,
        weight_decay=0.01,
        evaluate_every=steps,
    )
    known = model.config.reach - 1
    lm.train(
        model,
        sounds.windows([it.sound for it in parts()["train"]], BATCH, LENGTH, seed),
        settings,
        loss=lambda model, levels: model.loss(levels, known),
    )
    return model.eval()


@torch.no_grad()
def bits(model: wavenet.WaveNet, sound: Tensor) -> float:
    """Bits that a whole sound costs; before it lies silence."""
    levels = torch.cat([torch.tensor([SILENCE]), wavenet.to_levels(sound)])[None]
    said = wavenet.log_probs(model(levels[:, :-1]), levels[:, 1:])
    return -float(said.double().sum()) / math.log(2)


def costs(model: wavenet.WaveNet, part: str) -> list[float]:
    """Bits of each prompt of a part."""
    return [round(bits(model, it.sound), 1) for it in parts()[part]]


def mean(found: list[float], part: str) -> float:
    """Bits a sample."""
    return sum(found) / sum(len(it.sound) for it in parts()[part])


def trial(rate: float, steps: int) -> dict[str, Any]:
    """Bits a sample of validation prompts after a short run."""
    model = trained(0, rate, steps, 5)
    return {"validation": round(mean(costs(model, "validation"), "validation"), 4)}


def run(seed: int, rate: float, steps: int, n_mixture: int) -> dict[str, Any]:
    """Bits of each test prompt after a longer run."""
    model = trained(seed, rate, steps, n_mixture)
    if seed == 0 and n_mixture:
        study.keep("model", model)
    found = {part: costs(model, part) for part in ("validation", "test")}
    return {part: round(mean(its, part), 4) for part, its in found.items()} | {
        "bits": found["test"]
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)

    def score(rate: float) -> float:
        """Validation bits at a learning rate."""
        found: float = study.row(trial, rate=rate, steps=SHORT)["validation"]
        return found

    best = lm.studies.best_inside(RATES, [3e-3], score)
    for seed in range(3):
        study.row(run, seed=seed, rate=best, steps=STEPS, n_mixture=5)
    study.save()
