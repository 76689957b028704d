"""Our perceptron and multi-layer perceptron against scikit-learn, PyTorch and the chain rule by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_model, save_model
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import Perceptron as Reference
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.testing import assert_close

from largemodels.models.mlp import MLP, MLPConfig
from largemodels.models.perceptron import Perceptron

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
BATCH, WIDTHS = 11, (5, 7, 3, 4)
MODULES = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


@pytest.mark.parametrize("passes", [1, 2, 30])
def test_weights_of_scikit_learn_on_real_data(passes: int) -> None:
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    ours = Perceptron().fit(x, y, epochs=passes)
    theirs = Reference(shuffle=False, tol=None, max_iter=passes).fit(x, y)
    np.testing.assert_allclose(ours.weights, theirs.coef_[0], rtol=1e-9, atol=1e-9)
    assert ours.bias == theirs.intercept_[0]
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))


def reference(activation: str = "tanh") -> nn.Sequential:
    layers: list[nn.Module] = []
    for d_in, d_out in pairwise(WIDTHS):
        layers += [nn.Linear(d_in, d_out), MODULES[activation]()]
    model = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def copied(theirs: nn.Sequential, activation: str = "tanh") -> MLP:
    ours = MLP(MLPConfig(WIDTHS[0], WIDTHS[1:-1], WIDTHS[-1], activation))
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.copy_(other)
    return ours


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(BATCH, WIDTHS[0]), torch.randint(WIDTHS[-1], (BATCH,))


@pytest.mark.parametrize("activation", MODULES)
def test_logits_loss_and_gradients_of_pytorch(activation: str) -> None:
    theirs = reference(activation)
    ours = copied(theirs, activation)
    x, y = batch()
    assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
    their_loss = nn.functional.cross_entropy(theirs(x), y)
    our_loss = ours.loss(x, y)
    assert_close(our_loss, their_loss, rtol=1e-5, atol=1e-5)
    our_loss.backward()
    their_loss.backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-4)


def test_probabilities_of_scikit_learn() -> None:
    x, _ = batch()
    theirs = MLPClassifier(WIDTHS[1:-1], activation="tanh", max_iter=3)
    with pytest.warns(UserWarning):  # three steps are too few to converge
        theirs.fit(x.numpy(), np.arange(BATCH) % WIDTHS[-1])
    ours = MLP(MLPConfig(WIDTHS[0], WIDTHS[1:-1], WIDTHS[-1], "tanh"))
    with torch.no_grad():
        for layer, weight, bias in zip(ours.layers, theirs.coefs_, theirs.intercepts_, strict=True):
            layer.weight.copy_(torch.tensor(weight.T))
            layer.bias.copy_(torch.tensor(bias))
    expected = torch.tensor(theirs.predict_proba(x.numpy()), dtype=torch.float32)
    assert_close(ours(x).softmax(dim=1), expected, rtol=1e-4, atol=1e-5)


def test_gradients_of_the_chain_rule_written_out() -> None:
    """The formulas of the chapter, for one hidden layer of logistic units."""
    ours = MLP(MLPConfig(5, (7,), 3, "sigmoid")).double()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_()
    x, y = torch.randn(BATCH, 5, dtype=torch.double), torch.randint(3, (BATCH,))
    ours.loss(x, y).backward()
    hidden_layer, last = ours.layers
    hidden = torch.sigmoid(x @ hidden_layer.weight.T + hidden_layer.bias)
    delta2 = ((hidden @ last.weight.T + last.bias).softmax(dim=1) - nn.functional.one_hot(y, 3)) / BATCH
    delta1 = delta2 @ last.weight * hidden * (1 - hidden)
    by_hand = (delta1.T @ x, delta1.sum(dim=0), delta2.T @ hidden, delta2.sum(dim=0))
    for parameter, gradient in zip(ours.parameters(), by_hand, strict=True):
        assert_close(parameter.grad, gradient, rtol=1e-10, atol=1e-12)


def transpose_by_force(ours: MLP) -> None:
    weight = ours.layers[0].weight
    weight.copy_(weight.T.reshape(weight.shape).clone())


def drop_a_bias(ours: MLP) -> None:
    ours.layers[1].bias.zero_()


def swap_classes(ours: MLP) -> None:
    ours.layers[2].weight.copy_(ours.layers[2].weight.roll(1, 0))


@pytest.mark.parametrize("perturb", [transpose_by_force, drop_a_bias, swap_classes])
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(perturb) -> None:
    theirs = reference()
    ours = copied(theirs)
    x, _ = batch()
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_what_is_saved_loads_again(tmp_path: Path) -> None:
    ours = copied(reference())
    save_model(ours, str(tmp_path / "mlp.safetensors"))
    again = MLP(ours.config)
    load_model(again, tmp_path / "mlp.safetensors")
    x, _ = batch()
    assert torch.equal(again(x), ours(x))


def test_no_hidden_layer_is_one_linear_map() -> None:
    ours = MLP(MLPConfig(5, (), 3))
    x, _ = batch()
    assert_close(ours(x), ours.layers[0](x))
    assert ours.n_parameters() == 18


@pytest.mark.parametrize(
    ("config", "message"),
    [(lambda: MLPConfig(0, (3,), 2), "at least 1"), (lambda: MLPConfig(2, (3,), 2, "step"), "activation")],
)
def test_errors_in_words(config, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config()
