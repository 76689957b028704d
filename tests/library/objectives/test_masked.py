from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.bert import BERT, BERTConfig
from largemodels.objectives.masked import mask_words, next_sentences

SIZES: dict[str, Any] = {"mask_token": 4, "vocab_size": 23, "special": (0, 1, 2)}


def test_shares_of_what_becomes_of_a_chosen_token() -> None:
    tokens = torch.randint(5, 23, (300, 200))
    read, targets = mask_words(tokens, **SIZES)
    chosen = targets != -100
    became_mask, changed = read == 4, read != tokens
    n = chosen.sum()
    # Four standard errors of these shares are below 0.015.
    assert_close(chosen.float().mean(), torch.tensor(0.15), rtol=0, atol=0.015)
    assert_close((became_mask & chosen).sum() / n, torch.tensor(0.8), rtol=0, atol=0.02)
    assert_close((changed & ~became_mask & chosen).sum() / n, torch.tensor(0.1), rtol=0, atol=0.015)
    assert torch.equal(targets[chosen], tokens[chosen])
    assert torch.equal(read[~chosen], tokens[~chosen])


def test_random_tokens_are_the_other_ordinary_ones_and_all_equally_likely() -> None:
    tokens = torch.full((40_000,), 7)
    read, _ = mask_words(tokens, **SIZES, rate=1.0, masked=0.0, random=1.0)
    counts = read.bincount(minlength=23)
    ordinary = [3, *range(5, 23)]
    assert counts[7] == 0 and counts[[0, 1, 2, 4]].sum() == 0
    expected = 40_000 / (len(ordinary) - 1)
    assert all(abs(counts[t] - expected) < 5 * expected**0.5 for t in ordinary if t != 7)


def test_special_tokens_are_never_chosen() -> None:
    tokens = torch.tensor([[1, 9, 2, 8, 2, 0, 4]])
    read, targets = mask_words(tokens, **SIZES, rate=1.0, masked=1.0, random=0.0)
    assert read.tolist() == [[1, 4, 2, 4, 2, 0, 4]]
    assert targets.tolist() == [[-100, 9, -100, 8, -100, -100, -100]]


def test_static_and_dynamic_masking() -> None:
    tokens = torch.randint(5, 23, (8, 50))

    def masked(seed: int) -> torch.Tensor:
        return mask_words(tokens, **SIZES, generator=torch.Generator().manual_seed(seed))[0]

    before = tokens.clone()
    assert torch.equal(masked(1), masked(1))  # static: the same each time
    assert not torch.equal(masked(1), masked(2))  # dynamic: drawn anew
    assert torch.equal(tokens, before)


def test_what_it_returns_is_what_berts_loss_takes() -> None:
    torch.manual_seed(0)
    model = BERT(BERTConfig(23, 16, 2, 1, 2, 10)).eval()
    tokens = torch.randint(5, 23, (4, 12))
    read, targets = mask_words(tokens, **SIZES, rate=0.5)
    logits = model.word_logits(model(read))
    expected = torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets)
    assert_close(model.loss(read, targets), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 1.5}, "rate must lie"),
        ({"masked": 0.8, "random": 0.3}, r"masked \(0.8\) and random \(0.3\) sum to more than 1"),
        ({"special": range(22), "mask_token": 21}, "Of 23 tokens 1 are not special"),
    ],
)
def test_faults_of_masking(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mask_words(torch.zeros(2, 3, dtype=torch.long), **(SIZES | change))


DOCUMENTS = [[torch.tensor([10 * d + i]) for i in range(n)] for d, n in enumerate((4, 1, 0, 3))]


def test_half_of_the_pairs_follow_and_the_others_come_from_other_documents() -> None:
    pairs = next_sentences(DOCUMENTS, 4_000)
    follows = [f for *_, f in pairs]
    assert 0.46 < sum(follows) / len(pairs) < 0.54
    for first, second, follow in pairs:
        document, text = divmod(int(first), 10)
        if follow:
            assert int(second) == int(first) + 1
        else:
            assert int(second) // 10 != document
        assert text < len(DOCUMENTS[document]) - 1
    firsts = torch.tensor([int(first) for first, *_ in pairs]).unique(return_counts=True)
    assert firsts[0].tolist() == [0, 1, 2, 30, 31]
    assert all(abs(count - 800) < 5 * 800**0.5 for count in firsts[1])
    others = [int(second) for first, second, follow in pairs if not follow and int(first) < 10]
    counts = torch.tensor(others).unique(return_counts=True)  # uniform over the four texts of the others
    assert counts[0].tolist() == [10, 30, 31, 32]
    assert all(abs(count - len(others) / 4) < 5 * (len(others) / 4) ** 0.5 for count in counts[1])


def test_pairs_repeat_with_a_seed() -> None:
    drawn = [next_sentences(DOCUMENTS, 20, torch.Generator().manual_seed(s)) for s in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([[torch.tensor([1])], [torch.tensor([2])]], "No document has two texts"),
        ([DOCUMENTS[0], []], "one document only"),
    ],
)
def test_faults_of_pairs(documents: list[list[torch.Tensor]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next_sentences(documents, 3)
