"""A small face detector of the YOLO kind, the "tiny face detector" of face-api.

The method is that of YOLOv2 (Redmon and Farhadi, 2017, https://arxiv.org/abs/1612.08242): every cell of a grid tells,
for each of five anchors, where the centre of a face is, how large it is, and whether there is one. The layers are
those of https://github.com/justadudewhohacks/face-api.js, taken on in https://github.com/vladmandic/face-api, whose
weights :func:`largemodels.pretrained.faces.load_faces` reads.

What differs from the paper: one class, so no class scores; convolutions of each channel followed by one across the
channels; six layers; no batch normalisation, which is folded into the stored weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least


@dataclass(frozen=True)
class FaceFinderConfig:
    """Sizes; the defaults are those of the stored weights."""

    channels: tuple[int, ...] = (16, 32, 64, 128, 256, 512)  # after each layer
    # Width and height of the typical boxes, in cells.
    anchors: tuple[tuple[float, float], ...] = (
        (1.603231, 2.094468),
        (6.041143, 7.080126),
        (2.882459, 3.518061),
        (4.266906, 5.178857),
        (9.041765, 10.66308),
    )
    slope: float = 0.1  # of the leaky ReLU below zero
    mean: tuple[float, float, float] = (
        117.001,
        114.697,
        97.404,
    )  # red, green, blue, subtracted; from 0 to 255

    def __post_init__(self) -> None:
        at_least(2, layers=len(self.channels))
        at_least(1, anchors=len(self.anchors))

    @property
    def stride(self) -> int:
        """Pixels a side of a cell: each layer but the last halves the resolution."""
        return int(2 ** (len(self.channels) - 1))


class SeparableConv(nn.Module):
    """A 3 × 3 convolution of each channel, then one across the channels."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(c_in, c_in, 3, padding=1, groups=c_in, bias=False)
        self.pointwise = nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height, width)``."""
        return self.pointwise(self.depthwise(x))


class FaceFinder(Model):
    """Convolutions down to the grid, then 5 numbers for each cell and anchor."""

    def __init__(self, config: FaceFinderConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Conv2d(3, config.channels[0], 3)  # without padding
        self.layers = nn.ModuleList(SeparableConv(a, b) for a, b in pairwise(config.channels))
        self.head = nn.Conv2d(config.channels[-1], 5 * len(config.anchors), 1)
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(config.mean).view(3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Raw outputs.

        Args:
            pictures: ``(batch, 3, height, width)``, from 0 to 255.

        Returns:
            ``(batch, anchors, rows, columns, 5)``: x and y of the centre, width and height, whether there is a face;
            all raw, see :meth:`candidates`.
        """
        x = F.leaky_relu(self.first((pictures - self.mean) / 255), self.config.slope)
        for layer in self.layers:
            x = F.max_pool2d(x, 2, ceil_mode=True)
            x = F.leaky_relu(layer(x), self.config.slope)
        # The last maximum keeps the resolution: of each cell and its neighbours to the right and below.
        x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-torch.inf), 2, stride=1)
        return self.head(x).unflatten(1, (len(self.config.anchors), 5)).permute(0, 1, 3, 4, 2)

    @torch.no_grad()
    def candidates(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What every cell says, before non-maximum suppression.

        Args:
            pictures: ``(batch, 3, side, side)``, from 0 to 255, with a side that the stride divides.

        Returns:
            boxes in pixels, ``(batch, candidates, 4)``: left, top, right, bottom; scores ``(batch, candidates)``.
        """
        raw = self(pictures)
        rows, columns = raw.shape[2:4]
        down, right = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centre = torch.stack([right, down], dim=-1).to(raw) + raw[..., :2].sigmoid()
        size = raw.new_tensor(self.config.anchors)[:, None, None] * raw[..., 2:4].exp()
        boxes = self.config.stride * torch.cat([centre - size / 2, centre + size / 2], dim=-1)
        return boxes.flatten(1, 3), raw[..., 4].sigmoid().flatten(1)
