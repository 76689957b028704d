"""Deep knowledge tracing: an LSTM reads a student's answers and says whether the next one will be right.

Piech et al., 2015, "Deep knowledge tracing" (https://arxiv.org/abs/1506.05908). Each answer is a vector, one for each
pair of a skill and right or wrong; the state after it gives a logit for every skill, of which the one that is asked
next counts. What differs from the paper: dropout is on the states alone, and the model may be told the problem, too,
beside its skill. Then each problem has one number, its ease, which is added to the logit, as in item response theory;
it may also say how far the vectors of its skill move along a direction of that skill (Ghosh, Heffernan and Lan, 2020,
section 3.3, https://arxiv.org/abs/2007.12324).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from .checks import at_least, probability
from .lstm import LSTM, LSTMConfig
from .tracer import Tracer


@dataclass(frozen=True)
class DKTConfig:
    """Sizes of a DKT."""

    n_skills: int  # skills have numbers below it
    n_problems: int | None = None  # problems have numbers below it; None: the model is not told the problem
    d_model: int = 64  # width of the vectors of answers and of the states
    dropout: float = 0.0  # of the states, in training only
    ease_moves: bool = True  # whether a problem's ease moves vectors, too, or is added to the logit alone

    def __post_init__(self) -> None:
        at_least(1, n_skills=self.n_skills, n_problems=self.n_problems, d_model=self.d_model)
        probability(dropout=self.dropout)


class DKT(Tracer):
    """From the answers so far, and the question asked next, to the logit of a right answer."""

    def __init__(self, config: DKTConfig) -> None:
        super().__init__()
        self.config = config
        width = config.d_model
        self.answer_embedding = nn.Embedding(2 * config.n_skills, width)
        self.network = LSTM(LSTMConfig(width, width))
        self.dropout = nn.Dropout(config.dropout)
        self.skill_weight = nn.Embedding(config.n_skills, width)  # the rows of the paper's output layer
        self.skill_bias = nn.Embedding(config.n_skills, 1)
        tables, biases = [self.answer_embedding, self.skill_weight], [self.skill_bias]
        if config.n_problems is not None:
            self.ease = nn.Embedding(config.n_problems, 1)
            biases.append(self.ease)
            if config.ease_moves:
                self.answer_change = nn.Embedding(2 * config.n_skills, width)
                self.weight_change = nn.Embedding(config.n_skills, width)
                tables += [self.answer_change, self.weight_change]
        for table in tables:
            nn.init.normal_(table.weight, std=0.1)
        for table in biases:
            nn.init.zeros_(table.weight)

    def forward(self, skills: Tensor, right: Tensor, problems: Tensor | None = None) -> Tensor:
        """Logits of right answers: at ``t`` from the answers before ``t`` and the question at ``t``.

        Args:
            skills: ``(batch, time)``, the skill of each question.
            right: ``(batch, time)``, 1 where it was answered right, otherwise 0.
            problems: ``(batch, time)``, the problem, if the model is told.

        Returns:
            ``(batch, time)``.
        """
        answers = 2 * skills + right
        x, weight, bias = self.answer_embedding(answers), self.skill_weight(skills), self.skill_bias(skills)
        if self.config.n_problems is not None:
            ease = self.ease(problems)  # (batch, time, 1)
            if self.config.ease_moves:
                x = x + ease * self.answer_change(answers)
                weight = weight + ease * self.weight_change(skills)
            bias = bias + ease
        states = self.network(x)[0][:, :-1]
        before = self.dropout(F.pad(states, (0, 0, 1, 0)))  # the state before the first answer is 0
        return (before * weight).sum(dim=-1) + bias.squeeze(-1)
