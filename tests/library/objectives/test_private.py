"""Clipping and noise, against gradients of one example at a time."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from largemodels.models.gpt import GPT, GPTConfig
from largemodels.objectives.private import clipped_sums, private_gradients


def each(model: nn.Module, inputs: Tensor, targets: Tensor) -> list[list[Tensor]]:
    """The gradients of each example, by backward."""
    found = []
    for x, y in zip(inputs, targets, strict=True):
        loss = F.cross_entropy(model(x[None]).flatten(0, -2), y.flatten())
        found.append(list(torch.autograd.grad(loss, list(model.parameters()))))
    return found


def summed(gradients: list[list[Tensor]], clip: float) -> tuple[list[Tensor], Tensor]:
    norms = torch.stack([torch.cat([it.flatten() for it in one]).norm() for one in gradients])
    factors = [min(1.0, clip / norm.item()) for norm in norms]
    return [
        sum(f * g for f, g in zip(factors, parts, strict=True)) for parts in zip(*gradients, strict=True)
    ], norms


def loss(logits: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten())


def test_each_example_of_a_gpt_is_clipped_over_all_parameters() -> None:
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=11, context_length=7, n_layer=2, n_head=3, d_model=12))
    tokens = torch.randint(11, (2, 5, 7))
    clip = 0.9 * torch.stack([summed([one], 1.0)[1][0] for one in each(model, *tokens)]).median().item()
    expected, norms = summed(each(model, *tokens), clip)
    assert (norms > clip).any() and (norms < clip).any()
    got = private_gradients(model, loss, *tokens, clip=clip, noise=0.0, size=4)
    torch.testing.assert_close(got, norms, rtol=1e-4, atol=1e-6)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient / 4, rtol=1e-4, atol=1e-6)


def test_noise_has_the_size_that_was_asked_for_also_without_examples() -> None:
    model = nn.Linear(300, 100)
    nothing = torch.zeros(0, 300), torch.zeros(0, dtype=torch.long)
    generator = torch.Generator().manual_seed(0)
    norms = private_gradients(model, loss, *nothing, clip=0.5, noise=3.0, size=8, generator=generator)
    assert len(norms) == 0
    assert model.weight.grad.std().item() == pytest.approx(0.5 * 3 / 8, rel=0.02)


@pytest.mark.parametrize("wrong", [{"clip": 0.0}, {"noise": -1.0}, {"size": 0.0}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    x, y = torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)
    with pytest.raises(ValueError, match=r"must be positive|needs a size"):
        private_gradients(nn.Linear(3, 2), loss, x, y, **({"clip": 1.0, "noise": 1.0} | wrong))


@pytest.mark.parametrize("clip", [0.2, 1.0, math.inf])
def test_norms_of_linear_layers_need_no_gradient_of_an_example(clip: float) -> None:
    """Two models side by side, each with two layers."""
    torch.manual_seed(1)
    x, y = torch.randn(2, 6, 5), torch.randint(3, (2, 6))
    nets = [nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)) for _ in range(2)]
    layers: list[list[Tensor]] = [[], [], [], []]
    for net, some, labels in zip(nets, x, y, strict=True):
        before = net[0](some)
        hidden = before.tanh()
        out = net[2](hidden)
        back = torch.autograd.grad(F.cross_entropy(out, labels, reduction="sum"), [before, out])
        for kept, it in zip(layers, (some, back[0], hidden, back[1]), strict=True):
            kept.append(it.detach())
    a, b, c, d = (torch.stack(it) for it in layers)
    (w1, b1), (w2, b2) = clipped_sums([(a, b), (c, d)], clip)
    for number, net in enumerate(nets):
        expected, _ = summed(each(net, x[number], y[number]), clip)
        got = (w1[number].T, b1[number], w2[number].T, b2[number])
        for ours, theirs in zip(got, expected, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_without_a_size_the_sum_is_divided_by_the_examples() -> None:
    torch.manual_seed(2)
    model, x, y = nn.Linear(4, 3), torch.randn(5, 4), torch.randint(3, (5,))
    expected, _ = summed(each(model, x, y), 0.5)
    private_gradients(model, loss, x, y, clip=0.5, noise=0.0)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient / 5)


def test_noise_does_not_grow_with_the_examples_and_is_the_generators() -> None:
    torch.manual_seed(3)
    model, x, y = nn.Linear(300, 100), torch.randn(6, 300), torch.randint(100, (6,))
    found = []
    for noise in (0.0, 3.0, 3.0):
        generator = torch.Generator().manual_seed(0)
        private_gradients(model, loss, x, y, clip=0.5, noise=noise, size=8, generator=generator)
        found.append(model.weight.grad)
    assert (found[1] - found[0]).std().item() == pytest.approx(0.5 * 3 / 8, rel=0.02)
    assert torch.equal(found[1], found[2])


def test_frozen_parameters_neither_count_nor_get_a_gradient() -> None:
    torch.manual_seed(4)
    model, x, y = nn.Linear(4, 3), torch.randn(5, 4), torch.randint(3, (5,))
    model.weight.requires_grad_(False)
    norms = private_gradients(model, loss, x, y, clip=1.0, noise=1.0)
    off = model(x).softmax(-1) - F.one_hot(y, 3)  # the gradient of the bias
    torch.testing.assert_close(norms, off.norm(dim=1).detach())
    assert model.weight.grad is None and model.bias.grad is not None


def test_sums_clipped_to_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        clipped_sums([(torch.zeros(2, 3), torch.zeros(2, 4))], 0.0)
