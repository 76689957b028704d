"""Item response theory against girth, on the real answers of two sets."""

from __future__ import annotations

import girth
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from largemodels.data.answers import anger_answers, exam_answers
from largemodels.models.item_response import POINTS, WEIGHTS, item_response
from tests.library.data.installed import installed

GRID = {"quadrature_n": 121, "quadrature_bounds": (-6, 6)}


def answers(name: str) -> Tensor:
    installed("exam")
    table = exam_answers().drop(columns="group") if name == "exam" else anger_answers()
    return torch.tensor(table.to_numpy())


def likelihood(given: Tensor, discrimination: Tensor, difficulty: Tensor) -> float:
    """Of all answers, the abilities averaged over: the formula, without logarithms inside."""
    chance = 1 / (1 + torch.exp(-discrimination * (POINTS[:, None] - difficulty)))
    both = torch.where(given[:, None, :] == 1, chance, 1 - chance)  # (people, points, items)
    return float((both.prod(dim=-1) @ WEIGHTS).log().sum())


@pytest.mark.parametrize("name", ["exam", "anger"])
@pytest.mark.parametrize(("discriminating", "near"), [(True, 0.04), (False, 0.16)])
def test_items_are_near_girths_and_no_less_likely(name: str, discriminating: bool, near: float) -> None:
    """girth matches each item's rate instead of maximising over all items together, so it is near, not equal.

    The worse a model fits, the farther: the answers about anger discriminate more than Rasch's model allows.
    """
    given = answers(name)
    ours = item_response(given, discriminating=discriminating)
    fit = girth.twopl_mml if discriminating else girth.rasch_mml
    theirs = fit(given.numpy().T, options=GRID)
    slopes = torch.from_numpy(np.broadcast_to(theirs["Discrimination"], ours.difficulty.shape).astype(float))
    places = torch.from_numpy(theirs["Difficulty"])
    assert_close(ours.difficulty, places, atol=near, rtol=0)
    assert_close(ours.discrimination, slopes, atol=0.03, rtol=0)
    found = likelihood(given, ours.discrimination, ours.difficulty)
    assert likelihood(given, slopes, places) - 1e-6 <= found <= likelihood(given, slopes, places) + 5


@pytest.mark.parametrize("name", ["exam", "anger"])
def test_abilities_are_girths(name: str) -> None:
    given = answers(name)
    items = item_response(given)
    theirs = girth.ability_eap(
        given.numpy().T, items.difficulty.numpy(), items.discrimination.numpy(), options=GRID
    )
    assert_close(items.abilities(given)[0], torch.from_numpy(theirs), atol=1e-3, rtol=0)
