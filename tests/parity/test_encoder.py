"""Our encoder against ``torch.nn.TransformerEncoder``: forward, backward, padding, and that a wrong layout fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from largemodels.models.encoder import Encoder, EncoderConfig

from .random_weights import randomised

BATCH, TIME, D_MODEL, N_HEAD, D_HIDDEN, N_LAYER = 3, 11, 35, 5, 53, 3


def reference(activation: str) -> nn.TransformerEncoder:
    layer = nn.TransformerEncoderLayer(
        D_MODEL,
        N_HEAD,
        D_HIDDEN,
        dropout=0.0,
        activation=activation,
        layer_norm_eps=1e-3,
        batch_first=True,
        norm_first=True,
    )
    return nn.TransformerEncoder(
        layer, N_LAYER, norm=nn.LayerNorm(D_MODEL, eps=1e-3), enable_nested_tensor=False
    )


def pairs(ours: Encoder, theirs: nn.TransformerEncoder) -> list[tuple[Tensor, Tensor]]:
    """Parameters of the same meaning."""
    found = [(ours.final_norm.weight, theirs.norm.weight), (ours.final_norm.bias, theirs.norm.bias)]
    for block, layer in zip(ours.blocks, theirs.layers, strict=True):
        for our_module, their_module in [
            (block.attention_norm, layer.norm1),
            (block.attention.project, layer.self_attn.out_proj),
            (block.mlp_norm, layer.norm2),
            (block.mlp.expand, layer.linear1),
            (block.mlp.contract, layer.linear2),
        ]:
            found += [(our_module.weight, their_module.weight), (our_module.bias, their_module.bias)]
        found += [
            (block.attention.qkv.weight, layer.self_attn.in_proj_weight),
            (block.attention.qkv.bias, layer.self_attn.in_proj_bias),
        ]
    return found


def both(activation: str) -> tuple[Encoder, nn.TransformerEncoder]:
    theirs = randomised(reference(activation))
    sizes = EncoderConfig(D_MODEL, N_LAYER, N_HEAD, D_HIDDEN, activation=activation, norm_eps=1e-3)
    ours = Encoder(sizes)
    assert len(pairs(ours, theirs)) == len(list(ours.parameters())) == len(list(theirs.parameters()))
    with torch.no_grad():
        for our_parameter, their_parameter in pairs(ours, theirs):
            our_parameter.copy_(their_parameter)
    return ours, theirs


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("padded", [False, True])
def test_outputs_and_gradients_agree(activation: str, padded: bool) -> None:
    ours, theirs = both(activation)
    x, mask = torch.randn(BATCH, TIME, D_MODEL), torch.ones(BATCH, TIME, dtype=torch.bool)
    if padded:
        mask[1, 7:] = mask[2, :3] = False
    found = ours(x, mask if padded else None)
    expected = theirs(x, src_key_padding_mask=~mask if padded else None)
    assert_close(found[mask], expected[mask], rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(found[mask])  # any scalar has a gradient
    (found[mask] * weights).mean().backward()
    (expected[mask] * weights).mean().backward()
    for our_parameter, their_parameter in pairs(ours, theirs):
        assert our_parameter.grad is not None
        assert_close(our_parameter.grad, their_parameter.grad, rtol=1e-4, atol=1e-4)


def swap_keys_and_values(encoder: Encoder) -> None:
    weight = encoder.blocks[1].attention.qkv.weight
    q, k, v = weight.clone().chunk(3)
    weight.copy_(torch.cat([q, v, k]))


def swap_heads_and_width(encoder: Encoder) -> None:
    weight = encoder.blocks[0].attention.qkv.weight
    weight.copy_(weight.view(3, N_HEAD, -1, D_MODEL).transpose(1, 2).reshape(weight.shape))


def swap_norms(encoder: Encoder) -> None:
    block = encoder.blocks[2]
    block.attention_norm, block.mlp_norm = block.mlp_norm, block.attention_norm


def other_gelu(encoder: Encoder) -> None:
    for block in encoder.blocks:
        block.mlp.activation = "gelu_tanh"


@pytest.mark.parametrize("perturb", [swap_keys_and_values, swap_heads_and_width, swap_norms, other_gelu])
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(perturb: Callable[[Encoder], None]) -> None:
    ours, theirs = both("gelu")
    x = torch.randn(BATCH, TIME, D_MODEL)
    assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
