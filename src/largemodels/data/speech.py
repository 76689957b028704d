"""Spoken prompts of the telephone exchange Asterisk: one English and one French speaker, with what they say.

Each prompt has a key, such as "vm-goodbye", and the same key in both languages is the same message. The sounds come
from one Debian package for each language, the texts from another. Prompts that are not speech (beeps, silence,
monkeys) are left out. Many prompts nearly repeat another: :func:`split` keeps those together, so that none of the
test was heard in training.
"""

from __future__ import annotations

import functools
import gzip
import re
import wave
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..models.mel import normalised_log_mel
from ..objectives import ctc
from ..text.spoken import plain, spoken
from .registry import DataError, files

RATE = 8000  # samples a second
LANGUAGES = ("en", "fr")
PARTS = {"train": 0.7, "validation": 0.1, "test": 0.2}  # of the seconds of sound
TWINS = 0.4  # prompts that share more than this part of their pairs of neighbouring words belong together
# Misprints in the English texts.
_MISPRINTS = {
    "umute": "unmute",
    "represenatives": "representatives",
    "fourtieth": "fortieth",
    "indentified": "identified",
    "witheld": "withheld",
    "exclaimation": "exclamation",
}


@dataclass(frozen=True)
class Prompt:
    """One recording and its words."""

    key: str  # the same in all languages
    text: str  # as printed
    words: str  # as said: lower case, no punctuation; English digits as words
    group: str  # prompts of one group say nearly the same; keep them in one part of a split
    sound: Tensor = field(repr=False)  # float32 (samples,), from -1 to 1, RATE samples a second

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return len(self.sound) / RATE


def prompts(language: str = "en", *, unchecked: bool = False) -> list[Prompt]:
    """All prompts that are speech, by key.

    Args:
        language: "en", spoken by Allison Smith; or "fr", by June Wallack.
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if a package is missing or damaged.
        ValueError: if there is no such language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}, not {language!r}.")
    return list(_prompts(language, unchecked))


@functools.cache
def _prompts(language: str, unchecked: bool) -> tuple[Prompt, ...]:
    texts = _texts(language, unchecked)
    sounds = files(f"prompts-{language}", unchecked=unchecked)
    said = {}
    for name in sorted(sounds):
        key = name.removesuffix(".wav")
        if key in texts and (words := _words(texts[key], language)):
            said[key] = words
    groups = _groups(said)
    return tuple(
        Prompt(key, texts[key], words, groups[key], _samples(sounds[f"{key}.wav"]))
        for key, words in said.items()
    )


def split(found: list[Prompt], seed: int = 0) -> dict[str, list[Prompt]]:
    """Training, validation and test parts: 70, 10 and 20 per cent of the seconds. No part shares a group with another.

    Args:
        found: of :func:`prompts`.
        seed: which groups go where.
    """
    by_group = defaultdict(list)
    for it in found:
        by_group[it.group].append(it)
    names = sorted(by_group)
    order = np.random.default_rng(seed).permutation(len(names))
    total, parts, left = sum(it.seconds for it in found), dict.fromkeys(PARTS), list(order)
    for part in ("test", "validation"):
        its: list[Prompt] = []
        while left and sum(it.seconds for it in its) < PARTS[part] * total:
            its += by_group[names[left.pop()]]
        parts[part] = its
    parts["train"] = [it for at in left for it in by_group[names[at]]]
    return {part: sorted(its or [], key=lambda it: it.key) for part, its in parts.items()}


def spectrograms(sounds: list[Tensor]) -> tuple[Tensor, Tensor]:
    """What :class:`~largemodels.models.recogniser.Recogniser` reads: ``(batch, frames, n_mel)`` and the lengths.

    Args:
        sounds: ``(samples,)`` each, :data:`RATE` samples a second.
    """
    its = [normalised_log_mel(it, RATE) for it in sounds]
    return pad_sequence(its, batch_first=True), torch.tensor([len(it) for it in its])


def speech_batches(
    found: list[Prompt], seed: int = 0, start: int = 0, *, n_frames: int = 2000, altered: bool = True
) -> Iterator[dict[str, Tensor]]:
    """Endless batches for :meth:`~largemodels.models.recogniser.Recogniser.loss`, of prompts of similar length.

    Each time a prompt is drawn it is altered: it is played at 0.9, 1 or 1.1 of its speed (Ko et al., 2015,
    https://doi.org/10.21437/Interspeech.2015-711), and some bands and moments of its spectrogram are wiped out (Park
    et al., 2019, https://arxiv.org/abs/1904.08779).

    Args:
        found: of :func:`prompts`.
        seed: of order and alterations.
        start: number of the first batch.
        n_frames: frames of a batch at most, unless one prompt has more.
        altered: whether prompts are altered.
    """
    faster = {
        speed: [normalised_log_mel(_at_speed(it.sound, speed), RATE) for it in found]
        for speed in ((0.9, 1.0, 1.1) if altered else (1.0,))
    }
    texts, number, epoch = [ctc.encode(it.words) for it in found], 0, 0
    lengths = np.array([len(it) for it in faster[1.0]])
    while True:
        rng = np.random.default_rng([seed, epoch])
        for rows in _batched(lengths, n_frames, rng):
            chosen = faster[float(rng.choice(list(faster)))]
            its = [_wiped(chosen[row], rng) if altered else chosen[row] for row in rows]
            number += 1
            if number > start:
                yield {
                    "x": pad_sequence(its, batch_first=True),
                    "lengths": torch.tensor([len(it) for it in its]),
                    "texts": pad_sequence([texts[row] for row in rows], batch_first=True),
                    "letters": torch.tensor([len(texts[row]) for row in rows]),
                }
        epoch += 1


def _batched(lengths: np.ndarray, n_frames: int, rng: np.random.Generator) -> list[list[int]]:
    """Rows of similar length, in batches of random order."""
    batches: list[list[int]] = [[]]
    for row in np.argsort(lengths + rng.integers(60, size=len(lengths))):
        if batches[-1] and (len(batches[-1]) + 1) * lengths[row] > n_frames:
            batches.append([])
        batches[-1].append(int(row))
    return [batches[at] for at in rng.permutation(len(batches))]


def _at_speed(sound: Tensor, speed: float) -> Tensor:
    """A sound played faster, and so higher."""
    if speed == 1:
        return sound
    return F.interpolate(sound[None, None], size=int(len(sound) / speed), mode="linear")[0, 0]


def _wiped(x: Tensor, rng: np.random.Generator) -> Tensor:
    """A spectrogram ``(frames, n_mel)`` with two stripes of bands and some of moments set to their mean, zero."""
    x, (n, n_mel) = x.clone(), x.shape
    for _ in range(2):
        width = int(rng.integers(n_mel // 5))
        at = int(rng.integers(n_mel - width))
        x[:, at : at + width] = 0
    for _ in range(max(1, n // 150)):
        width = int(rng.integers(20))
        at = int(rng.integers(max(1, n - width)))
        x[at : at + width] = 0
    return x


def resampled(sound: Tensor, rate: int) -> Tensor:
    """A prompt's sound at a multiple of :data:`RATE`, such as the 16,000 samples a second that Whisper reads.

    Args:
        sound: ``(samples,)``.
        rate: samples a second of the result.
    """
    from scipy.signal import resample_poly

    return torch.from_numpy(resample_poly(sound.numpy(), rate // RATE, 1).astype(np.float32))


def noisy(sound: Tensor, decibels: float, noise: Tensor) -> Tensor:
    """A sound with noise of a given signal-to-noise ratio, the ratio of their mean squares.

    Args:
        sound: ``(samples,)``.
        decibels: ten times the decimal logarithm of the ratio.
        noise: ``(samples,)``, of any loudness.
    """
    ratio = sound.square().mean() / noise.square().mean().clamp(min=1e-12)
    return sound + noise * (ratio * 10 ** (-decibels / 10)).sqrt()


def white_noise(n: int, generator: torch.Generator) -> Tensor:
    """Noise that is equally strong at all frequencies, ``(n,)``."""
    return torch.randn(n, generator=generator)


def speech_shaped_noise(n: int, sounds: list[Tensor], generator: torch.Generator) -> Tensor:
    """Noise with the mean spectrum of given sounds, so that it lies where speech does, ``(n,)``.

    Args:
        n: number of samples.
        sounds: ``(samples,)`` each; their power, averaged in pieces of 512 samples, shapes the noise.
        generator: of the white noise that is shaped.
    """
    pieces = torch.cat([it[: len(it) // 512 * 512].view(-1, 512) for it in sounds])
    power = torch.fft.rfft(pieces * torch.hann_window(512)).abs().square().mean(dim=0)  # (257,)
    spectrum = torch.fft.rfft(torch.randn(n, generator=generator))
    place = torch.linspace(0, 256, len(spectrum))
    low = place.floor().long().clamp(max=255)
    between = power[low] + (place - low) * (power[low + 1] - power[low])
    return torch.fft.irfft(spectrum * between.sqrt(), n=n)


def _texts(language: str, unchecked: bool) -> dict[str, str]:
    """Printed texts by key."""
    (path,) = files(f"prompts-{language}-texts", unchecked=unchecked).values()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = (line.strip() for line in file)
        pairs = (line.partition(":") for line in lines if line and not line.startswith(";"))
        return {key.strip(): text.strip() for key, _, text in pairs}


def _words(text: str, language: str) -> str:
    """What is said; nothing if it is not speech."""
    text = re.sub(r"\[[^]]*\]|\([^)]*\)|<[^>]*>", " ", text)  # remarks
    if language != "en":
        return plain(text)
    return " ".join(_MISPRINTS.get(word, word) for word in spoken(text).split())


def _samples(path: Path) -> Tensor:
    """The samples of a file of 16 bits and one channel."""
    with wave.open(str(path)) as file:
        if (file.getframerate(), file.getsampwidth(), file.getnchannels()) != (RATE, 2, 1):
            raise DataError(f"{path.name} is not of {RATE} samples a second, 16 bits and one channel.")
        stored = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return torch.from_numpy(stored.astype(np.float32) / 32768)


def _groups(said: dict[str, str]) -> dict[str, str]:
    """A group for each key, named by its first key: prompts with the same words, or that share many pairs of words."""
    keys = list(said)
    pairs = {}
    for key in keys:
        words = said[key].split()
        pairs[key] = frozenset(zip(["", *words], [*words, ""], strict=True))
    roots = {key: key for key in keys}

    def root(key: str) -> str:
        while roots[key] != key:
            key = roots[key]
        return key

    for at, one in enumerate(keys):
        for other in keys[:at]:
            shared = len(pairs[one] & pairs[other])
            if shared and shared / len(pairs[one] | pairs[other]) > TWINS:
                a, b = sorted((root(one), root(other)))
                roots[b] = a
    return {key: root(key) for key in keys}
