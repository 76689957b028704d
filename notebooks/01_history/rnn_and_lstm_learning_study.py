"""Study of the chapter "From the RNN to attention": how fast does each network learn to copy?

    make study NAME=01_history/rnn_and_lstm_learning

One thread, about 4 minutes. An interrupted study goes on where it stopped.

Networks of 25,000 to 36,000 parameters copy one symbol over a gap. Training ends when every
validation sequence is right, or after 500 steps. For each network and gap, learning rates are tried
with two seeds, beginning with three rates; while the best is the lowest or the highest tried, the
next one is added. With the best, five other seeds are trained, and the two LSTMs once more at one
rate.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

import largemodels as lm
from largemodels.data.copying import copy_batches, copy_vocab_size
from largemodels.models.presets import preset

GAPS = (8, 32)  # over which learning is timed
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
FIRST = (1e-3, 3e-3, 1e-2)  # with which every search begins
TRIAL_SEEDS = (101, 102)
TEST_SEEDS = (1, 2, 3, 4, 5)
N_SYMBOLS, BATCH_SIZE, STEPS, EVERY = 8, 32, 500, 20
VALIDATION, TEST = 1_000_001, 1_000_002  # seeds of sequences on which nothing is trained
# Architecture, width, initialisation or positions. The widths give about as many weights.
MODELS = {
    "RNN, PyTorch's start": ("rnn", 128, "uniform"),
    "RNN, orthogonal start": ("rnn", 128, "orthogonal"),
    "LSTM, forget bias 1": ("lstm", 64, 1.0),
    "LSTM, forget bias 4": ("lstm", 64, 4.0),
    "GPT, rotary positions": ("gpt", 32, "rotary"),
    "GPT, no positions": ("gpt", 32, "none"),
}
SAME_RATE = ("LSTM, forget bias 1", "LSTM, forget bias 4")  # compared at one rate, too
SLOW = ("RNN, PyTorch's start",)  # the slowest at the shortest gap, not tried at the next


def build(name: str) -> torch.nn.Module:
    """One layer of a recurrent network, or a modern GPT of two blocks."""
    architecture, width, choice = MODELS[name]
    vocab_size = copy_vocab_size(N_SYMBOLS)
    if architecture == "gpt":
        sizes = dict(n_layer=2, n_head=2, d_model=width, context_length=max(GAPS) + 2)
        return lm.GPT(preset("modern", vocab_size=vocab_size, position=choice, **sizes))
    forget_bias = choice if architecture == "lstm" else 0.0
    model = lm.RecurrentLM(
        lm.RecurrentLMConfig(vocab_size, width, cell=architecture, forget_bias=forget_bias)
    )
    if choice == "uniform":
        for weight in model.network.parameters():
            torch.nn.init.uniform_(weight, -(width**-0.5), width**-0.5)
    return model


@torch.no_grad()
def measured(
    model: torch.nn.Module, gap: int, seed: int, n: int = 1_000
) -> tuple[float, float]:
    """Loss and share of symbols copied on new sequences; chance is 1 in 8."""
    tokens, targets = next(copy_batches(N_SYMBOLS, 1, gap, n, seed))
    right = model.eval()(tokens)[:, -1].argmax(dim=-1) == targets[:, -1]
    return model.loss(tokens, targets).item(), right.double().mean().item()


def until_solved(model: torch.nn.Module, gap: int) -> Callable[[], dict[str, float]]:
    """An evaluation whose ``waiting`` falls until all is right, where patience ends training."""
    waited = 0

    def evaluate() -> dict[str, float]:
        nonlocal waited
        loss, right = measured(model, gap, VALIDATION, n=500)
        waited += right < 1
        return {"loss": loss, "right": right, "waiting": -waited}

    return evaluate


def train(phase: str, model: str, gap: int, rate: float, seed: int) -> dict:
    """Train one network until it copies every symbol, for at most 500 steps."""
    torch.manual_seed(seed)
    network = build(model)
    recipe = lm.TrainingConfig(
        steps=STEPS, learning_rate=rate, warmup_steps=50, final_fraction=1.0, weight_decay=0.0,
        evaluate_every=EVERY, patience=1, watch="waiting",
    )  # fmt: skip
    began = time.process_time()
    history = lm.train(
        network,
        copy_batches(N_SYMBOLS, 1, gap, BATCH_SIZE, seed),
        recipe,
        until_solved(network, gap),
    )
    row = {
        "n_parameters": network.n_parameters(),
        "core_seconds": time.process_time() - began,
        "solved": bool(history.right.max() == 1),
        "steps": int(history.step.iloc[-1]),
        "validation_loss": float(history.loss.iloc[-1]),
    }
    if phase == "test":
        row["test_accuracy"] = measured(network, gap, TEST)[1]
    return row


def fast(rows: list[dict]) -> tuple[float, ...]:
    """Most seeds that solve the task; then the fewest steps; then the lowest loss."""
    solved = sum(row["solved"] for row in rows)
    steps, loss = (sum(row[name] for row in rows) for name in ("steps", "validation_loss"))
    return -solved, steps, loss


def best_rate(study: lm.studies.Study, model: str, gap: int) -> float:
    """The rate with which a network learns a gap fastest."""

    def score(rate: float) -> tuple[float, ...]:
        trial = dict(phase="trial", model=model, gap=gap, rate=rate)
        return fast([study.row(train, **trial, seed=seed) for seed in TRIAL_SEEDS])

    return lm.studies.best_inside(RATES, FIRST, score)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/rnn_and_lstm_learning")
    for model in MODELS:
        for gap in GAPS[:1] if model in SLOW else GAPS:
            best = best_rate(study, model, gap)
            for seed in TEST_SEEDS:
                study.row(train, phase="test", model=model, gap=gap, rate=best, seed=seed)
    for model in SAME_RATE:
        for seed in TEST_SEEDS:
            study.row(train, phase="same rate", model=model, gap=32, rate=1e-3, seed=seed)
    study.save()
