"""Second study of the chapter "BERT": the network that the chapter keeps.

    make study NAME=03_algorithms/bert_longer

One thread, about 8 minutes. The network of the first study with rotary positions fills gaps for
2,400 steps, at the rate of Muon that was known from trials. Its weights are kept.
"""

from __future__ import annotations

import time
from typing import Any

import bert_study as first
import torch

import largemodels as lm

STEPS, RATE = 2_400, 0.02


def run(positions: str, steps: int, seed: int) -> dict[str, Any]:
    """Pretrain, noting how many gaps are filled on the way."""
    torch.manual_seed(seed)
    model = first.network(positions)
    batches = first.masked_batches(first.windows("train"), seed, 0.3)

    def evaluate() -> dict[str, float]:
        right, loss = first.filled(model, *first.gaps())
        return {"right": right, "loss": loss}

    began = time.process_time()
    history = lm.train(model, batches, first.recipe("muon", RATE, steps, 300), evaluate)
    seconds = time.process_time() - began
    study.keep("model", model)
    curve = {f"{name}_curve": list(history[name]) for name in ("step", "right", "loss")}
    return {"core_seconds": seconds} | first.measured(model) | curve


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/bert_longer")
    study.row(run, positions="rotary", steps=STEPS, seed=0)
    study.save()
