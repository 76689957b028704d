"""Losses of the players, and the Fréchet distance."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.linalg import sqrtm
from torch import nn
from torch.testing import assert_close

from largemodels.objectives.adversarial import discriminator_loss, generator_loss, gradient_penalty
from largemodels.objectives.frechet import frechet_distance


def test_losses_are_those_of_a_classifier() -> None:
    real, made = torch.randn(5), torch.randn(7)
    ones, zeros = torch.ones(5), torch.zeros(7)
    entropy = F.binary_cross_entropy_with_logits
    for game in ("saturating", "non-saturating"):
        assert_close(discriminator_loss(real, made, game), entropy(real, ones) + entropy(made, zeros))
    assert_close(generator_loss(made), entropy(made, torch.ones(7)))
    assert_close(generator_loss(made, "saturating"), (1 - made.sigmoid()).log().mean())
    assert_close(discriminator_loss(real, made, "wasserstein"), made.mean() - real.mean())
    assert_close(generator_loss(made, "wasserstein"), -made.mean())
    with pytest.raises(ValueError, match="game must be one of"):
        generator_loss(made, "hinge")


def test_saturating_gradients_vanish_where_the_discriminator_is_sure() -> None:
    a = torch.tensor([-10.0], requires_grad=True)
    (slope,) = torch.autograd.grad(generator_loss(a, "saturating"), a)
    assert slope.item() == pytest.approx(-1 / (1 + math.exp(10)), rel=1e-4)
    (slope,) = torch.autograd.grad(generator_loss(a), a)
    assert slope.item() == pytest.approx(-1 / (1 + math.exp(-10)), rel=1e-4)


def test_penalty_of_a_plane_is_known_and_can_be_trained_on() -> None:
    plane = nn.Linear(3, 1)
    nn.init.constant_(plane.weight, 2.0)  # slope √12 everywhere
    penalty = gradient_penalty(lambda x: plane(x)[:, 0], torch.randn(5, 3), torch.randn(5, 3))
    assert penalty.item() == pytest.approx((math.sqrt(12) - 1) ** 2, rel=1e-5)
    penalty.backward()
    assert plane.weight.grad.abs().min() > 0
    assert gradient_penalty(lambda x: x.sum((1, 2, 3)), torch.randn(4, 1, 2, 2), torch.randn(4, 1, 2, 2)) == 1


def test_frechet_distance_is_that_of_the_matrix_square_root() -> None:
    a, b = torch.randn(50, 4) @ torch.randn(4, 4), torch.randn(70, 4) + 1
    first, second = np.cov(a.T.double()), np.cov(b.T.double())
    shift = ((a.double().mean(0) - b.double().mean(0)) ** 2).sum().item()
    expected = shift + np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
