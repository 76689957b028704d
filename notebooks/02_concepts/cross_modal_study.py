"""Study of the chapter "Pictures and words": which way leads from a picture to its name?

    make study NAME=02_concepts/cross_modal

One thread, about 15 minutes, after cross_modal_pictures. A frozen EfficientNet-Lite0 turns 1,375
emoji into vectors, a frozen MiniLM their names. On 800 pairs they are joined by CLIP's loss with
a linear map on either side ("two"), by the same loss with a map of the pictures only ("one"), by
ridge regression from pictures to names ("ridge") and from names to pictures ("back").
EfficientNet's 1,000 labels, read as words by MiniLM, use no pair ("labels"). Two Transformers start
from random weights ("nothing"). All is repeated on five splits of the emoji into training,
validation and test part. On each split every way is tuned by the mean reciprocal rank on the
validation part; nothing is chosen by the test part. The ways and the ladders were settled on
another split of the same emoji.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import largemodels as lm
from largemodels.data.registry import files
from largemodels.models.efficientnet import EfficientNetLite
from largemodels.pretrained.efficientnet import load_efficientnet_lite0

PARTS = ("train", "validation", "test")
SPLITS = (0, 1, 2, 3, 4)
START: dict[str, Any] = {
    "learning_rate": 1e-3, "dropout": 0.65, "temperature": 0.15, "width": 384, "batch_size": 200,
}  # fmt: skip
LADDERS = {
    "learning_rate": [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
    "dropout": [0.0, 0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 0.98],
    "temperature": [0.01, 0.02, 0.04, 0.07, 0.15, 0.3, 0.6, 1.2],
}
WIDTHS = (768, 1536, 3072)  # tried in turn as long as they are better than the one before
STOPS = (25, 50, 75, 100, 150, 200, 300, 400, 600)  # steps after which maps are measured
PATIENCE = 2  # training ends after so many measurements in a row without a better one
PENALTIES = [
    0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 1e4, 3e4,
    1e5, 3e5, 1e6,
]  # fmt: skip
SOFTNESS = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
WEIGHTS = [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4]
FEWER = (25, 50, 100, 200, 400, 800)
Maps = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]


@functools.cache
def network() -> EfficientNetLite:
    """EfficientNet-Lite0, whose last layer gives the labels."""
    return load_efficientnet_lite0()


@functools.cache
def vectors() -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
    """Of all emoji: EfficientNet's vectors ``(1280,)``, and MiniLM's ``(384,)`` by language."""
    kept = lm.studies.weights("02_concepts/cross_modal_pictures", "vectors").state
    reader, parts = lm.load_minilm(), lm.emoji()
    seen: dict[str, Tensor] = {}
    read: dict[str, dict[str, Tensor]] = {tag: {} for tag in ("en", "de", "fr")}
    for part, emoji in parts.items():
        seen |= dict(zip(emoji.symbols, kept[part].float(), strict=True))
        for tag, texts in emoji.names.items():
            read[tag] |= dict(zip(emoji.symbols, reader.embed(texts), strict=True))
    return seen, read


@functools.cache
def data(split: int) -> dict[str, dict[str, Tensor]]:
    """By part: "x", standardised pictures; "en", "de", "fr", names minus the training mean."""
    seen, read = vectors()
    found: dict[str, dict[str, Tensor]] = {}
    for part, emoji in lm.emoji(split).items():
        rows = {
            tag: torch.stack([of[s] for s in emoji.symbols]) for tag, of in read.items()
        }
        found[part] = rows | {"raw": torch.stack([seen[s] for s in emoji.symbols])}
    centre, spread = found["train"]["raw"].mean(0), found["train"]["raw"].std(0) + 1e-3
    mean = found["train"]["en"].mean(0)
    for rows in found.values():
        rows["x"] = (rows["raw"] - centre) / spread
        rows |= {tag: rows[tag] - mean for tag in ("en", "de", "fr")}
        rows["read"] = rows["en"] + mean
    return found


def words(name: str) -> set[str]:
    """The words of an English name."""
    return set(re.findall(r"[a-z]+", name.lower()))


@functools.cache
def fresh(split: int) -> Tensor:
    """Which test names share no word with a name of the training or the validation part."""
    emoji = lm.emoji(split)
    seen = {
        w for part in PARTS[:2] for name in emoji[part].names["en"] for w in words(name)
    }
    return torch.tensor([not words(name) & seen for name in emoji["test"].names["en"]])


def ranks(scores: Tensor) -> Tensor:
    """Rank of the right column in each row; ties count half. Right ones stand on the diagonal."""
    right = scores.diagonal()[:, None]
    return 0.5 + (scores > right).sum(1) + (scores == right).sum(1) / 2


def within(k: int, found: Tensor) -> float:
    """Percentage of ranks of at most k."""
    return 100 * (found <= k).float().mean().item()


def reciprocal(scores: Tensor) -> float:
    """Mean reciprocal rank, over both directions of search."""
    return sum((1 / ranks(table)).mean().item() for table in (scores, scores.T)) / 2


def measured(split: int, scores: Tensor) -> dict[str, float]:
    """Recall in per cent on the test part, from names to pictures and back."""
    find, name = ranks(scores), ranks(scores.T)
    found = {"mrr": reciprocal(scores)}
    for k in (1, 5):
        found |= {f"find_{k}": within(k, find), f"name_{k}": within(k, name)}
    found["seen_5"] = within(5, find[~fresh(split)])
    found["fresh_5"] = within(5, find[fresh(split)])
    return {f"test_{key}": value for key, value in found.items()}


def cosines(names: Tensor, pictures: Tensor) -> Tensor:
    """A row a name, a column a picture."""
    return F.normalize(names, dim=1) @ F.normalize(pictures, dim=1).T


def maps(
    kind: str,
    split: int,
    learning_rate: float,
    dropout: float,
    temperature: float,
    width: int,
    batch_size: int,
) -> dict[str, Any]:
    """Train linear maps by the contrastive loss; the validation part says after how many steps."""
    parts = data(split)
    torch.manual_seed(split)
    a = nn.Linear(1280, width if kind == "two" else 384, bias=False)
    b = nn.Linear(384, width, bias=False) if kind == "two" else nn.Identity()
    scale = nn.Parameter(-torch.tensor(temperature).log())
    optimiser = torch.optim.AdamW(
        [*a.parameters(), *b.parameters(), scale], lr=learning_rate, weight_decay=0.0
    )
    best: dict[str, Any] = {"validation_mrr": 0.0}
    worse = 0
    for step in range(1, STOPS[-1] + 1):
        batch = torch.randperm(800)[:batch_size]
        p = F.normalize(a(F.dropout(parts["train"]["x"][batch], dropout)), dim=1)
        q = F.normalize(b(parts["train"]["en"][batch]), dim=1)
        loss = lm.contrastive_loss(scale.exp() * p @ q.T)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step not in STOPS:
            continue
        with torch.no_grad():
            table = {part: cosines(b(it["en"]), a(it["x"])) for part, it in parts.items()}
        score = reciprocal(table["validation"])
        worse = worse + 1 if score <= best["validation_mrr"] else 0
        if not worse:
            best = {
                "validation_mrr": score,
                "steps": step,
                "learnt_temperature": (-scale).exp().item(),
                "train_find_1": within(1, ranks(table["train"])),
            } | measured(split, table["test"])
        if worse == PATIENCE:
            break
    return best


def solved(x: Tensor, y: Tensor, penalty: float) -> Tensor:
    """Ridge regression in closed form, by a system of len(x) equations."""
    return x.T @ torch.linalg.solve(x @ x.T + penalty * torch.eye(len(x)), y)


def chosen_pairs(split: int, n: int, draw: int, apart: bool) -> Tensor:
    """Rows of n training pairs; "apart": all whose names share no word with a test name."""
    emoji = lm.emoji(split)
    tested = {w for name in emoji["test"].names["en"] for w in words(name)}
    rows = torch.randperm(800, generator=torch.Generator().manual_seed(draw))
    if not apart:
        return rows[:n]
    names = emoji["train"].names["en"]
    return torch.tensor([row for row in rows.tolist() if not words(names[row]) & tested])


def ridge(
    kind: str, split: int, penalty: float, n: int = 800, draw: int = 0, apart: bool = False
) -> dict[str, Any]:
    """Least squares with a penalty, from pictures to names, or back from names to pictures."""
    parts = data(split)
    rows = chosen_pairs(split, n, draw, apart)
    x, y = parts["train"]["x"][rows], parts["train"]["en"][rows]
    x_mean, y_mean = x.mean(0), y.mean(0)
    if kind == "ridge":
        weights = solved(x - x_mean, y - y_mean, penalty)  # (1280, 384)
        pair: Maps = (lambda some: (some - x_mean) @ weights, lambda some: some - y_mean)
    else:
        weights = solved(y - y_mean, x - x_mean, penalty)  # (384, 1280)
        pair = (lambda some: some - x_mean, lambda some: (some - y_mean) @ weights)
    a, b = pair
    table = {part: cosines(b(it["en"]), a(it["x"])) for part, it in parts.items()}
    results: dict[str, Any] = {
        "pairs": len(rows),
        "validation_mrr": reciprocal(table["validation"]),
        "train_find_1": within(1, ranks(table["train"])),
    } | measured(split, table["test"])
    if kind == "ridge" and n == 800 and not apart:
        results |= spoken(split, a)
    return results


def spoken(split: int, a: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """Recall@5 with names in German and French, and of the English names without any picture.

    "like": names with a word of three letters or more that the English name has, too.
    """
    test, names = data(split)["test"], lm.emoji(split)["test"].names
    found = {}
    long = functools.partial(re.findall, r"[^\W\d_]{3,}")
    for tag in ("de", "fr"):
        found_at = ranks(cosines(test[tag], a(test["x"])))
        both = zip(names["en"], names[tag], strict=True)
        like = torch.tensor(
            [bool({*long(e.lower())} & {*long(o.lower())}) for e, o in both]
        )
        found |= {
            f"{tag}_5": within(5, found_at),
            f"{tag}_like": int(like.sum()),
            f"{tag}_like_5": within(5, found_at[like]),
            f"{tag}_unlike_5": within(5, found_at[~like]),
            f"{tag}_text_5": within(5, ranks(cosines(test[tag], test["en"]))),
            f"{tag}_text_unlike_5": within(5, ranks(cosines(test[tag], test["en"]))[~like]),
        }
    return found


@functools.cache
def labels() -> Tensor:
    """MiniLM's vectors of ImageNet's 1,000 labels."""
    (path,) = files("imagenet-names").values()
    return lm.load_minilm().embed(json.loads(path.read_text(encoding="utf-8")))


@torch.no_grad()
def label_cosines(split: int, part: str, softness: float) -> Tensor:
    """Names against the mean of label vectors, weighted by EfficientNet's probabilities."""
    rows = data(split)[part]
    p = (network().head(rows["raw"]) / softness).softmax(1) @ labels()
    p, q = F.normalize(p, dim=1), rows["read"]
    return cosines(q - q.mean(0), p - p.mean(0))


def by_labels(split: int, softness: float) -> dict[str, Any]:
    """No pair is used: EfficientNet's labels, read as words."""
    return {
        "fresh": int(fresh(split).sum()),
        "validation_mrr": reciprocal(label_cosines(split, "validation", softness)),
    } | measured(split, label_cosines(split, "test", softness))


def both(split: int, softness: float, penalty: float, weight: float) -> dict[str, Any]:
    """Cosines after ridge regression plus the weighted cosines of the labels."""
    parts, table = data(split), {}
    weights = solved(parts["train"]["x"], parts["train"]["en"], penalty)
    for part in PARTS[1:]:
        mapped = cosines(parts[part]["en"], parts[part]["x"] @ weights)
        table[part] = mapped + weight * label_cosines(split, part, softness)
    return {"validation_mrr": reciprocal(table["validation"])} | measured(
        split, table["test"]
    )


def nothing(split: int, learning_rate: float) -> dict[str, Any]:
    """Two small Transformers from random weights, on 32-pixel pictures and byte-pair tokens."""
    parts = lm.emoji(split)
    tokenizer = lm.ByteBPE.train(parts["train"].names["en"], vocab_size=400)
    end = tokenizer.vocab_size

    def tokens(texts: list[str]) -> Tensor:
        lists = [[*tokenizer.encode(text).tolist()[:15], end] for text in texts]
        return torch.tensor([it + [0] * (16 - len(it)) for it in lists])  # (n, 16)

    small = {
        part: (
            F.avg_pool2d(it.pictures.float() / 127.5 - 1, 4),  # (n, 3, 32, 32)
            tokens(it.names["en"]),
        )
        for part, it in parts.items()
    }
    torch.manual_seed(split)
    model = lm.CLIP(
        lm.CLIPConfig(
            d_shared=32, image_size=32, patch_size=8, vision_width=32, vision_layers=2,
            vision_heads=4, vocab_size=end + 1, context_length=16, text_width=32, text_layers=2,
            text_heads=4, end_token=end,
        )
    )  # fmt: skip
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.1)
    best: dict[str, Any] = {"validation_mrr": 0.0}
    for step in range(1, 160 + 1):
        batch = torch.randperm(800)[:200]
        loss = model.loss(*(it[batch] for it in small["train"]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 20 == 0:
            with torch.no_grad():
                table = {part: model(*it).T for part, it in small.items()}
            score = reciprocal(table["validation"])
            if score > best["validation_mrr"]:
                best = {
                    "validation_mrr": score,
                    "steps": step,
                    "train_find_1": within(1, ranks(table["train"])),
                } | measured(split, table["test"])
    return best


def tune(study: lm.studies.Study, kind: str, split: int) -> dict[str, Any]:
    """One setting after the other, each with a value no better on either side; then the width."""
    chosen = dict(START)

    @functools.cache
    def score(**setting: float) -> float:
        row = study.row(maps, kind=kind, split=split, **setting)
        return -row["validation_mrr"]

    for setting, ladder in LADDERS.items():
        chosen[setting] = lm.studies.best_inside(
            ladder,
            [chosen[setting]],
            lambda value, setting=setting: score(**chosen | {setting: value}),
        )
    for width in WIDTHS if kind == "two" else ():
        if score(**chosen | {"width": width}) >= score(**chosen):
            break
        chosen["width"] = width
    return chosen


def tune_ridge(study: lm.studies.Study, **key: Any) -> float:
    """The best penalty for these pairs."""
    return lm.studies.best_inside(
        PENALTIES,
        [1.0, 1000.0],
        lambda it: -study.row(ridge, penalty=it, **key)["validation_mrr"],
    )


def solve(study: lm.studies.Study, split: int) -> None:
    """The rows of one split that take no steps."""
    softness = lm.studies.best_inside(
        SOFTNESS,
        [4.0],
        lambda it: -study.row(by_labels, split=split, softness=it)["validation_mrr"],
    )
    penalty, _ = (tune_ridge(study, kind=kind, split=split) for kind in ("ridge", "back"))
    one = {"split": split, "softness": softness, "penalty": penalty}
    lm.studies.best_inside(
        WEIGHTS, [0.4], lambda it: -study.row(both, weight=it, **one)["validation_mrr"]
    )
    for n in FEWER[:-1]:
        tune_ridge(study, kind="ridge", split=split, n=n)
    left = len(chosen_pairs(split, 800, 0, True))
    tune_ridge(study, kind="ridge", split=split, n=left, apart=True)
    for draw in (1, 2, 3):
        tune_ridge(study, kind="ridge", split=split, n=left, draw=draw)


def train(study: lm.studies.Study, split: int) -> None:
    """The rows of one split that are trained by the contrastive loss on frozen vectors."""
    best = {kind: tune(study, kind, split) for kind in ("one", "two")}
    if split < 3:
        others = [{"temperature": it} for it in (0.02, 0.07, 0.5)]
        others += [{"batch_size": it} for it in (25, 100, 800)]
        for other in others:
            if other.items() <= best["one"].items():
                continue
            study.row(maps, kind="one", split=split, **best["one"] | other)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/cross_modal")
    for split in SPLITS:
        solve(study, split)
    rate = lm.studies.best_inside(
        [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
        [1e-3],
        lambda it: -study.row(nothing, split=0, learning_rate=it)["validation_mrr"],
    )
    for split in SPLITS[
        1:
    ]:  # slow, so its learning rate is chosen on the first split alone
        study.row(nothing, split=split, learning_rate=rate)
    for split in SPLITS:
        train(study, split)
    study.save()
