"""Five letters of a script never seen, told apart after one or five examples: by learnt features?

A small convolutional network is trained in episodes, as a prototypical network, or to tell all
letters of the training scripts apart at once. Both see as many pictures. How an episode is drawn
and each learning rate are chosen on the validation scripts, with a seed that is not reported;
then five other seeds. Pixels and the features of a network trained on photographs beside them.
"""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from largemodels.book.studies import Study, best_inside
from largemodels.data.episodes import episodes
from largemodels.data.letters import Script, distorted, letters, plain
from largemodels.models.prototypical import (
    Prototypical,
    PrototypicalConfig,
    prototype_logits,
)

STEPS, PICTURES, CHANNELS = 400, 120, 32
WAY, QUERY, N_TASKS, N_DRAWN = 5, 3, 100, 8
RATES = [1e-4 * 10 ** (k / 2) for k in range(9)]
# Classes, shown and asked pictures of a training episode: 120 pictures each.
KINDS = {
    "20 way, 1 shot": (20, 1, 5),
    "60 way, 1 shot": (60, 1, 1),
    "15 way, 5 shot": (15, 5, 3),
}
PARTS = letters()


def drawn(script: Script, seed: int = 0) -> Tensor:
    """Eight distorted pictures of each letter, in any of its fonts: (letters, 8, 1, 28, 28)."""
    generator = torch.Generator().manual_seed(seed)
    n = len(script.letters)
    letter = torch.arange(n).repeat_interleave(N_DRAWN)
    font = torch.randint(len(script.fonts), (n * N_DRAWN,), generator=generator)
    return distorted(script.pictures[letter, font], generator).view(n, N_DRAWN, 1, 28, 28)


def right(features: Tensor, shot: int, unit: bool, nearest: bool) -> float:
    """Share of right answers in 100 tasks of a script; features are (letters, 8, d)."""
    if unit:
        features = F.normalize(features, dim=-1)
    generator = torch.Generator().manual_seed(shot)
    sizes = dict(way=WAY, shot=shot, query=QUERY, n=N_TASKS, generator=generator)
    classes, shown, asked = episodes(*features.shape[:2], **sizes)
    known = features[classes[..., None], shown]  # (tasks, way, shot, d)
    asked = features[classes[..., None], asked].flatten(1, 2)  # (tasks, way · query, d)
    if nearest:
        logits = (
            prototype_logits(known.flatten(1, 2), asked).unflatten(-1, (WAY, shot)).amax(-1)
        )
    else:
        logits = prototype_logits(known.mean(dim=2), asked)
    truth = torch.arange(WAY).repeat_interleave(QUERY)
    return (logits.argmax(-1) == truth).float().mean().item()


def other_font(features: Tensor, unit: bool) -> float:
    """The same with one printed letter shown and the other design asked for; (letters, 2, d)."""
    if unit:
        features = F.normalize(features, dim=-1)
    generator = torch.Generator().manual_seed(1)
    classes, _, _ = episodes(
        len(features), 2, way=WAY, shot=1, query=1, n=N_TASKS, generator=generator
    )
    logits = prototype_logits(features[classes, 0], features[classes, 1])
    return (logits.argmax(-1) == torch.arange(WAY)).float().mean().item()


POOLS = {part: [drawn(script) for script in PARTS[part]] for part in ("validation", "test")}
# Sans-serif and serif, upright and regular, as they are: (letters, 2, 1, 28, 28).
TWO_DESIGNS = {
    script.name: plain(script.pictures[:, :2].flatten(0, 1)).view(-1, 2, 1, 28, 28)
    for script in PARTS["test"]
    if "Serif Regular" in script.fonts[1:]
}


def judged(embed, whole: bool = False) -> dict[str, object]:
    """Accuracies by test script, with the way of comparing that is best on the validation scripts.

    embed gets pictures in a row, or, if whole, a script's at once.
    """

    def features(pictures: Tensor) -> Tensor:
        with torch.no_grad():
            flat = embed(pictures if whole else pictures.flatten(0, 1))
            return flat.view(*pictures.shape[:2], -1)

    pools = {part: [features(pictures) for pictures in POOLS[part]] for part in POOLS}
    result: dict[str, object] = {}
    for shot in (1, 5):
        ways = [
            (unit, nearest) for unit in (False, True) for nearest in (False, True)[:shot]
        ]
        scores = {
            way: sum(right(f, shot, *way) for f in pools["validation"])
            / len(pools["validation"])
            for way in ways
        }
        best = max(ways, key=lambda way: scores[way])
        result |= {f"validation, {shot} shot": scores[best], f"unit, {shot} shot": best[0]}
        result |= {f"nearest, {shot} shot": best[1]}
        result[f"{shot} shot"] = [right(f, shot, *best) for f in pools["test"]]
    unit = bool(result["unit, 1 shot"])
    result["other font"] = [other_font(features(p), unit) for p in TWO_DESIGNS.values()]
    return result


def score(row: dict[str, object]) -> float:
    """Lower is better."""
    return -(row["validation, 1 shot"] + row["validation, 5 shot"])  # type: ignore[operator]


class Letters:
    """All letters of the training scripts, and pictures of them."""

    def __init__(self, seed: int, strength: float = 1.0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.strength = strength
        self.of_script = [range(0)]
        glyphs = []
        for script in PARTS["train"]:
            start = self.of_script[-1].stop
            self.of_script.append(range(start, start + len(script.letters)))
            n = len(script.fonts)  # 1 to 4, so that of twelve each font has as many
            glyphs.append(script.pictures[:, [k % n for k in range(12)]])
        self.of_script = self.of_script[1:]
        self.glyphs = torch.cat(glyphs)  # (letters, 12, 56, 56)

    def draw(self, classes: Tensor) -> Tensor:
        """A new picture of each: (n,) to (n, 1, 28, 28)."""
        font = torch.randint(12, classes.shape, generator=self.generator)
        return distorted(self.glyphs[classes, font], self.generator, self.strength)

    def classes(self, n: int, of_one_script: bool) -> Tensor:
        """Different letters, of all scripts or of one that has enough."""
        some = range(len(self.glyphs))
        if of_one_script:
            enough = [letters for letters in self.of_script if len(letters) >= n]
            some = enough[torch.randint(len(enough), (1,), generator=self.generator).item()]
        return some.start + torch.randperm(len(some), generator=self.generator)[:n]


def network(seed: int) -> Prototypical:
    """28,000 parameters."""
    torch.manual_seed(seed)
    return Prototypical(PrototypicalConfig(channels=CHANNELS))


def fit(loss, groups: list[dict], steps: int) -> float:
    """Adam with a rate that rises and falls; returns the seconds."""
    adam = torch.optim.Adam(groups)
    rates = [group["lr"] for group in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, rates, total_steps=steps)
    began = time.process_time()
    for _ in range(steps):
        value = loss()
        adam.zero_grad()
        value.backward()
        adam.step()
        schedule.step()
    return time.process_time() - began


def episodic(
    kind: str, of_one_script: bool, rate: float, seed: int, strength: float = 1
) -> dict[str, object]:
    """A prototypical network."""
    model, data = network(seed), Letters(seed, strength)
    way, shot, query = KINDS[kind]

    def loss() -> Tensor:
        classes = data.classes(way, of_one_script)[:, None].expand(-1, shot + query)
        pictures = data.draw(classes.flatten()).view(way, shot + query, 1, 28, 28)
        return model.loss(pictures[:, :shot], pictures[:, shot:])

    seconds = fit(loss, [dict(params=model.parameters(), lr=rate)], STEPS)
    if (seed, strength) == (0, 1):
        study.keep("episodes", model)
    return judged(model.eval()) | {"core_seconds": seconds}


def jointly(head: str, rate: float, seed: int, steps: int = STEPS) -> dict[str, object]:
    """Cross-entropy over all letters of the training scripts; the last layer is then dropped.

    It learns ten times as fast as the rest, since it sees each letter seldom. The cosine head is
    15 times the cosine of features and weights.
    """
    model, data = network(seed), Letters(seed)
    last = nn.Linear(model(torch.zeros(2, 1, 28, 28)).shape[1], len(data.glyphs))

    def loss() -> Tensor:
        classes = torch.randint(len(data.glyphs), (PICTURES,), generator=data.generator)
        features = model(data.draw(classes))
        if head == "cosine":
            logits = 15 * F.normalize(features, dim=1) @ F.normalize(last.weight, dim=1).T
        else:
            logits = last(features)
        return F.cross_entropy(logits, classes)

    groups = [
        dict(params=model.parameters(), lr=rate),
        dict(params=last.parameters(), lr=10 * rate),
    ]
    seconds = fit(loss, groups, steps)
    return judged(model.eval()) | {"core_seconds": seconds}


def untrained(seed: int) -> dict[str, object]:
    """Random weights; batch normalisation knows the training letters' means."""
    model, data = network(seed), Letters(seed)
    with torch.no_grad():
        for _ in range(50):
            model(
                data.draw(
                    torch.randint(len(data.glyphs), (PICTURES,), generator=data.generator)
                )
            )
    return judged(model.eval())


def pixels(blur: int) -> dict[str, object]:
    """Grey values, averaged over so many pixels to each side, twice."""

    def embed(pictures: Tensor) -> Tensor:
        for _ in range(2 * (blur > 0)):
            pictures = F.avg_pool2d(pictures, 2 * blur + 1, stride=1, padding=blur)
        return pictures.flatten(1)

    return judged(embed)


def photographs(side: int) -> dict[str, object]:
    """EfficientNet-Lite0, trained on ImageNet; the best of five depths on validation scripts."""
    from largemodels.pretrained.efficientnet import lite0_pixels, load_efficientnet_lite0

    model = load_efficientnet_lite0()
    depths: dict[str, int] = {}

    def embed(pictures: Tensor) -> Tensor:
        """Means over the picture after some blocks and at the end, side by side."""
        parts = []
        for some in pictures.split(256):
            some = F.interpolate(1 - some, size=(side, side), mode="bilinear")
            x, found = F.relu6(model.stem(lite0_pixels(some.expand(-1, 3, -1, -1)))), {}
            for k, block in enumerate(model.blocks):
                x = block(x)
                if k in (2, 4, 7, 10):
                    found[f"block {k}"] = x.mean(dim=(2, 3))
            found["end"] = F.relu6(model.last(x)).mean(dim=(2, 3))
            depths.update({name: values.shape[1] for name, values in found.items()})
            parts.append(torch.cat(list(found.values()), dim=1))
        return torch.cat(parts)

    with torch.no_grad():
        embedded = {id(p): embed(p.flatten(0, 1)) for some in POOLS.values() for p in some}
        embedded |= {id(p): embed(p.flatten(0, 1)) for p in TWO_DESIGNS.values()}
    rows, start = {}, 0
    for name, width in depths.items():
        cut = slice(start, start + width)
        rows[name] = judged(
            lambda pictures, cut=cut: embedded[id(pictures)][:, cut], whole=True
        )
        start += width
    best = min(rows, key=lambda name: score(rows[name]))
    return rows[best] | {"depth": best}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/meta_learning_letters")
    rows: dict[str, dict[str, object]] = {}

    def once(compute, **key) -> dict[str, object]:
        """A row that several choices look at."""
        if str(key) not in rows:
            rows[str(key)] = study.row(compute, **key)
        return rows[str(key)]

    for blur in (1, 2, 3, 4, 6):
        study.row(pixels, blur=blur)
    first = {
        (kind, one): 0.0
        for kind in KINDS
        for one in (False, True)
        if (kind[:2], one) != ("60", True)
    }
    for kind, one in first:
        key = dict(kind=kind, of_one_script=one, rate=RATES[3], seed=100)
        first[kind, one] = score(once(episodic, **key))
    kind, one = min(first, key=first.__getitem__)
    key = dict(kind=kind, of_one_script=one)
    rate = best_inside(
        RATES, RATES[2:5], lambda rate: score(once(episodic, **key, rate=rate, seed=100))
    )
    for seed in range(5):
        study.row(episodic, **key, rate=rate, seed=seed)
    tried = {}
    for head in ("linear", "cosine"):
        best = best_inside(
            RATES,
            RATES[2:5],
            lambda r, head=head: score(once(jointly, head=head, rate=r, seed=100)),
        )
        tried[head, best] = score(once(jointly, head=head, rate=best, seed=100))
    head, best = min(tried, key=tried.__getitem__)
    for seed in range(5):
        study.row(jointly, head=head, rate=best, seed=seed)
    study.row(photographs, side=96)
    for seed in range(3):
        study.row(untrained, seed=seed)
        study.row(episodic, **key, rate=rate, seed=seed, strength=0)
    for seed in range(3):
        study.row(jointly, head=head, rate=best, seed=seed, steps=3 * STEPS)
    study.save()
