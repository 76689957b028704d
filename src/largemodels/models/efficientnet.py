"""EfficientNet-Lite: an image classifier small enough for a phone.

Tan and Le, 2019, "EfficientNet: rethinking model scaling for convolutional neural networks"
(https://arxiv.org/abs/1905.11946); the Lite variant of 2020 drops squeeze-and-excitation and uses ReLU6 as the
activation (https://blog.tensorflow.org/2020/03/higher-accuracy-on-vision-models-with-efficientnet-lite.html). Its
block is the inverted bottleneck of MobileNetV2 (Sandler et al., 2018, https://arxiv.org/abs/1801.04381): a 1 × 1
convolution widens, a depthwise convolution mixes neighbouring positions, a 1 × 1 convolution narrows again, and where
the shape is unchanged the output is added to the input, as in a ResNet.

What differs from the paper: no stochastic depth, since the book uses only pretrained weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .base import Model
from .checks import probability


@dataclass(frozen=True)
class EfficientNetLiteConfig:
    """Sizes of an EfficientNet-Lite. The defaults are those of Lite0."""

    in_channels: int = 3  # of the image
    stem_channels: int = 32  # after the first convolution, which halves the resolution
    # One tuple per stage: blocks, kernel, stride of the first block, expansion, output channels.
    stages: tuple[tuple[int, int, int, int, int], ...] = (
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    )
    head_channels: int = 1280  # after the last convolution, before global average pooling
    n_classes: int = 1000
    norm_eps: float = 1e-3  # added to the variance
    dropout: float = 0.2  # probability, before the head, in training only

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("An EfficientNet needs at least one stage.")
        probability(dropout=self.dropout)


class ConvNorm(nn.Module):
    """A convolution without bias and with TensorFlow's "same" padding, followed by batch normalisation."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, groups: int, eps: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride=stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(c_out, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height / stride, width / stride)``, rounded up."""
        (kernel, _), (stride, _) = self.conv.kernel_size, self.conv.stride
        pads: list[int] = []
        for size in (x.shape[3], x.shape[2]):  # the last dimension first, as F.pad expects
            missing = max(0, (math.ceil(size / stride) - 1) * stride + kernel - size)
            pads += [missing // 2, missing - missing // 2]  # TensorFlow's "same": the odd pixel at the end
        return self.norm(self.conv(F.pad(x, pads)))


class Block(nn.Module):
    """Expand, depthwise convolution, project; added to the input where the shapes agree."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expansion: int, eps: float) -> None:
        super().__init__()
        wide = c_in * expansion
        self.expand = ConvNorm(c_in, wide, 1, 1, 1, eps) if expansion > 1 else None
        self.depthwise = ConvNorm(wide, wide, kernel, stride, wide, eps)
        self.project = ConvNorm(wide, c_out, 1, 1, 1, eps)
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, c_in, height, width)`` to ``(batch, c_out, height / stride, width / stride)``, rounded up."""
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))  # no activation after the projection
        return x + y if self.residual else y


class EfficientNetLite(Model):
    """A stem, stages of inverted bottlenecks, global average pooling, a linear head."""

    by_adamw = ("head",)  # updated by AdamW even where Muon is used

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__()
        self.config, eps = config, config.norm_eps
        self.stem = ConvNorm(config.in_channels, config.stem_channels, 3, 2, 1, eps)
        self.blocks, c_in = nn.ModuleList(), config.stem_channels
        for n_blocks, kernel, stride, expansion, c_out in config.stages:
            for index in range(n_blocks):
                self.blocks.append(Block(c_in, c_out, kernel, 1 if index else stride, expansion, eps))
                c_in = c_out
        self.last = ConvNorm(c_in, config.head_channels, 1, 1, 1, eps)
        self.head = nn.Linear(config.head_channels, config.n_classes)

    def features(self, pictures: Tensor) -> Tensor:
        """``(batch, in_channels, height, width)`` to ``(batch, head_channels)``: the input of the head."""
        x = F.relu6(self.stem(pictures))
        for block in self.blocks:
            x = block(x)
        return F.relu6(self.last(x)).mean(dim=(2, 3))

    def forward(self, pictures: Tensor) -> Tensor:
        """Class logits.

        Args:
            pictures: ``(batch, in_channels, height, width)``; Lite0 was trained at 224 × 224, with pixels from
                -1 to 1.

        Returns:
            ``(batch, n_classes)``.
        """
        return self.head(F.dropout(self.features(pictures), self.config.dropout, self.training))
