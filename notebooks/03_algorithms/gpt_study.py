"""Study of the chapter "GPT": which changes since GPT-2 let a small network learn from its context?

    make study NAME=03_algorithms/gpt

One thread, about 25 minutes. A GPT of two blocks predicts Markov chains, each sequence from a table
of its own, see `largemodels.data.chains`. It starts as GPT-2 with one change at a time, or as the
library's modern preset with one change taken back. AdamW's peak rate is chosen for each network by
the loss on validation sequences, with a seed that is not reported; the loss is reported on others,
as what it exceeds that of the best prediction by. "fell" is the first step, of every tenth, at
which a third of the distance is left from counts of symbols to the best prediction.
"""

from __future__ import annotations

from typing import Any

import torch

import largemodels as lm
from largemodels.data.chains import chain_batches, chain_log_probs
from largemodels.models.presets import preset

N_SYMBOLS, LENGTH, CONCENTRATION = 8, 64, 0.1
BATCH_SIZE, STEPS = 32, 200
N_VALIDATION, N_TEST = 64, 256
VALIDATION, TEST = 1_000_001, 1_000_002  # seeds of sequences on which nothing is trained
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
FIRST = (1e-3, 3e-3, 1e-2, 3e-2)  # tried with every network
SEEDS, TUNING_SEED = range(3), 100
SIZES = dict(vocab_size=N_SYMBOLS, context_length=LENGTH, n_layer=2, n_head=4)
ADDED: dict[str, dict[str, Any]] = {
    "": {},
    "rotary positions": dict(position="rotary"),
    "normalised queries and keys": dict(qk_norm=True),
    "squared ReLU": dict(activation="relu2"),
    "start at zero": dict(zero_init=True),
    "own head": dict(tied_head=False),
    "own head, large embeddings": dict(tied_head=False, embedding_std=1.0),
    "own head, large embeddings, rotary positions": dict(
        tied_head=False, embedding_std=1.0, position="rotary"
    ),
}
TAKEN: dict[str, dict[str, Any]] = {
    "": {},
    "rotary positions": dict(position="learned"),
    "large embeddings": dict(embedding_std=0.02),
    "normalised queries and keys": dict(qk_norm=False),
    "own head, large embeddings": dict(tied_head=True, embedding_std=0.02),
    "start at zero": dict(zero_init=False),
}


def network(start: str, change: str, d_model: int) -> lm.GPT:
    """GPT-2 with a change, or the modern GPT without one."""
    sizes = SIZES | dict(d_model=d_model)
    if start == "GPT-2":
        return lm.GPT(lm.GPTConfig(**sizes, **ADDED[change]))
    return lm.GPT(preset("modern", **sizes, **TAKEN[change]))


def sequences(n: int, seed: int) -> tuple[torch.Tensor, float, float]:
    """Sequences ``(n, LENGTH + 1)``, the loss of the best prediction, and that of symbol counts."""
    inputs, targets = next(chain_batches(N_SYMBOLS, LENGTH, CONCENTRATION, n, seed))
    tokens = torch.cat([inputs, targets[:, -1:]], dim=1)
    best = -chain_log_probs(tokens, N_SYMBOLS, CONCENTRATION).mean().item()
    symbols = -chain_log_probs(tokens, N_SYMBOLS, 1.0, pairs=False).mean().item()
    return tokens, best, symbols


def excess(model: lm.GPT, tokens: torch.Tensor, best: float) -> float:
    """Loss beyond that of the best prediction, nats a symbol."""
    return model.loss(tokens[:, :-1], tokens[:, 1:]).item() - best


def trained(
    model: lm.GPT, seed: int, rate: float, steps: int
) -> tuple[list[int], list[float]]:
    """Train on fresh chains; steps and excess losses on validation sequences."""
    tokens, best, _ = sequences(N_VALIDATION, VALIDATION)
    recipe = lm.TrainingConfig(
        steps=steps, learning_rate=rate, warmup_steps=STEPS // 20, weight_decay=0.0,
        evaluate_every=10,
    )  # fmt: skip
    fresh = chain_batches(N_SYMBOLS, LENGTH, CONCENTRATION, BATCH_SIZE, seed)
    history = lm.train(
        model, fresh, recipe, lambda: {"excess": excess(model, tokens, best)}
    )
    return history.step.tolist(), history.excess.tolist()


def learnt(
    start: str, change: str, d_model: int, rate: float, seed: int, steps: int
) -> dict[str, Any]:
    """One training run."""
    torch.manual_seed(seed)
    model = network(start, change, d_model)
    at, curve = trained(model, seed, rate, steps)
    _, best, symbols = sequences(N_VALIDATION, VALIDATION)
    third = (symbols - best) / 3
    fell = next((step for step, it in zip(at, curve, strict=True) if it < third), None)
    row: dict[str, Any] = {"validation_excess": curve[-1], "fell": fell}
    if seed != TUNING_SEED:
        tokens, best, _ = sequences(N_TEST, TEST)
        with torch.no_grad():
            row["excess"] = excess(model.eval(), tokens, best)
        row["curve"] = [round(it, 4) for it in curve]
    return row


def best_rate(
    study: lm.studies.Study, start: str, change: str, d_model: int, steps: int
) -> float:
    """The rate with the lowest validation loss."""

    def score(rate: float) -> float:
        key = dict(start=start, change=change, d_model=d_model, steps=steps)
        row = study.row(learnt, **key, rate=rate, seed=TUNING_SEED)
        return float(row["validation_excess"])

    return lm.studies.best_inside(RATES, FIRST, score)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/gpt")
    wanted = [("GPT-2", change, 64) for change in ADDED]
    wanted += [("modern", change, 64) for change in TAKEN]
    wanted += [
        ("GPT-2", "", 32),
        ("GPT-2", "own head, large embeddings", 32),
        ("modern", "", 32),
    ]
    for start, change, d_model in wanted:
        rate = best_rate(study, start, change, d_model, STEPS)
        for seed in SEEDS:
            key = dict(start=start, change=change, d_model=d_model, steps=STEPS)
            study.row(learnt, **key, rate=rate, seed=seed)
    study.save()
