"""Study of the chapter "From the RNN to attention": who learns to spell words backwards?

    make study NAME=01_history/rnn_and_lstm_words

One thread, about 6 minutes. An interrupted study goes on where it stopped.

The words of the training plays, three to ten letters long, are spelled backwards: ``king→gnik``. A
word is right if all its letters are. Every training takes about eight seconds on one core, counted
in steps, which were found once and are fixed since. Width and learning rate are searched with one
seed: from the middle of the grid to the best neighbour, until none of the neighbours is better.
The GPT without positions has the width of the one with positions and a learning rate of its own.
The best of each is trained with five other seeds and tested on words that nobody has trained on,
and on longer ones.
"""

from __future__ import annotations

import time

import torch

import largemodels as lm
from largemodels.data.batches import shuffled
from largemodels.data.spelling import VOCAB_SIZE, distinct_words, spelled_backwards
from largemodels.models.presets import preset

# Steps in about eight seconds, by width.
GPT_STEPS = {16: 920, 32: 680, 48: 480, 64: 340, 96: 210}
STEPS = {
    "LSTM": {32: 2300, 64: 1150, 96: 740, 128: 490, 192: 260},
    "GPT, learned positions": GPT_STEPS,
    "GPT, no positions": GPT_STEPS,
}
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
START = {"LSTM": (64, 1e-2), "GPT, learned positions": (32, 1e-2)}
TRIAL_SEED, TEST_SEEDS = 101, (1, 2, 3, 4, 5)
SHORTEST, LONGEST, BEYOND, N_HELD_OUT, BATCH_SIZE = 3, 10, 12, 1_000, 64


def build(model: str, width: int) -> torch.nn.Module:
    """One layer of LSTM, or a modern GPT of two blocks."""
    if model == "LSTM":
        return lm.RecurrentLM(lm.RecurrentLMConfig(VOCAB_SIZE, width))
    position = "none" if model == "GPT, no positions" else "learned"
    sizes = dict(n_layer=2, n_head=2, d_model=width, context_length=2 * BEYOND + 1)
    return lm.GPT(preset("modern", vocab_size=VOCAB_SIZE, position=position, **sizes))


@torch.no_grad()
def words_right(model: torch.nn.Module, words: list[str]) -> float:
    """Share of the words whose letters are all right, each given those before it."""
    tokens, targets = spelled_backwards(words)
    right = model.eval()(tokens).argmax(dim=-1) == targets
    return (right | (targets == -100)).all(dim=1).double().mean().item()


def train(phase: str, model: str, width: int, rate: float, seed: int) -> dict:
    """Train one network on words of the training plays."""
    text = lm.shakespeare().text("train")
    words = distinct_words(text, SHORTEST, LONGEST, seed=0)
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
        row["longer_right"] = words_right(
            network, distinct_words(text, LONGEST + 1, BEYOND, seed=0)[:N_HELD_OUT]
        )
    return row


def neighbours(grid: tuple, value: float) -> list:
    """A value and those beside it in its grid."""
    at = grid.index(value)
    return list(grid[max(0, at - 1) : at + 2])


def search(
    study: lm.studies.Study, model: str, width: int, rate: float, widths: tuple
) -> dict:
    """Width and rate with no better neighbour, from a start."""
    tried: dict[tuple[int, float], float] = {}
    best = (width, rate)
    while True:
        around = [(best[0], rate) for rate in neighbours(RATES, best[1])]
        around += [(width, best[1]) for width in neighbours(widths, best[0])]
        for one in around:
            if one not in tried:
                width, rate = one
                row = study.row(
                    train,
                    phase="trial",
                    model=model,
                    width=width,
                    rate=rate,
                    seed=TRIAL_SEED,
                )
                tried[one] = row["validation_right"]
        better = max(tried, key=tried.__getitem__)
        if better == best:
            return {"width": best[0], "rate": best[1]}
        best = better


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/rnn_and_lstm_words")
    chosen = {
        model: search(study, model, *start, tuple(STEPS[model]))
        for model, start in START.items()
    }
    width = chosen["GPT, learned positions"]["width"]
    chosen["GPT, no positions"] = search(study, "GPT, no positions", width, 1e-2, (width,))
    for model, best in chosen.items():
        for seed in TEST_SEEDS:
            study.row(train, phase="test", model=model, **best, seed=seed)
    study.save()
