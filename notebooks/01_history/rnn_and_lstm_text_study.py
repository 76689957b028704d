"""Study of the chapter "From the RNN to attention": LSTM and GPT on Shakespeare in equal time.

    make study NAME=01_history/rnn_and_lstm_text

One thread, about 8 minutes. An interrupted study goes on where it stopped.

The numbers of steps were found once, so that each training takes about 10 seconds on one core of
a two-core machine, and are fixed since. For each architecture and optimiser, width and learning
rates are searched: from the middle of the grid to the best neighbour, until none of the neighbours
is better. What is best on the validation plays is trained with five other seeds and tested.
"""

from __future__ import annotations

import time

import torch

import largemodels as lm
from largemodels.models.presets import preset

# Steps in about 10 seconds, by architecture, optimiser and width.
STEPS = {
    ("lstm", "adamw"): {48: 2600, 64: 1780, 96: 1080, 128: 740, 160: 540},
    ("lstm", "muon"): {48: 2100, 64: 1420, 96: 850, 128: 510, 160: 340},
    ("gpt", "adamw"): {24: 760, 32: 680, 48: 560, 64: 475, 96: 305},
    ("gpt", "muon"): {24: 700, 32: 620, 48: 460, 64: 410, 96: 240},
}
RATES = (1e-3, 2.5e-3, 6e-3, 1.2e-2, 2.5e-2, 6e-2, 1.5e-1, 4e-1)  # of AdamW
MATRIX_RATES = (
    3e-3,
    1e-2,
    3e-2,
    1e-1,
    3e-1,
)  # of Muon, where AdamW updates the rest; 0 without it
START = {"lstm": (96, 6e-2), "gpt": (48, 1.2e-2)}  # width and learning rate
CONTEXT_LENGTH, BATCH_SIZE = 64, 16


def build(architecture: str, vocab_size: int, width: int) -> torch.nn.Module:
    """An LSTM of one layer, or a modern GPT of two blocks."""
    if architecture == "gpt":
        sizes = dict(n_layer=2, n_head=4, d_model=width, context_length=CONTEXT_LENGTH)
        return lm.GPT(preset("modern", vocab_size=vocab_size, **sizes))
    return lm.RecurrentLM(lm.RecurrentLMConfig(vocab_size, width))


def train(
    phase: str,
    architecture: str,
    optimizer: str,
    width: int,
    rate: float,
    matrix_rate: float,
    seed: int,
) -> dict:
    """Train one model; returns its size, its seconds on one core and its losses in nats a token.

    Trials are judged on a part of the validation plays, final runs on all test plays.
    """
    corpus = lm.shakespeare()
    parts = {part: corpus.text(part) for part in ("train", "validation", "test")}
    tokenizer = lm.CharTokenizer("".join(parts.values()))
    torch.manual_seed(seed)
    model = build(architecture, tokenizer.vocab_size, width)
    steps = STEPS[architecture, optimizer][width]
    recipe = lm.TrainingConfig(
        steps=steps,
        optimizer=optimizer,
        learning_rate=rate,
        matrix_learning_rate=matrix_rate or 0.02,
        warmup_steps=steps // 20,
        evaluate_every=steps,
    )
    windows = lm.batches(tokenizer.encode(parts["train"]), BATCH_SIZE, CONTEXT_LENGTH, seed)
    began = time.process_time()  # of one thread: what else the machine does is not counted
    lm.train(model, windows, recipe)
    row = {
        "steps": steps,
        "n_parameters": model.n_parameters(),
        "core_seconds": time.process_time() - began,
    }
    part = "validation" if phase == "trial" else "test"
    tokens = tokenizer.encode(parts[part])[: 80_000 if phase == "trial" else None]
    overlap = CONTEXT_LENGTH // 2
    row[f"{part}_loss"] = lm.evaluate(model, tokens, CONTEXT_LENGTH, overlap=overlap)
    return row


def search(
    study: lm.studies.Study, architecture: str, optimizer: str
) -> tuple[float, dict]:
    """The best of one architecture and optimiser: its validation loss, width and rates."""
    grids = {
        "width": tuple(STEPS[architecture, optimizer]),
        "rate": RATES,
        "matrix_rate": MATRIX_RATES if optimizer == "muon" else (0.0,),
    }
    best = dict(zip(grids, (*START[architecture], grids["matrix_rate"][0]), strict=True))
    if optimizer == "muon":
        best["matrix_rate"] = 3e-2
    losses: dict[tuple[float, ...], float] = {}
    while True:
        for name, grid in grids.items():
            at = grid.index(best[name])
            for value in grid[max(0, at - 1) : at + 2]:
                one = best | {name: value}
                if tuple(one.values()) not in losses:
                    row = study.row(
                        train,
                        phase="trial",
                        architecture=architecture,
                        optimizer=optimizer,
                        **one,
                        seed=0,
                    )
                    losses[tuple(one.values())] = row["validation_loss"]
        better = min(losses, key=losses.__getitem__)
        if better == tuple(best.values()):
            return losses[better], best
        best = dict(zip(grids, better, strict=True))


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/rnn_and_lstm_text")
    for architecture in ("lstm", "gpt"):
        found = {name: search(study, architecture, name) for name in ("adamw", "muon")}
        optimizer = min(found, key=lambda name: found[name][0])
        for seed in (1, 2, 3, 4, 5):
            study.row(
                train,
                phase="test",
                architecture=architecture,
                optimizer=optimizer,
                **found[optimizer][1],
                seed=seed,
            )
    study.save()
