"""Study of the chapter "Encoder and decoder": does longer training close the gap?

    make study NAME=02_concepts/encoder_decoder_longer

One thread, about 8 minutes. An interrupted study goes on where it stopped.

The networks of the first study, four times as many steps, at the learning rate that the first study chose for each on
validation words. The first network with attention is kept.
"""

from __future__ import annotations

import time

import encoder_decoder_study as first
import torch

import largemodels as lm
from largemodels.data import pronunciation as p

STEPS = 4 * first.STEPS


def train(study: lm.studies.Study, model: str, rate: float, seed: int) -> dict:
    """One network, tested on the words of the first study."""
    attention, width, backwards = first.MODELS[model]
    some = first.words()
    torch.manual_seed(seed)
    sizes = dict(d_model=64, d_hidden=width, attention=attention)
    network = lm.Seq2Seq(lm.Seq2SeqConfig(len(p.LETTERS), len(p.SOUNDS), **sizes))
    recipe = lm.TrainingConfig(
        steps=STEPS,
        learning_rate=rate,
        warmup_steps=STEPS // 20,
        weight_decay=0.0,
        evaluate_every=STEPS,
    )
    began = time.process_time()
    lm.train(network, first.batches(some["training"], backwards, seed), recipe)
    row = {"core_seconds": time.process_time() - began}
    source = first.sources(some["test"], backwards)
    row |= first.scores(first.pronounce(network, source), some["test"])
    if attention and seed == 1:
        study.keep("attention", network)
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/encoder_decoder_longer")
    chosen = lm.studies.load("02_concepts/encoder_decoder")
    chosen = chosen[chosen.phase == "test"].groupby("model").rate.first()
    for model, seeds in (("attention", 2), ("last state", 3)):
        for seed in range(1, seeds + 1):
            key = dict(model=model, rate=float(chosen[model]), seed=seed)
            study.row(lambda **key: train(study, **key), **key)
    study.save()
