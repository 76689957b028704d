"""MAML and Reptile against plain automatic differentiation, prototypical networks against their linear form."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from largemodels.models.prototypical import Prototypical, PrototypicalConfig, prototype_logits
from largemodels.objectives.meta import adapt, maml, reptile


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 7), nn.Tanh(), nn.Linear(7, 2)).double()


def tasks(*shape: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(*shape, d, generator=generator, dtype=torch.float64) for d in (3, 2))  # type: ignore[return-value]


def run(weights: list[Tensor], x: Tensor) -> Tensor:
    return F.linear(F.linear(x, *weights[:2]).tanh(), *weights[2:])


def by_autograd(net: nn.Module, steps: int, rate: float, first_order: bool) -> list[Tensor]:
    """Task by task, with torch.autograd.grad and create_graph."""
    start, (x, y) = list(net.parameters()), tasks(5, 11)
    total = torch.zeros((), dtype=torch.float64)
    for one_x, one_y in zip(x, y, strict=True):
        weights = start
        for _ in range(steps):
            loss = F.mse_loss(run(weights, one_x[:4]), one_y[:4])
            slopes = torch.autograd.grad(loss, weights, create_graph=not first_order)
            weights = [weight - rate * slope for weight, slope in zip(weights, slopes, strict=True)]
        total = total + F.mse_loss(run(weights, one_x[4:]), one_y[4:]) / 5
    return list(torch.autograd.grad(total, start))


@pytest.mark.parametrize("first_order", [False, True])
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_maml_is_plain_differentiation_through_the_steps(steps: int, first_order: bool) -> None:
    net, (x, y) = model(), tasks(5, 11)
    settings = dict(loss=F.mse_loss, rate=0.3, steps=steps, first_order=first_order)
    maml(net, (x[:, :4], y[:, :4]), (x[:, 4:], y[:, 4:]), **settings)
    for parameter, expected in zip(net.parameters(), by_autograd(net, steps, 0.3, first_order), strict=True):
        torch.testing.assert_close(parameter.grad, expected)
    if steps:
        other = by_autograd(net, steps, 0.3, not first_order)
        assert not torch.allclose(net[0].weight.grad, other[0], rtol=1e-3)


def test_maml_agrees_with_finite_differences() -> None:
    net, (x, y) = model(), tasks(5, 11)
    parts, settings = ((x[:, :4], y[:, :4]), (x[:, 4:], y[:, 4:])), dict(loss=F.mse_loss, rate=0.3, steps=2)
    maml(net, *parts, **settings)
    for place in ((0, 1), (6, 2)):
        values = []
        for sign in (1, -1):
            moved = copy.deepcopy(net)
            moved[0].weight.data[place] += sign * 1e-6
            values.append(maml(moved, *parts, **settings))
        torch.testing.assert_close(
            net[0].weight.grad[place], (values[0] - values[1]) / 2e-6, rtol=1e-6, atol=1e-9
        )


def test_reptile_goes_back_from_where_sgd_leads() -> None:
    net, (x, y) = model(), tasks(5, 3, 4)
    reptile(net, x, y, loss=F.mse_loss, rate=0.1)
    ends = []
    for one_x, one_y in zip(x, y, strict=True):
        inner = copy.deepcopy(net)
        sgd = torch.optim.SGD(inner.parameters(), 0.1)
        for now_x, now_y in zip(one_x, one_y, strict=True):
            sgd.zero_grad()
            F.mse_loss(inner(now_x), now_y).backward()
            sgd.step()
        ends.append(inner[2].weight.detach())
    torch.testing.assert_close(net[2].weight.grad, net[2].weight.detach() - torch.stack(ends).mean(0))


def test_reptile_with_one_step_is_training_on_all_tasks() -> None:
    one, all_tasks, (x, y) = model(), model(), tasks(5, 1, 4)
    reptile(one, x, y, loss=F.mse_loss, rate=0.1)
    F.mse_loss(all_tasks(x), y).backward()
    for ours, theirs in zip(one.parameters(), all_tasks.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, 0.1 * theirs.grad)


def test_adapting_leaves_the_weights_as_they_are() -> None:
    net, (x, y) = model(), tasks(11)
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    after = adapt(net, before, x, y, loss=F.mse_loss, rate=0.1)
    assert all(torch.equal(value, before[name]) for name, value in net.named_parameters())
    assert not torch.equal(after["0.weight"], before["0.weight"])


def test_prototypes_are_a_linear_layer_computed_from_the_examples() -> None:
    """Section 2.4 of Snell et al.: weights 2 p, bias -|p|²; logits and gradients."""
    generator = torch.Generator().manual_seed(0)
    prototypes, queries = torch.randn(3, 7, generator=generator), torch.randn(5, 7, generator=generator)
    prototypes.requires_grad_()
    labels = torch.tensor([0, 2, 1, 1, 0])
    losses = [
        F.cross_entropy(logits, labels)
        for logits in (
            prototype_logits(prototypes, queries),
            F.linear(queries, 2 * prototypes, -prototypes.square().sum(1)),
        )
    ]
    torch.testing.assert_close(*losses, rtol=1e-5, atol=1e-5)
    ours, theirs = (torch.autograd.grad(loss, prototypes)[0] for loss in losses)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_the_loss_of_an_episode_by_loops() -> None:
    torch.manual_seed(0)
    net = Prototypical(PrototypicalConfig(in_channels=2, channels=5, n_blocks=2)).eval()
    shown, asked = torch.randn(3, 4, 2, 9, 7), torch.randn(3, 2, 2, 9, 7)
    assert net(shown[0]).shape == (4, 5 * 2 * 1)
    prototypes = [net(some).mean(0) for some in shown]
    losses = []
    for label, some in enumerate(asked):
        for picture in some:
            distances = torch.stack([((net(picture[None])[0] - p) ** 2).sum() for p in prototypes])
            losses.append(distances[label] + torch.logsumexp(-distances, 0))
    torch.testing.assert_close(net.loss(shown, asked), torch.stack(losses).mean(), rtol=1e-5, atol=1e-5)
    swapped = net.loss(shown[[1, 0, 2]], asked)
    assert not torch.isclose(swapped, net.loss(shown, asked), rtol=1e-3)


def test_settings_that_make_no_network_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        PrototypicalConfig(channels=0)
