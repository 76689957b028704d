"""Fast decoding with a GPT: one token at a time, as :class:`.GPT` computes it, but without the overhead.

One token's forward pass through a small model is some twenty small matrix products. Calling modules, transposing
weights and slicing caches takes twice as long as the products themselves. Here all of that is done once, before the
first token, which leaves the bare operations (``make bench`` measures both). To understand the model, read
:class:`.GPT`; the tests compare this file with it for every option of :class:`.GPTConfig`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeGuard

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from ..models import rotary
from ..models.attention import Attention
from ..models.cache import KVCache
from ..models.feed_forward import ACTIVATIONS, FeedForward
from ..models.gpt import GPT, Block
from ..models.int8 import Int8GPT, Int8Linear
from ..models.linear import LARGE, Linear

Map = Callable[[Tensor], Tensor]

_KNOWN = (
    *(GPT, Int8GPT, Block, Attention, FeedForward, Linear, Int8Linear),
    *(nn.Embedding, nn.LayerNorm, nn.RMSNorm, nn.Dropout, nn.ModuleList),
)


def supported(model: object) -> TypeGuard[GPT]:
    """Whether a model is an unmodified GPT: no adapters in place of its layers, and no hooks."""
    return isinstance(model, GPT) and all(
        type(module) in _KNOWN and not (module._forward_hooks or module._forward_pre_hooks)
        for module in model.modules()
    )


class _Layer(NamedTuple):
    """The operations of a block, in the order of their use."""

    attention_norm: Map
    qkv: Map
    qk_norm: Map | None
    project: Map
    mlp_norm: Map
    expand: Map
    contract: Map


class FastGPT:
    """A GPT that decodes one token per sequence and step, after those in its cache. For inference, without padding.

    Args:
        model: one for which :func:`supported` is true, in evaluation mode; it must not change in the meantime.
        cache: from :meth:`.gpt.GPT.new_cache`; each step appends to it.
    """

    def __init__(self, model: GPT, cache: KVCache) -> None:
        config = model.config
        self.cache, self.head = cache, model.logits
        self.embedding, self.positions = model.token_embedding.weight, None
        self.n_head, self.n_kv_head = config.n_head, config.n_kv_head or config.n_head
        self.d_head, self.activate = config.d_head, ACTIVATIONS[config.activation]
        self.rotation: tuple[Tensor, Tensor] | None = None
        if config.position == "rotary":
            positions = torch.arange(cache.capacity, device=cache.keys.device)
            self.rotation = rotary.rotation(positions, config.d_head, config.rope_base)
        elif config.position == "learned":
            self.positions = model.position_embedding.weight
        self.layers = [self._layer(block) for block in model.blocks]
        self.final_norm = _norm(model.final_norm)

    def _layer(self, block: nn.Module) -> _Layer:
        assert isinstance(block, Block)
        attention = block.attention
        return _Layer(
            _norm(block.attention_norm),
            _product(attention.qkv),
            self._qk_norm(attention),
            _product(attention.project),
            _norm(block.mlp_norm),
            _product(block.mlp.expand),
            _product(block.mlp.contract),
        )

    def _qk_norm(self, attention: Attention) -> Map | None:
        """Both norms in one operation, for queries and keys stacked along the head dimension."""
        if attention.q_norm is None or attention.k_norm is None:
            return None
        q_weight, k_weight = attention.q_norm.weight, attention.k_norm.weight
        weight = torch.cat([q_weight.expand(self.n_head, -1), k_weight.expand(self.n_kv_head, -1)])
        return _rms_norm(weight[:, None], attention.q_norm.eps)

    def step(self, tokens: Tensor) -> Tensor:
        """Append one token per sequence, ``(batch,)``; returns the logits of the next, ``(batch, vocab_size)``."""
        cache, start = self.cache, self.cache.length
        x, rotation = self.embedding.index_select(0, tokens), None  # (batch, d_model)
        if self.positions is not None:
            x = x + self.positions[start]
        if self.rotation is not None:
            rotation = self.rotation[0][:, start, None], self.rotation[1][:, start, None]
        # Per layer, views of all keys and values, (batch, n_kv_head, start + 1, d_head), and of the slot for the new.
        everything = zip(
            cache.keys.narrow(3, 0, start + 1).unbind(),
            cache.values.narrow(3, 0, start + 1).unbind(),
            strict=True,
        )
        places = zip(
            cache.keys.narrow(3, start, 1).unbind(), cache.values.narrow(3, start, 1).unbind(), strict=True
        )
        for layer, held, place in zip(self.layers, everything, places, strict=True):
            x = x + layer.project(self._attend(layer, x, rotation, held, place))
            x = x + layer.contract(self.activate(layer.expand(layer.mlp_norm(x))))
        cache.length = start + 1
        return self.head(self.final_norm(x))

    def _attend(
        self,
        layer: _Layer,
        x: Tensor,
        rotation: tuple[Tensor, Tensor] | None,
        held: tuple[Tensor, Tensor],
        place: tuple[Tensor, Tensor],
    ) -> Tensor:
        """The concatenated outputs of the attention heads, ``(batch, d_model)`` to the same shape."""
        batch, n_qk, (keys, values) = x.shape[0], self.n_head + self.n_kv_head, held
        heads = layer.qkv(layer.attention_norm(x)).view(batch, -1, 1, self.d_head)
        qk, v = heads.narrow(1, 0, n_qk), heads.narrow(1, n_qk, self.n_kv_head)
        if layer.qk_norm is not None:
            qk = layer.qk_norm(qk)
        if rotation is not None:
            qk = rotary.rotate(qk, *rotation)
        place[0].copy_(qk.narrow(1, self.n_head, self.n_kv_head))
        place[1].copy_(v)
        # Query heads that share a key-value head go along the time dimension, as positions would.
        q = qk.narrow(1, 0, self.n_head).reshape(batch, self.n_kv_head, -1, self.d_head)
        if q.dtype != keys.dtype:  # a cache may be of lower precision
            q = q.to(keys.dtype)
        return F.scaled_dot_product_attention(q, keys, values).to(x.dtype).reshape(x.shape)


def _product(layer: nn.Module) -> Map:
    """A small linear layer as a single operation; large and 8-bit layers have their own ``forward``."""
    if not isinstance(layer, Linear) or layer.weight.numel() >= LARGE:
        return layer.forward
    weight, bias = layer.weight.T, layer.bias
    return lambda x: torch.mm(x, weight) if bias is None else torch.addmm(bias, x, weight)


def _norm(layer: nn.Module) -> Map:
    if isinstance(layer, nn.RMSNorm):
        return _rms_norm(layer.weight, layer.eps)
    assert isinstance(layer, nn.LayerNorm)
    shape, weight, bias, eps = list(layer.normalized_shape), layer.weight, layer.bias, layer.eps
    return lambda x: torch.layer_norm(x, shape, weight, bias, eps)


def _rms_norm(weight: Tensor, eps: float | None) -> Map:
    """Written out, since torch has no fast RMSNorm on the CPU; computed in fp32, as torch does."""
    assert eps is not None  # our models always give one

    def norm(x: Tensor) -> Tensor:
        wide = x.float()
        return (wide * (wide.square().mean(-1, keepdim=True) + eps).rsqrt() * weight).to(x.dtype)

    return norm
