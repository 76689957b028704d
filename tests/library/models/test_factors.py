"""Alternating least squares: the sum falls, both halves are solved exactly, and a new person is placed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from largemodels.models.factors import factorise, solved

PENALTY, UNSEEN = 0.7, 0.2


def total(seen: Tensor, people: Tensor, items: Tensor) -> Tensor:
    """The sum that the docstring states."""
    said = people @ items.T
    return (
        (seen * (1 - said) ** 2).sum()
        + UNSEEN * (said**2).sum()
        + PENALTY * ((people**2).sum() + (items**2).sum())
    )


def table() -> Tensor:
    torch.manual_seed(0)
    return (torch.rand(13, 9) < 0.4).double()


def test_people_are_at_the_bottom_of_the_sum() -> None:
    seen = table()
    people, items = factorise(seen, 3, penalty=PENALTY, unseen=UNSEEN, rounds=3)
    at = people.clone().requires_grad_()
    total(seen, at, items).backward()
    assert at.grad is not None
    assert_close(at.grad, torch.zeros_like(at))


def test_more_rounds_do_not_raise_the_sum() -> None:
    seen = table()
    sums = [
        total(seen, *factorise(seen, 3, penalty=PENALTY, unseen=UNSEEN, rounds=it)).item()
        for it in range(1, 6)
    ]
    assert sums == sorted(sums, reverse=True) and sums[0] > sums[-1]


def test_a_new_person_gets_the_vector_of_one_with_the_same_row() -> None:
    seen = table()
    people, items = factorise(seen, 3, penalty=PENALTY, unseen=UNSEEN)
    assert_close(solved(seen[4:5], items, penalty=PENALTY, unseen=UNSEEN)[0], people[4])


def test_settings_are_checked() -> None:
    for wrong in (dict(penalty=0.0, unseen=0.1), dict(penalty=1.0, unseen=-0.1)):
        with pytest.raises(ValueError, match="penalty must be positive"):
            factorise(table(), 3, **wrong)
    with pytest.raises(ValueError, match="d_model"):
        factorise(table(), 0, penalty=1.0, unseen=0.1)
