from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import largemodels as lm
from largemodels.text.evaluation import continuation_loss
from largemodels.text.repetition import distinct, repeated, words


def test_words_are_in_lower_case_without_signs() -> None:
    assert words("Don’t stop -- the KING's_men, 3 of them!") == [
        "don’t",
        "stop",
        "the",
        "king's",
        "men",
        "3",
        "of",
        "them",
    ]


def test_repeated_by_hand() -> None:
    # a b c | b c a | c a b | a b c: the last one stood before
    assert repeated(["a b c a b c"]) == 1 / 4
    assert repeated(["a b c", "a b c"]) == 0  # in the same text only
    assert repeated(["a a a a"], n=2) == 2 / 3


def test_distinct_by_hand() -> None:
    assert distinct(["a b a b", "a b"]) == 2 / 4
    assert distinct(["a b c d"]) == 1


def test_texts_without_words_are_refused() -> None:
    for measure in (repeated, distinct):
        with pytest.raises(ValueError, match="No text has"):
            measure(["", "!"])


@pytest.fixture
def gpt() -> lm.GPT:
    torch.manual_seed(0)
    return lm.GPT(lm.GPTConfig(vocab_size=11, context_length=9, n_layer=1, n_head=1, d_model=7))


def test_only_the_continuation_is_paid_for(gpt: lm.GPT) -> None:
    prompt, continuation = torch.tensor([3, 1, 4]), torch.tensor([1, 5])
    with torch.no_grad():
        logits = gpt.eval()(torch.tensor([[3, 1, 4, 1]]))[0]
    expected = F.cross_entropy(logits[2:], continuation, reduction="sum").item()
    torch.testing.assert_close(continuation_loss(gpt, [prompt], [continuation]), expected)
    twice = continuation_loss(gpt, [prompt, prompt], [continuation, continuation])
    torch.testing.assert_close(twice, 2 * expected)


def test_an_empty_continuation_costs_nothing_and_the_mode_stays(gpt: lm.GPT) -> None:
    gpt.train()
    assert continuation_loss(gpt, [torch.tensor([3])], [torch.tensor([], dtype=torch.int64)]) == 0
    assert gpt.training


def test_wrong_texts_are_refused(gpt: lm.GPT) -> None:
    with pytest.raises(ValueError, match="prompt is empty"):
        continuation_loss(gpt, [torch.tensor([], dtype=torch.int64)], [torch.tensor([1])])
    with pytest.raises(ValueError, match="too many for a context of 9"):
        continuation_loss(gpt, [torch.zeros(5, dtype=torch.int64)], [torch.zeros(6, dtype=torch.int64)])
