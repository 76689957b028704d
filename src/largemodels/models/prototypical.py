"""Prototypical networks, which classify by the distance to the mean of each class's few examples.

Snell, Swersky and Zemel, 2017, "Prototypical networks for few-shot learning" (https://arxiv.org/abs/1703.05175): four
blocks of 3 × 3 convolution, batch normalisation, ReLU and max-pooling, and squared Euclidean distances. Gives the same
probabilities as the linear form of the paper's section 2.4; the logits differ by the query's own squared norm, the same
for all classes. Differs from the paper in nothing but the names.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .base import Model


@dataclass(frozen=True)
class PrototypicalConfig:
    """Sizes of the network."""

    in_channels: int = 1  # of a picture
    channels: int = 64  # of each block
    n_blocks: int = 4  # each halves the resolution, rounded down

    def __post_init__(self) -> None:
        if min(self.in_channels, self.channels, self.n_blocks) < 1:
            raise ValueError("in_channels, channels and n_blocks must be at least 1.")


class Prototypical(Model):
    """An embedding of pictures, and logits from distances to the means of classes."""

    def __init__(self, config: PrototypicalConfig) -> None:
        super().__init__()
        self.config = config
        sizes = [config.in_channels] + [config.channels] * config.n_blocks
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(2)
                )
                for c_in, c_out in pairwise(sizes)
            )
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Embed ``(batch, in_channels, height, width)`` as ``(batch, channels × what is left of height × width)``."""
        return self.blocks(pictures).flatten(1)

    def loss(self, shown: Tensor, asked: Tensor) -> Tensor:
        """Mean cross-entropy of a task in nats, a scalar.

        Args:
            shown: pictures ``(way, shot, in_channels, height, width)``, a row for each class.
            asked: other pictures of the same classes, ``(way, query, in_channels, height, width)``.
        """
        way, shot = shown.shape[:2]
        # All pictures at once: batch normalisation then takes its means from both kinds.
        embedded = self(torch.cat([shown.flatten(0, 1), asked.flatten(0, 1)]))
        means = embedded[: way * shot].view(way, shot, -1).mean(dim=1)
        logits = prototype_logits(means, embedded[way * shot :])  # (way · query, way)
        labels = torch.arange(way, device=logits.device).repeat_interleave(asked.shape[1])
        return F.cross_entropy(logits, labels)


def prototype_logits(prototypes: Tensor, queries: Tensor) -> Tensor:
    """Minus the squared Euclidean distance of each query to each prototype.

    Args:
        prototypes: ``(…, way, d)``, the mean of each class's embedded examples.
        queries: ``(…, n, d)``.

    Returns:
        ``(…, n, way)``.
    """
    return -(queries.unsqueeze(-2) - prototypes.unsqueeze(-3)).square().sum(dim=-1)
