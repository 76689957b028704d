"""Long short-term memory: a second, additive state, and gates that decide what enters, stays and leaves.

Hochreiter and Schmidhuber, 1997, "Long short-term memory" (https://doi.org/10.1162/neco.1997.9.8.1735), with the forget
gate of Gers, Schmidhuber and Cummins, 2000, "Learning to forget" (https://doi.org/10.1162/089976600300015015). With
σ the logistic function and ⊙ the element-wise product:

    i_t, f_t, o_t = σ(…), g_t = tanh(…)      four slices of  x_t W_x + b_x + h_{t-1} W_h + b_h
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t
    h_t = o_t ⊙ tanh(c_t)

with x_t (batch, d_input), h_t and c_t (batch, d_hidden), W_x (d_input, 4 d_hidden), W_h (d_hidden, 4 d_hidden). Equal
to ``torch.nn.LSTM``, weight for weight, slices in its order: input gate, forget gate, candidate, output gate. The
forget gates start open, with a bias of 1 (Jozefowicz, Zaremba and Sutskever, 2015,
https://proceedings.mlr.press/v37/jozefowicz15.html). Differs from the 1997 paper in the forget gate, in having one cell
per memory block, and in that gradients flow back through the whole sequence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import at_least
from .rnn import copy_layers, refuse_other_features

State = tuple[Tensor, Tensor]  # h and c


@dataclass(frozen=True)
class LSTMConfig:
    """Sizes of an LSTM."""

    d_input: int  # width of the inputs
    d_hidden: int  # width of h and of c
    n_layer: int = 1  # layers; each reads the states of the one below
    forget_bias: float = 1.0  # initial bias of the forget gates; the higher, the longer the memory
    fused: bool = True  # whether PyTorch's kernel does all steps, faster, or the loop below: same results

    def __post_init__(self) -> None:
        at_least(1, d_input=self.d_input, d_hidden=self.d_hidden, n_layer=self.n_layer)


class LSTMLayer(nn.Module):
    """One layer: an input projection for all steps at once, then a loop over time."""

    def __init__(self, d_input: int, d_hidden: int, forget_bias: float) -> None:
        super().__init__()
        self.d_hidden = d_hidden
        self.input = nn.Linear(d_input, 4 * d_hidden)
        self.recurrent = nn.Linear(d_hidden, 4 * d_hidden)
        gates = (d_hidden,) * 4
        self.stacked = {"input": gates, "recurrent": gates}  # four maps in one matrix, for Muon
        for part in self.recurrent.weight.chunk(4):
            nn.init.orthogonal_(part)
        nn.init.zeros_(self.recurrent.bias)
        nn.init.zeros_(self.input.bias)
        nn.init.constant_(self.input.bias[d_hidden : 2 * d_hidden], forget_bias)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, State]:
        """``(batch, time, d_input)`` and initial ``h``, ``c`` ``(batch, d_hidden)`` to all ``h``, and the final two."""
        projected = F.linear(x, self.input.weight, self.input.bias + self.recurrent.bias)
        weight, states = self.recurrent.weight.T, []
        for at_t in projected.unbind(dim=1):  # (batch, 4 d_hidden)
            i, f, g, o = torch.addmm(at_t, h, weight).chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            states.append(h)
        return torch.stack(states, dim=1), (h, c)


class LSTM(nn.Module):
    """A stack of LSTM layers."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.d_input] + [config.d_hidden] * (config.n_layer - 1)
        self.layers = nn.ModuleList(LSTMLayer(width, config.d_hidden, config.forget_bias) for width in widths)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Process sequences.

        Args:
            x: ``(batch, time, d_input)``.
            state: initial ``h`` and ``c``, each ``(n_layer, batch, d_hidden)``; None: zeros.

        Returns:
            the ``h`` of the last layer ``(batch, time, d_hidden)``, and ``h`` and ``c`` of all layers after the last
            step, from which a later call can continue.
        """
        if state is None:
            zeros = x.new_zeros(self.config.n_layer, len(x), self.config.d_hidden)
            state = zeros, zeros
        if self.config.fused:
            pairs = [(layer.input, layer.recurrent) for layer in self.layers]
            weights = [
                w
                for x_, h_ in pairs
                for w in (x_.weight, h_.weight, x_.bias, h_.bias)  # type: ignore[union-attr]
            ]
            x, h, c = torch.lstm(
                x,
                state,
                weights,  # type: ignore[arg-type]
                True,
                len(self.layers),
                0.0,
                self.training,
                False,
                True,
            )
            return x, (h, c)
        last = []
        for layer, h, c in zip(self.layers, *state, strict=True):
            x, after = layer(x, h, c)
            last.append(after)
        h_last, c_last = zip(*last, strict=True)
        return x, (torch.stack(h_last), torch.stack(c_last))

    @classmethod
    def from_torch(cls, reference: nn.LSTM) -> LSTM:
        """A copy of a ``torch.nn.LSTM``, whichever way it orders batch and time.

        Raises:
            ValueError: if the reference has features that this network lacks.
        """
        refuse_other_features(reference, proj_size=0)
        ours = cls(LSTMConfig(reference.input_size, reference.hidden_size, reference.num_layers))
        copy_layers(ours, ours.layers, reference)
        return ours
