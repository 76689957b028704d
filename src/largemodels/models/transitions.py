"""Counting which item follows which: a Markov chain that looks back a few steps.

Shani, Heckerman and Brafman, 2005, "An MDP-based recommender system" (https://www.jmlr.org/papers/v6/shani05a.html),
smooth the counts of a chain over items by *skipping*: an item counts for later ones, too, and less with each step. What
differs from the paper: each of the last items votes for itself, instead of whole contexts, and a count is divided by a
power of how often its item was seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .checks import at_least


@dataclass(frozen=True)
class TransitionsConfig:
    """How far a chain looks back, and what a step counts."""

    n_items: int  # items have numbers below it
    window: int = 5  # how many steps back a pair may lie, and how many of the last items vote
    decay: float = 0.8  # a pair or a vote counts this much less with each step
    power: float = 0.5  # a count is divided by the number of times its first item was seen to this power
    added: float = 10.0  # to that number, so that rare items vote less

    def __post_init__(self) -> None:
        at_least(1, n_items=self.n_items, window=self.window)
        if not 0 < self.decay <= 1 or self.power < 0 or self.added <= 0:
            raise ValueError("decay must lie above 0 and at most at 1, power not below 0, added above 0.")


class Transitions:
    """Counts of pairs of items, the first before the second.

    Args:
        config: settings.
        histories: items of each person, the earliest first.
    """

    def __init__(self, config: TransitionsConfig, histories: Iterable[Sequence[int] | Tensor]) -> None:
        self.config = config
        pairs = torch.zeros(config.n_items, config.n_items, dtype=torch.float64)
        often = torch.zeros(config.n_items, dtype=torch.float64)
        for history in histories:
            items = torch.as_tensor(history, dtype=torch.long)
            often.index_add_(0, items, torch.ones(len(items), dtype=torch.float64))
            for step in range(1, min(config.window, len(items) - 1) + 1):
                count = torch.full((len(items) - step,), config.decay ** (step - 1), dtype=torch.float64)
                pairs.index_put_((items[:-step], items[step:]), count, accumulate=True)
        self.rates = pairs / (often + config.added)[:, None] ** config.power  # (n_items, n_items)

    def scores(self, histories: Iterable[Sequence[int] | Tensor]) -> Tensor:
        """``(people, n_items)``: how much each person's last items speak for each item to come next."""
        config, found = self.config, []
        for history in histories:
            last = torch.as_tensor(history, dtype=torch.long)[-config.window :].flip(0)
            votes = config.decay ** torch.arange(len(last), dtype=torch.float64)
            found.append(votes @ self.rates[last])
        return torch.stack(found)
