"""The base class of every model."""

from __future__ import annotations

from torch import nn


class Model(nn.Module):
    """A PyTorch module that can count its parameters."""

    def n_parameters(self) -> int:
        """Number of parameters. Tied weights count once; buffers do not count."""
        return sum(parameter.numel() for parameter in self.parameters())
