"""FT-Transformer, which reads a row of a table as a sequence with one token for each column.

Gorishniy et al., 2021, "Revisiting deep learning models for tabular data" (https://arxiv.org/abs/2106.11959), section
3.3: a *feature tokenizer* makes a vector of each column, a learned class token comes before them, Transformer blocks
let the columns look at each other, and a linear map reads the class token. As in the paper, norms come before the
sub-layers, the very first one is left out, and the feed-forward networks are gated by a ReLU (ReGLU; Shazeer, 2020,
https://arxiv.org/abs/2002.05202). It gives the same outputs and gradients as the authors' package
``rtdl_revisiting_models``, weight for weight.

What differs from the authors' code: the last block computes all tokens, not the class token alone. The tokenizer's
vectors are parameters of the model itself, so weight decay leaves them alone, as the paper does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import Attention
from .base import Model
from .checks import at_least, probability
from .linear import Linear


@dataclass(frozen=True)
class FTTransformerConfig:
    """Sizes of an FT-Transformer. The defaults are those that the authors give for three blocks."""

    n_numeric: int  # columns of numbers
    cardinalities: tuple[int, ...] = field(default=())  # number of values of each column of categories
    n_outputs: int = 1  # logits of a row
    d_model: int = 192  # width of a column's vector; a multiple of n_head
    n_layer: int = 3  # number of blocks
    n_head: int = 8  # attention heads of a block
    d_hidden: int = 256  # width inside the feed-forward networks, after the gate
    attention_dropout: float = 0.2  # probability of an attention weight, in training only
    hidden_dropout: float = 0.1  # the same inside the feed-forward networks
    residual_dropout: float = 0.0  # the same of what a sub-layer adds

    def __post_init__(self) -> None:
        at_least(0, n_numeric=self.n_numeric)
        at_least(1, n_outputs=self.n_outputs, d_model=self.d_model, n_layer=self.n_layer)
        at_least(1, n_head=self.n_head, d_hidden=self.d_hidden)
        probability(attention_dropout=self.attention_dropout, hidden_dropout=self.hidden_dropout)
        probability(residual_dropout=self.residual_dropout)
        if any(it < 1 for it in self.cardinalities):
            raise ValueError(f"A column of categories has at least 1 value: {self.cardinalities}.")
        if self.n_columns < 1:
            raise ValueError("A table has at least one column.")
        if self.d_model % self.n_head:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of n_head ({self.n_head}).")

    @property
    def n_columns(self) -> int:
        """Number of columns, and of tokens beside the class token."""
        return self.n_numeric + len(self.cardinalities)


class FeatureTokenizer(nn.Module):
    """A vector of each column: a number times a learned vector, or the vector of a category, plus the column's own."""

    first: Tensor
    cardinalities: Tensor

    def __init__(self, config: FTTransformerConfig) -> None:
        super().__init__()
        d_model, bound = config.d_model, config.d_model**-0.5

        def vectors(n: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(n, d_model).uniform_(-bound, bound))

        self.numeric = vectors(config.n_numeric)  # one direction a column of numbers
        self.categories = vectors(sum(config.cardinalities))  # one vector a value, column after column
        self.columns = vectors(config.n_columns)  # numbers first
        first = torch.tensor([0, *config.cardinalities]).cumsum(0)[:-1]
        self.register_buffer(
            "first", first, persistent=False
        )  # (columns of categories,), of each in `categories`
        self.register_buffer("cardinalities", torch.tensor(config.cardinalities).long(), persistent=False)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """``(batch, n_numeric)`` and ``(batch, columns of categories)`` to ``(batch, n_columns, d_model)``.

        Raises:
            ValueError: if a column is missing, or a category not one of its column's.
        """
        if numbers.shape[1] != len(self.numeric) or categories.shape[1] != len(self.first):
            raise ValueError(
                f"This model reads {len(self.numeric)} columns of numbers and {len(self.first)} of categories, "
                f"not {numbers.shape[1]} and {categories.shape[1]}."
            )
        if bool((categories < 0).any()) or bool((categories >= self.cardinalities).any()):
            raise ValueError("A category has a number that its column does not have.")
        of_numbers = numbers[..., None] * self.numeric
        of_categories = F.embedding(categories + self.first, self.categories)
        return torch.cat([of_numbers, of_categories], dim=1) + self.columns


class Block(nn.Module):
    """Attention among the columns and a gated feed-forward network, each added to the residual stream."""

    def __init__(self, config: FTTransformerConfig, is_first: bool) -> None:
        super().__init__()
        d_model, d_hidden = config.d_model, config.d_hidden
        self.attention_norm = nn.Identity() if is_first else nn.LayerNorm(d_model)
        self.attention = Attention(d_model, config.n_head, dropout=config.attention_dropout)
        self.attention.output_dropout = nn.Dropout(config.residual_dropout)
        self.mlp_norm = nn.LayerNorm(d_model)
        self.expand = Linear(d_model, 2 * d_hidden)
        self.stacked = {"expand": (d_hidden, d_hidden)}  # rows of value and gate in one matrix, for Muon
        self.contract = Linear(d_hidden, d_model)
        self.hidden_dropout = nn.Dropout(config.hidden_dropout)
        self.residual_dropout = nn.Dropout(config.residual_dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, columns, d_model)`` to the same shape."""
        x = x + self.attention(self.attention_norm(x))
        value, gate = self.expand(self.mlp_norm(x)).chunk(2, dim=-1)
        hidden = self.hidden_dropout(value * F.relu(gate))
        return x + self.residual_dropout(self.contract(hidden))


class FTTransformer(Model):
    """From rows of a table to logits."""

    by_adamw = ("head",)  # the map out: Muon leaves it to AdamW

    def __init__(self, config: FTTransformerConfig) -> None:
        super().__init__()
        self.config = config
        bound = config.d_model**-0.5
        self.tokenizer = FeatureTokenizer(config)
        self.class_token = nn.Parameter(torch.empty(config.d_model).uniform_(-bound, bound))
        self.blocks = nn.ModuleList(Block(config, layer == 0) for layer in range(config.n_layer))
        self.final_norm = nn.LayerNorm(config.d_model)
        self.head = Linear(config.d_model, config.n_outputs)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Logits of rows.

        Args:
            numbers: ``(batch, n_numeric)``, each column of about mean 0 and variance 1.
            categories: ``(batch, columns of categories)``, integers from 0.

        Returns:
            ``(batch, n_outputs)``.

        Raises:
            ValueError: if a column is missing, or a category not one of its column's.
        """
        x = self.tokenizer(numbers, categories)
        x = torch.cat([self.class_token.expand(len(x), 1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(F.relu(self.final_norm(x[:, 0])))
        return logits

    def loss(self, numbers: Tensor, categories: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross-entropy in nats of a model with one output; targets ``(batch,)`` from 0 to 1."""
        return F.binary_cross_entropy_with_logits(self(numbers, categories)[:, 0], targets)
