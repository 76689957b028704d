"""Study of the chapter "Encoder and decoder": does the last state tell long words apart?

    make study NAME=02_concepts/encoder_decoder_room

One thread, about 5 minutes. An interrupted study goes on where it stopped.

The network with the last state learns 1,000 long words of the training part, and nothing else. Then
it says the same words, free running. Ten bits are enough to tell so many words apart.
"""

from __future__ import annotations

import time

import encoder_decoder_study as first
import torch

import largemodels as lm
from largemodels.data import pronunciation as p

STEPS, RATE, N_WORDS, LONG = 600, 1e-2, 1_000, 12


def run(seed: int) -> dict:
    """One network."""
    long = [word for word in first.words()["training"] if len(word.letters) >= LONG][
        :N_WORDS
    ]
    torch.manual_seed(seed)
    sizes = dict(d_model=64, d_hidden=128, attention=False)
    network = lm.Seq2Seq(lm.Seq2SeqConfig(len(p.LETTERS), len(p.SOUNDS), **sizes))
    recipe = lm.TrainingConfig(
        steps=STEPS,
        learning_rate=RATE,
        warmup_steps=STEPS // 20,
        weight_decay=0.0,
        evaluate_every=STEPS,
    )
    began = time.process_time()
    lm.train(network, first.batches(long, False, seed), recipe)
    said = first.pronounce(network, first.sources(long, False))
    pairs = [p.nearest(one, word) for one, word in zip(said, long, strict=True)]
    return {
        "words": len(long),
        "right": sum(edits == 0 for edits, _ in pairs) / len(long),
        "per": sum(edits for edits, _ in pairs) / sum(length for _, length in pairs),
        "letters": sum(len(word.letters) for word in long) / len(long),
        "core_seconds": time.process_time() - began,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/encoder_decoder_room")
    for seed in range(1, 4):
        study.row(run, seed=seed)
    study.save()
