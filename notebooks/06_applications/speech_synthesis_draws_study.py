"""Study of the chapter "Speech synthesis": why are the guided network's draws so loud?

    make study NAME=06_applications/speech_synthesis_draws

One thread, about 2 minutes. The guided network continues three test prompts, three times each: as
on the page, at a lower temperature, with the weights of the sum kept as they were when drawing
began, and with weights that cannot amplify. For the last, the poles of the weights' filter are
moved towards zero, all by the same factor, until none lies outside the unit circle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import speech_synthesis_hybrid_study as hybrid
import speech_synthesis_rival_study as rival
import torch
from torch import Tensor

import largemodels as lm
from largemodels.data import speech
from largemodels.models import linear_prediction, wavenet

STUDY = "06_applications/speech_synthesis_draws"
BEGIN, KNOWN, NEW = 4000, 600, 4000  # samples before those read, read, and drawn
N_START, N_DRAW = 3, 3
SETTINGS = (("renewed", 1.0), ("renewed", 0.8), ("frozen", 1.0), ("shrunk", 1.0))


class Sum(linear_prediction.Follower):
    """Linear prediction whose weights may be kept, or kept from amplifying."""

    def __init__(self, weights: str) -> None:
        super().__init__(hybrid.GUIDE, rival.long_term(hybrid.GUIDE.order))
        self.weights, self.n = weights, 0
        self.largest: list[float] = []  # pole of each weights while drawing

    def step(self, sample: float) -> float:
        """As without this class; the weights change after the known samples or do not."""
        self.n += 1
        if self.weights == "frozen" and self.n > KNOWN:
            self._recent = np.append(self._recent[1:], sample)
            return float(self._recent @ self._now)
        super().step(sample)
        if not self._block:  # the weights are new
            size = pole(self._now)
            if self.n > KNOWN:
                self.largest.append(size)
            if self.weights == "shrunk" and size > 1:
                self._now = self._now / size ** np.arange(len(self._now), 0, -1)
        return float(self._recent @ self._now)


def pole(weights: linear_prediction.Numbers) -> float:
    """The distance of the farthest pole from zero; above 1, the sum amplifies without limit."""
    return float(np.abs(np.roots(np.concatenate([[1.0], -weights[::-1]]))).max())


def starts() -> list[Tensor]:
    """The levels of some test prompts that are long enough."""
    its = [it for it in rival.levels("test") if len(it) >= BEGIN + KNOWN + NEW]
    return [its[int(at)] for at in np.linspace(0, len(its) - 1, N_START).round()]


def described(levels: Tensor) -> tuple[float, float]:
    """Loudness, as a root mean square, and the mean frequency of the spectrum."""
    x = rival.decoded(levels)
    power = np.abs(np.fft.rfft(x)) ** 2
    hertz = np.fft.rfftfreq(len(x), 1 / speech.RATE)
    return round(float(x.std()), 3), round(float(power @ hertz / power.sum()), 0)


def summary(its: list[Tensor], sums: list[Sum]) -> dict[str, Any]:
    """What was drawn, and the share of weights that amplify."""
    loud, hertz = zip(*(described(it) for it in its), strict=True)
    every = [it for one in sums for it in one.largest]
    outside = round(float(np.mean(np.array(every) > 1)), 3) if every else None
    return {"loudness": list(loud), "hertz": list(hertz), "outside": outside}


def recordings(n_start: int) -> dict[str, Any]:
    """The same of the recordings' own continuations."""
    its, sums = starts()[:n_start], []
    for it in its:
        sums.append(Sum("renewed"))
        for sample in rival.decoded(it[BEGIN : BEGIN + KNOWN + NEW]):
            sums[-1].step(float(sample))
    return summary([it[BEGIN + KNOWN : BEGIN + KNOWN + NEW] for it in its], sums)


def draws(weights: str, temperature: float, seed: int) -> dict[str, Any]:
    """Draws of the guided network."""
    kept = lm.studies.weights(hybrid.STUDY, "model")
    model = lm.WaveNet(lm.WaveNetConfig(**kept.config))
    model.load_state_dict(kept.state)
    model = model.float().eval()
    known = torch.stack([it[BEGIN : BEGIN + KNOWN] for it in starts()])
    known = known.repeat_interleave(N_DRAW, dim=0)
    sums = [Sum(weights) for _ in known]

    def guide(levels: Tensor) -> Tensor:
        """Companded guesses of the samples after these."""
        heard = zip(sums, rival.decoded(levels).tolist(), strict=True)
        next_ = torch.tensor([one.step(it) for one, it in heard])
        return wavenet.companded(next_.clip(-1, 1)).float()

    generator = torch.Generator().manual_seed(seed)
    made = model.generate(known, NEW, generator, temperature, guide=guide)
    return summary(list(made[:, KNOWN:]), sums)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    study.row(recordings, n_start=N_START)
    for weights, temperature in SETTINGS:
        study.row(draws, weights=weights, temperature=temperature, seed=0)
    study.save()
