"""Scenes for object detection, composed: cut-out photographs (stamps) pasted onto photographs, with exact boxes.

No package was found that holds photographs with boxes around the things in them. A scene is first planned, then drawn,
so that one and the same scene can be drawn with one thing about it changed: its things smaller, or half covered.
Dwibedi, Misra and Hebert, 2017, "Cut, paste and learn" (https://arxiv.org/abs/1708.01642), train detectors so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .registry import files
from .stamps import Stamp

SIDE = 96  # pixels of a scene
# Photographs that show none of the kinds of things that scenes are made of.
BACKDROPS = (
    *("astronaut", "brick", "camera", "china", "coffee", "coins", "grass", "gravel"),
    *("hubble_deep_field", "ihc", "moon", "page", "retina", "rocket"),
)
SIZES = (0.2, 0.6)  # of a thing's longer side, in sides of the scene
LEAST = 0.5  # of a thing must be visible in the scene as planned


@dataclass(frozen=True)
class Placed:
    """One thing of a scene."""

    stamp: Stamp
    x: float  # of the centre, in sides of the scene
    y: float
    size: float  # of the longer side, likewise
    mirrored: bool
    light: float  # all pixels are multiplied by it


@dataclass(frozen=True)
class Plan:
    """All that a scene is made of, from back to front."""

    backdrop: np.ndarray  # uint8 (height, width, 3)
    crop: tuple[float, float, float]  # left, top, side; in pixels of the backdrop
    mirrored: bool
    tint: tuple[float, float, float]  # factors of red, green and blue
    things: tuple[Placed, ...]

    def resized(self, size: float) -> Plan:
        """The same scene with every thing's longer side set to ``size``, in sides of the scene."""
        return replace(self, things=tuple(replace(it, size=size) for it in self.things))


@dataclass(frozen=True)
class Scene:
    """A drawn scene."""

    picture: np.ndarray  # uint8 (side, side, 3)
    boxes: np.ndarray  # float32 (things, 4): left, top, right, bottom of what is visible, in pixels
    kinds: tuple[str, ...]  # of the things
    names: tuple[str, ...]  # of their stamps
    visible: np.ndarray  # float32 (things,): the share of each thing that nothing covers


def smaller(found: Sequence[Stamp], longest: int) -> list[Stamp]:
    """The same stamps with at most ``longest`` pixels a side: small scenes are then drawn several times as fast."""
    return [replace(it, picture=_thumbnail(it.picture, longest)) for it in found]


def backdrops(seed: int, longest: int = 640) -> dict[str, list[np.ndarray]]:
    """Photographs for "train" (8), "validation" (2) and "test" (4), uint8 ``(height, width, 3)``; split at random.

    Args:
        seed: of the split.
        longest: pixels a side that are kept.

    Raises:
        DataError: if a library is missing, or its file differs from the one that was checked.
    """
    paths = {name.split(".")[0]: path for it in ("backdrops", "photographs", "sample-photographs")
             for name, path in files(it).items()}  # fmt: skip
    order = [BACKDROPS[it] for it in np.random.default_rng(seed).permutation(len(BACKDROPS))]
    found = {}
    for name in BACKDROPS:
        with Image.open(paths[name]) as file:
            found[name] = _thumbnail(np.asarray(file.convert("RGB")), longest)
    parts = {"train": order[:8], "validation": order[8:10], "test": order[10:]}
    return {part: [found[name] for name in names] for part, names in parts.items()}


def plan(
    things: Sequence[Sequence[Stamp]],
    grounds: Sequence[np.ndarray],
    rng: np.random.Generator,
    most: int = 4,
) -> Plan:
    """Draw a scene's contents at random: one to ``most`` things, of each kind equally often.

    Args:
        things: the stamps of each kind.
        grounds: backdrops.
        rng: generator of random numbers.
        most: how many things at most.
    """
    ground = grounds[rng.integers(len(grounds))]  # type: ignore[call-overload]
    shorter = min(ground.shape[:2])
    side = shorter * rng.uniform(0.4, 1)
    crop = (rng.uniform(0, ground.shape[1] - side), rng.uniform(0, ground.shape[0] - side), side)
    flips = rng.random(1 + most) < 0.5
    chosen = []
    for number in range(rng.integers(1, most + 1)):
        kind = things[rng.integers(len(things))]  # type: ignore[call-overload]
        stamp = kind[rng.integers(len(kind))]
        size = float(np.exp(rng.uniform(*np.log(SIZES))))
        height, width = (size * it / max(stamp.size) / 2 for it in stamp.size)
        x, y = rng.uniform(width, 1 - width), rng.uniform(height, 1 - height)
        chosen.append(Placed(stamp, x, y, size, bool(flips[number]), rng.uniform(0.7, 1.2)))
    tint = tuple(rng.uniform(0.7, 1.3, 3))
    planned = Plan(ground, crop, bool(flips[-1]), tint, tuple(chosen))
    while (seen := _visible(planned)).min() < LEAST:  # take away what hides another too much
        front = max(it for it in range(len(seen)) if it > int(seen.argmin()))
        planned = replace(planned, things=planned.things[:front] + planned.things[front + 1 :])
    return planned


def draw(
    planned: Plan,
    side: int = SIDE,
    *,
    cover: float = 0.0,
    beside: bool = False,
    texture: np.ndarray | None = None,
) -> Scene:
    """Draw a planned scene.

    Args:
        planned: from :func:`plan`.
        side: of the picture, in pixels.
        cover: share of each thing's box that an upright bar, cut from the backdrop, covers in the middle; the box stays
            as it is. From 0 to less than 1.
        beside: put these bars where no thing is, as a control, as far as there is room.
        texture: fill the things' outlines with this photograph instead, so that only the outline is theirs.
    """
    box = (
        planned.crop[0],
        planned.crop[1],
        planned.crop[0] + planned.crop[2],
        planned.crop[1] + planned.crop[2],
    )
    ground = Image.fromarray(planned.backdrop).resize((side, side), Image.Resampling.BILINEAR, box=box)
    pixels = np.asarray(ground, np.float32) * np.array(planned.tint, np.float32)
    pixels = pixels[:, ::-1].copy() if planned.mirrored else pixels
    owner = np.full((side, side), -1)
    bars, layers = pixels[::-1].copy(), []  # bars show the backdrop upside down
    for number, it in enumerate(planned.things):
        colours, alpha, left, top = _pasted(it, side, texture)
        part = (slice(top, top + alpha.shape[0]), slice(left, left + alpha.shape[1]))
        pixels[part] += alpha[..., None] * (colours * it.light - pixels[part])
        owner[part][alpha > 0.5] = number
        layers.append((part, alpha > 0.5))
    kept = [(number, _bounds(owner == number)) for number in range(len(layers)) if (owner == number).any()]
    for _, (left, top, right, bottom) in kept if cover else []:
        width = round(cover * (right - left))
        at = round((left + right - width) / 2)
        if beside:
            found = [x for x in range(side - width) if (owner[top:bottom, x : x + width] < 0).all()]
            if not found:
                continue
            at = min(found, key=lambda x, middle=at: abs(x - middle))  # type: ignore[misc]
        pixels[top:bottom, at : at + width] = bars[top:bottom, at : at + width]
    seen = [float((owner == number).sum() / layers[number][1].sum()) for number, _ in kept]
    return Scene(
        pixels.clip(0, 255).round().astype(np.uint8),
        np.array([bounds for _, bounds in kept], np.float32).reshape(-1, 4),
        tuple(planned.things[number].stamp.kind for number, _ in kept),
        tuple(planned.things[number].stamp.name for number, _ in kept),
        np.array(seen, np.float32),
    )


def tensors(scenes: Sequence[Scene], classes: Mapping[str, int]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Pictures ``(n, 3, side, side)`` from 0 to 1, and for each its boxes ``(things, 4)`` and class numbers.

    A thing whose kind is not in ``classes`` has the class -1.
    """
    pictures = torch.from_numpy(np.stack([it.picture for it in scenes])).permute(0, 3, 1, 2).float() / 255
    numbers = [torch.tensor([classes.get(kind, -1) for kind in it.kinds]) for it in scenes]
    return pictures, [torch.from_numpy(it.boxes) for it in scenes], numbers


def _pasted(it: Placed, side: int, texture: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Colours, alpha from 0 to 1, and the left and top of a thing, cut off at the edges of the scene."""
    longest = max(it.stamp.size)
    height, width = (max(1, round(it.size * side * edge / longest)) for edge in it.stamp.size)
    drawn = Image.fromarray(it.stamp.picture).resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(drawn, np.float32)
    pixels = pixels[:, ::-1] if it.mirrored else pixels
    colours, alpha = pixels[..., :3], pixels[..., 3] / 255
    if texture is not None:
        colours = np.asarray(Image.fromarray(texture).resize((width, height)), np.float32)
    left, top = round(it.x * side - width / 2), round(it.y * side - height / 2)
    rows = slice(max(0, -top), min(height, side - top))
    columns = slice(max(0, -left), min(width, side - left))
    return colours[rows, columns], alpha[rows, columns], max(0, left), max(0, top)


def _visible(planned: Plan, side: int = 64) -> np.ndarray:
    """The share of each thing that no later one covers."""
    if len(planned.things) == 1:
        return np.ones(1)
    owner, area = np.full((side, side), -1), []
    for number, it in enumerate(planned.things):
        longest = max(it.stamp.size)
        height, width = (max(1, round(it.size * side * edge / longest)) for edge in it.stamp.size)
        rows = (np.arange(height) + 0.5) * it.stamp.size[0] / height
        columns = (np.arange(width) + 0.5) * it.stamp.size[1] / width
        alpha = it.stamp.picture[rows.astype(int)][:, columns.astype(int), 3] > 127
        alpha = alpha[:, ::-1] if it.mirrored else alpha
        left, top = max(0, round(it.x * side - width / 2)), max(0, round(it.y * side - height / 2))
        alpha = alpha[: side - top, : side - left]
        owner[top : top + alpha.shape[0], left : left + alpha.shape[1]][alpha] = number
        area.append(max(1, alpha.sum()))
    return np.array([(owner == number).sum() / whole for number, whole in enumerate(area)])


def _thumbnail(picture: np.ndarray, longest: int) -> np.ndarray:
    drawn = Image.fromarray(picture)
    drawn.thumbnail((longest, longest), Image.Resampling.BILINEAR)
    return np.asarray(drawn)


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
