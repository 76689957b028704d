"""Multi-head attention, once for all models: to itself, causal, or to another sequence.

Vaswani et al., 2017, "Attention is all you need", section 3.2 (https://arxiv.org/abs/1706.03762).
What differs from the paper: queries, keys and values of self-attention come from one matrix product instead of three,
which computes the same; the softmax of section 3.2.1 is left to
``torch.nn.functional.scaled_dot_product_attention``, which picks the fastest exact kernel; and there are three options
that came later. Several heads of queries may share one of keys and values (Ainslie et al., 2023,
https://arxiv.org/abs/2305.13245), queries and keys may be normalised (Dehghani et al., 2023, section 2,
https://arxiv.org/abs/2302.05442; with RMSNorm, as Qwen3 does), and they may be turned by :mod:`.rotary` positions.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .cache import KVCache
from .linear import Linear
from .rotary import rotate


class Attention(nn.Module):
    """Multi-head attention.

    Args:
        d_model: width of the residual stream; a multiple of ``n_head``.
        n_head: number of heads of queries, each ``d_model // n_head`` wide.
        causal: a position sees itself and those before it.
        d_context: width of the other sequence, for cross-attention; None: self-attention.
        n_kv_head: heads of keys and values; divides ``n_head``; None: as many.
        bias: of the projections.
        dropout: probability that an attention weight, or an output, is dropped in training.
        qk_norm: RMSNorm of each query and key before their product.
        norm_eps: added to the mean square in those.
        pairs: how rotary positions pair the numbers of a head, see :mod:`.rotary`.
        layer: which part of a :class:`KVCache` is this one's.
    """

    def __init__(
        self,
        d_model: int,
        n_head: int,
        *,
        causal: bool = False,
        d_context: int | None = None,
        n_kv_head: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        qk_norm: bool = False,
        norm_eps: float = 1e-5,
        pairs: str = "halves",
        layer: int = 0,
    ) -> None:
        super().__init__()
        n_kv_head = n_kv_head or n_head
        if d_model % n_head:
            raise ValueError(f"d_model ({d_model}) must be a multiple of n_head ({n_head}).")
        if n_head % n_kv_head:
            raise ValueError(f"n_head ({n_head}) must be a multiple of n_kv_head ({n_kv_head}).")
        self.n_head, self.n_kv_head, self.d_head = n_head, n_kv_head, d_model // n_head
        self.causal, self.cross = causal, d_context is not None
        self.dropout, self.pairs, self.layer = dropout, pairs, layer
        d_kv = n_kv_head * self.d_head
        if d_context is None:
            self.qkv = Linear(d_model, d_model + 2 * d_kv, bias=bias)
            self.stacked: dict[str, tuple[int, ...]] = {
                "qkv": (d_model, d_kv, d_kv)
            }  # rows of the maps, for Muon
        else:
            self.query = Linear(d_model, d_model, bias=bias)
            self.key_value = Linear(d_context, 2 * d_kv, bias=bias)
            self.stacked = {"key_value": (d_kv, d_kv)}
        self.q_norm = nn.RMSNorm(self.d_head, eps=norm_eps) if qk_norm else None
        self.k_norm = nn.RMSNorm(self.d_head, eps=norm_eps) if qk_norm else None
        self.project = Linear(d_model, d_model, bias=bias)
        self.output_dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        mask: Tensor | None = None,
        rotation: tuple[Tensor, Tensor] | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Let each position collect from those that it may see.

        Args:
            x: ``(batch, queries, d_model)``.
            context: ``(batch, keys, d_context)``, for cross-attention. With a cache it is read at the first call and
                may be left out later.
            mask: which keys may be seen. Either ``(batch, keys)``, false where a position is padding; or of a shape
                that fits ``(batch, n_head, queries, keys)``, and then it alone decides: ``causal`` adds nothing to it.
            rotation: of :func:`.rotary.rotation`, for the positions of ``x``.
            cache: what is held of earlier calls counts as keys before those of ``x``.

        Returns:
            ``(batch, queries, d_model)``. What stands at a padded position has no meaning.
        """
        q, k, v = self._projected(x, context, rotation, cache)
        n_queries, n_keys = q.shape[2], k.shape[2]
        square = self.causal and mask is None and n_queries == n_keys  # the kernel knows this case by itself
        if not square and (mask is None or mask.ndim == 2):
            mask = visible(n_queries, n_keys, self.causal, mask, x.device)
        mixed = F.scaled_dot_product_attention(
            q.to(k.dtype),  # a cache may be of lower precision
            k,
            v,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=square,
            enable_gqa=self.n_kv_head != self.n_head,
        ).to(q.dtype)
        # (batch, n_head, queries, d_head) -> (batch, queries, d_model): the heads lie side by side
        return self.output_dropout(self.project(mixed.transpose(1, 2).flatten(2)))

    def _projected(
        self,
        x: Tensor,
        context: Tensor | None,
        rotation: tuple[Tensor, Tensor] | None,
        cache: KVCache | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of ``x``; keys and values of all that there is to see: ``(batch, heads, time, d_head)`` each."""
        if self.cross:
            q = self._heads(self.query(x))
            if cache is not None and cache.length:
                k, v = cache.held(self.layer)
                return _normed(q, self.q_norm), k, v
            k, v = map(self._heads, self.key_value(context).chunk(2, dim=-1))
        else:
            heads = self._heads(self.qkv(x))  # (batch, n_head + 2 * n_kv_head, time, d_head)
            q, k, v = heads.split([self.n_head, self.n_kv_head, self.n_kv_head], dim=1)
        q, k = _normed(q, self.q_norm), _normed(k, self.k_norm)
        if rotation is not None:
            q, k = rotate(q, *rotation, self.pairs), rotate(k, *rotation, self.pairs)
        if cache is not None:
            k, v = cache.append(self.layer, k, v)
        return q, k, v

    def _heads(self, x: Tensor) -> Tensor:
        """``(batch, time, heads * d_head)`` to ``(batch, heads, time, d_head)``."""
        return x.view(*x.shape[:2], -1, self.d_head).transpose(1, 2)


def _normed(x: Tensor, norm: nn.RMSNorm | None) -> Tensor:
    """``x`` after the norm, if there is one, in the type of ``x``: under autocast the weight's is another."""
    if norm is None:
        return x
    return F.rms_norm(x, norm.normalized_shape, norm.weight.to(x.dtype), norm.eps)


def visible(
    n_queries: int,
    n_keys: int,
    causal: bool,
    padding: Tensor | None = None,
    device: torch.device | None = None,
) -> Tensor | None:
    """Which query may see which key.

    Args:
        n_queries: queries; the last one stands at the place of the last key.
        n_keys: keys.
        causal: a query sees no key after its own place.
        padding: ``(batch, n_keys)``, false where a key is padding.
        device: where the result lies.

    Returns:
        ``(1 or batch, 1, n_queries, n_keys)``, true where it may; None if all may.
    """
    if not causal:
        return None if padding is None else padding[:, None, None, :].bool()
    if padding is None and n_queries == 1:
        return None
    keys = torch.arange(n_keys, device=device)
    queries = keys[n_keys - n_queries :, None]  # (n_queries, 1): their places among the keys
    if padding is None:
        return (keys <= queries)[None, None]
    # A padded position at the start of a row would see nothing, and its softmax would be 0 / 0: it sees itself.
    return (keys <= queries) & padding[:, None, None, :].bool() | (keys == queries)
