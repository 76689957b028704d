"""Pictures: handwritten digits and photographs that come inside scikit-learn and scikit-image.

Both are libraries, not data packages, so there is nothing to install beside them; they are found without being
imported, and each file is checked before it is read. A file that another version of the library changed is refused.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .registry import DataError, check, used

# Name on PyPI, folder of the package, folder in it, file, SHA-256.
_DIGITS = (
    "scikit-learn",
    "sklearn",
    "datasets/data/",
    "digits.csv.gz",
    "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
)
_SKIMAGE, _SKLEARN = ("scikit-image", "skimage", "data/"), ("scikit-learn", "sklearn", "datasets/images/")
_PHOTOGRAPHS = {
    "astronaut": (
        *_SKIMAGE,
        "astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
    "camera": (*_SKIMAGE, "camera.png", "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a"),
    "chelsea": (*_SKIMAGE, "chelsea.png", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
    "coffee": (*_SKIMAGE, "coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    "coins": (*_SKIMAGE, "coins.png", "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba"),
    "horse": (*_SKIMAGE, "horse.png", "c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455"),
    "retina": (*_SKIMAGE, "retina.jpg", "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6"),
    "rocket": (*_SKIMAGE, "rocket.jpg", "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
    "china": (*_SKLEARN, "china.jpg", "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29"),
    "flower": (*_SKLEARN, "flower.jpg", "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638"),
}
PHOTOGRAPHS = tuple(sorted(_PHOTOGRAPHS))  # names for photograph()
N_TRAIN, N_VALIDATION = 1_197, 300  # of the 1,797 digits; the other 300 are the test part


def digits() -> dict[str, tuple[Tensor, Tensor]]:
    """Handwritten digits of 8 × 8 pixels in three parts: "train" (1,197), "validation" (300) and "test" (300).

    The parts are drawn at random, always the same. The file does not say who wrote which digit, so a writer can be
    in several parts: an unknown hand will be read less well.

    Returns:
        for each part the pictures, ``(n, 1, 8, 8)`` from 0 to 1, and the labels, integers ``(n,)``.

    Raises:
        DataError: if scikit-learn is missing or has other digits.
    """
    table = torch.from_numpy(np.loadtxt(_path("digits", *_DIGITS), delimiter=",", dtype=np.float32))
    pictures, labels = table[:, :64].view(-1, 1, 8, 8) / 16, table[:, 64].long()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(table)))
    starts = {"train": 0, "validation": N_TRAIN, "test": N_TRAIN + N_VALIDATION}
    ends = [*list(starts.values())[1:], len(table)]
    parts = {part: order[start:end] for (part, start), end in zip(starts.items(), ends, strict=True)}
    return {part: (pictures[rows], labels[rows]) for part, rows in parts.items()}


def photograph(name: str) -> Tensor:
    """A photograph in colour, ``(3, height, width)`` from 0 to 1; what is grey has three equal channels.

    Args:
        name: one of ``PHOTOGRAPHS``.

    Raises:
        DataError: if there is none of that name, or its library is missing or has another.
    """
    from PIL import Image

    if name not in _PHOTOGRAPHS:
        raise DataError(f"There is no photograph {name!r}. There are: {', '.join(PHOTOGRAPHS)}.")
    with Image.open(_path(name, *_PHOTOGRAPHS[name])) as picture:
        pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
    return torch.from_numpy(pixels / 255).permute(2, 0, 1)


def square(picture: Tensor, side: int) -> Tensor:
    """The middle of a picture, as large a square as fits, in ``side`` × ``side`` pixels.

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
    return smaller[0].clamp(0, 1)  # a cubic can overshoot


def _path(name: str, package: str, folder: str, place: str, file: str, checksum: str) -> Path:
    """Where a checked file of a library lies."""
    found = importlib.util.find_spec(folder)
    if found is None or not found.submodule_search_locations:
        raise DataError(f"The package {package!r} is not installed. Run: pip install {package}")
    version = importlib.metadata.version(package)
    path = Path(found.submodule_search_locations[0]) / place / file
    check(path, checksum, f"{package} {version}", f"Checked is the file that came with {_CHECKED[package]}.")
    used.add(f"{name} of {package} {version}")
    return path


_CHECKED = {"scikit-learn": "scikit-learn 1.9.1", "scikit-image": "scikit-image 0.26.0"}
