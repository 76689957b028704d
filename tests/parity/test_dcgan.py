"""Our DCGAN against the layers of PyTorch's own example, https://github.com/pytorch/examples (dcgan/main.py).

The example lists its layers in two sequences; here are the same kinds of layers in the same order, of odd sizes. The
filters of its first and last layer, 4 × 4 there, are 3 × 5, so that height and width differ.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from largemodels.models.dcgan import DCGAN, DCGANConfig

from .random_weights import randomised

CONFIG = DCGANConfig(latent_size=11, first_size=(3, 5), channels=(13, 7, 9), picture_channels=2)


def generator() -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(11, 13, (3, 5), 1, 0, bias=False),
        nn.BatchNorm2d(13),
        nn.ReLU(True),
        nn.ConvTranspose2d(13, 7, 4, 2, 1, bias=False),
        nn.BatchNorm2d(7),
        nn.ReLU(True),
        nn.ConvTranspose2d(7, 9, 4, 2, 1, bias=False),
        nn.BatchNorm2d(9),
        nn.ReLU(True),
        nn.ConvTranspose2d(9, 2, 4, 2, 1, bias=False),
        nn.Tanh(),
    )


def discriminator() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 9, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(9, 7, 4, 2, 1, bias=False),
        nn.BatchNorm2d(7),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(7, 13, 4, 2, 1, bias=False),
        nn.BatchNorm2d(13),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(13, 1, (3, 5), 1, 0, bias=False),
        nn.Sigmoid(),
    )


MAKES = ["first", "norms.0", "layers.0", "norms.1", "layers.1", "norms.2", "last"]
TELLS = ["layers.0", "layers.1", "norms.1", "layers.2", "norms.2", "last"]


def copied(theirs: nn.Sequential, names: list[str]) -> dict[str, torch.Tensor]:
    """Weights under our names; `names` are those of the layers that have any, in order."""
    numbers = sorted({int(name.split(".")[0]) for name in theirs.state_dict()})
    ours = dict(zip(numbers, names, strict=True))
    return {
        f"{ours[int(name.split('.')[0])]}.{name.split('.')[1]}": tensor.clone()
        for name, tensor in theirs.state_dict().items()
    }


def pair(training: bool) -> tuple[DCGAN, nn.Sequential, nn.Sequential]:
    make, tell = randomised(generator()).train(training), randomised(discriminator()).train(training)
    ours = DCGAN(CONFIG).train(training)
    ours.generator.load_state_dict(copied(make, MAKES))
    ours.discriminator.load_state_dict(copied(tell, TELLS))
    return ours, make, tell


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_pictures_judgements_and_gradients_agree(training: bool) -> None:
    ours, make, tell = pair(training)
    noise = torch.randn(5, 11)
    theirs, made = make(noise[:, :, None, None]), ours.generator(noise)
    assert made.shape == (5, 2, *CONFIG.picture_size) == (5, 2, 24, 40)
    assert_close(made, theirs, rtol=1e-5, atol=1e-5)
    their_probability, logits = tell(theirs).flatten(), ours.discriminator(made)
    assert_close(logits.sigmoid(), their_probability, rtol=1e-5, atol=1e-5)
    F.binary_cross_entropy(their_probability, torch.ones(5)).backward()
    F.softplus(-logits).mean().backward()
    for part, reference, names in ((ours.generator, make, MAKES), (ours.discriminator, tell, TELLS)):
        state = copied(reference, names)  # running means moved alike
        for name, tensor in part.state_dict().items():
            assert_close(tensor, state[name], rtol=1e-5, atol=1e-5)
        gradients = {id(p): p.grad for p in reference.parameters()}
        assert len(gradients) == len(list(part.parameters()))
        by_name = dict(zip(copied_names(reference, names), reference.parameters(), strict=True))
        for name, parameter in part.named_parameters():
            assert_close(parameter.grad, by_name[name].grad, rtol=1e-4, atol=1e-4)


def copied_names(theirs: nn.Sequential, names: list[str]) -> list[str]:
    """Our names of their parameters, in their order."""
    numbers = sorted({int(name.split(".")[0]) for name in theirs.state_dict()})
    ours = dict(zip(numbers, names, strict=True))
    return [f"{ours[int(n.split('.')[0])]}.{n.split('.')[1]}" for n, _ in theirs.named_parameters()]


def transpose_filters(model: DCGAN) -> None:
    layer = model.generator.layers[1]
    layer.weight.data = layer.weight.data.mT.clone()


def turn_filters_over(model: DCGAN) -> None:
    layer = model.discriminator.layers[0]
    layer.weight.data = layer.weight.data.flip(2, 3)


def swap_norms(model: DCGAN) -> None:
    norm = model.generator.norms[2]
    norm.weight.data, norm.bias.data = norm.bias.data.clone(), norm.weight.data.clone()


def forget_running_means(model: DCGAN) -> None:
    model.discriminator.norms[2].reset_running_stats()


@pytest.mark.parametrize("perturb", [transpose_filters, turn_filters_over, swap_norms, forget_running_means])
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(perturb) -> None:
    """The comparison above must fail, or a transposed layout could pass."""
    ours, make, tell = pair(training=False)
    perturb(ours)
    noise, pictures = torch.randn(5, 11), torch.randn(5, 2, 24, 40)
    with pytest.raises(AssertionError):
        assert_close(ours.generator(noise), make(noise[:, :, None, None]), rtol=1e-5, atol=1e-5)
        assert_close(ours.discriminator(pictures).sigmoid(), tell(pictures)[:, 0, 0, 0], rtol=1e-5, atol=1e-5)


def test_weights_start_as_in_the_paper() -> None:
    torch.manual_seed(0)
    model = DCGAN(DCGANConfig())
    for name, weight in model.named_parameters():
        if "norms" not in name:
            assert weight.std().item() == pytest.approx(0.02, rel=0.1)
            assert abs(weight.mean().item()) < 0.002
        elif name.endswith("bias"):
            assert not weight.any()
        else:
            assert weight.mean().item() == pytest.approx(1, abs=0.02)


def test_without_normalisation_each_picture_is_judged_alone() -> None:
    pictures = torch.randn(6, 1, 28, 28)
    for norm, alone in (("none", True), ("batch", False)):
        tell = DCGAN(DCGANConfig(norm=norm)).discriminator
        assert torch.allclose(tell(pictures)[:3], tell(pictures[:3]), atol=1e-6) == alone


@pytest.mark.parametrize(
    "wrong", [{"channels": ()}, {"norm": "layer"}, {"latent_size": 0}, {"first_size": (0, 7)}]
)
def test_impossible_sizes_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="must be"):
        DCGANConfig(**wrong)
