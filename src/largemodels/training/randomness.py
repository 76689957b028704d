"""Saving and restoring the random number generators that training may use: those of torch, NumPy and Python."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_state(device: torch.device) -> dict[str, Any]:
    """The state of all generators, as tensors, numbers and strings only.

    Args:
        device: its generator is saved in addition to the CPU's.
    """
    numpy: Any = np.random.get_state(legacy=False)
    numpy["state"]["key"] = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    state = {"torch": torch.get_rng_state(), "python": random.getstate(), "numpy": numpy}
    if device.type != "cpu":
        state["device"] = torch.get_device_module(device).get_rng_state(*_index(device))
    return state


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Restore a state from :func:`random_state`; without a saved state for this device, only the CPU generators."""
    torch.set_rng_state(state["torch"])
    random.setstate(state["python"])
    inner = state["numpy"]["state"]
    np.random.set_state(state["numpy"] | {"state": inner | {"key": inner["key"].numpy().astype(np.uint32)}})
    if device.type != "cpu" and "device" in state:
        torch.get_device_module(device).set_rng_state(state["device"], *_index(device))


@contextmanager
def same_randomness(device: torch.device) -> Iterator[None]:
    """Restore the generators on exit, so that draws inside the block do not affect those after it."""
    state = random_state(device)
    try:
        yield
    finally:
        set_random_state(state, device)


def _index(device: torch.device) -> tuple[torch.device, ...]:
    """The device argument of the state functions: MPS has a single device, and its functions take none."""
    return () if device.type == "mps" else (device,)
