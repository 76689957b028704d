"""What kind of movement is it? Two networks and a description by hand, for windows of motion measured on the wrist.

:class:`MotionConvolutions` slides filters along time, as networks for such signals have done since Zeng et al., 2014,
"Convolutional neural networks for human activity recognition using mobile sensors"
(https://doi.org/10.4108/icst.mobicase.2014.257786), each layer with batch normalisation and fewer moments, and
averages over time. :class:`MotionTransformer` reads patches of the signal, as ViT does those of a picture (Dosovitskiy
et al., 2021, https://arxiv.org/abs/2010.11929), and averages too. :func:`motion_features` describes a window by the
statistics that are usual in the field. :class:`Int8Convolutions` computes the first network with integers of eight
bits, as a small device would (Jacob et al., 2018, https://arxiv.org/abs/1712.05877). What differs from that paper:
numbers are rounded after training, symmetrically, with a scale for each filter, and the scales stay floating-point
numbers.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least, probability
from .encoder import Encoder, EncoderConfig
from .linear import Linear


@dataclass(frozen=True)
class MotionConvolutionsConfig:
    """Sizes of the network of convolutions."""

    in_channels: int = 6  # axes of the sensors
    n_classes: int = 7  # kinds of movement
    channels: tuple[int, ...] = (24, 32, 48)  # filters of each layer
    kernel: int = 7  # moments that a filter sees; odd
    stride: int = 3  # moments from one answer of a filter to the next
    dropout: float = 0.2  # probability before the classifier, in training only

    def __post_init__(self) -> None:
        at_least(1, in_channels=self.in_channels, n_classes=self.n_classes, kernel=self.kernel)
        at_least(1, stride=self.stride, layers=len(self.channels), channels=min(self.channels, default=1))
        probability(dropout=self.dropout)
        if not self.kernel % 2:
            raise ValueError(f"kernel must be odd, not {self.kernel}.")


class MotionConvolutions(Model):
    """Windows to logits of classes, by convolutions along time."""

    by_adamw = ("head",)

    def __init__(self, config: MotionConvolutionsConfig) -> None:
        super().__init__()
        self.config = config
        sizes = (config.in_channels, *config.channels)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(a, b, config.kernel, config.stride, config.kernel // 2)
            for a, b in itertools.pairwise(sizes)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(size) for size in config.channels)
        self.dropout = nn.Dropout(config.dropout)
        self.head = Linear(sizes[-1], config.n_classes)

    def layers(self) -> list[tuple[nn.Conv1d, nn.BatchNorm1d]]:
        """Each convolution with its batch normalisation."""
        both = zip(self.convolutions, self.norms, strict=True)
        return [(cast(nn.Conv1d, a), cast(nn.BatchNorm1d, b)) for a, b in both]

    def forward(self, motion: Tensor) -> Tensor:
        """``(batch, time, in_channels)`` to logits ``(batch, n_classes)``."""
        x = motion.transpose(1, 2)
        for convolution, norm in self.layers():
            x = F.relu(norm(convolution(x)))  # (batch, channels, fewer moments)
        logits: Tensor = self.head(self.dropout(x.mean(dim=2)))
        return logits

    def loss(self, motion: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy in nats of the labels ``(batch,)``."""
        return F.cross_entropy(self(motion), labels)

    def folded(self) -> list[tuple[Tensor, Tensor]]:
        """Filters ``(out, in, kernel)`` and biases ``(out,)`` with the batch normalisation of use in them."""
        found = []
        with torch.no_grad():
            for convolution, norm in self.layers():
                mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
                gain = norm.weight / (variance + norm.eps).sqrt()
                bias = norm.bias + (cast(Tensor, convolution.bias) - mean) * gain
                found.append((convolution.weight * gain[:, None, None], bias))
        return found

    def operations(self, time: int) -> int:
        """Multiplications, each with an addition, for one window of so many moments."""
        total = 0
        for convolution, _ in self.layers():
            time = -(-time // self.config.stride)
            total += time * convolution.weight.numel()
        return total + self.head.weight.numel()

    def narrowed(self, channels: tuple[int, ...]) -> MotionConvolutions:
        """A network with fewer filters: in each layer those whose batch normalisation has the largest factors.

        Liu et al., 2017, "Learning efficient convolutional networks through network slimming"
        (https://arxiv.org/abs/1708.06519), without their penalty. It should be trained further.
        """
        config = MotionConvolutionsConfig(**{**vars(self.config), "channels": channels})
        small = MotionConvolutions(config)
        before = torch.arange(self.config.in_channels)
        with torch.no_grad():
            for (old, norm), (new, its) in zip(self.layers(), small.layers(), strict=True):
                kept = norm.weight.abs().argsort(descending=True)[: new.out_channels].sort().values
                new.weight.copy_(old.weight[kept][:, before])
                cast(Tensor, new.bias).copy_(cast(Tensor, old.bias)[kept])
                for name in ("weight", "bias", "running_mean", "running_var"):
                    getattr(its, name).copy_(getattr(norm, name)[kept])
                before = kept
            small.head.weight.copy_(self.head.weight[:, before])
            small.head.bias.copy_(self.head.bias)
        return small


@dataclass(frozen=True)
class MotionTransformerConfig:
    """Sizes of the Transformer for motion."""

    in_channels: int = 6  # axes of the sensors
    n_classes: int = 7  # kinds of movement
    length: int = 200  # moments of a window; a multiple of patch
    patch: int = 20  # moments in a patch
    d_model: int = 48  # width of the residual stream; a multiple of n_head
    n_layer: int = 2  # blocks
    n_head: int = 4  # attention heads of a block
    d_hidden: int = 96  # inside the feed-forward networks
    dropout: float = 0.1  # probability, in training only

    def __post_init__(self) -> None:
        at_least(1, in_channels=self.in_channels, n_classes=self.n_classes, patch=self.patch)
        at_least(1, length=self.length)
        if self.length % self.patch:
            raise ValueError(f"length ({self.length}) must be a multiple of patch ({self.patch}).")
        self.encoder  # noqa: B018  checks the sizes of the blocks

    @property
    def encoder(self) -> EncoderConfig:
        """Settings of the blocks."""
        return EncoderConfig(self.d_model, self.n_layer, self.n_head, self.d_hidden, dropout=self.dropout)


class MotionTransformer(Model):
    """Windows to logits of classes, by attention between patches."""

    by_adamw = ("patch_embedding", "head")

    def __init__(self, config: MotionTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embedding = Linear(config.in_channels * config.patch, config.d_model)
        self.position_embedding = nn.Embedding(config.length // config.patch, config.d_model)
        nn.init.normal_(self.position_embedding.weight, std=0.02)
        self.encoder = Encoder(config.encoder)
        self.head = Linear(config.d_model, config.n_classes)

    def forward(self, motion: Tensor) -> Tensor:
        """``(batch, length, in_channels)`` to logits ``(batch, n_classes)``."""
        patches = motion.reshape(len(motion), -1, self.config.patch * self.config.in_channels)
        x = self.encoder(self.patch_embedding(patches) + self.position_embedding.weight)
        logits: Tensor = self.head(x.mean(dim=1))
        return logits

    def loss(self, motion: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy in nats of the labels ``(batch,)``."""
        return F.cross_entropy(self(motion), labels)


BANDS = ((1, 3), (3, 5), (5, 9), (9, 17), (17, 40))  # of a window's spectrum, in whole waves a window
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def motion_features(motion: Tensor) -> Tensor:
    """A window as 156 numbers.

    For each of the six axes and the two strengths, of acceleration and of turning: mean, standard deviation and its
    logarithm, seven quantiles, the logarithm of the power in five bands, and the mean step from one moment to the next;
    and the correlation of each two.

    Args:
        motion: ``(n, time, 6)``, at least 80 moments.

    Returns:
        ``(n, 156)``.
    """
    strengths = [motion[..., axes].norm(dim=-1, keepdim=True) for axes in (slice(3), slice(3, 6))]
    x = torch.cat([motion, *strengths], dim=-1)  # (n, time, 8)
    mean, deviation = x.mean(dim=1), x.std(dim=1, correction=0)
    centred = x - mean[:, None]
    quantiles = x.quantile(torch.tensor(SHARES, dtype=x.dtype), dim=1)  # (7, n, 8)
    power = torch.fft.rfft(centred, dim=1).abs() ** 2
    bands = torch.stack([power[:, a:b].sum(dim=1) for a, b in BANDS])  # (5, n, 8)
    joint = centred.transpose(1, 2) @ centred / x.shape[1]
    correlations = joint / (deviation[:, :, None] * deviation[:, None] + 1e-6)
    row, column = torch.triu_indices(8, 8, 1)
    parts = [mean, deviation, (deviation + 1e-3).log(), *quantiles, *(bands + 1e-3).log()]
    parts += [correlations[:, row, column], x.diff(dim=1).abs().mean(dim=1)]
    return torch.cat(parts, dim=1)


def _rounded(x: Tensor, scale: Tensor | float) -> Tensor:
    """Integers from -127 to 127, as floating-point numbers."""
    return (x / scale).round().clamp(-127, 127)


class Int8Convolutions(nn.Module):
    """The network of convolutions with weights and signals of eight bits.

    The integers are held in float32, which adds and multiplies them exactly as long as sums stay below 2²⁴; so the
    answers are those of integer arithmetic.

    Args:
        model: a trained network.
        examples: ``(n, time, in_channels)``, from which the ranges of the signals are taken.
    """

    def __init__(self, model: MotionConvolutions, examples: Tensor) -> None:
        super().__init__()
        self.config = model.config
        self.layers: list[tuple[Tensor, Tensor, Tensor]] = []  # integers, scale and bias of each filter
        x = examples.transpose(1, 2)
        self.ranges = [float(x.abs().amax()) / 127]  # the step of each signal
        with torch.no_grad():
            for weight, bias in model.folded():
                scale = weight.abs().amax(dim=(1, 2)).clamp(min=1e-12) / 127
                self.layers.append((_rounded(weight, scale[:, None, None]), scale, bias))
                x = F.relu(F.conv1d(x, weight, bias, model.config.stride, model.config.kernel // 2))
                self.ranges.append(float(x.amax().clamp(min=1e-6)) / 127)
            scale = model.head.weight.abs().amax(dim=1).clamp(min=1e-12) / 127
            self.head = _rounded(model.head.weight, scale[:, None]), scale, model.head.bias.clone()
        largest = max(weight[0].numel() for weight, _, _ in self.layers)
        if largest * 127**2 >= 2**24:
            raise ValueError(f"A filter of {largest} weights is too large for exact sums in float32.")

    def forward(self, motion: Tensor) -> Tensor:
        """``(batch, time, in_channels)`` to logits ``(batch, n_classes)``."""
        x = _rounded(motion.transpose(1, 2), self.ranges[0])
        for (weight, scale, bias), step, after in zip(
            self.layers, self.ranges[:-1], self.ranges[1:], strict=True
        ):
            sums = F.conv1d(x, weight, None, self.config.stride, self.config.kernel // 2)
            y = F.relu(sums * (scale * step)[:, None] + bias[:, None])
            x = _rounded(y, after)
        weight, scale, bias = self.head
        mean = _rounded(x.mean(dim=2), 1.0)
        return (mean @ weight.T) * (scale * self.ranges[-1]) + bias

    def bytes(self) -> int:
        """One for each weight, and four for each scale and bias."""
        stored = [*self.layers, self.head]
        return sum(weight.numel() + 4 * (len(scale) + len(bias)) for weight, scale, bias in stored)
