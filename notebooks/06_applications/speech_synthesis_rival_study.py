"""Study of the chapter "Speech synthesis": how many bits a sample does linear prediction need?

    make study NAME=06_applications/speech_synthesis_rival

One thread, about 3 minutes. The weights of the prediction follow the decoded sound, so none is
sent. How far off it may be is a mixture of three logistic distributions whose width follows the
last errors; its dozen numbers are fitted on training prompts, as WaveNet's are. Order, half-life
and prior are chosen on validation prompts, one after the other, twice. Bits are those of the same
256 levels as WaveNet's.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from scipy.signal import lfilter
from torch import Tensor

import largemodels as lm
from largemodels.data import speech
from largemodels.models import linear_prediction, wavenet
from largemodels.models.linear_prediction import LinearPredictionConfig, Numbers

STUDY = "06_applications/speech_synthesis_rival"
LONGEST = 15  # seconds, as in the other study
ORDERS = (4, 8, 12, 16, 24, 32, 48, 64)
HALF_LIVES = (4.0, 8.0, 16.0, 25.0, 35.0, 50.0, 70.0, 100.0, 200.0, 400.0, 800.0)
PRIORS = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
FITTED = 40  # training prompts that the errors' distribution is fitted on
DECAYS = (4, 30, 300)  # samples over which errors are averaged
FLOOR = 1e-5  # of an average error


@functools.cache
def parts() -> dict[str, list[speech.Prompt]]:
    """Training, validation and test prompts."""
    return speech.split([it for it in speech.prompts() if it.seconds <= LONGEST])


@functools.cache
def levels(part: str) -> list[Tensor]:
    """The levels of all sounds of a part; of training only those that are fitted on."""
    its = parts()[part]
    if part == "train":
        its = [its[at] for at in np.random.default_rng(0).permutation(len(its))[:FITTED]]
    return [wavenet.to_levels(it.sound) for it in its]


def decoded(of: Tensor) -> Numbers:
    """The sound that a decoder has: that of the levels."""
    return wavenet.expanded(wavenet.from_levels(of)).double().numpy()


@functools.cache
def long_term(order: int) -> Numbers:
    """Mean products of the training prompts."""
    its = [decoded(wavenet.to_levels(it.sound)) for it in parts()["train"]]
    return linear_prediction.products(its, order)


def features(of: Tensor, config: LinearPredictionConfig) -> tuple[Tensor, Tensor]:
    """The prediction for each sample, and what tells how far off it may be: ``(samples, 5)``."""
    sound = decoded(of)
    guess = linear_prediction.predictions(sound, config, long_term(config.order))
    guess = guess.clip(-1, 1)
    errors = np.abs(sound - guess)
    columns = [np.ones(len(sound))]
    for decay in DECAYS:
        keep = math.exp(-1 / decay)
        average = lfilter([1 - keep], [1, -keep], errors)
        columns.append(np.log(np.concatenate([[0.0], average[:-1]]) + FLOOR))
    columns.append(np.log(np.abs(guess) + 1 / 255))  # coarse levels are far from zero
    stacked = torch.from_numpy(np.stack(columns, axis=1))
    return torch.from_numpy(guess), stacked


class Errors(torch.nn.Module):
    """A mixture of three logistic distributions around the prediction."""

    def __init__(self) -> None:
        super().__init__()
        self.width = torch.nn.Parameter(torch.tensor([-0.7, 0.3, 0.4, 0.2, 0.1]).double())
        self.shares = torch.nn.Parameter(torch.zeros(3).double())
        self.relative = torch.nn.Parameter(torch.tensor([-1.0, 0.0, 1.0]).double())

    def log_probs(self, guess: Tensor, found: Tensor, of: Tensor) -> Tensor:
        """Log-probabilities of the levels, ``(samples,)``."""
        scales = (found @ self.width)[:, None] + self.relative
        scales = scales.clamp(-12, 2).exp()
        ends = [wavenet.expanded((of + by) / 127.5 - 1) for by in (-0.5, 0.5)]
        low, high = (it.double()[:, None] for it in ends)
        below, above = (low - guess[:, None]) / scales, (high - guess[:, None]) / scales
        each = wavenet.log_between(below, above, (high - low) / scales)
        each = torch.where(of[:, None] == 0, torch.nn.functional.logsigmoid(above), each)
        last = torch.nn.functional.logsigmoid(-below)
        each = torch.where(of[:, None] == wavenet.N_LEVEL - 1, last, each)
        return torch.logsumexp(self.shares.log_softmax(dim=0) + each, dim=1)


def fitted(config: LinearPredictionConfig) -> Errors:
    """The distribution of errors, fitted on training prompts."""
    its = levels("train")
    found = [features(it, config) for it in its]
    guess, columns = (torch.cat([it[at] for it in found]) for at in (0, 1))
    every, model = torch.cat(its), Errors()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    generator = torch.Generator().manual_seed(0)
    for step in range(250):
        rows = torch.randint(len(every), (8192,), generator=generator)
        optimizer.param_groups[0]["lr"] = 0.03 * (1 - step / 250)
        optimizer.zero_grad()
        loss = -model.log_probs(guess[rows], columns[rows], every[rows]).mean()
        loss.backward()
        optimizer.step()
    return model


@torch.no_grad()
def costs(model: Errors, config: LinearPredictionConfig, part: str) -> list[float]:
    """Bits of each prompt of a part."""
    its = []
    for of in levels(part):
        said = model.log_probs(*features(of, config), of).sum()
        its.append(round(-float(said) / math.log(2), 1))
    return its


def mean(found: list[float], part: str) -> float:
    """Bits a sample."""
    return round(sum(found) / sum(len(it) for it in levels(part)), 4)


def trial(order: int, half_life: float, prior: float) -> dict[str, Any]:
    """Bits a sample of validation prompts."""
    config = LinearPredictionConfig(order, half_life, prior=prior)
    return {"validation": mean(costs(fitted(config), config, "validation"), "validation")}


def run(best_order: int, best_half_life: float, best_prior: float) -> dict[str, Any]:
    """Bits of each test prompt."""
    config = LinearPredictionConfig(best_order, best_half_life, prior=best_prior)
    found = costs(fitted(config), config, "test")
    return {"test": mean(found, "test"), "bits": found}


def counts(smoothed: float) -> dict[str, Any]:
    """Bits of each test prompt if only the frequency of its levels is known."""
    n = torch.full((wavenet.N_LEVEL,), smoothed).double()
    for it in parts()["train"]:
        n += torch.bincount(wavenet.to_levels(it.sound), minlength=wavenet.N_LEVEL)
    each = -(n / n.sum()).log2()
    found = [round(float(each[it].sum()), 1) for it in levels("test")]
    return {"test": mean(found, "test"), "bits": found}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study(STUDY)
    at: dict[str, Any] = {"order": 16, "half_life": 50.0, "prior": 0.01}

    @functools.cache
    def tried(order: int, half_life: float, prior: float) -> float:
        """Validation bits at some settings."""
        found: float = study.row(trial, order=order, half_life=half_life, prior=prior)[
            "validation"
        ]
        return found

    def score(**changed: Any) -> float:
        """The same, of settings that differ from the best so far."""
        return tried(**(at | changed))

    study.row(counts, smoothed=1.0)
    for _ in range(2):  # the best of each depends on the others
        at["half_life"] = lm.studies.best_inside(
            HALF_LIVES, [at["half_life"]], lambda it: score(half_life=it)
        )
        at["order"] = int(
            lm.studies.best_inside(ORDERS, [at["order"]], lambda it: score(order=int(it)))
        )
        at["prior"] = lm.studies.best_inside(
            PRIORS, [at["prior"]], lambda it: score(prior=it)
        )
    study.row(run, **{f"best_{name}": value for name, value in at.items()})
    study.save()
