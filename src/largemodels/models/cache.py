"""The KV cache of attention: keys and values are computed once and kept.

A token's keys and values depend only on the token itself and those before it, so a model that generates one token at a
time need not recompute the earlier ones.
"""

from __future__ import annotations

import torch
from torch import Tensor


class KVCache:
    """Keys and values of the tokens so far, in memory that is allocated once.

    For inference, under ``torch.no_grad()``. The model appends to it layer by layer and then advances ``length``.

    Args:
        n_layer: number of attention layers that share the cache.
        batch_size: number of sequences.
        n_kv_head: number of key-value heads.
        capacity: maximum number of positions.
        d_head: width of a head.
        device: of the cache.
        dtype: of keys and values.

    Attributes:
        length: positions stored so far, padding included.
        mask: ``(batch, capacity)``, false where a stored position is padding; None if there is no padding.
    """

    def __init__(
        self,
        n_layer: int,
        batch_size: int,
        n_kv_head: int,
        capacity: int,
        d_head: int,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        shape = (n_layer, batch_size, n_kv_head, capacity, d_head)
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self.capacity = capacity
        self.length = 0
        self.mask: Tensor | None = None

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append new keys and values of a layer, ``(batch, n_kv_head, time, d_head)``; returns all, old and new."""
        time = k.shape[2]
        keys = self.keys[layer].narrow(
            2, 0, self.length + time
        )  # views: narrow costs half of what [:, :, :end] does
        values = self.values[layer].narrow(2, 0, self.length + time)
        keys.narrow(2, self.length, time).copy_(k)
        values.narrow(2, self.length, time).copy_(v)
        return keys, values

    def held(self, layer: int) -> tuple[Tensor, Tensor]:
        """Stored keys and values of a layer, ``(batch, n_kv_head, length, d_head)``."""
        return self.keys[layer, :, :, : self.length], self.values[layer, :, :, : self.length]

    def append_mask(self, mask: Tensor | None, time: int) -> Tensor | None:
        """Record which of ``time`` new tokens are real, None for all; returns the mask ``(batch, length + time)``."""
        if mask is None and self.mask is None:
            return None
        if self.mask is None:
            self.mask = torch.ones(
                self.keys.shape[1], self.capacity, dtype=torch.bool, device=self.keys.device
            )
        if mask is not None:
            self.mask[:, self.length : self.length + time] = mask.bool()
        return self.mask[:, : self.length + time]

    def select(self, rows: Tensor) -> None:
        """Reorder the sequences by ``(n,)`` indices, which may repeat or be missing, as beam search requires."""
        self.keys, self.values = self.keys.index_select(1, rows), self.values.index_select(1, rows)
        if self.mask is not None:
            self.mask = self.mask.index_select(0, rows)
