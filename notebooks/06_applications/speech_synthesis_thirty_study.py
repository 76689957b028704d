"""Study of the chapter "Speech synthesis": does WaveNet pass linear prediction if it learns longer,
and does another seed change what guidance gives?

    make study NAME=06_applications/speech_synthesis_thirty

One thread, about 15 minutes: three times the steps of the long runs for the WaveNet alone, and the
guided network's run with a second seed.
"""

from __future__ import annotations

from typing import Any

import speech_synthesis_hybrid_study as hybrid
import speech_synthesis_longer_study as base
import torch

import largemodels as lm
from largemodels.models import wavenet

STUDY = "06_applications/speech_synthesis_thirty"
RATE = 3e-3  # the best of the long runs


def alone(rate: float, steps: int, seed: int) -> dict[str, Any]:
    """Bits of test prompts after a run of the WaveNet alone."""
    model, _ = base.trained(wavenet.WaveNetConfig(**hybrid.SIZE), seed, rate, steps)
    return base.costs(model, "validation") | base.costs(model, "test")


def guided(rate: float, steps: int, seed: int) -> dict[str, Any]:
    """Bits of test prompts after a run of the guided network."""
    config = wavenet.WaveNetConfig(guided=True, **hybrid.SIZE)
    known = {part: hybrid.guesses(part) for part in ("train", "validation")}
    model, _ = base.trained(config, seed, rate, steps, known)
    found = (
        base.costs(model, part, hybrid.guesses(part)) for part in ("validation", "test")
    )
    return {name: value for it in found for name, value in it.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    study.row(alone, rate=RATE, steps=3 * base.LONG, seed=0)
    study.row(guided, rate=RATE, steps=base.LONG, seed=1)
    study.save()
