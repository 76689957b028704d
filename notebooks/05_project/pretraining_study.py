"""Study of the chapter "Pretraining a GPT": seeds, modern choices, and when a GPT beats counting.

    make study NAME=05_project/pretraining

One thread, about 25 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import time

import torch

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.models.presets import preset

SMALL = dict(n_layer=2, d_model=64, steps=1_800)  # the chapter's own run
LARGER = dict(n_layer=3, d_model=128, steps=7_000)
RATES = {  # as many trials for the one as for the other
    "adamw": [dict(learning_rate=rate) for rate in (5e-3, 8e-3, 1.3e-2, 2e-2, 3e-2)],
    "muon": [
        dict(learning_rate=8e-3, matrix_learning_rate=rate)
        for rate in (0.01, 0.02, 0.03, 0.05, 0.08)
    ],
}
SWEEP_SEED = 100  # of the trials; the seeds that are reported are others
CONTEXT_LENGTH, BATCH_SIZE = 64, 16


def train(
    architecture: str,
    optimizer: str,
    seed: int,
    n_layer: int,
    d_model: int,
    steps: int,
    learning_rate: float,
    matrix_learning_rate: float = 0.02,  # Muon's
) -> dict:
    """Train one GPT; returns its size, its seconds on one core and its losses in nats a token."""
    corpus = lm.shakespeare()
    parts = {part: corpus.text(part) for part in ("train", "validation", "test")}
    tokenizer = lm.CharTokenizer("".join(parts.values()))
    sizes = dict(
        vocab_size=tokenizer.vocab_size, n_layer=n_layer, n_head=4, d_model=d_model
    )
    torch.manual_seed(seed)
    gpt = lm.GPT(preset(architecture, context_length=CONTEXT_LENGTH, **sizes))
    recipe = lm.TrainingConfig(
        steps=steps,
        learning_rate=learning_rate,
        matrix_learning_rate=matrix_learning_rate,
        optimizer=optimizer,
        warmup_steps=steps // 20,
        evaluate_every=steps,
    )
    windows = lm.batches(tokenizer.encode(parts["train"]), BATCH_SIZE, CONTEXT_LENGTH, seed)
    began = time.process_time()  # of one thread: what else the machine does is not counted
    lm.train(gpt, windows, recipe)
    core_seconds = time.process_time() - began
    losses = {
        f"{part}_loss": lm.evaluate(
            gpt, tokenizer.encode(parts[part]), CONTEXT_LENGTH, overlap=CONTEXT_LENGTH // 2
        )
        for part in ("validation", "test")
    }
    return {"n_parameters": gpt.n_parameters(), "core_seconds": core_seconds} | losses


def trials(study: Study, architecture: str, optimizer: str) -> dict[str, float]:
    """Try each learning rate once; returns the best on the validation plays."""
    common = dict(architecture=architecture, optimizer=optimizer, seed=SWEEP_SEED)
    rows = [study.row(train, **common, **SMALL, **rate) for rate in RATES[optimizer]]
    losses = [row["validation_loss"] for row in rows]
    return RATES[optimizer][losses.index(min(losses))]


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("05_project/pretraining")
    for architecture in ("gpt2", "modern"):
        for optimizer in RATES:
            best = trials(study, architecture, optimizer)
            common = dict(architecture=architecture, optimizer=optimizer)
            for seed in range(3):
                study.row(train, **common, seed=seed, **SMALL, **best)
    # The last is what the larger model takes, too, at two thirds: it is wider.
    rates = {name: 2 / 3 * rate for name, rate in best.items()}
    study.row(train, **common, seed=0, **LARGER, **rates)
    study.save()
