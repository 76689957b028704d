"""What every model can say about itself."""

from __future__ import annotations

from torch import nn


class Model(nn.Module):
    """A PyTorch module that knows how large it is."""

    def n_parameters(self) -> int:
        """Number of trained parameters. A matrix that is used twice counts once; buffers do not count."""
        return sum(parameter.numel() for parameter in self.parameters())
