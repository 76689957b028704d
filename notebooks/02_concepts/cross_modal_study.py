"""Study of the chapter "Pictures and words": which way from a picture to its name needs few pairs?

    make study NAME=02_concepts/cross_modal

One thread, about 5 minutes, after cross_modal_pictures. A frozen EfficientNet-Lite0 turns 1,375
emoji into vectors, a frozen MiniLM their names. Three ways join the two on 800 pairs: CLIP's loss
with a linear map on either side ("two"), the same loss with a map of the pictures only ("one"), and
ridge regression from picture vectors to name vectors. A fourth uses no pair: EfficientNet's own
1,000 labels, as words, compared by MiniLM. All are tuned by the mean reciprocal rank on the
validation part, the maps over three seeds, in a shared space as wide as MiniLM's; then five other
seeds are measured on the test part, which no choice has seen.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.registry import files
from largemodels.models.efficientnet import EfficientNetLite
from largemodels.pretrained.efficientnet import load_efficientnet_lite0

PARTS = ("train", "validation", "test")
TUNING_SEEDS, SEEDS = (0, 1, 2), (10, 11, 12, 13, 14)
START: dict[str, Any] = {
    "width": 384, "dropout": 0.65, "temperature": 0.15, "learning_rate": 1e-3, "batch_size": 200,
    "steps": 150,
}  # fmt: skip
LADDERS = {
    "learning_rate": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
    "dropout": [0.0, 0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98],
    "temperature": [0.01, 0.02, 0.04, 0.07, 0.15, 0.3, 0.6, 1.2],
}
PENALTIES = [10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 1e4, 3e4, 1e5]
SOFTNESS = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]


@functools.cache
def network() -> EfficientNetLite:
    """EfficientNet-Lite0, whose last layer gives the labels."""
    return load_efficientnet_lite0()


@functools.cache
def pictures() -> dict[str, Tensor]:
    """EfficientNet's vectors of all pictures by part, ``(n, 1280)``, as kept."""
    found = lm.studies.weights("02_concepts/cross_modal_pictures", "vectors").state
    return {part: found[part].float() for part in PARTS}


@functools.cache
def names() -> dict[tuple[str, str], Tensor]:
    """MiniLM's vectors of all names, ``(n, 384)``, by part and language."""
    reader = lm.load_minilm()
    return {
        (part, language): reader.embed(texts)
        for part, emoji in lm.emoji().items()
        for language, texts in emoji.names.items()
    }


@functools.cache
def labels() -> Tensor:
    """MiniLM's vectors of ImageNet's 1,000 labels."""
    (path,) = files("imagenet-names").values()
    return lm.load_minilm().embed(json.loads(path.read_text(encoding="utf-8")))


def words(name: str) -> set[str]:
    """The words of an English name."""
    return set(re.findall(r"[a-z]+", name.lower()))


@functools.cache
def unseen() -> Tensor:
    """Which test names share no word with a name of the training or the validation part."""
    emoji = lm.emoji()
    seen = {
        w for part in PARTS[:2] for name in emoji[part].names["en"] for w in words(name)
    }
    return torch.tensor([not words(name) & seen for name in emoji["test"].names["en"]])


def ranks(scores: Tensor) -> Tensor:
    """Rank of the right column in each row; ties count half. Right ones stand on the diagonal."""
    right = scores.diagonal()[:, None]
    return 0.5 + (scores > right).sum(1) + (scores == right).sum(1) / 2


def measured(part: str, of_names: Tensor, of_pictures: Tensor) -> dict[str, float]:
    """Recall in per cent and mean reciprocal rank, in both directions; vectors of length 1."""
    scores = of_names @ of_pictures.T  # (names, pictures)
    found, results = {"find": ranks(scores), "name": ranks(scores.T)}, {}
    for way, rank in found.items():
        for k in (1, 5):
            results[f"{part}_{way}_{k}"] = 100 * (rank <= k).float().mean().item()
    results[f"{part}_mrr"] = sum((1 / rank).mean().item() for rank in found.values()) / 2
    if part == "test":
        few = found["find"][unseen()]
        results["test_unseen_1"] = 100 * (few <= 1).float().mean().item()
        results["test_unseen_5"] = 100 * (few <= 5).float().mean().item()
    return results


def prepared(n: int, seed: int) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
    """Standardised pictures by part, training names, which rows, and the mean of the names."""
    rows = torch.randperm(800, generator=torch.Generator().manual_seed(seed))[:n]
    some = pictures()["train"][rows]
    centre, spread = some.mean(0), some.std(0) + 1e-3
    x = {part: (vectors - centre) / spread for part, vectors in pictures().items()}
    x["train"] = x["train"][rows]
    y = names()["train", "en"][rows]
    return x, y - y.mean(0), rows, y.mean(0)


def everywhere(
    x: dict[str, Tensor], rows: Tensor, mean: Tensor, a: Any, b: Any
) -> dict[str, Any]:
    """All that is measured of two maps, of pictures and of names."""
    results: dict[str, Any] = {}
    for part in PARTS:
        y = names()[part, "en"] - mean
        y = y[rows] if part == "train" else y
        results |= measured(part, F.normalize(b(y), dim=1), F.normalize(a(x[part]), dim=1))
    p = F.normalize(a(x["test"]), dim=1)
    for language in ("de", "fr"):
        q = F.normalize(b(names()["test", language] - mean), dim=1)
        results[f"test_{language}_5"] = 100 * (ranks(q @ p.T) <= 5).float().mean().item()
    q = F.normalize(b(names()["test", "en"] - mean), dim=1)
    results["gap"] = (p.mean(0) - q.mean(0)).norm().item()
    return results


def maps(
    kind: str,
    n: int,
    seed: int,
    width: int,
    dropout: float,
    temperature: float,
    learning_rate: float,
    batch_size: int,
    steps: int,
) -> dict[str, Any]:
    """Train linear maps by the contrastive loss on n pairs; "one" leaves the names as they are."""
    x, y, rows, mean = prepared(n, seed)
    torch.manual_seed(seed)
    a = nn.Linear(1280, width if kind == "two" else 384, bias=False)
    b = nn.Linear(384, width, bias=False) if kind == "two" else nn.Identity()
    scale = nn.Parameter(-torch.tensor(temperature).log())
    optimiser = torch.optim.AdamW(
        [*a.parameters(), *b.parameters(), scale], lr=learning_rate, weight_decay=0.0
    )
    for _ in range(steps):
        batch = torch.randperm(n)[:batch_size]
        p = F.normalize(a(F.dropout(x["train"][batch], dropout)), dim=1)
        q = F.normalize(b(y[batch]), dim=1)
        loss = lm.contrastive_loss(scale.exp() * p @ q.T)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return everywhere(x, rows, mean, a, b)


def ridge(n: int, seed: int, penalty: float) -> dict[str, Any]:
    """Least squares from pictures to names with a penalty on the squares of the weights."""
    x, y, rows, mean = prepared(n, seed)
    outer = x["train"] @ x["train"].T + penalty * torch.eye(n)
    weights = x["train"].T @ torch.linalg.solve(outer, y)  # (1280, 384)
    return everywhere(x, rows, mean, lambda some: some @ weights, nn.Identity())


@torch.no_grad()
def by_labels(softness: float) -> dict[str, Any]:
    """Names against the mean of label vectors, weighted by EfficientNet's probabilities."""
    results: dict[str, Any] = {}
    for part in PARTS[1:]:
        p = (network().head(pictures()[part]) / softness).softmax(1) @ labels()
        q = names()[part, "en"]
        p, q = (F.normalize(v, dim=1) for v in (p, q))
        p, q = (F.normalize(v - v.mean(0), dim=1) for v in (p, q))
        results |= measured(part, q, p)
    return results


def tune(study: lm.studies.Study, kind: str) -> dict[str, Any]:
    """One setting after the other, each with a worse value on either side."""
    chosen, known = dict(START), {}

    def score(setting: str, value: float) -> float:
        tried = chosen | {setting: value}
        key = tuple(tried.values())
        if key not in known:
            rows = [
                study.row(maps, kind=kind, n=800, seed=seed, **tried)
                for seed in TUNING_SEEDS
            ]
            known[key] = -sum(row["validation_mrr"] for row in rows) / len(rows)
        return known[key]

    for setting, ladder in LADDERS.items():
        chosen[setting] = lm.studies.best_inside(
            ladder, [chosen[setting]], functools.partial(score, setting)
        )
    return chosen


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/cross_modal")
    lm.studies.best_inside(
        SOFTNESS, [4.0], lambda it: -study.row(by_labels, softness=it)["validation_mrr"]
    )
    lm.studies.best_inside(
        PENALTIES,
        [1000.0],
        lambda it: -study.row(ridge, n=800, seed=0, penalty=it)["validation_mrr"],
    )
    best = {kind: tune(study, kind) for kind in ("one", "two")}
    for kind, setting in best.items():
        for seed in SEEDS:
            study.row(maps, kind=kind, n=800, seed=seed, **setting)
    others = [("two", {"width": width}) for width in (96, 1536)]
    others += [("two", {"batch_size": batch_size}) for batch_size in (25, 100, 400)]
    others += [(kind, {"steps": 450}) for kind in best]
    for kind, other in others:
        for seed in TUNING_SEEDS:
            study.row(maps, kind=kind, n=800, seed=seed, **best[kind] | other)
    study.save()
