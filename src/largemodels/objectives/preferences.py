"""Preferences: from comparisons of two answers to a reward, and from comparisons to a model without a reward between.

Bradley and Terry (1952, https://doi.org/10.2307/2334029) give each thing a strength r and let one be preferred to
another with the probability σ(r₁ - r₂). Christiano et al. (2017, https://arxiv.org/abs/1706.03741) learn such strengths
by a network, a reward model. Rafailov et al. (2023, https://arxiv.org/abs/2305.18290) note that the model which
maximises reward - β KL(model ‖ reference) has the reward β log(model / reference) up to a constant of the question,
which the difference of two answers does not see: so the same loss trains the model itself (DPO).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def bradley_terry_loss(chosen: Tensor, rejected: Tensor) -> Tensor:
    """-log σ(r₊ - r₋), the mean over the pairs, in nats: log 2 for rewards that do not tell the two apart.

    Args:
        chosen: rewards of what was preferred, ``(pairs,)``.
        rejected: rewards of what it was compared with, same shape.

    Raises:
        ValueError: if the shapes differ.
    """
    _same_shape(chosen, rejected)
    return -F.logsigmoid(chosen - rejected).mean()


def dpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
) -> Tensor:
    """The loss of Bradley and Terry on β log(model / reference), the mean over the pairs, in nats.

    Args:
        chosen: log-probabilities of the preferred answers under the model that learns, ``(pairs,)``, summed over the
            tokens of an answer: see :func:`answer_log_probs`.
        rejected: those of the other answers.
        reference_chosen: the same under the model that training began with; it receives no gradient.
        reference_rejected: likewise.
        beta: price of a nat of KL divergence, in units of the reward.

    Raises:
        ValueError: if the shapes differ or beta is not positive.
    """
    if not beta > 0:
        raise ValueError(f"beta ({beta}) must be above 0.")
    _same_shape(chosen, rejected, reference_chosen, reference_rejected)
    return bradley_terry_loss(
        beta * (chosen - reference_chosen.detach()), beta * (rejected - reference_rejected.detach())
    )


def answer_log_probs(logits: Tensor, targets: Tensor) -> Tensor:
    """Log-probability of each answer, the sum over its tokens: ``(batch,)``, in nats.

    Args:
        logits: ``(batch, time, vocab_size)``.
        targets: ``(batch, time)``, the next token at each place; -100 where it belongs to no answer.

    Raises:
        ValueError: if a row has no token of an answer.
    """
    counted = targets != -100
    if not counted.any(dim=1).all():
        raise ValueError("A row has no token of an answer: all its targets are -100.")
    losses = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none", ignore_index=-100)
    return -losses.sum(dim=1)


def strengths(wins: Tensor, *, tolerance: float = 1e-12, most: int = 100_000) -> Tensor:
    """Maximum-likelihood strengths of Bradley and Terry from counts, by the iteration of Zermelo (1929).

    Each step sets exp(r) of a thing to its wins divided by the sum of n / (exp(r) + exp(r of the other)) over its
    comparisons, which never lowers the likelihood (Hunter, 2004, https://doi.org/10.1214/aos/1079120141).

    Args:
        wins: ``(things, things)``: how often the one of a row was preferred to the one of a column.
        tolerance: the iteration ends when no strength changes by more.
        most: steps at most.

    Returns:
        strengths, ``(things,)``, in fp64, with mean 0.

    Raises:
        ValueError: if the counts are not square, or negative; or if the likelihood has no maximum, since some things
            were never preferred to any of the others.
    """
    counts = wins.to(torch.float64).clone()
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any():
        raise ValueError("wins must be a square of counts.")
    counts.fill_diagonal_(0)
    if not _connected(counts):
        raise ValueError(
            "Some of the things were never preferred to any of the others: no strengths have the highest likelihood."
        )
    compared, won = counts + counts.T, counts.sum(dim=1)
    found = torch.zeros(len(counts), dtype=torch.float64)
    for _ in range(most):
        powers = found.exp()
        better = (won / (compared / (powers[:, None] + powers)).sum(dim=1)).log()
        better -= better.mean()
        change, found = (better - found).abs().max(), better
        if change <= tolerance:
            return found
    raise ValueError(f"No end after {most:,} steps: strengths still change by {change:.1e}.")


def best_of_n_kl(n: int) -> float:
    """Upper bound of KL(best of n answers ‖ one answer) in nats: log n - (n - 1) / n.

    It is approached where no two answers have the same reward and none has much of the probability, as in a continuous
    space, and lies above the divergence otherwise: for two answers of probability 1/2 the best of 2 is at 0.131 nats,
    not at 0.193 (Beirami et al., 2024, https://arxiv.org/abs/2401.01879).

    Raises:
        ValueError: if n is below 1.
    """
    if n < 1:
        raise ValueError(f"n ({n}) must be at least 1.")
    return math.log(n) - (n - 1) / n


def _connected(wins: Tensor) -> bool:
    """Whether from each thing a chain of wins leads to every other."""
    reached = (wins > 0) | torch.eye(len(wins), dtype=torch.bool, device=wins.device)
    for _ in range(len(wins).bit_length()):
        reached = reached.double() @ reached.double() > 0
    return bool(reached.all())


def _same_shape(*tensors: Tensor) -> None:
    if len({tensor.shape for tensor in tensors}) > 1:
        raise ValueError(f"The shapes differ: {', '.join(str(tuple(tensor.shape)) for tensor in tensors)}.")
