"""Training mode and evaluation mode of a model whose parts may be in different modes.

``model.eval()`` and ``model.train()`` set every module inside, also one that somebody has put into evaluation mode on
purpose, such as the batch normalisation of a network whose lower layers are frozen. What is here leaves such modules
alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Within it the model is in evaluation mode; afterwards, also after an error, each module is in its own again."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def start_training(model: nn.Module) -> None:
    """Put a model into training mode, except for what is frozen.

    In a model that is in training mode already, every module keeps its mode. In one that is in evaluation mode as a
    whole, as pretrained models are when they are loaded, parts without a single parameter to train stay in it: their
    dropout stays off, and the running statistics of their batch normalisation stay as they are.
    """
    if not model.training:
        _train_unless_frozen(model)


def _train_unless_frozen(module: nn.Module) -> None:
    """Also a module without parameters, such as dropout, follows the module that it belongs to."""
    parameters = list(module.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        return
    module.training = True
    for child in module.children():
        _train_unless_frozen(child)
