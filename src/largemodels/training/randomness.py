"""The state of all random number generators that training may use: those of torch, NumPy and Python."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_state(device: torch.device) -> dict[str, Any]:
    """The state, as tensors, numbers and strings only.

    Args:
        device: whose generator is saved beside that of the CPU.
    """
    numpy: Any = np.random.get_state(legacy=False)
    numpy["state"]["key"] = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    state = {"torch": torch.get_rng_state(), "python": random.getstate(), "numpy": numpy}
    if device.type != "cpu":
        state["device"] = torch.get_device_module(device).get_rng_state(*_index(device))
    return state


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Go back to a state of :func:`random_state`, or to what of it there is on this device."""
    torch.set_rng_state(state["torch"])
    random.setstate(state["python"])
    inner = state["numpy"]["state"]
    np.random.set_state(state["numpy"] | {"state": inner | {"key": inner["key"].numpy().astype(np.uint32)}})
    if device.type != "cpu" and "device" in state:
        torch.get_device_module(device).set_rng_state(state["device"], *_index(device))


@contextmanager
def same_randomness(device: torch.device) -> Iterator[None]:
    """What is drawn within changes nothing outside."""
    state = random_state(device)
    try:
        yield
    finally:
        set_random_state(state, device)


def _index(device: torch.device) -> tuple[torch.device, ...]:
    """MPS has one device, and its functions take none."""
    return () if device.type == "mps" else (device,)
