"""Study of the chapter "Encoder and decoder": the same words for a small Transformer.

    make study NAME=02_concepts/encoder_decoder_transformer

One thread, about 5 minutes. An interrupted study goes on where it stopped. Words, steps, batches,
measures and the search of the learning rate are those of the first study.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import encoder_decoder_study as first
import torch
from torch import Tensor

import largemodels as lm
from largemodels.data import pronunciation as p

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
SIZES = dict(n_layer=2, n_head=4, d_model=96, d_hidden=192, context_length=40)
CHOICES = dict(norm_first=True, dropout=0.0, label_smoothing=0.0)


def masked(pairs: Iterator[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, ...]]:
    """The pairs with the masks of their padding."""
    for source, target in pairs:
        yield source, target, source != p.PAD, target != p.PAD


def train(phase: str, model: str, rate: float, seed: int) -> dict:
    """One network."""
    some = first.words()
    torch.manual_seed(seed)
    network = lm.Transformer(
        lm.TransformerConfig(len(p.SOUNDS), len(p.LETTERS), **SIZES, **CHOICES)
    )
    recipe = lm.TrainingConfig(
        steps=first.STEPS,
        learning_rate=rate,
        warmup_steps=first.STEPS // 20,
        weight_decay=0.0,
        evaluate_every=first.STEPS,
    )
    began = time.process_time()
    lm.train(network, masked(first.batches(some["training"], False, seed)), recipe)
    row = {
        "n_parameters": network.n_parameters(),
        "core_seconds": time.process_time() - began,
    }
    words = some["validation" if phase == "trial" else "test"]
    source = first.sources(words, False)
    start = torch.full((len(source), 1), p.START)
    said = lm.generate(
        network.eval().decoder_for(source, source != p.PAD),
        start,
        first.LONGEST,
        temperature=0,
        end_token=p.END,
    )
    said = [p.decode(one, p.SOUNDS) for one in said.tolist()]
    return row | first.scores(said, words)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/encoder_decoder_transformer")

    def score(rate: float) -> float:
        """Sounds wrong on validation words."""
        key = dict(phase="trial", model="Transformer", rate=rate, seed=101)
        return study.row(train, **key)["per"]

    rate = lm.studies.best_inside(RATES, (1e-2,), score)
    for seed in range(1, 4):
        study.row(train, phase="test", model="Transformer", rate=rate, seed=seed)
    study.save()
