"""Elman's simple recurrent network: one state, overwritten at every step.

Elman, 1990, "Finding structure in time" (https://doi.org/10.1207/s15516709cog1402_1). At each step the new state is a
squashed linear combination of the input and the previous state:

    h_t = tanh(x_t W_x + b_x + h_{t-1} W_h + b_h)

with x_t (batch, d_input), h_t (batch, d_hidden), W_x (d_input, d_hidden), W_h (d_hidden, d_hidden). Equal to
``torch.nn.RNN``, weight for weight. Differs from the paper in the activation (tanh, not the logistic function), in that
layers can be stacked, and in that gradients flow back through the whole sequence: Elman's stopped after one step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import at_least


@dataclass(frozen=True)
class RNNConfig:
    """Sizes of a recurrent network."""

    d_input: int  # width of the inputs
    d_hidden: int  # width of the state
    n_layer: int = 1  # layers; each reads the states of the one below

    def __post_init__(self) -> None:
        at_least(1, d_input=self.d_input, d_hidden=self.d_hidden, n_layer=self.n_layer)


class RNNLayer(nn.Module):
    """One layer: an input projection for all steps at once, then a loop over time."""

    def __init__(self, d_input: int, d_hidden: int) -> None:
        super().__init__()
        self.d_hidden = d_hidden
        self.input = nn.Linear(d_input, d_hidden)
        self.recurrent = nn.Linear(d_hidden, d_hidden)
        # An orthogonal map neither grows nor shrinks the state: the best start for a long memory.
        nn.init.orthogonal_(self.recurrent.weight)
        nn.init.zeros_(self.input.bias)
        nn.init.zeros_(self.recurrent.bias)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, time, d_input)`` and an initial state ``(batch, d_hidden)`` to all states and the last one."""
        projected = F.linear(x, self.input.weight, self.input.bias + self.recurrent.bias)
        weight, states = self.recurrent.weight.T, []
        for at_t in projected.unbind(dim=1):  # (batch, d_hidden)
            h = torch.addmm(at_t, h, weight).tanh()
            states.append(h)
        return torch.stack(states, dim=1), h


class RNN(nn.Module):
    """A stack of simple recurrent layers."""

    def __init__(self, config: RNNConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.d_input] + [config.d_hidden] * (config.n_layer - 1)
        self.layers = nn.ModuleList(RNNLayer(width, config.d_hidden) for width in widths)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Process sequences.

        Args:
            x: ``(batch, time, d_input)``.
            state: the initial state, ``(n_layer, batch, d_hidden)``; None: zeros.

        Returns:
            the states of the last layer ``(batch, time, d_hidden)``, and those of all layers after the last step
            ``(n_layer, batch, d_hidden)``, from which a later call can continue.
        """
        if state is None:
            state = x.new_zeros(self.config.n_layer, len(x), self.config.d_hidden)
        last = []
        for layer, h in zip(self.layers, state, strict=True):
            x, h = layer(x, h)
            last.append(h)
        return x, torch.stack(last)

    @classmethod
    def from_torch(cls, reference: nn.RNN) -> RNN:
        """A copy of a ``torch.nn.RNN``, whichever way it orders batch and time.

        Raises:
            ValueError: if the reference has features that this network lacks.
        """
        refuse_other_features(reference, nonlinearity="tanh")
        ours = cls(RNNConfig(reference.input_size, reference.hidden_size, reference.num_layers))
        copy_layers(ours, ours.layers, reference)
        return ours


def refuse_other_features(reference: nn.RNNBase, **needed: object) -> None:
    """Refuse a PyTorch recurrent module with features that our networks lack.

    Args:
        reference: the module.
        needed: values of its attributes beyond those that all our networks need.

    Raises:
        ValueError: naming the first attribute with another value.
    """
    for name, value in {"bidirectional": False, "bias": True, "dropout": 0, **needed}.items():
        if getattr(reference, name) != value:
            advice = " To copy it without, set it to 0 first." if name == "dropout" else ""
            raise ValueError(
                f"Ours needs {name} = {value!r}; the reference has {getattr(reference, name)!r}.{advice}"
            )


@torch.no_grad()
def copy_layers(network: nn.Module, layers: nn.ModuleList, reference: nn.RNNBase) -> None:
    """Copy weights, dtype, device and mode of a PyTorch recurrent module.

    Args:
        network: ours.
        layers: those of the network, with ``input`` and ``recurrent`` projections.
        reference: the module.
    """
    weight: Tensor = reference.weight_ih_l0  # type: ignore[assignment]
    network.to(weight.device, weight.dtype).train(reference.training)
    for number, layer in enumerate(layers):
        for ours, theirs in ((layer.input, "ih"), (layer.recurrent, "hh")):
            ours.weight.copy_(getattr(reference, f"weight_{theirs}_l{number}"))  # type: ignore[operator, union-attr]
            ours.bias.copy_(getattr(reference, f"bias_{theirs}_l{number}"))  # type: ignore[operator, union-attr]
