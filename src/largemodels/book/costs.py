"""What an answer costs: several methods timed side by side, and a million answers at a stated price."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import pandas as pd
import torch

DOLLARS_PER_CORE_HOUR = 0.04  # an assumption: what clouds ask for one virtual core, on demand, in 2026


def answer_costs(
    methods: Mapping[str, Callable[[], object]],
    answers: int,
    *,
    megabytes: Mapping[str, float] | None = None,
    repeats: int = 3,
    price: float = DOLLARS_PER_CORE_HOUR,
) -> pd.DataFrame:
    """Time methods that answer the same cases, on one thread of PyTorch.

    Each is run once to warm up and then ``repeats`` times, the methods taking turns, so that a slow moment of the
    machine does not hit one of them alone; the median counts. One core is taken to be busy with nothing else, and
    idle time, memory, network and people are free, so the price is a lower bound.

    Args:
        methods: by name, functions that answer all the cases and return something, the rival first.
        answers: how many cases each call answers.
        megabytes: size of each method's parameters or tables.
        repeats: measured runs of each method.
        price: dollars for an hour of one core.

    Returns:
        one row a method: "ms an answer", "MB" (where given), "core-hours a million", "$ a million" (answers) and
        "times the first".

    Raises:
        ValueError: if there is no method, or a number is not positive, or sizes are given for other methods.
    """
    if not methods or answers < 1 or repeats < 1 or price <= 0:
        raise ValueError("answer_costs needs a method, and answers, repeats and a price above zero.")
    if megabytes is not None and megabytes.keys() != methods.keys():
        raise ValueError(
            f"megabytes must name the methods {', '.join(methods)}; it names {', '.join(megabytes)}."
        )
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for turn in range(1 + repeats):
            for name, answer in methods.items():
                began = time.perf_counter()
                answer()
                if turn > 0:
                    seconds[name].append(time.perf_counter() - began)
    finally:
        torch.set_num_threads(threads)
    each = pd.Series({name: statistics.median(found) / answers for name, found in seconds.items()})
    table = pd.DataFrame({"ms an answer": 1000 * each})
    if megabytes is not None:
        table["MB"] = pd.Series(megabytes)
    table["core-hours a million"] = each * 1e6 / 3600
    table["$ a million"] = table["core-hours a million"] * price
    table["times the first"] = each / each.iloc[0]
    return table
