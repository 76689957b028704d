"""A driver that attends to the cars around it: a Transformer over a set, read at the driver's own row.

Leurent and Mercat, 2019, "Social attention for autonomous decision-making in dense traffic"
(https://arxiv.org/abs/1911.12250). What differs: the blocks are those of a standard Transformer, in which the other
cars attend, too, instead of one layer of attention from the driver alone; it chooses the action of an expert instead of
estimating returns. There are no positions, so the order of the other cars does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, cat, nn

from .base import Model
from .checks import at_least
from .encoder import Encoder, EncoderConfig


@dataclass(frozen=True)
class DriverConfig:
    """Sizes of a driver."""

    d_car: int = 6  # numbers about a car
    n_action: int = 5  # actions to choose from
    d_model: int = 48  # width of the residual stream; a multiple of n_head
    n_layer: int = 2  # Transformer blocks
    n_head: int = 4  # attention heads per block
    dropout: float = 0.0  # probability, in training only

    def __post_init__(self) -> None:
        at_least(1, d_car=self.d_car, n_action=self.n_action)
        self.encoder()

    def encoder(self) -> EncoderConfig:
        """The settings of its blocks, which are checked there."""
        return EncoderConfig(
            d_model=self.d_model, n_layer=self.n_layer, n_head=self.n_head, dropout=self.dropout
        )


class Driver(Model):
    """Cars in, an action out."""

    def __init__(self, config: DriverConfig) -> None:
        super().__init__()
        self.config = config
        self.own = nn.Linear(config.d_car, config.d_model)
        self.others = nn.Linear(config.d_car, config.d_model)
        self.encoder = Encoder(config.encoder())
        self.head = nn.Linear(config.d_model, config.n_action)

    def forward(self, cars: Tensor, there: Tensor) -> Tensor:
        """Logits of the actions.

        Args:
            cars: ``(batch, n_cars, d_car)``, the driver's own car first.
            there: ``(batch, n_cars)``, false where a row holds no car.

        Returns:
            ``(batch, n_action)``.
        """
        x = cat([self.own(cars[:, :1]), self.others(cars[:, 1:])], dim=1)  # (batch, n_cars, d_model)
        logits: Tensor = self.head(self.encoder(x, there)[:, 0])
        return logits

    def loss(self, cars: Tensor, there: Tensor, actions: Tensor) -> Tensor:
        """Mean cross-entropy with the expert's actions ``(batch,)``, a scalar, in nats."""
        return F.cross_entropy(self(cars, there), actions)
