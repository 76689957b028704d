from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from largemodels.text.service import OUTCOMES, Assistant, Costs, Odds, evidence, language_of, wanted


def test_the_costs_by_hand() -> None:
    found = Costs(wrong=3, ask=0.25, person=1).of([0.6, 0.9], [0.9, 0.95])
    np.testing.assert_allclose(found, [[1.2, 0.35, 1.0], [0.3, 0.3, 1.0]])
    np.testing.assert_allclose(Costs(wrong=3, ask=0.5, person=2).of(0.5, 0.75), [1.5, 1.0, 2.0])


@pytest.mark.parametrize(
    ("first", "among", "outcome"),
    [
        (0.95, 0.96, "answer"),
        (0.6, 0.9, "ask"),
        (0.0, 0.24, "person"),
        (0.0, 0.26, "ask"),
        (1.0, 1.0, "answer"),
    ],
)
def test_the_cheapest_outcome(first: float, among: float, outcome: str) -> None:
    assert OUTCOMES[int(Costs().choose(first, among))] == outcome


def test_no_outcome_is_cheaper_than_the_chosen_one() -> None:
    order = np.random.default_rng(0)
    first = order.random((5, 7))
    among = first + (1 - first) * order.random((5, 7))
    for costs in (Costs(), Costs(wrong=0.5), Costs(ask=2.0), Costs(person=0.0)):
        its = costs.of(first, among)
        assert its.shape == (5, 7, 3)
        chosen = np.take_along_axis(its, costs.choose(first, among)[..., None], -1)[..., 0]
        np.testing.assert_array_equal(chosen, its.min(axis=-1))


def test_a_cost_is_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        Costs(ask=-0.1)


def test_what_is_wanted() -> None:
    assert wanted([4, 2, 9, 1], {2, 1}, vague=False) == (0.0, 1.0)
    assert wanted([4, 2, 9, 1], {4}, vague=False) == (1.0, 1.0)
    assert wanted([4, 2, 9, 1], {1}, vague=False) == (0.0, 0.0)
    assert wanted([4, 2, 9, 1], {1}, vague=False, k=4) == (0.0, 1.0)
    assert wanted([4, 2, 9, 1], {4, 9, 7, 8}, vague=True) == (0.25, 0.5)
    assert wanted([4, 2, 9], set(), vague=False) == (0.0, 0.0)


def test_evidence_by_hand() -> None:
    scores = torch.tensor([[0.1, 0.9, 0.4, 0.7, 0.2], [5.0, 1.0, 2.0, 3.0, 4.0]])
    found = evidence(scores, [10, 1])
    wanted_ = torch.tensor([[0.2, 0.7, 0.9, math.log(10)], [1.0, 3.0, 5.0, 0.0]])
    torch.testing.assert_close(found, wanted_)
    torch.testing.assert_close(evidence(scores, [10, 1], k=1)[:, 1], wanted_[:, 0])


def test_odds() -> None:
    odds = Odds(bias=-1.0, weights=(2.0, 0.5))
    found = odds(torch.tensor([[0.5, 0.0], [1.0, 2.0]]))
    torch.testing.assert_close(found, torch.tensor([0.0, 2.0], dtype=torch.float64).sigmoid())


def assistant(bias_first: float, bias_among: float) -> Assistant:
    """Its search finds the section whose number the message ends with."""
    scores = lambda message: torch.nn.functional.one_hot(torch.tensor(int(message[-1])), 6).float()  # noqa: E731
    none = (0.0, 0.0, 0.0, 0.0)
    return Assistant({"en": scores}, {"en": (Odds(bias_first, none), Odds(bias_among, none))}, Costs())


@pytest.mark.parametrize(
    ("first", "among", "outcome"), [(5, 5, "answer"), (0, 3, "ask"), (-5, -5, "person"), (5, -5, "answer")]
)
def test_an_assistant_does_what_is_cheapest(first: float, among: float, outcome: str) -> None:
    reply = assistant(first, among).reply("number 4", "en")
    assert reply.outcome == outcome
    assert reply.sections[0] == 4 and len(set(reply.sections)) == 3
    assert reply.among >= reply.first


def test_what_an_assistant_refuses() -> None:
    with pytest.raises(ValueError, match="empty"):
        assistant(0, 0).reply(" \n", "en")
    with pytest.raises(ValueError, match="language must be one of en, not 'zh'"):
        assistant(0, 0).reply("问题", "zh")


def test_the_language_of_a_message() -> None:
    assert language_of("How do I upgrade?") == "en"
    assert language_of("怎么升级 apt？") == "zh"
    assert language_of("") == "en"
