"""A recogniser of speech in the manner of DeepSpeech: a spectrogram goes in, scores of letters come out for each
moment.

Hannun et al., 2014, "Deep Speech" (https://arxiv.org/abs/1412.5567), and Amodei et al., 2015, "Deep Speech 2"
(https://arxiv.org/abs/1512.02595): filters over time and frequency, layers that carry information along time in both
directions, and a score for each letter and for the blank of CTC (:mod:`largemodels.objectives.ctc`). Differs from
them in its size, and in LayerNorm and residual connections. Instead of recurrent layers it may have convolutions
whose gaps grow, as in Kriman et al., 2019, "QuartzNet" (https://arxiv.org/abs/1910.10261), which train faster on a
CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least, one_of, probability

KINDS = ("recurrent", "convolutional")


@dataclass(frozen=True)
class RecogniserConfig:
    """Sizes and choices of a recogniser."""

    vocab_size: int = 29  # the blank, 26 letters, the apostrophe and the space
    n_mel: int = 40  # bands of the spectrogram
    d_model: int = 160  # width of the layers; even
    n_layer: int = 3  # layers after the first
    kind: str = "recurrent"  # layers: LSTMs in both directions, or "convolutional"
    kernel: int = 9  # frames that a convolution sees, before gaps; odd
    stride: int = 2  # frames of the spectrogram in one output frame
    dropout: float = 0.1  # probability, in training only

    def __post_init__(self) -> None:
        at_least(1, vocab_size=self.vocab_size, n_mel=self.n_mel, d_model=self.d_model, kernel=self.kernel)
        at_least(1, n_layer=self.n_layer, stride=self.stride)
        one_of(KINDS, kind=self.kind)
        probability(dropout=self.dropout)
        if self.d_model % 2 or not self.kernel % 2:
            raise ValueError(f"d_model ({self.d_model}) must be even and kernel ({self.kernel}) must be odd.")


class RecurrentLayer(nn.Module):
    """An LSTM in each direction, added to its input.

    The second one reads each sequence from its own end. Packed sequences would do the same four times as slowly.
    """

    def __init__(self, config: RecogniserConfig) -> None:
        super().__init__()
        width = config.d_model
        self.norm = nn.LayerNorm(width)
        self.onward = nn.LSTM(width, width // 2, batch_first=True)
        self.back = nn.LSTM(width, width // 2, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, frames, d_model)`` to the same shape."""
        places = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
        turned = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)[..., None]
        y = self.norm(x)
        onward, _ = self.onward(y)
        back, _ = self.back(y.gather(1, turned.expand_as(y)))
        back = back.gather(1, turned.expand_as(back))
        return x + self.dropout(torch.cat([onward, back], dim=-1))


class ConvolutionalLayer(nn.Module):
    """A convolution along time for each number apart, then a linear map of all, added to its input."""

    def __init__(self, config: RecogniserConfig, gap: int) -> None:
        super().__init__()
        width, reach = config.d_model, config.kernel // 2 * gap
        self.norm = nn.LayerNorm(width)
        self.along = nn.Conv1d(width, width, config.kernel, padding=reach, dilation=gap, groups=width)
        self.across = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """``(batch, frames, d_model)`` to the same shape."""
        real = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
        y = self.along((self.norm(x) * real[..., None]).transpose(1, 2)).transpose(1, 2)
        return x + self.dropout(self.across(y))


class Recogniser(Model):
    """Spectrograms to log-probabilities of letters."""

    by_adamw = ("head",)

    def __init__(self, config: RecogniserConfig) -> None:
        super().__init__()
        self.config = config
        width = config.d_model
        self.first = nn.Conv1d(config.n_mel, width, 11, config.stride, padding=5)
        gaps = (2 ** (layer % 3) for layer in range(config.n_layer))
        self.layers = nn.ModuleList(
            RecurrentLayer(config) if config.kind == "recurrent" else ConvolutionalLayer(config, gap)
            for gap in gaps
        )
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(width, config.vocab_size)

    def frames(self, lengths: Tensor) -> Tensor:
        """How many output frames spectrograms of these lengths have."""
        return (lengths - 1) // self.config.stride + 1

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Log-probabilities of the letters at each output frame.

        Args:
            x: ``(batch, frames, n_mel)``, filled with zeros on the right.
            lengths: ``(batch,)``, frames of each.

        Returns:
            ``(batch, output frames, vocab_size)``; see :meth:`frames` for how many count.
        """
        y = self.dropout(F.gelu(self.first(x.transpose(1, 2))).transpose(1, 2))
        for layer in self.layers:
            y = layer(y, self.frames(lengths))
        return F.log_softmax(self.head(self.norm(y)), dim=-1)

    def loss(self, x: Tensor, lengths: Tensor, texts: Tensor, letters: Tensor) -> Tensor:
        """Mean CTC loss in nats a letter, a scalar. The blank is number 0.

        Args:
            x: as in :meth:`forward`.
            lengths: as in :meth:`forward`.
            texts: ``(batch, most letters)``, filled with zeros on the right.
            letters: ``(batch,)``, how many each text has.
        """
        log_probs = self(x, lengths).transpose(0, 1)
        # A text that needs more frames than its sound has is left out.
        total = F.ctc_loss(
            log_probs, texts, self.frames(lengths), letters, reduction="sum", zero_infinity=True
        )
        return total / letters.sum()
