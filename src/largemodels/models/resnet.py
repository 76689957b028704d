"""ResNet, an image classifier whose blocks add to their input instead of replacing it.

He, Zhang, Ren and Sun, 2016, "Deep residual learning for image recognition" (https://arxiv.org/abs/1512.03385),
sections 3.3 and 4: the basic block (two 3 × 3 convolutions) and the bottleneck (1 × 1, 3 × 3, 1 × 1), each
convolution followed by batch normalisation (Ioffe and Szegedy, 2015, https://arxiv.org/abs/1502.03167). It gives the
same logits and gradients as ``transformers.ResNetForImageClassification``.

What differs from the paper: where a bottleneck halves the resolution, the stride is in its 3 × 3 convolution, not in
its first 1 × 1, as in most published weights; ``stride_in_first`` puts it where the paper does. Where the number of
channels changes, the shortcut is a 1 × 1 convolution (option B of the paper). With ``residual=False`` there are no
shortcuts: the paper's plain network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .base import Model
from .checks import one_of

BLOCKS, STEMS = ("basic", "bottleneck"), ("large", "small")


@dataclass(frozen=True)
class ResNetConfig:
    """Sizes and choices of a ResNet. The defaults are ResNet-50's."""

    in_channels: int = 3  # of the image
    stem_channels: int = 64  # after the first convolution
    channels: tuple[int, ...] = (256, 512, 1024, 2048)  # output channels of each stage's blocks
    n_blocks: tuple[int, ...] = (3, 4, 6, 3)  # per stage; all but the first start by halving the resolution
    block: str = "bottleneck"  # or "basic"
    stem: str = "large"  # 7 × 7 with stride 2, then max-pooling; or "small": 3 × 3, for small images
    residual: bool = True  # whether a block adds to its input or replaces it: a plain network
    stride_in_first: bool = False  # whether a bottleneck's stride is in its first convolution or its second
    n_classes: int = 1000

    def __post_init__(self) -> None:
        one_of(BLOCKS, block=self.block)
        one_of(STEMS, stem=self.stem)
        if len(self.channels) != len(self.n_blocks) or not self.n_blocks:
            raise ValueError("channels and n_blocks must have the same length, at least 1.")
        if self.block == "bottleneck" and any(c % 4 for c in self.channels):
            raise ValueError(f"A bottleneck needs channels that are multiples of 4, not {self.channels}.")

    @property
    def depth(self) -> int:
        """Layers with weights on the longest path, as in "ResNet-50": shortcuts do not count."""
        return sum(self.n_blocks) * (2 if self.block == "basic" else 3) + 2


class ConvNorm(nn.Module):
    """A convolution without bias, followed by batch normalisation, which has one."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(c_out)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height / stride, width / stride)``, rounded up."""
        return self.norm(self.conv(x))


class Block(nn.Module):
    """Two or three convolutions, whose output is added to the input, or replaces it."""

    def __init__(self, config: ResNetConfig, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.residual = config.residual
        if config.block == "basic":
            layers = [ConvNorm(c_in, c_out, 3, stride), ConvNorm(c_out, c_out, 3)]
        else:
            narrow = c_out // 4
            first, second = (stride, 1) if config.stride_in_first else (1, stride)
            layers = [
                ConvNorm(c_in, narrow, 1, first),
                ConvNorm(narrow, narrow, 3, second),
                ConvNorm(narrow, c_out, 1),
            ]
        self.layers = nn.ModuleList(layers)
        # The input can be added unchanged only where the output has the same shape.
        fits = c_in == c_out and stride == 1
        self.shortcut = None if fits or not config.residual else ConvNorm(c_in, c_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height / stride, width / stride)``, rounded up."""
        y = x
        for layer in self.layers[:-1]:
            y = F.relu(layer(y))
        y = self.layers[-1](y)
        if self.residual:
            y = y + (x if self.shortcut is None else self.shortcut(x))
        return F.relu(y)


class ResNet(Model):
    """A stem, stages of blocks, global average pooling, a linear head."""

    by_adamw = ("head",)  # updated by AdamW even where Muon is used

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        large = config.stem == "large"
        self.stem = ConvNorm(config.in_channels, config.stem_channels, 7 if large else 3, 2 if large else 1)
        self.stages, c_in = nn.ModuleList(), config.stem_channels
        for stage, (c_out, n_blocks) in enumerate(zip(config.channels, config.n_blocks, strict=True)):
            strides = [2 if stage else 1] + [1] * (n_blocks - 1)
            inputs = [c_in] + [c_out] * (n_blocks - 1)
            self.stages.append(
                nn.ModuleList(Block(config, c, c_out, s) for c, s in zip(inputs, strides, strict=True))
            )
            c_in = c_out
        self.head = nn.Linear(c_in, config.n_classes)

    def features(self, pictures: Tensor) -> Tensor:
        """``(batch, in_channels, height, width)`` to ``(batch, channels[-1])``: the input of the head."""
        x = F.relu(self.stem(pictures))
        if self.config.stem == "large":
            x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        for stage in self.stages:
            for block in stage:  # type: ignore[attr-defined]
                x = block(x)
        return x.mean(dim=(2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """Class logits.

        Args:
            pictures: ``(batch, in_channels, height, width)``.

        Returns:
            ``(batch, n_classes)``.
        """
        return self.head(self.features(pictures))

    def loss(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy in nats per image, a scalar; ``labels`` are integers, ``(batch,)``."""
        return F.cross_entropy(self(pictures), labels)
