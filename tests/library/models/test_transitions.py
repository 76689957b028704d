"""Counted transitions: by hand, against plain loops, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.transitions import Transitions, TransitionsConfig


def test_three_items_by_hand() -> None:
    """0 1 2 and 0 2: with window 2 and decay ½, 0 is followed by 1 once, by 2 once and half a time."""
    chain = Transitions(TransitionsConfig(3, window=2, decay=0.5, power=1, added=1), [[0, 1, 2], [0, 2]])
    assert_close(chain.rates[0], torch.tensor([0, 1, 1.5], dtype=torch.float64) / 3)
    scores = chain.scores([[0, 1]])
    assert_close(scores[0], chain.rates[1] + 0.5 * chain.rates[0])


def test_equal_to_plain_loops() -> None:
    torch.manual_seed(0)
    histories = [torch.randperm(11)[: 3 + it] for it in range(7)]
    config = TransitionsConfig(11, window=4, decay=0.7, power=0.3, added=2)
    chain = Transitions(config, histories)
    pairs, often = torch.zeros(11, 11).double(), torch.zeros(11).double()
    for history in histories:
        items = history.tolist()
        for place, item in enumerate(items):
            often[item] += 1
            for step in range(1, 5):
                if place + step < len(items):
                    pairs[item, items[place + step]] += 0.7 ** (step - 1)
    assert_close(chain.rates, pairs / (often[:, None] + 2) ** 0.3)
    expected = torch.zeros(11).double()
    for back, item in enumerate(reversed(histories[6].tolist()[-4:])):
        expected += 0.7**back * chain.rates[item]
    assert_close(chain.scores(histories)[6], expected)


def test_an_empty_history_scores_nothing() -> None:
    chain = Transitions(TransitionsConfig(3), [[0, 1], [2]])
    assert chain.scores([[]]).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    "wrong", [dict(decay=0.0), dict(decay=1.1), dict(power=-1.0), dict(added=0.0), dict(window=0)]
)
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        TransitionsConfig(3, **wrong)
