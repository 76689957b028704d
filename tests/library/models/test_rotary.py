from __future__ import annotations

import torch
from torch.testing import assert_close

from largemodels.models.rotary import rotate, rotation


def by_complex_numbers(x: torch.Tensor, positions: torch.Tensor, base: float) -> torch.Tensor:
    """The paper's form: neighbours are a complex number, multiplied by exp(i t θ)."""
    d_head = x.shape[-1]
    turning = positions[:, None] * base ** (-torch.arange(0, d_head, 2) / d_head)
    turned = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * torch.polar(
        torch.ones_like(turning), turning
    )
    return torch.view_as_real(turned).flatten(-2)


def test_it_is_the_papers_form_with_the_numbers_in_another_order() -> None:
    """Neighbours there, halves here: 0, 2, 4, …, 1, 3, 5, …"""
    x, positions = torch.randn(2, 3, 5, 14), torch.tensor([0, 1, 4, 9, 100])
    order = torch.arange(14).view(7, 2).T.flatten()
    cos, sin = rotation(positions, 14, base=50.0)
    assert cos.shape == (1, 5, 14)
    turned = rotate(x[..., order], cos, sin)
    assert_close(turned, by_complex_numbers(x, positions, 50.0)[..., order], rtol=1e-4, atol=1e-5)


def test_products_depend_on_the_distance_alone() -> None:
    q, k = torch.randn(1, 2, 1, 10), torch.randn(1, 2, 1, 10)

    def product(at_q: int, at_k: int) -> torch.Tensor:
        turned_q = rotate(q, *rotation(torch.tensor([at_q]), 10))
        turned_k = rotate(k, *rotation(torch.tensor([at_k]), 10))
        return (turned_q * turned_k).sum(-1)

    assert_close(product(3, 1), product(12, 10), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(product(3, 1), product(1, 3))
    assert_close(product(0, 0), (q * k).sum(-1))


def test_positions_of_each_sequence() -> None:
    positions = torch.tensor([[0, 1, 2], [0, 0, 1]])
    cos, sin = rotation(positions, 6)
    assert cos.shape == (2, 1, 3, 6)
    x = torch.randn(2, 5, 3, 6)
    turned = rotate(x, cos, sin)
    for row in range(2):
        assert_close(turned[row : row + 1], rotate(x[row : row + 1], *rotation(positions[row], 6)))
