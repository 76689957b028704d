"""How the next token is chosen from a model's logits.

Top-k: Fan et al., 2018 (https://arxiv.org/abs/1805.04833); top-p: Holtzman et al., 2020
(https://arxiv.org/abs/1904.09751); repetition penalty: Keskar et al., 2019 (https://arxiv.org/abs/1909.05858). The
order is that of ``transformers``: repetition penalty, temperature, top-k, top-p. All is computed in fp32 at least,
whatever the precision of the logits. Extreme values act as their limits: a tiny temperature as 0, a tiny top-p as the
most likely token alone, a huge temperature as infinity (all tokens equally likely).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..models.checks import at_least

LARGEST = (
    1e15  # temperature or penalty, and its inverse the smallest: beyond, the limit, as numbers would overflow
)


@dataclass(frozen=True)
class Sampling:
    """How a token is chosen. The defaults sample from the model's own distribution."""

    temperature: float = 1.0  # logits are divided by it; 0 takes the most likely token
    top_k: int | None = None  # only this many of the most likely tokens
    top_p: float | None = None  # only the smallest set of most likely tokens with this total probability
    repetition_penalty: float = 1.0  # above 1, tokens of the text so far become less likely

    def __post_init__(self) -> None:
        for name in ("temperature", "repetition_penalty"):
            if getattr(self, name) == math.inf:
                raise ValueError(f"{name} must be finite.")
        if not self.temperature >= 0:  # NaN is not
            raise ValueError(f"temperature must be 0 or positive, not {self.temperature}.")
        at_least(1, top_k=self.top_k)
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p}.")
        if not self.repetition_penalty > 0:
            raise ValueError(f"repetition_penalty must be positive, not {self.repetition_penalty}.")

    def choose(
        self,
        logits: Tensor,
        text: Tensor,
        mask: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Choose a token for each row.

        Args:
            logits: ``(batch, vocab_size)``.
            text: ``(batch, time)``, the tokens so far.
            mask: ``(batch, time)``, false where those are padding.
            generator: random generator, on the CPU; None: the global one.

        Returns:
            ``(batch, 1)``.
        """
        logits = penalised(logits, text, self.repetition_penalty, mask)
        if self.temperature == 0:
            return logits.argmax(dim=-1, keepdim=True)
        probs = self.probs(logits).cpu()  # sampled on the CPU, so that every device gives the same tokens
        return torch.multinomial(probs, 1, generator=generator).to(logits.device)

    def probs(self, logits: Tensor) -> Tensor:
        """The distribution to sample from, for a temperature above 0: ``(batch, vocab_size)`` to the same shape."""
        logits = _scaled(_wide(logits), self.temperature)
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            least = logits.topk(self.top_k).values[:, -1:]  # (batch, 1)
            logits = logits.masked_fill(logits < least, -torch.inf)
        probs = logits.softmax(dim=-1)
        if self.top_p is None or self.top_p == 1:
            return probs
        ordered, tokens = probs.sort(dim=-1, descending=True)
        likelier = ordered.cumsum(dim=-1) - ordered  # total probability of the more likely tokens
        beyond = likelier >= self.top_p  # the token that crosses the threshold stays
        beyond[:, 0] = (
            False  # not even the tiniest threshold, which is 0 in fp32, excludes the most likely token
        )
        kept = ordered.masked_fill(beyond, 0)
        return torch.zeros_like(probs).scatter(-1, tokens, kept / kept.sum(dim=-1, keepdim=True))


def penalised(scores: Tensor, text: Tensor, penalty: float, mask: Tensor | None = None) -> Tensor:
    """Make the tokens of a text less likely: their scores are divided by the penalty if positive, else multiplied.

    Args:
        scores: ``(batch, vocab_size)``, logits or log-probabilities.
        text: ``(batch, time)``.
        penalty: positive; 1 changes nothing.
        mask: ``(batch, time)``, false where the text is padding, which is ignored.

    Returns:
        ``(batch, vocab_size)``, in fp32 at least if the penalty changes anything.
    """
    if penalty == 1:
        return scores
    scores, penalty = _wide(scores), min(max(penalty, 1 / LARGEST), LARGEST)
    text = text.long()
    real = torch.ones_like(text) if mask is None else mask.long()
    seen = torch.zeros_like(scores, dtype=torch.long).scatter_add(1, text, real) > 0  # (batch, vocab_size)
    return torch.where(seen, torch.where(scores > 0, scores / penalty, scores * penalty), scores)


def _wide(scores: Tensor) -> Tensor:
    """Scores in fp32, or in fp64 if they are: sixteen bits would round different scores to the same."""
    return scores if scores.dtype == torch.float64 else scores.float()


def _scaled(logits: Tensor, temperature: float) -> Tensor:
    """Logits divided by the temperature; for a tiny one 0 for the most likely token and -inf for the others."""
    if temperature >= 1 / LARGEST:
        return logits / min(temperature, LARGEST)
    best = logits.amax(dim=-1, keepdim=True)  # (batch, 1)
    return torch.where(logits == best, logits - best, -torch.inf)  # NaN stays: sampling refuses it
