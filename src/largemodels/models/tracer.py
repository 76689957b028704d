"""What the networks that trace a student's knowledge share: their loss, and chances instead of logits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import Model


class Tracer(Model):
    """From a student's skills, answers and problems to logits of right answers, each ``(batch, time)``."""

    def loss(self, skills: Tensor, problems: Tensor, right: Tensor, real: Tensor) -> Tensor:
        """Mean cross-entropy in nats an answer, of those that are ``real``, ``(batch, time)``."""
        logits = self(skills, right, problems)
        return F.binary_cross_entropy_with_logits(logits[real], right[real].to(logits.dtype))

    @torch.no_grad()
    def chances(self, skills: Tensor, right: Tensor, problems: Tensor | None = None) -> Tensor:
        """Probabilities of right answers, ``(batch, time)``; see :meth:`forward`."""
        return self(skills, right, problems).sigmoid()
