"""The files of a checkpoint: finding them, verifying them and reading them safely.

What they contain is described in :mod:`.checkpoints`.
"""

from __future__ import annotations

import os
import pickle
import re
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ..files import from_json, regular, sha256

WEIGHTS, STATE, RECORD, SUMS = FILES = ("model.safetensors", "state.pt", "record.json", "SHA256SUMS")
PART = ".part"  # suffix of a checkpoint that is being written
_NAME = re.compile(r"step-(\d{8,})(\.part)?")
# What a file manager leaves in a folder that somebody has looked at, and safetensors while it writes.
_BESIDE = re.compile(r"\.DS_Store|Thumbs\.db|desktop\.ini|\.tmp\w{6}")
_LONGEST_RECORD = 256 * 2**20  # bytes


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
    if is_checkpoint(path):
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
    """Compare the files of a checkpoint with their checksums, and read its record and the header of its weights.

    Raises:
        CheckpointError: if one is missing, empty or has changed, or holds something else.
    """
    try:
        if not (folder / SUMS).is_file():  # reading a pipe would never end
            raise ValueError
        with (folder / SUMS).open(encoding="utf-8") as file:
            lines = file.read(1_000).splitlines()
        sums = {name: checksum for checksum, name in (line.split("  ") for line in lines)}
    except (OSError, ValueError):
        raise CheckpointError(f"{folder} is damaged: it has no readable {SUMS}.") from None
    for name in (WEIGHTS, STATE, RECORD):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder} is damaged: {name} is missing.")
        if sha256(folder / name) != sums.get(name):
            raise CheckpointError(f"{folder} is damaged: {name} does not match its checksum.")
        if not (folder / name).stat().st_size:
            raise CheckpointError(f"{folder} is damaged: {name} is empty.")
    read_record(folder)
    try:
        with safe_open(folder / WEIGHTS, framework="pt"):
            pass
    except SafetensorError:
        raise CheckpointError(f"{folder} is damaged: {WEIGHTS} does not hold weights.") from None


def number(path: Path) -> int | None:
    """The step in the name of a checkpoint, finished or not; None for any other name."""
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found and path.name.startswith(f"step-{int(found[1]):08}") else None


def is_checkpoint(path: Path) -> bool:
    """Whether a folder is a checkpoint, maybe damaged or a copy under another name, rather than a run."""
    named = number(path) is not None and any((path / name).exists() for name in FILES)
    return named or (path / SUMS).is_file()


def list_checkpoints(path: Path) -> list[Path]:
    """All checkpoints of a run, oldest first; other files, folders and links in its folder are left out."""
    found = [it for it in path.glob("step-*") if it.suffix != PART and it.is_dir() and is_checkpoint(it)]
    return sorted((it for it in found if number(it) is not None), key=lambda it: number(it) or 0)


def is_ours(folder: Path) -> bool:
    """Whether training has written a folder and nobody has put anything else into it, so that it may be deleted.

    A link is not ours, nor a folder with other files, nor a copy of a checkpoint under the name of another step.
    """
    step = number(folder)
    if step is None or folder.is_symlink() or getattr(folder, "is_junction", bool)() or not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_file(follow_symlinks=False):
                return False
            if entry.name not in FILES and not _BESIDE.fullmatch(entry.name):
                return False
    try:
        return bool(read_record(folder)["progress"]["step"] == step)
    except CheckpointError:
        return True  # damaged or unfinished


def read_record(folder: Path) -> dict[str, Any]:
    """The contents of a checkpoint's ``record.json``.

    Raises:
        CheckpointError: if it is not what training writes.
    """
    path = folder / RECORD
    try:
        record = from_json(regular(path, _LONGEST_RECORD).read_bytes())
        wrong = _wrong(record)
    except (OSError, ValueError) as error:
        wrong = str(error)
    if wrong:
        raise CheckpointError(f"{folder} is damaged: {RECORD} is not what training writes ({wrong}).")
    return record


def _wrong(record: Any) -> str:
    """What is wrong with the form of a record; empty if nothing is."""
    try:
        model, training, progress = record["model"], record["training"], record["progress"]
        right = {
            "class": isinstance(model["class"], str),
            "config": model["config"] is None or isinstance(model["config"], dict),
            "format": type(model.get("format", 1)) is int,
            "training": isinstance(training, dict),
            "step": type(progress["step"]) is int and progress["step"] >= 0,
            "seconds": type(progress["seconds"]) in (int, float) and progress["seconds"] >= 0,
            "rows": isinstance(progress["rows"], list)
            and all("step" in dict(row) for row in progress["rows"]),
        }
    except KeyError as error:
        return f"it has no {error.args[0]!r}"
    except (TypeError, ValueError, AttributeError, IndexError):
        return "its form is another"
    return next((f"{name!r} has an impossible value" for name, it in right.items() if not it), "")


def read_state(folder: Path) -> dict[str, Any]:
    """The state that was saved beside the weights, on the CPU.

    Raises:
        CheckpointError: if it holds anything but tensors, numbers and strings, which could run code, needs far more
            memory than the weights, or cannot be read.
    """
    limit = 32 * (folder / WEIGHTS).stat().st_size + 64 * 2**20  # bytes; two means per weight are usual
    try:
        _refuse_inflated(folder / STATE, limit)
        with warnings.catch_warnings(action="ignore"):  # about untrusted pickles; the error below says more
            state: dict[str, Any] = torch.load(folder / STATE, map_location="cpu", weights_only=True)
        for tensor in _tensors(state):
            if (
                tensor.numel() * tensor.element_size() > limit
            ):  # more than it has stored: the same number repeated
                raise ValueError
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{folder / STATE} holds more than tensors, numbers and strings and could run code. It was refused, and "
            "nothing in it was executed: use only checkpoints of your own runs."
        ) from None
    except Exception as error:  # torch.load says in many ways that a file is no good
        raise CheckpointError(not_ours(folder)) from error
    return state


def not_ours(folder: Path) -> str:
    """The message about a state that training cannot have written."""
    return (
        f"{folder / STATE} is damaged, or not what training writes. It was refused, and nothing in it was executed. To "
        f"go on from the checkpoint before it, delete {folder} and run again."
    )


def _refuse_inflated(path: Path, limit: int) -> None:
    """Raises: ValueError: if a file is not the zip archive without compression that torch.save writes, or too large."""
    if path.stat().st_size > limit:
        raise ValueError
    with zipfile.ZipFile(path) as packed:
        entries = packed.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > path.stat().st_size or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError


def _tensors(state: Any) -> Iterator[torch.Tensor]:
    """All tensors in nested containers, which may contain themselves."""
    seen, left = set(), [state]
    while left:
        item = left.pop()
        if isinstance(item, torch.Tensor):
            yield item
        elif isinstance(item, dict | list | tuple | set) and id(item) not in seen:
            seen.add(id(item))
            left += item.values() if isinstance(item, dict) else item
