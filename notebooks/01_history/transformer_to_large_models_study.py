"""Study of "From the Transformer to large models": a loss forecast from smaller GPTs.

    make study NAME=01_history/transformer_to_large_models

One thread, about 13 minutes. An interrupted study goes on where it stopped.

Five small GPTs are trained on 10 characters for each parameter, each with the learning rate that
does best for its width; the law is fitted to them. A larger one, which the law has to forecast,
gets the learning rate that a straight line through those of the small ones gives it, checked
against half and twice as much. Rates are chosen on the validation plays with a seed of their own,
so that no seed is used to choose and to report. For the failure, the small ones are trained once
more with one rate for all.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor

import largemodels as lm
from largemodels.models.presets import preset

NAME = "01_history/transformer_to_large_models"
N_LAYER, CONTEXT_LENGTH, BATCH_SIZE, VOCAB_SIZE = 2, 64, 4, 84
TOKENS_PER_PARAMETER = 10
HEADS = {16: 1, 24: 1, 32: 2, 40: 2, 48: 3, 80: 5}  # d_model: heads, each 16 to 24 wide
FITTED, FORECAST = (16, 24, 32, 40, 48), 80
KEPT = (16, 80)  # whose weights the chapter shows
TUNING_SEED, SEEDS, MORE_SEEDS = 100, range(3), range(3, 5)
FIRST_RATE = 0.02  # where the search starts for the smallest


def n_multiplied(d_model: int) -> int:
    """Weights that multiply each token: of blocks and head; the embedding is looked up."""
    return 12 * N_LAYER * d_model**2 + VOCAB_SIZE * d_model


def flops_a_token(d_model: int) -> int:
    """Of training: forward and backward, matrix products and attention."""
    return 6 * n_multiplied(d_model) + 12 * N_LAYER * d_model * CONTEXT_LENGTH


def steps_of(d_model: int) -> int:
    """Updates for 10 characters a parameter."""
    return round(
        TOKENS_PER_PARAMETER * n_multiplied(d_model) / (BATCH_SIZE * CONTEXT_LENGTH)
    )


def one_pass(tokens: Tensor, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of windows in random order, none of them twice."""
    windows = tokens.unfold(0, CONTEXT_LENGTH + 1, CONTEXT_LENGTH)
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    for rows in order.split(BATCH_SIZE):
        yield windows[rows, :-1], windows[rows, 1:]


@cache
def encoded() -> dict[str, Tensor]:
    """The plays as character numbers: training, validation and test part."""
    corpus = lm.shakespeare()
    parts = {part: corpus.text(part) for part in ("train", "validation", "test")}
    tokenizer = lm.CharTokenizer("".join(parts.values()))
    assert tokenizer.vocab_size == VOCAB_SIZE
    return {part: tokenizer.encode(text) for part, text in parts.items()}


def train(part: str, d_model: int, learning_rate: float, seed: int) -> dict:
    """Train one GPT; returns sizes, compute, seconds on one core and losses in nats a character.

    Args:
        part: of the study: "choice" of the rates, "tuned", "one rate" for all, or "check".
        d_model: width.
        learning_rate: peak, of AdamW.
        seed: of the first weights and the order of the windows.
    """
    tokens = encoded()
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
    for text in ("validation", "test"):
        row[f"{text}_loss"] = lm.evaluate(gpt, tokens[text], CONTEXT_LENGTH)
    if part == "tuned" and d_model in KEPT and seed == 0:
        study.keep(f"width{d_model}", gpt)
    return row


def tuned(d_model: int, start: float) -> float:
    """The best rate on a grid of factors of two, extended until both neighbours are worse."""
    losses: dict[float, float] = {}

    def loss(rate: float) -> float:
        if rate not in losses:
            row = study.row(
                train,
                part="choice",
                d_model=d_model,
                learning_rate=rate,
                seed=TUNING_SEED,
            )
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


def rows(part: str, rates: dict[int, float], seeds: Iterable[int]) -> None:
    """One row for each width and seed."""
    for d_model, rate in rates.items():
        for seed in seeds:
            study.row(train, part=part, d_model=d_model, learning_rate=rate, seed=seed)


def main() -> None:
    """All rows: the choice of the rates, three seeds of each size, the failure, two more seeds."""
    rates: dict[int, float] = {}
    for d_model in FITTED:
        start = list(rates.values())[-1] if rates else FIRST_RATE
        rates[d_model] = tuned(d_model, start)
    forecast = by_line(rates, FORECAST)
    rows("tuned", rates | {FORECAST: forecast}, SEEDS)
    rows("one rate", dict.fromkeys(FITTED, rates[FITTED[0]]), SEEDS)
    rows("tuned", rates | {FORECAST: forecast}, MORE_SEEDS)
    for rate in (forecast / 2, forecast * 2):
        rows("check", {FORECAST: rate}, [0])
    study.save()


study = lm.studies.Study(NAME)

if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
