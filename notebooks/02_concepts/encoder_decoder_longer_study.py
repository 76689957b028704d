"""Study of the chapter "Encoder and decoder": does longer training close the gap?

    make study NAME=02_concepts/encoder_decoder_longer

One thread, about 12 minutes. An interrupted study goes on where it stopped.

Two networks of the first study, four times as many steps, at the learning rate that the first study
chose for each on validation words. They are tested on its test words, and on words of the training
part: what a network says wrong even there, it has not stored. The first network with attention is
kept.
"""

from __future__ import annotations

import time

import encoder_decoder_study as first
import torch

import largemodels as lm
from largemodels.data import pronunciation as p

STEPS = 4 * first.STEPS
RATES = {"attention": 3e-2, "last state": 3e-2}  # of the first study, on validation words


def train(study: lm.studies.Study, model: str, rate: float, seed: int) -> dict:
    """One network."""
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
    greedy = first.pronounce(network, first.sources(some["test"], backwards))
    row |= first.scores(greedy, some["test"])
    few = some["test"][:1_000]
    beam = first.pronounce(network, first.sources(few, backwards), 4)
    row["greedy 1000"] = first.scores(greedy[:1_000], few)["right"]
    row["beam 1000"] = first.scores(beam, few)["right"]
    seen = some["training"][:1_500]
    seen += [word for word in some["training"][1_500:15_000] if len(word.letters) >= 12]
    said = first.pronounce(network, first.sources(seen, backwards))
    row |= {f"training {name}": value for name, value in first.scores(said, seen).items()}
    if attention and seed == 1:
        study.keep("attention", network)
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/encoder_decoder_longer")
    for seed in range(1, 4):
        for model, rate in RATES.items():
            key = dict(model=model, rate=rate, seed=seed)
            study.row(lambda **key: train(study, **key), **key)
    study.save()
