"""Our ResNet against transformers' with the same weights, both ways."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForImageClassification, ResNetConfig, ResNetForImageClassification

from largemodels.models import resnet
from largemodels.models.resnet import ResNet
from largemodels.pretrained.resnet import resnet_from_transformers, resnet_to_transformers

from .random_weights import randomised

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
BASIC = {"layer_type": "basic", "hidden_sizes": [7, 11, 13], "embedding_size": 5, "depths": [1, 3, 2]}
BOTTLENECK = {
    "layer_type": "bottleneck",
    "hidden_sizes": [12, 20, 28],
    "embedding_size": 9,
    "depths": [2, 1, 3],
}
KINDS = {
    "basic": BASIC,
    "first stage keeps the channels": BASIC | {"embedding_size": 7},
    "bottleneck": BOTTLENECK,
    "stride in the first convolution": BOTTLENECK | {"downsample_in_bottleneck": True},
}
N_CLASSES, CHANNELS = 17, 3


def reference(kind: str) -> ResNetForImageClassification:
    config = ResNetConfig(num_channels=CHANNELS, num_labels=N_CLASSES, **KINDS[kind])
    return randomised(ResNetForImageClassification(config)).eval()


def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(4, CHANNELS, 61, 43), torch.randint(N_CLASSES, (4,))


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_loss_and_gradients_agree(kind: str, training: bool) -> None:
    theirs = reference(kind).train(training)
    ours = resnet_from_transformers(theirs)
    assert ours.training == training
    some, labels = pictures()
    logits = theirs(some).logits
    assert_close(ours(some), logits, rtol=1e-5, atol=1e-5)
    if training:  # the running means moved: begin again
        theirs = reference(kind).train()
        ours = resnet_from_transformers(theirs)
    their_loss, our_loss = theirs(some, labels=labels).loss, ours.loss(some, labels)
    assert_close(our_loss, their_loss, rtol=1e-5, atol=1e-5)
    their_loss.backward()
    our_loss.backward()
    back = resnet_to_transformers(ours)  # its running means tell that the order of tensors is the same
    for (name, tensor), (their_name, their_tensor) in zip(
        back.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert name == their_name
        assert_close(tensor, their_tensor, rtol=1e-5, atol=1e-5)
    theirs_by_value = {id(p): n for n, p in theirs.named_parameters()}
    assert len(theirs_by_value) == len(list(ours.parameters()))
    from largemodels.pretrained.resnet import _resnet_name

    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, gradients[_resnet_name(name)], rtol=1e-4, atol=1e-4)


def swap_layers(model: ResNet) -> None:
    layers = model.stages[1][0].layers
    layers[0].norm, layers[1].norm = layers[1].norm, layers[0].norm


def transpose_filters(model: ResNet) -> None:
    convolution = model.stages[0][-1].layers[1].conv
    with torch.no_grad():
        convolution.weight.copy_(convolution.weight.mT.clone())


def turn_filters_over(model: ResNet) -> None:
    """A true convolution, which turns its filter over; what networks compute is a correlation."""
    convolution = model.stages[2][0].layers[1].conv
    with torch.no_grad():
        convolution.weight.copy_(convolution.weight.flip(2, 3))


def forget_running_means(model: ResNet) -> None:
    model.stem.norm.reset_running_stats()


def no_shortcut(model: ResNet) -> None:
    model.stages[2][0].shortcut.norm.weight.data.zero_()


def plain(model: ResNet) -> None:
    model.stages[1][-1].residual = False


@pytest.mark.parametrize(
    "perturb", [swap_layers, transpose_filters, turn_filters_over, forget_running_means, no_shortcut, plain]
)
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(perturb) -> None:
    """The comparison above must fail, or a transposed layout could pass."""
    theirs = reference("basic")
    ours = resnet_from_transformers(theirs)
    some, _ = pictures()
    perturb_equal_widths = perturb is swap_layers
    if perturb_equal_widths:
        assert ours.stages[1][0].layers[0].norm.weight.shape == ours.stages[1][0].layers[1].norm.weight.shape
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(some), theirs(some).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_what_we_save_opens_there_and_here(kind: str, tmp_path: Path) -> None:
    ours = resnet_from_transformers(reference(kind))
    resnet_to_transformers(ours).save_pretrained(tmp_path)
    theirs = AutoModelForImageClassification.from_pretrained(tmp_path).eval()
    assert type(theirs) is ResNetForImageClassification
    some, _ = pictures()
    assert_close(theirs(some).logits, ours(some), rtol=1e-5, atol=1e-5)
    again = resnet_from_transformers(theirs)
    assert again.config == ours.config
    assert all(
        torch.equal(a, b)
        for a, b in zip(again.state_dict().values(), ours.state_dict().values(), strict=True)
    )


@torch.no_grad()
def test_the_two_models_share_no_memory() -> None:
    theirs = reference("basic")
    ours = resnet_from_transformers(theirs)
    some, _ = pictures()
    before = theirs(some).logits
    back = resnet_to_transformers(ours)
    for tensor in ours.state_dict().values():
        tensor.zero_()
    assert_close(theirs(some).logits, before)
    assert_close(back(some).logits, before)


@pytest.mark.parametrize(
    ("layer_type", "sizes", "depths", "published"),
    [
        ("basic", [64, 128, 256, 512], [2, 2, 2, 2], 11_689_512),
        ("bottleneck", [256, 512, 1024, 2048], [3, 4, 6, 3], 25_557_032),
    ],
    ids=["ResNet-18", "ResNet-50"],
)
def test_published_sizes(layer_type: str, sizes: list[int], depths: list[int], published: int) -> None:
    with torch.device("meta"):
        theirs = ResNetForImageClassification(
            ResNetConfig(layer_type=layer_type, hidden_sizes=sizes, depths=depths, num_labels=1000)
        )
        config = resnet.ResNetConfig(block=layer_type, channels=tuple(sizes), n_blocks=tuple(depths))
        assert ResNet(config).n_parameters() == theirs.num_parameters() == published
    assert f"{config.depth}" in ("18", "50")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "gelu"}, "hidden_act = 'relu'"),
        ({"downsample_in_first_stage": True}, "first_stage = False"),
    ],
)
def test_what_our_resnet_has_not_is_refused(change: dict[str, object], message: str) -> None:
    theirs = ResNetForImageClassification(ResNetConfig(**(BASIC | change)))
    with pytest.raises(ValueError, match=message):
        resnet_from_transformers(theirs)


@pytest.mark.parametrize("change", [{"stem": "small"}, {"residual": False}])
def test_what_they_have_not_is_refused(change: dict[str, object]) -> None:
    config = resnet.ResNetConfig(channels=(8, 12), n_blocks=(1, 1), n_classes=3, **change)
    (field,) = change
    with pytest.raises(ValueError, match=f"no ResNet with {field}"):
        resnet_to_transformers(ResNet(config))
