"""Study of the chapter "Pretraining a GPT": spread over seeds, and when counting is beaten.

    make study NAME=05_project/pretraining

One thread, about 20 minutes. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import time

import torch

import largemodels as lm

# The chapter's own setting, then the same recipe for larger models and longer.
CHAPTER = dict(n_layer=2, d_model=64, context_length=64, steps=1_800, learning_rate=8e-3)
LARGER = dict(n_layer=3, d_model=128, context_length=64, steps=10_000, learning_rate=5e-3)


def train(
    seed: int,
    n_layer: int,
    d_model: int,
    context_length: int,
    steps: int,
    learning_rate: float,
) -> dict:
    """Train one GPT; returns its size, its seconds on one core and its losses in nats a token."""
    corpus = lm.shakespeare()
    tokenizer = lm.CharTokenizer(
        "".join(corpus.text(part) for part in ("train", "validation", "test"))
    )
    torch.manual_seed(seed)
    gpt = lm.GPT(
        lm.GPTConfig(
            tokenizer.vocab_size, context_length, n_layer, n_head=4, d_model=d_model
        )
    )
    recipe = lm.TrainingConfig(
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 20,
        evaluate_every=steps,
    )
    windows = lm.batches(tokenizer.encode(corpus.text("train")), 16, context_length, seed)
    began = (
        time.process_time()
    )  # of one thread: what else runs on the machine does not count
    lm.train(gpt, windows, recipe)
    core_seconds = time.process_time() - began
    losses = {
        f"{part}_loss": lm.evaluate(
            gpt,
            tokenizer.encode(corpus.text(part)),
            context_length,
            overlap=context_length // 2,
        )
        for part in ("validation", "test")
    }
    return {"n_parameters": gpt.n_parameters(), "core_seconds": core_seconds} | losses


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("05_project/pretraining")
    for seed in range(3):
        study.row(train, seed=seed, **CHAPTER)
    study.row(train, seed=0, **(CHAPTER | {"steps": 4 * CHAPTER["steps"]}))
    study.row(train, seed=0, **LARGER)
    study.save()
