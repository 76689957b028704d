"""Our driver against a model built from ``torch.nn.TransformerEncoder``."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.testing import assert_close

import largemodels as lm

from .random_weights import randomised

BATCH, N_CARS, D_CAR, N_ACTION, D_MODEL, N_HEAD, N_LAYER = 3, 7, 5, 4, 21, 3, 2


def pair() -> tuple[lm.Driver, nn.TransformerEncoder]:
    """A driver with random weights, and torch's encoder with the same."""
    ours = lm.Driver(lm.DriverConfig(D_CAR, N_ACTION, D_MODEL, N_LAYER, N_HEAD))
    randomised(ours)
    layer = nn.TransformerEncoderLayer(
        D_MODEL, N_HEAD, 4 * D_MODEL, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    theirs = nn.TransformerEncoder(layer, N_LAYER, norm=nn.LayerNorm(D_MODEL), enable_nested_tensor=False)
    with torch.no_grad():
        for block, its in zip(ours.encoder.blocks, theirs.layers, strict=True):
            its.self_attn.in_proj_weight.copy_(block.attention.qkv.weight)
            its.self_attn.in_proj_bias.copy_(block.attention.qkv.bias)
            for a, b in (
                (its.self_attn.out_proj, block.attention.project),
                (its.linear1, block.mlp.expand),
                (its.linear2, block.mlp.contract),
                (its.norm1, block.attention_norm),
                (its.norm2, block.mlp_norm),
            ):
                a.weight.copy_(b.weight)
                a.bias.copy_(b.bias)
        theirs.norm.weight.copy_(ours.encoder.final_norm.weight)
        theirs.norm.bias.copy_(ours.encoder.final_norm.bias)
    return ours.eval(), theirs


def cars() -> tuple[Tensor, Tensor]:
    there = torch.ones(BATCH, N_CARS, dtype=torch.bool)
    there[1, 4:] = there[2, 2] = False
    return torch.randn(BATCH, N_CARS, D_CAR), there


def test_logits_and_gradients_agree() -> None:
    ours, theirs = pair()
    x, there = cars()
    rows = torch.stack([ours.own(x[:, 0]), *(ours.others(x[:, it]) for it in range(1, N_CARS))], dim=1)
    expected = ours.head(theirs(rows, src_key_padding_mask=~there)[:, 0])
    found = ours(x, there)
    assert found.shape == (BATCH, N_ACTION)
    assert_close(found, expected, rtol=1e-5, atol=1e-5)
    actions = torch.tensor([0, 3, 1])
    assert_close(ours.loss(x, there, actions), nn.functional.cross_entropy(expected, actions))


@torch.no_grad()
def test_the_order_of_the_others_does_not_matter_but_who_drives_does() -> None:
    ours, _ = pair()
    x, there = cars()
    order = torch.tensor([0, 5, 3, 6, 1, 2, 4])
    assert_close(ours(x[:, order], there[:, order]), ours(x, there), rtol=1e-4, atol=1e-4)
    swapped = torch.tensor([1, 0, 2, 3, 4, 5, 6])
    assert not torch.allclose(ours(x[:, swapped], there[:, swapped]), ours(x, there), atol=1e-2)


@torch.no_grad()
def test_what_is_not_there_does_not_matter() -> None:
    ours, _ = pair()
    x, there = cars()
    assert_close(ours(torch.where(there[..., None], x, 9.0), there), ours(x, there), rtol=1e-4, atol=1e-4)
