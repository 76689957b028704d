"""Motion measured on the wrist: recordings of a watch, cut into windows, and turned at random.

Burns et al., 2018, "Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a
smartwatch" (https://arxiv.org/abs/1802.01489). The package `seglearn` has the part of ten people: seven exercises on
each wrist, about twenty repetitions in each recording.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .registry import DataError, files

HERTZ = 50  # samples a second
EXERCISES = (
    "pendulum",
    "abduction",
    "forward elevation",
    "internal rotation",
    "external rotation",
    "trapezius extension",
    "row",
)
_CODES = ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]  # the same in the file
_AXES = ["ax", "ay", "az", "wx", "wy", "wz"]
# A reflection of the body swaps the wrists: the first axis, along the forearm, changes its sign, and turning, which has
# a handedness, changes it about the other two.
_REFLECTED = (-1.0, 1.0, 1.0, 1.0, -1.0, -1.0)
# What an array of arrays is made of; nothing else is called while the file is read.
_ALLOWED = {
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


@dataclass(frozen=True)
class Recording:
    """One person's repetitions of one exercise on one wrist."""

    motion: Tensor  # (time, 6), float32, 50 a second: acceleration in g, then turning in radians a second
    exercise: int  # a place in EXERCISES
    person: int  # from 0 to 9
    right: bool  # whether the watch was on the right wrist


class _Reader(pickle.Unpickler):
    """Reads arrays and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise DataError(f"The file of watch-motion asks for {module}.{name}, which no array needs.")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_objects(path: Path) -> Any:
    """The object inside a `.npy` file that holds one pickled object.

    Raises:
        DataError: if the file is no such file, or asks for anything but arrays, texts and numbers.
    """
    file = BytesIO(path.read_bytes())
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another version of the format")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if shape != () or not dtype.hasobject:
            raise ValueError("no single object")
        return _Reader(file).load().item()
    except (ValueError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error


def watch_motion(*, unchecked: bool = False) -> list[Recording]:
    """140 recordings of a watch: 10 people, 7 exercises, both wrists, in the order of the file.

    Raises:
        DataError: if the package is missing, or the file damaged or not what it should be.
    """
    (path,) = files("watch-motion", unchecked=unchecked).values()
    its = read_objects(path)
    if its["y_labels"] != _CODES or its["X_labels"] != _AXES:
        raise DataError(f"{path} has other exercises or axes: {its['y_labels']}, {its['X_labels']}.")
    rows = zip(its["X"], its["y"], its["subject"], its["side"], strict=True)
    return [
        Recording(torch.from_numpy(motion).float(), int(exercise), int(person) - 1, bool(side))
        for motion, exercise, person, side in rows
    ]


def reflected(motion: Tensor) -> Tensor:
    """What a watch on the other wrist would measure if the body were its mirror image, ``(…, 6)``."""
    return motion * torch.tensor(_REFLECTED)


@dataclass(frozen=True)
class Windows:
    """Pieces of recordings, row by row."""

    motion: Tensor  # (n, length, 6), as on a right wrist
    exercise: Tensor  # (n,)
    person: Tensor  # (n,)
    recording: Tensor  # (n,), places in the list they were cut from
    start: Tensor  # (n,), number of the first sample in the recording

    def __getitem__(self, rows: Tensor) -> Windows:
        """Some of the rows, by number or mask."""
        return Windows(
            self.motion[rows],
            self.exercise[rows],
            self.person[rows],
            self.recording[rows],
            self.start[rows],
        )

    def __len__(self) -> int:
        return len(self.motion)


def windows(
    recordings: Sequence[Recording], length: int = 200, step: int = 100, *, reflect: bool = True
) -> Windows:
    """Cut recordings into windows of equal length, which overlap if ``step`` is shorter.

    Args:
        recordings: those of :func:`watch_motion`, or some of them.
        length: samples in a window; what is left over at the end of a recording is dropped.
        step: samples from one start to the next.
        reflect: whether the left wrist is turned into a right one.
    """
    cut, labels = [], []
    for number, it in enumerate(recordings):
        motion = reflected(it.motion) if reflect and not it.right else it.motion
        for start in range(0, len(motion) - length + 1, step):
            cut.append(motion[start : start + length])
            labels.append((it.exercise, it.person, number, start))
    if not cut:
        raise ValueError(f"No recording has {length} samples.")
    return Windows(torch.stack(cut), *torch.tensor(labels).unbind(1))


def rotated(motion: Tensor, degrees: float, generator: torch.Generator | None = None) -> Tensor:
    """Windows as a watch that sits otherwise would measure them: each turned by one random rotation.

    Args:
        motion: ``(n, time, 6)``.
        degrees: standard deviation of the angle; the axis may point anywhere. 0 changes nothing.
        generator: for the random rotations.
    """
    if not degrees:
        return motion
    axis = torch.nn.functional.normalize(torch.randn(len(motion), 3, generator=generator), dim=1)
    angle = torch.randn(len(motion), 1, generator=generator) * degrees * torch.pi / 180
    x, y, z = (axis * angle).unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(-1, 3, 3)
    turn = torch.matrix_exp(cross).transpose(1, 2)  # (n, 3, 3)
    return torch.cat([motion[..., :3] @ turn, motion[..., 3:] @ turn], dim=-1)


def persons(rows: Windows, chosen: Iterable[int]) -> Tensor:
    """A mask ``(n,)`` of the windows of some people."""
    return torch.isin(rows.person, torch.tensor(list(chosen)))
