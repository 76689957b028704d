"""Sliding windows with histograms of oriented gradients (HOG) and a linear classifier: detection before deep learning.

Dalal and Triggs, 2005 (https://doi.org/10.1109/CVPR.2005.177). The gradients of a cell of pixels vote for 9
orientations; each block of 2 × 2 cells is normalised; a linear classifier scores a window of blocks. Scoring every
window is then a convolution of the blocks with the classifier's weights, here done at several sizes of the picture.

What differs from the paper: several shapes of windows and several classes; the mean colours of the cells may be
added. The histograms are those of scikit-image's ``hog``, whose votes go to one orientation and one cell, without
interpolation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model


@dataclass(frozen=True)
class HogConfig:
    """Sizes of the sliding-window detector."""

    n_classes: int = 3
    cell: int = 4  # pixels a side
    orientations: int = 9
    windows: tuple[tuple[int, int], ...] = ((6, 6), (4, 7), (7, 4))  # rows and columns, in cells
    margin: int = 0  # cells around an object that its window also sees, on each side
    levels: int = 6  # sizes of the picture
    per_octave: int = 3  # levels from one size to half of it
    enlarge: float = 1.25  # size of the first level, over the picture's
    colour: bool = True  # also the mean red, green and blue of each cell

    def __post_init__(self) -> None:
        if min(min(it) for it in self.windows) <= 2 * self.margin + 1:
            raise ValueError("A window must be larger than its margins, by two cells at least.")

    @property
    def channels(self) -> int:
        """Numbers for a block, and with colour for a cell."""
        return 4 * self.orientations + (3 if self.colour else 0)


def histograms(pictures: Tensor, cell: int, orientations: int = 9) -> Tensor:
    """Magnitudes of the gradients by orientation, averaged over each cell.

    Args:
        pictures: ``(batch, channels, height, width)``; of the channels, the one with the largest gradient votes.
        cell: pixels a side; what is left at the right and at the bottom is not used.
        orientations: of lines, from 0 to 180 degrees.

    Returns:
        ``(batch, orientations, height // cell, width // cell)``.
    """
    down, right = torch.zeros_like(pictures), torch.zeros_like(pictures)
    down[:, :, 1:-1] = pictures[:, :, 2:] - pictures[:, :, :-2]
    right[:, :, :, 1:-1] = pictures[:, :, :, 2:] - pictures[:, :, :, :-2]
    length, channel = torch.hypot(down, right).max(dim=1, keepdim=True)
    angle = torch.atan2(down.gather(1, channel), right.gather(1, channel)) % math.pi
    bin_ = (angle * (orientations / math.pi)).long().clamp(max=orientations - 1)
    votes = torch.zeros(len(pictures), orientations, *pictures.shape[2:]).scatter_(1, bin_, length)
    return F.avg_pool2d(votes, cell)


def blocks(cells: Tensor) -> Tensor:
    """Blocks of 2 × 2 cells, each divided by its length, cut off at 0.2, and divided again ("L2-Hys").

    Args:
        cells: ``(batch, orientations, rows, columns)``.

    Returns:
        ``(batch, 4 * orientations, rows - 1, columns - 1)``: upper left, upper right, lower left, lower right cell.
    """
    parts = [cells[:, :, :-1, :-1], cells[:, :, :-1, 1:], cells[:, :, 1:, :-1], cells[:, :, 1:, 1:]]
    four = torch.cat(parts, dim=1)
    for most in (0.2, 1.0):
        four = (four / (four.square().sum(dim=1, keepdim=True) + 1e-10).sqrt()).clamp(max=most)
    return four


class HogDetector(Model):
    """Scores of every class for every window, at several sizes of the picture; its weights come from elsewhere.

    A linear classifier on the features of windows, trained with any program, becomes one convolution for each shape.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, config: HogConfig) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.ModuleList(
            nn.Conv2d(config.channels, config.n_classes, (rows - 1, columns - 1))
            for rows, columns in config.windows
        )
        # A score s becomes a probability 1 / (1 + exp(-scale s - shift)) (Platt, 1999), for each shape and class.
        self.register_buffer("scale", torch.ones(len(config.windows), config.n_classes))
        self.register_buffer("shift", torch.zeros(len(config.windows), config.n_classes))

    def features(self, pictures: Tensor) -> list[Tensor]:
        """Blocks at each size of the picture: ``(batch, channels, rows, columns)``, from the finest to the coarsest.

        Args:
            pictures: ``(batch, 3, height, width)``, from 0 to 1.
        """
        config, found = self.config, []
        for level in range(config.levels):
            size = [round(it * self.zoom(level)) for it in pictures.shape[2:]]
            smaller = F.interpolate(pictures, size, mode="bilinear", align_corners=False, antialias=True)
            smaller = F.pad(smaller, [config.margin * config.cell] * 4, mode="replicate")
            cells = histograms(smaller, config.cell, config.orientations)
            if (shortest := min(min(it) for it in config.windows)) > min(cells.shape[2:]):
                raise ValueError(f"At level {level} no window of {shortest} cells fits: take fewer levels.")
            its = blocks(cells)
            if config.colour:
                colours = F.avg_pool2d(F.avg_pool2d(smaller, config.cell), 2, stride=1)
                its = torch.cat([its, colours - 0.5], dim=1)
            found.append(its)
        return found

    def zoom(self, level: int) -> float:
        """Size of a level over that of the picture."""
        return float(self.config.enlarge * 2 ** (-level / self.config.per_octave))

    def boxes(self, level: int, shape: int, rows: int, columns: int) -> Tensor:
        """The boxes of all windows of a shape: ``(rows * columns, 4)``, left, top, right, bottom, in pixels."""
        config = self.config
        high, wide = config.windows[shape]
        down, right = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        low = torch.stack([right, down], dim=-1).flatten(0, 1)  # the padding and the margin cancel
        high_end = low + torch.tensor([wide - 2 * config.margin, high - 2 * config.margin])
        return torch.cat([low, high_end], dim=1) * (config.cell / self.zoom(level))

    @torch.no_grad()
    def candidates(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What every window says, before non-maximum suppression.

        Args:
            pictures: ``(batch, 3, height, width)``, from 0 to 1.

        Returns:
            boxes, ``(batch, candidates, 4)``, and scores from 0 to 1, ``(batch, candidates, n_classes)``.
        """
        boxes, scores = [], []
        for level, its in enumerate(self.features(pictures)):
            for shape, linear in enumerate(self.linear):
                high, wide = self.config.windows[shape]
                if its.shape[2] < high - 1 or its.shape[3] < wide - 1:
                    continue
                score = linear(its)
                boxes.append(self.boxes(level, shape, *score.shape[2:]))
                score = score.flatten(2).mT
                scores.append((score * self.scale[shape] + self.shift[shape]).sigmoid())
        return torch.cat(boxes).expand(len(pictures), -1, -1), torch.cat(scores, dim=1)
