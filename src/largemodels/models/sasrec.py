"""SASRec, a causal Transformer that reads what a person chose, in order, and scores every item as the next.

Kang and McAuley, 2018, "Self-attentive sequential recommendation" (https://arxiv.org/abs/1808.09781): a GPT whose
tokens are items, with learned positions, a shared table of items at both ends, a feed-forward network no wider than
the residual stream, and histories aligned at their end, so that the last item always has the last position. What
differs from the paper: the loss is the cross-entropy over all items instead of one negative item a step (Klenitskiy
and Vasilev, 2023, https://arxiv.org/abs/2309.07602); keys and values go through the norm, as the queries do; item
vectors are not scaled by √d_model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least, probability
from .encoder import Encoder, EncoderConfig


@dataclass(frozen=True)
class SASRecConfig:
    """Sizes of a SASRec. Width and number of blocks are those of the paper, for its MovieLens."""

    n_items: int  # items have numbers below it
    context_length: int = 200  # of the last items that are read
    d_model: int = 50  # width of the residual stream; a multiple of n_head
    n_layer: int = 2  # number of blocks
    n_head: int = 1  # attention heads per block
    d_hidden: int | None = None  # inside the feed-forward networks; None: d_model
    activation: str = "relu"  # see feed_forward.py
    dropout: float = 0.2  # probability, in training only

    def __post_init__(self) -> None:
        at_least(1, n_items=self.n_items, context_length=self.context_length)
        probability(dropout=self.dropout)
        self.encoder  # noqa: B018  checks the sizes of the blocks

    @property
    def encoder(self) -> EncoderConfig:
        """Settings of the blocks."""
        return EncoderConfig(
            self.d_model,
            self.n_layer,
            self.n_head,
            self.d_hidden or self.d_model,
            activation=self.activation,
            dropout=self.dropout,
            causal=True,
        )


class SASRec(Model):
    """From the items so far to the logits of the next one. The number ``n_items`` stands for padding, on the left."""

    def __init__(self, config: SASRecConfig) -> None:
        super().__init__()
        self.config = config
        self.item_embedding = nn.Embedding(config.n_items, config.d_model)
        self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = Encoder(config.encoder)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    @property
    def padding(self) -> int:
        """The number that stands for no item."""
        return self.config.n_items

    def padded(self, histories: Iterable[Sequence[int] | Tensor], length: int | None = None) -> Tensor:
        """Histories as one tensor, ``(batch, length)``: the last items of each, padded on the left.

        Args:
            histories: items of each person, the earliest first.
            length: None: ``context_length``.
        """
        length = length or self.config.context_length
        rows = [torch.as_tensor(history, dtype=torch.long)[-length:] for history in histories]
        return torch.stack([F.pad(row, (length - len(row), 0), value=self.padding) for row in rows])

    def hidden(self, items: Tensor) -> Tensor:
        """The final hidden states, ``(batch, time, d_model)``; meaningless where an item is padding.

        Args:
            items: ``(batch, time)``, numbers of items, or padding on the left; ``time`` at most ``context_length``.

        Raises:
            ValueError: if there are more items than ``context_length``.
        """
        time, longest = items.shape[1], self.config.context_length
        if time > longest:
            raise ValueError(f"{time} items do not fit into a context of {longest}: leave out the earliest.")
        real = items != self.padding
        x = self.item_embedding(items.where(real, 0))
        x = x + self.position_embedding.weight[longest - time :]  # the last item has the last position
        return self.encoder(self.dropout(x), real)

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: ``(…, d_model)`` to ``(…, n_items)``, products with the items' own vectors."""
        return hidden @ self.item_embedding.weight.T

    def forward(self, items: Tensor) -> Tensor:
        """Logits ``(batch, time, n_items)``: at position ``t`` those of item ``t + 1``; see :meth:`hidden`."""
        return self.logits(self.hidden(items))

    def loss(self, items: Tensor) -> Tensor:
        """Mean cross-entropy in nats an item, each predicted from those before it.

        Args:
            items: ``(batch, time)``, at most ``context_length + 1`` of them, with padding on the left.
        """
        given, wanted = items[:, :-1], items[:, 1:]
        told = given != self.padding  # then the item to predict is no padding either
        return F.cross_entropy(self.logits(self.hidden(given)[told]), wanted[told])
