"""Printed letters of 135 scripts, drawn from the Noto fonts, for learning from few examples.

As in Omniglot (Lake, Salakhutdinov and Tenenbaum, 2015, https://doi.org/10.1126/science.aab3050), scripts of the
training, of the validation and of the test are different ones. Unlike there, nobody wrote these letters by hand: what
varies within a letter is the font, where there are several, and a distortion made here, :func:`distorted`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .registry import files

SIDE, INK = 56, 40  # pixels of a picture, and of the longer side of the letter in it
MOST = 40  # letters of a script
TWINS = 0.95  # letters whose pictures, at a quarter of the size, have a larger cosine count as the same
FONTS = ("Sans Regular", "Serif Regular", "Sans Bold", "Serif Bold")
# How many scripts with a sans-serif and a serif font, and how many others, go to validation and to test.
N_VALIDATION, N_TEST = (4, 16), (12, 24)
_EUROPEAN = (
    "Latin",
    "Greek",
    "Cyrillic",
)  # in one file; always in training, since many others look like them
# Where the names of the letters do not begin with the name in the font's file.
_UNICODE = {
    "NKo": "NKO",
    "PhagsPa": "PHAGS-PA",
    "Meroitic": "MEROITIC HIEROGLYPHIC",
}
_LEFT_OUT = re.compile("LIGATURE| FORM| WITH |DIGIT|NUMBER")


@dataclass(frozen=True)
class Script:
    """A script's letters, each in the same fonts."""

    name: str
    letters: tuple[str, ...]
    fonts: tuple[str, ...]  # some of FONTS
    pictures: Tensor  # (letters, fonts, 56, 56), from 0, the ground, to 255


def letters(*, unchecked: bool = False) -> dict[str, list[Script]]:
    """Scripts for "train", "validation" and "test", each with at most 40 letters; the split is random but fixed.

    Capitals only, where a script has both. A letter that looks like an earlier one of its script is left out, and so
    is a letter of validation or test that looks like one of training.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    by_script: dict[str, dict[str, Path]] = defaultdict(dict)
    for file, path in sorted(files("letters", unchecked=unchecked).items()):
        family, name, weight = re.fullmatch(r"Noto([A-Z][a-z]+)(\w*)-(\w+)\.ttf", file).groups()  # type: ignore[union-attr]
        family = {"Naskh": "Serif", "Kufi": "Sans"}.get(family, family)  # Arabic's two designs
        for script in [name] if name else _EUROPEAN:
            by_script[script][f"{family} {weight}"] = path
    scripts = {name: _script(name, fonts) for name, fonts in sorted(by_script.items())}
    parts = _split(scripts)
    known = torch.cat([_outlines(script.pictures[:, 0]) for script in parts["train"]])
    for part in ("validation", "test"):
        parts[part] = [_without(script, known) for script in parts[part]]
    return parts


def plain(pictures: Tensor) -> Tensor:
    """As drawn: ``(n, 56, 56)`` from 0 to 255 to ``(n, 1, 28, 28)`` from 0 to 1."""
    return F.avg_pool2d(pictures[:, None].float() / 255, 2)


def distorted(pictures: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Turned, sheared, stretched, moved and bent at random, each picture in its own way.

    Args:
        pictures: ``(n, 56, 56)``, from 0 to 255.
        generator: draws the distortions.
        strength: factor on all of them; 0 leaves the pictures as they are.

    Returns:
        ``(n, 1, 28, 28)``, from 0 to 1.
    """
    n = len(pictures)
    turn, shear, wide, high, right, down = (
        strength
        * (2 * torch.rand(n, 6, generator=generator) - 1)
        * torch.tensor([0.3, 0.3, 0.25, 0.25, 0.2, 0.2])
    ).T
    cos, sin = turn.cos(), turn.sin()
    first = torch.stack([cos * wide.exp(), (shear * cos - sin) * high.exp(), right], dim=1)
    second = torch.stack([sin * wide.exp(), (shear * sin + cos) * high.exp(), down], dim=1)
    grid = F.affine_grid(torch.stack([first, second], dim=1), [n, 1, SIDE, SIDE], align_corners=False)
    bends = 0.08 * strength * torch.randn(n, 2, 4, 4, generator=generator)
    smooth = F.interpolate(bends, size=(SIDE, SIDE), mode="bicubic", align_corners=True)
    moved = F.grid_sample(
        pictures[:, None].float() / 255, grid + smooth.permute(0, 2, 3, 1), align_corners=False
    )
    return F.avg_pool2d(moved, 2)


def _script(name: str, fonts: dict[str, Path]) -> Script:
    """Draw a script's letters; those without ink or too similar to an earlier one are left out."""
    names = tuple(font for font in FONTS if font in fonts)
    found = sorted(set.intersection(*(_letters(fonts[font], name) for font in names)))
    order = np.random.default_rng(0).permutation(len(found))[: MOST + MOST // 2]
    found = [found[i] for i in sorted(order)]
    drawn = np.stack([_draw(fonts[font], found) for font in names], axis=1)  # (letters, fonts, 56, 56)
    inked = [bool(letter.any(axis=(1, 2)).all()) for letter in drawn]
    pictures = torch.from_numpy(drawn[inked])
    found = [letter for letter, is_there in zip(found, inked, strict=True) if is_there]
    alike = _outlines(pictures[:, 0])
    cosines = (alike @ alike.T).tril(-1)
    kept: list[int] = []
    for i in range(len(found)):
        if not (cosines[i, kept] > TWINS).any():
            kept.append(i)
    kept = kept[:MOST]
    return Script(name, tuple(found[i] for i in kept), names, pictures[kept])


def _letters(path: Path, script: str) -> set[str]:
    """The script's own letters in a font; of pairs of cases the capitals."""
    from matplotlib.ft2font import FT2Font

    start = _UNICODE.get(script, re.sub("(?<=[a-z])(?=[A-Z])", " ", script).upper())
    some = map(chr, FT2Font(str(path)).get_charmap())
    return {
        letter
        for letter in some
        if unicodedata.category(letter) in ("Lo", "Lu")
        and not unicodedata.decomposition(letter)
        and unicodedata.name(letter, "").startswith(f"{start} ")
        and not _LEFT_OUT.search(unicodedata.name(letter))
    }


def _draw(path: Path, letters: list[str]) -> np.ndarray:
    """``(letters, 56, 56)``: the ink centred, its longer side 40 pixels; blank where a font draws nothing."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(str(path), 64, layout_engine=ImageFont.Layout.BASIC)
    pictures = np.zeros((len(letters), SIDE, SIDE), dtype=np.uint8)
    for i, letter in enumerate(letters):
        left, top, right, bottom = (round(edge) for edge in font.getbbox(letter))
        image = Image.new("L", (max(right - left, 1) + 4, max(bottom - top, 1) + 4))
        ImageDraw.Draw(image).text((2 - left, 2 - top), letter, fill=255, font=font)
        if (ink := image.getbbox()) is None:
            continue
        image, scale = image.crop(ink), INK / max(ink[2] - ink[0], ink[3] - ink[1])
        width, height = (max(1, round(scale * side)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        x, y = (SIDE - width) // 2, (SIDE - height) // 2
        pictures[i, y : y + height, x : x + width] = np.asarray(image)
    return pictures


def _outlines(pictures: Tensor) -> Tensor:
    """``(n, 56, 56)`` to unit vectors ``(n, 196)``, whose products say how alike two letters look."""
    return F.normalize(F.avg_pool2d(pictures[:, None].float(), 4).flatten(1), dim=1)


def _split(scripts: dict[str, Script]) -> dict[str, list[Script]]:
    """Latin, Greek and Cyrillic to training; the others by lot, those with two designs for themselves."""
    parts: dict[str, list[Script]] = {
        "train": [scripts[name] for name in _EUROPEAN],
        "validation": [],
        "test": [],
    }
    rng = np.random.default_rng(0)
    for two_designs, n_validation, n_test in zip((True, False), N_VALIDATION, N_TEST, strict=True):
        some = [
            script
            for script in scripts.values()
            if script.name not in _EUROPEAN and ("Serif Regular" in script.fonts[1:]) == two_designs
        ]
        order = rng.permutation(len(some))
        for place, i in enumerate(order):
            part = "test" if place < n_test else "validation" if place < n_test + n_validation else "train"
            parts[part].append(some[i])
    return {part: sorted(some, key=lambda script: script.name) for part, some in parts.items()}


def _without(script: Script, known: Tensor) -> Script:
    """The script without the letters that look like a known one, in its first font."""
    new = (_outlines(script.pictures[:, 0]) @ known.T).amax(dim=1) <= TWINS
    chosen = tuple(letter for letter, is_new in zip(script.letters, new.tolist(), strict=True) if is_new)
    return Script(script.name, chosen, script.fonts, script.pictures[new])
