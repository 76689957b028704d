"""Preference losses against formulas written out, a general optimiser and the optimum that DPO is derived from."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from largemodels.objectives.preferences import (
    answer_log_probs,
    best_of_n_kl,
    bradley_terry_loss,
    dpo_loss,
    strengths,
)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_loss_of_bradley_and_terry_is_the_formula() -> None:
    chosen, rejected = [0.5, -1.0, 2.0], [0.0, 1.5, 2.0]
    by_hand = -sum(math.log(1 / (1 + math.exp(b - a))) for a, b in zip(chosen, rejected, strict=True)) / 3
    found = bradley_terry_loss(torch.tensor(chosen, dtype=torch.float64), torch.tensor(rejected).double())
    assert found.item() == pytest.approx(by_hand, abs=1e-14)


def test_the_loss_stays_finite_for_large_differences() -> None:
    far = torch.tensor([1e4])
    assert bradley_terry_loss(-far, far).item() == pytest.approx(2e4)
    assert bradley_terry_loss(far, -far).item() == 0


def test_dpo_is_the_formula_and_its_gradient() -> None:
    beta, (policy, reference) = 0.3, (drawn(2, 5), drawn(2, 5, seed=1))
    policy.requires_grad_()
    loss = dpo_loss(*policy, *reference, beta=beta)
    total = 0.0
    for a, b, c, d in zip(*policy.tolist(), *reference.tolist(), strict=True):
        total -= math.log(1 / (1 + math.exp(-beta * ((a - c) - (b - d)))))
    assert loss.item() == pytest.approx(total / 5, abs=1e-14)
    loss.backward()
    # Rafailov et al., 2023, section 4: beta times the probability of the wrong order.
    margin = beta * ((policy[0] - reference[0]) - (policy[1] - reference[1]))
    assert policy.grad is not None
    assert_close(policy.grad[0], -beta * torch.sigmoid(-margin.detach()) / 5)
    assert_close(policy.grad[1], beta * torch.sigmoid(-margin.detach()) / 5)


def test_the_reference_receives_no_gradient() -> None:
    tensors = [drawn(4, seed=seed).requires_grad_() for seed in range(4)]
    dpo_loss(*tensors).backward()
    assert [tensor.grad is not None for tensor in tensors] == [True, True, False, False]


def test_dpo_on_all_pairs_finds_the_optimum_that_it_is_derived_from() -> None:
    """Of the distributions over six answers, reference · exp(reward / beta) maximises reward - beta · KL."""
    beta, reward, reference = 0.7, drawn(6), drawn(6, seed=1).log_softmax(0)
    optimum = (reference + reward / beta).log_softmax(0)
    first, second = torch.triu_indices(6, 6, offset=1)
    preferred = torch.sigmoid(reward[first] - reward[second])
    logits = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [logits],
        lr=1,
        max_iter=500,
        tolerance_grad=1e-13,
        tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )

    def expected_loss() -> Tensor:
        """The loss over endlessly many comparisons: each order weighted by its probability."""
        optimiser.zero_grad()
        model = logits.log_softmax(0)
        terms = [
            weight
            * dpo_loss(model[a][None], model[b][None], reference[a][None], reference[b][None], beta=beta)
            for i, j, p in zip(first, second, preferred, strict=True)
            for a, b, weight in ((i, j, p), (j, i, 1 - p))
        ]
        loss = torch.stack(terms).sum()
        loss.backward()
        return loss

    optimiser.step(expected_loss)
    assert_close(logits.detach().log_softmax(0), optimum, atol=1e-6, rtol=0)

    def value(model: Tensor) -> float:
        return float((model.exp() * (reward - beta * (model - reference))).sum())

    others = [(optimum + 0.1 * drawn(6, seed=seed)).log_softmax(0) for seed in range(2, 50)]
    assert max(map(value, others)) < value(optimum)


def test_log_probs_are_sums_over_the_answer_only() -> None:
    logits = drawn(2, 4, 5)
    targets = torch.tensor([[-100, 3, 1, -100], [0, -100, -100, 4]])
    log_probs = logits.log_softmax(-1)
    expected = torch.stack([log_probs[0, 1, 3] + log_probs[0, 2, 1], log_probs[1, 0, 0] + log_probs[1, 3, 4]])
    assert_close(answer_log_probs(logits, targets), expected)
    with pytest.raises(ValueError, match="no token of an answer"):
        answer_log_probs(logits, torch.full((2, 4), -100))


def test_strengths_are_those_of_logistic_regression() -> None:
    """Independent of it: scikit-learn's solver on one row a comparison, without a penalty."""
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(0)
    true = generator.normal(size=5)
    wins = np.zeros((5, 5))
    rows, labels = [], []
    for _ in range(600):
        one, other = generator.choice(5, size=2, replace=False)
        won = generator.random() < 1 / (1 + math.exp(true[other] - true[one]))
        wins[(one, other) if won else (other, one)] += 1
        rows.append(np.eye(5)[one] - np.eye(5)[other])
        labels.append(won)
    model = LogisticRegression(C=np.inf, fit_intercept=False, solver="newton-cholesky", tol=1e-12)
    expected = model.fit(np.array(rows)[:, 1:], labels).coef_[0]
    found = strengths(torch.tensor(wins)).numpy()
    np.testing.assert_allclose(found[1:] - found[0], expected, atol=1e-6)
    assert abs(found.mean()) < 1e-12


def test_two_things_have_the_log_odds() -> None:
    assert_close(strengths(torch.tensor([[0, 3], [1, 0]])).diff(), torch.tensor([-math.log(3)]).double())


def test_the_diagonal_counts_for_nothing() -> None:
    wins = torch.tensor([[0, 3, 1], [1, 0, 2], [2, 2, 0]])
    assert_close(strengths(wins + 9 * torch.eye(3, dtype=torch.int64)), strengths(wins))


@pytest.mark.parametrize(
    ("wins", "message"),
    [
        ([[0.0, 1.0]], "square"),
        ([[0.0, -1.0], [1.0, 0.0]], "square"),
        ([[0.0, 5.0], [0.0, 0.0]], "never preferred"),  # one has won each time
        ([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], "never preferred"),  # two that never met
    ],
)
def test_counts_without_strengths(wins: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        strengths(torch.tensor(wins))


def test_strengths_that_do_not_settle_are_refused() -> None:
    with pytest.raises(ValueError, match="No end after 2 steps"):
        strengths(torch.tensor([[0, 9, 1], [1, 0, 7], [1, 2, 0]]), most=2)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_the_divergence_of_best_of_n(n: int) -> None:
    """By integration over the rank u of an answer, whose density among the best of n is n u^(n-1)."""
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    density = n * u ** (n - 1)
    assert best_of_n_kl(n) == pytest.approx((density * np.log(density)).mean(), abs=1e-5)


def test_faults() -> None:
    one, two = torch.zeros(1), torch.zeros(2)
    with pytest.raises(ValueError, match="shapes differ"):
        bradley_terry_loss(one, two)
    with pytest.raises(ValueError, match="shapes differ"):
        dpo_loss(two, two, two, one)
    with pytest.raises(ValueError, match="beta"):
        dpo_loss(one, one, one, one, beta=0.0)
    with pytest.raises(ValueError, match="at least 1"):
        best_of_n_kl(0)
