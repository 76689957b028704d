"""Third study of the chapter "The Transformer": the LSTM with attention, tuned.

    make study NAME=03_algorithms/transformer_lstm

One thread, about 7 minutes. An LSTM with attention learns in as many seconds as the
Transformer's minute, by AdamW or by Muon; optimiser and rate are chosen on the validation part.
"""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
import transformer_study as first
from torch import Tensor, nn

import largemodels as lm

STEPS = 310  # in about as many seconds as the Transformer's 400
SIZES = dict(d_model=128, d_hidden=160, d_attention=128)
RATES = {
    "adamw": [8e-3, 1.6e-2, 3.2e-2, 6.4e-2, 0.128],
    "muon": [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64],
}
FIRST = {"adamw": 3.2e-2, "muon": 0.08}


def smoothed(model: nn.Module, source: Tensor, target: Tensor, *_: Tensor) -> Tensor:
    """The Transformer's loss."""
    logits = model(source, target[:, :-1]).flatten(0, 1)
    expected = target[:, 1:].flatten()
    return F.cross_entropy(logits, expected, ignore_index=first.PAD, label_smoothing=0.1)


def run(optimizer: str, rate: float, seed: int) -> dict[str, Any]:
    """Train one; BLEU and chrF on test texts, on validation texts for the tuning seed."""
    some = first.data("fr")
    torch.manual_seed(seed)
    model = lm.Seq2Seq(lm.Seq2SeqConfig(first.VOCAB, first.VOCAB, **SIZES))  # type: ignore[arg-type]
    config = first.recipe(STEPS, rate)
    if optimizer == "adamw":
        config = replace(config, optimizer="adamw", learning_rate=rate)
    began = time.process_time()
    batches = first.batches(some.pairs, first.TOKENS, seed)
    lm.train(model, batches, config, loss=smoothed)
    row: dict[str, Any] = {"core_seconds": time.process_time() - began}
    part = some.parts["validation" if seed == first.TUNING_SEED else "test"]
    return row | first.scores(first.translate(model, some, part.source), part.target)


def score(study: lm.studies.Study, optimizer: str, rate: float) -> float:
    """BLEU of a trial, negative."""
    row = study.row(run, optimizer=optimizer, rate=rate, seed=first.TUNING_SEED)
    return -float(row["bleu"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/transformer_lstm")
    found = []
    for optimizer, rates in RATES.items():
        trial = functools.cache(functools.partial(score, study, optimizer))
        rate = lm.studies.best_inside(rates, [FIRST[optimizer]], trial)
        found.append((trial(rate), optimizer, rate))
    _, optimizer, rate = min(found)
    for seed in first.SEEDS:
        study.row(run, optimizer=optimizer, rate=rate, seed=seed)
    study.save()
