"""AlexNet in its single-tower form, an image classifier.

Krizhevsky, Sutskever and Hinton, 2012, "ImageNet classification with deep convolutional neural networks"
(https://papers.nips.cc/paper_files/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html). That network was
split over two graphics cards with 3 GB each. Krizhevsky, 2014, "One weird trick for parallelizing convolutional
neural networks" (https://arxiv.org/abs/1404.5997) merged it into one tower with slightly different widths; this is the
form that libraries have carried since, and the default here: 61,100,840 parameters.

What differs from the 2012 paper: one tower, and no local response normalisation, which later networks dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .base import Model
from .checks import probability


@dataclass(frozen=True)
class AlexNetConfig:
    """Sizes of an AlexNet. The defaults are the published ones, for images of 224 × 224."""

    in_channels: int = 3  # of the image
    channels: tuple[int, ...] = (64, 192, 384, 256, 256)  # output channels of each convolution
    kernels: tuple[int, ...] = (11, 5, 3, 3, 3)  # side of each filter, in pixels
    paddings: tuple[int, ...] = (2, 2, 1, 1, 1)  # zero padding of each convolution, in pixels
    stride: int = 4  # of the first convolution, in pixels; the others have 1
    pooled: tuple[int, ...] = (0, 1, 4)  # convolutions followed by max-pooling, 3 × 3 with stride 2
    grid: int = 6  # the classifier sees the mean over each cell of a grid × grid partition
    d_hidden: int = 4096  # width of the two hidden layers of the classifier
    n_classes: int = 1000
    dropout: float = 0.5  # probability, before each hidden layer of the classifier, in training only

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.kernels) == len(self.paddings):
            raise ValueError("channels, kernels and paddings must have the same length.")
        if any(index not in range(len(self.channels)) for index in self.pooled):
            raise ValueError(
                f"pooled must name convolutions 0 to {len(self.channels) - 1}, not {self.pooled}."
            )
        probability(dropout=self.dropout)


class AlexNet(Model):
    """Five convolutions and three linear layers: from images to class logits."""

    by_adamw = ("head",)  # updated by AdamW even where Muon is used

    def __init__(self, config: AlexNetConfig) -> None:
        super().__init__()
        self.config = config
        inputs = (config.in_channels, *config.channels)
        sizes = zip(inputs, config.channels, config.kernels, config.paddings, strict=False)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(c_in, c_out, kernel, stride=1 if layer else config.stride, padding=padding)
            for layer, (c_in, c_out, kernel, padding) in enumerate(sizes)
        )
        self.hidden1 = nn.Linear(config.channels[-1] * config.grid**2, config.d_hidden)
        self.hidden2 = nn.Linear(config.d_hidden, config.d_hidden)
        self.head = nn.Linear(config.d_hidden, config.n_classes)

    def features(self, pictures: Tensor) -> Tensor:
        """``(batch, in_channels, height, width)`` to ``(batch, channels[-1], grid, grid)``."""
        x = pictures
        for layer, convolution in enumerate(self.convolutions):
            x = F.relu(convolution(x))
            if layer in self.config.pooled:
                x = F.max_pool2d(x, kernel_size=3, stride=2)  # neighbouring windows overlap
        return F.adaptive_avg_pool2d(x, self.config.grid)

    def forward(self, pictures: Tensor) -> Tensor:
        """Class logits.

        Args:
            pictures: ``(batch, in_channels, height, width)``.

        Returns:
            ``(batch, n_classes)``.
        """
        x = self.features(pictures).flatten(1)  # (batch, channels[-1] · grid²)
        for layer in (self.hidden1, self.hidden2):
            x = F.relu(layer(F.dropout(x, self.config.dropout, self.training)))
        return self.head(x)

    def loss(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy in nats per image, a scalar; ``labels`` are integers, ``(batch,)``."""
        return F.cross_entropy(self(pictures), labels)
