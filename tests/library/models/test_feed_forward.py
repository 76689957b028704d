from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from largemodels.models.feed_forward import ACTIVATIONS, FeedForward

FORMULAS = {
    "gelu": lambda h: h * 0.5 * (1 + torch.erf(h / math.sqrt(2))),
    "gelu_tanh": lambda h: 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3))),
    "quick_gelu": lambda h: h / (1 + torch.exp(-1.702 * h)),
    "relu": lambda h: h.clamp(min=0),
    "relu2": lambda h: h.clamp(min=0) ** 2,
    "swiglu": lambda h: h[..., :13] * torch.sigmoid(h[..., :13]) * h[..., 13:],
}


def filled(activation: str, **options: bool) -> FeedForward:
    network = FeedForward(7, 13, activation=activation, **options)
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    return network


@pytest.mark.parametrize("activation", FORMULAS)
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_the_formula(activation: str, bias: bool) -> None:
    network, x = filled(activation, bias=bias), torch.randn(2, 5, 7)
    assert_close(network(x), network.contract(FORMULAS[activation](network.expand(x))), rtol=1e-4, atol=1e-4)
    assert (network.expand.bias is None) == (network.contract.bias is None) == (not bias)


def test_every_activation_has_a_formula_and_they_differ() -> None:
    assert set(FORMULAS) == set(ACTIVATIONS)
    h = torch.linspace(-3, 3, 26)
    results: list[Tensor] = [activation(h) for activation in ACTIVATIONS.values()]
    for i, one in enumerate(results):
        for other in results[:i]:
            assert one.shape != other.shape or (one - other).abs().max() > 1e-4


@pytest.mark.parametrize("activation", FORMULAS)
def test_gradients_in_fp64(activation: str) -> None:
    network = filled(activation).double()
    assert torch.autograd.gradcheck(network, torch.randn(3, 7, dtype=torch.float64, requires_grad=True))


def test_gate_and_value_are_two_maps_for_muon() -> None:
    assert FeedForward(7, 13, activation="swiglu").stacked == {"expand": (13, 13)}
    assert not hasattr(FeedForward(7, 13), "stacked")


def test_dropout_only_in_training() -> None:
    network, x = FeedForward(7, 13, dropout=0.5), torch.randn(2, 5, 7)
    assert (network(x) == 0).any() and not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_an_unknown_activation_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="activation must be one of gelu, "):
        FeedForward(7, 13, activation="silu")
