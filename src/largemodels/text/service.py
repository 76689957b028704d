"""What to do with a customer's message: answer it, ask back, or hand it to a person, whichever costs least.

A search has ranked the sections of a FAQ. Somebody has estimated how probable it is that the first of them is the one
that the customer wants, and that it is among the first few. Each of the three outcomes then has an expected cost, and
the least is chosen: the rule of Chow, 1970 (https://doi.org/10.1109/TIT.1970.1054406), with a third outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

OUTCOMES = ("answer", "ask", "person")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """What the outcomes cost, in the time of a person who answers one message; a right answer costs nothing."""

    wrong: float = (
        3.0  # a wrong answer is shown: the customer is misled, and a person deals with it afterwards
    )
    ask: float = 0.25  # the customer has to choose among a few sections
    person: float = 1.0  # a person answers

    def __post_init__(self) -> None:
        if min(self.wrong, self.ask, self.person) < 0:
            raise ValueError("A cost cannot be negative.")

    def of(self, first: npt.ArrayLike, among: npt.ArrayLike) -> Floats:
        """The expected cost of each outcome, ``(…, 3)`` in the order of ``OUTCOMES``.

        If a customer who was asked wants none of the sections shown, a person answers.

        Args:
            first: probability that the first section is wanted, or whether it is, ``(…)``.
            among: the same for the few sections that are shown when asking.
        """
        first, among = np.asarray(first, dtype=float), np.asarray(among, dtype=float)
        asked = self.ask + self.person * (1 - among)
        return np.stack([self.wrong * (1 - first), asked, np.full_like(asked, self.person)], axis=-1)

    def choose(self, first: npt.ArrayLike, among: npt.ArrayLike) -> npt.NDArray[np.intp]:
        """The number in ``OUTCOMES`` of the cheapest outcome; of equal ones, the earlier."""
        return self.of(first, among).argmin(axis=-1)


def wanted(ranked: list[int], fits: set[int], vague: bool, k: int = 3) -> tuple[float, float]:
    """Whether the first of some ranked sections is what the customer wants, and whether one of the first ``k`` is.

    A clear message is answered by any section that fits. A vague one comes from a customer who wants one of the
    sections that fit, and nobody knows which: each is as likely, so the results are probabilities.

    Args:
        ranked: sections, the best first.
        fits: sections that fit; none if the FAQ does not answer the message.
        vague: whether the message is vague.
        k: sections that are shown when asking back.
    """
    hits = [section in fits for section in ranked[:k]]
    if vague:
        return hits[0] / len(fits), sum(hits) / len(fits)
    return float(hits[0]), float(any(hits))


def evidence(scores: Tensor, lengths: Sequence[int], k: int = 3) -> Tensor:
    """What a search's scores show of how sure one can be, ``(messages, 4)``.

    The first section's lead over the second, its lead over the one after the ``k``-th, its score, and the logarithm of
    the message's length.

    Args:
        scores: ``(messages, sections)``, of more than ``k`` sections.
        lengths: characters of the messages.
        k: sections that are shown when asking back.
    """
    top = scores.topk(k + 1, dim=1).values
    long = torch.tensor(lengths, dtype=top.dtype).clamp(min=1).log()
    return torch.stack([top[:, 0] - top[:, 1], top[:, 0] - top[:, k], top[:, 0], long], dim=1)


@dataclass(frozen=True)
class Odds:
    """A logistic regression: the probability is the logistic function of bias + weights · evidence."""

    bias: float
    weights: tuple[float, ...]

    def __call__(self, seen: Tensor) -> Tensor:
        """``(messages, n)`` to ``(messages,)``."""
        return torch.sigmoid(seen.double() @ torch.tensor(self.weights, dtype=torch.float64) + self.bias)


@dataclass(frozen=True)
class Reply:
    """What is done with a message."""

    outcome: str  # one of OUTCOMES
    sections: list[int]  # the first few, the best first; one of them is shown, or all, or none
    first: float  # probability that the first is wanted
    among: float  # probability that one of them is


@dataclass(frozen=True)
class Assistant:
    """Answers, asks back or hands over, in the languages that it has a search for.

    Args:
        searches: from a message to scores of all sections, ``(sections,)``, by language.
        odds: by language, for the first section and for one of the first few, on :func:`evidence`.
        costs: of the outcomes.
    """

    searches: Mapping[str, Callable[[str], Tensor]]
    odds: Mapping[str, tuple[Odds, Odds]]
    costs: Costs
    k: int = 3

    def reply(self, message: str, language: str) -> Reply:
        """What to do with a message.

        Raises:
            ValueError: if the message is empty or the language unknown.
        """
        if not message.strip():
            raise ValueError("The message is empty: write a few words.")
        if language not in self.searches:
            raise ValueError(f"language must be one of {', '.join(self.searches)}, not {language!r}.")
        scores = self.searches[language](message)[None]
        seen = evidence(scores, [len(message)], self.k)
        first, among = (float(odds(seen)[0]) for odds in self.odds[language])
        among = max(first, among)  # what is first is among the first few
        outcome = OUTCOMES[int(self.costs.choose(first, among))]
        return Reply(outcome, scores[0].topk(self.k).indices.tolist(), first, among)


def language_of(message: str) -> str:
    """The language, "zh" if there is a Chinese character, otherwise "en"."""
    return "zh" if any("\u4e00" <= it <= "\u9fff" for it in message) else "en"
