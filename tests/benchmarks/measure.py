"""Timing of rivals in turn: absolute figures drift from hour to hour, the ratio of two measured in turn does not."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from tqdm import tqdm


def conditions() -> str:
    """What the figures hold for."""
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads"


def in_turn(rivals: dict[str, Callable[[], object]], rounds: int, repeats: int = 1) -> dict[str, list[float]]:
    """Seconds of one call of each rival, ``rounds`` times, after a warm-up."""
    for call in rivals.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in tqdm(range(rounds), leave=False):
        for name, call in rivals.items():
            began = time.perf_counter()
            for _ in range(repeats):
                call()
            seconds[name].append((time.perf_counter() - began) / repeats)
    return seconds


def report(
    title: str, seconds: dict[str, list[float]], amount: float, unit: str, ours: str, rival: str
) -> None:
    """Print amounts a second, median and range, and the ratio of ours to a rival, round by round."""
    print(f"\n{title}")
    for name, times in seconds.items():
        speeds = sorted(amount / s for s in times)
        print(
            f"  {name:34} {statistics.median(speeds):10,.1f} {unit} ({speeds[0]:,.1f} to {speeds[-1]:,.1f})"
        )
    ratios = sorted(b / a for a, b in zip(seconds[ours], seconds[rival], strict=True))
    print(f"  {ours} : {rival} = {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
