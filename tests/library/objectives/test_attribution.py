"""Attributions on functions whose answer is known, and interventions that end."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from largemodels.models.attention import Attention
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.objectives.attribution import (
    attention_changed,
    grad_cam,
    gradient,
    integrated_gradients,
    occlusion,
    patched,
)


def product(x: Tensor) -> Tensor:
    """Two outputs of two numbers: their product and their sum."""
    return torch.stack([x[:, 0] * x[:, 1], x.sum(1)], dim=1)


def test_a_product_is_shared_equally() -> None:
    x, target = torch.tensor([[2.0, 3.0], [2.0, 3.0]]), torch.tensor([0, 1])
    torch.testing.assert_close(gradient(product, x, target), torch.tensor([[3.0, 2.0], [1.0, 1.0]]))
    found = integrated_gradients(product, x, target, steps=4)
    torch.testing.assert_close(found, torch.tensor([[3.0, 3.0], [2.0, 3.0]]))
    with pytest.raises(ValueError, match="at least 1"):
        integrated_gradients(product, x, target, steps=0)


def test_the_parts_sum_to_the_whole_from_any_baseline() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    x, baseline, target = torch.randn(4, 5), torch.randn(5), torch.tensor([2, 0, 1, 1])
    found = integrated_gradients(model, x, target, baseline=baseline, steps=200).sum(1)
    rows = torch.arange(4)
    torch.testing.assert_close(
        found, model(x)[rows, target] - model(baseline[None])[0, target], atol=1e-3, rtol=0
    )


def test_occlusion_of_a_sum() -> None:
    x = torch.arange(24.0).view(1, 1, 4, 6)
    found = occlusion(lambda it: it.flatten(1).sum(1, keepdim=True), x, torch.tensor([0]), size=2)
    assert found[0, 0, 0, 0] == found[0, 0, 1, 1] == 0 + 1 + 6 + 7
    assert found[0, 0, 3, 5] == 16 + 17 + 22 + 23
    with pytest.raises(ValueError, match="do not fit"):
        occlusion(product, x, torch.tensor([0]), size=4, stride=4)


def test_grad_cam_of_a_channel() -> None:
    model = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x = torch.randn(3, 2, 4, 5)
    found = grad_cam(model, model[0], x, torch.tensor([0, 1, 0]))
    torch.testing.assert_close(found[1, 0], x[1, 1].clamp(min=0) / 20)
    assert not model[0]._forward_hooks


def test_a_patch_reaches_later_positions_only_and_ends() -> None:
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(11, 8, n_layer=2, n_head=2, d_model=6, embedding_std=1.0)).eval()
    tokens = torch.randint(11, (3, 5))
    with torch.no_grad():
        before = gpt(tokens)
        with patched(gpt.blocks[0], 2, torch.ones(6)):
            during = gpt(tokens)
        after = gpt(tokens)
    torch.testing.assert_close(after, before)
    torch.testing.assert_close(during[:, :2], before[:, :2])
    assert (during[:, 2:] - before[:, 2:]).abs().amin(-1).amax() > 0


def test_attention_shown_is_attention_computed() -> None:
    torch.manual_seed(0)
    layer, x = Attention(6, 2), torch.randn(3, 5, 6)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] * 4 + [False]])
    plain = layer(x, mask)
    with attention_changed(layer) as seen:
        torch.testing.assert_close(layer(x, mask), plain)
        torch.testing.assert_close(layer(x, mask[:, None, None]), plain)
    assert seen[0].shape == (3, 2, 5, 5) and not seen[0][1, :, :, 3:].any()
    with attention_changed(layer, lambda weights: weights.flip(-1)):
        assert (layer(x) - plain).abs().max() > 1e-3
    torch.testing.assert_close(layer(x, mask), plain)
    with pytest.raises(ValueError, match="both ways"), attention_changed(Attention(6, 2, causal=True)):
        pass


def test_several_positions_are_patched_each_with_its_own_values() -> None:
    x, values = torch.randn(2, 5, 3), torch.tensor([[7.0] * 3, [8.0] * 3])
    module = nn.Identity()
    with patched(module, [1, 3], values):
        found = module(x)
    assert (found[:, 1] == 7).all() and (found[:, 3] == 8).all()
    assert torch.equal(found[:, [0, 2, 4]], x[:, [0, 2, 4]])


def test_changed_weights_are_used_as_they_are_and_listed_before_the_change() -> None:
    """With weights of one on the first key, each position gives what the first position's value gives."""
    torch.manual_seed(0)
    layer, x = Attention(6, 2), torch.randn(3, 5, 6)

    def first(weights: Tensor) -> Tensor:
        return torch.zeros_like(weights).index_fill(-1, torch.tensor([0]), 1.0)

    with attention_changed(layer, first) as seen, torch.no_grad():
        found = layer(x)
    value = layer.qkv(x[:, :1])[..., 12:]  # the last third
    torch.testing.assert_close(found, layer.project(value).expand(3, 5, 6))
    torch.testing.assert_close(seen[0].sum(-1), torch.ones(3, 2, 5))
    assert (seen[0] < 1).all()


def test_attention_that_would_be_computed_otherwise_is_refused() -> None:
    for layer in (Attention(6, 2, qk_norm=True), Attention(8, 4, n_kv_head=2)):
        with pytest.raises(ValueError, match="plain self-attention"), attention_changed(layer):
            pass
    layer, x = Attention(6, 2), torch.randn(1, 5, 6)
    with attention_changed(layer), pytest.raises(ValueError, match="rotary positions or a cache"):
        layer(x, None, None, object())
    with attention_changed(layer), pytest.raises(ValueError, match="rotary positions or a cache"):
        layer(x, None, object())
