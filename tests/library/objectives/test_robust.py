"""Worst neighbours, against what can be computed by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from largemodels.objectives.robust import worst_nearby


def test_of_a_linear_loss_the_worst_is_a_corner_of_the_box() -> None:
    weight = torch.tensor([2.0, -1.0, 0.5, -3.0])
    x = torch.tensor([[0.5, 0.5, 0.98, 0.05], [0.2, 0.7, 0.3, 0.6]])

    def loss(it: Tensor) -> Tensor:
        return (it @ weight).sum()

    corner = (x + 0.1 * weight.sign()).clamp(0, 1)
    torch.testing.assert_close(worst_nearby(loss, x, bound=0.1, steps=1, step=0.1), corner)
    torch.testing.assert_close(worst_nearby(loss, x, bound=0.1, steps=9, step=0.03), corner)
    start = worst_nearby(loss, x, bound=0.1, steps=0, step=0.1, start=x + 1)
    torch.testing.assert_close(start, (x + 0.1).clamp(max=1))


def test_steps_of_no_width_are_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        worst_nearby(torch.sum, torch.zeros(1, 2), bound=0.1, steps=1, step=0.0)


def test_each_step_follows_the_gradient_where_it_is() -> None:
    """Around its lowest point a bowl has no slope; from beside it, each step leads further away."""
    x, beside = torch.full((1, 3), 0.5), torch.tensor([[0.52, 0.48, 0.5]])

    def bowl(it: Tensor) -> Tensor:
        return (it - 0.5).square().sum()

    torch.testing.assert_close(worst_nearby(bowl, x, bound=0.4, steps=2, step=0.1), x)
    found = worst_nearby(bowl, x, bound=0.4, steps=2, step=0.1, start=beside)
    torch.testing.assert_close(found, torch.tensor([[0.72, 0.28, 0.5]]))


def test_a_box_of_no_width_is_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        worst_nearby(torch.sum, torch.zeros(1, 2), bound=0.0, steps=1, step=0.1)
