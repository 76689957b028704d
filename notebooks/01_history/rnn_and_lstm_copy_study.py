"""Study of the chapter "From the RNN to attention": over how long a gap can each network copy?

    make study NAME=01_history/rnn_and_lstm_copy

One thread, about 8 minutes. An interrupted study goes on where it stopped.

Four networks of about equal size, five gaps. For each pair the learning rate is chosen among three
on validation sequences; then three other seeds are trained and measured on test sequences. A
network that copies fewer than half of the symbols, in the mean of its three seeds, has broken and
is not tried on longer gaps.
"""

from __future__ import annotations

import time

import torch

import largemodels as lm
from largemodels.data.copying import copy_batches, copy_vocab_size
from largemodels.models.presets import preset

GAPS = (8, 16, 32, 64, 128)
# A simple RNN needs lower rates: on a gap of 8 it learns with 1e-3, and not with 1e-2.
RATES = {
    "rnn": (1e-4, 3e-4, 1e-3),
    "lstm": (1e-3, 3e-3, 1e-2),
    "gpt": (1e-3, 3e-3, 1e-2),
}
N_SYMBOLS, BATCH_SIZE, STEPS = 8, 32, 500
# Name, width, bias of the forget gates. The widths give about as many weights.
MODELS = {
    "RNN": ("rnn", 128, 0.0),
    "LSTM, forget bias 1": ("lstm", 64, 1.0),
    "LSTM, forget bias 4": ("lstm", 64, 4.0),
    "GPT": ("gpt", 32, 0.0),
}


def build(name: str, gap: int) -> torch.nn.Module:
    """One layer of a recurrent network, or a modern GPT of two blocks."""
    architecture, width, forget_bias = MODELS[name]
    vocab_size = copy_vocab_size(N_SYMBOLS)
    if architecture == "gpt":
        sizes = dict(n_layer=2, n_head=2, d_model=width, context_length=gap + 2)
        return lm.GPT(preset("modern", vocab_size=vocab_size, **sizes))
    return lm.RecurrentLM(
        lm.RecurrentLMConfig(vocab_size, width, cell=architecture, forget_bias=forget_bias)
    )


def train(phase: str, model: str, gap: int, rate: float, seed: int) -> dict:
    """Train one network; returns the share of symbols that it copies, 1 in 8 by chance."""
    torch.manual_seed(seed)
    network = build(model, gap)
    recipe = lm.TrainingConfig(
        steps=STEPS,
        learning_rate=rate,
        warmup_steps=STEPS // 20,
        weight_decay=0.0,
        evaluate_every=STEPS,
    )
    began = time.process_time()
    lm.train(network, copy_batches(N_SYMBOLS, 1, gap, BATCH_SIZE, seed), recipe)
    core_seconds = time.process_time() - began
    row = {"n_parameters": network.n_parameters(), "core_seconds": core_seconds}
    for part, drawn in {"validation": 1_000_001, "test": 1_000_002}.items():
        tokens, targets = next(copy_batches(N_SYMBOLS, 1, gap, 1_000, drawn))
        with torch.no_grad():
            right = network(tokens)[:, -1].argmax(dim=-1) == targets[:, -1]
            row[f"{part}_loss"] = network.loss(tokens, targets).item()
        row[f"{part}_accuracy"] = right.double().mean().item()
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/rnn_and_lstm_copy")
    for model, (architecture, _, _) in MODELS.items():
        for gap in GAPS:
            key = dict(model=model, gap=gap)
            trials = [
                study.row(train, phase="trial", **key, rate=rate, seed=0)
                for rate in RATES[architecture]
            ]
            best = min(trials, key=lambda row: row["validation_loss"])["rate"]
            tested = [
                study.row(train, phase="test", **key, rate=best, seed=seed)
                for seed in (1, 2, 3)
            ]
            if sum(row["test_accuracy"] for row in tested) < len(tested) / 2:
                break
    study.save()
