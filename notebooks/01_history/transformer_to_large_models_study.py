"""Study of "From the Transformer to large models": a loss forecast from smaller GPTs.

    make study NAME=01_history/transformer_to_large_models

One thread, about 25 minutes. An interrupted study goes on where it stopped.

Five small GPTs are trained on 20 characters for each parameter, each with the learning rate that
does best for its width; the law is fitted to them. A larger one, which the law has to forecast,
gets the learning rate that a straight line through those of the small ones gives it, checked
against half and twice as much. Rates are chosen on the validation plays with a seed of their own,
so that no seed is used to choose and to report. For the failure, the small ones are trained once
more with one rate for all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

import largemodels as lm
from largemodels.models.presets import preset

NAME = "01_history/transformer_to_large_models"
N_LAYER, CONTEXT_LENGTH, BATCH_SIZE, VOCAB_SIZE = 2, 64, 4, 84
TOKENS_PER_PARAMETER = 20
HEADS = {16: 1, 24: 1, 32: 2, 40: 2, 48: 3, 80: 5}  # d_model: heads, each 16 to 24 wide
FITTED, FORECAST = (16, 24, 32, 40, 48), 80
KEPT = (16, 80)  # whose weights the chapter shows
TUNING_SEED, SEEDS, SEEDS_OF_ONE_RATE = 100, range(5), range(3)
FIRST_RATE = 0.02  # where the search starts for the smallest


def n_multiplied(d_model: int) -> int:
    """Weights that multiply each token: of blocks and head; the embedding is looked up."""
    return 12 * N_LAYER * d_model**2 + VOCAB_SIZE * d_model


def flops_a_token(d_model: int) -> int:
    """Of training: forward and backward, matrix products and attention."""
    return 6 * n_multiplied(d_model) + 12 * N_LAYER * d_model * CONTEXT_LENGTH


def steps_of(d_model: int) -> int:
    """Updates for 20 characters a parameter."""
    return round(
        TOKENS_PER_PARAMETER * n_multiplied(d_model) / (BATCH_SIZE * CONTEXT_LENGTH)
    )


def one_pass(tokens: Tensor, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of windows in random order, none of them twice."""
    windows = tokens.unfold(0, CONTEXT_LENGTH + 1, CONTEXT_LENGTH)
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    for rows in order.split(BATCH_SIZE):
        yield windows[rows, :-1], windows[rows, 1:]


def train(d_model: int, learning_rate: float, seed: int) -> dict:
    """Train one GPT; returns sizes, compute, seconds on one core and losses in nats a character."""
    return _trained(d_model, learning_rate, seed)[1]


def train_and_keep(d_model: int, learning_rate: float, seed: int) -> dict:
    """The same, and keep the weights for the chapter."""
    gpt, row = _trained(d_model, learning_rate, seed)
    study.keep(f"width{d_model}", gpt)
    return row


def _trained(d_model: int, learning_rate: float, seed: int) -> tuple[lm.GPT, dict]:
    corpus = lm.shakespeare()
    parts = {part: corpus.text(part) for part in ("train", "validation", "test")}
    tokenizer = lm.CharTokenizer("".join(parts.values()))
    assert tokenizer.vocab_size == VOCAB_SIZE
    tokens = {part: tokenizer.encode(text) for part, text in parts.items()}
    torch.manual_seed(seed)
    sizes = dict(
        vocab_size=VOCAB_SIZE, n_layer=N_LAYER, n_head=HEADS[d_model], d_model=d_model
    )
    gpt = lm.GPT(preset("modern", context_length=CONTEXT_LENGTH, **sizes))
    steps = steps_of(d_model)
    recipe = lm.TrainingConfig(
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 20,
        evaluate_every=steps,
    )
    began = time.process_time()  # of one thread: what else the machine does is not counted
    lm.train(gpt, one_pass(tokens["train"], seed), recipe)
    core_seconds = time.process_time() - began
    n_tokens = steps * BATCH_SIZE * CONTEXT_LENGTH
    row = {
        "steps": steps,
        "n_multiplied": n_multiplied(d_model),
        "n_tokens": n_tokens,
        "flops": n_tokens * flops_a_token(d_model),
        "core_seconds": core_seconds,
    }
    for part in ("validation", "test"):
        row[f"{part}_loss"] = lm.evaluate(gpt, tokens[part], CONTEXT_LENGTH)
    return gpt, row


def tuned(d_model: int, start: float) -> float:
    """The best rate on a grid of factors of two, extended until both neighbours are worse."""
    losses: dict[float, float] = {}

    def loss(rate: float) -> float:
        if rate not in losses:
            row = study.row(train, d_model=d_model, learning_rate=rate, seed=TUNING_SEED)
            losses[rate] = row["validation_loss"]
        return losses[rate]

    best = start
    while (better := min((best, best / 2, best * 2), key=loss)) != best:
        best = better
    return best


def by_line(rates: dict[int, float], d_model: int) -> float:
    """The rate of a larger width: on a line through log rate and log parameters, two digits."""
    log_n = np.log([n_multiplied(width) for width in rates])
    line = np.polyfit(log_n, np.log(list(rates.values())), 1)
    return float(f"{np.exp(np.polyval(line, np.log(n_multiplied(d_model)))):.1e}")


def rows(d_model: int, learning_rate: float, seeds: range) -> None:
    """One row for each seed; the weights of the first are kept for the chapter."""
    for seed in seeds:
        compute = train_and_keep if d_model in KEPT and seed == 0 else train
        study.row(compute, d_model=d_model, learning_rate=learning_rate, seed=seed)


def main() -> None:
    """All rows: the choice of the rates, the small models, the failure, the larger model."""
    rates: dict[int, float] = {}
    for d_model in FITTED:
        rates[d_model] = tuned(
            d_model, start=list(rates.values())[-1] if rates else FIRST_RATE
        )
    for d_model, rate in rates.items():
        rows(d_model, rate, SEEDS)
    for one in sorted({rates[FITTED[0]], rates[FITTED[-1]]}):
        for d_model in FITTED:
            if one != rates[d_model]:
                for seed in SEEDS_OF_ONE_RATE:
                    study.row(train, d_model=d_model, learning_rate=one, seed=seed)
    forecast = by_line(rates, FORECAST)
    rows(FORECAST, forecast, SEEDS)
    for rate in (forecast / 2, forecast * 2):
        study.row(train, d_model=FORECAST, learning_rate=rate, seed=0)
    study.save()


study = lm.studies.Study(NAME)

if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
