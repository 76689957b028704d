"""Multi-head self-attention and cross-attention, for all models.

Vaswani et al., 2017, "Attention is all you need", section 3.2 (https://arxiv.org/abs/1706.03762).
What differs from the paper: queries, keys and values of self-attention come from one matrix product instead of three,
which computes the same; the attention function of section 3.2.1 is left to
``torch.nn.functional.scaled_dot_product_attention``, which picks the fastest exact kernel; and there are three later
options. Several query heads may share one key-value head (Ainslie et al., 2023, https://arxiv.org/abs/2305.13245),
queries and keys may be normalised (Dehghani et al., 2023, section 2, https://arxiv.org/abs/2302.05442; with RMSNorm,
as in Qwen3), and self-attention may use :mod:`.rotary` positions.
"""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .cache import KVCache
from .linear import Linear
from .norm import rms_norm
from .rotary import rotate


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    mask: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Attention: values, weighted by the softmax of q · k / √d_head over the keys that each query may see.

    Args:
        q: ``(batch, n_head, queries, d_head)``.
        k: ``(batch, n_kv_head, keys, d_head)``; may be of lower precision, as in a cache.
        v: same shape and dtype as ``k``.
        causal: a query sees no key after its own position; the last query is at the position of the last key.
        mask: which keys may be seen. Either ``(batch, keys)``, false where a position is padding; or of a shape that
            broadcasts to ``(batch, n_head, queries, keys)``, which then decides alone: ``causal`` is ignored.
        dropout: probability of dropping an attention weight.

    Returns:
        ``(batch, queries, n_head * d_head)``: the heads concatenated.
    """
    n_queries, n_keys = q.shape[2], k.shape[2]
    square = causal and mask is None and n_queries == n_keys  # the kernel handles this case without a mask
    if not square and (mask is None or mask.ndim == 2):
        mask = visible(n_queries, n_keys, causal, mask, q.device)
    mixed = F.scaled_dot_product_attention(
        q.to(k.dtype),
        k,
        v,
        attn_mask=mask,
        dropout_p=dropout,
        is_causal=square,
        enable_gqa=k.shape[1] != q.shape[1],
    ).to(q.dtype)
    return mixed.transpose(1, 2).flatten(2)


def visible(
    n_queries: int,
    n_keys: int,
    causal: bool,
    padding: Tensor | None = None,
    device: torch.device | None = None,
) -> Tensor | None:
    """The attention mask: which query may see which key.

    Args:
        n_queries: number of queries; the last one is at the position of the last key.
        n_keys: number of keys.
        causal: a query sees no key after its own position.
        padding: ``(batch, n_keys)``, false where a key is padding.
        device: of the result.

    Returns:
        ``(1 or batch, 1, n_queries, n_keys)``, true where a query may see a key; None if every query may see every key.
    """
    if not causal:
        return None if padding is None else padding[:, None, None, :].bool()
    if padding is None and n_queries == 1:
        return None
    keys = torch.arange(n_keys, device=device)
    queries = keys[n_keys - n_queries :, None]  # (n_queries, 1): their positions among the keys
    if padding is None:
        return (keys <= queries)[None, None]
    # A padded position at the start of a row would see nothing and its softmax be 0 / 0, so let it see itself.
    return (keys <= queries) & padding[:, None, None, :].bool() | (keys == queries)


class Attention(nn.Module):
    """Multi-head self-attention.

    Args:
        d_model: width of the residual stream; a multiple of ``n_head``.
        n_head: number of query heads, each ``d_model // n_head`` wide.
        causal: whether a position sees only itself and those before it, or all.
        n_kv_head: number of key-value heads; divides ``n_head``; None: ``n_head``.
        bias: whether the projections have one.
        dropout: probability of dropping an attention weight, or an element of the output, in training.
        qk_norm: whether each query and key goes through an RMSNorm before their product.
        norm_eps: added to the mean square in those norms.
        layer: this layer's index in a :class:`KVCache`.

    Raises:
        ValueError: if ``n_head`` does not divide ``d_model``, or ``n_kv_head`` does not divide ``n_head``.
    """

    def __init__(
        self,
        d_model: int,
        n_head: int,
        *,
        causal: bool = False,
        n_kv_head: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        qk_norm: bool = False,
        norm_eps: float = 1e-5,
        layer: int = 0,
    ) -> None:
        super().__init__()
        self.n_head, self.n_kv_head, self.d_head = _head_sizes(d_model, n_head, n_kv_head)
        self.causal, self.dropout, self.layer = causal, dropout, layer
        d_kv = self.n_kv_head * self.d_head
        self.qkv = Linear(d_model, d_model + 2 * d_kv, bias=bias)
        self.stacked = {"qkv": (d_model, d_kv, d_kv)}  # rows of the three maps in one matrix, for Muon
        self.q_norm = nn.RMSNorm(self.d_head, eps=norm_eps) if qk_norm else None
        self.k_norm = nn.RMSNorm(self.d_head, eps=norm_eps) if qk_norm else None
        self.project = Linear(d_model, d_model, bias=bias)
        self.output_dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        rotation: tuple[Tensor, Tensor] | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Attend from each position to those that it may see.

        Args:
            x: ``(batch, time, d_model)``.
            mask: which positions may be seen, those in the cache first, then those of ``x``; see :func:`attend`.
            rotation: from :func:`.rotary.rotation`, for the positions of ``x``.
            cache: keys and values of earlier calls, which come before those of ``x``.

        Returns:
            ``(batch, time, d_model)``. The output at a padded position is meaningless.
        """
        heads = _heads(self.qkv(x), self.d_head)  # (batch, n_head + 2 * n_kv_head, time, d_head)
        q, k, v = heads.split([self.n_head, self.n_kv_head, self.n_kv_head], dim=1)
        q, k = rms_norm(q, self.q_norm), rms_norm(k, self.k_norm)
        if rotation is not None:
            q, k = rotate(q, *rotation), rotate(k, *rotation)
        if cache is not None:
            k, v = cache.append(self.layer, k, v)
        dropout = self.dropout if self.training else 0.0
        mixed = attend(q, k, v, causal=self.causal, mask=mask, dropout=dropout)
        return self.output_dropout(self.project(mixed))


class CrossAttention(nn.Module):
    """Multi-head cross-attention: queries from one sequence, keys and values from another, the context.

    There are no rotary positions: a distance between positions in two different sequences has no meaning.

    Args:
        d_model: width of the residual stream; a multiple of ``n_head``.
        n_head: number of query heads, each ``d_model // n_head`` wide.
        d_context: width of the context; None: ``d_model``.
        n_kv_head: number of key-value heads; divides ``n_head``; None: ``n_head``.
        bias: whether the projections have one.
        dropout: probability of dropping an attention weight, or an element of the output, in training.
        qk_norm: whether each query and key goes through an RMSNorm before their product.
        norm_eps: added to the mean square in those norms.
        layer: this layer's index in a :class:`KVCache`.

    Raises:
        ValueError: if ``n_head`` does not divide ``d_model``, or ``n_kv_head`` does not divide ``n_head``.
    """

    def __init__(
        self,
        d_model: int,
        n_head: int,
        *,
        d_context: int | None = None,
        n_kv_head: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        qk_norm: bool = False,
        norm_eps: float = 1e-5,
        layer: int = 0,
    ) -> None:
        super().__init__()
        self.n_head, self.n_kv_head, self.d_head = _head_sizes(d_model, n_head, n_kv_head)
        self.dropout, self.layer = dropout, layer
        d_kv = self.n_kv_head * self.d_head
        self.query = Linear(d_model, d_model, bias=bias)
        self.key_value = Linear(d_model if d_context is None else d_context, 2 * d_kv, bias=bias)
        self.stacked = {"key_value": (d_kv, d_kv)}  # rows of the two maps in one matrix, for Muon
        self.q_norm = nn.RMSNorm(self.d_head, eps=norm_eps) if qk_norm else None
        self.k_norm = nn.RMSNorm(self.d_head, eps=norm_eps) if qk_norm else None
        self.project = Linear(d_model, d_model, bias=bias)
        self.output_dropout = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        mask: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Attend from each position to the context.

        Args:
            x: ``(batch, time, d_model)``.
            context: ``(batch, keys, d_context)``. May be omitted if a cache holds it.
            mask: which positions of the context may be seen, such as ``(batch, keys)``; see :func:`attend`.
            cache: keys and values of the context, and of nothing else. While it is empty they are computed and stored;
                the caller sets its ``length`` to that of the context once all layers have done so.

        Returns:
            ``(batch, time, d_model)``.

        Raises:
            ValueError: if there is neither a context nor a cache that holds one.
        """
        q = rms_norm(_heads(self.query(x), self.d_head), self.q_norm)
        if cache is not None and cache.length:
            k, v = cache.held(self.layer)
        elif context is None:
            raise ValueError("Cross-attention needs a context, or a cache that holds one.")
        else:
            k, v = (_heads(part, self.d_head) for part in self.key_value(context).chunk(2, dim=-1))
            k = rms_norm(k, self.k_norm)
            if cache is not None:
                k, v = cache.append(self.layer, k, v)
        mixed = attend(q, k, v, mask=mask, dropout=self.dropout if self.training else 0.0)
        return self.output_dropout(self.project(mixed))


def _head_sizes(d_model: int, n_head: int, n_kv_head: int | None) -> tuple[int, int, int]:
    """Number of query heads, number of key-value heads, and the width of each.

    Raises:
        ValueError: if ``n_head`` does not divide ``d_model``, or ``n_kv_head`` does not divide ``n_head``.
    """
    n_kv_head = n_kv_head or n_head
    if d_model % n_head:
        raise ValueError(f"d_model ({d_model}) must be a multiple of n_head ({n_head}).")
    if n_head % n_kv_head:
        raise ValueError(f"n_head ({n_head}) must be a multiple of n_kv_head ({n_kv_head}).")
    return n_head, n_kv_head, d_model // n_head


def _heads(x: Tensor, d_head: int) -> Tensor:
    """``(batch, time, heads * d_head)`` to ``(batch, heads, time, d_head)``."""
    return x.view(*x.shape[:2], -1, d_head).transpose(1, 2)
