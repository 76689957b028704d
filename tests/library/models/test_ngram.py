from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from largemodels.models.ngram import NGram

texts = st.lists(st.integers(0, 3), min_size=6, max_size=60)


def slow_prob(training: list[int], context: list[int], token: int, order: int, vocab_size: int) -> float:
    """Interpolated Kneser–Ney written from the formula with sets and loops, to compare with."""

    def grams(n: int) -> list[tuple[int, ...]]:
        return [tuple(training[i : i + n]) for i in range(len(training) - n + 1)]

    def count(gram: tuple[int, ...], n: int) -> int:
        if n == order:
            return grams(n).count(gram)
        # In how many different ways does the next longer gram end in this one? Only those longer grams count
        # that count themselves, so the chain goes up to the full order.
        longest = {g[order - n - 1 :] for g in grams(order)}
        return len({g for g in longest if g[1:] == gram})

    probability = 1 / vocab_size
    for n in range(1, min(order, len(context) + 1) + 1):
        h = tuple(context[len(context) - n + 1 :])
        counts = {w: count((*h, w), n) for w in range(vocab_size)}
        total = sum(counts.values())
        if total == 0:
            continue
        every = [
            c
            for g in {g[order - n : order - 1] for g in grams(order)}
            for c in (count((*g, w), n) for w in range(vocab_size))
        ]
        once, twice = every.count(1), every.count(2)
        discount = once / (once + 2 * twice) if once and twice else 0.5
        kinds = sum(c > 0 for c in counts.values())
        probability = (max(counts[token] - discount, 0) + discount * kinds * probability) / total
    return probability


@settings(max_examples=40, deadline=None)
@given(texts, texts, st.integers(1, 4))
def test_equal_to_the_formula_written_out(training: list[int], test: list[int], order: int) -> None:
    model = NGram(order, vocab_size=4).fit(training)
    expected = [np.log(slow_prob(training, test[:i], test[i], order, 4)) for i in range(len(test))]
    np.testing.assert_allclose(model.log_probs(test), expected, rtol=1e-10)


@settings(max_examples=40, deadline=None)
@given(texts, texts, st.integers(1, 4))
def test_next_probs_is_a_distribution_and_agrees(training: list[int], test: list[int], order: int) -> None:
    model = NGram(order, vocab_size=4).fit(training)
    probs = model.next_probs(test[:-1])
    assert probs.sum() == pytest.approx(1)
    assert (probs > 0).all()
    assert np.log(probs[test[-1]]) == pytest.approx(model.log_probs(test)[-1])


def test_unigram_of_a_known_text() -> None:
    # c = 3, 1; one token seen once, none twice, so the discount is 0.5: p(0) = (3 - 0.5 + 0.5 · 2 / 2) / 4.
    model = NGram(1, vocab_size=2).fit([0, 0, 0, 1])
    assert model.next_probs([]) == pytest.approx([0.75, 0.25])


def test_a_longer_context_helps_on_a_periodic_text() -> None:
    text = [0, 0, 1, 1] * 50
    losses = [-NGram(order, 2).fit(text).log_probs(text[:100]).mean() for order in (1, 2, 3)]
    assert losses[0] > losses[1] > losses[2]


@pytest.mark.parametrize(("order", "vocab_size"), [(0, 4), (10, 100)])
def test_impossible_orders_are_refused(order: int, vocab_size: int) -> None:
    with pytest.raises(ValueError, match="order"):
        NGram(order, vocab_size)


def test_errors_in_words() -> None:
    with pytest.raises(ValueError, match="call fit first"):
        NGram(2, 4).log_probs([1, 2])
    with pytest.raises(ValueError, match="fewer than the order"):
        NGram(3, 4).fit([1, 2])


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([0, 1, 4], "There is no token 4: the model counts tokens 0 to 3"),
        ([-1, 1, 2], "There is no token -1"),
        (np.array([0, 1, 2**64 - 1], dtype=np.uint64), "There is no token 18446744073709551615"),
        ([0.5, 1, 2], "must be integers"),
        ([[0, 1], [2, 3]], r"of shape \(2, 2\)"),
    ],
)
def test_tokens_outside_the_vocabulary_are_refused(tokens: Any, message: str) -> None:
    """As part of a key, -1 or 4 would count as other tokens."""
    model = NGram(2, 4).fit([0, 1, 2, 3, 0, 1])
    for method in (NGram(2, 4).fit, model.log_probs, model.next_probs):
        with pytest.raises(ValueError, match=message):
            method(tokens)


def test_integers_of_any_kind_count_alike() -> None:
    tokens = [0, 1, 2, 3, 0, 1, 3]
    wanted = NGram(2, 4).fit(tokens).log_probs(tokens)
    for some in (np.array(tokens, dtype=np.uint16), torch.tensor(tokens, dtype=torch.int32)):
        np.testing.assert_array_equal(NGram(2, 4).fit(some).log_probs(some), wanted)
    assert len(NGram(2, 4).fit(tokens).log_probs([])) == 0


def test_no_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="vocab_size must be at least 1"):
        NGram(2, 0)
