"""Diffusion where the answer is known: Gaussian data, for which the best network is a formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from largemodels.objectives.diffusion import (
    denoised,
    diffusion_loss,
    drawn,
    guided,
    noised,
    signal_at,
    step_towards,
    told_apart,
    v_of,
)

MEAN, SPREAD = 0.2, 0.1  # of every pixel


def perfect(z: Tensor, times: Tensor, labels: Tensor) -> Tensor:
    """The mean of v, given z, for pixels that are independent and normal."""
    signal = signal_at(times)[:, None, None, None]
    a, s = signal.sqrt(), (1 - signal).sqrt()
    variance = a**2 * SPREAD**2 + s**2
    picture = MEAN + a * SPREAD**2 / variance * (z - a * MEAN)
    noise = s / variance * (z - a * MEAN)
    return v_of(picture, noise, signal)


def test_what_is_mixed_is_told_apart() -> None:
    x, noise = torch.randn(3, 2, 5, 7), torch.randn(3, 2, 5, 7)
    signal = signal_at(torch.tensor([0.0, 0.4, 1.0]))[:, None, None, None]
    z = noised(x, noise, signal)
    found = told_apart(z, v_of(x, noise, signal), signal)
    assert_close(found, (x, noise), rtol=1e-5, atol=1e-5)
    assert_close(z[0], x[0])
    assert_close(z[2], noise[2], rtol=1e-5, atol=1e-5)


def test_ddim_solves_its_differential_equation() -> None:
    """For normal data the flow is known, noise n ends at MEAN + SPREAD · n; and the error is of first order."""
    torch.manual_seed(0)
    noise = torch.randn(4, 1, 3, 5, dtype=torch.float64)
    labels = torch.zeros(4, dtype=torch.long)
    errors = [
        (drawn(perfect, noise, labels, steps, no_label=9) - (MEAN + SPREAD * noise)).abs().max().item()
        for steps in (100, 400, 1_600)
    ]
    assert errors[1] == pytest.approx(errors[0] / 4, rel=0.2)
    assert errors[2] == pytest.approx(errors[1] / 4, rel=0.2)
    assert errors[2] < 0.01 * SPREAD * noise.abs().max().item()


def test_ddpm_draws_from_the_distribution() -> None:
    torch.manual_seed(0)
    noise, labels = torch.randn(500, 1, 3, 5), torch.zeros(500, dtype=torch.long)
    pictures = drawn(perfect, noise, labels, 1_000, no_label=9, eta=1.0)
    assert pictures.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert pictures.std().item() == pytest.approx(SPREAD, rel=0.05)


def test_a_step_keeps_the_variance() -> None:
    torch.manual_seed(0)
    signal, then = torch.tensor(0.2), torch.tensor(0.6)
    for eta in (0.0, 0.5, 1.0):
        z = step_towards(torch.zeros(20_000), torch.randn(20_000), signal, then, eta)
        assert z.std().item() == pytest.approx(0.4**0.5, rel=0.03)


def test_the_loss_of_the_perfect_network_is_the_least() -> None:
    torch.manual_seed(0)
    x = MEAN + SPREAD * torch.randn(3_000, 1, 3, 5)
    labels = torch.zeros(3_000, dtype=torch.long)
    worse = lambda z, t, y: 1.1 * perfect(z, t, y)  # noqa: E731
    losses = []
    for model in (perfect, worse):
        torch.manual_seed(1)
        losses.append(diffusion_loss(model, x, labels, 9).item())
    assert losses[0] < losses[1]


def test_labels_are_dropped_as_often_as_asked() -> None:
    seen = []

    def watching(z: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        seen.append(labels)
        return z

    torch.manual_seed(0)
    diffusion_loss(watching, torch.zeros(4_000, 1, 1, 1), torch.ones(4_000, dtype=torch.long), 9, drop=0.3)
    assert (seen[0] == 9).float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert set(seen[0].tolist()) == {1, 9}


def test_guidance_exaggerates_the_difference_of_a_label() -> None:
    model = lambda z, t, y: y.float()[:, None, None, None].expand_as(z)  # noqa: E731
    z, times, labels = torch.zeros(3, 1, 2, 2), torch.zeros(3), torch.tensor([1, 2, 3])
    for scale in (0.0, 1.0, 2.5):
        v = guided(model, z, times, labels, scale, no_label=9)[:, 0, 0, 0]
        assert_close(v, 9 + scale * (labels - 9))


def test_known_parts_stay_as_they_are() -> None:
    torch.manual_seed(0)
    known, where = torch.full((3, 1, 3, 5), 0.3), torch.arange(5) < 2
    labels = torch.zeros(3, dtype=torch.long)
    for repeats in (1, 3):
        way = list(
            denoised(
                perfect, torch.randn(3, 1, 3, 5), labels, 7, 9, known=known, where=where, repeats=repeats
            )
        )
        assert len(way) == 7
        pictures, seen = way[-1]
        assert_close(pictures, seen)
        assert_close(pictures[..., :2], known[..., :2])
        assert not torch.allclose(pictures[..., 2:], known[..., 2:])
