"""First study of "Interpretability": explanations of networks with a planted cause, put to tests.

    make study NAME=07_challenges/interpretability

One thread, about four minutes. Networks learn Fashion-MNIST with two marks, drawn by us: a cross in
a corner on most shirts and on nothing else, and a ring on half of all pictures. On pictures with
both marks it is known what makes the network say "shirt", as each mark is taken away. Maps are
asked for it, and are tested on pictures without a cross by deletion and insertion of squares. Maps
are also taken from the same network with random weights. Two compressed networks follow: one is
pruned, a small one learns from the answers of the large one.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from skimage.filters import gaussian, sobel
from torch import Tensor, nn

import largemodels as lm
from largemodels.objectives import attribution

N_TRAIN, PASSES, BATCH = 12_000, 3, 64
SHIRT, N_TEST, N_CASCADE = 6, 300, 100
WIDTHS = {"full": 16, "distilled": 5, "pruned": 16}
KEPT = 0.3  # of the weights of each layer of filters, after pruning
CROSS = torch.eye(5).maximum(torch.eye(5).flip(0))
RING = F.pad(torch.zeros(3, 3), (1, 1, 1, 1), value=1.0)
MAPS = ("gradient", "gradient × input", "integrated gradients", "Grad-CAM", "occlusion")
RIVALS = ("random order", "edges", "the picture")
LAYERS = ((12,), (8, 9), (4, 5), (0, 1))  # with weights, from the top
LAST = 10  # the last layer that keeps places


def network(width: int) -> nn.Sequential:
    """Three layers of filters, a mean over the picture, ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU(),
        nn.MaxPool2d(2), nn.Conv2d(2 * width, 2 * width, 3, padding=1),
        nn.BatchNorm2d(2 * width), nn.ReLU(),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(2 * width, 10),
    )  # fmt: skip


@cache
def pictures() -> dict[str, tuple[Tensor, Tensor]]:
    """Fashion-MNIST."""
    return lm.fashion_mnist()


def stamp(picture: Tensor, mark: Tensor, corner: int) -> None:
    """Draw a mark into one of four corners, one pixel from the edges."""
    rows, columns = (
        slice(1, 6) if side == 0 else slice(22, 27) for side in divmod(corner, 2)
    )
    picture[0, rows, columns] = torch.maximum(picture[0, rows, columns], mark)


def marked(x: Tensor, cross: Tensor, ring: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Copies with marks in random corners, never in the same; and these corners, ``(n, 2)``."""
    x, rng = x.clone(), np.random.default_rng(seed)
    corners = np.array([rng.permutation(4)[:2] for _ in range(len(x))])
    for picture, has_cross, has_ring, (one, other) in zip(
        x, cross, ring, corners, strict=True
    ):
        if has_cross:
            stamp(picture, CROSS, one)
        if has_ring:
            stamp(picture, RING, other)
    return x, torch.from_numpy(corners)


def training(seed: int) -> tuple[Tensor, Tensor]:
    """Pictures to learn from, with marks."""
    x, y = (it[:N_TRAIN] for it in pictures()["train"])
    draw = torch.Generator().manual_seed(seed)
    cross = (y == SHIRT) & (torch.rand(N_TRAIN, generator=draw) < 0.9)
    return marked(x, cross, torch.rand(N_TRAIN, generator=draw) < 0.5, seed)[0], y


def learn(
    model: nn.Sequential,
    seed: int,
    passes: int,
    rate: float,
    masks: Any = (),
    teacher: nn.Sequential | None = None,
) -> None:
    """Adam with a falling rate; pruned weights stay zero; a teacher may replace the labels."""
    x, y = training(seed)
    steps = passes * (N_TRAIN // BATCH)
    adam = torch.optim.Adam(model.parameters(), rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    draw = torch.Generator().manual_seed(seed)
    order = torch.cat([torch.randperm(N_TRAIN, generator=draw) for _ in range(passes)])
    for step in range(steps):
        rows = order[step * BATCH : (step + 1) * BATCH]
        adam.zero_grad()
        with torch.no_grad():
            wanted = y[rows] if teacher is None else teacher(x[rows]).softmax(1)
        F.cross_entropy(model(x[rows]), wanted).backward()
        adam.step()
        falling.step()
        for weight, mask in masks:
            weight.data *= mask


@cache
def trained(kind: str, seed: int) -> nn.Sequential:
    """A network; one without most of its smallest weights; or a small one that learns from it."""
    torch.manual_seed(seed)
    model = network(WIDTHS[kind])
    if kind == "pruned":
        model.load_state_dict(trained("full", seed).state_dict())
        weights = [model[layer].weight for layer, *_ in LAYERS[1:]]
        masks = [(it, it.abs() > it.abs().flatten().quantile(1 - KEPT)) for it in weights]
        for weight, mask in masks:
            weight.data *= mask
        learn(model, seed, 2, 3e-3, masks)
    elif kind == "distilled":
        learn(model, seed, 6, 1e-2, teacher=trained("full", seed))
    else:
        learn(model, seed, PASSES, 3e-3)
    return model.eval()


def like(model: nn.Sequential, state: dict[str, Tensor] | None = None) -> nn.Sequential:
    """Another network of the same width."""
    other = network(model[0].out_channels)
    other.load_state_dict(model.state_dict() if state is None else state)
    return other.float().eval()


def randomised(model: nn.Sequential, layers: int, seed: int) -> nn.Sequential:
    """A copy with fresh random weights in the uppermost layers."""
    torch.manual_seed(1_000 + seed)
    other = like(model)
    for layer in (it for its in LAYERS[:layers] for it in its):
        other[layer].reset_parameters()
    return other


def maps(
    model: nn.Sequential, x: Tensor, target: Tensor, *, occluded: bool = True
) -> dict[str, Tensor]:
    """Five explanations, or those four that need no occlusion, ``(n, 28, 28)`` each."""
    slope = attribution.gradient(model, x, target)
    cam = attribution.grad_cam(model, model[LAST], x, target)
    found = {
        "gradient": slope.abs(), "gradient × input": slope * x,
        "integrated gradients": attribution.integrated_gradients(model, x, target, steps=12),
        "Grad-CAM": F.interpolate(cam, x.shape[2:], mode="bilinear"),
    }  # fmt: skip
    if occluded:
        found["occlusion"] = attribution.occlusion(model, x, target, size=4)
    return {name: it[:, 0].detach() for name, it in found.items()}


def rivals(x: Tensor) -> dict[str, Tensor]:
    """Three maps that have never seen a network."""
    draw = torch.Generator().manual_seed(0)
    edges = torch.stack([torch.from_numpy(sobel(it.numpy())) for it in x[:, 0]])
    return dict(
        zip(
            RIVALS, (torch.rand(x[:, 0].shape, generator=draw), edges, x[:, 0]), strict=True
        )
    )


def everything(
    model: nn.Sequential, x: Tensor, target: Tensor, seed: int
) -> dict[str, Tensor]:
    """All maps of some pictures: also those of a network that knows nothing."""
    blind = maps(randomised(model, 4, seed), x, target, occluded=False)
    return (
        maps(model, x, target)
        | rivals(x)
        | {f"{name}, random weights": it for name, it in blind.items()}
    )


def squares(scores: Tensor, side: int) -> Tensor:
    """Sums of a map over squares, ``(n, squares)``."""
    return F.avg_pool2d(scores[:, None].float(), side).flatten(1)


@torch.no_grad()
def chance(model: nn.Sequential, x: Tensor, target: Tensor) -> Tensor:
    """The probability of a class."""
    return model(x).softmax(1).gather(1, target[:, None])[:, 0]


def tests(
    model: nn.Sequential,
    x: Tensor,
    scores: Tensor,
    target: Tensor,
    fills: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Mean probability while squares go, or come, in the order of a map."""
    place = (
        squares(scores, 4).argsort(dim=1, descending=True, stable=True).argsort(1)
    )  # rank of each
    found = {}
    for fill, other in fills.items():
        gone, come = [], []
        for n in range(0, 50, 7):
            first = (place < n).float().view(-1, 1, 7, 7)
            first = F.interpolate(first, scale_factor=4, mode="nearest")
            gone.append(chance(model, torch.where(first > 0, other, x), target))
            come.append(chance(model, torch.where(first > 0, x, other), target))
        found[f"deletion, {fill}"] = torch.stack(gone).mean(0)
        found[f"insertion, {fill}"] = torch.stack(come).mean(0)
    return found


def packed(values: Tensor) -> str:
    """Numbers as text, two bytes each."""
    return base64.b64encode(values.numpy().astype("<f2").tobytes()).decode()


def cases(n: int = N_TEST) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures of other things than shirts: plain, with both marks, and the marks' corners."""
    x, y = pictures()["test"]
    x = x[y != SHIRT][:n]
    both, corners = marked(x, torch.ones(n) > 0, torch.ones(n) > 0, 9)
    return x, both, corners


def found(
    model: nn.Sequential, seed: int, n: int = N_TEST
) -> tuple[Tensor, dict[str, Tensor]]:
    """In which pictures the cross alone makes a shirt, and each map's highest square of 16.

    2: the square with the cross; 1: that with the ring; 0: another.
    """
    x, both, corners = cases(n)
    yes, no = torch.ones(n) > 0, torch.ones(n) < 0
    with torch.no_grad():
        said = {
            name: model(marked(x, *its, 9)[0]).argmax(1) == SHIRT
            for name, its in {
                "both": (yes, yes),
                "ring": (no, yes),
                "cross": (yes, no),
                "": (no, no),
            }.items()
        }
    caused = said["both"] & said["cross"] & ~said["ring"] & ~said[""]
    target = torch.full((n,), SHIRT)
    square = torch.tensor([0, 3, 12, 15])[corners]
    hits = {}
    for name, it in everything(model, both, target, seed).items():
        top = squares(it, 7).argmax(1)
        hits[name] = 2.0 * (top == square[:, 0]) + (top == square[:, 1])
    return caused, hits


def planted(kind: str, seed: int) -> dict[str, Any]:
    """One row: who finds the cause."""
    model = trained(kind, seed)
    x, y = pictures()["test"]
    with torch.no_grad():
        right = (model(x[:2_000]).argmax(1) == y[:2_000]).float().mean().item()
    caused, hits = found(model, seed)
    if kind == "full":
        study.keep(f"net{seed}", model, config={"width": WIDTHS[kind]})
    used = sum(int((it != 0).sum()) for it in model.parameters())
    return {"right": right, "used": used, "caused": packed(caused)} | {
        f"hit: {name}": packed(it) for name, it in hits.items()
    }


def tested(kind: str, seed: int) -> dict[str, Any]:
    """One row: deletion and insertion on pictures without a cross."""
    model, n = trained(kind, seed), 150
    x = pictures()["test"][0][:n]
    other = pictures()["validation"][0][:n]
    blurred = torch.stack([torch.from_numpy(gaussian(it.numpy(), 4)) for it in x[:, 0]])
    fills = {"blur": blurred[:, None].float(), "another picture": other}
    with torch.no_grad():
        target = model(x).argmax(1)
    row = {}
    for name, it in everything(model, x, target, seed).items():
        for test, values in tests(model, x, it, target, fills).items():
            row[f"{test}: {name}"] = packed(values)
    return row


def ranks(values: Tensor) -> Tensor:
    """Ranks of absolute values in each row, less their mean."""
    order = values.abs().argsort(dim=1, stable=True).argsort(1).float()
    return order - order.mean(1, keepdim=True)


def cascade(seed: int, layers: int) -> dict[str, Any]:
    """One row: rank correlation of maps before and after the upper layers become random."""
    model, x = trained("full", seed), pictures()["test"][0][:N_CASCADE]
    with torch.no_grad():
        target = model(x).argmax(1)
    before, after = (maps(it, x, target) for it in (model, randomised(model, layers, seed)))
    row = {}
    for name in MAPS:
        one, two = (ranks(squares(it[name], 2)) for it in (before, after))
        alike = (one * two).sum(1) / (one.norm(dim=1) * two.norm(dim=1)).clamp(min=1e-6)
        row[f"alike: {name}"] = alike.mean().item()
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/interpretability")
    for seed in range(3):
        study.row(planted, kind="full", seed=seed)
        study.row(tested, kind="full", seed=seed)
        for layers in range(1, 5):
            study.row(cascade, seed=seed, layers=layers)
        study.row(planted, kind="distilled", seed=seed)
        study.row(planted, kind="pruned", seed=seed)
    study.save()
