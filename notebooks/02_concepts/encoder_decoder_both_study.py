"""Study of the chapter "Encoder and decoder": do order and width help attention as much?

    make study NAME=02_concepts/encoder_decoder_both

One thread, about 12 minutes. An interrupted study goes on where it stopped.

The first study reversed the source of the network without attention, and gave it states twice as
wide. Here the network with attention is changed in the same two ways. Words, steps, batches,
measures and the search of the learning rate are those of the first study.
"""

from __future__ import annotations

import encoder_decoder_study as first
import torch

import largemodels as lm

first.MODELS |= {  # attention, width of the states, source reversed
    "attention, reversed": (True, 128, True),
    "attention, twice as wide": (True, 256, False),
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/encoder_decoder_both")

    def row(**key: object) -> dict:
        """The row of this network; its weights are not kept."""
        return study.row(lambda **key: first.train(study, **key), **key)

    for model in ("attention, reversed", "attention, twice as wide"):

        def score(rate: float, model: str = model) -> float:
            """Sounds wrong on validation words."""
            return row(phase="trial", model=model, rate=rate, seed=101)["per"]

        rate = lm.studies.best_inside(first.RATES, (1e-2,), score)
        for seed in range(1, 4):
            row(phase="test", model=model, rate=rate, seed=seed)
    study.save()
