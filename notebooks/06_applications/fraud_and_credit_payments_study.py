"""Second study of "Fraud and credit": which payments of a generated town should people check?

    make study NAME=06_applications/fraud_and_credit_payments

One thread, about ten minutes. A town has 1,000 cards and 120 generated days. Two methods learn
from days 30 to 89, of which the labels are known on day 97, and rank the cards of each day from 97
on; people can check 20 of them. Boosted trees read counts of the card's last days and how the
amount compares with the card's mean; a causal Transformer reads the card's payments one by one.
Both get, or both lack, what is known of the terminal. Settings were chosen in a town of its own, by
six trials each; the nine test towns have other seeds, and in each the network begins anew.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.batches import shuffled
from largemodels.data.transactions import (
    DAY,
    card_precision,
    counts,
    risks,
    smaller,
    transactions,
)

CHOOSING, TOWNS = 100, range(9)
FEWER = TOWNS[:3]  # in which what is known of the terminals is taken away
TRAIN, TEST = (30, 90), (97, 120)
CHECKED = 20  # cards a day
DELAY = 7  # days until a fraud is known
TIME, HALF = (
    64,
    32,
)  # payments that the network reads, and of these the last that it is asked about
ROUNDS = (250, 500, 1000)
STEPS = (300, 600)
RATES = {"trees": (0.05, 0.1), "network": (1e-3, 3e-3, 1e-2)}
LEAVES = 4


@cache
def town(seed: int) -> pd.DataFrame:
    """Payments of a town with all that may be known when each is made."""
    table = transactions(smaller(0.2, TEST[1]), seed)
    hour = table.seconds % DAY / 3_600
    before = table.groupby("card").seconds.diff().fillna(30 * DAY)
    own = table.assign(
        night=(hour < 6).astype(float),
        weekend=(table.day % 7 >= 5).astype(float),
        clock_sin=np.sin(hour * np.pi / 12),
        clock_cos=np.cos(hour * np.pi / 12),
        gap=np.log1p(before / 3_600),
        size=np.log1p(table.amount),
    )
    its = counts(table, "card")
    for days in (7, 30):
        its[f"card_times_{days}"] = table.amount / its[f"card_mean_{days}"]
    return pd.concat([own, its, risks(table)], axis=1)


def columns(method: str, terminal: bool) -> list[str]:
    """What a method reads of a payment."""
    names = ["amount", "night", "weekend", "clock_sin", "clock_cos", "gap"]
    names += [it for it in town(CHOOSING) if method == "trees" and it.startswith("card_")]
    names += ["size"] if method == "network" else []
    return names + [it for it in town(CHOOSING) if terminal and it.startswith("terminal_")]


def between(table: pd.DataFrame, days: tuple[int, int]) -> np.ndarray:
    """Which payments were made from one day to before another."""
    return ((table.day >= days[0]) & (table.day < days[1])).to_numpy()


def trees(
    table: pd.DataFrame, terminal: bool, rate: float, rounds: list[int], seed: int = 0
) -> list[np.ndarray]:
    """Chances of fraud of the test payments after each number of trees."""
    its = table[columns("trees", terminal)].to_numpy()
    learns, asked = between(table, TRAIN), between(table, TEST)
    model = HistGradientBoostingClassifier(
        max_iter=max(rounds),
        max_leaf_nodes=LEAVES,
        learning_rate=rate,
        early_stopping=False,
        random_state=seed,
    ).fit(its[learns], table.fraud[learns])
    stages = list(model.staged_predict_proba(its[asked]))
    return [stages[it - 1][:, 1] for it in rounds]


class Reader(nn.Module):
    """A causal Transformer over a card's payments; clock and gaps are in the payments."""

    by_adamw = ("take_in", "head")

    def __init__(self, n_columns: int) -> None:
        super().__init__()
        sizes = lm.EncoderConfig(32, 2, 4, 64, causal=True, dropout=0.1)
        self.take_in, self.encoder = nn.Linear(n_columns, 32), lm.Encoder(sizes)
        self.head = nn.Linear(32, 1)

    def forward(self, payments: Tensor) -> Tensor:
        """Log odds of fraud of the last payments, ``(cards, HALF)``."""
        logits: Tensor = self.head(self.encoder(self.take_in(payments))[:, -HALF:])[..., 0]
        return logits


def windows(table: pd.DataFrame, names: list[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Stretches of a card's payments, ``(n, TIME, columns)``; labels and rows of their last half.

    Before a card's first payment there are zeros. A row of -1 is after its last.
    """
    its = table[names]
    learns = its[between(table, TRAIN)]
    scaled = ((its - learns.mean()) / learns.std().replace(0.0, 1.0)).clip(-5, 5).to_numpy()
    found, rows = [], []
    for places in table.groupby("card").indices.values():
        for start in range(0, len(places), HALF):
            last = places[start : start + HALF]
            past = places[max(0, start - HALF) : start]
            stretch = np.zeros((TIME, len(names)), np.float32)
            stretch[HALF - len(past) : HALF] = scaled[past]
            stretch[HALF : HALF + len(last)] = scaled[last]
            found.append(stretch)
            rows.append(np.pad(last, (0, HALF - len(last)), constant_values=-1))
    where = torch.tensor(np.array(rows))
    labels = torch.tensor(table.fraud.to_numpy().astype(np.float32))[where]
    return torch.tensor(np.array(found)), labels, where


def network(
    table: pd.DataFrame, terminal: bool, rate: float, steps: list[int], seed: int = 0
) -> list[np.ndarray]:
    """Chances of fraud of the test payments after each number of steps."""
    names = columns("network", terminal)
    payments, labels, where = windows(table, names)
    learns, asked = (
        torch.tensor(between(table, it))[where] & (where >= 0) for it in (TRAIN, TEST)
    )
    torch.manual_seed(seed)
    model = Reader(len(names))
    some = learns.any(dim=1)
    batches = shuffled(
        payments[some], labels[some], learns[some].float(), batch_size=32, seed=seed
    )
    stages: dict[int, np.ndarray] = {}

    def loss(model: nn.Module, payments: Tensor, labels: Tensor, counted: Tensor) -> Tensor:
        each = F.binary_cross_entropy_with_logits(model(payments), labels, reduction="none")
        return (each * counted).sum() / counted.sum()

    def keep() -> dict[str, float]:
        chance = torch.zeros(len(table), dtype=torch.float64)
        test = asked.any(dim=1)
        found = (
            torch.cat([model(it) for it in payments[test].split(256)]).sigmoid().double()
        )
        chance[where[test][asked[test]]] = found[asked[test]]
        stages[len(stages)] = chance.numpy()[between(table, TEST)]
        return {}

    every = min(steps)
    config = lm.TrainingConfig(
        max(steps),
        rate,
        warmup_steps=20,
        weight_decay=0.01,
        final_fraction=1.0,
        evaluate_every=every,
    )
    lm.train(model, batches, config, keep, loss=loss)
    return [stages[it // every] for it in steps]


def judged(table: pd.DataFrame, chance: np.ndarray) -> dict[str, float]:
    """Log loss, area under the curve, share of the checked cards with a fraud that day.

    "precision" and "most" are the handbook's: cards known to have had a fraud since the first day
    of training, and cards found, are not asked about. "again" asks about all cards, every day.
    """
    its = table[between(table, TEST)].assign(chance=chance)
    precision, most = card_precision(table, chance, TEST, CHECKED, (TRAIN[0], DELAY))
    again, most_again = card_precision(table, chance, TEST, CHECKED, None)
    return {
        "log_loss": float(log_loss(its.fraud, its.chance.clip(1e-6, 1 - 1e-6))),
        "auc": float(roc_auc_score(its.fraud, its.chance)),
        "precision": precision,
        "most": most,
        "again": again,
        "most_again": most_again,
        "share": float(its.fraud.mean()),
        "right": float(((its.chance > 0.5) == its.fraud).mean()),
    }


def tried(method: str, setting: float) -> dict[str, Any]:
    """Trials in the town for choosing: the lengths of a setting are stages of one run."""
    lengths = ROUNDS if method == "trees" else STEPS
    fit = trees if method == "trees" else network
    its = fit(town(CHOOSING), True, setting, list(lengths))
    found = [judged(town(CHOOSING), it) for it in its]
    best = min(range(len(found)), key=lambda it: found[it]["log_loss"])
    return {
        "length": lengths[best],
        **found[best],
        "losses": " ".join(f"{it['log_loss']:.5f}" for it in found),
    }


def tested(
    method: str, terminal: bool, seed: int, setting: float, length: int
) -> dict[str, Any]:
    """A method with its chosen setting in a test town."""
    fit = trees if method == "trees" else network
    return judged(town(seed), fit(town(seed), terminal, setting, [length], seed)[0])


def guessed(seed: int) -> dict[str, Any]:
    """Nobody is a fraud: and cards in the order of their numbers."""
    return judged(town(seed), np.zeros(between(town(seed), TEST).sum()))


def at_once(seed: int, setting: float, length: int) -> dict[str, Any]:
    """Trees that know of a terminal what nobody can know: the labels of yesterday."""
    table = town(seed).copy()
    now = risks(table, delay=1)
    table[now.columns] = now
    return judged(table, trees(table, True, setting, [length], seed)[0])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/fraud_and_credit_payments")
    best = {}
    for name, settings in RATES.items():
        rows = [study.row(tried, method=name, setting=one) for one in settings]
        it = min(rows, key=lambda row: row["log_loss"])
        best[name] = {"setting": it["setting"], "length": it["length"]}
    for place in TOWNS:
        study.row(guessed, seed=place)
        study.row(at_once, seed=place, **best["trees"])
        for name in best:
            study.row(tested, method=name, terminal=True, seed=place, **best[name])
    for place in FEWER:
        for name in best:
            study.row(tested, method=name, terminal=False, seed=place, **best[name])
    study.save()
