from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.attention import Attention, visible


def test_the_future_changes_nothing_before_it() -> None:
    attention = Attention(d_model=21, n_head=3, causal=True)
    x = torch.randn(2, 7, 21)
    later = x.clone()
    later[:, 5:] += 1
    assert_close(attention(x)[:, :5], attention(later)[:, :5])
    assert not torch.allclose(attention(x)[:, 5:], attention(later)[:, 5:])


def test_padding_changes_nothing_for_real_tokens() -> None:
    attention = Attention(d_model=21, n_head=3, causal=True)
    x = torch.randn(2, 7, 21)
    mask = torch.tensor([[1, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 1]])
    noisy = torch.where(mask.bool()[..., None], x, torch.randn_like(x))
    real = mask.bool()
    assert_close(attention(x, mask)[real], attention(noisy, mask)[real])
    assert attention(x, mask).isfinite().all()


def test_mask_of_ones_is_no_mask() -> None:
    attention = Attention(d_model=15, n_head=5, causal=True)
    x = torch.randn(3, 4, 15)
    assert_close(attention(x, torch.ones(3, 4)), attention(x))


def test_causal_mask() -> None:
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_width_must_divide_into_heads() -> None:
    with pytest.raises(ValueError, match="multiple of n_head"):
        Attention(d_model=10, n_head=3, causal=True)


def test_dropout_only_in_training() -> None:
    attention = Attention(d_model=6, n_head=2, causal=True, dropout=0.5)
    x = torch.randn(1, 9, 6)
    assert not torch.equal(attention(x), attention(x))
    attention.eval()
    assert torch.equal(attention(x), attention(x))
