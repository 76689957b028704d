"""What a checkpoint must have in common with the model and the optimisers that it is loaded into.

Sizes are compared before anything of these sizes is read or made.
"""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from torch import nn
from torch.optim import Optimizer

from ..files import from_json, to_json
from ..models.formats import FORMAT, present_description, present_name
from .checkpoint_files import WEIGHTS, CheckpointError, SettingsError, read_record


def describe(model: nn.Module) -> dict[str, Any]:
    """Class and config of a model; the config is its ``config``, if that is a dataclass."""
    config = getattr(model, "config", None)
    fields_of = asdict(config) if is_dataclass(config) else None  # type: ignore[arg-type]
    return {"class": type(model).__name__, "config": fields_of, "format": FORMAT}


def present_record(folder: Path) -> dict[str, Any]:
    """The record of a checkpoint, converted to the current format.

    Raises:
        CheckpointError: if this version has no such model.
    """
    record = read_record(folder)
    try:
        return record | {"model": present_description(record["model"])}
    except ValueError as error:
        raise CheckpointError(f"{folder} cannot be loaded. {error}") from None


def saved_shapes(folder: Path) -> dict[str, list[int]]:
    """Shapes of the weights in a checkpoint by their current names; only the file's header is read.

    Args:
        folder: of a checkpoint that :func:`.checkpoint_files.verify` has accepted.
    """
    described = read_record(folder)["model"]
    with safe_open(folder / WEIGHTS, framework="pt") as file:
        return {
            present_name(name, described): file.get_slice(name).get_shape()
            for name in file.keys()  # noqa: SIM118
        }


def refuse_other_model(model: nn.Module, folder: Path) -> None:
    """Refuse a checkpoint whose class, config, or names or shapes of weights differ from the model's.

    Args:
        model: on any device, also on "meta", where it takes no memory.
        folder: of the checkpoint.

    Raises:
        CheckpointError: naming what differs.
    """
    saved, current = present_record(folder)["model"], describe(model)
    if saved["class"] != current["class"]:
        raise CheckpointError(f"{folder} holds a {saved['class']}, but the model is a {current['class']}.")
    if saved["config"] and current["config"]:
        refuse_other(saved["config"], model.config, folder)
    shapes = saved_shapes(folder)
    tensors = model.state_dict(keep_vars=True)
    # Tied weights are saved under one name. On the device "meta", no tensor has an address.
    place = {name: tensor.data_ptr() or id(tensor) for name, tensor in tensors.items()}
    held = {place[name] for name in shapes if name in tensors}
    for name in [*shapes, *(name for name in tensors if place[name] not in held)]:
        shape = list(tensors[name].shape) if name in tensors else None
        if shapes.get(name) != shape:
            raise CheckpointError(
                f"{name} has shape {shapes.get(name)} in {folder} but {shape} in the model."
            )


def refuse_other(saved: dict[str, Any], config: Any, folder: Path, free: tuple[str, ...] = ()) -> None:
    """Refuse a config that differs from the saved one; a field that did not exist then must have its default.

    Raises:
        SettingsError: naming the first field that differs and is not in ``free``.
    """
    for name, value in from_json(to_json(asdict(config), default=plain)).items():
        (default,) = (field.default for field in fields(config) if field.name == name)
        if (old := saved.get(name, default)) != value and name not in free:
            raise SettingsError(
                f"{folder} was made with {name} = {old!r}, but this run has {value!r}, and its weights rest on that: "
                "set it back, or name another folder."
            )


def refuse_other_optimizers(saved: list[dict[str, Any]], optimizers: list[Optimizer], folder: Path) -> None:
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


def refuse_other_state(optimizer: Optimizer) -> None:
    """Raises: ValueError: if the state of an optimiser does not fit its weights; its first update would fail."""
    names = {"AdamW": ("exp_avg", "exp_avg_sq"), "Muon": ("momentum",)}.get(type(optimizer).__name__, ())
    for weight, held in optimizer.state.items():
        if any(held[name].shape != weight.shape for name in names):
            raise ValueError


def plain(value: Any) -> Any:
    """For JSON: a NumPy or torch scalar as a Python number, anything else as a string."""
    return value.item() if getattr(value, "ndim", None) == 0 else str(value)
