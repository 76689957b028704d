"""A residual network that describes an aligned face by 128 numbers: near for one person, far for two.

King, 2017, "High quality face recognition with deep metric learning"
(http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html): a ResNet (He et al., 2016,
https://arxiv.org/abs/1512.03385) with 29 convolutional layers, trained so that two pictures of one person are closer
than a margin and those of two people farther apart. The idea of a distance learnt by a network is that of FaceNet
(Schroff et al., 2015, https://arxiv.org/abs/1503.03832). The weights are those that
https://github.com/vladmandic/face-api keeps in eight bits; :func:`largemodels.pretrained.faces.load_faces`
reads them.

What differs from a ResNet: half as many filters; the shortcut past a block that halves the resolution is a mean
over 2 × 2 pixels, with zeros for the new channels; the scaling after each convolution is folded into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least


@dataclass(frozen=True)
class FaceDescriptorConfig:
    """Sizes; the defaults are those of the stored weights."""

    # Channels of each block and whether it halves the resolution.
    blocks: tuple[tuple[int, bool], ...] = (
        *((32, False),) * 3,
        *((64, True), *((64, False),) * 3),
        *((128, True), *((128, False),) * 2),
        *((256, True), *((256, False),) * 2, (256, True)),
    )
    n_numbers: int = 128  # of a description
    side: int = 150  # pixels of the aligned face
    mean: tuple[float, float, float] = (
        122.782,
        117.001,
        104.298,
    )  # red, green, blue, subtracted; from 0 to 255

    def __post_init__(self) -> None:
        at_least(1, blocks=len(self.blocks), n_numbers=self.n_numbers)


class Residual(nn.Module):
    """Two convolutions, added to the input."""

    def __init__(self, c_in: int, c_out: int, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.first = nn.Conv2d(c_in, c_out, 3, 2 if halves else 1, padding=0 if halves else 1)
        self.second = nn.Conv2d(c_out, c_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height, width)``, or half of both sizes."""
        y = self.second(F.relu(self.first(x)))
        if self.halves:
            x = F.avg_pool2d(x, 2)
            y = F.pad(y, (0, x.shape[3] - y.shape[3], 0, x.shape[2] - y.shape[2]))
        new = y.shape[1] - x.shape[1]
        return F.relu(y + F.pad(x, (0, 0, 0, 0, 0, new)))


class FaceDescriptor(Model):
    """Convolutions, residual blocks, their mean, and a linear map."""

    def __init__(self, config: FaceDescriptorConfig) -> None:
        super().__init__()
        self.config = config
        sizes = [config.blocks[0][0], *(channels for channels, _ in config.blocks)]
        self.first = nn.Conv2d(3, sizes[0], 7, 2)
        self.blocks = nn.ModuleList(
            Residual(c_in, c_out, halves) for c_in, (c_out, halves) in zip(sizes, config.blocks, strict=False)
        )
        self.head = nn.Linear(sizes[-1], config.n_numbers, bias=False)
        self.mean: Tensor
        self.register_buffer("mean", torch.tensor(config.mean).view(3, 1, 1), persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        """Descriptions.

        Args:
            faces: ``(batch, 3, side, side)``, from 0 to 255, aligned.

        Returns:
            ``(batch, n_numbers)``.
        """
        x = F.relu(self.first((faces - self.mean) / 255))
        x = F.max_pool2d(x, 3, stride=2)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(dim=(2, 3)))
