"""The state of all random numbers that a training may draw: of torch, NumPy and Python."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_state(place: torch.device) -> dict[str, Any]:
    """The state, as tensors, numbers and strings only.

    Args:
        place: the device whose generator counts beside that of the CPU.
    """
    numpy: Any = np.random.get_state(legacy=False)
    numpy["state"]["key"] = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    state = {"torch": torch.get_rng_state(), "python": random.getstate(), "numpy": numpy}
    if place.type != "cpu":
        state["device"] = torch.get_device_module(place).get_rng_state(*_index(place))
    return state


def set_random_state(state: dict[str, Any], place: torch.device) -> None:
    """Go back to a state of :func:`random_state`, or to what of it there is on this device."""
    torch.set_rng_state(state["torch"])
    random.setstate(state["python"])
    inner = state["numpy"]["state"]
    np.random.set_state(state["numpy"] | {"state": inner | {"key": inner["key"].numpy().astype(np.uint32)}})
    if place.type != "cpu" and "device" in state:
        torch.get_device_module(place).set_rng_state(state["device"], *_index(place))


@contextmanager
def same_randomness(place: torch.device) -> Iterator[None]:
    """What is drawn within changes nothing outside."""
    state = random_state(place)
    try:
        yield
    finally:
        set_random_state(state, place)


def _index(place: torch.device) -> tuple[torch.device, ...]:
    """MPS has one device, and its functions take none."""
    return () if place.type == "mps" else (place,)
