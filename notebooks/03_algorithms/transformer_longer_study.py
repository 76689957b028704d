"""Second study of the chapter "The Transformer": longer, and is counting overtaken?

    make study NAME=03_algorithms/transformer_longer

One thread, about 13 minutes. An interrupted study goes on where it stopped. The Transformer of the
first study learns in twelve times as many steps, with dropout since it now sees each pair
many times. BLEU on the validation texts is noted on the way; the last weights are kept.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
import transformer_study as first

import largemodels as lm

RATE = 0.02  # of Muon


def run(times: int, dropout: float, seed: int) -> dict[str, Any]:
    """Train one Transformer in so many times the steps of the first study."""
    some = first.data("fr")
    torch.manual_seed(seed)
    sizes = first.SIZES | dict(norm_first=True, dropout=dropout)
    model = lm.Transformer(lm.TransformerConfig(first.VOCAB, **sizes))  # type: ignore[arg-type]
    steps, part = times * first.STEPS, some.parts["validation"]

    def evaluate() -> dict[str, float]:
        """BLEU and chrF on the validation texts."""
        return first.scores(first.translate(model, some, part.source), part.target)

    config = replace(first.recipe(steps, RATE), evaluate_every=steps // 12)
    began = time.process_time()
    curve = lm.train(model, first.batches(some.pairs, first.TOKENS, seed), config, evaluate)
    row: dict[str, Any] = {"core_seconds": time.process_time() - began}
    row |= {"steps": curve["step"].tolist(), "curve": curve["bleu"].tolist()}
    row["training_loss"] = float(curve["training_loss"].iloc[-1])
    test = some.parts["test"]
    row |= first.scores(first.translate(model, some, test.source), test.target)
    row |= first.scores(first.translate(model, some, test.source, 4), test.target, " beam")
    study.keep("french", model)
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/transformer_longer")
    study.row(run, times=12, dropout=0.1, seed=0)
    study.save()
