"""Finding, aligning and describing faces with the published weights of face-api; see the card ``faces.md``.

Weights for age, sex and expression lie in the same package and are not read. The alignment is that of dlib (King,
2009, https://www.jmlr.org/papers/v10/king09a.html): 33 points of eyes, nose and mouth go as nearly as possible to
where they are in the mean face.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.registry import DataError, files
from ..models.face_descriptor import FaceDescriptor, FaceDescriptorConfig
from ..models.face_finder import FaceFinder, FaceFinderConfig
from ..models.face_points import FacePoints, FacePointsConfig
from ..objectives.detection import suppressed

SIDE = 416  # pixels of the square in which faces are sought
MOST = 0.4  # overlap above which the less probable of two boxes goes
PADDING = 0.25  # around the mean face, in widths of it, as the descriptor was trained
# The mean face of dlib's image_transforms/interpolation.h (Boost Software License): points 27 to 54 and 60 to 64.
_ALIGNED = [*range(27, 55), *range(60, 65)]
_MEAN_X = """0.490127 0.490127 0.490127 0.490127 0.36688 0.426036 0.490127 0.554217 0.613373 0.121737 0.187122 0.265825
0.334606 0.260918 0.182743 0.645647 0.714428 0.793132 0.858516 0.79751 0.719335 0.254149 0.340985 0.428858 0.490127
0.551395 0.639268 0.726104 0.290379 0.428096 0.490127 0.552157 0.689874"""
_MEAN_Y = """0.203352 0.307009 0.409805 0.515625 0.587326 0.609345 0.628106 0.609345 0.587326 0.216423 0.178758 0.179852
0.231733 0.245099 0.244077 0.231733 0.179852 0.178758 0.216423 0.244077 0.245099 0.780233 0.745405 0.727388 0.742578
0.727388 0.745405 0.780233 0.784792 0.778746 0.785343 0.778746 0.784792"""


@dataclass(frozen=True)
class Face:
    """A face that was found in a picture."""

    box: tuple[float, float, float, float]  # left, top, right, bottom, in pixels of the picture
    score: float  # probability that there is a face
    points: Tensor  # (68, 2), x and y in pixels of the picture
    aligned: Tensor  # (3, 150, 150), from 0 to 255
    numbers: Tensor  # (128,), its description


@dataclass(frozen=True)
class FaceReader:
    """The three networks, in the order in which they work."""

    finder: FaceFinder
    points: FacePoints
    descriptor: FaceDescriptor

    def read(self, picture: Tensor, least: float = 0.5, side: int = SIDE) -> list[Face]:
        """All faces of a picture, the most probable first.

        Args:
            picture: ``(3, height, width)``, from 0 to 255.
            least: probability below which nothing is said.
            side: see :func:`find_faces`.
        """
        found = []
        for box, score in find_faces(self.finder, picture, least, side):
            points = locate_points(self.points, picture, box)
            aligned = align(picture, points, self.descriptor.config.side)
            numbers = describe(self.descriptor, aligned[None])[0]
            found.append(Face(box, score, points, aligned, numbers))
        return found


def load_faces(*, unchecked: bool = False) -> FaceReader:
    """The three networks with their published weights, in evaluation mode.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package with the weights is missing or damaged.
    """
    paths = files("faces", unchecked=unchecked)
    stored = {name: manifest_weights(path) for name, path in paths.items() if path.suffix == ".json"}

    def of(name: str) -> dict[str, Tensor]:
        return stored[f"{name}_model-weights_manifest.json"]

    finder, points = FaceFinder(FaceFinderConfig()), FacePoints(FacePointsConfig())
    descriptor = FaceDescriptor(FaceDescriptorConfig())
    finder.load_state_dict(_finder_state(of("tiny_face_detector")))
    points.load_state_dict(_points_state(of("face_landmark_68")))
    descriptor.load_state_dict(_descriptor_state(of("face_recognition")))
    return FaceReader(finder.eval(), points.eval(), descriptor.eval())


def manifest_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a TensorFlow.js manifest, where bytes stand for multiples of a step above a least value.

    Raises:
        DataError: if the file of numbers holds more or less than the manifest says.
    """
    found: dict[str, Tensor] = {}
    for group in json.loads(path.read_text(encoding="utf-8")):
        numbers, place = b"".join((path.parent / it).read_bytes() for it in group["paths"]), 0
        for entry in group["weights"]:
            count, scale = math.prod(entry["shape"]), entry.get("quantization")
            dtype = np.dtype("u1" if scale else "<f4")
            values = np.frombuffer(numbers, dtype, count, place).astype(np.float32)
            place += count * dtype.itemsize
            if scale:
                values = values * np.float32(scale["scale"]) + np.float32(scale["min"])
            found[entry["name"]] = torch.from_numpy(values.reshape(entry["shape"]))
        if place != len(numbers):
            raise DataError(f"The numbers beside {path.name} take {len(numbers)} bytes, not {place}.")
    return found


@torch.no_grad()
def find_faces(
    finder: FaceFinder, picture: Tensor, least: float = 0.5, side: int = SIDE
) -> list[tuple[tuple[float, float, float, float], float]]:
    """Boxes of faces and their probabilities, the most probable first.

    Args:
        finder: from :func:`load_faces`.
        picture: ``(3, height, width)``, from 0 to 255.
        least: probability below which nothing is said.
        side: of the square into which the picture is fitted; a multiple of 32. It matters, so try several: of 400
            faces that fill their pictures, 400 are found at 128 pixels and 205 at 160.

    Returns:
        left, top, right and bottom in pixels of the picture, and the probability.
    """
    scale = side / max(picture.shape[1:])
    boxes, scores = finder.candidates(_squared(picture, side)[None])
    boxes, scores = boxes[0][scores[0] > least] / scale, scores[0][scores[0] > least]
    stays = suppressed(boxes, scores, MOST)
    pairs = zip(boxes[stays].tolist(), scores[stays].tolist(), strict=True)
    return [((box[0], box[1], box[2], box[3]), score) for box, score in pairs]


@torch.no_grad()
def locate_points(model: FacePoints, picture: Tensor, box: tuple[float, float, float, float]) -> Tensor:
    """The 68 points of the face in a box, ``(68, 2)``: x and y in pixels of the picture.

    Args:
        model: from :func:`load_faces`.
        picture: ``(3, height, width)``, from 0 to 255.
        box: left, top, right, bottom; what lies outside of the picture is cut off.
    """
    height, width = picture.shape[1:]
    left, top = max(0, math.floor(box[0])), max(0, math.floor(box[1]))
    right, bottom = min(width, max(left + 1, round(box[2]))), min(height, max(top + 1, round(box[3])))
    cut = picture[:, top:bottom, left:right]
    long = max(cut.shape[1:])
    before = (long - cut.shape[2]) // 2, (long - cut.shape[1]) // 2  # black bars: left, above
    after = long - cut.shape[2] - before[0], long - cut.shape[1] - before[1]
    square = F.pad(cut, (before[0], after[0], before[1], after[1]))
    places = model(_resized(square, (model.config.side, model.config.side))[None])[0]
    return places * long + places.new_tensor([left - before[0], top - before[1]])


def similarity(points: Tensor, aims: Tensor) -> tuple[Tensor, Tensor]:
    """Turning, scaling and shifting that takes points as nearly as possible to their aims, in least squares.

    Args:
        points: ``(n, 2)``.
        aims: ``(n, 2)``.

    Returns:
        a ``(2, 2)`` and b ``(2,)``: ``points @ a.T + b`` are near the aims.
    """
    from_centre, to_centre = points - points.mean(dim=0), aims - aims.mean(dim=0)
    square = from_centre.pow(2).sum()
    along = (from_centre * to_centre).sum() / square
    across = (from_centre[:, 0] * to_centre[:, 1] - from_centre[:, 1] * to_centre[:, 0]).sum() / square
    a = torch.stack([torch.stack([along, -across]), torch.stack([across, along])])
    return a, aims.mean(dim=0) - a @ points.mean(dim=0)


def mean_face(side: int = 150, padding: float = PADDING) -> Tensor:
    """Where the 33 points are in an aligned picture, ``(33, 2)``, in pixels."""
    mean = torch.tensor([[float(it) for it in axis.split()] for axis in (_MEAN_X, _MEAN_Y)]).T
    return side * (padding + mean) / (2 * padding + 1)


def align(picture: Tensor, points: Tensor, side: int = 150, padding: float = PADDING) -> Tensor:
    """The face turned, scaled and shifted so that its eyes, nose and mouth are where the mean face has them.

    Args:
        picture: ``(3, height, width)``.
        points: ``(68, 2)``, from :func:`locate_points`.
        side: of the result, in pixels.
        padding: around the mean face, in widths of it.

    Returns:
        ``(3, side, side)``; outside of the picture its nearest pixels are repeated.
    """
    a, b = similarity(mean_face(side, padding).to(points), points[_ALIGNED])  # from the result to the picture
    shrink = float(a[:, 0].norm())  # pixels of the picture a pixel of the result
    if shrink > 1:
        size = [max(2, round(it / shrink)) for it in picture.shape[1:]]
        ratio = points.new_tensor([size[1] / picture.shape[2], size[0] / picture.shape[1]])
        picture, a, b = _resized(picture, (size[0], size[1])), ratio[:, None] * a, ratio * b
    down, right = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    places = (torch.stack([right, down], dim=-1).to(points) + 0.5) @ a.T + b
    extent = places.new_tensor([picture.shape[2], picture.shape[1]])
    grid = (2 * places / extent - 1)[None].to(picture)
    return F.grid_sample(picture[None], grid, padding_mode="border", align_corners=False)[0]


@torch.no_grad()
def describe(model: FaceDescriptor, faces: Tensor, batch_size: int = 20) -> Tensor:
    """Descriptions of aligned faces, ``(n, 3, 150, 150)`` from 0 to 255, to ``(n, 128)``."""
    return torch.cat([model(part) for part in faces.split(batch_size)])


def _squared(picture: Tensor, side: int) -> Tensor:
    """A picture fitted into the top left of a black square."""
    scale = side / max(picture.shape[1:])
    height, width = (max(1, round(scale * it)) for it in picture.shape[1:])
    return F.pad(_resized(picture, (height, width)), (0, side - width, 0, side - height))


def _resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(picture[None], size, mode="bilinear", align_corners=False, antialias=True)[0]


def _conv(kernel: Tensor, deep: bool = False) -> Tensor:
    """Kernels are stored as (height, width, in, out), those of single channels as (height, width, channels, 1)."""
    return kernel.permute((2, 3, 0, 1) if deep else (3, 2, 0, 1)).contiguous()


def _separable(theirs: dict[str, Tensor], name: str, ours: str) -> dict[str, Tensor]:
    return {
        f"{ours}.depthwise.weight": _conv(theirs[f"{name}/depthwise_filter"], deep=True),
        f"{ours}.pointwise.weight": _conv(theirs[f"{name}/pointwise_filter"]),
        f"{ours}.pointwise.bias": theirs[f"{name}/bias"],
    }


def _plain(theirs: dict[str, Tensor], name: str, ours: str) -> dict[str, Tensor]:
    return {f"{ours}.weight": _conv(theirs[f"{name}/filters"]), f"{ours}.bias": theirs[f"{name}/bias"]}


def _finder_state(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    state = _plain(theirs, "conv0", "first") | _plain(theirs, "conv8", "head")
    for number in range(1, 6):
        state |= _separable(theirs, f"conv{number}", f"layers.{number - 1}")
    return state


def _points_state(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    state = {"head.weight": theirs["fc/weights"].T.contiguous(), "head.bias": theirs["fc/bias"]}
    for block in range(4):
        for layer in range(4):
            read = _plain if block == layer == 0 else _separable
            state |= read(theirs, f"dense{block}/conv{layer}", f"blocks.{block}.layers.{layer}")
    return state


def _descriptor_state(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """With the scaling after each convolution folded into it."""
    state = {"head.weight": theirs["fc"].T.contiguous()}
    counts = {32: 3, 64: 3, 128: 2, 256: 2}
    names = [f"conv32_{it}" for it in range(1, 4)]
    for width in (64, 128, 256):
        names += [f"conv{width}_down", *(f"conv{width}_{it + 1}" for it in range(counts[width]))]
    names.append("conv256_down_out")
    layers = {"conv32_down": "first"}
    for number, name in enumerate(names):
        layers |= {
            f"{name}/conv1": f"blocks.{number}.first",
            f"{name}/conv2": f"blocks.{number}.second",
        }
    for name, its in layers.items():
        scale = theirs[f"{name}/scale/weights"]
        state[f"{its}.weight"] = _conv(theirs[f"{name}/conv/filters"]) * scale[:, None, None, None]
        state[f"{its}.bias"] = theirs[f"{name}/conv/bias"] * scale + theirs[f"{name}/scale/biases"]
    return state
