"""Study of "From the Transformer to large models": how the loss falls with compute.

    make study NAME=01_history/transformer_to_large_models

One thread, about 7 minutes. An interrupted study goes on where it stopped.

Five sizes, and with one seed a sixth, are trained on 20 characters for each parameter (the
ladder), with the learning rate that did best on the validation plays. At the compute of two
rungs other sizes are trained too (the slices): smaller ones on more characters, larger ones on
fewer.
"""

from __future__ import annotations

import time

import torch

import largemodels as lm
from largemodels.models.presets import preset

N_LAYER, N_HEAD, CONTEXT_LENGTH, BATCH_SIZE, VOCAB_SIZE = 2, 4, 64, 16, 84
TOKENS_PER_PARAMETER = 20
LADDER = (16, 24, 32, 40, 48)  # d_model, three seeds
LARGEST = 64  # one seed: what a law fitted to the others has to predict
# Learning rates tried with seed 0; larger sizes take the rate of the last one that is named.
TRIED = {16: (0.04, 0.08, 0.16), 24: (0.02, 0.04, 0.08), 32: (0.01, 0.02, 0.04)}
# d_model of a rung: the others at its compute, and how many seeds of each.
SLICES = {24: ((16, 32, 40), 3), 48: ((32, 64), 1)}


def n_multiplied(d_model: int) -> int:
    """Weights that multiply each token: of blocks and head; the embedding is looked up."""
    return 12 * N_LAYER * d_model**2 + VOCAB_SIZE * d_model


def flops_a_token(d_model: int) -> int:
    """Of training: forward and backward, matrix products and attention."""
    return 6 * n_multiplied(d_model) + 12 * N_LAYER * d_model * CONTEXT_LENGTH


def steps_of_rung(d_model: int) -> int:
    """For 20 characters a parameter."""
    return round(
        TOKENS_PER_PARAMETER * n_multiplied(d_model) / (BATCH_SIZE * CONTEXT_LENGTH)
    )


def steps_at_compute_of(rung: int, d_model: int) -> int:
    """For the compute of another size's rung."""
    return round(steps_of_rung(rung) * flops_a_token(rung) / flops_a_token(d_model))


def train(d_model: int, steps: int, learning_rate: float, seed: int) -> dict:
    """Train one GPT; returns sizes, compute, seconds on one core and losses in nats a character."""
    corpus = lm.shakespeare()
    parts = {part: corpus.text(part) for part in ("train", "validation", "test")}
    tokenizer = lm.CharTokenizer("".join(parts.values()))
    assert tokenizer.vocab_size == VOCAB_SIZE
    torch.manual_seed(seed)
    sizes = dict(vocab_size=VOCAB_SIZE, n_layer=N_LAYER, n_head=N_HEAD, d_model=d_model)
    gpt = lm.GPT(preset("modern", context_length=CONTEXT_LENGTH, **sizes))
    recipe = lm.TrainingConfig(
        steps=steps,
        learning_rate=learning_rate,  # of AdamW, for embedding, head and vectors
        matrix_learning_rate=0.03,  # of Muon, for the matrices of the blocks
        optimizer="muon",
        warmup_steps=steps // 20,
        evaluate_every=steps,
    )
    windows = lm.batches(tokenizer.encode(parts["train"]), BATCH_SIZE, CONTEXT_LENGTH, seed)
    began = time.process_time()  # of one thread: what else the machine does is not counted
    lm.train(gpt, windows, recipe)
    core_seconds = time.process_time() - began
    n_tokens = steps * BATCH_SIZE * CONTEXT_LENGTH
    return {
        "n_multiplied": n_multiplied(d_model),
        "n_tokens": n_tokens,
        "flops": n_tokens * flops_a_token(d_model),
        "core_seconds": core_seconds,
    } | {
        f"{part}_loss": lm.evaluate(gpt, tokenizer.encode(parts[part]), CONTEXT_LENGTH)
        for part in ("validation", "test")
    }


def main() -> None:
    """All rows; those of seed 0 first, since they choose the learning rates."""
    study = lm.studies.Study("01_history/transformer_to_large_models")
    rates: dict[int, float] = {}
    for d_model in LADDER:
        rows = [
            study.row(
                train,
                d_model=d_model,
                steps=steps_of_rung(d_model),
                learning_rate=rate,
                seed=0,
            )
            for rate in TRIED.get(d_model, list(rates.values())[-1:])
        ]
        rates[d_model] = min(rows, key=lambda row: row["validation_loss"])["learning_rate"]
    rates[LARGEST] = rates[LADDER[-1]]
    runs = [(LARGEST, steps_of_rung(LARGEST), 0)]
    runs += [(d, steps_of_rung(d), seed) for seed in (1, 2) for d in LADDER]
    runs += [
        (d_model, steps_at_compute_of(rung, d_model), seed)
        for rung, (others, n_seeds) in SLICES.items()
        for seed in range(n_seeds)
        for d_model in others
    ]
    for d_model, steps, seed in runs:
        study.row(
            train, d_model=d_model, steps=steps, learning_rate=rates[d_model], seed=seed
        )
    study.save()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
