"""The files of a checkpoint: finding them, verifying them and reading them safely.

What they contain is described in :mod:`.checkpoints`.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..files import sha256

WEIGHTS, STATE, RECORD, SUMS = "model.safetensors", "state.pt", "record.json", "SHA256SUMS"


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, read or used; the message says why and what to do."""


class SettingsError(CheckpointError, ValueError):
    """A checkpoint was made with different settings; the message names the first that differs."""


def refuse_file(path: Path) -> None:
    """Raises: CheckpointError: if the path is a file instead of the folder of a run."""
    if path.is_file():
        raise CheckpointError(
            f"{path} is a file, not the folder of a run. It was not opened: single-file checkpoints are often pickles, "
            "which can run code."
        )


def newest(path: str | Path) -> Path:
    """The newest intact checkpoint of a run, or ``path`` itself if it is a checkpoint.

    Damaged checkpoints that are skipped are reported on stderr.

    Raises:
        CheckpointError: if there is no checkpoint, or none is intact.
    """
    path = Path(path)
    refuse_file(path)
    if (path / RECORD).exists() or path.name.startswith("step-"):
        verify(path)
        return path
    if (folder := newest_intact(path, lambda line: print(line, file=sys.stderr))) is None:
        raise CheckpointError(f"There is no checkpoint in {path}.")
    return folder


def newest_intact(path: Path, say: Callable[[str], None]) -> Path | None:
    """The newest intact checkpoint; None if there is none at all. Damaged ones that are skipped are reported."""
    found = list_checkpoints(path)
    for left, folder in zip(reversed(range(len(found))), reversed(found), strict=True):
        try:
            verify(folder)
        except CheckpointError as error:
            if not left:
                raise CheckpointError(
                    f"{error} {path} has no intact checkpoint: name another folder to start from scratch."
                ) from None
            say(f"{error} The one before it is used.")
        else:
            return folder
    return None


def verify(folder: Path) -> None:
    """Compare the files of a checkpoint with their checksums.

    Raises:
        CheckpointError: if one is missing or has changed.
    """
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        sums = {name: checksum for checksum, name in (line.split("  ") for line in lines)}
    except (OSError, ValueError):
        raise CheckpointError(f"{folder} is damaged: it has no readable {SUMS}.") from None
    for name in (WEIGHTS, STATE, RECORD):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} is damaged: {name} is missing.")
        if sha256(folder / name) != sums.get(name):
            raise CheckpointError(f"{folder} is damaged: {name} does not match its checksum.")


def list_checkpoints(path: Path) -> list[Path]:
    """All checkpoints of a run, oldest first."""
    return sorted(folder for folder in path.glob("step-*") if folder.is_dir() and not folder.suffix)


def read_record(folder: Path) -> dict[str, Any]:
    """The contents of a checkpoint's ``record.json``."""
    record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return record


def read_state(folder: Path) -> dict[str, Any]:
    """The state that was saved beside the weights, on the CPU.

    Raises:
        CheckpointError: if it holds anything but tensors, numbers and strings, which could run code.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # about untrusted pickles; the error below says more
            state: dict[str, Any] = torch.load(folder / STATE, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{folder / STATE} holds more than tensors, numbers and strings and could run code. It was refused, and "
            "nothing in it was executed: use only checkpoints of your own runs."
        ) from None
    return state


def flush_to_disk(path: Path) -> None:
    """Wait until a file or folder is on disk (fsync); does nothing for folders on Windows, which has no such call."""
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
