"""Study of the chapter "Pretraining a GPT": seeds, modern choices, and when a GPT beats counting.

    make study NAME=05_project/pretraining

One thread, about 20 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import time

import torch

import largemodels as lm
from largemodels.models.presets import preset

SMALL = dict(
    n_layer=2, d_model=64, steps=1_800, learning_rate=8e-3
)  # the chapter's own run
LARGER = dict(n_layer=3, d_model=128, steps=4_000, learning_rate=5e-3)
CONTEXT_LENGTH, BATCH_SIZE = 64, 16


def train(
    architecture: str,
    optimizer: str,
    seed: int,
    n_layer: int,
    d_model: int,
    steps: int,
    learning_rate: float,
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
        matrix_learning_rate=0.03,
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


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("05_project/pretraining")
    for architecture in ("gpt2", "modern"):
        for optimizer in ("adamw", "muon"):
            for seed in range(3):
                study.row(
                    train,
                    architecture=architecture,
                    optimizer=optimizer,
                    seed=seed,
                    **SMALL,
                )
    study.row(train, architecture="modern", optimizer="muon", seed=0, **LARGER)
    study.save()
