"""A recurrent language model: embedding, simple RNN or LSTM, linear head.

Mikolov et al., 2010, "Recurrent neural network based language model"
(https://www.isca-archive.org/interspeech_2010/mikolov10_interspeech.html) with Elman's network; Sundermeyer, Schlüter
and Ney, 2012, "LSTM neural networks for language modeling"
(https://www.isca-archive.org/interspeech_2012/sundermeyer12_interspeech.html) with the LSTM. Differs from both in that
the output is one softmax over all tokens, without word classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least, one_of
from .lstm import LSTM, LSTMConfig, State
from .rnn import RNN, RNNConfig

CELLS = ("rnn", "lstm")


@dataclass(frozen=True)
class RecurrentLMConfig:
    """Sizes of a recurrent language model."""

    vocab_size: int  # number of distinct tokens
    d_model: int  # width of the embedding and of the states
    n_layer: int = 1  # recurrent layers
    cell: str = "lstm"  # or "rnn"
    forget_bias: float = 1.0  # initial bias of an LSTM's forget gates

    def __post_init__(self) -> None:
        at_least(1, vocab_size=self.vocab_size, d_model=self.d_model, n_layer=self.n_layer)
        one_of(CELLS, cell=self.cell)


class RecurrentCache:
    """The state after the tokens so far: all that a recurrent model keeps of them.

    Attributes:
        length: number of tokens read, padding included.
        state: of the network, for all sequences; None before the first token.
    """

    def __init__(self) -> None:
        self.length = 0
        self.state: Tensor | State | None = None

    def select(self, rows: Tensor) -> None:
        """Reorder the sequences by ``(n,)`` indices, which may repeat or be missing, as beam search requires."""
        if isinstance(self.state, tuple):
            self.state = self.state[0].index_select(1, rows), self.state[1].index_select(1, rows)
        elif self.state is not None:
            self.state = self.state.index_select(1, rows)


class RecurrentLM(Model):
    """From the tokens so far to the logits of the next one, through a state of fixed size."""

    by_adamw = ("head",)  # updated by AdamW even where Muon is used
    context_length: int | None = None  # unlimited, though it forgets

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
        """Same as :meth:`forward`, and also returns the state after the last token.

        Args:
            tokens: ``(batch, time)``, integers below ``vocab_size``.
            state: returned by an earlier call, to continue after its tokens; None: start of a sequence.
        """
        hidden, state = self.network(self.embedding(tokens), state)  # (batch, time, d_model)
        return self.logits(hidden), state

    def hidden(
        self, tokens: Tensor, mask: Tensor | None = None, cache: RecurrentCache | None = None
    ) -> Tensor:
        """The final hidden states, ``(batch, time, d_model)``.

        Args:
            tokens: ``(batch, time)``, integers below ``vocab_size``.
            mask: ``(batch, time)``, false where a token is padding, which leaves the state unchanged.
            cache: from :meth:`new_cache`. Then ``tokens`` and ``mask`` continue the sequences read so far.
        """
        state = None if cache is None else cache.state
        x = self.embedding(tokens)  # (batch, time, d_model)
        if mask is None or mask.all():
            hidden, state = self.network(x, state)
        else:
            hidden, state = self._past_padding(x, mask.bool(), state)
        if cache is not None:
            cache.state, cache.length = state, cache.length + tokens.shape[1]
        return hidden

    def _past_padding(
        self, x: Tensor, mask: Tensor, state: Tensor | State | None
    ) -> tuple[Tensor, Tensor | State | None]:
        """Outputs and the last state, step by step; a sequence's state advances only where its mask is true."""
        outputs = []
        for at_t, real in zip(x.split(1, dim=1), mask.unbind(dim=1), strict=True):
            output, after = self.network(at_t, state)
            outputs.append(output)
            state = _moved(real[:, None], after, state)
        return torch.cat(outputs, dim=1), state

    def logits(self, hidden: Tensor) -> Tensor:
        """The head: ``(…, d_model)`` to ``(…, vocab_size)``."""
        logits: Tensor = self.head(hidden)
        return logits

    def new_cache(self, batch_size: int, length: int | None = None) -> RecurrentCache:
        """An empty cache. The arguments do not matter: the state's size does not depend on the number of tokens."""
        return RecurrentCache()

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats per token, a scalar; targets of -100 are ignored."""
        return F.cross_entropy(self(tokens).flatten(0, 1), targets.flatten(), ignore_index=-100)


def _moved(real: Tensor, after: Tensor | State, before: Tensor | State | None) -> Tensor | State:
    """The state after a step for sequences whose token is ``real``, ``(batch, 1)``; for the others the one before."""
    if isinstance(after, tuple):
        h, c = before if isinstance(before, tuple) else (None, None)
        return _where(real, after[0], h), _where(real, after[1], c)
    return _where(real, after, None if isinstance(before, tuple) else before)


def _where(real: Tensor, new: Tensor, old: Tensor | None) -> Tensor:
    return torch.where(real, new, torch.zeros_like(new) if old is None else old)  # the initial state is 0
