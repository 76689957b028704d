"""DCGAN: a generator that turns noise into pictures, and a discriminator that tells them from real ones.

Radford, Metz and Chintala, 2015, "Unsupervised representation learning with deep convolutional generative adversarial
networks" (https://arxiv.org/abs/1511.06434): strided convolutions instead of pooling, batch normalisation (Ioffe and
Szegedy, 2015, https://arxiv.org/abs/1502.03167) in both networks except at the pictures, ReLU in the generator with a
hyperbolic tangent at its end, leaky ReLU in the discriminator, starting weights from a narrow normal distribution.
With the same weights it gives the same pictures, logits and gradients as the layers of PyTorch's own DCGAN example.

What differs from the paper: filters of 4 × 4 instead of 5 × 5, as in that example, and the size of the pictures is a
choice; the defaults make 28 × 28. The discriminator returns a logit, without the sigmoid. With ``norm="none"`` it has
no batch normalisation, as the gradient penalty of Gulrajani et al., 2017 (https://arxiv.org/abs/1704.00028), requires.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .base import Model
from .checks import at_least, one_of

NORMS = ("batch", "none")


@dataclass(frozen=True)
class DCGANConfig:
    """Sizes of both networks. A stage of the generator doubles height and width; one of the other halves them."""

    latent_size: int = 64  # numbers of noise per picture
    first_size: tuple[int, int] = (7, 7)  # height and width at the generator's first layer
    channels: tuple[int, ...] = (
        64,
        32,
    )  # after each of its layers but the last; in the discriminator in reverse
    picture_channels: int = 1
    norm: str = "batch"  # of the discriminator; or "none"

    def __post_init__(self) -> None:
        one_of(NORMS, norm=self.norm)
        height, width = self.first_size
        at_least(1, latent_size=self.latent_size, height=height, width=width)
        at_least(1, picture_channels=self.picture_channels)
        if not self.channels or min(self.channels) < 1:
            raise ValueError(f"channels must be positive numbers, at least one, not {self.channels}.")

    @property
    def picture_size(self) -> tuple[int, int]:
        """Height and width of the pictures."""
        height, width = self.first_size
        return height << len(self.channels), width << len(self.channels)


class Generator(nn.Module):
    """Noise to pictures by transposed convolutions."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.config = config
        first, *_, last = config.channels
        self.first = nn.ConvTranspose2d(config.latent_size, first, config.first_size, bias=False)
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False) for a, b in pairwise(config.channels)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) for c in config.channels)
        self.last = nn.ConvTranspose2d(last, config.picture_channels, 4, stride=2, padding=1, bias=False)

    def forward(self, noise: Tensor) -> Tensor:
        """``(batch, latent_size)`` to pictures ``(batch, picture_channels, height, width)`` from -1 to 1."""
        x = noise[:, :, None, None]
        for layer, norm in zip([self.first, *self.layers], self.norms, strict=True):
            x = F.relu(norm(layer(x)))
        return self.last(x).tanh()


class Discriminator(nn.Module):
    """Pictures to logits by strided convolutions."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        widths = (config.picture_channels, *config.channels[::-1])
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False) for a, b in pairwise(widths)
        )
        norms: list[nn.Module] = [nn.Identity()]  # none beside the pictures
        norms += [nn.BatchNorm2d(c) if config.norm == "batch" else nn.Identity() for c in widths[2:]]
        self.norms = nn.ModuleList(norms)
        self.last = nn.Conv2d(widths[-1], 1, config.first_size, bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """``(batch, picture_channels, height, width)`` to logits ``(batch,)``: above 0 for "real"."""
        x = pictures
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.leaky_relu(norm(layer(x)), 0.2)
        return self.last(x).flatten()


class DCGAN(Model):
    """Both players. They share no parameter, and each is trained on a loss of its own."""

    def __init__(self, config: DCGANConfig) -> None:
        super().__init__()
        self.config = config
        self.generator, self.discriminator = Generator(config), Discriminator(config)
        self.apply(_start)


def _start(module: nn.Module) -> None:
    """The paper's starting weights; those of its normalisation are PyTorch's example's."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
