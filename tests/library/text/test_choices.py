"""Likelihoods of given continuations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from largemodels.models.gpt import GPT, GPTConfig
from largemodels.text.choices import log_likelihoods, next_log_probs
from largemodels.text.evaluation import continuation_loss

LENGTHS = ((3, 2), (1, 4), (5, 1), (2, 2), (7, 3))  # of prompts and continuations


@pytest.fixture
def model() -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(vocab_size=37, context_length=29, d_model=24, n_layer=2, n_head=3)).eval()


def texts(place: int) -> list[Tensor]:
    chance = torch.Generator().manual_seed(place)
    return [torch.randint(37, (its[place],), generator=chance) for its in LENGTHS]


@pytest.mark.parametrize("batch_size", [1, 2, 40])
def test_likelihoods_are_those_of_single_texts(model: GPT, batch_size: int) -> None:
    prompts, continuations = texts(0), texts(1)
    found = log_likelihoods(model, prompts, continuations, batch_size=batch_size)
    pairs = zip(prompts, continuations, strict=True)
    alone = [-continuation_loss(model, [prompt], [it]) for prompt, it in pairs]
    assert_close(found, torch.tensor(alone), rtol=1e-5, atol=1e-5)


def test_next_tokens_are_continuations_of_one_token(model: GPT) -> None:
    prompts, answers = texts(0), [5, 36]
    found = next_log_probs(model, prompts, answers, batch_size=2)
    for column, answer in enumerate(answers):
        ends = [torch.tensor([answer])] * len(prompts)
        assert_close(found[:, column], log_likelihoods(model, prompts, ends), rtol=1e-5, atol=1e-5)


def test_half_precision_rounds_a_little(model: GPT) -> None:
    exact = next_log_probs(model, texts(0), [5, 36])
    rounded = next_log_probs(model, texts(0), [5, 36], bfloat16=True)
    assert_close(exact, rounded, rtol=0, atol=0.05)
    assert not torch.equal(exact, rounded)


def test_nothing_is_empty(model: GPT) -> None:
    empty, one = torch.tensor([], dtype=torch.int64), torch.tensor([3])
    with pytest.raises(ValueError, match="at least one token"):
        log_likelihoods(model, [empty], [one])
    with pytest.raises(ValueError, match="at least one token"):
        log_likelihoods(model, [one], [empty])
    with pytest.raises(ValueError, match="at least one token"):
        next_log_probs(model, [one, empty], [3])
    with pytest.raises(ValueError):
        log_likelihoods(model, [one, one], [one])


def test_answers_keep_their_order(model: GPT) -> None:
    found = next_log_probs(model, texts(0), [36, 5])
    assert_close(found, next_log_probs(model, texts(0), [5, 36]).flip(1))


def test_half_precision_rounds_likelihoods_a_little(model: GPT) -> None:
    exact = log_likelihoods(model, texts(0), texts(1))
    rounded = log_likelihoods(model, texts(0), texts(1), bfloat16=True)
    assert_close(exact, rounded, rtol=0, atol=0.2)
    assert not torch.equal(exact, rounded)


def test_nothing_is_dropped_while_scoring(model: GPT) -> None:
    torch.manual_seed(0)
    config = GPTConfig(vocab_size=37, context_length=29, d_model=24, n_layer=2, n_head=3, dropout=0.5)
    other = GPT(config).train()
    other.load_state_dict(model.state_dict())
    found = log_likelihoods(other, texts(0), texts(1))
    assert_close(found, log_likelihoods(model, texts(0), texts(1)))
    assert_close(next_log_probs(other, texts(0), [5]), next_log_probs(model, texts(0), [5]))
    assert other.training
