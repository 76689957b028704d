"""EASE: by hand, against column-wise ridge regression, and what is refused."""

from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import Ridge
from torch.testing import assert_close

from largemodels.models.ease import ease

torch.manual_seed(0)


def test_two_items_by_hand() -> None:
    """Seen together once by three people, with penalty 1: the weight is 1 / (count of the given item + 1)."""
    weights = ease(torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]]), 1.0)
    assert_close(weights, torch.tensor([[0, 1 / 4], [1 / 2, 0]], dtype=torch.float64))


def test_each_column_is_a_ridge_regression_on_the_others() -> None:
    seen, penalty = (torch.rand(31, 7) < 0.4).double(), 2.5
    weights = ease(seen, penalty)
    for item in range(7):
        others = [it for it in range(7) if it != item]
        fitted = Ridge(alpha=penalty, fit_intercept=False).fit(seen[:, others], seen[:, item])
        assert_close(weights[others, item], torch.from_numpy(fitted.coef_))
        assert weights[item, item] == 0


def test_no_penalty_is_refused() -> None:
    with pytest.raises(ValueError, match="penalty must be positive"):
        ease(torch.eye(3), 0.0)
