"""Study of the chapter "From the RNN to attention": who learns to spell words backwards?

    make study NAME=01_history/rnn_and_lstm_words

One thread, about 15 minutes. An interrupted study goes on where it stopped.

The words of the training plays, three to ten letters long, are spelled backwards: ``king→gnik``. A
word is right if all its letters are. Every training takes about 10 seconds on one core, counted in
steps. The LSTM and the GPT have two widths each. For each width learning rates
are tried with two seeds, beginning with three; while the best is the lowest or the highest tried,
the next one is added. The best of each network is trained with five other seeds and tested on words
that nobody has trained on.
"""

from __future__ import annotations

import time

import torch

import largemodels as lm
from largemodels.data.batches import shuffled
from largemodels.data.spelling import VOCAB_SIZE, distinct_words, spelled_backwards
from largemodels.models.presets import preset

# Steps in about 10 seconds, by model and width.
STEPS = {
    "LSTM": {64: 1450, 128: 850},
    "GPT, learned positions": {32: 700, 64: 450},
    "GPT, no positions": {32: 700, 64: 450},
}
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
FIRST = (3e-3, 1e-2, 3e-2)  # the rates with which every network begins
SHORTEST, LONGEST, N_HELD_OUT, BATCH_SIZE = 3, 10, 1_000, 64


def build(model: str, width: int) -> torch.nn.Module:
    """One layer of LSTM, or a modern GPT of two blocks."""
    if model == "LSTM":
        return lm.RecurrentLM(lm.RecurrentLMConfig(VOCAB_SIZE, width))
    position = "none" if model == "GPT, no positions" else "learned"
    sizes = dict(n_layer=2, n_head=2, d_model=width, context_length=2 * LONGEST + 1)
    return lm.GPT(preset("modern", vocab_size=VOCAB_SIZE, position=position, **sizes))


@torch.no_grad()
def words_right(model: torch.nn.Module, words: list[str]) -> float:
    """Share of the words whose letters are all right, each given those before it."""
    tokens, targets = spelled_backwards(words)
    right = model.eval()(tokens).argmax(dim=-1) == targets
    return (right | (targets == -100)).all(dim=1).double().mean().item()


def train(phase: str, model: str, width: int, rate: float, seed: int) -> dict:
    """Train one network on words of the training plays."""
    words = distinct_words(lm.shakespeare().text("train"), SHORTEST, LONGEST, seed=0)
    test, validation = words[:N_HELD_OUT], words[N_HELD_OUT : 2 * N_HELD_OUT]
    torch.manual_seed(seed)
    network = build(model, width)
    steps = STEPS[model][width]
    recipe = lm.TrainingConfig(
        steps=steps,
        learning_rate=rate,
        warmup_steps=steps // 20,
        weight_decay=0.0,
        evaluate_every=steps,
    )
    batches = shuffled(
        *spelled_backwards(words[2 * N_HELD_OUT :]), batch_size=BATCH_SIZE, seed=seed
    )
    began = time.process_time()
    lm.train(network, batches, recipe)
    row = {
        "steps": steps,
        "n_parameters": network.n_parameters(),
        "core_seconds": time.process_time() - began,
        "validation_right": words_right(network, validation),
    }
    if phase == "test":
        row["test_right"] = words_right(network, test)
    return row


def best_of(study: lm.studies.Study, model: str, width: int) -> tuple[float, float]:
    """The share right on validation words, the mean of two seeds, and the rate that gave it."""
    tried: dict[float, float] = {}
    wanted = list(FIRST)
    while wanted:
        for rate in wanted:
            rows = [
                study.row(
                    train, phase="trial", model=model, width=width, rate=rate, seed=seed
                )
                for seed in (101, 102)
            ]
            tried[rate] = sum(row["validation_right"] for row in rows) / len(rows)
        best = RATES.index(max(tried, key=tried.__getitem__))
        wanted = [rate for rate in RATES[max(0, best - 1) : best + 2] if rate not in tried]
    return tried[RATES[best]], RATES[best]


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/rnn_and_lstm_words")
    for model, widths in STEPS.items():
        found = {width: best_of(study, model, width) for width in widths}
        width = max(found, key=lambda width: found[width][0])
        for seed in (1, 2, 3, 4, 5):
            study.row(
                train,
                phase="test",
                model=model,
                width=width,
                rate=found[width][1],
                seed=seed,
            )
    study.save()
