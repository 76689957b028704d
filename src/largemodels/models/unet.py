"""U-Net of a diffusion model: noisy pictures, times and labels to a picture of the same size.

Ronneberger, Fischer and Brox, 2015, "U-Net" (https://arxiv.org/abs/1505.04597): halve the resolution step by step, then
double it again, with a connection from each resolution on the way down to the same one on the way up. Ho, Jain and
Abbeel, 2020, "Denoising diffusion probabilistic models" (https://arxiv.org/abs/2006.11239), made its blocks residual,
normalised them over groups of channels (Wu and He, 2018, https://arxiv.org/abs/1803.08494) and told them the time.

What differs from the papers: hundreds of times smaller, with two residual blocks at each resolution and one at the
highest; the connections add instead of concatenating; no self-attention. Time and label scale and shift the channels
of each block, as in Dhariwal and Nichol, 2021 (https://arxiv.org/abs/2105.05233). The blocks give the same results as
those of the library ``diffusers``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of the network."""

    picture_channels: int = 1
    channels: tuple[int, ...] = (16, 32, 64)  # at each resolution, from the highest down
    n_classes: int = 10  # labels from 0; the label n_classes means "no label"
    d_time: int = 64  # numbers that describe time and label
    groups: int = 8  # of channels, each normalised together

    def __post_init__(self) -> None:
        at_least(1, picture_channels=self.picture_channels, n_classes=self.n_classes, groups=self.groups)
        at_least(1, levels=len(self.channels))
        if self.d_time < 4 or self.d_time % 2:
            raise ValueError(f"d_time must be even and at least 4, not {self.d_time}.")
        if any(it < 1 or it % self.groups for it in self.channels):
            raise ValueError(f"channels {self.channels} must be multiples of groups, {self.groups}.")


def time_features(time: Tensor, d_time: int) -> Tensor:
    """Sines and cosines of 1,000 times the time, at frequencies from 1 down to 1/10,000.

    Args:
        time: ``(batch,)``, from 0 to 1.
        d_time: even.

    Returns:
        ``(batch, d_time)``.
    """
    half = d_time // 2
    frequencies = torch.exp(-math.log(10_000) * torch.arange(half, device=time.device) / half)
    angles = 1_000 * time[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class ResidualBlock(nn.Module):
    """Twice: normalise, SiLU, convolve. Time and label scale and shift what the second half gets."""

    def __init__(self, channels: int, d_time: int, groups: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.GroupNorm(groups, channels), nn.GroupNorm(groups, channels)
        self.conv_1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.told = nn.Linear(d_time, 2 * channels)
        nn.init.zeros_(self.conv_2.weight)  # at first the block does nothing
        nn.init.zeros_(self.conv_2.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """``x`` ``(batch, channels, height, width)`` and ``told`` ``(batch, d_time)`` to the shape of ``x``."""
        scale, shift = self.told(told)[:, :, None, None].chunk(2, dim=1)
        h = self.conv_1(F.silu(self.norm_1(x)))
        h = self.norm_2(h) * (1 + scale) + shift
        return x + self.conv_2(F.silu(h))


class UNet(Model):
    """Down, up again, and across."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        sizes, d, g = config.channels, config.d_time, config.groups
        self.time = nn.Sequential(nn.Linear(d, d), nn.SiLU(), nn.Linear(d, d))
        self.label = nn.Embedding(config.n_classes + 1, d)
        self.first = nn.Conv2d(config.picture_channels, sizes[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(sizes))
        self.before = nn.ModuleList(ResidualBlock(it, d, g) for it in sizes[1:])
        self.after = nn.ModuleList(ResidualBlock(it, d, g) for it in sizes)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(sizes))
        self.norm = nn.GroupNorm(g, sizes[0])
        self.last = nn.Conv2d(sizes[0], config.picture_channels, 3, padding=1)

    def forward(self, pictures: Tensor, time: Tensor, labels: Tensor) -> Tensor:
        """What the objective asks for, such as v.

        Args:
            pictures: ``(batch, picture_channels, height, width)``; height and width can be halved once for each
                resolution but the first.
            time: ``(batch,)``, from 0 (no noise) to 1.
            labels: integers ``(batch,)``, ``n_classes`` for none.

        Returns:
            the shape of ``pictures``.
        """
        told = F.silu(self.time(time_features(time, self.config.d_time)) + self.label(labels))
        x = self.first(pictures)
        across = []
        for down, block in zip(self.down, self.before, strict=True):
            across.append(x)
            x = block(down(x), told)
        x = self.after[-1](x, told)
        for level in reversed(range(len(self.up))):
            x = across[level] + F.interpolate(self.up[level](x), scale_factor=2.0)
            x = self.after[level](x, told)
        return self.last(F.silu(self.norm(x)))
