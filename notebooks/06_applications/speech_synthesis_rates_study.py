"""Study of the chapter "Speech synthesis": is the WaveNet's learning rate right for a long run?

    make study NAME=06_applications/speech_synthesis_rates

One thread, about 9 minutes. The rate that was best in short runs may be too high for a long one:
the long run's bits fell when its rate did. So two more long runs have lower rates.
"""

from __future__ import annotations

from typing import Any

import speech_synthesis_longer_study as base
import torch

import largemodels as lm
from largemodels.models import wavenet

STUDY = "06_applications/speech_synthesis_rates"
SIZE = {"kernel": 3, "n_layer": 7, "cycle": 7}  # the best of the short runs


def run(rate: float, steps: int, seed: int) -> dict[str, Any]:
    """Bits of test prompts after a long run."""
    model, curve = base.trained(wavenet.WaveNetConfig(**SIZE), seed, rate, steps)
    study.keep(f"model{round(1e4 * rate)}", model)
    return {"curve": curve} | base.costs(model, "validation") | base.costs(model, "test")


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    for rate in (3e-3, 1e-3):
        study.row(run, rate=rate, steps=base.LONG, seed=0)
    study.save()
