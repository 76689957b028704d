"""Weights that a study keeps, so that a chapter can show the result of a longer training run.

They are stored in ``data/weights/STUDY_NAME.safetensors``, in half precision, outside the wheel. A study's file records
the size and SHA-256 of each. Without a checkout they are fetched once from the book's repository, and checked.
"""

from __future__ import annotations

import hashlib
import json
import urllib.request
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_path
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from .. import paths
from ..files import aside, sha256

BYTES_OF_A_CHAPTER, BYTES_OF_THE_BOOK = 4_000_000, 60_000_000
BRANCH = "notebooks"  # of the published repository
TIME_LIMIT = 60  # seconds without an answer


class WeightsError(RuntimeError):
    """Kept weights are too large, missing or damaged; the message says what to do."""


@dataclass(frozen=True)
class Weights:
    """What a study kept of one model.

    >>> model = lm.GPT(lm.GPTConfig(**weights.config))
    >>> model.load_state_dict(weights.state)
    """

    path: Path
    config: dict[str, Any]  # of the model
    state: dict[str, Tensor]  # floating-point numbers in half precision


def folder() -> Path:
    """Folder of kept weights in a checkout."""
    return paths.data_root() / "weights"


def file_name(study: str, name: str) -> str:
    """Path of kept weights inside :func:`folder`."""
    return f"{study}_{name}.safetensors"


def write(path: Path, weights: nn.Module | dict[str, Tensor], config: Any = None) -> dict[str, Any]:
    """Write weights: floating-point tensors in half precision, integer tensors, such as int8, unchanged.

    Args:
        path: of the file.
        weights: a model or its state.
        config: a dataclass or a dictionary; None: the model's own ``config``, or nothing.

    Returns:
        ``file`` (its name), ``bytes``, ``sha256`` and ``config``.

    Raises:
        WeightsError: if a number is not finite in half precision, or the file too large for a chapter.
    """
    if isinstance(weights, nn.Module):
        config = getattr(weights, "config", None) if config is None else config
        weights = weights.state_dict()
    plain: dict[str, Any] = asdict(config) if is_dataclass(config) else dict(config or {})  # type: ignore[arg-type]
    tensors: dict[str, Tensor] = {}
    tied: dict[str, str] = {}
    seen: dict[Any, str] = {}
    for name, tensor in weights.items():
        # Tied weights are stored once.
        place = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if tensor.numel() and place in seen:
            tied[name] = seen[place]
            continue
        seen[place] = name
        tensors[name] = (
            tensor.detach().cpu().to(torch.float16 if tensor.is_floating_point() else tensor.dtype)
        )
        if not tensors[name].isfinite().all():
            raise WeightsError(f"{name} holds a number that is not finite in half precision.")
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with aside(path) as beside:
        about = {"config": json.dumps(plain), "tied": json.dumps(tied)}
        beside.write_bytes(_in_order(save(tensors, about)))
        if (size := beside.stat().st_size) > BYTES_OF_A_CHAPTER:
            raise WeightsError(
                f"The weights take {size / 1e6:.1f} MB; a chapter keeps {BYTES_OF_A_CHAPTER / 1e6:.0f} MB at most. "
                "Keep a smaller model, or int8."
            )
    return {"file": path.name, "bytes": size, "sha256": sha256(path), "config": plain}


def _in_order(file: bytes) -> bytes:
    """A safetensors file with the entries of its header sorted: the library writes them in random order."""
    end = 8 + int.from_bytes(file[:8], "little")
    header = json.dumps(json.loads(file[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at a multiple of eight bytes
    return len(header).to_bytes(8, "little") + header + file[end:]


def content(path: Path) -> str:
    """SHA-256 of kept weights, whatever the order of their header's entries: that of the file as written now."""
    return hashlib.sha256(_in_order(path.read_bytes())).hexdigest()


def read(path: Path) -> Weights:
    """Read weights that :func:`write` has written.

    Raises:
        WeightsError: if it is not such a file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name, other in json.loads(about["tied"]).items():
            state[name] = state[other]
        return Weights(path, json.loads(about["config"]), state)
    except (SafetensorError, KeyError, ValueError):
        raise WeightsError(f"{path} does not hold weights that a study kept.") from None


def find(study: str, name: str, checksum: str) -> Path:
    """The checked file of kept weights: in the checkout, in the user's cache, or fetched into it.

    Args:
        study: such as "05_project/pretraining".
        name: under which the study kept them.
        checksum: SHA-256 in the study's file.

    Raises:
        WeightsError: if there is none with this checksum, and none can be fetched.
    """
    if paths.checkout():
        path = folder() / file_name(study, name)
        if not path.exists() or sha256(path) != checksum:
            wrong = "is not what its study kept" if path.exists() else "is missing"
            raise WeightsError(f"{path} {wrong}. Restore it, or run: make study NAME={study}")
        return path
    path = user_cache_path("largemodels") / "weights" / file_name(study, f"{name}-{checksum[:12]}")
    if not path.exists() or sha256(path) != checksum:
        _fetch(file_name(study, name), checksum, path)
    return path


def _fetch(name: str, checksum: str, path: Path) -> None:
    if not paths.REPOSITORY:
        raise WeightsError(
            f"The weights {name} are not installed with the library, and this copy of it does not know where the book "
            "is published. Install it from a checkout: pip install -e PATH"
        )
    plain = paths.REPOSITORY.replace("https://github.com/", "https://raw.githubusercontent.com/")
    address = f"{plain}/{BRANCH}/data/weights/{name}"
    with aside(path) as place:
        try:
            with urllib.request.urlopen(address, timeout=TIME_LIMIT) as answer:
                place.write_bytes(answer.read(BYTES_OF_A_CHAPTER + 1))
        except OSError as error:
            raise WeightsError(
                f"{address} cannot be fetched ({error}). Try again with a connection."
            ) from None
        if sha256(place) != checksum:
            raise WeightsError(
                f"{address} is not the file that this version of the library expects. Install the newest version."
            )
