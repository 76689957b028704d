"""68 points of a face: the outline, brows, nose, eyes and lips, by a small convolutional network.

The numbering of the points is that of Sagonas et al., 2013, "300 faces in-the-wild challenge"
(https://doi.org/10.1109/ICCVW.2013.59). The network is the landmark net of https://github.com/vladmandic/face-api,
whose weights :func:`largemodels.pretrained.faces.load_faces` reads: four blocks of convolutions, within each of
which every layer's output is added to all later ones, as in a dense network (Huang et al., 2017,
https://arxiv.org/abs/1608.06993) with sums in place of concatenation.
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
class FacePointsConfig:
    """Sizes; the defaults are those of the stored weights."""

    channels: tuple[int, ...] = (32, 64, 128, 256)  # of each block
    n_points: int = 68
    side: int = 112  # pixels of the square that the network sees
    mean: tuple[float, float, float] = (
        122.782,
        117.001,
        104.298,
    )  # red, green, blue, subtracted; from 0 to 255

    def __post_init__(self) -> None:
        at_least(1, blocks=len(self.channels), n_points=self.n_points)
        if self.side % 2 ** len(self.channels):
            raise ValueError("Each block halves the side: it must be a multiple of that power of two.")


class Separable(nn.Module):
    """A 3 × 3 convolution of each channel, then one across the channels; the odd pixel of padding is on the right."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(c_in, c_in, 3, stride, groups=c_in, bias=False)
        self.pointwise = nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height / stride, width / stride)``."""
        return self.pointwise(self.depthwise(_padded(x, self.depthwise.stride[0])))


class Block(nn.Module):
    """Four layers; each sees the sum of those before it, and the first halves the resolution."""

    def __init__(self, c_in: int, c_out: int, plain: bool) -> None:
        super().__init__()
        first = nn.Conv2d(c_in, c_out, 3, 2) if plain else Separable(c_in, c_out, 2)
        self.layers = nn.ModuleList([first, *(Separable(c_out, c_out) for _ in range(3))])

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, side, side)`` to ``(batch, c_out, side / 2, side / 2)``."""
        first, *others = self.layers
        total = F.relu(first(_padded(x, 2) if isinstance(first, nn.Conv2d) else x))
        for layer in others:
            total = total + layer(F.relu(total))
        return F.relu(total)


class FacePoints(Model):
    """Blocks of convolutions, their mean, and a linear map to the points."""

    def __init__(self, config: FacePointsConfig) -> None:
        super().__init__()
        self.config = config
        sizes = (3, *config.channels)
        self.blocks = nn.ModuleList(
            Block(c_in, c_out, plain=number == 0) for number, (c_in, c_out) in enumerate(pairwise(sizes))
        )
        self.head = nn.Linear(sizes[-1], 2 * config.n_points)
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(config.mean).view(3, 1, 1), persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        """Where the points are.

        Args:
            faces: ``(batch, 3, side, side)``, from 0 to 255, each filled by a face.

        Returns:
            ``(batch, n_points, 2)``: x and y, from 0 to 1 across the square.
        """
        x = (faces - self.mean) / 255
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(dim=(2, 3))).unflatten(1, (-1, 2))


def _padded(x: Tensor, stride: int) -> Tensor:
    """TensorFlow's "same" padding for a kernel of 3, an even size and a stride of 1 or 2."""
    return F.pad(x, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))
