"""Weights of eight bits: rounded as said, and a model that still says the same."""

from __future__ import annotations

import pytest
import torch
import torch.nn as nn

import largemodels as lm
from largemodels.models.int8 import FEW, Int8GPT, Int8Linear, quantise


def test_rounding_is_off_by_half_a_scale_at_most() -> None:
    weight = torch.randn(13, 29) * torch.logspace(-3, 3, 13)[:, None]
    whole, scale = quantise(weight)
    assert whole.dtype == torch.int8 and scale.shape == (13,)
    assert ((whole * scale[:, None] - weight).abs() <= scale[:, None] * 0.501).all()


def test_a_row_of_zeros_stays_zero() -> None:
    whole, scale = quantise(torch.zeros(2, 3))
    assert not whole.any() and scale.isfinite().all()


@pytest.mark.parametrize("shape", [(), (3,), (2, 5), (FEW,), (FEW + 1,)])
@pytest.mark.parametrize(
    "width", [48, 19]
)  # one that the kernel for few rows takes, and one that it would overrun
@pytest.mark.parametrize("bias", [True, False])
def test_layer_is_near(shape: tuple[int, ...], width: int, bias: bool) -> None:
    layer = nn.Linear(width, 80, bias=bias)
    x = torch.randn(*shape, width)
    expected = layer(x)
    error = (Int8Linear(layer.weight, layer.bias)(x) - expected).norm() / expected.norm()
    assert 0 < error < 0.02


@pytest.mark.parametrize("n", [0, 1, 3, FEW, FEW + 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_inputs_and_weights_may_lie_in_memory_in_any_way(n: int, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    weight, x = torch.randn(80, 48), torch.randn(n, 48).to(dtype)
    wanted = Int8Linear(weight)(x)
    assert wanted.shape == (n, 80)
    for view in (x.T.contiguous().T, torch.stack([x, -x], dim=2)[..., 0]):
        assert torch.equal(Int8Linear(weight)(view), wanted)
        assert torch.equal(Int8Linear(weight.T.contiguous().T)(view), wanted)
    row = x[:1].expand(min(n, 1) * 4, -1)
    assert torch.equal(Int8Linear(weight)(row), Int8Linear(weight)(row.contiguous()))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_sixteen_bits_are_rounded_as_exactly(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    weight = torch.randn(1_000, 64).to(dtype)
    whole, scale = quantise(weight)
    assert ((whole * scale[:, None] - weight.float()).abs() <= scale[:, None] * 0.501).all()
    assert not quantise(torch.zeros(2, 3, dtype=dtype))[0].any()


def test_model_is_near_and_the_original_untouched() -> None:
    model = lm.GPT(lm.GPTConfig(vocab_size=31, context_length=16, n_layer=2, n_head=4, d_model=32))
    for p in model.parameters():
        nn.init.normal_(p, std=0.2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    small = Int8GPT(model)
    assert sum(isinstance(m, Int8Linear) for m in small.modules()) == 9  # four a block, and the head
    torch.testing.assert_close(model.state_dict(), before, atol=0, rtol=0)
    tokens = torch.randint(31, (2, 9))
    with torch.no_grad():
        exact, near = model(tokens), small(tokens)
    assert 0 < (exact - near).norm() / exact.norm() < 0.03
    assert lm.generate(small, tokens, 5, temperature=0).shape == (2, 14)
    model.blocks[0].mlp.expand.weight.data.mul_(-1)  # another model is not near
    with torch.no_grad():
        assert (model(tokens) - near).norm() / exact.norm() > 0.1


def test_elsewhere_than_on_the_cpu_is_an_error() -> None:
    with torch.device("meta"):
        model = lm.GPT(lm.GPTConfig(n_layer=1))
    with pytest.raises(ValueError, match="CPU only"):
        Int8GPT(model)
