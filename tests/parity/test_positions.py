"""The sinusoidal table against Marian's, ALiBi against BLOOM's, attention against ``torch.nn.MultiheadAttention``."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

from largemodels.models.attention import Attention, visible
from largemodels.models.positions import alibi, alibi_slopes, sinusoidal

from .random_weights import randomised


@pytest.mark.parametrize("d_model", [2, 10, 35])
def test_sinusoidal_is_marians_with_columns_in_turn(d_model: int) -> None:
    theirs = MarianSinusoidalPositionalEmbedding(37, d_model).create_weight()
    ours = sinusoidal(37, d_model)
    halves = torch.cat([ours[:, 0::2], ours[:, 1::2]], dim=1)
    assert_close(halves, theirs, atol=1e-5, rtol=0)
    if d_model > 2:
        assert not torch.allclose(ours, theirs, atol=1e-2)  # the layouts differ


@pytest.mark.parametrize("n_head", [1, 2, 5, 7, 8, 12])
def test_alibi_gives_the_weights_of_bloom(n_head: int) -> None:
    time = 11
    theirs = build_alibi_tensor(torch.ones(1, time), n_head, torch.float32)  # (n_head, 1, time)
    assert_close(alibi_slopes(n_head), theirs[:, 0, 1], atol=1e-7, rtol=1e-6)
    scores = torch.randn(1, n_head, time, time)
    hidden = ~visible(time, time, causal=True)
    reference = (scores + theirs).masked_fill(hidden, -torch.inf).softmax(-1)
    assert_close((scores + alibi(alibi_slopes(n_head), time)).softmax(-1), reference, atol=1e-5, rtol=0)
    if n_head > 1:
        wrong = (scores + alibi(alibi_slopes(n_head).flip(0), time)).softmax(-1)
        assert not torch.allclose(wrong, reference, atol=1e-3)


def test_alibi_on_both_sides_is_symmetric() -> None:
    bias = alibi(alibi_slopes(3), 5, causal=False)
    assert_close(bias, bias.mT)
    assert_close(bias[0, :, 1, 4], -3 * alibi_slopes(3))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_torchs(causal: bool) -> None:
    theirs = randomised(nn.MultiheadAttention(35, 5, batch_first=True))
    ours = Attention(35, 5, causal=causal)
    with torch.no_grad():
        ours.qkv.weight.copy_(theirs.in_proj_weight)
        ours.qkv.bias.copy_(theirs.in_proj_bias)
    ours.project.load_state_dict(theirs.out_proj.state_dict())
    inputs = torch.randn(3, 11, 35, requires_grad=True)
    copied = inputs.detach().clone().requires_grad_()
    hidden = torch.ones(11, 11, dtype=torch.bool).triu(1) if causal else None
    expected = theirs(copied, copied, copied, attn_mask=hidden, need_weights=False)[0]
    assert_close(ours(inputs), expected, atol=1e-5, rtol=1e-5)
    weight = torch.randn(3, 11, 35)
    (ours(inputs) * weight).sum().backward()
    (expected * weight).sum().backward()
    assert_close(inputs.grad, copied.grad, atol=1e-4, rtol=1e-4)
    assert_close(ours.qkv.weight.grad, theirs.in_proj_weight.grad, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        ours.qkv.weight.copy_(theirs.in_proj_weight.view(3, 35, 35)[[1, 0, 2]].flatten(0, 1))
        ours.qkv.bias.copy_(theirs.in_proj_bias.view(3, 35)[[1, 0, 2]].flatten())
    assert not torch.allclose(ours(inputs), expected, atol=1e-2)
