"""The multi-layer perceptron: linear layers with a nonlinear function between them.

Rumelhart, Hinton and Williams, 1986, "Learning representations by back-propagating errors"
(https://doi.org/10.1038/323533a0). Each hidden layer computes ``activation(x W + b)``, the last one the logits
``x W + b``. Differs from the paper in the loss, cross-entropy instead of squared error, in the choice of activations,
and in weights initialised uniformly within ±√(6 / (d_in + d_out)) (Glorot and Bengio, 2010,
https://proceedings.mlr.press/v9/glorot10a.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least, one_of

ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}


@dataclass(frozen=True)
class MLPConfig:
    """Sizes of a multi-layer perceptron."""

    d_input: int  # features per example
    d_hidden: tuple[int, ...]  # width of each hidden layer; none: logistic regression
    n_class: int  # number of classes
    activation: str = "tanh"  # or "sigmoid", "relu"

    def __post_init__(self) -> None:
        at_least(1, d_input=self.d_input, d_hidden=min(self.d_hidden, default=1), n_class=self.n_class)
        one_of(ACTIVATIONS, activation=self.activation)


class MLP(Model):
    """A classifier for inputs of fixed size."""

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        self.config = config
        widths = (config.d_input, *config.d_hidden, config.n_class)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Examples ``(batch, d_input)`` to logits ``(batch, n_class)``."""
        squash = ACTIVATIONS[self.config.activation]
        for layer in self.layers[:-1]:
            x = squash(layer(x))
        logits: Tensor = self.layers[-1](x)
        return logits

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean cross-entropy in nats per example, a scalar; ``y`` holds classes ``(batch,)``."""
        return F.cross_entropy(self(x), y)
