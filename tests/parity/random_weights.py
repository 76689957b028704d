"""Weights for parity tests of networks with normalisation."""

from __future__ import annotations

from typing import TypeVar

import torch

Model = TypeVar("Model", bound=torch.nn.Module)


def randomised(model: Model) -> Model:
    """Random weights, biases and running means: the initial ones would hide a swapped one."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif tensor.is_floating_point():
                tensor.normal_(std=0.3)
    return model
