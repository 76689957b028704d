"""Study of the chapter "Speech synthesis": how often should linear prediction renew its weights?

    make study NAME=06_applications/speech_synthesis_blocks

One thread, about 10 minutes and 7 GB of memory. Order, half-life and prior are the best of the
study on linear prediction, which renews the weights every 16 samples. Here they are renewed more
often, at most for each sample; the distribution of errors is fitted anew each time, and the best
on validation prompts reads the test. One more row has weights that never change: with so large a
share of the long-term products, the past has no say.
"""

from __future__ import annotations

from typing import Any

import speech_synthesis_rival_study as rival
import torch

import largemodels as lm
from largemodels.models.linear_prediction import LinearPredictionConfig

STUDY = "06_applications/speech_synthesis_blocks"
BLOCKS = (16, 8, 4, 2, 1)  # samples that share their weights
ORDER, HALF_LIFE, PRIOR = 48, 35.0, 0.003  # the best of the other study
FIXED = 1e6  # a prior that leaves the weights as they were


def config(block: int, prior: float = PRIOR) -> LinearPredictionConfig:
    """The best settings so far, with other blocks."""
    return LinearPredictionConfig(ORDER, HALF_LIFE, block, prior)


def trial(block: int) -> dict[str, Any]:
    """Bits a sample of validation prompts."""
    its = config(block)
    found = rival.costs(rival.fitted(its), its, "validation")
    return {"validation": rival.mean(found, "validation")}


def run(best_block: int, prior: float) -> dict[str, Any]:
    """Bits of each test prompt."""
    its = config(best_block, prior)
    found = rival.costs(rival.fitted(its), its, "test")
    return {"test": rival.mean(found, "test"), "bits": found}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    study.row(run, best_block=16, prior=FIXED)
    tried = [study.row(trial, block=block) for block in BLOCKS]
    best = min(tried, key=lambda it: it["validation"])
    study.row(run, best_block=best["block"], prior=PRIOR)
    study.save()
