"""Study of the chapter "From the RNN to attention": what is new to a GPT in a longer sequence?

    make study NAME=01_history/rnn_and_lstm_shifted

One thread, about 2 minutes. An interrupted study goes on where it stopped.

Two causes are taken away, each from five networks. The GPT with learned positions of the study of
words is trained as there, but every word begins at a random position from 0 to 4; it then spells
longer words, and words of 11 letters that begin at each of these positions. The GPT with rotary
positions of the study of copying is trained as there; in a test over longer gaps the symbol alone,
or the blanks alone, are then put at distances from the cue that it met in training.
"""

from __future__ import annotations

import math

import torch

import largemodels as lm
from largemodels.data.batches import shuffled
from largemodels.data.copying import copy_batches, copy_vocab_size
from largemodels.data.spelling import VOCAB_SIZE, distinct_words, spelled_backwards
from largemodels.models import rotary
from largemodels.models.presets import preset

SEEDS = (1, 2, 3, 4, 5)
SHORTEST, LONGEST, BEYOND, FURTHEST, N_HELD_OUT = 3, 10, 14, 4, 1_000
N_SYMBOLS, TRAINED_OVER, LONGER = 8, 32, (256, 512)


class Shifted(lm.GPT):
    """A GPT with learned positions that begin, in training, at a random place."""

    first = 0  # position of the first token at test

    def hidden(
        self, tokens: torch.Tensor, mask: object = None, cache: object = None
    ) -> torch.Tensor:
        """The final hidden states, (batch, time, d_model)."""
        t = torch.arange(tokens.shape[1])
        first = (
            torch.randint(FURTHEST + 1, (len(tokens), 1)) if self.training else self.first
        )
        x = self.token_embedding(tokens) + self.position_embedding(t + first)
        for block in self.blocks:
            x = block(x)
        return self.final_norm(x)


@torch.no_grad()
def letters_right(model: lm.GPT, words: list[str]) -> torch.Tensor:
    """Which letters of words of one length are right, each given those before it, (words, n)."""
    n = len(words[0])
    tokens, targets = spelled_backwards(words)
    return (model(tokens).argmax(dim=-1) == targets)[:, n : 2 * n]


def spell(phase: str, model: str, seed: int) -> dict:
    """Train one GPT as in the study of words, but with shifted positions."""
    text = lm.shakespeare().text("train")
    words = distinct_words(text, SHORTEST, LONGEST, seed=0)
    torch.manual_seed(seed)
    sizes = dict(n_layer=2, n_head=2, d_model=32, context_length=2 * BEYOND + 1)
    network = Shifted(preset("modern", vocab_size=VOCAB_SIZE, position=model, **sizes))
    recipe = lm.TrainingConfig(
        steps=680, learning_rate=3e-2, warmup_steps=34, weight_decay=0.0, evaluate_every=680
    )
    data = spelled_backwards(words[2 * N_HELD_OUT :])
    lm.train(network, shuffled(*data, batch_size=64, seed=seed), recipe)
    network.eval()
    tokens, targets = spelled_backwards(words[:N_HELD_OUT])
    with torch.no_grad():
        right = (network(tokens).argmax(dim=-1) == targets) | (targets == -100)
    row = {"test_right": right.all(dim=1).double().mean().item()}
    for n in range(LONGEST + 1, BEYOND + 1):
        of_n = distinct_words(text, n, n, seed=0)[:N_HELD_OUT]
        right = letters_right(network, of_n)
        row[f"{n} letters"] = right.double().mean().item()
        row[f"{n} letters, words"] = right.all(dim=1).double().mean().item()
        for network.first in range(FURTHEST + 1 if n == LONGEST + 1 else 0):
            shares = letters_right(network, of_n).double().mean(dim=0).tolist()
            for place, share in enumerate(shares, start=1):
                row[f"{n} letters from {network.first}: {place}"] = share
        network.first = 0
    return row


@torch.no_grad()
def copied(model: lm.GPT, gap: int, positions: torch.Tensor, sharper: float) -> float:
    """Share of the eight symbols copied, with other positions and all scores multiplied."""
    tokens = torch.zeros(N_SYMBOLS, gap + 2, dtype=torch.long)
    tokens[:, 0], tokens[:, -1] = torch.arange(1, N_SYMBOLS + 1), N_SYMBOLS + 1
    rotation = rotary.rotation(positions, model.config.d_head, model.config.rope_base)
    for block in model.blocks:
        block.attention.q_norm.weight.mul_(sharper)
    x = model.token_embedding(tokens)
    for block in model.blocks:
        x = block(x, None, rotation)
    right = model.logits(model.final_norm(x[:, -1])).argmax(dim=-1) == tokens[:, 0]
    for block in model.blocks:
        block.attention.q_norm.weight.div_(sharper)
    return right.double().mean().item()


def copy(phase: str, model: str, seed: int) -> dict:
    """Train one GPT as in the study of copying and move the symbol, or the blanks, nearer."""
    torch.manual_seed(seed)
    sizes = dict(n_layer=2, n_head=2, d_model=32, context_length=max(LONGER) + 2)
    vocab_size = copy_vocab_size(N_SYMBOLS)
    network = lm.GPT(preset("modern", vocab_size=vocab_size, position=model, **sizes))
    recipe = lm.TrainingConfig(
        steps=300, learning_rate=3e-3, warmup_steps=15, weight_decay=0.0, evaluate_every=300
    )
    lm.train(network, copy_batches(N_SYMBOLS, 1, TRAINED_OVER, 32, seed), recipe)
    network.eval()
    row = {}
    for gap in LONGER:
        as_they_are = torch.arange(gap + 2.0)
        symbol_moved, blanks_moved = as_they_are.clone(), as_they_are.clone()
        symbol_moved[0] = gap - TRAINED_OVER  # a distance of 33 to the cue, at gap + 1
        blanks_moved[1:-1] = torch.linspace(gap + 1 - TRAINED_OVER, gap, gap)
        sharper = math.log(gap + 2) / math.log(TRAINED_OVER + 2)
        for title, positions in (
            ("as trained", as_they_are),
            ("symbol moved", symbol_moved),
            ("blanks moved", blanks_moved),
        ):
            row[f"{gap} {title}"] = copied(network, gap, positions, 1.0)
            row[f"{gap} {title}, sharper"] = copied(network, gap, positions, sharper)
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/rnn_and_lstm_shifted")
    for seed in SEEDS:
        study.row(spell, phase="spelling", model="learned", seed=seed)
    for seed in SEEDS:
        study.row(copy, phase="copying", model="rotary", seed=seed)
    study.save()
