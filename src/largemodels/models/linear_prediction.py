"""Backward-adaptive linear prediction: each sample as a weighted sum of those before it.

The weights are those that would have predicted the past best, by least squares in which a sample counts the less the
longer ago it was. They are computed again for every few samples, and from the past alone, so that whoever decodes a
sound can compute them as well and none is sent. So does the telephone codec G.728 (ITU-T, 1992), with another window.
Atal and Hanauer, 1971 (https://doi.org/10.1121/1.1912679), described speech by linear prediction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .checks import at_least

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearPredictionConfig:
    """How the weights follow the sound."""

    order: int = 16  # samples that a prediction reads
    half_life: float = 200.0  # samples after which one counts half
    block: int = 16  # samples that share their weights
    prior: float = 0.01  # share of the long-term products, which decide before there is a past

    def __post_init__(self) -> None:
        at_least(1, order=self.order, block=self.block, half_life=self.half_life)
        at_least(0, prior=self.prior)


def products(sounds: list[Numbers], order: int) -> Numbers:
    """Mean products of neighbouring samples, ``(order + 1, order + 1)``; the last row is that of the newest."""
    total, n = np.zeros((order + 1, order + 1)), 0
    for sound in sounds:
        rows = _rows(sound, order)
        total, n = total + rows.T @ rows, n + len(rows)
    return total / n


def predictions(sound: Numbers, config: LinearPredictionConfig, long_term: Numbers) -> Numbers:
    """What the weights make of the past, for each sample: ``(samples,)``. Before the first lie zeros.

    Args:
        sound: ``(samples,)``.
        config: of the weights.
        long_term: of :func:`products`, of other sounds.
    """
    from scipy.signal import lfilter

    order, block = config.order, config.block
    rows = _rows(sound, order)
    n_block = -(-len(sound) // block)
    rows = np.concatenate([rows, np.zeros((n_block * block - len(sound), order + 1))])
    rows = rows.reshape(n_block, block, order + 1)
    keep = 0.5 ** (block / config.half_life)
    past = lfilter([1.0], [1.0, -keep], rows.transpose(0, 2, 1) @ rows, axis=0)
    past = np.concatenate([np.zeros_like(past[:1]), past[:-1]])  # (blocks, order + 1, order + 1)
    found: Numbers = (rows[:, :, :order] @ _weights(past, config, long_term)).reshape(-1)[: len(sound)]
    return found


class Follower:
    """The same predictions for a sound of which one sample after the other becomes known.

    Args:
        config: of the weights.
        long_term: of :func:`products`, of other sounds.
    """

    def __init__(self, config: LinearPredictionConfig, long_term: Numbers) -> None:
        self.config, self.long_term = config, long_term
        n = config.order
        self._recent = np.zeros(n)
        self._block: list[Numbers] = []  # its rows so far
        self._past = np.zeros((n + 1, n + 1))
        self._now = _weights(self._past, config, long_term)[:, 0]

    def step(self, sample: float) -> float:
        """Take the next sample; returns the prediction of the one after it."""
        row = np.append(self._recent, sample)
        self._recent = row[1:]
        self._block.append(row)
        if len(self._block) == self.config.block:
            rows = np.stack(self._block)
            self._past = 0.5 ** (self.config.block / self.config.half_life) * self._past + rows.T @ rows
            self._now, self._block = _weights(self._past, self.config, self.long_term)[:, 0], []
        return float(self._recent @ self._now)


def _weights(past: Numbers, config: LinearPredictionConfig, long_term: Numbers) -> Numbers:
    """Weights that fit the past's products, ``(…, order + 1, order + 1)``, and the prior best: ``(…, order, 1)``."""
    n = config.order
    # The prior's loudness is that of the past; a little more keeps the equations solvable where all is zero.
    loudness = np.trace(past, axis1=-2, axis2=-1) / np.trace(long_term)
    past = past + (config.prior * loudness + 1e-3)[..., None, None] * long_term
    past = past + 1e-9 * np.trace(past, axis1=-2, axis2=-1)[..., None, None] * np.eye(n + 1)
    weights: Numbers = np.linalg.solve(past[..., :n, :n], past[..., :n, n:])  # type: ignore[assignment]
    return weights


def _rows(sound: Numbers, order: int) -> Numbers:
    """Each sample after those before it: ``(samples, order + 1)``."""
    padded = np.concatenate([np.zeros(order), sound])
    return np.lib.stride_tricks.sliding_window_view(padded, order + 1)
