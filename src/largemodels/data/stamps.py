"""Photographs of single things, cut out exactly: stamps of the drawing program Tux Paint, from a Debian package.

Each comes with a mask, its alpha channel, and with captions in many languages ("A duck."). Drawings, symbols and
mirrored copies in the package are left out. The package also holds spoken captions, which no loader reads yet: the
files of a language need an entry of their own in the registry, for the same package, and a function beside these.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from .registry import DataError, files

SET = "stamps"
# What a stamp shows, by its folder; the first that fits counts.
KINDS = {
    "bird": ("animals/birds",),
    "mammal": ("animals/mammals", "animals/marsupials"),
    "food": ("food", "plants/mushrooms"),
    "flower": ("plants/flowers",),
    "vehicle": ("vehicles", "military/vehicles"),
    "insect": ("animals/insects",),
    "fish": ("animals/fish",),
    "tool": ("household",),
    "instrument": ("hobbies/music",),
    "ball": ("sports",),
}
# Drawings, silhouettes, toys, and what is not what its folder says: found by looking at all of them.
_LEFT_OUT = {
    *("echidna", "hedgehog", "edward_bear", "pizza", "lettuce_bolted", "chuvanna_plastic", "eggplant_plant"),
    *("7spoke256", "wheel_tractor", "sedan_police", "lobster", "shrimp", "Brown_slug", "Woodlouse"),
    *("australian_rules_football", "rugby_goal_posts", "tennis_racket", "trophy_cup", "toilet", "rubberduck"),
    *("garbagecan", "home_compost_bin", "wheelie_bin", "glass"),
}
TWINS = 0.95  # two stamps whose small pictures, or a mirror image, correlate more belong together
# The same kind of thing under names that do not begin alike.
_SAME = {"drake": "duck", "doe": "deer", "mandarine": "orange", "lamb": "sheep", "pecan": "walnut"}


@dataclass(frozen=True)
class Stamp:
    """A thing cut out of a photograph."""

    name: str  # file name without its ending
    kind: str  # one of KINDS
    group: str  # stamps of one group show nearly the same; keep them in one part of a split
    caption: str  # in English
    picture: np.ndarray  # uint8 (height, width, 4): red, green, blue, alpha, cropped to what is visible

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.picture.shape[0], self.picture.shape[1]


def stamps(*, language: str = "en", unchecked: bool = False) -> list[Stamp]:
    """All cut-out photographs, in the order of their files' names.

    Args:
        language: of the captions, as in the files: "en", "fr", "zh_cn", …; a stamp without one has the caption "".
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    found: list[Stamp] = []
    paths = files(SET, unchecked=unchecked)
    for name, path in sorted(paths.items()):
        if not name.endswith(".png") or PurePosixPath(name).stem in _LEFT_OUT:
            continue
        kind = next((kind for kind, folders in KINDS.items() if name.startswith(folders)), None)
        if kind is None or (kind == "food" and name.startswith("food/dessert")):
            continue
        picture = _cropped(path)
        said = _caption(paths.get(name.removesuffix(".png") + ".txt"), language)
        found.append(Stamp(path.stem, kind, "", said, picture))
    return _grouped(found)


def split(found: list[Stamp], seed: int, shares: tuple[float, float] = (0.6, 0.15)) -> dict[str, list[Stamp]]:
    """Stamps of "train", "validation" and "test": of each kind the shares given, and the rest; groups stay together.

    Args:
        found: from :func:`stamps`.
        seed: of the draw.
        shares: of the training and of the validation part.
    """
    if not 0 < shares[0] < sum(shares) < 1:
        raise DataError("The shares of training and validation must be above 0 and leave some for the test.")
    parts: dict[str, list[Stamp]] = {"train": [], "validation": [], "test": []}
    rng = np.random.default_rng(seed)
    for kind in dict.fromkeys(it.kind for it in found):
        groups = defaultdict(list)
        for it in found:
            if it.kind == kind:
                groups[it.group].append(it)
        names = rng.permutation(sorted(groups))
        total, done = sum(map(len, groups.values())), 0
        for name in names:
            share = (done + 0.5 * len(groups[name])) / total
            part = "train" if share < shares[0] else "validation" if share < sum(shares) else "test"
            parts[part] += groups[name]
            done += len(groups[name])
    return parts


def _cropped(path: Path) -> np.ndarray:
    """The visible part of a picture with an alpha channel."""
    with Image.open(path) as file:
        picture = np.asarray(file.convert("RGBA"))
    rows, columns = (np.flatnonzero((picture[..., 3] > 127).any(axis)) for axis in (1, 0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()


def _caption(path: Path | None, language: str) -> str:
    """English stands in the first line, other languages in lines like "fr.utf8=Un canard."."""
    if path is None:
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if language == "en":
        return lines[0].strip() if lines else ""
    start = f"{language}.utf8="
    return next((line.removeprefix(start).strip() for line in lines if line.startswith(start)), "")


def _first_word(name: str) -> str:
    """The names "lion-2" and "lion" give "lion"; "flower3" stays, since the numbered flowers are different ones."""
    word = re.split(r"[-_]", name)[0].lower()
    word = word if word.startswith("flower") else word.rstrip("0123456789")
    return _SAME.get(word, word)


def _small(picture: np.ndarray) -> np.ndarray:
    """16 × 16 pixels on grey, without their mean, of length 1."""
    shown = Image.new("RGBA", picture.shape[1::-1], (128, 128, 128, 255))
    shown.alpha_composite(Image.fromarray(picture))
    pixels = np.asarray(shown.convert("RGB").resize((16, 16), Image.Resampling.BOX), np.float64)
    pixels = pixels - pixels.mean()
    return pixels / np.linalg.norm(pixels)


def _grouped(found: list[Stamp]) -> list[Stamp]:
    """Name the group of each: same first word, or nearly the same picture or mirror image, within a kind."""
    group = [f"{it.kind} {_first_word(it.name)}" for it in found]
    small = [_small(it.picture) for it in found]
    for one in range(len(found)):
        for other in range(one):
            alike = max((small[one] * it).sum() for it in (small[other], small[other][:, ::-1]))
            if found[one].kind == found[other].kind and alike > TWINS and group[one] != group[other]:
                old, new = group[one], group[other]
                group = [new if it == old else it for it in group]
    return [
        Stamp(it.name, it.kind, name, it.caption, it.picture) for it, name in zip(found, group, strict=True)
    ]
