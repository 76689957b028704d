"""Item response theory: how able people are, and how hard questions, from who solved which.

Rasch, 1960, "Probabilistic models for some intelligence and attainment tests", and Birnbaum's model of 1968 with two
numbers a question: someone of ability θ solves question i with the probability

    P_i(θ) = σ(a_i (θ − b_i)),

σ the logistic function, b_i its difficulty and a_i its discrimination, which Rasch's model sets to one. The numbers of
the questions are fitted by marginal maximum likelihood (Bock and Aitkin, 1981, https://doi.org/10.1007/BF02293801),
with abilities normally distributed with mean 0 and variance 1. What differs from that paper: the integral over
abilities is a sum over equally spaced points, the ascent is L-BFGS, and standard errors come from the second
derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

POINTS = torch.linspace(-6, 6, 61, dtype=torch.float64)  # of ability
WEIGHTS = torch.softmax(-(POINTS**2) / 2, dim=0)  # the normal distribution on these


@dataclass(frozen=True)
class Items:
    """Questions, as their answers describe them."""

    discrimination: Tensor  # (items,)
    difficulty: Tensor  # (items,)
    errors: Tensor  # (items, 2), standard errors of the two; 0 for a discrimination that is set

    def chances(self, ability: Tensor) -> Tensor:
        """Probabilities of right answers, ``(…, items)``, for abilities ``(…)``."""
        return (self.discrimination * (ability[..., None] - self.difficulty)).sigmoid()

    def information(self, ability: Tensor) -> Tensor:
        """What an answer to each question tells of an ability near this one, ``(…, items)``: a² P (1 − P)."""
        chance = self.chances(ability)
        return self.discrimination**2 * chance * (1 - chance)

    def part(self, items: Tensor | list[int]) -> Items:
        """Some of the questions."""
        return Items(self.discrimination[items], self.difficulty[items], self.errors[items])

    def abilities(self, answers: Tensor, seen: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each person's ability, given the answers.

        Args:
            answers: ``(people, items)``, 1 or 0.
            seen: ``(people, items)``, false where an answer is not known; None: all are.

        Returns:
            two tensors ``(people,)``.
        """
        posterior = _posterior(self.discrimination, self.difficulty, answers, seen)[0]
        mean = posterior @ POINTS
        return mean, (posterior @ POINTS**2 - mean**2).clamp(min=0).sqrt()


def _posterior(a: Tensor, b: Tensor, answers: Tensor, seen: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Distribution over ``POINTS`` for each person, ``(people, points)``, and the log-likelihood of each."""
    logits = a * (POINTS[:, None] - b)  # (points, items)
    signs = (2 * answers - 1).double()  # (people, items)
    told = torch.nn.functional.logsigmoid(signs[:, None, :] * logits)  # (people, points, items)
    if seen is not None:
        told = told * seen[:, None, :]
    joint = told.sum(dim=-1) + WEIGHTS.log()
    total = joint.logsumexp(dim=1, keepdim=True)
    return (joint - total).exp(), total.squeeze(1)


def item_response(answers: Tensor, *, discriminating: bool = True) -> Items:
    """Fit discriminations and difficulties to answers.

    Args:
        answers: ``(people, items)``, 1 or 0, each item with both.
        discriminating: fit a discrimination for each question; otherwise it is one, as in Rasch's model.

    Raises:
        ValueError: if all people gave a question the same answer.
    """
    answers = answers.long()
    patterns, people = answers.unique(dim=0, return_counts=True)  # equal people count together
    rate = answers.double().mean(dim=0)
    if not ((rate > 0) & (rate < 1)).all():
        raise ValueError("Everybody gave a question the same answer: leave it out.")
    start = torch.zeros(2 if discriminating else 1, len(rate), dtype=torch.float64)
    start[0] = -rate.logit()  # the difficulty; then the logarithm of the discrimination

    def loss(values: Tensor) -> Tensor:
        a = values[1].exp() if discriminating else torch.ones_like(values[0])
        return -(people * _posterior(a, values[0], patterns)[1]).sum()

    values = start.clone().requires_grad_()
    search = torch.optim.LBFGS(
        [values], max_iter=500, tolerance_grad=1e-7, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        search.zero_grad()
        value = loss(values)
        value.backward()
        return value

    search.step(closure)
    found = values.detach()
    curvature = torch.autograd.functional.hessian(loss, found).reshape(found.numel(), -1)
    errors = curvature.inverse().diagonal().sqrt().reshape(found.shape)
    if not discriminating:
        ones = torch.ones_like(found[0])
        return Items(ones, found[0], torch.stack([0 * ones, errors[0]], dim=1))
    a = found[1].exp()
    return Items(a, found[0], torch.stack([a * errors[1], errors[0]], dim=1))


def asked_in_turn(
    items: Items, answers: Tensor, order: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Give each person one question after another, and estimate the ability after each.

    Args:
        items: fitted to other people.
        answers: ``(people, items)``, what each would answer, 1 or 0.
        order: ``(items,)``, the same for all; None: each time the question that tells most at the present estimate.

    Returns:
        the questions asked, ``(people, items)``; mean and standard deviation of the ability after each of them, each
        ``(people, items)``.
    """
    n_people, n_items = answers.shape
    seen = torch.zeros(n_people, n_items, dtype=torch.bool)
    mean, asked, means, spreads = torch.zeros(n_people, dtype=torch.float64), [], [], []
    rows = torch.arange(n_people)
    for step in range(n_items):
        if order is None:
            told = items.information(mean).masked_fill(seen, -1)
            question = told.argmax(dim=1)
        else:
            question = order[step].expand(n_people)
        seen[rows, question] = True
        mean, spread = items.abilities(answers, seen)
        asked.append(question)
        means.append(mean)
        spreads.append(spread)
    return torch.stack(asked, dim=1), torch.stack(means, dim=1), torch.stack(spreads, dim=1)
