"""Study of the chapter "Speech synthesis": how many bits a sample does WaveNet need, and does it level off?

    make study NAME=06_applications/speech_synthesis_longer

One thread, about 8 minutes. The receptive field is chosen on validation prompts after short runs,
the learning rate after longer ones; two more seeds of these give the spread; one run is six times
as long. Bits are counted for each test prompt. Prompts above 15 seconds are left out, as in the
chapter on recognition.
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
SIZES = ((2, 9, 9), (3, 9, 9), (3, 7, 7), (3, 10, 5))  # kernel, layers, layers until the gap is 1
RATES = (1e-3, 2.5e-3, 5e-3, 1e-2, 2e-2, 4e-2)
BRIEF, SHORT, LONG = 500, 1500, 9000  # updates
LENGTH, KNOWN = 1536, 256  # samples of a window, one in each batch; those that are only read
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
    guesses: list[Tensor] | None = None,
) -> wavenet.WaveNet:
    """A WaveNet; a guided one with the guesses for the samples of the training prompts."""
    torch.manual_seed(seed)
    model = wavenet.WaveNet(config)
    settings = TrainingConfig(
        steps=steps,
        learning_rate=rate,
        warmup_steps=20,
        final_fraction=0.05,
        weight_decay=0.01,
        evaluate_every=steps,
    )
    its = [it.sound for it in parts()["train"]]
    lm.train(
        model,
        sounds.windows(its, 1, LENGTH, seed, beside=guesses),
        settings,
        loss=lambda model, levels, *guesses: model.loss(levels, KNOWN, *guesses),
    )
    return model.eval()


@torch.no_grad()
def bits(model: wavenet.WaveNet, sound: Tensor, guesses: Tensor | None = None) -> float:
    """Bits that a whole sound costs; before it lies silence."""
    levels = torch.cat([torch.tensor([SILENCE]), wavenet.to_levels(sound)])[None]
    if guesses is not None:
        guesses = torch.cat([torch.zeros(1), guesses])[None]
    said = wavenet.log_probs(model(levels[:, :-1], guesses), levels[:, 1:])
    return -float(said.double().sum()) / math.log(2)


def costs(
    model: wavenet.WaveNet, part: str, guesses: list[Tensor] | None = None
) -> dict[str, Any]:
    """Bits a sample of a part, and of the test part also the bits of each prompt."""
    its = parts()[part]
    beside = guesses or [None] * len(its)
    found = [bits(model, it.sound, guess) for it, guess in zip(its, beside, strict=True)]
    mean = round(sum(found) / sum(len(it.sound) for it in its), 4)
    return {part: mean} | (
        {"bits": [round(it, 1) for it in found]} if part == "test" else {}
    )


def size(kernel: int, n_layer: int, cycle: int, rate: float, steps: int) -> dict[str, Any]:
    """Bits a sample of validation prompts after a run."""
    config = wavenet.WaveNetConfig(kernel=kernel, n_layer=n_layer, cycle=cycle)
    found = costs(trained(config, 0, rate, steps), "validation")
    return found | {"reach": config.reach}


def run(
    kernel: int, n_layer: int, cycle: int, rate: float, steps: int, seed: int
) -> dict[str, Any]:
    """Bits of validation and test prompts after a run; the longest is kept."""
    config = wavenet.WaveNetConfig(kernel=kernel, n_layer=n_layer, cycle=cycle)
    model = trained(config, seed, rate, steps)
    if steps == LONG:
        study.keep("model", model)
    return costs(model, "validation") | costs(model, "test")


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    tried = [
        study.row(size, kernel=a, n_layer=b, cycle=c, rate=1e-2, steps=BRIEF)
        for a, b, c in SIZES
    ]
    chosen = min(tried, key=lambda it: it["validation"])
    best = {name: chosen[name] for name in ("kernel", "n_layer", "cycle")}

    def score(rate: float) -> float:
        """Validation bits at a learning rate."""
        found: float = study.row(run, **best, rate=rate, steps=SHORT, seed=0)["validation"]
        return found

    best["rate"] = lm.studies.best_inside(RATES, [1e-2], score)
    study.row(run, **best, steps=LONG, seed=0)
    for seed in (1, 2):
        study.row(run, **best, steps=SHORT, seed=seed)
    study.save()
