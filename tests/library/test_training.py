from __future__ import annotations

import math

import pytest
import torch

from largemodels.data.text import batches
from largemodels.generation import generate
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.training import TrainingConfig, evaluate, learning_rate, train

SIZES = {"vocab_size": 7, "context_length": 8, "n_layer": 2, "n_head": 2, "d_model": 16}
PERIODIC = torch.tensor([0, 1, 2, 3, 4, 5, 6] * 40)


def trained(steps: int = 60) -> tuple[GPT, object]:
    torch.manual_seed(0)
    model = GPT(GPTConfig(**SIZES))
    config = TrainingConfig(steps=steps, learning_rate=1e-2, warmup_steps=5, evaluate_every=25)
    history = train(
        model,
        batches(PERIODIC, batch_size=5, context_length=8, seed=0),
        config,
        lambda: {"validation_loss": evaluate(model, PERIODIC, 8)},
    )
    return model, history


def test_a_periodic_text_is_learnt() -> None:
    model, history = trained()
    assert list(history.step) == [0, 25, 50, 60]
    assert history.validation_loss.iloc[0] == pytest.approx(math.log(7), abs=0.2)
    assert history.validation_loss.iloc[-1] < 0.1
    assert math.isnan(history.training_loss.iloc[0])
    assert history.seconds.is_monotonic_increasing
    assert model.training
    continued = generate(model, torch.tensor([[3, 4, 5]]), n_new=9, temperature=0)
    assert continued.tolist() == [[3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0]]


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = trained(20)[0], trained(20)[0]
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_only_matrices_decay() -> None:
    """With zero gradients only the decay moves weights."""
    model = GPT(GPTConfig(**SIZES))

    class Nothing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def loss(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return 0.0 * sum(p.sum() for p in self.model.parameters())

    torch.nn.init.ones_(model.blocks[0].expand.bias)
    before = {name: value.clone() for name, value in model.named_parameters()}
    train(Nothing(), batches(PERIODIC, 2, 8, 0), TrainingConfig(steps=3, weight_decay=0.5))
    for name, value in model.named_parameters():
        assert torch.equal(value, before[name]) == (value.ndim < 2), name


def test_learning_rate_rises_and_falls() -> None:
    config = TrainingConfig(steps=101, learning_rate=2.0, warmup_steps=20, final_fraction=0.25)
    rates = [learning_rate(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[19] == rates[20] == max(rates) == 2.0
    assert rates[60] == pytest.approx(2.0 * (0.25 + 0.75 / 2))
    assert rates[-1] == pytest.approx(0.5)


def test_a_loss_that_is_not_finite_stops_in_words() -> None:
    model = GPT(GPTConfig(**SIZES))
    model.final_norm.weight.data.fill_(math.nan)
    with pytest.raises(FloatingPointError, match=r"nan after 4 steps: lower the learning rate"):
        train(model, batches(PERIODIC, 2, 8, 0), TrainingConfig(steps=9, evaluate_every=4))


def test_evaluation_scores_every_token_once() -> None:
    model = GPT(GPTConfig(**SIZES))
    tokens = torch.randint(7, (33,))
    logits = torch.cat([model(tokens[i : i + 8][None])[0] for i in range(0, 32, 8)])
    expected = torch.nn.functional.cross_entropy(logits, tokens[1:]).item()
    assert evaluate(model, tokens, 8, batch_size=3) == pytest.approx(expected, rel=1e-5)


def test_evaluation_with_overlap_scores_what_has_context() -> None:
    model = GPT(GPTConfig(**SIZES))
    tokens = torch.randint(7, (18,))  # windows begin at 0, 3, 6, 9
    windows = torch.stack([tokens[i : i + 8] for i in (0, 3, 6, 9)])
    logits = model(windows)
    scored = torch.cat([logits[0], *(logits[i, 5:] for i in (1, 2, 3))])
    expected = torch.nn.functional.cross_entropy(scored, tokens[1:18]).item()
    assert evaluate(model, tokens, 8, overlap=5, batch_size=3) == pytest.approx(expected, rel=1e-5)


def test_evaluation_leaves_no_gradients_and_restores_the_mode() -> None:
    model = GPT(GPTConfig(**SIZES, dropout=0.4))
    model.train()
    first, second = evaluate(model, PERIODIC, 8), evaluate(model, PERIODIC, 8)
    assert first == second
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("change", [{"steps": 0}, {"warmup_steps": 11}, {"learning_rate": 0.0}])
def test_a_bad_config_is_refused(change) -> None:
    with pytest.raises(ValueError):
        TrainingConfig(**({"steps": 10} | change))


def test_too_short_a_text_is_refused() -> None:
    model = GPT(GPTConfig(**SIZES))
    with pytest.raises(ValueError, match="too few"):
        evaluate(model, PERIODIC[:8], 8)
    with pytest.raises(ValueError, match="overlap"):
        evaluate(model, PERIODIC, 8, overlap=8)
