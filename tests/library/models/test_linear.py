"""The linear layer gives what torch's gives, whichever kernel it takes."""

from __future__ import annotations

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from largemodels.models import linear as module
from largemodels.models.linear import Linear, linear


@pytest.mark.parametrize("shape", [(37,), (1, 37), (1, 1, 37), (2, 37), (3, 5, 37)])
@pytest.mark.parametrize("d_out", [2, 5, 64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("large", [1, 2**18])
def test_same_as_torch(
    shape: tuple[int, ...], d_out: int, bias: bool, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGE", large)
    x, weight = torch.randn(shape), torch.randn(d_out, 37)
    b = torch.randn(d_out) if bias else None
    with torch.no_grad():
        torch.testing.assert_close(linear(x, weight, b), F.linear(x, weight, b), atol=1e-5, rtol=1e-5)


def test_one_large_row_takes_the_batched_product(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setattr(torch, "bmm", lambda *a, bmm=torch.bmm: taken.append(1) or bmm(*a))
    layer = Linear(700, 401)
    with torch.no_grad():
        torch.testing.assert_close(layer(x := torch.randn(1, 1, 700)), F.linear(x, layer.weight, layer.bias))
    assert taken
    layer(torch.randn(1, 1, 700)).sum().backward()  # training needs the usual kernel
    layer.bfloat16()(torch.randn(1, 1, 700).bfloat16())
    assert len(taken) == 1


def test_parameters_are_those_of_torch() -> None:
    torch.manual_seed(0)
    ours = Linear(3, 5)
    torch.manual_seed(0)
    theirs = nn.Linear(3, 5)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), atol=0, rtol=0)


def test_a_weight_that_is_a_view_works() -> None:
    weight = torch.randn(700, 401).T  # not contiguous
    x = torch.randn(1, 700)
    with torch.no_grad():
        torch.testing.assert_close(linear(x, weight), F.linear(x, weight), atol=1e-4, rtol=1e-5)
