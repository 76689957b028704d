"""Fourth study of the chapter "BERT": masks drawn once, and drawn anew.

    make study NAME=03_algorithms/bert_masks

One thread, about 5 minutes, after bert. The network of the first study with rotary positions, at
the rate chosen there, sees only 400 windows of training text, each ten times: with the same masks
each time (static), or masked anew each time (dynamic, as in RoBERTa).
"""

from __future__ import annotations

import time
from typing import Any

import bert_study as first
import torch

import largemodels as lm
from largemodels.data.batches import shuffled

N = 400


def run(masks: str, seed: int, rate: float) -> dict[str, Any]:
    """Pretrain on few windows, and fill gaps of other articles."""
    texts = first.windows("train")[N * seed : N * (seed + 1)]
    batches = first.masked_batches(texts, seed, 0.3)
    if masks == "static":
        fixed = first.hide(texts, torch.Generator().manual_seed(100 + seed), rate=0.3)
        batches = shuffled(*fixed, batch_size=first.BATCH_SIZE, seed=seed)
    torch.manual_seed(seed)
    model = first.network("rotary")
    began = time.process_time()
    lm.train(model, batches, first.recipe("muon", rate, first.STEPS))
    seconds = time.process_time() - began
    right, loss = first.filled(model, *first.gaps())
    return {"core_seconds": seconds, "right": right, "loss": loss}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/bert_masks")
    rows = lm.studies.load("03_algorithms/bert")
    rate = float(rows.rate[(rows.positions == "rotary") & (rows.seed == 0)].iloc[0])
    for seed in first.SEEDS:
        for masks in ("static", "dynamic"):
            study.row(run, masks=masks, seed=seed, rate=rate)
    study.save()
