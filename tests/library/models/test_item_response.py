from __future__ import annotations

import pytest
import torch

from largemodels.models.item_response import POINTS, Items, asked_in_turn, item_response


def some() -> Items:
    difficulty = torch.tensor([-1.0, 0.0, 1.5], dtype=torch.float64)
    return Items(torch.tensor([0.7, 2.0, 1.2], dtype=torch.float64), difficulty, torch.zeros(3, 2))


def generated(n: int = 4000) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.bernoulli(some().chances(torch.randn(n, dtype=torch.float64)).repeat(1, 2)).long()


def test_numbers_that_made_the_answers_are_found() -> None:
    """Twice the three questions, so that six answers tell of an ability."""
    found, true = item_response(generated()), some()
    for name, error in (("discrimination", 0), ("difficulty", 1)):
        off = getattr(found, name) - getattr(true, name).repeat(2)
        assert (off.abs() < 4 * found.errors[:, error]).all()
        assert (found.errors[:, error] < 0.25).all()


def test_errors_shrink_with_the_root_of_the_people() -> None:
    answers = generated(1000)
    few, many = item_response(answers).errors, item_response(answers.repeat(4, 1)).errors
    torch.testing.assert_close(few, 2 * many, atol=0, rtol=1e-3)


def test_rasch_leaves_discrimination_at_one() -> None:
    found = item_response(generated(), discriminating=False)
    assert (found.discrimination == 1).all() and (found.errors[:, 0] == 0).all()
    assert (found.errors[:, 1] > 0).all()


def test_a_question_that_all_answer_alike_is_refused() -> None:
    with pytest.raises(ValueError, match="same answer"):
        item_response(torch.tensor([[1, 0], [1, 1]]))


def test_no_answer_leaves_the_normal_distribution_and_one_moves_it() -> None:
    answers = torch.tensor([[1, 1, 1], [1, 1, 1], [0, 1, 1]])
    seen = torch.tensor([[False] * 3, [True, False, False], [True, False, False]])
    mean, spread = some().abilities(answers, seen)
    assert abs(mean[0]) < 1e-9 and abs(spread[0] - 1) < 1e-3
    assert mean[1] > 0.1 and mean[2] < -0.1 and (spread[1:] < spread[0]).all()


def test_information_is_the_slope_of_the_chance() -> None:
    """Fisher's: the squared derivative over P (1 - P)."""
    ability = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    for item in range(3):
        chance = some().chances(ability)[0, item]
        (slope,) = torch.autograd.grad(chance, ability)
        assert torch.allclose(some().information(ability)[0, item], slope[0] ** 2 / (chance * (1 - chance)))
    assert POINTS[0] == -POINTS[-1]


def test_the_next_question_tells_most() -> None:
    items = some()
    asked, mean, spread = asked_in_turn(items, torch.tensor([[1, 1, 1], [0, 0, 0]]))
    assert asked[:, 0].tolist() == [1, 1]  # the sharpest, of middle difficulty
    for person in range(2):
        left = items.information(mean[person, 0]).clone()
        left[1] = -1
        assert asked[person, 1] == left.argmax()
    assert asked.sort(dim=1).values.tolist() == [[0, 1, 2]] * 2
    assert (spread.diff(dim=1) < 0).all()
    fixed = asked_in_turn(items, torch.tensor([[1, 1, 1]]), torch.tensor([2, 0, 1]))
    assert fixed[0].tolist() == [[2, 0, 1]]
    torch.testing.assert_close(fixed[1][0, -1], mean[0, -1])  # in the end the order does not matter
