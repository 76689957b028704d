from __future__ import annotations

import math
from typing import TypeVar

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.attention import Attention, CrossAttention, visible
from largemodels.models.cache import KVCache
from largemodels.models.rotary import rotation

Some = TypeVar("Some", Attention, CrossAttention)


def randomised(attention: Some) -> Some:
    """Weights, biases and norms that hide nothing by being 0, 1 or small."""
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.normal_(std=0.7)
    return attention


def written_out(
    attention: Attention | CrossAttention, x: torch.Tensor, context: torch.Tensor | None = None
) -> torch.Tensor:
    """The same by loops over sentences, heads, queries and keys, straight from the paper's formula."""
    d, n_head, n_kv_head = attention.d_head, attention.n_head, attention.n_kv_head
    if isinstance(attention, Attention):
        q, k, v = attention.qkv(x).split([n_head * d, n_kv_head * d, n_kv_head * d], dim=-1)
    else:
        q = attention.query(x)
        k, v = attention.key_value(context).split(n_kv_head * d, dim=-1)
    mixed = torch.zeros_like(q)
    for b in range(x.shape[0]):
        for head in range(n_head):
            own, shared = slice(head * d, (head + 1) * d), head // (n_head // n_kv_head)
            theirs = slice(shared * d, (shared + 1) * d)
            for i in range(q.shape[1]):
                scores = []
                last = i + 1 if getattr(attention, "causal", False) else k.shape[1]
                for j in range(last):
                    query, key = q[b, i, own], k[b, j, theirs]
                    if attention.q_norm is not None:
                        query, key = (
                            vector / (vector.square().mean() + 1e-5).sqrt() * norm.weight
                            for vector, norm in ((query, attention.q_norm), (key, attention.k_norm))
                        )
                    scores.append(query @ key / math.sqrt(d))
                weights = torch.stack(scores).softmax(dim=0)
                mixed[b, i, own] = weights @ v[b, :last, theirs]
    return attention.project(mixed)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("n_kv_head", [None, 3, 1])
@pytest.mark.parametrize("qk_norm", [False, True])
def test_it_is_the_formula(causal: bool, n_kv_head: int | None, qk_norm: bool) -> None:
    attention = randomised(Attention(30, 6, causal=causal, n_kv_head=n_kv_head, qk_norm=qk_norm))
    x = torch.randn(2, 7, 30)
    assert_close(attention(x), written_out(attention, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_kv_head", [None, 2])
@pytest.mark.parametrize("qk_norm", [False, True])
def test_cross_attention_is_the_formula(n_kv_head: int | None, qk_norm: bool) -> None:
    attention = randomised(CrossAttention(28, 4, d_context=9, n_kv_head=n_kv_head, qk_norm=qk_norm))
    x, context = torch.randn(3, 5, 28), torch.randn(3, 8, 9)
    assert_close(attention(x, context), written_out(attention, x, context), rtol=1e-4, atol=1e-5)


def test_the_future_changes_nothing_before_it() -> None:
    attention = Attention(21, 3, causal=True)
    x = torch.randn(2, 7, 21)
    later = x.clone()
    later[:, 5:] += 1
    assert_close(attention(x)[:, :5], attention(later)[:, :5])
    assert not torch.allclose(attention(x)[:, 5:], attention(later)[:, 5:])
    everywhere = Attention(21, 3)
    assert not torch.allclose(everywhere(x)[:, :5], everywhere(later)[:, :5])


@pytest.mark.parametrize("causal", [True, False])
def test_padding_changes_nothing_for_real_tokens(causal: bool) -> None:
    attention = Attention(21, 3, causal=causal)
    x = torch.randn(2, 7, 21)
    mask = torch.tensor([[1, 1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1, 1]])
    real = mask.bool()
    noisy = torch.where(real[..., None], x, torch.randn_like(x))
    assert_close(attention(x, mask=mask)[real], attention(noisy, mask=mask)[real])
    assert attention(x, mask=mask).isfinite().all()
    assert_close(attention(x, mask=mask)[1:, 2:], attention(x[1:, 2:]))
    assert_close(attention(x, mask=mask)[:1, :5], attention(x[:1, :5]))


def test_padding_of_the_other_sequence() -> None:
    attention = CrossAttention(12, 2, d_context=5)
    x, context = torch.randn(2, 3, 12), torch.randn(2, 6, 5)
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])
    assert_close(attention(x, context, mask)[:1], attention(x[:1], context[:1, :4]))


def test_a_row_of_padding_alone_gives_numbers_and_gradients() -> None:
    attention = Attention(8, 2, causal=True)
    x = torch.randn(2, 4, 8, requires_grad=True)
    mask = torch.tensor([[0, 0, 0, 0], [0, 1, 1, 1]])
    attention(x, mask=mask).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_mask_of_ones_is_no_mask() -> None:
    for causal in (True, False):
        attention = Attention(15, 5, causal=causal)
        x = torch.randn(3, 4, 15)
        assert_close(attention(x, mask=torch.ones(3, 4)), attention(x))


def test_a_whole_mask_alone_decides() -> None:
    """Here: the first two positions see each other, the rest is causal, as in a prefix model."""
    attention = Attention(12, 3, causal=True)
    x = torch.randn(2, 5, 12)
    allowed = visible(5, 5, causal=True)
    assert_close(attention(x, mask=allowed), attention(x))
    allowed = allowed.clone()
    allowed[..., 0, 1] = True
    mixed = attention(x, mask=allowed)
    assert_close(mixed[:, 1:], attention(x)[:, 1:])
    assert_close(mixed[:, 0], _not_causal(attention)(x[:, :2])[:, 0])


def _not_causal(attention: Attention) -> Attention:
    twin = Attention(attention.n_head * attention.d_head, attention.n_head)
    twin.load_state_dict(attention.state_dict())
    return twin


def test_visible() -> None:
    assert visible(3, 3, causal=True)[0, 0].tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert visible(2, 5, causal=True)[0, 0].tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert visible(1, 5, causal=True) is None
    assert visible(3, 5, causal=False) is None
    padding = torch.tensor([[0, 1, 1]])
    assert visible(3, 3, True, padding)[0, 0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert visible(2, 3, False, padding)[0, 0].expand(2, 3).tolist() == [[0, 1, 1], [0, 1, 1]]


@pytest.mark.parametrize("chunks", [[7], [1] * 7, [3, 1, 3], [2, 5]])
def test_with_a_cache_in_any_chunks(chunks: list[int]) -> None:
    attention = randomised(Attention(24, 4, causal=True, n_kv_head=2, qk_norm=True, layer=1))
    x = torch.randn(3, 7, 24)
    turned = rotation(torch.arange(7), 6)
    cache = KVCache(n_layer=2, batch_size=3, n_kv_head=2, capacity=9, d_head=6)
    pieces = []
    with torch.no_grad():
        for piece in x.split(chunks, dim=1):
            here = slice(cache.length, cache.length + piece.shape[1])
            pieces.append(attention(piece, rotation=tuple(t[:, here] for t in turned), cache=cache))
            cache.length += piece.shape[1]
    assert_close(torch.cat(pieces, dim=1), attention(x, rotation=turned), rtol=1e-4, atol=1e-5)
    assert not cache.keys[0].any()  # the other layer's part


def test_cross_attention_reads_the_other_sequence_once() -> None:
    attention = randomised(CrossAttention(12, 3, d_context=7, qk_norm=True))
    x, context = torch.randn(2, 4, 12), torch.randn(2, 6, 7)
    cache = KVCache(n_layer=1, batch_size=2, n_kv_head=3, capacity=6, d_head=4)
    with torch.no_grad():
        first = attention(x[:, :1], context, cache=cache)
        cache.length = 6
        rest = attention(x[:, 1:], cache=cache)
        assert_close(torch.cat([first, rest], dim=1), attention(x, context))
        mask = torch.tensor([[1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1]])
        assert_close(attention(x, mask=mask, cache=cache), attention(x, context, mask))
        cache.select(torch.tensor([1, 1]))
        assert_close(attention(x, cache=cache), attention(x, context[[1, 1]]))


def test_cross_attention_turns_nothing_and_is_as_wide_as_its_model() -> None:
    with pytest.raises(TypeError, match="rotation"):
        CrossAttention(12, 3)(torch.randn(1, 2, 12), torch.randn(1, 4, 12), rotation=None)
    assert CrossAttention(12, 3).key_value.in_features == 12


def test_cross_attention_without_a_context_is_refused_in_words() -> None:
    attention, cache = CrossAttention(12, 3), KVCache(1, 2, 3, 6, 4)
    for there in (None, cache):
        with pytest.raises(ValueError, match="needs a context, or a cache that holds one"):
            attention(torch.randn(2, 4, 12), cache=there)


def test_a_cache_of_lower_precision() -> None:
    attention = Attention(12, 3, causal=True)
    x = torch.randn(2, 5, 12)
    cache = KVCache(1, 2, 3, 5, 4, dtype=torch.bfloat16)
    with torch.no_grad():
        mixed = attention(x, cache=cache)
    assert mixed.dtype == torch.float32
    assert_close(mixed, attention(x), rtol=0.05, atol=0.02)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [((10, 3, None), "multiple of n_head"), ((12, 4, 3), "multiple of n_kv_head")],
)
def test_widths_must_divide(sizes: tuple[int, int, int | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Attention(sizes[0], sizes[1], n_kv_head=sizes[2])
    with pytest.raises(ValueError, match=message):
        CrossAttention(sizes[0], sizes[1], n_kv_head=sizes[2])


def test_dropout_only_in_training() -> None:
    attention = Attention(6, 2, causal=True, dropout=0.5)
    x = torch.randn(1, 9, 6)
    assert not torch.equal(attention(x), attention(x))
    attention.eval()
    assert torch.equal(attention(x), attention(x))
