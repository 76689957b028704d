"""Checkpoints: what a training needs to go on as if nothing had happened.

A run has a folder, and each checkpoint a folder in it, ``step-00000200``, which holds

- ``model.safetensors``: the weights, a format that holds tensors and cannot run code;
- ``state.pt``: optimisers and random numbers, opened with ``weights_only=True``, which refuses code;
- ``record.json``: settings, steps done, history;
- ``SHA256SUMS``: checksums of the three, to be checked by hand with ``sha256sum --check``.

A checkpoint is written aside and moved into place when it is whole. So whatever happens while it is written, a full
disk or a power cut, the one before it stays. The last two are kept; a third needs room while it is written.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_model, save_model
from torch import nn
from torch.optim import Optimizer

from ..files import sha256
from .config import TrainingConfig
from .history import Progress
from .parallel import Team
from .randomness import random_state, set_random_state

WEIGHTS, STATE, RECORD, SUMS = "model.safetensors", "state.pt", "record.json", "SHA256SUMS"

# Settings of a training that may change when it goes on: they do not enter the weights, or by rounding only.
FREE = ("evaluate_every", "save_every", "patience", "watch", "compile")


class CheckpointError(RuntimeError):
    """A checkpoint cannot be written, read or used; the message says why and what to do."""


class SettingsError(CheckpointError, ValueError):
    """A checkpoint or a run is of other settings; the message names the first that differs."""


class RunFolder:
    """The folder of one run, which no other run can write into meanwhile.

    Args:
        path: is made if it does not exist.
        team: the processes of the run; the first of them writes, all read.
        keep: checkpoints to keep, the newest ones.

    Raises:
        CheckpointError: if another run holds the folder, or it is none.
    """

    def __init__(self, path: str | Path, team: Team, *, keep: int = 2) -> None:
        self.path, self.team, self.keep = Path(path), team, keep
        self.saved = -1  # step of the newest checkpoint
        self.whole: list[Path] = []  # checkpoints known to be so, oldest first
        if team.sharded:
            raise CheckpointError(
                "Weights that are spread over processes cannot be saved here: train without a checkpoint folder, and "
                "save with Accelerate's save_state."
            )
        refuse_file(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path / ".lock")

    def __enter__(self) -> RunFolder:
        if self.team.main:
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise CheckpointError(
                    f"Another run is writing into {self.path}: wait for it, or name another folder."
                ) from None
            for leftover in self.path.glob("step-*.part"):  # of a run that was killed while it saved
                shutil.rmtree(leftover)
        self.team.wait()
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def save(
        self, model: nn.Module, optimizers: list[Optimizer], config: TrainingConfig, progress: Progress
    ) -> None:
        """Write a checkpoint, unless there is one of this step; the oldest is then deleted.

        Raises:
            CheckpointError: if it cannot be written; those before it stay.
            FloatingPointError: if the loss was not finite; the weights are then not worth keeping.
        """
        if progress.step == self.saved:
            return
        progress.read()
        own = {"random": random_state(self.team.place), "losses": list(progress.losses)}
        state = {
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "processes": self.team.collect(own),
        }
        record = {
            "model": _describe(model),
            "training": asdict(config),
            "progress": {"step": progress.step, "seconds": progress.seconds, "rows": progress.rows},
        }
        if self.team.main:
            self._write(progress.step, model, state, record)
        self.saved = progress.step

    def _write(self, step: int, model: nn.Module, state: dict[str, Any], record: dict[str, Any]) -> None:
        folder = self.path / f"step-{step:08}"
        aside = folder.with_suffix(".part")
        try:
            aside.mkdir()
            save_model(model, str(aside / WEIGHTS))  # a weight that is used twice is saved once
            torch.save(state, aside / STATE)
            (aside / RECORD).write_text(json.dumps(record, indent=1, default=_plain) + "\n", encoding="utf-8")
            sums = "".join(f"{sha256(aside / name)}  {name}\n" for name in (WEIGHTS, STATE, RECORD))
            (aside / SUMS).write_text(sums, encoding="utf-8")
            for name in (WEIGHTS, STATE, RECORD, SUMS):
                _to_disk(aside / name)
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise CheckpointError(self._not_written(step, error)) from error
        if folder.exists():  # a damaged one that was passed over
            shutil.rmtree(folder)
        aside.rename(folder)
        _to_disk(self.path)
        self.whole = [*self.whole, folder][-self.keep :]
        for other in _checkpoints(self.path):
            if other not in self.whole:
                shutil.rmtree(other)

    def _not_written(self, step: int, error: Exception) -> str:
        free = shutil.disk_usage(self.path).free / 1e6  # megabytes
        kept = f"{self.whole[-1].name} is untouched." if self.whole else "There is none before it."
        reason = str(error).strip().splitlines()[0]
        return (
            f"The checkpoint of step {step} could not be written to {self.path}, where {free:,.1f} MB are free "
            f"({reason}). {kept} Make room and run again."
        )

    def resume(
        self, model: nn.Module, optimizers: list[Optimizer], config: TrainingConfig, progress: Progress
    ) -> None:
        """Bring everything into the state of the newest whole checkpoint, if there is one, and say so.

        Raises:
            CheckpointError: if it is of other settings, or all checkpoints are damaged.
        """
        folder = _newest(self.path, self._say)
        step = -1 if folder is None else int(folder.name.removeprefix("step-"))
        if self.team.agree(step) != (step,):
            raise CheckpointError(
                f"Not all processes see the same checkpoints: {self.path} must be on a shared disk."
            )
        if folder is None:
            return
        record = _read_record(folder)
        _refuse_other_model(model, record, folder)
        _refuse_other(record["training"], config, folder, free=FREE)
        state = _read_state(folder)
        processes = state["processes"]
        if len(processes) != self.team.size:
            raise CheckpointError(
                f"{folder} is of {len(processes)} processes, these are {self.team.size}: go on with as many."
            )
        load_model(model, folder / WEIGHTS)
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        set_random_state(processes[self.team.rank]["random"], self.team.place)
        progress.step, progress.seconds, progress.rows = (
            record["progress"][n] for n in ("step", "seconds", "rows")
        )
        progress.losses = processes[self.team.rank]["losses"]
        self.saved, self.whole = step, [folder]
        self._say(f"Going on after step {step}, from {folder}.")

    def _say(self, line: str) -> None:
        if self.team.main:
            print(line, file=sys.stderr)


def refuse_file(path: Path) -> None:
    """Raises: CheckpointError: if it is a file, where the folder of a run is wanted."""
    if path.is_file():
        raise CheckpointError(
            f"{path} is a file, not the folder of a run. It was not opened: checkpoints in one file are often pickles, "
            "which can run code."
        )


def newest(path: str | Path) -> Path:
    """The newest whole checkpoint of a run, or the checkpoint that is named itself.

    It says on stderr if it passes over a damaged one.

    Raises:
        CheckpointError: if there is none, or none is whole.
    """
    path = Path(path)
    refuse_file(path)
    if (path / RECORD).exists() or path.name.startswith("step-"):
        verify(path)
        return path
    if (folder := _newest(path, lambda line: print(line, file=sys.stderr))) is None:
        raise CheckpointError(f"There is no checkpoint in {path}.")
    return folder


def _newest(path: Path, say: Callable[[str], None]) -> Path | None:
    """The newest whole checkpoint; None if there is none at all. Says so if it passes over a damaged one."""
    found = _checkpoints(path)
    for left, folder in zip(reversed(range(len(found))), reversed(found), strict=True):
        try:
            verify(folder)
        except CheckpointError as error:
            if not left:
                raise CheckpointError(
                    f"{error} {path} has no whole checkpoint: name another folder to begin anew."
                ) from None
            say(f"{error} The one before it is used.")
        else:
            return folder
    return None


def verify(folder: Path) -> None:
    """Compare the files of a checkpoint with their checksums.

    Raises:
        CheckpointError: if one is missing or not as it was written.
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
            raise CheckpointError(
                f"{folder} is damaged: {name} is not as it was written, its checksum differs."
            )


def load_record(path: str | Path) -> dict[str, Any]:
    """The record of a checkpoint: ``model`` (its class and config), ``training`` and ``progress``.

    Args:
        path: of a run, which means its newest whole checkpoint, or of a checkpoint.

    Raises:
        CheckpointError: if there is none, or it is damaged.
    """
    return _read_record(newest(path))


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load the weights of a checkpoint into a model of the same config.

    Args:
        model: on any device.
        path: of a run, which means its newest whole checkpoint, or of a checkpoint.

    Raises:
        CheckpointError: if there is none, it is damaged, or it is of another model; the model is then untouched.
    """
    folder = newest(path)
    _refuse_other_model(model, _read_record(folder), folder)
    load_model(model, folder / WEIGHTS)


def _describe(model: nn.Module) -> dict[str, Any]:
    """Class and config of a model; the config is its ``config``, if that is a dataclass."""
    config = getattr(model, "config", None)
    return {"class": type(model).__name__, "config": asdict(config) if is_dataclass(config) else None}  # type: ignore[arg-type]


def _read_record(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return record


def _read_state(folder: Path) -> dict[str, Any]:
    """What was saved beside the weights, on the CPU.

    Raises:
        CheckpointError: if it holds more than tensors, numbers and texts, which could run code.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # about pickles of other programs, said better below
            state: dict[str, Any] = torch.load(folder / STATE, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{folder / STATE} holds more than tensors, numbers and texts, and could run code. It was refused, nothing "
            "in it was executed: use checkpoints of your own runs only."
        ) from None
    return state


def _refuse_other_model(model: nn.Module, record: dict[str, Any], folder: Path) -> None:
    """Class, config, and names and shapes of the weights must be those of the model.

    Raises:
        CheckpointError: naming what differs.
    """
    saved, current = record["model"], _describe(model)
    if saved["class"] != current["class"]:
        raise CheckpointError(f"{folder} is of a {saved['class']}, not of a {current['class']}.")
    if saved["config"] and current["config"]:
        _refuse_other(saved["config"], model.config, folder)
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    tensors = model.state_dict()
    held = {
        tensors[name].data_ptr() for name in shapes if name in tensors
    }  # of tied weights one name is saved
    for name in [*shapes, *(name for name, tensor in tensors.items() if tensor.data_ptr() not in held)]:
        shape = list(tensors[name].shape) if name in tensors else None
        if shapes.get(name) != shape:
            raise CheckpointError(
                f"{folder} has {name} of shape {shapes.get(name)}, the model of shape {shape}."
            )


def _refuse_other(saved: dict[str, Any], config: Any, folder: Path, free: tuple[str, ...] = ()) -> None:
    """The fields of a config must be as they were; a field that did not exist then must have its default.

    Raises:
        SettingsError: naming the first field that differs and is not free to.
    """
    for name, value in json.loads(json.dumps(asdict(config), default=_plain)).items():
        (default,) = (field.default for field in fields(config) if field.name == name)
        if (old := saved.get(name, default)) != value and name not in free:
            raise SettingsError(
                f"{folder} was made with {name} = {old!r}, this run has {value!r}: set it as it was, or name another "
                "folder."
            )


def _checkpoints(path: Path) -> list[Path]:
    """All of a run, oldest first."""
    return sorted(folder for folder in path.glob("step-*") if folder.is_dir() and not folder.suffix)


def _plain(value: Any) -> Any:
    """For JSON: a number of NumPy or torch as one of Python, anything else as text."""
    return value.item() if getattr(value, "ndim", None) == 0 else str(value)


def _to_disk(path: Path) -> None:
    """Wait until a file or folder has left the system's memory; Windows cannot do that for folders."""
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
