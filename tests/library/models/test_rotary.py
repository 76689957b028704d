from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.attention import Attention
from largemodels.models.rotary import PAIRS, reorder_pairs, rotate, rotation


def by_complex_numbers(x: torch.Tensor, positions: torch.Tensor, base: float) -> torch.Tensor:
    """The paper's form: neighbours are a complex number, multiplied by exp(i t θ)."""
    d_head = x.shape[-1]
    turning = positions[:, None] * base ** (-torch.arange(0, d_head, 2) / d_head)
    turned = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous()) * torch.polar(
        torch.ones_like(turning), turning
    )
    return torch.view_as_real(turned).flatten(-2)


def test_interleaved_is_the_papers_form() -> None:
    x, positions = torch.randn(2, 3, 5, 14), torch.tensor([0, 1, 4, 9, 100])
    cos, sin = rotation(positions, 14, base=50.0, pairs="interleaved")
    assert cos.shape == (1, 5, 14)
    turned = rotate(x, cos, sin, pairs="interleaved")
    assert_close(turned, by_complex_numbers(x, positions, 50.0), rtol=1e-4, atol=1e-5)


def test_halves_is_interleaved_in_another_order() -> None:
    x, positions = torch.randn(2, 3, 5, 14), torch.arange(5)
    order = torch.arange(14).view(7, 2).T.flatten()  # 0, 2, 4, … 1, 3, 5, …
    halves = rotate(x[..., order], *rotation(positions, 14))
    interleaved = rotate(x, *rotation(positions, 14, pairs="interleaved"), pairs="interleaved")
    assert_close(halves, interleaved[..., order])


@pytest.mark.parametrize("pairs", PAIRS)
def test_products_depend_on_the_distance_alone(pairs: str) -> None:
    q, k = torch.randn(1, 2, 1, 10), torch.randn(1, 2, 1, 10)

    def product(at_q: int, at_k: int) -> torch.Tensor:
        turned_q = rotate(q, *rotation(torch.tensor([at_q]), 10, pairs=pairs), pairs)
        turned_k = rotate(k, *rotation(torch.tensor([at_k]), 10, pairs=pairs), pairs)
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


@pytest.mark.parametrize("to", PAIRS)
def test_trained_weights_move_from_one_way_to_pair_to_the_other(to: str) -> None:
    other = PAIRS[1 - PAIRS.index(to)]
    first = Attention(24, 4, causal=True, n_kv_head=2, pairs=other)
    second = Attention(24, 4, causal=True, n_kv_head=2, pairs=to)
    second.load_state_dict(first.state_dict())
    with torch.no_grad():
        for name in ("weight", "bias"):
            q, k, v = getattr(first.qkv, name).split([24, 12, 12])
            moved = [reorder_pairs(q, 4, to), reorder_pairs(k, 2, to), v]
            getattr(second.qkv, name).copy_(torch.cat(moved))
    x, positions = torch.randn(3, 7, 24), torch.arange(7)
    expected = first(x, rotation=rotation(positions, 6, pairs=other))
    assert_close(second(x, rotation=rotation(positions, 6, pairs=to)), expected)
    second.load_state_dict(first.state_dict())
    assert not torch.allclose(second(x, rotation=rotation(positions, 6, pairs=to)), expected, atol=1e-3)
