"""Diffusion: pictures are mixed with noise, a network learns to tell both apart, and its answers lead from noise back.

Ho, Jain and Abbeel, 2020, "Denoising diffusion probabilistic models" (https://arxiv.org/abs/2006.11239): DDPM. Song,
Meng and Ermon, 2021, "Denoising diffusion implicit models" (https://arxiv.org/abs/2010.02502): DDIM, deterministic and
with fewer steps. The network answers with v, a mixture of noise and picture that is well defined at all times (Salimans
and Ho, 2022, https://arxiv.org/abs/2202.00512). Guidance without a classifier: Ho and Salimans, 2022
(https://arxiv.org/abs/2207.12598). Filling in a part: Lugmayr et al., 2022, "RePaint"
(https://arxiv.org/abs/2201.09865).

The schedule is the cosine of Nichol and Dhariwal, 2021 (https://arxiv.org/abs/2102.09672), without their small offset
and in continuous time: at time 0 a picture is clean, at time 1 it is noise alone. All pictures are from -1 to 1, and
``signal`` is always α as DDIM's paper has it, the share of the picture in the variance; DDPM's writes it with a bar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..models.checks import at_least

Network = Callable[[Tensor, Tensor, Tensor], Tensor]  # noisy pictures, times and labels to v


def signal_at(time: Tensor) -> Tensor:
    """α = cos²(π t / 2), 1 at time 0 and 0 at time 1; any shape."""
    return (math.pi / 2 * time).cos().square()


def noised(pictures: Tensor, noise: Tensor, signal: Tensor) -> Tensor:
    """√α x + √(1 - α) ε.

    Args:
        pictures: x, ``(batch, channels, height, width)``.
        noise: ε, the same shape.
        signal: α, ``(batch, 1, 1, 1)`` or ``()``.
    """
    return signal.sqrt() * pictures + (1 - signal).sqrt() * noise


def v_of(pictures: Tensor, noise: Tensor, signal: Tensor) -> Tensor:
    """V = √α ε - √(1 - α) x; shapes as in :func:`noised`."""
    return signal.sqrt() * noise - (1 - signal).sqrt() * pictures


def told_apart(z: Tensor, v: Tensor, signal: Tensor) -> tuple[Tensor, Tensor]:
    """The picture and the noise of which ``z`` is the mixture, if ``v`` is right; shapes as in :func:`noised`."""
    a, s = signal.sqrt(), (1 - signal).sqrt()
    return a * z - s * v, s * z + a * v


def diffusion_loss(
    model: Network, pictures: Tensor, labels: Tensor, no_label: int, drop: float = 0.1
) -> Tensor:
    """Mean squared error of v at random times, a scalar.

    Args:
        model: the network.
        pictures: ``(batch, channels, height, width)``.
        labels: integers ``(batch,)``.
        no_label: the label that stands for none.
        drop: probability with which a picture's label is replaced by it, so that the network learns both.
    """
    times = torch.rand(len(pictures), device=pictures.device)
    noise, signal = torch.randn_like(pictures), signal_at(times)[:, None, None, None]
    labels = labels.masked_fill(torch.rand(len(labels), device=labels.device) < drop, no_label)
    v = model(noised(pictures, noise, signal), times, labels)
    return (v - v_of(pictures, noise, signal)).square().mean()


def guided(model: Network, z: Tensor, times: Tensor, labels: Tensor, scale: float, no_label: int) -> Tensor:
    """v, moved away from the answer without label: ``scale`` 0 ignores the labels, 1 uses them, more exaggerates them.

    Args:
        model: the network.
        z: ``(batch, channels, height, width)``.
        times: ``(batch,)``.
        labels: integers ``(batch,)``.
        scale: w of v₀ + w (v - v₀).
        no_label: the label that stands for none.
    """
    nothing = torch.full_like(labels, no_label)
    if scale in (0, 1):
        return model(z, times, labels if scale else nothing)
    both = model(torch.cat([z, z]), torch.cat([times, times]), torch.cat([labels, nothing]))
    told, untold = both.chunk(2)
    return untold + scale * (told - untold)


def step_towards(
    pictures: Tensor, noise: Tensor, signal: Tensor, next_signal: Tensor, eta: float = 0.0
) -> Tensor:
    """Pictures with less noise, given what the network makes of those with more; shapes as in :func:`noised`.

    √α' x + √(1 - α' - σ²) ε + σ n, where σ² = η² (1 - α') / (1 - α) · (1 - α / α') and n is new noise.

    Args:
        pictures: x, as the network sees them.
        noise: ε, likewise.
        signal: α, of the pictures with more noise.
        next_signal: α' of those with less.
        eta: 0 is DDIM's deterministic step, 1 is DDPM's with its smaller variance.
    """
    deviation = eta * ((1 - next_signal) / (1 - signal) * (1 - signal / next_signal)).clamp(min=0).sqrt()
    kept = (1 - next_signal - deviation.square()).clamp(min=0).sqrt()
    z = next_signal.sqrt() * pictures + kept * noise
    return z + deviation * torch.randn_like(z) if eta else z


@torch.no_grad()
def denoised(
    model: Network,
    noise: Tensor,
    labels: Tensor,
    steps: int,
    no_label: int,
    *,
    scale: float = 1.0,
    eta: float = 0.0,
    known: Tensor | None = None,
    where: Tensor | None = None,
    repeats: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The way from noise to pictures: after each step the noisy pictures, and what the network sees in them.

    What it sees is clipped to the range of pictures. The last pair holds the finished pictures twice.

    Args:
        model: the network, in evaluation mode.
        noise: ``(batch, channels, height, width)``.
        labels: integers ``(batch,)``.
        steps: from time 1 to time 0, equally long.
        no_label: the label that stands for none.
        scale: of the guidance, see :func:`guided`.
        eta: see :func:`step_towards`.
        known: pictures of which a part is given, the shape of ``noise``; None: nothing is.
        where: true where they are given, the same shape or one that broadcasts to it.
        repeats: how often each step is taken; before each repetition noise is added again, so that the parts can agree.
    """
    at_least(1, steps=steps, repeats=repeats)
    z = noise
    times = torch.linspace(1, 0, steps + 1, dtype=noise.dtype, device=noise.device)
    for now, then in zip(signal_at(times), zip(signal_at(times[1:]), times, strict=False), strict=False):
        next_signal, time = then
        for turn in range(repeats):
            if known is not None and where is not None:
                z = torch.where(where, noised(known, torch.randn_like(known), now), z)
            v = guided(model, z, time.expand(len(z)), labels, scale, no_label)
            seen = told_apart(z, v, now)[0].clamp(-1, 1)
            # The noise that is left once what is seen has been taken out; at time 1 all is noise.
            rest = (z - now.sqrt() * seen) / (1 - now).sqrt()
            after = step_towards(seen, rest, now, next_signal, eta)
            if turn + 1 < repeats:  # back to the amount of noise before the step
                share = now / next_signal
                z = share.sqrt() * after + (1 - share).sqrt() * torch.randn_like(after)
        z = after
        if known is not None and where is not None and next_signal == 1:
            z = seen = torch.where(where, known, z)
        yield z, seen


def drawn(
    model: Network, noise: Tensor, labels: Tensor, steps: int, no_label: int, **options: object
) -> Tensor:
    """Only the finished pictures of :func:`denoised`, ``(batch, channels, height, width)``."""
    *_, (pictures, _) = denoised(model, noise, labels, steps, no_label, **options)  # type: ignore[arg-type]
    return pictures
