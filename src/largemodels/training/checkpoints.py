"""Checkpoints: what a training run needs to resume as if nothing had happened.

A run has a folder, and each checkpoint is a subfolder, such as ``step-00000200``, which holds

- ``model.safetensors``: the weights, in a format that holds only tensors and cannot run code;
- ``state.pt``: states of optimisers and random generators, opened with ``weights_only=True``, which refuses code;
- ``record.json``: settings, steps done, history;
- ``SHA256SUMS``: checksums of the three, which ``sha256sum --check`` can also verify.

A checkpoint is written under a temporary name and renamed once complete, so that the previous one survives a full disk
or a power cut. The last two are kept; while a new one is being written, it needs room for a third.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_model
from torch import nn
from torch.optim import Optimizer

from ..files import sha256
from ..models.formats import FORMAT, present_description, present_name
from .checkpoint_files import (
    RECORD,
    STATE,
    SUMS,
    WEIGHTS,
    CheckpointError,
    SettingsError,
    flush_to_disk,
    list_checkpoints,
    newest,
    newest_intact,
    read_record,
    read_state,
    refuse_file,
)
from .config import TrainingConfig
from .history import Progress
from .length import changed_length, length_note
from .parallel import Team
from .randomness import random_state, set_random_state

# Settings that may change when a run is resumed: they affect the weights by rounding at most.
FREE = ("evaluate_every", "save_every", "patience", "watch", "compile")


class RunFolder:
    """The folder of a run, locked so that no other run can write to it at the same time.

    Args:
        path: created if it does not exist.
        team: the processes of the run; the first of them writes, all read.
        keep: number of checkpoints to keep, the newest ones.

    Raises:
        CheckpointError: if another run has locked the folder, the path is a file, or the weights are sharded.
    """

    def __init__(self, path: str | Path, team: Team, *, keep: int = 2) -> None:
        self.path, self.team, self.keep = Path(path), team, keep
        self.saved = -1  # step of the newest checkpoint
        self.intact: list[Path] = []  # checkpoints known to be intact, oldest first
        if team.sharded:
            raise CheckpointError(
                "Weights that are sharded over processes cannot be saved here: train without a checkpoint folder and "
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
            for leftover in self.path.glob("step-*.part"):  # from a run that was killed while saving
                shutil.rmtree(leftover)
        self.team.barrier()
        return self

    def __exit__(self, *exception: object) -> None:
        self._lock.release()

    def save(
        self, model: nn.Module, optimizers: list[Optimizer], config: TrainingConfig, progress: Progress
    ) -> None:
        """Write a checkpoint, unless there is already one for this step, and delete the oldest.

        Raises:
            CheckpointError: if it cannot be written; earlier checkpoints are kept.
            FloatingPointError: if a loss or gradient was not finite; such weights are not worth keeping.
        """
        if progress.step == self.saved:
            return
        progress.read()
        own = {"random": random_state(self.team.device), "losses": list(progress.losses)}
        state = {
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "processes": self.team.gather(own),
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
            save_model(model, str(aside / WEIGHTS))  # tied weights are saved once
            torch.save(state, aside / STATE)
            (aside / RECORD).write_text(json.dumps(record, indent=1, default=_plain) + "\n", encoding="utf-8")
            sums = "".join(f"{sha256(aside / name)}  {name}\n" for name in (WEIGHTS, STATE, RECORD))
            (aside / SUMS).write_text(sums, encoding="utf-8")
            for name in (WEIGHTS, STATE, RECORD, SUMS):
                flush_to_disk(aside / name)
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise CheckpointError(self._not_written(step, error)) from error
        if folder.exists():  # a damaged one that was skipped
            shutil.rmtree(folder)
        aside.rename(folder)
        flush_to_disk(self.path)
        self.intact = [*self.intact, folder][-self.keep :]
        for other in list_checkpoints(self.path):
            if other not in self.intact:
                shutil.rmtree(other)

    def _not_written(self, step: int, error: Exception) -> str:
        free = shutil.disk_usage(self.path).free / 1e6  # megabytes
        kept = f"{self.intact[-1].name} is untouched." if self.intact else "There is none before it."
        reason = str(error).strip().splitlines()[0]
        return (
            f"The checkpoint of step {step} could not be written to {self.path}, where {free:,.1f} MB are free "
            f"({reason}). {kept} Make room and run again."
        )

    def resume(
        self, model: nn.Module, optimizers: list[Optimizer], config: TrainingConfig, progress: Progress
    ) -> None:
        """Restore the state of the newest intact checkpoint, if there is one, and report it on stderr.

        Raises:
            CheckpointError: if its settings differ, or all checkpoints are damaged.
        """
        folder = newest_intact(self.path, self._say)
        step = -1 if folder is None else int(folder.name.removeprefix("step-"))
        if self.team.all_max(step) != (step,):
            raise CheckpointError(
                f"Not all processes see the same checkpoints: {self.path} must be on a shared disk."
            )
        if folder is None:
            return
        record = _present_record(folder)
        _refuse_other_model(model, record, folder)
        free = FREE + changed_length(record["training"], config, record["progress"], folder)
        _refuse_other(record["training"], config, folder, free=free)
        state = read_state(folder)
        processes = state["processes"]
        if len(processes) != self.team.size:
            raise CheckpointError(
                f"{folder} was saved by {len(processes)} processes, but this run has {self.team.size}: resume with the "
                "same number."
            )
        _refuse_other_optimizers(state["optimizers"], optimizers, folder)
        _load_weights(model, folder)
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        set_random_state(processes[self.team.rank]["random"], self.team.device)
        progress.step, progress.seconds, progress.rows = (
            record["progress"][n] for n in ("step", "seconds", "rows")
        )
        progress.losses = processes[self.team.rank]["losses"]
        self.saved, self.intact = step, [folder]
        self._say(f"Going on after step {step}, from {folder}.{length_note(record['training'], config)}")

    def _say(self, line: str) -> None:
        if self.team.main:
            print(line, file=sys.stderr)


def load_record(path: str | Path) -> dict[str, Any]:
    """The record of a checkpoint: ``model`` (its class and config), ``training`` and ``progress``.

    Args:
        path: of a checkpoint, or of a run, for its newest intact checkpoint.

    Raises:
        CheckpointError: if there is none, or it is damaged.
    """
    return _present_record(newest(path))


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load the weights of a checkpoint into a model of the same config.

    Args:
        model: on any device.
        path: of a checkpoint, or of a run, for its newest intact checkpoint.

    Raises:
        CheckpointError: if there is none, it is damaged, or it is for another model; ``model`` is then unchanged.
    """
    folder = newest(path)
    _refuse_other_model(model, _present_record(folder), folder)
    _load_weights(model, folder)


def _load_weights(model: nn.Module, folder: Path) -> None:
    """Load weights checked by :func:`_refuse_other_model`; not strict, as tied weights are saved under one name."""
    described = read_record(folder)["model"]
    weights = load_file(folder / WEIGHTS)
    model.load_state_dict({present_name(name, described): w for name, w in weights.items()}, strict=False)


def _describe(model: nn.Module) -> dict[str, Any]:
    """Class and config of a model; the config is its ``config``, if that is a dataclass."""
    config = getattr(model, "config", None)
    fields_of = asdict(config) if is_dataclass(config) else None  # type: ignore[arg-type]
    return {"class": type(model).__name__, "config": fields_of, "format": FORMAT}


def _present_record(folder: Path) -> dict[str, Any]:
    """The record of a checkpoint, converted to the current format.

    Raises:
        CheckpointError: if this version has no such model.
    """
    record = read_record(folder)
    try:
        return record | {"model": present_description(record["model"])}
    except ValueError as error:
        raise CheckpointError(f"{folder} cannot be loaded. {error}") from None


def _refuse_other_model(model: nn.Module, record: dict[str, Any], folder: Path) -> None:
    """Refuse a checkpoint whose class, config, or names or shapes of weights differ from the model's.

    Raises:
        CheckpointError: naming what differs.
    """
    saved, current = record["model"], _describe(model)
    if saved["class"] != current["class"]:
        raise CheckpointError(f"{folder} holds a {saved['class']}, but the model is a {current['class']}.")
    if saved["config"] and current["config"]:
        _refuse_other(saved["config"], model.config, folder)
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        described = read_record(folder)["model"]
        names = {name: present_name(name, described) for name in file.keys()}  # noqa: SIM118
        shapes = {names[name]: file.get_slice(name).get_shape() for name in names}
    tensors = model.state_dict()
    held = {
        tensors[name].data_ptr() for name in shapes if name in tensors
    }  # tied weights are saved under one name
    for name in [*shapes, *(name for name, tensor in tensors.items() if tensor.data_ptr() not in held)]:
        shape = list(tensors[name].shape) if name in tensors else None
        if shapes.get(name) != shape:
            raise CheckpointError(
                f"{name} has shape {shapes.get(name)} in {folder} but {shape} in the model."
            )


def _refuse_other(saved: dict[str, Any], config: Any, folder: Path, free: tuple[str, ...] = ()) -> None:
    """Refuse a config that differs from the saved one; a field that did not exist then must have its default.

    Raises:
        SettingsError: naming the first field that differs and is not in ``free``.
    """
    for name, value in json.loads(json.dumps(asdict(config), default=_plain)).items():
        (default,) = (field.default for field in fields(config) if field.name == name)
        if (old := saved.get(name, default)) != value and name not in free:
            raise SettingsError(
                f"{folder} was made with {name} = {old!r}, but this run has {value!r}, and its weights rest on that: "
                "set it back, or name another folder."
            )


def _refuse_other_optimizers(saved: list[dict[str, Any]], optimizers: list[Optimizer], folder: Path) -> None:
    """Refuse optimisers whose number, parameter groups or settings, the current learning rate aside, have changed.

    Raises:
        SettingsError: naming the first difference.
    """
    old = [group for state in saved for group in state["param_groups"]]
    new = [group for optimizer in optimizers for group in optimizer.state_dict()["param_groups"]]
    if [len(group["params"]) for group in old] != [len(group["params"]) for group in new]:
        raise SettingsError(
            f"{folder} was made with different optimisers or parameter groups: name another folder."
        )
    for was, now in zip(old, new, strict=True):
        for name in (was.keys() & now.keys()) - {"params", "lr"}:
            if was[name] != now[name]:
                raise SettingsError(
                    f"{folder} was made with an optimiser with {name} = {was[name]!r}, but this run has "
                    f"{now[name]!r}: set it back, or name another folder."
                )


def _plain(value: Any) -> Any:
    """For JSON: a NumPy or torch scalar as a Python number, anything else as a string."""
    return value.item() if getattr(value, "ndim", None) == 0 else str(value)
