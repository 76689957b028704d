"""Checkpoints: what a training run needs to resume as if nothing had happened.

A run has a folder, and each checkpoint is a subfolder, such as ``step-00000200``, which holds

- ``model.safetensors``: the weights, in a format that holds only tensors and cannot run code;
- ``state.pt``: states of optimisers and random generators, opened with ``weights_only=True``, which refuses code;
- ``record.json``: settings, steps done, history;
- ``SHA256SUMS``: checksums of the three, which ``sha256sum --check`` can also verify.

A checkpoint is written under a temporary name and renamed once it is complete and on disk, so that the previous one
survives a full disk or a power cut. The last two are kept; while a new one is being written, it needs room for a third.
Whatever else is in the folder stays as it is: other files, links, copies of checkpoints under other names, and
checkpoints into which somebody has put a file.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file, save_model
from torch import nn
from torch.optim import Optimizer

from ..files import flush, flush_all, sha256, to_json, usual_modes
from ..models.formats import present_name
from .checkpoint_files import (
    PART,
    RECORD,
    STATE,
    SUMS,
    WEIGHTS,
    CheckpointError,
    is_ours,
    list_checkpoints,
    newest,
    newest_intact,
    not_ours,
    number,
    read_record,
    read_state,
    refuse_file,
)
from .checkpoint_files import (
    SettingsError as SettingsError,
)
from .checkpoint_match import (
    describe,
    plain,
    present_record,
    refuse_other,
    refuse_other_model,
    refuse_other_optimizers,
    refuse_other_state,
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
            for leftover in self.path.glob(f"step-*{PART}"):  # from a run that was killed while saving
                if is_ours(leftover):
                    shutil.rmtree(leftover)
        self._identity = self._identify()
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
            "model": describe(model),
            "training": asdict(config),
            "progress": {"step": progress.step, "seconds": progress.seconds, "rows": progress.rows},
        }
        if self.team.main:
            self._write(progress.step, model, state, record)
        self.saved = progress.step

    def _write(self, step: int, model: nn.Module, state: dict[str, Any], record: dict[str, Any]) -> None:
        gone = self._identify() != self._identity
        folder = self.path / f"step-{step:08}"
        aside = folder.with_suffix(PART)
        try:
            aside.mkdir(parents=gone)
            save_model(model, str(aside / WEIGHTS))  # tied weights are saved once
            torch.save(state, aside / STATE)
            (aside / RECORD).write_text(to_json(record, indent=1, default=plain) + "\n", encoding="utf-8")
            sums = "".join(f"{sha256(aside / name)}  {name}\n" for name in (WEIGHTS, STATE, RECORD))
            (aside / SUMS).write_text(sums, encoding="utf-8")
            usual_modes(aside)
            flush_all(aside)
            if is_ours(folder):  # a damaged one that was skipped
                shutil.rmtree(folder)
            aside.rename(folder)
            flush(self.path)
        except (OSError, RuntimeError, SafetensorError) as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise CheckpointError(self._not_written(step, error)) from error
        if gone:
            raise CheckpointError(
                f"{self.path} was moved or deleted during training. The checkpoint of step {step} is in a new folder "
                f"there: if you moved the old one, move {folder} into it and train there; otherwise run again."
            )
        self.intact = [*self.intact, folder][-self.keep :]
        for other in list_checkpoints(self.path):
            if other not in self.intact and is_ours(other):
                shutil.rmtree(other)

    def _identify(self) -> tuple[int, int] | None:
        """Which folder is at the path; None if there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _not_written(self, step: int, error: Exception) -> str:
        there = next(it for it in (self.path, *self.path.absolute().parents) if it.exists())
        free = shutil.disk_usage(there).free / 1e6  # megabytes
        kept = f"{self.intact[-1].name} is untouched." if self.intact else "There is none before it."
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if isinstance(error, FileExistsError | NotADirectoryError):
            return (
                f"The checkpoint of step {step} could not be written to {self.path}, where something else has its name "
                f"({reason}). {kept} Move that elsewhere and run again."
            )
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
        step = -1 if folder is None else read_record(folder)["progress"]["step"]
        if self.team.all_max(step) != (step,):
            raise CheckpointError(
                f"Not all processes see the same checkpoints: {self.path} must be on a shared disk."
            )
        self._refuse_in_the_way(step)
        if folder is None:
            return
        record = present_record(folder)
        refuse_other_model(model, folder)
        free = FREE + changed_length(record["training"], config, record["progress"], folder)
        refuse_other(record["training"], config, folder, free=free)
        state = read_state(folder)
        try:
            own = self._restore(state, model, optimizers, folder)
            progress.losses = list(map(float, own["losses"]))
        except CheckpointError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
            raise CheckpointError(not_ours(folder)) from error
        progress.step, progress.seconds, progress.rows = (
            record["progress"][n] for n in ("step", "seconds", "rows")
        )
        self.saved, self.intact = step, [folder]
        self._say(f"Going on after step {step}, from {folder}.{length_note(record['training'], config)}")

    def _restore(
        self, state: dict[str, Any], model: nn.Module, optimizers: list[Optimizer], folder: Path
    ) -> dict[str, Any]:
        """Restore a saved state, which raises any error if it has another form; returns this process's own part."""
        processes = state["processes"]
        if len(processes) != self.team.size:
            raise CheckpointError(
                f"{folder} was saved by {len(processes)} process{'es' * (len(processes) > 1)}, but this run has "
                f"{self.team.size}: resume with the same number."
            )
        refuse_other_optimizers(state["optimizers"], optimizers, folder)
        _load_weights(model, folder)
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
            refuse_other_state(optimizer)
        own: dict[str, Any] = processes[self.team.rank]
        set_random_state(own["random"], self.team.device)
        return own

    def _refuse_in_the_way(self, step: int) -> None:
        """Refuse what is not ours and has a name that training may need after this step.

        Raises:
            CheckpointError: naming it.
        """
        for path in self.path.glob("step-*"):
            if (number(path) or 0) > step and not is_ours(path):
                raise CheckpointError(
                    f"{path} is in the way: training has not written it, or somebody has added to it, and may need its "
                    f"name. Move it out of {self.path}, then run again."
                )

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
    return present_record(newest(path))


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load the weights of a checkpoint into a model of the same config.

    Args:
        model: on any device.
        path: of a checkpoint, or of a run, for its newest intact checkpoint.

    Raises:
        CheckpointError: if there is none, it is damaged, or it is for another model; ``model`` is then unchanged.
    """
    folder = newest(path)
    refuse_other_model(model, folder)
    _load_weights(model, folder)


def _load_weights(model: nn.Module, folder: Path) -> None:
    """Load weights checked by :func:`refuse_other_model`; not strict, as tied weights are saved under one name."""
    described = read_record(folder)["model"]
    weights = load_file(folder / WEIGHTS)
    model.load_state_dict({present_name(name, described): w for name, w in weights.items()}, strict=False)
