"""Payments by card, generated, some of them fraud: no real payment is in them.

The process is that of Le Borgne, Siblini, Lebichot and Bontempi, 2022, "Reproducible machine learning for credit card
fraud detection", chapter 3 (https://fraud-detection-handbook.github.io/fraud-detection-handbook/), written anew from
its description. Customers pay at terminals near them, as often and as much as is their habit. Fraud is

1. every payment above a limit;
2. every payment at a terminal for four weeks after somebody has taken it over;
3. a third of a card's payments for two weeks after its data have been stolen, at five times the amount.

What differs: the numbers of terminals and cards taken over a day need not be whole, so that a smaller town has as much
fraud as a large one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..models.checks import at_least

DAY = 86_400  # seconds
HONEST, LARGE, TERMINAL, CARD = range(4)  # the column `how`


@dataclass(frozen=True)
class TransactionsConfig:
    """Sizes of a generated town. The defaults are the published ones."""

    n_customers: int = 5_000
    n_terminals: int = 10_000
    n_days: int = 183
    side: float = 100.0  # of the square in which customers and terminals are
    radius: float = 5.0  # a customer pays at terminals that are no further away
    limit: float = 220.0  # amount above which a payment is fraud
    terminals_a_day: float = 2.0  # taken over
    cards_a_day: float = 3.0  # stolen
    terminal_days: int = 28  # for which all payments at a taken terminal are fraud
    card_days: int = 14  # for which a stolen card is used
    times: float = 5.0  # the amount of a payment with a stolen card

    def __post_init__(self) -> None:
        at_least(1, n_customers=self.n_customers, n_terminals=self.n_terminals, n_days=self.n_days)
        at_least(1, terminal_days=self.terminal_days, card_days=self.card_days)
        at_least(0, terminals_a_day=self.terminals_a_day, cards_a_day=self.cards_a_day, times=self.times)
        at_least(0, limit=self.limit)
        for name in ("side", "radius"):
            if not 0 < (value := getattr(self, name)) < math.inf:
                raise ValueError(f"{name} must be positive and finite, not {value}.")
        if self.terminals_a_day > self.n_terminals or self.cards_a_day > self.n_customers:
            raise ValueError("No more terminals or cards can be taken a day than there are.")


def smaller(share: float, n_days: int) -> TransactionsConfig:
    """A town with a share of the published customers and terminals, as dense and with as much fraud a customer.

    Raises:
        ValueError: if the share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, not {share}.")
    full = TransactionsConfig()
    return TransactionsConfig(
        round(share * full.n_customers),
        round(share * full.n_terminals),
        n_days,
        side=full.side * share**0.5,
        terminals_a_day=share * full.terminals_a_day,
        cards_a_day=share * full.cards_a_day,
    )


def transactions(config: TransactionsConfig, seed: int = 0) -> pd.DataFrame:
    """Generated payments in the order of time.

    Args:
        config: sizes of the town.
        seed: for all that is drawn.

    Returns:
        columns ``seconds`` since the beginning, ``day``, ``card`` and ``terminal`` (numbers from 0), ``amount``,
        ``fraud``, and ``how``, the kind of fraud: 0 for none, 1 for a large amount, 2 for a terminal, 3 for a card; a
        payment that is fraud in two ways has the later number.
    """
    rng = np.random.default_rng(seed)
    table = _habits(config, rng)
    fraud = np.where(table.amount > config.limit, LARGE, HONEST)
    days, terminals, cards = (table[it].to_numpy() for it in ("day", "terminal", "card"))
    amounts = table.amount.to_numpy().copy()
    for day in range(config.n_days):
        taken = rng.choice(config.n_terminals, _due(config.terminals_a_day, day), replace=False)
        since = np.searchsorted(days, [day, day + config.terminal_days])
        its = np.arange(*since)
        fraud[its[np.isin(terminals[its], taken)]] = TERMINAL
    for day in range(config.n_days):
        stolen = rng.choice(config.n_customers, _due(config.cards_a_day, day), replace=False)
        its = np.arange(*np.searchsorted(days, [day, day + config.card_days]))
        its = its[np.isin(cards[its], stolen)]
        used = rng.choice(its, len(its) // 3, replace=False)
        fraud[used] = CARD
        amounts[used] *= config.times
    return table.assign(amount=amounts.round(2), fraud=fraud > HONEST, how=fraud)


def _due(rate: float, day: int) -> int:
    """How many are taken on a day, if ``rate`` are in the mean."""
    return math.floor((day + 1) * rate + 1e-9) - math.floor(day * rate + 1e-9)


def _habits(config: TransactionsConfig, rng: np.random.Generator) -> pd.DataFrame:
    """Payments without fraud."""
    homes = rng.uniform(0, config.side, (config.n_customers, 2))
    places = rng.uniform(0, config.side, (config.n_terminals, 2))
    mean = rng.uniform(5, 100, config.n_customers)
    often = rng.uniform(0, 4, config.n_customers)  # payments a day
    parts = []
    for card in range(config.n_customers):
        near = np.flatnonzero(((places - homes[card]) ** 2).sum(axis=1) < config.radius**2)
        day = np.repeat(np.arange(config.n_days), rng.poisson(often[card], config.n_days))
        second = rng.normal(DAY / 2, 20_000, len(day))
        stays = (second > 0) & (second < DAY)
        day, second = day[stays], second[stays]
        if not len(near) or not len(day):
            continue
        amount = rng.normal(mean[card], mean[card] / 2, len(day))
        negative = amount < 0
        amount[negative] = rng.uniform(0, 2 * mean[card], negative.sum())
        terminal = rng.choice(near, len(day))
        parts.append(
            (day * DAY + second.astype(int), day, np.full(len(day), card), terminal, amount.round(2))
        )
    names = ("seconds", "day", "card", "terminal", "amount")
    columns = [np.concatenate(it) for it in zip(*parts, strict=True)] if parts else [np.zeros(0)] * 5
    found = pd.DataFrame(dict(zip(names, columns, strict=True)))
    whole = dict.fromkeys(names[:4], int)
    return found.astype(whole).sort_values("seconds", kind="stable", ignore_index=True)


def counts(table: pd.DataFrame, key: str, windows: tuple[int, ...] = (1, 7, 30)) -> pd.DataFrame:
    """For each payment, how many payments its card or terminal had in the last days, itself included, and how large.

    Args:
        table: of :func:`transactions`, in the order of time.
        key: "card" or "terminal".
        windows: lengths in days.

    Returns:
        columns ``{key}_count_{days}`` and ``{key}_mean_{days}``, the mean amount.
    """
    found: dict[str, np.ndarray] = {}
    for days in windows:
        count, total = _sums(table, key, table.amount.to_numpy(), days * DAY)
        found |= {f"{key}_count_{days}": count, f"{key}_mean_{days}": total / count}
    return pd.DataFrame(found, index=table.index)


def risks(table: pd.DataFrame, windows: tuple[int, ...] = (1, 7, 30), delay: int = 7) -> pd.DataFrame:
    """For each payment, how many payments its terminal had before the last days, and which share was fraud.

    What was fraud is known only after ``delay`` days, so the windows end that much before the payment.

    Returns:
        columns ``terminal_known_{days}``, the number, and ``terminal_risk_{days}``, the share, 0 if there was none.
    """
    labels = table.fraud.to_numpy().astype(float)
    found: dict[str, np.ndarray] = {}
    recent = _sums(table, "terminal", labels, delay * DAY)
    for days in windows:
        longer = _sums(table, "terminal", labels, (delay + days) * DAY)
        known, bad = (a - b for a, b in zip(longer, recent, strict=True))
        found |= {f"terminal_known_{days}": known, f"terminal_risk_{days}": bad / np.maximum(known, 1)}
    return pd.DataFrame(found, index=table.index)


def _sums(table: pd.DataFrame, key: str, values: np.ndarray, seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """Number and sum of the values of the same key within a time before each row, the row itself included."""
    order = np.lexsort((np.arange(len(table)), table[key].to_numpy()))
    keys, times = table[key].to_numpy()[order], table.seconds.to_numpy()[order]
    # One long axis on which the keys lie far apart from each other.
    axis = keys.astype(np.int64) * (int(times.max(initial=0)) + seconds + 1) + times
    first = np.searchsorted(axis, axis - seconds, side="right")  # the first within the time
    total = np.concatenate([[0.0], values[order].cumsum()])
    places = np.arange(len(table))
    count, found = np.empty(len(table)), np.empty(len(table))
    count[order], found[order] = places + 1 - first, total[places + 1] - total[first]
    return count, found


def card_precision(
    table: pd.DataFrame,
    chance: np.ndarray,
    days: tuple[int, int],
    checked: int,
    known: tuple[int, int] | None,
) -> tuple[float, float]:
    """Which share of the cards that are checked had a fraud that day, and the most that it could have been.

    Each day the cards with the highest chances are checked. With ``known``, as in the book by Le Borgne and others, a
    card in which a check found a fraud is blocked and not asked about again, and neither is one whose fraud is known.

    Args:
        table: of :func:`transactions`, in the order of time.
        chance: of fraud, for each payment of the days; a card has the highest of its payments' chances.
        days: first day that is judged, and the day after the last.
        checked: cards a day.
        known: first day whose frauds are known, and after how many days one is known; None: no card is blocked.

    Returns:
        two shares, means over days. The second is what checking the cards with a fraud among those asked about reaches.
    """
    asked = table[table.day.between(days[0], days[1] - 1)].assign(chance=chance)
    blocked: set[int] = set()
    found, most = [], []
    for day in range(*days):
        its = asked[asked.day == day]
        if known is not None:
            told = table[table.day.between(known[0], day - known[1] - 1) & table.fraud]
            its = its[~its.card.isin(blocked | set(told.card))]
        cards = its.groupby("card").agg({"chance": "max", "fraud": "max"})
        first = cards.sort_values("chance", ascending=False, kind="stable").head(checked)
        blocked |= set(first.index[first.fraud])
        found.append(first.fraud.sum() / checked)
        most.append(min(checked, int(cards.fraud.sum())) / checked)
    return float(np.mean(found)), float(np.mean(most))
