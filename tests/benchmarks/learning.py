"""Learning speed: the loss after the published recipe's seconds, and seconds to the loss that it ends with.

All recipes with the settings that ``tuning.py`` found best on the validation plays; measured on the test plays.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import largemodels as lm

from .recipes import Text, combined, ours, published, read, timed, window_loss
from .tuning import ROWS


def best(recipe: str) -> dict[str, Any]:
    """Settings of the trial with the least validation loss."""
    rows = [row for row in json.loads(ROWS.read_text()) if row.pop("recipe") == recipe]
    row = min(rows, key=lambda row: row["validation_loss"])
    del row["validation_loss"]
    return row


def learning(path: Path | None = None, seeds: int = 3) -> None:
    """A GPT beside an n-gram model, for as long as the published recipe takes; in turn, all start-up counted."""
    text = read(path)
    print(f"\nlearning; {_split(path)}")
    began = time.perf_counter()
    for order, loss in _counting(text).items():
        print(f"  {order}-gram: {loss[0]:.3f} nats; in windows of 64, as for the others, {loss[1]:.3f}")
    print(f"  both counted and evaluated in {time.perf_counter() - began:.1f} s")
    rivals, settings = best("published"), best("combined")
    del settings["steps"]  # it trains for the rival's seconds instead
    print(f"  settings, published: {rivals}; beside an n-gram model: {settings}")
    losses, gains = [], []
    for seed in range(seeds):
        seconds, goal = timed(lambda seed=seed: published(text, seed, **rivals), text.test)
        took, loss = timed(
            lambda seed=seed, seconds=seconds: combined(text, seed, seconds=seconds, **settings), text.test
        )
        print(
            f"  seed {seed}: published recipe {goal:.3f} after {seconds:.1f} s; "
            f"beside an n-gram model {loss:.3f} after {took:.1f} s",
            flush=True,
        )
        losses.append(loss)
        gains.append(goal - loss)
    print(
        f"  beside an n-gram model: {statistics.median(losses):.3f} ({min(losses):.3f} to {max(losses):.3f})"
    )
    print(
        f"  lower in equal time by {statistics.median(gains):.3f} nats ({min(gains):.3f} to {max(gains):.3f})"
    )


def gpt_alone(path: Path | None = None, seeds: int = 3) -> None:
    """Three seeds of the published recipe and of our GPT without counts, in turn; all start-up counted."""
    text = read(path)
    print(f"\nlearning without counts; {_split(path)}")
    print(f"  start-up of python with torch and the library: {_start_up():.1f} s")
    settings, rivals = best("ours"), best("published")
    quick_steps = settings.pop("steps")  # of ours, to the rival's loss
    print(f"  settings, published: {rivals}; ours: {settings}")
    ratios, losses = [], []
    for seed in range(seeds):
        seconds, goal = timed(lambda seed=seed: published(text, seed, **rivals), text.test)
        quick = timed(lambda seed=seed: ours(text, seed, quick_steps, **settings), text.test)
        steps = math.floor(quick_steps * seconds / quick[0])
        long = timed(lambda seed=seed, steps=steps: ours(text, seed, steps, **settings), text.test)
        print(
            f"  seed {seed}: published recipe {goal:.3f} after {seconds:.1f} s; ours {quick[1]:.3f} after "
            f"{quick[0]:.1f} s ({quick_steps} steps), {long[1]:.3f} after {long[0]:.1f} s ({steps} steps)"
        )
        if seed == 0:
            for state in ("compiling", "compiled before"):
                took, loss = timed(lambda: ours(text, 0, quick_steps, **settings, compiled=True), text.test)
                print(
                    f"  seed 0, ours by torch.compile, {state}: {loss:.3f} after {took:.1f} s, {seconds / took:.2f}"
                )
        ratios.append(seconds / quick[0])
        losses.append(goal - long[1])
    print(
        f"  seconds, published : ours = {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    print(
        f"  loss in equal time: lower by {statistics.median(losses):.3f} nats ({min(losses):.3f} to {max(losses):.3f})"
    )


def _split(path: Path | None) -> str:
    """Which text decides about what."""
    if path is None:
        return "loss on the test plays, settings chosen on the validation plays"
    return f"loss on the last tenth of {path}, settings chosen on other texts"


def _counting(text: Text) -> dict[int, tuple[float, float]]:
    """Test losses of counting alone, by order: given all characters before, and in windows of 64."""
    losses = {}
    for order in (5, best("combined")["order"]):
        model = lm.NGram(order, text.vocab_size).fit(text.train)
        alone = lm.ResidualLM(_Silent(text.vocab_size), model)
        losses[order] = -float(model.log_probs(text.test).mean()), window_loss(alone, text.test)
    return losses


class _Silent(nn.Module):
    """A network whose logits are all 0."""

    context_length = None

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.zeros = nn.Parameter(torch.zeros(vocab_size))

    def hidden(self, tokens: Tensor, mask: Tensor | None, cache: object) -> Tensor:
        return self.zeros.new_zeros(*tokens.shape, 1)

    def logits(self, hidden: Tensor) -> Tensor:
        return self.zeros.expand(*hidden.shape[:-1], -1)


def _start_up() -> float:
    """Seconds of a process that only imports what training needs."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import largemodels; largemodels.train, largemodels.GPT"], check=True
    )
    return time.perf_counter() - began
