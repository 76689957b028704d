"""CenterNet: an object is a peak in a map of its class, and the map beside it says how far its sides are.

Zhou, Wang and Krähenbühl, 2019, "Objects as points" (https://arxiv.org/abs/1904.07850). There are no anchors, and no
non-maximum suppression of boxes: a point counts if it is the highest among its eight neighbours. This is the variant of
which there are weights in a package, https://github.com/610265158/mobilenetv3_centernet, with the features
of a MobileNetV3 (Howard et al., 2019, https://arxiv.org/abs/1905.02244) at four sizes, added up from the coarsest to
the finest.

What differs from the paper: the backbone, a map of four distances to the sides instead of width, height and an offset
of the centre, and separable convolutions. Batch normalisation is folded into the convolutions, as in the stored
weights, so this network is for use, not for training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model

SIXTH = 0.1666259765625  # one sixth in half precision, as it is stored


class Stage(NamedTuple):
    """One block of MobileNetV3."""

    kernel: int
    wide: int  # channels inside
    out: int  # channels after it
    stride: int
    squeezed: int  # channels inside the squeeze-and-excitation; 0: there is none
    swish: bool  # hard swish instead of ReLU


@dataclass(frozen=True)
class CenterNetConfig:
    """Sizes; the defaults are those of the stored weights."""

    n_classes: int = 80
    stem_channels: int = 16
    stages: tuple[Stage, ...] = (
        Stage(3, 16, 16, 1, 0, False),
        Stage(3, 64, 24, 2, 0, False),
        Stage(3, 72, 24, 1, 0, False),
        Stage(5, 72, 32, 2, 24, False),
        Stage(5, 96, 32, 1, 24, False),
        Stage(5, 96, 32, 1, 24, False),
        Stage(3, 192, 64, 2, 0, True),
        Stage(3, 160, 64, 1, 0, True),
        Stage(3, 144, 64, 1, 0, True),
        Stage(3, 144, 64, 1, 0, True),
        Stage(3, 384, 88, 1, 96, True),
        Stage(3, 528, 88, 1, 136, True),
        Stage(5, 528, 120, 2, 136, True),
        Stage(5, 720, 120, 1, 184, True),
        Stage(5, 720, 120, 1, 184, True),
    )
    last_channels: int = 480
    # Where finer features leave the backbone: number of a stage, and whether inside it, after its first convolution.
    taken: tuple[tuple[int, bool], ...] = ((3, True), (5, True), (11, False))
    merged: tuple[int, ...] = (64, 96, 128)  # channels at each of these sizes, finest first
    gate_channels: int = 32
    stride: int = 4  # pixels a side of a point of the maps

    def __post_init__(self) -> None:
        if len(self.taken) != len(self.merged):
            raise ValueError("merged needs one number of channels for each pair in taken.")


def hard_sigmoid(x: Tensor) -> Tensor:
    """A sigmoid of straight lines: 0 below -3, 1 above 3."""
    return SIXTH * F.relu6(x + 3)


def hard_swish(x: Tensor) -> Tensor:
    """The same times x."""
    return x * hard_sigmoid(x)


class Conv(nn.Conv2d):
    """A convolution with TensorFlow's "same" padding: the odd pixel goes to the right and to the bottom."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int = 1, stride: int = 1, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__(c_in, c_out, kernel, stride, groups=groups, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height / stride, width / stride)``, rounded up."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        pads: list[int] = []
        for size in (x.shape[3], x.shape[2]):
            missing = max(0, (math.ceil(size / stride) - 1) * stride + kernel - size)
            pads += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(x, pads))


class Gate(nn.Module):
    """Squeeze-and-excitation: the mean of each channel decides by how much each channel is multiplied."""

    def __init__(self, channels: int, squeezed: int, hard: bool) -> None:
        super().__init__()
        self.narrow, self.widen = Conv(channels, squeezed), Conv(squeezed, channels, bias=hard)
        self.hard = hard

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, channels, height, width)`` to the same."""
        y = self.widen(F.relu(self.narrow(x.mean(dim=(2, 3), keepdim=True))))
        return x * (hard_sigmoid(y) if self.hard else y.sigmoid())


class Block(nn.Module):
    """Expand, convolve each channel, gate, project; added to the input where the shapes agree."""

    def __init__(self, c_in: int, stage: Stage) -> None:
        super().__init__()
        self.stage, wide = stage, stage.wide
        self.expand = Conv(c_in, wide) if wide != c_in else None
        self.depthwise = Conv(wide, wide, stage.kernel, stage.stride, groups=wide)
        self.gate = Gate(wide, stage.squeezed, hard=True) if stage.squeezed else None
        self.project = Conv(wide, stage.out)
        self.residual = stage.stride == 1 and c_in == stage.out

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, c_in, height, width)`` to the output, and to what the first convolution made of the input."""
        act = hard_swish if self.stage.swish else F.relu
        inside = x if self.expand is None else act(self.expand(x))
        y = act(self.depthwise(inside))
        y = self.project(y if self.gate is None else self.gate(y))
        return (x + y if self.residual else y), inside


class Separable(nn.Module):
    """A convolution of each channel, then one across the channels."""

    def __init__(self, c_in: int, c_out: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = Conv(c_in, c_in, kernel, groups=c_in, bias=False)
        self.project = Conv(c_in, c_out)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height, width)``."""
        return self.project(self.depthwise(x))


class Lateral(nn.Module):
    """The way of finer features into the sum."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.narrow, self.separable = Conv(c_in, c_in // 4), Separable(c_in // 4, c_out, 5)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height, width)``."""
        return self.separable(F.relu(self.narrow(x)))


class Finer(nn.Module):
    """Two separable convolutions side by side, added, at twice the resolution."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.small, self.large = Separable(c_in, c_out, 3), Separable(c_in, c_out, 5)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, 2 * height, 2 * width)``."""
        return doubled(self.small(x) + self.large(x))


def doubled(x: Tensor) -> Tensor:
    """Twice the resolution as old TensorFlow does it: each value, then the mean of it and of the next one."""
    for dim in (2, 3):
        after = torch.cat([x.narrow(dim, 1, x.shape[dim] - 1), x.narrow(dim, x.shape[dim] - 1, 1)], dim)
        x = torch.stack([x, (x + after) / 2], dim + 1).flatten(dim, dim + 1)
    return x


class CenterNet(Model):
    """A backbone, its features added up from coarse to fine, a map of each class and a map of the boxes' sides."""

    def __init__(self, config: CenterNetConfig) -> None:
        super().__init__()
        self.config, c_in = config, config.stem_channels
        self.stem = Conv(3, c_in, 3, 2)
        self.blocks, inside, after = nn.ModuleList(), [], []
        for stage in config.stages:
            self.blocks.append(Block(c_in, stage))
            inside.append(stage.wide)
            after.append(c_in := stage.out)
        self.last = Conv(c_in, config.last_channels)
        sources = [inside[at] if within else after[at] for at, within in config.taken]
        self.lateral = nn.ModuleList(map(Lateral, sources, config.merged))
        self.finer, c_in = nn.ModuleList(), config.last_channels
        for channels in reversed(config.merged):
            self.finer.append(Finer(c_in, channels))
            c_in = 2 * channels
        self.gate = Gate(c_in, config.gate_channels, hard=False)
        self.classes, self.sides = Separable(c_in, config.n_classes, 3), Separable(c_in, 4, 3)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """The two maps.

        Args:
            pictures: ``(batch, 3, height, width)``, red, green and blue from 0 to 255; both sizes multiples of 32. The
                stored weights were trained at 512 × 512.

        Returns:
            for each class the probability that a thing's centre is here, ``(batch, n_classes, height / 4, width / 4)``;
            distances from here to its four sides, left first, in pixels, ``(batch, 4, height / 4, width / 4)``.
        """
        if any(it % 32 for it in pictures.shape[2:]):
            raise ValueError(f"Height and width must be multiples of 32, not {tuple(pictures.shape[2:])}.")
        x, taken = hard_swish(self.stem(pictures)), []
        for number, block in enumerate(self.blocks):
            x, inside = block(x)
            taken += [inside if within else x for at, within in self.config.taken if at == number]
        x = hard_swish(self.last(x))
        for finer, lateral, its in zip(self.finer, reversed(self.lateral), reversed(taken), strict=True):
            x = F.relu(torch.cat([lateral(its), finer(x)], dim=1))
        x = self.gate(x)
        return self.classes(x).sigmoid(), 16 * self.sides(x)

    @torch.no_grad()
    def detections(
        self, pictures: Tensor, least: float = 0.3, limit: int = 100
    ) -> list[tuple[Tensor, Tensor, Tensor]]:
        """The things in each picture: the points that are the highest among their neighbours.

        Args:
            pictures: see :meth:`forward`.
            least: probability below which a point is left out.
            limit: how many are kept.

        Returns:
            for each picture the boxes ``(k, 4)``: left, top, right, bottom; probabilities ``(k,)``; and class numbers
            ``(k,)``; the most probable first.
        """
        maps, sides = self(pictures)
        peak = (maps == F.max_pool2d(maps, 3, 1, 1)) & (maps > least)
        found = []
        for probability, at, side in zip(maps, peak, sides, strict=True):
            kind, row, column = at.nonzero().T
            scores, order = probability[kind, row, column].sort(descending=True, stable=True)
            kind, row, column = (it[order][:limit] for it in (kind, row, column))
            centre = self.config.stride * torch.stack([column, row], dim=1)
            left_top, right_bottom = side[:, row, column].T.split(2, dim=1)
            boxes = torch.cat([centre - left_top, centre + right_bottom], dim=1)
            found.append((boxes, scores[:limit], kind))
        return found
