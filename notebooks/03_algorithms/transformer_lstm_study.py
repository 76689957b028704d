"""Third study of the chapter "The Transformer": the LSTM with attention, at its best.

    make study NAME=03_algorithms/transformer_lstm

One thread, about 7 minutes. With Muon the LSTM of the first study learns next to nothing. So it
learns with AdamW, in as many steps, at a rate chosen on the validation part.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
import transformer_study as first

import largemodels as lm

RATES = [1.6e-2, 3.2e-2, 6.4e-2, 0.128, 0.256, 0.5]


def run(rate: float, seed: int) -> dict[str, Any]:
    """Train one; BLEU and chrF on test texts, on validation texts for the tuning seed."""
    some = first.data("fr")
    torch.manual_seed(seed)
    model = first.made("LSTM", "base", "fr")
    config = first.recipe(first.LSTM_STEPS, rate)
    config = replace(config, optimizer="adamw", learning_rate=rate)
    began = time.process_time()
    batches = first.batches(some.pairs, first.TOKENS, seed)
    lm.train(model, batches, config, loss=first.seq2seq_loss)
    row: dict[str, Any] = {"core_seconds": time.process_time() - began}
    part = some.parts["validation" if seed == first.TUNING_SEED else "test"]
    return row | first.scores(first.translate(model, some, part.source), part.target)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/transformer_lstm")
    rate = lm.studies.best_inside(
        RATES, [6.4e-2], lambda it: -study.row(run, rate=it, seed=first.TUNING_SEED)["bleu"]
    )
    for seed in first.SEEDS:
        study.row(run, rate=rate, seed=seed)
    study.save()
