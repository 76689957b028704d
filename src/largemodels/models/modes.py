"""Switching between training and evaluation mode when parts of a model are in different modes.

``model.eval()`` and ``model.train()`` set every submodule, even one that was put into evaluation mode on purpose, such
as the batch normalisation of a network whose lower layers are frozen. The functions here leave such modules alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model into evaluation mode; on exit, even after an error, restore the mode of each module.

    Do not ``yield`` to a caller inside: a generator may be suspended for long, abandoned, or resumed after another one
    that has restored a mode of its own.
    """
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def start_training(model: nn.Module) -> None:
    """Put a model into training mode, except for its frozen parts.

    If the model is already in training mode, every submodule keeps its mode. If it is in evaluation mode, as pretrained
    models are when loaded, parts without any trainable parameter stay there: their dropout stays off, and the running
    statistics of their batch normalisation do not change.
    """
    if not model.training:
        _train_unless_frozen(model)


def _train_unless_frozen(module: nn.Module) -> None:
    """A module without parameters, such as dropout, follows its parent."""
    parameters = list(module.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        return
    module.training = True
    for child in module.children():
        _train_unless_frozen(child)
