"""From a waveform to a log-mel spectrogram, what recognisers of speech and voices read.

A short Fourier transform each few milliseconds says how strong each frequency is; triangular filters gather these
into bands that are equally wide on the mel scale, on which steps sound equally large (Stevens, Volkmann and Newman,
1937, https://doi.org/10.1121/1.1915893); and the logarithm makes twice as loud a step of fixed size. The scale is
that of Slaney, 1998, which is linear below 1,000 Hz and logarithmic above, and each triangle has the same area. Equal
to the features of ``transformers.WhisperFeatureExtractor``.
"""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

_LINEAR = 200 / 3  # hertz in a mel, below
_BREAK = 1000.0  # hertz
_STEP = math.log(6.4) / 27  # of the logarithm of the frequency, in a mel above


def to_mel(hertz: float) -> float:
    """The mel scale."""
    if hertz < _BREAK:
        return hertz / _LINEAR
    return _BREAK / _LINEAR + math.log(hertz / _BREAK) / _STEP


def to_hertz(mel: Tensor) -> Tensor:
    """Back from the mel scale."""
    above = _BREAK * torch.exp(_STEP * (mel - _BREAK / _LINEAR))
    return torch.where(mel < _BREAK / _LINEAR, mel * _LINEAR, above)


@functools.lru_cache
def mel_filters(rate: int, window: int, n_mel: int) -> Tensor:
    """Triangular filters, ``(window // 2 + 1, n_mel)``.

    Args:
        rate: samples a second.
        window: samples in one Fourier transform.
        n_mel: number of bands, from 0 to half the rate.
    """
    edges = to_hertz(torch.linspace(0, to_mel(rate / 2), n_mel + 2, dtype=torch.double))
    frequencies = torch.linspace(0, rate / 2, window // 2 + 1, dtype=torch.double)
    rising = (frequencies[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies[:, None]) / (edges[2:] - edges[1:-1])
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * 2 / (edges[2:] - edges[:-2])).float()


def mel_power(sound: Tensor, rate: int, window: int, hop: int, n_mel: int) -> Tensor:
    """Power in each band.

    Args:
        sound: ``(…, samples)``.
        rate: samples a second.
        window: samples in one Fourier transform; the sound is reflected by half of it at both ends.
        hop: samples from one transform to the next.
        n_mel: number of bands.

    Returns:
        ``(…, samples // hop, n_mel)``.
    """
    hann = torch.hann_window(window, device=sound.device)
    flat = sound.reshape(-1, sound.shape[-1])
    spectrum = torch.stft(flat, window, hop, window=hann, return_complex=True)[..., :-1]
    power = spectrum.abs().square().transpose(1, 2)  # (n, frames, window // 2 + 1)
    bands = power @ mel_filters(rate, window, n_mel).to(sound.device)
    return bands.view(*sound.shape[:-1], *bands.shape[1:])


def whisper_features(sound: Tensor, n_mel: int = 80, seconds: int = 30) -> Tensor:
    """What Whisper reads: 30 seconds at 16,000 samples a second, with silence after shorter sounds.

    Args:
        sound: ``(…, samples)``, from -1 to 1; longer ones are cut.
        n_mel: number of bands.
        seconds: length of the result.

    Returns:
        ``(…, n_mel, 100 * seconds)``; the loudest is at most 8 decades above the softest.
    """
    n = 16_000 * seconds
    sound = F.pad(sound[..., :n], (0, max(0, n - sound.shape[-1])))
    logs = mel_power(sound, 16_000, 400, 160, n_mel).clamp(min=1e-10).log10()
    logs = torch.maximum(logs, logs.amax(dim=(-2, -1), keepdim=True) - 8)
    return ((logs + 4) / 4).transpose(-2, -1)


def normalised_log_mel(sound: Tensor, rate: int = 8000, n_mel: int = 40) -> Tensor:
    """Log-mel features with windows of 25 ms each 10 ms; over the sound each band has mean 0 and variance 1.

    Args:
        sound: ``(samples,)``.
        rate: samples a second.
        n_mel: number of bands.

    Returns:
        ``(frames, n_mel)``.
    """
    logs = (mel_power(sound, rate, rate // 40, rate // 100, n_mel) + 1e-6).log()
    centred = logs - logs.mean(dim=0)
    return centred / (centred.square().mean(dim=0).sqrt() + 1e-3)
