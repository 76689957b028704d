"""Methods that fill the gradients themselves, each as a chapter would write it, on problems of a second."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from largemodels.training.checkpoints import SettingsError
from largemodels.training.config import TrainingConfig
from largemodels.training.loop import train


def sgd(model: nn.Module, lr: float = 0.5) -> list[torch.optim.Optimizer]:
    return [torch.optim.SGD(model.parameters(), lr=lr)]


# Adversarial training: two networks in one module, each with a loss of its own.


class Quadratic(nn.Module):
    """Logits of a quadratic form, which is the best discriminator between two Gaussians."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(torch.cat([x - 2, (x - 2).square()], dim=1))


class Adversaries(nn.Module):
    """A generator of numbers, and a discriminator between them and real ones."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Linear(1, 1)  # noise times a scale, and a shift
        self.discriminator = Quadratic()


def adversarial(model: Adversaries, real: Tensor, noise: Tensor) -> Tensor:
    """Both players' gradients, each of its own loss with respect to its own parameters."""
    fake = model.generator(noise)
    judged = model.discriminator(torch.cat([real, fake.detach()]))
    truth = torch.cat([torch.ones_like(real), torch.zeros_like(fake)])
    discriminator_loss = F.binary_cross_entropy_with_logits(judged, truth)
    generator_loss = F.softplus(-model.discriminator(fake)).mean()
    for player, loss in ((model.discriminator, discriminator_loss), (model.generator, generator_loss)):
        parameters = list(player.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
    return discriminator_loss


def numbers(start: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Real ones are N(3, 0.5²)."""
    while True:
        generator = torch.Generator().manual_seed(start)
        drawn = torch.randn(2, 128, 1, generator=generator)
        yield 3 + 0.5 * drawn[0], drawn[1]
        start += 1


def players(model: Adversaries) -> list[torch.optim.Optimizer]:
    """The two learn at different rates; decay keeps the discriminator from running in circles."""
    return [
        torch.optim.Adam(model.discriminator.parameters(), lr=0.1, betas=(0.0, 0.9), weight_decay=0.1),
        torch.optim.Adam(model.generator.parameters(), lr=0.05, betas=(0.0, 0.9)),
    ]


def test_a_generator_learns_the_mean_and_the_spread_of_real_numbers() -> None:
    model = Adversaries()
    nn.init.constant_(model.generator.weight, 1.5)
    config = TrainingConfig(steps=200, clip_norm=None, final_fraction=0.05, evaluate_every=100)
    history = train(model, numbers(0), config, gradients=adversarial, optimizers=players)
    with torch.no_grad():
        made = model.generator(torch.randn(10_000, 1))
    assert made.mean().item() == pytest.approx(3, abs=0.15)
    assert made.std().item() == pytest.approx(0.5, abs=0.1)
    assert history.training_loss.iloc[-1] == pytest.approx(math.log(2), abs=0.02)  # can no longer tell


def test_who_takes_turns_leaves_the_other_as_it_is() -> None:
    model = Adversaries()
    before = copy.deepcopy(model.state_dict())

    def only_discriminator(model: Adversaries, real: Tensor, noise: Tensor) -> Tensor:
        loss = adversarial(model, real, noise)
        model.generator.zero_grad()
        return loss

    train(model, numbers(0), TrainingConfig(steps=3), gradients=only_discriminator, optimizers=players)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("generator")


# Differential privacy: each example's gradient is clipped, and noise is added (Abadi et al., 2016).


def private(
    model: nn.Module, inputs: Tensor, labels: Tensor, clip: float = 1.0, noise: float = 0.5
) -> Tensor:
    parameters = {name: value.detach() for name, value in model.named_parameters()}

    def loss(parameters: dict[str, Tensor], example: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(model, parameters, example[None]), label[None])

    each = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, inputs, labels)  # (batch, …)
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in each.values()]).norm(dim=0)  # (batch,)
    scales = (clip / norms).clamp(max=1)
    for name, parameter in model.named_parameters():
        clipped = torch.einsum("b,b...->...", scales, each[name])
        parameter.grad = (clipped + clip * noise * torch.randn_like(parameter)) / len(inputs)
    with torch.no_grad():
        return F.cross_entropy(model(inputs), labels)


def clouds(start: int, stop: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """Points of two classes, left and right."""
    number = start
    while number != stop:
        generator = torch.Generator().manual_seed(number)
        labels = torch.randint(2, (64,), generator=generator)
        yield torch.randn(64, 2, generator=generator) + 4 * labels[:, None] - 2, labels
        number += 1
    raise RuntimeError("The power fails.")


def classifier() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(2, 2)


def test_private_training_learns_and_resumes_bit_for_bit(tmp_path: Path) -> None:
    config = TrainingConfig(steps=60, clip_norm=None, save_every=20, evaluate_every=20)
    undisturbed, resumed = classifier(), classifier()
    expected = train(
        undisturbed, clouds, config, gradients=private, optimizers=sgd, checkpoint=tmp_path / "a"
    )
    assert expected.training_loss.iloc[-1] < 0.1 < expected.training_loss.iloc[1]
    settings = {"gradients": private, "optimizers": sgd, "checkpoint": tmp_path / "b"}
    torch.manual_seed(0)
    nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="power"):
        train(classifier(), partial(clouds, stop=47), config, **settings)
    torch.rand(5)  # whatever the process has drawn since
    history = train(resumed, clouds, config, **settings)
    assert torch.equal(resumed.weight, undisturbed.weight)
    assert list(history.training_loss[1:]) == list(expected.training_loss[1:])


def test_another_optimiser_is_refused_when_resuming(tmp_path: Path) -> None:
    settings = {"gradients": private, "checkpoint": tmp_path}
    train(classifier(), clouds, TrainingConfig(steps=2), optimizers=sgd, **settings)
    for other, message in [
        (partial(sgd, lr=0.3), "initial_lr = 0.5, but this run has 0.3"),
        (lambda model: [torch.optim.SGD([model.weight], lr=0.5)], "different optimisers or parameter groups"),
    ]:
        with pytest.raises(SettingsError, match=message):
            train(classifier(), clouds, TrainingConfig(steps=2), optimizers=other, **settings)


# Meta-learning: Reptile (Nichol, Achiam and Schulman, 2018) moves towards where a few steps on a task lead.


def waves(start: int) -> Iterator[tuple[Tensor, Tensor]]:
    """A batch is two tasks: sine waves of one shape, each with an amplitude of its own."""
    while True:
        generator = torch.Generator().manual_seed(start)
        x = 6 * torch.rand(2, 20, 1, generator=generator) - 3
        yield x, (1 + torch.rand(2, 1, 1, generator=generator)) * x.sin()
        start += 1


def adapted(
    model: nn.Module, x: Tensor, y: Tensor, steps: int = 4, lr: float = 0.05
) -> tuple[nn.Module, Tensor]:
    """A copy that a few steps have fitted to one task, and its loss there."""
    inner = copy.deepcopy(model)
    optimizer = torch.optim.SGD(inner.parameters(), lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.mse_loss(inner(x), y).backward()
        optimizer.step()
    return inner, F.mse_loss(inner(x), y).detach()


def reptile(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    inner, losses = zip(*map(partial(adapted, model), x, y), strict=True)
    for parameter, *fitted in zip(model.parameters(), *(one.parameters() for one in inner), strict=True):
        parameter.grad = parameter.detach() - torch.stack([p.detach() for p in fitted]).mean(dim=0)
    return torch.stack(losses).mean()


def test_meta_learning_finds_weights_that_adapt_quickly() -> None:
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    config = TrainingConfig(steps=60, clip_norm=None, evaluate_every=30)
    history = train(model, waves(0), config, gradients=reptile, optimizers=partial(sgd, lr=1.0))
    x, y = next(waves(1_000_000))
    fresh = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    ours, theirs = (adapted(one, x[0, :10], y[0, :10])[0] for one in (model, fresh))
    assert F.mse_loss(ours(x[0]), y[0]) < F.mse_loss(theirs(x[0]), y[0]) / 2
    assert history.training_loss.iloc[-1] < history.training_loss.iloc[1]


def test_a_reptile_step_is_what_its_paper_says() -> None:
    model = nn.Linear(1, 1)
    before = copy.deepcopy(model)
    (batch,) = [next(waves(0))]
    train(
        model,
        [batch],
        TrainingConfig(steps=1, clip_norm=None),
        gradients=reptile,
        optimizers=partial(sgd, lr=0.3),
    )
    ends = [adapted(before, x, y)[0].weight for x, y in zip(*batch, strict=True)]
    expected = before.weight + 0.3 * (torch.stack(ends).mean(0) - before.weight)
    torch.testing.assert_close(model.weight, expected)


# The seam itself.


def by_backward(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
    loss = F.cross_entropy(model(inputs), labels)
    loss.backward()
    return loss


def test_gradients_of_backward_are_those_of_the_loss() -> None:
    ours, theirs = classifier(), classifier()
    config = TrainingConfig(steps=10, clip_norm=0.1, evaluate_every=5)
    first = train(ours, clouds(0), config, gradients=by_backward)
    second = train(theirs, clouds(0), config, loss=lambda model, x, y: F.cross_entropy(model(x), y))
    assert torch.equal(ours.weight, theirs.weight)
    assert list(first.training_loss[1:]) == list(second.training_loss[1:])


def test_without_clipping_a_gradient_of_any_length_is_followed() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)

    def steep(model: nn.Module, x: Tensor) -> Tensor:
        model.weight.grad = torch.full_like(model.weight, 1000.0)
        return x.sum()

    for clip, moved in ((None, 500.0), (1.0, 0.5)):
        before = model.weight.item()
        settings = TrainingConfig(steps=1, clip_norm=clip)
        train(model, [torch.zeros(1, 1)], settings, gradients=steep, optimizers=sgd)
        assert before - model.weight.item() == pytest.approx(moved, rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        ({"accumulate": 2}, {}, "accumulate must be 1"),
        ({"precision": "bf16"}, {}, "precision must be fp32 and compile off"),
        ({"compile": True}, {}, "precision must be fp32 and compile off"),
        ({}, {"loss": F.cross_entropy}, "Pass either loss and count, or gradients"),
        ({}, {"gradients": lambda model, x, y: x.sum()}, "produced no gradient"),
        ({}, {"gradients": lambda model, x, y: by_backward(model, x, y) * x}, "must return one number"),
    ],
)
def test_what_does_not_go_together_is_refused_in_words(settings: dict, given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(
            classifier(),
            clouds(0),
            TrainingConfig(**({"steps": 1} | settings)),
            **({"gradients": by_backward} | given),
        )


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "largemodels.training.loop.Team", lambda device: type("T", (), {"size": 2, "main": True})()
    )
    with pytest.raises(ValueError, match="trains in one process, but 2 were started"):
        train(classifier(), clouds(0), TrainingConfig(steps=1), gradients=by_backward)
