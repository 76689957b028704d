"""Knowledge tracing by attention: the question that is asked looks at the student's answers so far.

Pandey and Karypis, 2019, "A self-attentive model for knowledge tracing" (https://arxiv.org/abs/1907.06837): one block
of attention, whose queries are the questions asked and whose keys and values are the answers before them. What differs
from the paper: the first question sees a learned vector instead of padding, there is a bias for each skill, and the
model may be told the problem beside its skill. Then each problem has one number, its ease, which is added to the
logit, as in item response theory; it may also say how far the vectors of its skill move along a direction of that skill
(Ghosh, Heffernan and Lan, 2020, section 3.3, https://arxiv.org/abs/2007.12324).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .attention import CrossAttention, visible
from .checks import at_least, probability
from .feed_forward import FeedForward
from .tracer import Tracer


@dataclass(frozen=True)
class SAKTConfig:
    """Sizes of a SAKT."""

    n_skills: int  # skills have numbers below it
    n_problems: int | None = None  # problems have numbers below it; None: the model is not told the problem
    context_length: int = 200  # questions of a student
    d_model: int = 64  # width of the vectors; a multiple of n_head
    n_head: int = 4  # attention heads
    dropout: float = 0.2  # probability, in training only
    ease_moves: bool = True  # whether a problem's ease moves vectors, too, or is added to the logit alone

    def __post_init__(self) -> None:
        at_least(1, n_skills=self.n_skills, n_problems=self.n_problems, context_length=self.context_length)
        at_least(1, d_model=self.d_model, n_head=self.n_head)
        probability(dropout=self.dropout)
        if self.d_model % self.n_head:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of n_head ({self.n_head}).")


class SAKT(Tracer):
    """From the answers so far, and the question asked next, to the logit of a right answer."""

    def __init__(self, config: SAKTConfig) -> None:
        super().__init__()
        self.config = config
        width = config.d_model
        self.answer_embedding = nn.Embedding(2 * config.n_skills, width)
        self.skill_embedding = nn.Embedding(config.n_skills, width)
        self.skill_bias = nn.Embedding(config.n_skills, 1)
        self.position_embedding = nn.Embedding(config.context_length, width)
        self.start = nn.Parameter(0.1 * torch.randn(width))
        tables, biases = (
            [self.answer_embedding, self.skill_embedding, self.position_embedding],
            [self.skill_bias],
        )
        if config.n_problems is not None:
            self.ease = nn.Embedding(config.n_problems, 1)
            biases.append(self.ease)
            if config.ease_moves:
                self.answer_change = nn.Embedding(2 * config.n_skills, width)
                self.skill_change = nn.Embedding(config.n_skills, width)
                tables += [self.answer_change, self.skill_change]
        for table in tables:
            nn.init.normal_(table.weight, std=0.1)
        for table in biases:
            nn.init.zeros_(table.weight)
        self.attention = CrossAttention(width, config.n_head, dropout=config.dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.mlp = FeedForward(width, width, activation="relu", dropout=config.dropout)
        self.mlp_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 1)

    def forward(self, skills: Tensor, right: Tensor, problems: Tensor | None = None) -> Tensor:
        """Logits of right answers: at ``t`` from the answers before ``t`` and the question at ``t``.

        Args:
            skills: ``(batch, time)``, the skill of each question; ``time`` at most ``context_length``.
            right: ``(batch, time)``, 1 where it was answered right, otherwise 0.
            problems: ``(batch, time)``, the problem, if the model is told.

        Returns:
            ``(batch, time)``.

        Raises:
            ValueError: if there are more questions than ``context_length``.
        """
        time, longest = skills.shape[1], self.config.context_length
        if time > longest:
            raise ValueError(
                f"{time} questions do not fit into a context of {longest}: leave out the earliest."
            )
        answers = 2 * skills + right
        told, asked, bias = (
            self.answer_embedding(answers),
            self.skill_embedding(skills),
            self.skill_bias(skills),
        )
        if self.config.n_problems is not None:
            ease = self.ease(problems)  # (batch, time, 1)
            if self.config.ease_moves:
                told = told + ease * self.answer_change(answers)
                asked = asked + ease * self.skill_change(skills)
            bias = bias + ease
        told = told[:, :-1] + self.position_embedding.weight[: time - 1]
        told = torch.cat([self.start.expand(len(told), 1, -1), told], dim=1)  # (batch, time, d_model)
        mask = visible(time, time, causal=True, device=skills.device)
        x = self.attention_norm(asked + self.attention(asked, told, mask))
        x = self.mlp_norm(x + self.mlp(x))
        return (self.head(x) + bias).squeeze(-1)
