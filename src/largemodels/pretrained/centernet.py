"""The published weights of a CenterNet with 80 classes, read from TensorFlow.js's format as plain numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ..data.registry import DataError, files
from ..models.centernet import CenterNet, CenterNetConfig

SIDE = 512  # pixels of the pictures that the weights were trained on
# The classes of COCO (Lin et al., 2014, https://arxiv.org/abs/1405.0312), by number.
COCO = tuple(
    """person|bicycle|car|motorcycle|airplane|bus|train|truck|boat|traffic light|fire hydrant|stop sign|parking meter
bench|bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe|backpack|umbrella|handbag|tie|suitcase|frisbee|skis
snowboard|sports ball|kite|baseball bat|baseball glove|skateboard|surfboard|tennis racket|bottle|wine glass|cup|fork
knife|spoon|bowl|banana|apple|sandwich|orange|broccoli|carrot|hot dog|pizza|donut|cake|chair|couch|potted plant|bed
dining table|toilet|tv|laptop|mouse|remote|keyboard|cell phone|microwave|oven|toaster|sink|refrigerator|book|clock
vase|scissors|teddy bear|hair drier|toothbrush""".replace("\n", "|").split("|")
)
_TOWER = "tower_0/"


def load_centernet(*, unchecked: bool = False) -> CenterNet:
    """CenterNet on MobileNetV3, trained on COCO, in evaluation mode; see the card ``centernet.md``.

    It expects what :func:`centernet_pixels` makes of a picture.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package with the weights is missing or damaged.
    """
    theirs = tfjs_weights(files("centernet", unchecked=unchecked)["centernet.json"])
    model = CenterNet(CenterNetConfig())
    state = {name: _ours(theirs[_their_name(name)], tensor) for name, tensor in model.state_dict().items()}
    model.load_state_dict(state)
    return model.eval()


def tfjs_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a TensorFlow.js model, from its manifest and the files of numbers beside it; nothing is run.

    Names are without the prefix of the tower that they were trained in.

    Raises:
        DataError: if the files hold more or less than the manifest says.
    """
    found: dict[str, Tensor] = {}
    for group in json.loads(path.read_text(encoding="utf-8"))["weightsManifest"]:
        numbers, place = b"".join((path.parent / it).read_bytes() for it in group["paths"]), 0
        for entry in group["weights"]:
            stored = entry.get("quantization", {}).get("dtype", entry["dtype"])
            if stored not in ("float16", "float32", "int32"):
                raise DataError(f"{path.name} stores {entry['name']} as {stored}, which is not read here.")
            count = math.prod(entry["shape"])
            values = np.frombuffer(numbers, np.dtype(stored).newbyteorder("<"), count, place)
            place += values.nbytes
            dtype = np.int64 if stored == "int32" else np.float32
            found[entry["name"].removeprefix(_TOWER)] = torch.from_numpy(
                values.astype(dtype).reshape(entry["shape"])
            )
        if place != len(numbers):
            raise DataError(f"The numbers beside {path.name} take {len(numbers)} bytes, not {place}.")
    return found


def centernet_pixels(picture: Tensor, side: int = SIDE) -> Tensor:
    """A picture as CenterNet expects it: stretched to a square, with pixels from 0 to 255.

    Args:
        picture: ``(3, height, width)``, from 0 to 1.
        side: of the square, a multiple of 32.

    Returns:
        ``(1, 3, side, side)``.
    """
    square = F.interpolate(picture[None], (side, side), mode="bilinear", align_corners=False, antialias=True)
    return 255 * square.clamp(0, 1)


def find_things(
    model: CenterNet, picture: Tensor | Path | str, least: float = 0.3, side: int = SIDE
) -> list[tuple[str, float, tuple[float, float, float, float]]]:
    """What CenterNet finds in a picture.

    Args:
        model: from :func:`load_centernet`.
        picture: ``(3, height, width)``, from 0 to 1, or the path of a file.
        least: probability below which nothing is said.
        side: of the square that the picture is stretched to; a multiple of 32.

    Returns:
        name, probability, and left, top, right and bottom in pixels of the picture; the most probable first.

    Raises:
        DataError: if there is no picture at that path.
    """
    if not isinstance(picture, Tensor):
        picture = read_picture(picture)
    height, width = picture.shape[1:]
    ((boxes, scores, kinds),) = model.detections(centernet_pixels(picture, side), least)
    limit = torch.tensor([width, height, width, height])
    boxes = torch.minimum((boxes * limit / side).clamp(min=0), limit)
    rows = zip(kinds.tolist(), scores.tolist(), boxes.tolist(), strict=True)
    return [(COCO[kind], score, (box[0], box[1], box[2], box[3])) for kind, score, box in rows]


def read_picture(path: Path | str) -> Tensor:
    """A file of a picture, ``(3, height, width)`` from 0 to 1, upright if the camera noted how it was held.

    Raises:
        DataError: if there is no picture at that path.
    """
    from PIL import ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            pixels = np.asarray(ImageOps.exif_transpose(file).convert("RGB"), np.float32)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as a picture ({error}).") from None
    return torch.from_numpy(pixels / 255).permute(2, 0, 1)


def _ours(theirs: Tensor, ours: Tensor) -> Tensor:
    """Kernels are stored as (height, width, in, out), those of single channels as (height, width, channels, 1)."""
    if theirs.ndim == 1:
        return theirs
    return theirs.permute((2, 3, 0, 1) if ours.shape[1] == 1 != theirs.shape[2] else (3, 2, 0, 1))


def _their_name(name: str) -> str:
    """The name of one of our tensors in the graph."""
    module, _, parameter = name.rpartition(".")
    parts = module.split(".")
    kind = "weights" if parameter == "weight" else "bn_offset"
    match parts:
        case ["stem"]:
            return f"MobilenetV3/Conv/Conv2D_{kind}"
        case ["last"]:
            return f"extern1/Conv2D_{kind}"
        case ["blocks", number, *inner]:
            its = "MobilenetV3/expanded_conv" + (f"_{number}" if number != "0" else "")
            match inner:
                case ["depthwise"]:
                    return f"{its}/depthwise/depthwise_{kind}"
                case ["gate", layer]:
                    end = "weights" if parameter == "weight" else "biases"
                    return f"{its}/squeeze_excite/Conv{'' if layer == 'narrow' else '_1'}/{end}"
                case [layer]:
                    return f"{its}/{layer}/Conv2D_{kind}"
        case ["lateral", number, *inner]:
            its = f"CenternetHead/c{int(number) + 2}_reverse"
            return (
                f"{its}/1x1/Conv2D_{kind}"
                if inner == ["narrow"]
                else _separable(f"{its}/3x3", inner[-1], kind)
            )
        case ["finer", number, size, layer]:
            branch = "x" if size == "small" else "y"
            its = f"CenternetHead/c{5 - int(number)}_upsample/branch_{branch}_upsample_resize"
            return _separable(its, layer, kind)
        case ["gate", "narrow"]:
            return f"CenternetHead/conv1x1_se_a/Conv2D_{kind}"
        case ["gate", "widen"]:
            return "CenternetHead/conv1x1_se_b/weights"
        case [head, layer]:
            its = f"CenternetHead/centernet_{'cls' if head == 'classes' else 'wh'}_output"
            if parameter == "bias":
                return f"{its}/biases"
            return f"{its}/{'depthwise' if layer == 'depthwise' else 'pointwise'}_weights"
    raise KeyError(name)


def _separable(its: str, layer: str, kind: str) -> str:
    """The name of a tensor of a separable convolution."""
    return f"{its}/depthwise_weights" if layer == "depthwise" else f"{its}/separable_conv2d_{kind}"
