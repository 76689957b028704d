"""The published weights of EfficientNet-Lite0."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.registry import files
from ..models.efficientnet import EfficientNetLite, EfficientNetLiteConfig

# Our names of modules: the names in the package's file, outside and inside a block.
_LITE = {"stem.conv": "_conv_stem", "stem.norm": "_bn0", "last.conv": "_conv_head", "last.norm": "_bn1"}
_LITE_BLOCK = {
    "expand.conv": "_expand_conv",
    "expand.norm": "_bn0",
    "depthwise.conv": "_depthwise_conv",
    "depthwise.norm": "_bn1",
    "project.conv": "_project_conv",
    "project.norm": "_bn2",
}


def load_efficientnet_lite0(*, unchecked: bool = False) -> EfficientNetLite:
    """EfficientNet-Lite0 with weights trained on ImageNet, in evaluation mode; see the card ``efficientnet_lite0.md``.

    It expects images of 224 × 224 pixels, preprocessed by :func:`lite0_pixels`.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package with the weights is missing or damaged.
    """
    (path,) = files("efficientnet-lite0", unchecked=unchecked).values()
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    model = EfficientNetLite(EfficientNetLiteConfig())
    model.load_state_dict({name: theirs[_lite_name(name)] for name in model.state_dict()})
    return model.eval()


def lite0_pixels(pictures: Tensor) -> Tensor:
    """Scale pixels from 0 to 1 to the range that EfficientNet-Lite0 was trained on: (255 x - 127) / 128, same shape."""
    return (255 * pictures - 127) / 128


def _lite_name(name: str) -> str:
    """The name of one of our tensors in the package's file."""
    module, _, parameter = name.rpartition(".")
    if module == "head":
        return f"_fc.{parameter}"
    if module.startswith("blocks."):
        _, block, module = module.split(".", 2)
        return f"_blocks.{block}.{_LITE_BLOCK[module]}.{parameter}"
    return f"{_LITE[module]}.{parameter}"
