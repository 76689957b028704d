from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.positions import alibi, alibi_slopes, sinusoidal


@pytest.mark.parametrize("d_model", [1, 6, 7])
def test_sinusoidal_holds_the_published_formula(d_model: int) -> None:
    table = sinusoidal(5, d_model, base=100.0)
    assert table.shape == (5, d_model)
    for position in range(5):
        for column in range(d_model):
            angle = position / 100.0 ** (2 * (column // 2) / d_model)
            expected = math.cos(angle) if column % 2 else math.sin(angle)
            assert_close(table[position, column].item(), expected, atol=1e-6, rtol=0)


def test_product_of_two_positions_depends_on_their_distance() -> None:
    table = sinusoidal(300, 8)
    products = table @ table.T
    for distance in (0, 1, 37):
        along = products.diagonal(distance)
        assert_close(along, along[:1].expand_as(along), atol=1e-4, rtol=0)


def test_slopes_are_a_geometric_series() -> None:
    assert_close(alibi_slopes(4), torch.tensor([2.0**-2, 2.0**-4, 2.0**-6, 2.0**-8]))
    assert_close(alibi_slopes(1), torch.tensor([2.0**-8]))
    assert alibi_slopes(7).shape == (7,)


def test_alibi_lowers_by_slope_times_distance_and_hides_the_future() -> None:
    slopes = torch.tensor([0.5, 0.0])
    bias = alibi(slopes, 3)
    assert bias.shape == (1, 2, 3, 3)
    hidden = -math.inf
    assert_close(bias[0, 0], torch.tensor([[0.0, hidden, hidden], [-0.5, 0.0, hidden], [-1.0, -0.5, 0.0]]))
    assert_close(bias[0, 1].tril(), torch.zeros(3, 3))


@pytest.mark.parametrize(
    "wrong", [lambda: sinusoidal(0, 4), lambda: alibi_slopes(0), lambda: alibi(torch.ones(2), 0)]
)
def test_sizes_are_checked(wrong) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        wrong()
