"""A language model with a recurrent network: embedding, simple RNN or LSTM, linear head.

Mikolov et al., 2010, "Recurrent neural network based language model"
(https://www.isca-archive.org/interspeech_2010/mikolov10_interspeech.html) with Elman's network; Sundermeyer, Schlüter
and Ney, 2012, "LSTM neural networks for language modeling"
(https://www.isca-archive.org/interspeech_2012/sundermeyer12_interspeech.html) with the LSTM. Differs from both in that
the output is one softmax over all tokens, without classes of words.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from .lstm import LSTM, LSTMConfig, State
from .rnn import RNN, RNNConfig

CELLS = ("rnn", "lstm")


@dataclass(frozen=True)
class RecurrentLMConfig:
    """Sizes of a recurrent language model."""

    vocab_size: int  # number of different tokens
    d_model: int  # width of the embedding and of the states
    n_layer: int = 1  # recurrent layers
    cell: str = "lstm"  # or "rnn"
    forget_bias: float = 1.0  # of an LSTM's forget gates at the start

    def __post_init__(self) -> None:
        for name in ("vocab_size", "d_model", "n_layer"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, not {value}.")
        if self.cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, not {self.cell!r}.")


class RecurrentLM(nn.Module):
    """From the tokens so far to the logits of the next one, through a state of fixed size."""

    def __init__(self, config: RecurrentLMConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        width, n_layer = config.d_model, config.n_layer
        self.network: RNN | LSTM
        if config.cell == "rnn":
            self.network = RNN(RNNConfig(width, width, n_layer))
        else:
            self.network = LSTM(LSTMConfig(width, width, n_layer, config.forget_bias))
        self.head = nn.Linear(width, config.vocab_size)
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor, state: Tensor | State | None = None) -> Tensor:
        """``(batch, time)`` to logits ``(batch, time, vocab_size)``: at ``t`` those of token ``t + 1``."""
        return self.step(tokens, state)[0]

    def step(self, tokens: Tensor, state: Tensor | State | None = None) -> tuple[Tensor, Tensor | State]:
        """The same, and the state after the last token.

        Args:
            tokens: ``(batch, time)``, integers below ``vocab_size``.
            state: what an earlier call returned, to go on after its tokens; None: nothing was read yet.
        """
        hidden, state = self.network(self.embedding(tokens), state)  # (batch, time, d_model)
        return self.head(hidden), state

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats a token, a scalar; targets of -100 do not count."""
        return F.cross_entropy(self(tokens).flatten(0, 1), targets.flatten(), ignore_index=-100)

    def n_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(parameter.numel() for parameter in self.parameters())
