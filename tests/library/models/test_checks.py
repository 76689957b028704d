from __future__ import annotations

import pytest

from largemodels.models.checks import at_least, one_of, probability


def test_what_is_allowed_passes() -> None:
    at_least(1, steps=1, patience=None)
    at_least(0, size=0)
    one_of(("a", "b"), kind="b")
    probability(dropout=0, other=0.999)


def test_what_is_not_is_named() -> None:
    with pytest.raises(ValueError, match=r"^n_layer must be at least 1, not 0\.$"):
        at_least(1, n_head=2, n_layer=0, d_model=-1)
    with pytest.raises(ValueError, match=r"^d_model must be at least 1, not nan\.$"):
        at_least(1, d_model=float("nan"))
    with pytest.raises(ValueError, match=r"^kind must be one of a, b, not 'c'\.$"):
        one_of({"a": 1, "b": 2}, kind="c")
    for value in (1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="dropout must be at least 0 and below 1, not"):
            probability(dropout=value)
