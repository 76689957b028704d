"""Sequence-to-sequence learning with two LSTMs: an encoder reads the source, a decoder writes the target.

Sutskever, Vinyals and Le, 2014, "Sequence to sequence learning with neural networks" (https://arxiv.org/abs/1409.3215),
without attention: the decoder begins with the encoder's last state and sees nothing else of the source. With attention
Bahdanau, Cho and Bengio, 2014, "Neural machine translation by jointly learning to align and translate"
(https://arxiv.org/abs/1409.0473): before each step the decoder's state h scores every state of the encoder,

    e_j = v · tanh(W_q h + W_k m_j),    α = softmax(e),    context = Σ_j α_j m_j

with h and m_j (d_hidden,), W_q and W_k (d_attention, d_hidden), v (d_attention,), and reads the context beside the last
token. Differs from the papers in having one layer by default and in reading the source in one direction only, so that
both models have the same encoder; from Bahdanau et al. also in the LSTM, where they had gated recurrent units, and in a
linear output layer on state and context.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .base import Model
from .checks import at_least
from .lstm import LSTM, LSTMConfig, State


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Sizes of an encoder and a decoder."""

    source_vocab_size: int  # number of distinct source tokens
    target_vocab_size: int  # number of distinct target tokens
    d_model: int  # width of the embeddings
    d_hidden: int  # width of the states of encoder and decoder
    attention: bool = True  # whether the decoder sees all states of the encoder, or only the last one
    d_attention: int | None = None  # width of the hidden layer that scores; None: d_hidden
    n_layer: int = 1  # layers of encoder and decoder
    pad_token: int = 0  # fills short sources and targets on the right

    def __post_init__(self) -> None:
        at_least(1, source_vocab_size=self.source_vocab_size, target_vocab_size=self.target_vocab_size)
        at_least(1, d_model=self.d_model, d_hidden=self.d_hidden, n_layer=self.n_layer)
        at_least(1, d_attention=self.d_attention)
        at_least(0, pad_token=self.pad_token)


class AdditiveAttention(nn.Module):
    """A hidden layer scores each state of the memory for a query."""

    def __init__(self, d_hidden: int, d_attention: int) -> None:
        super().__init__()
        self.query = nn.Linear(d_hidden, d_attention, bias=False)
        self.key = nn.Linear(d_hidden, d_attention, bias=False)
        self.score = nn.Linear(d_attention, 1, bias=False)

    def forward(self, query: Tensor, memory: Tensor, keys: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The mixture of memory, and its weights.

        Args:
            query: ``(batch, d_hidden)``.
            memory: ``(batch, source, d_hidden)``.
            keys: ``self.key(memory)``, the same for all queries: ``(batch, source, d_attention)``.
            mask: ``(batch, source)``, false where the source is padding.

        Returns:
            ``(batch, d_hidden)`` and ``(batch, source)``.
        """
        scores = self.score((self.query(query)[:, None] + keys).tanh()).squeeze(-1)  # (batch, source)
        weights = scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)
        return (weights[:, None] @ memory).squeeze(1), weights


@dataclass
class Memory:
    """What the decoder may use of the sources, and its state after the target tokens so far.

    A cache in the sense of :mod:`largemodels.text.protocol`.
    """

    states: Tensor  # of the encoder, (batch, source, d_hidden)
    keys: Tensor | None  # for attention, (batch, source, d_attention)
    mask: Tensor  # (batch, source), false where the source is padding
    state: State  # of the decoder: h and c, (n_layer, batch, d_hidden)
    length: int = 0  # target tokens read

    def select(self, rows: Tensor) -> None:
        """Reorder the sequences by ``(n,)`` indices, which may repeat or be missing."""
        self.states, self.mask = self.states[rows], self.mask[rows]
        self.keys = None if self.keys is None else self.keys[rows]
        self.state = self.state[0][:, rows], self.state[1][:, rows]


class Seq2Seq(Model):
    """From a source, and the target so far, to the logits of the next target token."""

    by_adamw = ("head",)

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        width, hidden = config.d_model, config.d_hidden
        self.source_embedding = nn.Embedding(config.source_vocab_size, width)
        self.target_embedding = nn.Embedding(config.target_vocab_size, width)
        self.encoder = LSTM(LSTMConfig(width, hidden, config.n_layer))
        seen = hidden if config.attention else 0  # width of the context
        self.decoder = LSTM(LSTMConfig(width + seen, hidden, config.n_layer))
        self.attention = AdditiveAttention(hidden, config.d_attention or hidden) if config.attention else None
        self.head = nn.Linear(hidden + seen, config.target_vocab_size)

    def encode(self, source: Tensor) -> Memory:
        """Read sources ``(batch, source)``, padded on the right, each with at least one token."""
        mask = source != self.config.pad_token
        x = self.source_embedding(source)
        packed = pack_padded_sequence(x, mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
        zeros = x.new_zeros(self.config.n_layer, len(x), self.config.d_hidden)
        weights = [
            w
            for layer in self.encoder.layers
            for part in ("weight", "bias")
            for w in (getattr(layer.input, part), getattr(layer.recurrent, part))
        ]
        out, h, c = torch.lstm(
            packed.data, packed.batch_sizes, (zeros, zeros), weights, True,
            self.config.n_layer, 0.0, self.training, False,
        )  # fmt: skip
        states, _ = pad_packed_sequence(
            packed._replace(data=out), batch_first=True, total_length=source.shape[1]
        )
        back = packed.unsorted_indices
        keys = None if self.attention is None else self.attention.key(states)
        return Memory(states, keys, mask, (h[:, back], c[:, back]))

    def decode(self, tokens: Tensor, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """Read target tokens, and move the memory's state past them.

        Args:
            tokens: ``(batch, time)``, which continue those that the memory's state has read.
            memory: of :meth:`encode`.

        Returns:
            hidden states, of width ``d_hidden``, twice that with attention: ``(batch, time, width)``; and the weights
            ``(batch, time, source)``, None without attention.
        """
        x = self.target_embedding(tokens)
        memory.length += tokens.shape[1]
        if self.attention is None or memory.keys is None:
            hidden, memory.state = self.decoder(x, memory.state)
            return hidden, None
        outputs, looks = [], []
        for at_t in x.unbind(dim=1):  # (batch, d_model)
            query = memory.state[0][-1]  # the state before this step
            context, weights = self.attention(query, memory.states, memory.keys, memory.mask)
            out, memory.state = self.decoder(torch.cat([at_t, context], dim=-1)[:, None], memory.state)
            outputs.append(torch.cat([out[:, 0], context], dim=-1))
            looks.append(weights)
        return torch.stack(outputs, dim=1), torch.stack(looks, dim=1)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Logits ``(batch, time, target_vocab_size)``: at ``t`` those of the token after ``target[:, t]``."""
        logits: Tensor = self.head(self.decode(target, self.encode(source))[0])
        return logits

    def loss(self, source: Tensor, target: Tensor) -> Tensor:
        """Mean cross-entropy in nats per token, given the right tokens before it (teacher forcing).

        Args:
            source: ``(batch, source)``, padded on the right.
            target: ``(batch, time)``, from the start token to the end token, padded on the right.
        """
        logits = self(source, target[:, :-1])
        return F.cross_entropy(
            logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=self.config.pad_token
        )


class Conditioned(nn.Module):
    """The decoder for given sources as a language model, for generation and beam search.

    Args:
        model: the trained pair.
        source: ``(batch, source)``; prompts must have as many rows, or a multiple (beams), those of a source together.
    """

    context_length: int | None = None

    def __init__(self, model: Seq2Seq, source: Tensor) -> None:
        super().__init__()
        self.model, self.source = model, source

    def new_cache(self, batch_size: int, length: int | None = None) -> Memory:
        """The encoded sources, each as often as there are prompts for it."""
        with torch.no_grad():
            memory = self.model.encode(self.source)
        rows = torch.arange(len(self.source), device=self.source.device)
        memory.select(rows.repeat_interleave(batch_size // len(self.source)))
        return memory

    def hidden(self, tokens: Tensor, mask: Tensor | None = None, cache: Memory | None = None) -> Tensor:
        """Hidden states of the decoder, ``(batch, time, width)``. Prompts cannot be padded."""
        if mask is not None:
            raise ValueError("Targets begin at the start token, so prompts are not padded.")
        return self.model.decode(tokens, cache or self.new_cache(len(tokens)))[0]

    def logits(self, hidden: Tensor) -> Tensor:
        """``(…, width)`` to ``(…, target_vocab_size)``."""
        logits: Tensor = self.model.head(hidden)
        return logits
