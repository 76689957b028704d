"""Pictures with their names: emoji.

The pictures are the bitmaps of the font Noto Color Emoji, which Pillow draws; the names, in three languages, are those
that Unicode's consortium gives, as the package ``emoji`` lists them. The split keeps near-twins together: see
:func:`emoji`.
"""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .registry import files

SIDE = 128  # pixels
SIZES = {"train": 800, "validation": 243, "test": 332}  # pairs of each part
_STRIKE = 109  # the one size that the font's bitmaps have
# Words that tell variants of one picture apart: two names that differ in these alone go to the same part.
_VARIANTS = """
    a an and at in of on or the to with without face button symbol sign medium light dark small large big
    heavy red orange yellow green blue purple brown black white grey pink left right up down upwards
    downwards leftwards rightwards double first second last quarter full new open closed clockwise
    counterclockwise one two three four five six seven eight nine ten eleven twelve thirty oclock man
    woman men women person people boy girl child baby old
"""
_VARIANT = frozenset(_VARIANTS.split())


@dataclass(frozen=True)
class Captioned:
    """Pictures with names, row by row."""

    symbols: list[str]  # the character
    names: dict[str, list[str]]  # by language, "en", "de" or "fr"
    pictures: Tensor  # (n, 3, 128, 128), uint8, on white


def emoji(split: int = 0, *, unchecked: bool = False) -> dict[str, Captioned]:
    """Emoji of one character each with their names: 800 for "train", 243 for "validation", 332 for "test".

    Flags and skin colours are left out, for they are sequences of characters. Emoji whose names differ only in words
    such as "woman", "left", "red" or "three", or whose pictures are nearly equal, are all in the same part.

    Args:
        split: seed of the division into parts.
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if a package is missing or damaged.
    """
    symbols, names, pictures, groups = _everything(unchecked)
    part_of = [0] * len(symbols)
    room = {2: SIZES["test"], 1: SIZES["validation"]}
    for number in np.random.default_rng(split).permutation(len(groups)):
        group = groups[number]
        where = next((it for it, left in room.items() if len(group) <= left), 0)
        if where:
            room[where] -= len(group)
        for row in group:
            part_of[row] = where
    parts = {}
    for number, part in enumerate(SIZES):
        chosen = [row for row, it in enumerate(part_of) if it == number]
        parts[part] = Captioned(
            [symbols[row] for row in chosen],
            {tag: [found[row] for row in chosen] for tag, found in names.items()},
            pictures[chosen],
        )
    return parts


@functools.cache
def _everything(unchecked: bool) -> tuple[list[str], dict[str, list[str]], Tensor, list[list[int]]]:
    """Symbols, names by language, pictures, and the rows that must stay together."""
    paths = files("emoji-names", unchecked=unchecked)
    english = json.loads(paths["emoji.json"].read_text(encoding="utf-8"))
    tables = {tag: json.loads(paths[f"emoji_{tag}.json"].read_text(encoding="utf-8")) for tag in ("de", "fr")}
    tables["en"] = {symbol: entry["en"] for symbol, entry in english.items() if entry["status"] != 1}
    drawn = _bitmaps(sorted({key.rstrip("\ufe0f") for key in tables["en"]}), unchecked)
    symbols = [s for s in drawn if all(s in t or s + "\ufe0f" in t for t in tables.values())]
    names = {
        tag: [_plain(tables[tag].get(s) or tables[tag][s + "\ufe0f"]) for s in symbols]
        for tag in ("en", "de", "fr")
    }
    pictures = torch.stack([drawn[s] for s in symbols])
    return symbols, names, pictures, _groups(names["en"], pictures)


def _plain(name: str) -> str:
    """``:grinning_face:`` to ``grinning face``."""
    return name.strip(":").replace("_", " ").replace("’", "'")


def _bitmaps(keys: list[str], unchecked: bool) -> dict[str, Tensor]:
    """The picture of each single character that the font has, ``(3, 128, 128)`` bytes, on white."""
    from PIL import Image, ImageDraw, ImageFont

    (path,) = files("emoji-pictures", unchecked=unchecked).values()
    font = ImageFont.truetype(str(path), _STRIKE, layout_engine=ImageFont.Layout.BASIC)

    def draw(text: str) -> np.ndarray:
        picture = Image.new("RGB", (136, SIDE), "white")
        ImageDraw.Draw(picture).text((0, 0), text, font=font, embedded_color=True)
        return np.array(picture)[:, 4:132]

    missing = draw("\uffff")  # what the font draws for a character that it lacks
    pictures = {key: draw(key) for key in keys if len(key) == 1 and ord(key) > 0xFF}
    return {
        key: torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
        for key, pixels in pictures.items()
        if pixels.min() < 250 and not np.array_equal(pixels, missing)
    }


def _groups(names: list[str], pictures: Tensor) -> list[list[int]]:
    """Rows that must stay together: equal names but for variants, or nearly equal pictures."""
    roots = list(range(len(names)))

    def root(row: int) -> int:
        while roots[row] != row:
            row = roots[row]
        return row

    by_base = defaultdict(list)
    for row, name in enumerate(names):
        words = re.findall(r"[a-z]+", name.lower().replace("'", "").replace("-", " "))
        by_base[frozenset(words) - _VARIANT or frozenset(["variant"])].append(row)
    small = torch.nn.functional.avg_pool2d(pictures.float() / 255, 8).flatten(1)
    close = torch.cdist(small, small) / small.shape[1] ** 0.5 < 0.08  # root mean square, of 1
    pairs = [(rows[0], row) for rows in by_base.values() for row in rows[1:]] + close.nonzero().tolist()
    for a, b in pairs:
        roots[root(a)] = root(b)
    groups = defaultdict(list)
    for row in range(len(names)):
        groups[root(row)].append(row)
    return list(groups.values())
