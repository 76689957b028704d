"""Study of the chapter "From the RNN to attention": LSTM and GPT on Shakespeare in equal time.

    make study NAME=01_history/rnn_and_lstm_text

One thread, about 4 minutes. An interrupted study goes on where it stopped.

The numbers of steps were found once, so that each training takes about 10 seconds on one core of
a two-core machine, and are fixed since. Each architecture gets six trials, two widths at three
learning rates. What is best on the validation plays is trained with three other seeds.
"""

from __future__ import annotations

import itertools
import time

import torch

import largemodels as lm
from largemodels.models.presets import preset

# Steps in about 10 seconds, by architecture and width.
STEPS = {
    ("lstm", 96): 1150,
    ("lstm", 160): 545,
    ("gpt", 64): 475,
    ("gpt", 96): 310,
}
RATES = {"lstm": (2.5e-2, 6e-2, 1.5e-1), "gpt": (1.2e-2, 3e-2, 7.5e-2)}
CONTEXT_LENGTH, BATCH_SIZE = 64, 16


def build(architecture: str, vocab_size: int, width: int) -> torch.nn.Module:
    """An LSTM of one layer, or a modern GPT of two blocks."""
    if architecture == "gpt":
        sizes = dict(n_layer=2, n_head=4, d_model=width, context_length=CONTEXT_LENGTH)
        return lm.GPT(preset("modern", vocab_size=vocab_size, **sizes))
    return lm.RecurrentLM(lm.RecurrentLMConfig(vocab_size, width))


def train(
    phase: str, architecture: str, width: int, rate: float, steps: int, seed: int
) -> dict:
    """Train one model; returns its size, its seconds on one core and its losses in nats a token.

    Trials are judged on a part of the validation plays, final runs on all test plays.
    """
    corpus = lm.shakespeare()
    parts = {part: corpus.text(part) for part in ("train", "validation", "test")}
    tokenizer = lm.CharTokenizer("".join(parts.values()))
    torch.manual_seed(seed)
    model = build(architecture, tokenizer.vocab_size, width)
    recipe = lm.TrainingConfig(
        steps=steps, learning_rate=rate, warmup_steps=steps // 20, evaluate_every=steps
    )
    windows = lm.batches(tokenizer.encode(parts["train"]), BATCH_SIZE, CONTEXT_LENGTH, seed)
    began = time.process_time()  # of one thread: what else the machine does is not counted
    lm.train(model, windows, recipe)
    row = {
        "n_parameters": model.n_parameters(),
        "core_seconds": time.process_time() - began,
    }
    part = "validation" if phase == "trial" else "test"
    tokens = tokenizer.encode(parts[part])[: 80_000 if phase == "trial" else None]
    overlap = CONTEXT_LENGTH // 2
    row[f"{part}_loss"] = lm.evaluate(model, tokens, CONTEXT_LENGTH, overlap=overlap)
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/rnn_and_lstm_text")
    chosen = {}
    for architecture in ("lstm", "gpt"):
        trials = [
            study.row(
                train,
                phase="trial",
                architecture=architecture,
                width=width,
                rate=rate,
                steps=steps,
                seed=0,
            )
            for (name, width), steps in STEPS.items()
            if name == architecture
            for rate in RATES[architecture]
        ]
        best = min(trials, key=lambda row: row["validation_loss"])
        chosen[architecture] = {name: best[name] for name in ("width", "rate", "steps")}
    for architecture, seed in itertools.product(chosen, (1, 2, 3)):
        study.row(
            train,
            phase="test",
            architecture=architecture,
            **chosen[architecture],
            seed=seed,
        )
    study.save()
