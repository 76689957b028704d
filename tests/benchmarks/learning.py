"""Learning speed: seconds to the loss that the published recipe ends with, and the loss after its seconds.

Both recipes with the settings that ``tuning.py`` found best on the validation plays; measured on the test plays.
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

import largemodels as lm

from .recipes import Text, ours, published, read, timed
from .tuning import ROWS


def best(recipe: str) -> dict[str, Any]:
    """Settings of the trial with the least validation loss."""
    rows = [row for row in json.loads(ROWS.read_text()) if row.pop("recipe") == recipe]
    row = min(rows, key=lambda row: row["validation_loss"])
    del row["validation_loss"]
    return row


def learning(path: Path | None = None, seeds: int = 3) -> None:
    """Three seeds of each, in turn; all start-up counted, but for importing torch."""
    text = read(path)
    began = time.perf_counter()
    ngram_loss = _ngram(text)
    print(f"\nlearning; interpolated 5-gram: {ngram_loss:.3f} nats after {time.perf_counter() - began:.1f} s")
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


def _ngram(text: Text) -> float:
    """Mean test loss of the library's Kneser–Ney 5-gram."""
    model = lm.NGram(5, text.vocab_size).fit(text.train)
    return -float(model.log_probs(text.test).mean())


def _start_up() -> float:
    """Seconds of a process that only imports what training needs."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import largemodels; largemodels.train, largemodels.GPT"], check=True
    )
    return time.perf_counter() - began
