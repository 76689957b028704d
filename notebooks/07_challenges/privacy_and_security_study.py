"""What models of credit-card clients tell about who was in their training set.

    make study NAME=07_challenges/privacy_and_security

One thread, about two minutes. Each of 32 models is trained on a random half of 3,000 clients, so
that each client is a member of some and not of others. A row `arm` gives the area under the ROC
curve on 10,000 other clients, and how well two attacks find members. Settings are chosen on 5,000
further clients, by the rows `tried`: 18 of ordinary training, 15 for each amount of noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from opacus.accountants.utils import get_noise_multiplier
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import SplineTransformer, StandardScaler
from torch import Tensor

from largemodels.book.studies import Study
from largemodels.data.clients import card_clients
from largemodels.objectives.membership import likelihood_ratios, true_positives
from largemodels.objectives.private import clipped_sums

N_POOL, N_MEMBERS, N_VALIDATION, N_TEST = 3_000, 1_500, 5_000, 10_000
N_MODELS, N_TUNING = 32, 4
D_HIDDEN = {"network": 64, "logistic": 0}
EPSILONS = (0.5, 2.0, 8.0, None)  # None: clipped, without noise
DELTA = 1 / N_MEMBERS
STEPS = 40  # of private training, each on all members
# Ordinary training: size of a batch, and passes; LONG where it is to know its members by heart.
BATCH, PASSES, LONG = 250, 40, 100
LOOKED = {
    1,
    2,
    4,
    7,
    10,
    14,
    20,
    28,
    PASSES,
}  # passes after which validation clients are scored
# Norm of the columns of an average client.
SCALES = {"ordinary": (0.3, 1.0, 3.0), "private": (3.0,)}
RATES = {
    "ordinary": (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
    "private": (0.1, 0.3, 1.0, 3.0, 10.0),
}
SECOND = {"ordinary": (0.3,), "private": (0.5, 2.0, 8.0)}  # weight decay; clipping norm
# How many clients, those that an attack on the first half of the models tells best.
EXPOSED = 60
FALSE_POSITIVES, BOOTSTRAPS = 0.01, 100
Array = NDArray[np.float64]
Layers = list[tuple[Tensor, Tensor]]


@cache
def clients() -> dict[str, tuple[Tensor, Tensor]]:
    """Columns and outcomes of three parts; curves and scales are fitted to the validation part."""
    table = card_clients()
    order = np.random.default_rng(0).permutation(len(table))
    validation, test, pool, _ = np.split(order, np.cumsum([N_VALIDATION, N_TEST, N_POOL]))
    known = table.drop(columns="default")
    numbers = known.select_dtypes("number")
    curves = SplineTransformer(
        4, degree=2, knots="quantile", extrapolation="constant", include_bias=False
    )
    curved = curves.fit(numbers.iloc[validation]).transform(numbers)
    boxes = pd.get_dummies(known.select_dtypes("category")).to_numpy(float)
    joined = np.concatenate([curved, boxes], axis=1)
    x = StandardScaler().fit(joined[validation]).transform(joined).clip(-5, 5)
    x = torch.tensor(x / math.sqrt(x.shape[1]), dtype=torch.float32)
    y = torch.tensor(table.default.to_numpy(), dtype=torch.float32)
    parts = {"validation": validation, "test": test, "pool": pool}
    return {name: (x[rows], y[rows]) for name, rows in parts.items()}


def members(n_models: int) -> Tensor:
    """Which clients each model learns from, in ascending order: (models, N_MEMBERS)."""
    generator = torch.Generator().manual_seed(1)
    drawn = [
        torch.randperm(N_POOL, generator=generator)[:N_MEMBERS] for _ in range(n_models)
    ]
    return torch.stack(drawn).sort(1).values


def fresh(n_models: int, kind: str, generator: torch.Generator) -> Layers:
    """Weights and biases of some models side by side; a logistic regression starts at zero."""
    d, h = clients()["pool"][0].shape[1], D_HIDDEN[kind]
    if not h:
        return [(torch.zeros(n_models, d, 1), torch.zeros(n_models, 1))]
    drawn = [torch.randn(n_models, a, b, generator=generator) for a, b in ((d, h), (h, 1))]
    return [(w / math.sqrt(w.shape[1]), torch.zeros(n_models, w.shape[2])) for w in drawn]


def logits(layers: Layers, x: Tensor) -> tuple[Tensor, Tensor]:
    """Log-odds of a default, (models, clients), and what goes into the last layer."""
    for weight, bias in layers[:-1]:
        x = torch.tanh(x @ weight + bias[:, None])
    return (x @ layers[-1][0] + layers[-1][1][:, None])[..., 0], x


def sums(layers: Layers, x: Tensor, y: Tensor, clip: float) -> Layers:
    """Sums of the clipped gradients of the clients, for a network of one or two layers."""
    z, h = logits(layers, x)
    last = (z.sigmoid() - y)[..., None]
    if len(layers) == 1:
        return clipped_sums([(x, last)], clip)
    back = last @ layers[1][0].mT * (1 - h.square())
    return clipped_sums([(x, back), (h, last)], clip)


def private(
    n_models: int, kind: str, scale: float, rate: float, clip: float, noise: float
) -> Layers:
    """Models trained with clipping and noise; the rate counts in units of the clipping norm."""
    generator = torch.Generator().manual_seed(0)
    layers = fresh(n_models, kind, generator)
    x, y = clients()["pool"]
    x, y = scale * x[members(n_models)], y[members(n_models)]
    for _ in range(STEPS):
        for pair, gradients in zip(layers, sums(layers, x, y, clip), strict=True):
            for value, gradient in zip(pair, gradients, strict=True):
                drawn = torch.randn(value.shape, generator=generator)
                value -= rate * (gradient / clip + noise * drawn) / N_MEMBERS
    return layers


def ordinary(
    n_models: int, kind: str, scale: float, rate: float, decay: float, passes: int
) -> Iterator[tuple[int, Layers]]:
    """Models trained with AdamW; the weights after each pass."""
    generator = torch.Generator().manual_seed(0)
    layers = fresh(n_models, kind, generator)
    flat = [it.requires_grad_() for pair in layers for it in pair]
    adam = torch.optim.AdamW(flat, rate, weight_decay=decay)
    who = members(n_models)
    x, y = clients()["pool"]
    for number in range(1, passes + 1):
        for some in torch.randperm(N_MEMBERS, generator=generator).split(BATCH):
            z, _ = logits(layers, scale * x[who[:, some]])
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                z, y[who[:, some]], reduction="none"
            )
            adam.zero_grad()
            loss.mean(1).sum().backward()
            adam.step()
        yield number, [(w.detach(), b.detach()) for w, b in layers]


def area(layers: Layers, scale: float) -> float:
    """Area under the ROC curve on the validation clients, in per cent, mean over models."""
    x, y = clients()["validation"]
    return float(
        np.mean([100 * roc_auc_score(y, it) for it in logits(layers, scale * x)[0]])
    )


@cache
def noise_for(epsilon: float | None) -> float:
    """Standard deviation of the noise for ε, as a multiple of the clipping norm."""
    if epsilon is None:
        return 0.0
    return float(
        get_noise_multiplier(
            target_epsilon=epsilon,
            target_delta=DELTA,
            sample_rate=1.0,
            steps=STEPS,
            accountant="prv",
        )
    )


@cache
def tried(
    way: str, kind: str, epsilon: float | None, scale: float, rate: float, second: float
) -> dict[str, Any]:
    """One setting on the validation clients; of ordinary training, the best pass."""
    if way == "private":
        layers = private(N_TUNING, kind, scale, rate, second, noise_for(epsilon))
        return {"validation": area(layers, scale)}
    runs = ordinary(N_TUNING, kind, scale, rate, second, PASSES)
    found = {number: area(layers, scale) for number, layers in runs if number in LOOKED}
    best = max(found, key=found.__getitem__)
    return {"validation": found[best], "passes": best}


def components(layers: Layers, scale: float) -> tuple[Array, Array]:
    """Area on the test clients, one value for each of those who default and who do not.

    DeLong's: the share of the others that a client is ranked above or below, mean over models.
    """
    x, y = clients()["test"]
    bad = y.numpy() > 0
    above, below = np.zeros(bad.sum()), np.zeros((~bad).sum())
    for z in logits(layers, scale * x)[0].numpy():
        both = rankdata(z)
        above += (both[bad] - rankdata(z[bad])) / (~bad).sum()
        below += 1 - (both[~bad] - rankdata(z[~bad])) / bad.sum()
    return 100 * above / len(layers[0][0]), 100 * below / len(layers[0][0])


def scores(layers: Layers, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """Log-odds of each pool client's own outcome, the likelihood ratio, who is a member."""
    x, y = clients()["pool"]
    z, _ = logits(layers, scale * x)
    sure = torch.where(y > 0, z, -z).double()
    member = torch.zeros(sure.shape, dtype=torch.bool)
    member = member.scatter_(1, members(len(sure)), True)
    return sure, likelihood_ratios(sure, member), member


def found(attack: Tensor, member: Tensor) -> float:
    """Members found at 1 % of false accusations, in per cent, mean over models."""
    pairs = zip(attack, member, strict=True)
    return float(np.mean([100 * true_positives(a, m, FALSE_POSITIVES) for a, m in pairs]))


def ends(values: list[float]) -> tuple[float, float]:
    """Ends of a 95 % interval."""
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def attacked(layers: Layers, scale: float) -> dict[str, float]:
    """Both attacks, with intervals over clients."""
    sure, ratio, member = scores(layers, scale)
    rng, row = np.random.default_rng(0), {}
    draws = [torch.from_numpy(rng.integers(0, N_POOL, N_POOL)) for _ in range(BOOTSTRAPS)]
    for name, attack in (("loss", sure), ("ratio", ratio)):
        low, high = ends([found(attack[:, it], member[:, it]) for it in draws])
        row |= {name: found(attack, member), f"{name}_low": low, f"{name}_high": high}
    row["guessed"] = float(
        np.mean([100 * roc_auc_score(m, r) for m, r in zip(member, ratio, strict=True)])
    )
    half = len(sure) // 2  # the exposed are chosen on one half, attacked on the other
    first, inside = sure[:half], member[:half]
    means = [(first * it).sum(0) / it.sum(0) for it in (inside, ~inside)]
    squares = (first - torch.where(inside, *means)).square().mean(0)
    top = ((means[0] - means[1]) / squares.sqrt()).topk(EXPOSED).indices
    some, who = ratio[half:, top], member[half:, top]

    def share(columns: Tensor) -> float:
        picked = some[:, columns].flatten(), who[:, columns].flatten()
        return float(100 * true_positives(*picked, FALSE_POSITIVES))

    draws = [
        torch.from_numpy(rng.integers(0, EXPOSED, EXPOSED)) for _ in range(4 * BOOTSTRAPS)
    ]
    row["exposed"] = share(torch.arange(EXPOSED))
    row["exposed_low"], row["exposed_high"] = ends([share(it) for it in draws])
    return row


@cache
def chosen(way: str, kind: str, epsilon: float | None) -> tuple[float, float, float, int]:
    """Scale, rate, clipping norm or decay, and passes: the best on the validation clients."""
    best = max(
        (
            tried(way, kind, epsilon, *setting) | {"setting": setting}
            for setting in product(SCALES[way], RATES[way], SECOND[way])
        ),
        key=lambda it: it["validation"],
    )
    return (*best["setting"], best.get("passes", 0))


@cache
def trained(arm: str, kind: str, epsilon: float | None) -> tuple[Layers, float]:
    """The models of an arm, and their scale."""
    if arm == "by heart":
        *_, (_, layers) = ordinary(N_MODELS, kind, 10.0, 0.01, 0.0, LONG)
        return layers, 10.0
    if arm == "ordinary":
        scale, rate, decay, passes = chosen("ordinary", kind, None)
        *_, (_, layers) = ordinary(N_MODELS, kind, scale, rate, decay, passes)
        return layers, scale
    scale, rate, clip, _ = chosen("private", kind, epsilon)
    return private(N_MODELS, kind, scale, rate, clip, noise_for(epsilon)), scale


def audit(arm: str, kind: str, epsilon: float | None) -> dict[str, Any]:
    """One way of training: area on other clients, and what the attacks find."""
    layers, scale = trained(arm, kind, epsilon)
    above, below = components(layers, scale)
    half = 1.96 * math.sqrt(above.var() / len(above) + below.var() / len(below))
    x, y = clients()["pool"]
    who = scores(layers, scale)[2]
    right = ((logits(layers, scale * x)[0] > 0) == (y > 0)).float()
    return {
        "area": above.mean(),
        "area_low": above.mean() - half,
        "area_high": above.mean() + half,
        "right_members": 100 * float(right[who].mean()),
        "right_others": 100 * float(right[~who].mean()),
        "noise": noise_for(epsilon) if arm == "private" else 0.0,
        **attacked(layers, scale),
    }


def difference(arm: str, kind: str, epsilon: float | None, than: str) -> dict[str, float]:
    """Points of area that an arm has less than logistic regressions without noise, same clients."""
    ours = components(*trained(arm, kind, epsilon))
    theirs = components(*trained(than, "logistic", None))
    lost = [b - a for a, b in zip(ours, theirs, strict=True)]
    half = 1.96 * math.sqrt(sum(it.var() / len(it) for it in lost))
    value = float(lost[0].mean())
    return {"lost": value, "lost_low": value - half, "lost_high": value + half}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/privacy_and_security")
    for kind in D_HIDDEN:
        for way, epsilons in (("ordinary", (None,)), ("private", EPSILONS)):
            for epsilon in epsilons:
                for scale, rate, second in product(SCALES[way], RATES[way], SECOND[way]):
                    study.row(
                        tried,
                        way=way,
                        kind=kind,
                        epsilon=epsilon,
                        scale=scale,
                        rate=rate,
                        second=second,
                    )
    arms = [("by heart", "network", None)]
    for kind in D_HIDDEN:
        arms += [("ordinary", kind, None)]
        arms += [("private", kind, epsilon) for epsilon in EPSILONS]
    for arm, kind, epsilon in arms:
        study.row(audit, arm=arm, kind=kind, epsilon=epsilon)
    for than in ("ordinary", "private"):
        for arm, kind, epsilon in arms:
            if (arm, kind, epsilon) != (than, "logistic", None):
                study.row(difference, arm=arm, kind=kind, epsilon=epsilon, than=than)
    study.save()
