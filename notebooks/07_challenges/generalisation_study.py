"""Study of the chapter on generalisation: three cures, alone and together, under three shifts.

    make study NAME=07_challenges/generalisation

One thread, about 5 minutes. One small network learns printed letters of 40 scripts, in eight ways:
with distorted copies or without, from random weights or from those of a network of clothes, in
episodes or as one classifier of all letters. Each is tried at learning rates until the best has a
worse one on either side, judged on validation scripts; then three other seeds. All see as many
pictures in as many steps. A test task shows one picture of each of five classes and asks for three
others of each.
"""

from __future__ import annotations

import functools
from itertools import combinations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.book.studies import Study, best_inside
from largemodels.data.episodes import episodes
from largemodels.data.letters import distorted, letters, plain
from largemodels.models.prototypical import (
    Prototypical,
    PrototypicalConfig,
    prototype_logits,
)

STEPS, BATCH, CHANNELS, COPIES = 300, 80, 24, 8
RATES = tuple(1e-4 * 10 ** (k / 2) for k in range(8))
SHIFTS = ("seen", "scripts", "design", "hand")


def small(pictures: Tensor) -> Tensor:
    """``(…, 1, 28, 28)`` averaged to ``(n, 1, 14, 14)``."""
    return F.avg_pool2d(pictures.reshape(-1, 1, 28, 28), 2)


scripts = functools.cache(letters)  # by part


@functools.cache
def bank(kind: str) -> Tensor:
    """Training pictures, ``(letters, 8, 1, 14, 14)``, of every other script of the training.

    "plain": its fonts in turn; "distorted": these, each distorted once; "flipped": distorted, then
    left as they are, mirrored, or turned by half a turn, as often as not.
    """
    generator = torch.Generator().manual_seed(1)
    rows = []
    for script in scripts()["train"][::2]:
        fonts = [k % len(script.fonts) for k in range(COPIES)]
        glyphs = script.pictures[:, fonts].flatten(0, 1)
        drawn = plain(glyphs) if kind == "plain" else distorted(glyphs, generator)
        if kind == "flipped":
            mirror, turn = torch.rand(2, len(drawn), 1, 1, 1, generator=generator) < 0.5
            drawn = torch.where(mirror, drawn.flip(3), drawn)
            drawn = torch.where(turn, drawn.flip(2, 3), drawn)
        rows.append(small(drawn).view(len(script.letters), COPIES, 1, 14, 14))
    return torch.cat(rows)


@functools.cache
def several() -> Tensor:
    """Which training letters have several fonts, ``(letters,)``."""
    return torch.cat(
        [
            torch.full((len(it.letters),), len(it.fonts) > 1)
            for it in scripts()["train"][::2]
        ]
    )


@functools.cache
def pools(part: str) -> list[Tensor]:
    """Pictures by script, ``(letters, pictures, 1, 14, 14)`` each; the digits are one script."""
    generator = torch.Generator().manual_seed(2)
    if part == "hand":
        x, y = lm.mnist()["test"]
        rows = torch.stack([torch.where(y == k)[0][:40] for k in range(10)])
        return [small(x[rows]).view(10, 40, 1, 14, 14)]
    found = []
    if part == "seen":  # letters of the training, in new distortions
        some = scripts()["train"][::4]
    else:
        some = scripts()["validation" if part == "validation" else "test"]
    for script in some:
        if part == "design":  # sans-serif is shown, serif asked for, as they are
            if "Serif Regular" in script.fonts[1:]:
                drawn = small(plain(script.pictures[:, :2].flatten(0, 1)))
                found.append(drawn.view(-1, 2, 1, 14, 14))
            continue
        n = len(script.letters)
        fonts = torch.randint(len(script.fonts), (4 * n,), generator=generator)
        letter = torch.arange(n).repeat_interleave(4)
        drawn = small(distorted(script.pictures[letter, fonts], generator))
        found.append(drawn.view(n, 4, 1, 14, 14))
    return [it for it in found if len(it) >= 5]


def answered(features: Tensor, n: int, ordered: bool) -> tuple[Tensor, Tensor]:
    """Classes that tasks ask for and whether the answers are right, ``(tasks, 5, queries)``.

    Features are ``(classes, pictures, d)``; if ordered, the first picture is shown and the second
    asked for.
    """
    generator = torch.Generator().manual_seed(3)
    query = 1 if ordered else 3
    sizes = dict(way=5, shot=1, query=query, n=n, generator=generator)
    classes, shown, asked = episodes(*features.shape[:2], **sizes)
    if ordered:
        shown, asked = torch.zeros_like(shown), torch.ones_like(asked)
    known = features[classes[..., None], shown][:, :, 0]  # (tasks, 5, d)
    wanted = features[classes[..., None], asked].flatten(1, 2)  # (tasks, 5 · queries, d)
    answer = prototype_logits(known, wanted).argmax(-1).view(n, 5, query)
    return classes[..., None].expand(-1, -1, query), answer == torch.arange(5)[:, None]


def pair(features: Tensor, i: int, j: int) -> float:
    """Share of right answers if one picture of each of two classes is shown."""
    known, total = features[[i, j]], 0.0
    for k in range(10):
        logits = prototype_logits(known[:, k], known[:, 10:].flatten(0, 1))
        half = known.shape[1] - 10
        total += (
            (logits.argmax(-1) == torch.arange(2).repeat_interleave(half))
            .float()
            .mean()
            .item()
        )
    return total / 10


def embedded(embed: Any, part: str, unit: bool) -> list[Tensor]:
    """Features of a part's pictures, ``(letters, pictures, d)`` for each script."""
    found = []
    for pictures in pools(part):
        with torch.no_grad():
            flat = embed(pictures.flatten(0, 1)).view(*pictures.shape[:2], -1)
        found.append(F.normalize(flat, dim=-1) if unit else flat)
    return found


def by_script(embed: Any, part: str, unit: bool) -> list[float]:
    """Accuracy in 60 tasks of each script."""
    some = embedded(embed, part, unit)
    return [answered(it, 60, part == "design")[1].float().mean().item() for it in some]


def validation(embed: Any) -> tuple[dict[str, Any], bool]:
    """Accuracy, and whether features of unit length are better there."""
    means = [
        torch.tensor(by_script(embed, "validation", it)).mean().item()
        for it in (False, True)
    ]
    unit = means[1] > means[0]
    return {"validation": max(means), "unit": unit}, unit


def judged(embed: Any) -> dict[str, Any]:
    """Accuracies by script, and by digit."""
    result, unit = validation(embed)
    for part in ("seen", "scripts", "design"):
        result[part] = by_script(embed, part, unit)
    digits = embedded(embed, "hand", unit)[0]
    classes, is_right = answered(digits, 2_000, False)
    result["hand"] = [is_right[classes == k].float().mean().item() for k in range(10)]
    result["6 and 9"] = pair(digits, 6, 9)
    others = [pair(digits, *it) for it in combinations(range(10), 2) if it != (6, 9)]
    result["other pairs"] = sum(others) / len(others)
    return result


def network(seed: int) -> Prototypical:
    """Three blocks, 24 features."""
    torch.manual_seed(seed)
    return Prototypical(PrototypicalConfig(channels=CHANNELS, n_blocks=3))


def fit(loss: Any, groups: list[dict[str, Any]], steps: int) -> None:
    """Adam with a rate that rises and falls."""
    adam = torch.optim.Adam(groups)
    rates = [group["lr"] for group in groups]
    plan = torch.optim.lr_scheduler.OneCycleLR(adam, rates, total_steps=steps)
    for _ in range(steps):
        value = loss()
        adam.zero_grad()
        value.backward()
        adam.step()
        plan.step()


def classified(
    model: Prototypical, data: Tensor, rate: float, steps: int, seed: int
) -> None:
    """All classes at once, with a last layer that learns ten times as fast."""
    generator = torch.Generator().manual_seed(seed)
    last = nn.Linear(CHANNELS, len(data))

    def loss() -> Tensor:
        classes = torch.randint(len(data), (BATCH,), generator=generator)
        which = torch.randint(data.shape[1], (BATCH,), generator=generator)
        return F.cross_entropy(last(model(data[classes, which])), classes)

    fit(
        loss,
        [
            dict(params=model.parameters(), lr=rate),
            dict(params=last.parameters(), lr=10 * rate),
        ],
        steps,
    )


def in_episodes(
    model: Prototypical, data: Tensor, rate: float, steps: int, seed: int
) -> None:
    """Forty classes, one picture shown and another asked for."""
    generator = torch.Generator().manual_seed(seed)
    way = BATCH // 2

    def loss() -> Tensor:
        classes = torch.randperm(len(data), generator=generator)[:way]
        which = torch.rand(way, data.shape[1], generator=generator).argsort(1)[:, :2]
        pictures = data[classes[:, None], which]  # (way, 2, 1, 14, 14)
        return model.loss(pictures[:, :1], pictures[:, 1:])

    fit(loss, [dict(params=model.parameters(), lr=rate)], steps)


@functools.cache
def clothes(seed: int) -> dict[str, Tensor]:
    """Weights of the same network after as many steps on Fashion-MNIST's ten kinds of clothes."""
    x, y = lm.fashion_mnist()["train"]
    data = torch.stack(
        [small(x[y == k][:1_000]) for k in range(10)]
    )  # (10, 1000, 1, 14, 14)
    model = network(1_000 + seed)
    classified(model, data, 0.01, STEPS, seed)
    return model.state_dict()


def learnt(
    pictures: str, start: str, training: str, rate: float, seed: int, steps: int = STEPS
) -> Prototypical:
    """One network, trained."""
    model = network(seed)
    if start == "clothes":
        model.load_state_dict(clothes(seed))
    data = bank(pictures)
    if training == "episodes of several fonts":
        # Two different fonts of a letter are the only change that these episodes show.
        data, training = data[several()][:, :2], "episodes"
    learn = in_episodes if training == "episodes" else classified
    learn(model, data, rate, steps, seed)
    return model.eval()


def tried(validated: str, start: str, training: str, rate: float) -> dict[str, Any]:
    """On the validation scripts only, which choose the rate; ``validated`` names the pictures."""
    return validation(learnt(validated, start, training, rate, 100))[0]


def trained(
    pictures: str, start: str, training: str, rate: float, seed: int, steps: int = STEPS
) -> dict[str, Any]:
    """On all parts."""
    model = learnt(pictures, start, training, rate, seed, steps)
    if (pictures, start, training, steps, seed) == (
        "distorted",
        "random",
        "episodes",
        3 * STEPS,
        0,
    ):
        study.keep("letters", model)
    return judged(model)


def untouched(source: str, seed: int) -> dict[str, Any]:
    """No training on letters: random weights, or those of the clothes."""
    model = network(seed)
    if source == "clothes":
        model.load_state_dict(clothes(seed))
    else:
        with torch.no_grad():  # batch normalisation learns the letters' means
            for some in bank("distorted")[:, 0].split(BATCH)[:20]:
                model(some)
    return judged(model.eval())


def grey(blur: int) -> dict[str, Any]:
    """Grey values, averaged over so many pixels to each side, twice."""

    def embed(pictures: Tensor) -> Tensor:
        for _ in range(2 * (blur > 0)):
            pictures = F.avg_pool2d(pictures, 2 * blur + 1, stride=1, padding=blur)
        return pictures.flatten(1)

    return judged(embed)


def arm(pictures: str, start: str, training: str) -> float:
    """The rate that is best on the validation scripts."""

    def score(rate: float) -> float:
        row = study.row(
            tried, validated=pictures, start=start, training=training, rate=rate
        )
        return -row["validation"]

    return best_inside(RATES, RATES[4:6], score)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("07_challenges/generalisation")
    for blur in range(4):
        study.row(grey, blur=blur)
    for seed in range(3):
        study.row(untouched, source="random", seed=seed)
        study.row(untouched, source="clothes", seed=seed)
    best = {}
    for pictures in ("plain", "distorted"):
        for start in ("random", "clothes"):
            for training in ("all at once", "episodes"):
                key = dict(pictures=pictures, start=start, training=training)
                best[pictures, start, training] = rate = arm(**key)
                for seed in range(3):
                    study.row(trained, **key, rate=rate, seed=seed)
    for training in ("all at once", "episodes"):
        key = dict(pictures="distorted", start="random", training=training)
        for seed in range(3):
            study.row(
                trained, **key, rate=best[tuple(key.values())], seed=seed, steps=3 * STEPS
            )
    key = dict(pictures="plain", start="random", training="episodes of several fonts")
    rate = arm(**key)
    for seed in range(3):
        study.row(trained, **key, rate=rate, seed=seed)
        key_of_flips = dict(pictures="flipped", start="random", training="episodes")
        rate_of_flips = best["distorted", "random", "episodes"]
        study.row(trained, **key_of_flips, rate=rate_of_flips, seed=seed)
    study.save()
