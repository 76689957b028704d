"""Our AlexNet against the one-tower network in torchvision's layout, built here from plain layers.

torchvision itself cannot be installed beside the CPU build of torch. The order, sizes and number of its layers are
those of Krizhevsky, 2014 (https://arxiv.org/abs/1404.5997), as torchvision publishes them with 61,100,840 parameters.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from largemodels.models.alexnet import AlexNet, AlexNetConfig


def reference(c_in: int, c: tuple[int, ...], grid: int, d_hidden: int, n_classes: int) -> nn.Sequential:
    """Features, mean over a grid, classifier, as in torchvision's ``alexnet``."""
    features = nn.Sequential(
        nn.Conv2d(c_in, c[0], kernel_size=11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(c[0], c[1], kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(c[1], c[2], kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(c[2], c[3], kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(c[3], c[4], kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
    )
    classifier = nn.Sequential(
        nn.Dropout(),
        nn.Linear(c[4] * grid * grid, d_hidden),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(d_hidden, d_hidden),
        nn.ReLU(),
        nn.Linear(d_hidden, n_classes),
    )
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(grid), nn.Flatten(), classifier)


# Our modules in the order of the layers above that have weights.
def modules(model: AlexNet) -> list[nn.Module]:
    return [*model.convolutions, model.hidden1, model.hidden2, model.head]


SIZES = dict(channels=(5, 7, 11, 9, 6), grid=3, d_hidden=13, n_classes=17)


def pair() -> tuple[AlexNet, nn.Sequential]:
    """Ours and the reference with the same random weights and biases."""
    theirs = reference(3, (5, 7, 11, 9, 6), grid=3, d_hidden=13, n_classes=17).eval()
    ours = AlexNet(AlexNetConfig(**SIZES)).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(std=0.3)
        for mine, (weight, bias) in zip(modules(ours), weighted(theirs), strict=True):
            mine.weight.copy_(weight)
            mine.bias.copy_(bias)
    return ours, theirs


def weighted(model: nn.Module) -> list[tuple[nn.Parameter, nn.Parameter]]:
    return [(m.weight, m.bias) for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def pictures() -> torch.Tensor:
    return torch.randn(2, 3, 167, 131)


def test_logits_and_gradients_agree() -> None:
    ours, theirs = pair()
    some, labels = pictures(), torch.tensor([3, 16])
    assert_close(ours(some), theirs(some), rtol=1e-5, atol=1e-5)
    ours.loss(some, labels).backward()
    nn.functional.cross_entropy(theirs(some), labels).backward()
    for mine, (weight, bias) in zip(modules(ours), weighted(theirs), strict=True):
        assert_close(mine.weight.grad, weight.grad, rtol=1e-4, atol=1e-4)
        assert_close(mine.bias.grad, bias.grad, rtol=1e-4, atol=1e-4)


def transpose_filters(model: AlexNet) -> None:
    model.convolutions[2].weight.data = model.convolutions[2].weight.data.mT.clone()


def drop_a_bias(model: AlexNet) -> None:
    model.convolutions[4].bias.data.zero_()


def transpose_hidden(model: AlexNet) -> None:
    model.hidden2.weight.data = model.hidden2.weight.data.T.clone()


def mix_grid_and_channels(model: AlexNet) -> None:
    """As if the grid were flattened before the channels."""
    weight = model.hidden1.weight.data
    model.hidden1.weight.data = weight.view(13, 6, 9).transpose(1, 2).reshape(13, 54).clone()


@pytest.mark.parametrize("perturb", [transpose_filters, drop_a_bias, transpose_hidden, mix_grid_and_channels])
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(perturb) -> None:
    ours, theirs = pair()
    some = pictures()
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(some), theirs(some), rtol=1e-5, atol=1e-5)


def test_the_published_size() -> None:
    with torch.device("meta"):
        ours, theirs = AlexNet(AlexNetConfig()), reference(3, (64, 192, 384, 256, 256), 6, 4096, 1000)
        assert ours(torch.empty(1, 3, 224, 224)).shape == (1, 1000)
    assert ours.n_parameters() == sum(p.numel() for p in theirs.parameters()) == 61_100_840
