"""Counts of right and wrong answers, for a logistic regression: performance factors and later additions.

Pavlik, Cen and Koedinger, 2009, "Performance factors analysis" (https://eric.ed.gov/?id=ED506305), predicts an answer
from the numbers of right and wrong answers to the same skill. Gervet et al., 2020
(https://doi.org/10.5281/zenodo.4143614), add the problem, counts over all skills and logarithms, and found such a
regression ahead of deep networks on several sets. Averages that forget are of Galyardt and Goldin, 2015
(https://doi.org/10.5281/zenodo.3554672).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

NAMES = (
    "right in the skill",
    "wrong in the skill",
    "right in all",
    "wrong in all",
    "recent in the skill",
    "recent in all",
    "last in the skill",
    "same problem before",
    "answers since the skill",
)


def answer_counts(
    skills: NDArray[np.integer],
    problems: NDArray[np.integer],
    right: NDArray[np.integer],
    keep_skill: float = 0.7,
    keep_all: float = 0.9,
) -> NDArray[np.float64]:
    """What one student did before each question.

    Args:
        skills: ``(time,)``, the skill of each question, in order.
        problems: ``(time,)``, the problem; 0: an unknown one.
        right: ``(time,)``, 1 or 0.
        keep_skill: what an earlier answer to the skill counts, as a fraction of a later one, in the recent average.
        keep_all: the same for answers to all skills.

    Returns:
        ``(time, 9)``, see ``NAMES``: logarithms of one plus four counts; two averages that forget, centred at 0, one
        pseudo-answer of one half among them; the last answer to the skill as ±1, or 0; whether the problem was asked
        before; the logarithm of one plus the answers since the skill was asked last, or 0.
    """
    found = np.zeros((len(skills), len(NAMES)))
    of_skill: dict[int, list[float]] = {}  # right, wrong, decayed right, decayed all, last, when
    wins = losses = sum_right = sum_all = 0.0
    seen: set[int] = set()
    for t, (skill, problem, answer) in enumerate(
        zip(skills.tolist(), problems.tolist(), right.tolist(), strict=True)
    ):
        own = of_skill.setdefault(skill, [0.0, 0.0, 0.0, 0.0, 0.0, t - 1.0])
        found[t] = (
            np.log1p(own[0]),
            np.log1p(own[1]),
            np.log1p(wins),
            np.log1p(losses),
            (own[2] + 0.5) / (own[3] + 1) - 0.5,
            (sum_right + 0.5) / (sum_all + 1) - 0.5,
            own[4],
            problem != 0 and problem in seen,
            np.log1p(t - 1 - own[5]),
        )
        own[0] += answer
        own[1] += 1 - answer
        own[2], own[3] = keep_skill * own[2] + answer, keep_skill * own[3] + 1
        own[4], own[5] = 2.0 * answer - 1, t
        wins, losses = wins + answer, losses + 1 - answer
        sum_right, sum_all = keep_all * sum_right + answer, keep_all * sum_all + 1
        seen.add(problem)
    return found


def answer_design(
    skills: Tensor,
    problems: Tensor,
    right: Tensor,
    real: Tensor,
    n_skills: int,
    n_problems: int | None = None,
    columns: tuple[int, ...] | None = None,
    **keep: float,
) -> Any:
    """What a logistic regression sees of the answers of several students, as a sparse matrix of SciPy.

    Args:
        skills: ``(batch, time)``.
        problems: ``(batch, time)``.
        right: ``(batch, time)``, 1 or 0.
        real: ``(batch, time)``, false where there is padding; real answers come first.
        n_skills: skills have numbers below it.
        n_problems: problems have numbers below it; None: the regression is not told the problem.
        columns: which of the counts, see ``NAMES``; None: all.
        keep: see :func:`answer_counts`.

    Returns:
        one row a real answer, student by student: the counts; a column a skill that marks it; the same with the
        logarithms of right and of wrong answers to it, so that each skill has its slopes; and a column a problem.
    """
    from scipy import sparse  # needed here alone

    told = [
        answer_counts(*(it[row][real[row]].numpy() for it in (skills, problems, right)), **keep)  # type: ignore[arg-type]
        for row in range(len(skills))
    ]
    counts = np.concatenate(told)
    rows = np.arange(len(counts))

    def marked(values: Tensor, n: int, size: Any = 1.0) -> Any:
        return sparse.csr_matrix(
            (np.broadcast_to(size, rows.shape), (rows, values[real].numpy())), (len(rows), n)
        )

    parts = [sparse.csr_matrix(counts if columns is None else counts[:, columns])]
    parts += [marked(skills, n_skills, size) for size in (1.0, counts[:, 0], counts[:, 1])]
    if n_problems is not None:
        parts.append(marked(problems, n_problems))
    return sparse.hstack(parts).tocsr()
