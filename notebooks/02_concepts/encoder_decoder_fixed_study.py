"""Study of the chapter "Encoder and decoder": is it the extra input that helps attention?

    make study NAME=02_concepts/encoder_decoder_fixed

One thread, about 3 minutes. An interrupted study goes on where it stopped.

With attention the decoder reads a vector from the encoder at every step and in its output layer,
too. Here it reads one in both places as well, but always the same: the encoder's last state. Words,
steps, batches, measures and the search of the learning rate are those of the first study.
"""

from __future__ import annotations

import time

import encoder_decoder_study as first
import torch
from torch import Tensor, nn

import largemodels as lm
from largemodels.data import pronunciation as p
from largemodels.models.seq2seq import Memory

WIDTH, HIDDEN = 64, 128


class Fixed(lm.Seq2Seq):
    """The encoder's last state where attention has its mixture."""

    def __init__(self) -> None:
        super().__init__(
            lm.Seq2SeqConfig(len(p.LETTERS), len(p.SOUNDS), WIDTH, HIDDEN, attention=False)
        )
        self.decoder = lm.LSTM(lm.LSTMConfig(WIDTH + HIDDEN, HIDDEN))
        self.head = nn.Linear(2 * HIDDEN, len(p.SOUNDS))

    def decode(self, tokens: Tensor, memory: Memory) -> tuple[Tensor, None]:
        """Read target tokens, and move the memory's state past them."""
        x = self.target_embedding(tokens)
        memory.length += tokens.shape[1]
        last = memory.states[torch.arange(len(x)), memory.mask.sum(dim=1) - 1]
        seen = last[:, None].expand(-1, tokens.shape[1], -1)
        hidden, memory.state = self.decoder(torch.cat([x, seen], dim=-1), memory.state)
        return torch.cat([hidden, seen], dim=-1), None


def train(phase: str, model: str, rate: float, seed: int) -> dict:
    """One network."""
    some = first.words()
    torch.manual_seed(seed)
    network = Fixed()
    recipe = lm.TrainingConfig(
        steps=first.STEPS,
        learning_rate=rate,
        warmup_steps=first.STEPS // 20,
        weight_decay=0.0,
        evaluate_every=first.STEPS,
    )
    began = time.process_time()
    lm.train(network, first.batches(some["training"], False, seed), recipe)
    row = {
        "n_parameters": network.n_parameters(),
        "core_seconds": time.process_time() - began,
    }
    words = some["validation" if phase == "trial" else "test"]
    return row | first.scores(first.pronounce(network, first.sources(words, False)), words)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/encoder_decoder_fixed")

    def score(rate: float) -> float:
        """Sounds wrong on validation words."""
        key = dict(phase="trial", model="last state at every step", rate=rate, seed=101)
        return study.row(train, **key)["per"]

    rate = lm.studies.best_inside(first.RATES, (1e-2,), score)
    for seed in range(1, 4):
        study.row(
            train, phase="test", model="last state at every step", rate=rate, seed=seed
        )
    study.save()
