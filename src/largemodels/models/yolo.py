"""A one-stage object detector of the YOLO kind: one pass of a small convolutional network finds all objects.

Redmon, Divvala, Girshick and Farhadi, 2016, "You only look once" (https://arxiv.org/abs/1506.02640): the picture is
divided into a grid, and the cell that holds an object's centre says that there is one, where its box is, and of which
class it is. A box is told relative to an anchor, as in YOLOv2 (Redmon and Farhadi, 2017,
https://arxiv.org/abs/1612.08242).

What differs from the papers: the network is fully convolutional, hundreds of times smaller, with dilated convolutions
instead of further halvings of the resolution, so that a cell sees the whole of a large object; it is not pretrained.
A centre may lie half a cell outside of its cell, so that the neighbours can be responsible for it, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model


@dataclass(frozen=True)
class YoloConfig:
    """Sizes of the detector."""

    n_classes: int = 3
    channels: tuple[int, int, int] = (16, 32, 64)  # after each of three halvings of the resolution
    dilations: tuple[int, ...] = (1, 2, 4)  # one residual block each
    anchors: tuple[tuple[float, float], ...] = ((32.0, 32.0),)  # width and height in pixels

    def __post_init__(self) -> None:
        if self.n_classes < 1 or not self.anchors:
            raise ValueError("A detector needs a class and an anchor.")

    @property
    def stride(self) -> int:
        """Pixels a side of a cell."""
        return int(2 ** len(self.channels))


class ConvNorm(nn.Module):
    """A 3 × 3 convolution without bias, batch normalisation, ReLU."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height / stride, width / stride)``, rounded up."""
        return F.relu(self.norm(self.conv(x)))


class Yolo(Model):
    """Convolutions down to the grid, residual blocks on it, and 5 + classes numbers for each cell and anchor."""

    by_adamw = ("head",)  # updated by AdamW even where Muon is used

    def __init__(self, config: YoloConfig) -> None:
        super().__init__()
        self.config = config
        sizes = (3, *config.channels)
        self.down = nn.Sequential(*(ConvNorm(a, b, stride=2) for a, b in pairwise(sizes)))
        self.blocks = nn.ModuleList(ConvNorm(sizes[-1], sizes[-1], dilation=it) for it in config.dilations)
        self.head = nn.Conv2d(sizes[-1], len(config.anchors) * (5 + config.n_classes), 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Raw outputs.

        Args:
            pictures: ``(batch, 3, height, width)``, from 0 to 1.

        Returns:
            ``(batch, anchors, rows, columns, 5 + n_classes)``: x and y of the centre, width and height, objectness,
            class logits; all raw, see :meth:`boxes`.
        """
        x = self.down(2 * pictures - 1)
        for block in self.blocks:
            x = x + block(x)
        x = self.head(x).unflatten(1, (len(self.config.anchors), -1))
        return x.permute(0, 1, 3, 4, 2)

    def boxes(self, raw: Tensor) -> Tensor:
        """Boxes in pixels: the centre lies in the cell or at most half a cell beside it, the size is a multiple of the
        anchor's.

        Args:
            raw: ``(batch, anchors, rows, columns, 4 or more)``.

        Returns:
            ``(batch, anchors, rows, columns, 4)``: left, top, right, bottom.
        """
        rows, columns = raw.shape[2:4]
        down, right = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        corner = torch.stack([right, down], dim=-1).to(raw)
        centre = self.config.stride * (corner + 2 * raw[..., :2].sigmoid() - 0.5)
        anchors = raw.new_tensor(self.config.anchors)[:, None, None]
        size = anchors * raw[..., 2:4].clamp(-4, 4).exp()
        return torch.cat([centre - size / 2, centre + size / 2], dim=-1)

    @torch.no_grad()
    def candidates(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What every cell says, before non-maximum suppression.

        Args:
            pictures: ``(batch, 3, height, width)``, from 0 to 1.

        Returns:
            boxes, ``(batch, candidates, 4)``, and scores, ``(batch, candidates, n_classes)``: the probability that
            there is an object times that of its class.
        """
        raw = self(pictures)
        scores = raw[..., 4:5].sigmoid() * raw[..., 5:].softmax(dim=-1)
        return self.boxes(raw).flatten(1, 3), scores.flatten(1, 3)
