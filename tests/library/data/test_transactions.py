from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from largemodels.data.transactions import (
    CARD,
    LARGE,
    TERMINAL,
    TransactionsConfig,
    card_precision,
    counts,
    risks,
    smaller,
    transactions,
)

TOWN = TransactionsConfig(60, 80, 60, side=20.0, terminals_a_day=0.5, cards_a_day=0.5)


def test_the_same_seed_gives_the_same_payments() -> None:
    table = transactions(TOWN, 3)
    pd.testing.assert_frame_equal(table, transactions(TOWN, 3))
    assert not table.amount.equals(transactions(TOWN, 4).amount)
    assert table.seconds.is_monotonic_increasing and (table.seconds // 86_400 == table.day).all()
    assert table.card.max() < 60 and table.terminal.max() < 80 and table.day.max() == 59


def test_each_kind_of_fraud() -> None:
    only = dict(n_customers=60, n_terminals=80, n_days=60, side=20.0)
    quiet = transactions(TransactionsConfig(**only, limit=1e9, terminals_a_day=0, cards_a_day=0))  # type: ignore[arg-type]
    assert not quiet.fraud.any()
    large = transactions(TransactionsConfig(**only, limit=150, terminals_a_day=0, cards_a_day=0))  # type: ignore[arg-type]
    assert (large.fraud == (large.amount > 150)).all() and large.fraud.any()
    assert set(large.how) == {0, LARGE}

    taken = transactions(
        TransactionsConfig(**only, limit=1e9, terminals_a_day=0.1, cards_a_day=0, terminal_days=5)  # type: ignore[arg-type]
    )
    for _, its in taken[taken.how == TERMINAL].groupby("terminal"):
        there = taken[
            (taken.terminal == its.terminal.iloc[0]) & taken.day.between(its.day.min(), its.day.max())
        ]
        if its.day.max() - its.day.min() < 5:  # taken once
            assert there.fraud.all()

    stolen = transactions(TransactionsConfig(**only, limit=1e9, terminals_a_day=0, cards_a_day=0.1))  # type: ignore[arg-type]
    frauds = stolen[stolen.how == CARD]
    honest = quiet.groupby("card").amount.mean()
    ratio = frauds.amount.mean() / honest[frauds.card].mean()
    assert 4 < ratio < 6
    pd.testing.assert_series_equal(stolen.amount[~stolen.fraud], quiet.amount[~stolen.fraud])


def test_payments_are_made_nearby() -> None:
    table = transactions(TransactionsConfig(100, 400, 30, side=100.0))
    many = table.groupby("card").terminal.nunique()
    # A circle of radius 5 holds 79 of 10,000 square units: about 3 of the 400 terminals.
    assert 1.5 < many.mean() < 4.5


def test_a_smaller_town_is_as_dense_and_as_dangerous() -> None:
    town = smaller(0.1, 40)
    assert (town.n_customers, town.n_terminals, town.n_days) == (500, 1000, 40)
    assert town.n_terminals / town.side**2 == pytest.approx(1.0) and town.terminals_a_day == pytest.approx(
        0.2
    )
    assert smaller(1.0, 183) == TransactionsConfig()
    with pytest.raises(ValueError, match="share"):
        smaller(0.0, 40)


def small() -> pd.DataFrame:
    day = 86_400
    return pd.DataFrame(
        {
            "seconds": [0, 10, day // 2, day + 5, 9 * day, 9 * day + 1],
            "card": [1, 2, 1, 1, 1, 2],
            "terminal": [5, 5, 6, 5, 5, 5],
            "amount": [10.0, 20, 30, 40, 50, 60],
            "fraud": [True, False, False, True, False, False],
        }
    )


def test_counts_of_a_card_by_hand() -> None:
    found = counts(small(), "card", (1, 30))
    assert found.card_count_1.tolist() == [1, 1, 2, 2, 1, 1]  # the payment at 0 is a day and 5 seconds ago
    assert found.card_mean_1.tolist() == [10, 20, 20, 35, 50, 60]
    assert found.card_count_30.tolist() == [1, 1, 2, 3, 4, 2]


def test_what_is_known_of_a_terminal_by_hand() -> None:
    found = risks(small(), (1, 30), delay=7)
    # On day 9 the labels up to day 2 are known: three payments at terminal 5, two of them fraud.
    assert found.terminal_known_30.tolist() == [0, 0, 0, 0, 3, 3]
    assert found.terminal_risk_30.tolist() == pytest.approx([0, 0, 0, 0, 2 / 3, 2 / 3])
    assert found.terminal_known_1.tolist() == [0, 0, 0, 0, 1, 1]  # from day 1 to 2
    later = small().assign(fraud=[True, False, False, True, True, True])
    pd.testing.assert_frame_equal(found, risks(later, (1, 30), delay=7))  # what comes later is not known


def test_counts_agree_with_a_loop() -> None:
    table = transactions(TOWN, 0)
    found, told = counts(table, "terminal", (7,)), risks(table, (7,), delay=3)
    for row in np.random.default_rng(0).choice(len(table), 30, replace=False):
        one = table.iloc[row]
        before = table.iloc[: row + 1][lambda it, one=one: it.terminal == one.terminal]
        week = before[before.seconds > one.seconds - 7 * 86_400]
        assert found.terminal_count_7.iloc[row] == len(week)
        assert found.terminal_mean_7.iloc[row] == pytest.approx(week.amount.mean())
        ages = one.seconds - before.seconds
        known = before[(ages >= 3 * 86_400) & (ages < 10 * 86_400)]
        assert told.terminal_known_7.iloc[row] == len(known)
        assert told.terminal_risk_7.iloc[row] == pytest.approx(known.fraud.mean() if len(known) else 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(n_days=0), "n_days"),
        (dict(radius=0.0), "radius"),
        (dict(cards_a_day=-1.0), "cards_a_day"),
        (dict(n_terminals=3, terminals_a_day=4.0), "No more terminals"),
    ],
)
def test_settings_are_checked(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransactionsConfig(**settings)  # type: ignore[arg-type]


def test_cards_that_are_checked() -> None:
    table = pd.DataFrame(
        {
            "day": [0, 1, 1, 1, 2, 2, 2, 2],
            "card": [3, 0, 0, 1, 0, 1, 2, 3],
            "fraud": [True, False, True, False, True, False, False, True],
        }
    )
    chance = np.array([0.1, 0.9, 0.8, 0.9, 0.7, 0.1, 0.8])
    # Day 1: card 0 has a chance of 0.9 and a fraud; day 2: card 0 and then card 3.
    assert card_precision(table, chance, (1, 3), 1, None) == (1.0, 1.0)
    assert card_precision(table, chance, (1, 3), 2, None) == (0.75, 0.75)
    # On day 2 card 0 is blocked, as it was found; card 3 as well, since its fraud of day 0 is known.
    assert card_precision(table, chance, (1, 3), 1, (0, 1)) == (0.5, 0.5)
    # If frauds are known only after three days, card 3 is asked about.
    assert card_precision(table, chance, (1, 3), 1, (0, 3)) == (1.0, 1.0)
    # If frauds before day 1 are not known, too.
    assert card_precision(table, chance, (1, 3), 1, (1, 1)) == (1.0, 1.0)
