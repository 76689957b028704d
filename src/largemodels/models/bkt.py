"""Bayesian knowledge tracing: a skill is learnt or it is not, and answers tell which, with guesses and slips.

Corbett and Anderson, 1995, "Knowledge tracing: modeling the acquisition of procedural knowledge"
(https://doi.org/10.1007/BF01099821). For each skill there are four probabilities: that a student has it at first, that
an answer teaches it, that one who lacks it guesses right, and that one who has it slips. What is learnt is never
forgotten. What differs from the paper: the four are fitted to the answers of all students by gradient ascent on their
likelihood instead of a search, from the same beginning for all skills, and they are the same for all students.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .base import Model


class BKT(Model):
    """Four probabilities for each skill.

    Args:
        n_skills: skills have numbers below it.

    Attributes:
        logits: ``(n_skills, 4)``, of the chance to have the skill at first, to learn it, to guess and to slip.
    """

    def __init__(self, n_skills: int) -> None:
        super().__init__()
        start = torch.tensor([0.4, 0.15, 0.25, 0.15]).logit()
        self.logits = nn.Parameter(start.repeat(n_skills, 1))

    def forward(self, skills: Tensor, right: Tensor) -> Tensor:
        """Probabilities of right answers: at ``t`` from the answers to the same skill before ``t``.

        Args:
            skills: ``(batch, time)``.
            right: ``(batch, time)``, 1 or 0.

        Returns:
            ``(batch, time)``.
        """
        learn, guess, slip = self.logits[:, 1:].sigmoid()[skills].unbind(dim=-1)  # (batch, time) each
        n_skills, rows = len(self.logits), torch.arange(len(skills), device=skills.device)
        known = self.logits[:, 0].sigmoid().expand(len(skills), n_skills)  # (batch, n_skills)
        found = []
        for t, skill in enumerate(skills.unbind(dim=1)):
            has = known[rows, skill]
            g, s, answered = guess[:, t], slip[:, t], right[:, t].bool()
            chance = has * (1 - s) + (1 - has) * g
            found.append(chance)
            after = torch.where(answered, has * (1 - s) / chance, has * s / (1 - chance))
            after = after + (1 - after) * learn[:, t]
            known = known.scatter(1, skill[:, None], after[:, None])
        return torch.stack(found, dim=1)

    def loss(self, skills: Tensor, problems: Tensor, right: Tensor, real: Tensor) -> Tensor:
        """Mean negative log-likelihood in nats an answer, of those that are ``real``, ``(batch, time)``."""
        chance = self(skills, right)[real].clamp(1e-6, 1 - 1e-6)
        return -torch.where(right[real].bool(), chance, 1 - chance).log().mean()
