"""WaveNet: a network that says, from all samples of a sound so far, how likely each value of the next one is.

Van den Oord et al., 2016 (https://arxiv.org/abs/1609.03499): causal convolutions whose gaps double from layer to
layer, gated, each with a residual path to the next layer and a skip path to the output. Sounds are companded by the µ
law and rounded to 256 levels, as in the paper. Differs in what it reads, the companded value as one number instead of
one of 256 inputs, and, unless ``n_mixture`` is 0, in what it says: a mixture of logistic distributions (Salimans et
al., 2017, https://arxiv.org/abs/1701.05517), with which the second WaveNet also works (van den Oord et al., 2018,
https://arxiv.org/abs/1711.10433). One sample after the other is made with a queue of past inputs for each layer (Le
Paine et al., 2016, https://arxiv.org/abs/1611.09482).

A *guided* WaveNet reads, beside each sample, the prediction of another method for the next one and that method's last
error, and centres its mixture on the prediction. So does LPCNet (Valin and Skoglund, 2019,
https://arxiv.org/abs/1810.11846), a recurrent network guided by linear prediction. Differs from it in that the
prediction adapts backwards, to the samples themselves, so that nothing is sent, whereas LPCNet's weights come from
given features and not from drawn samples; and in what is named: a mixture of the sample's values instead of scores of
256 errors.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least
from .modes import evaluating

N_LEVEL = 256


def companded(sound: Tensor) -> Tensor:
    """The µ law, from -1 … 1 to -1 … 1: small values are stretched, as in 8-bit telephony."""
    mu = N_LEVEL - 1
    return sound.sign() * (mu * sound.abs().clamp(max=1)).log1p() / math.log1p(mu)


def expanded(values: Tensor) -> Tensor:
    """The inverse of :func:`companded`."""
    mu = N_LEVEL - 1
    return values.sign() * (values.abs() * math.log1p(mu)).expm1() / mu


def to_levels(sound: Tensor) -> Tensor:
    """The nearest of 256 companded levels for each sample, int64, from 0 to 255; same shape."""
    return ((companded(sound) + 1) / 2 * (N_LEVEL - 1)).round().long()


def from_levels(levels: Tensor) -> Tensor:
    """Companded values, from -1 to 1, of levels; :func:`expanded` makes a sound of them."""
    return levels.float() / ((N_LEVEL - 1) / 2) - 1


@dataclass(frozen=True)
class WaveNetConfig:
    """Sizes of a WaveNet."""

    d_model: int = 32  # channels between layers
    d_skip: int = 64  # channels of the skip paths
    n_layer: int = 9  # gated layers
    cycle: int = 9  # layers after which the gap is 1 again
    kernel: int = 2  # samples that a layer reads
    n_mixture: int = 5  # logistic distributions in the mixture; 0: one score for each level
    guided: bool = False  # reads predictions of the next sample, and centres its mixture on them

    def __post_init__(self) -> None:
        at_least(1, d_model=self.d_model, d_skip=self.d_skip, n_layer=self.n_layer, cycle=self.cycle)
        at_least(2, kernel=self.kernel)
        at_least(1 if self.guided else 0, n_mixture=self.n_mixture)

    @property
    def gaps(self) -> list[int]:
        """Samples between those that each layer reads: 1, 2, 4, …"""
        return [2 ** (layer % self.cycle) for layer in range(self.n_layer)]

    @property
    def reach(self) -> int:
        """Samples that decide about the next one, the receptive field; the first convolution reads ``kernel``."""
        return 1 + (self.kernel - 1) * (1 + sum(self.gaps))


class GatedLayer(nn.Module):
    """A causal convolution, half of whose channels say how much of the others passes."""

    def __init__(self, config: WaveNetConfig, gap: int, last: bool) -> None:
        super().__init__()
        width = config.d_model
        self.gap, self.last = gap, last
        self.conv = nn.Conv1d(width, 2 * width, config.kernel, dilation=gap)
        # The last layer has no next one, so only a skip path.
        self.out = nn.Conv1d(width, config.d_skip + (0 if last else width), 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, d_model, time)`` to the next layer's input, of the same shape, and ``(batch, d_skip, time)``."""
        return self.paths(x, self.conv(_shifted(x, self.conv)))

    def paths(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """The two outputs, from the input and the convolution's ``(batch, 2 * d_model, time)``."""
        value, gate = y.chunk(2, dim=1)
        y = self.out(value.tanh() * gate.sigmoid())
        if self.last:
            return x, y
        width = x.shape[1]
        return x + y[:, :width], y[:, width:]


class WaveNet(Model):
    """The samples so far to the distribution of the next."""

    by_adamw = ("first", "head")

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Conv1d(3 if config.guided else 1, config.d_model, config.kernel)
        n = config.n_layer
        self.layers = nn.ModuleList(
            GatedLayer(config, gap, number == n - 1) for number, gap in enumerate(config.gaps)
        )
        self.mix = nn.Conv1d(config.d_skip, config.d_skip, 1)
        self.head = nn.Conv1d(config.d_skip, 3 * config.n_mixture or N_LEVEL, 1)

    def forward(self, levels: Tensor, guesses: Tensor | None = None) -> Tensor:
        """What the network says about the sample *after* each of those it reads.

        Args:
            levels: ``(batch, time)``, int64, of :func:`to_levels`. Before the first lie zeros.
            guesses: ``(batch, time + 1)``, if the network is guided: companded predictions of each of these samples
                and of the one after them.

        Returns:
            ``(batch, outputs, time)``; :func:`log_probs` and :func:`drawn` read them.
        """
        x = self.read(levels, guesses)
        x = self.first(_shifted(x, self.first))
        skips = torch.zeros(())
        for layer in self.layers:
            x, skip = layer(x)
            skips = skips + skip
        return self.said(skips, guesses)

    def read(self, levels: Tensor, guesses: Tensor | None = None) -> Tensor:
        """The inputs of the first convolution, ``(batch, 1 or 3, time)``; arguments as of :meth:`forward`."""
        values = from_levels(levels)
        if not self.config.guided:
            return values[:, None]
        if guesses is None:
            raise ValueError("A guided WaveNet needs predictions: pass guesses.")
        return torch.stack([values, guesses[:, 1:], values - guesses[:, :-1]], dim=1)

    def said(self, skips: Tensor, guesses: Tensor | None = None) -> Tensor:
        """The outputs, from the sum of the skip paths, ``(batch, d_skip, time)``."""
        found: Tensor = self.head(F.relu(self.mix(F.relu(skips))))
        if not self.config.guided or guesses is None:
            return found
        weights, means, scales = found.chunk(3, dim=1)
        return torch.cat([weights, means + guesses[:, None, 1:], scales], dim=1)

    def loss(self, levels: Tensor, known: int = 0, guesses: Tensor | None = None) -> Tensor:
        """Mean negative log-probability in nats a sample, a scalar.

        Args:
            levels: ``(batch, time)``; a negative one says that the sound is over.
            known: samples at the beginning that are only read.
            guesses: ``(batch, time)``, if the network is guided: a companded prediction of each sample.
        """
        said = self(levels[:, :-1].clamp(min=0), guesses)[..., known:]
        next_ = levels[:, 1 + known :]
        each = log_probs(said, next_.clamp(min=0))
        real = next_ >= 0
        return -(each * real).sum() / real.sum()

    @torch.no_grad()
    def generate(
        self,
        levels: Tensor,
        n_new: int,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
        *,
        cached: bool = True,
        guide: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Continue a sound, one drawn sample after the other.

        Args:
            levels: ``(batch, time)``, time at least 1.
            n_new: samples to draw.
            generator: of the draws.
            temperature: below 1 draws likelier values.
            cached: keep each layer's past inputs in a queue; False computes the whole receptive field for each sample.
            guide: if the network is guided: called with each level, ``(batch,)``, in order, it returns companded
                predictions of the next, ``(batch,)``.

        Returns:
            ``(batch, time + n_new)``.

        Raises:
            ValueError: if there is no sample to begin with.
        """
        if not levels.shape[1]:
            raise ValueError("Give at least one sample to begin with.")
        reach = self.config.reach
        with evaluating(self):
            queues = Queues(self)
            made = list(levels.unbind(dim=1))
            guesses = [torch.zeros(len(levels))]  # nothing is known about the first sample
            said = torch.empty(0)
            for time in range(len(made) + n_new - 1):
                if guide:
                    guesses.append(guide(made[time]))
                last = torch.stack(guesses[-2:], dim=1) if guide else None
                said = queues.step(made[time], last) if cached else said
                if time + 1 < len(made):
                    continue
                if not cached:
                    its = torch.stack(guesses[-reach - 1 :], dim=1) if guide else None
                    said = self(torch.stack(made[-reach:], dim=1), its)[..., -1]
                made.append(drawn(said, generator, temperature))
        return torch.stack(made, dim=1)


class Queues:
    """The past inputs that each convolution of a WaveNet will read again, in a queue; before the first, zeros."""

    def __init__(self, model: WaveNet) -> None:
        self.model = model
        convs = [model.first, *(layer.conv for layer in model.layers)]
        self.past = [
            deque([torch.zeros(1, conv.in_channels)] * ((conv.kernel_size[0] - 1) * conv.dilation[0]))  # type: ignore[arg-type,index,union-attr]
            for conv in convs
        ]
        # Each (out, kernel * in).
        self.weights = [conv.weight.transpose(1, 2).flatten(1) for conv in convs]  # type: ignore[operator,union-attr]

    def step(self, levels: Tensor, guesses: Tensor | None = None) -> Tensor:
        """Read one sample of each sound; returns the last column of :meth:`WaveNet.forward`.

        Args:
            levels: ``(batch,)``.
            guesses: ``(batch, 2)``, if the network is guided: predictions of this sample and of the next.
        """
        model = self.model
        x = self._conv(0, model.read(levels[:, None], guesses)[..., 0], model.first)
        skips = torch.zeros(())
        for number, layer in enumerate(model.layers, 1):
            y = self._conv(number, x, layer.conv)  # type: ignore[arg-type]
            x, skip = (it[..., 0] for it in layer.paths(x[..., None], y[..., None]))  # type: ignore[operator]
            skips = skips + skip
        return model.said(skips[..., None], guesses)[..., 0]

    def _conv(self, number: int, x: Tensor, conv: nn.Conv1d) -> Tensor:
        """``(batch, in)`` to ``(batch, out)``: the newest output of a convolution."""
        past, gap = self.past[number], conv.dilation[0]
        read = [past[place].expand(len(x), -1) for place in range(0, len(past), gap)]
        past.popleft()
        past.append(x)
        return F.linear(torch.cat([*read, x], dim=1), self.weights[number], conv.bias)


def log_probs(said: Tensor, levels: Tensor) -> Tensor:
    """Log-probabilities of levels under a WaveNet's outputs.

    Args:
        said: ``(batch, outputs, time)``.
        levels: ``(batch, time)``, int64.

    Returns:
        ``(batch, time)``, in nats.
    """
    if said.shape[1] == N_LEVEL:
        return -F.cross_entropy(said, levels, reduction="none")
    weights, means, scales = _mixture(said)
    half = 1 / (N_LEVEL - 1)
    values = from_levels(levels)[:, None]
    above, below = (values + half - means) / scales, (values - half - means) / scales
    between = log_between(below, above, 2 * half / scales)
    # The outermost levels take all that lies beyond.
    inside = torch.where(levels[:, None] == 0, F.logsigmoid(above), between)
    inside = torch.where(levels[:, None] == N_LEVEL - 1, F.logsigmoid(-below), inside)
    return torch.logsumexp(weights + inside, dim=1)


def log_between(below: Tensor, above: Tensor, width: Tensor) -> Tensor:
    """Logarithm of the probability that a standard logistic variable lies between two ends.

    Args:
        below: the lower ends.
        above: the upper ends.
        width: ``above - below``, more exact than the difference of two numbers far from zero.
    """
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), without a difference of nearly equal numbers
    return F.logsigmoid(above) + F.logsigmoid(-below) + (-(-width).expm1()).log()


def drawn(said: Tensor, generator: torch.Generator | None = None, temperature: float = 1.0) -> Tensor:
    """A level for each sound.

    Args:
        said: ``(batch, outputs)``.
        generator: of the draws.
        temperature: of scores; in a mixture of its scales and weights.

    Returns:
        ``(batch,)``, int64.
    """
    if said.shape[1] == N_LEVEL:
        return torch.multinomial((said / temperature).softmax(dim=1), 1, generator=generator)[:, 0]
    weights, means, scales = _mixture(said[..., None])
    chosen = torch.multinomial((weights[..., 0] / temperature).exp(), 1, generator=generator)
    mean, scale = means[..., 0].gather(1, chosen)[:, 0], scales[..., 0].gather(1, chosen)[:, 0]
    uniform = torch.rand(len(said), generator=generator).clamp(1e-5, 1 - 1e-5)
    value = mean + scale * temperature * uniform.logit()
    return ((value.clamp(-1, 1) + 1) / 2 * (N_LEVEL - 1)).round().long()


def _mixture(said: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Log-weights, means and scales, each ``(batch, mixture, time)``."""
    weights, means, scales = said.chunk(3, dim=1)
    return weights.log_softmax(dim=1), means, (scales - 3).clamp(min=-9).exp()


def _shifted(x: Tensor, conv: nn.Conv1d) -> Tensor:
    """``(batch, channels, time)`` with zeros in front, as many as make a convolution causal."""
    return F.pad(x, ((conv.kernel_size[0] - 1) * conv.dilation[0], 0))
