"""What people answered: students in a tutor, in order, and two tables of people by questions.

The answers in order are those of ASSISTments, 2009–2010 (Feng, Heffernan and Koedinger, 2009,
https://doi.org/10.1007/s11257-009-9063-7). Its file repeats an answer once for each skill of the question, and more
(Xiong et al., 2016, https://eric.ed.gov/?id=ED592679): here an answer is one
row, unless the repetition is asked for.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from .checks import DataError
from .r_files import read_rda
from .registry import files

SIZE = 83_201_940  # bytes of the table of ASSISTments
# What is read of it. It has texts that students wrote, and numbers of teachers and schools: these are left alone.
COLUMNS = ["order_id", "user_id", "student_class_id", "problem_id", "original", "correct", "skill_id"]


def student_answers(
    path: str | Path | None = None, *, repeated: bool = False, unchecked: bool = False
) -> pd.DataFrame:
    """Answers of students to questions of school mathematics, in the order in which they were given.

    Questions that a student got as a step of another one are left out, and so are those without a skill.

    Args:
        path: of the makers' own file, ``skill_builder_data.csv``, instead of the registered package.
        repeated: leave each answer as often as the file has it, once or more for each of its skills.
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        one row an answer, sorted by student and time, columns ``student``, ``group`` (a class), ``order`` (a number
        that grows with time), ``problem``, ``skill`` ("12", or "12+48" where a question has several) and ``right``
        (0 or 1, at the first try and without a hint).

    Raises:
        DataError: if the file is not that table.
    """
    if path is None:
        data: bytes = _stored(files("student-answers", unchecked=unchecked)[TABLE])
    else:
        data = Path(path).read_bytes()
    try:
        table = pd.read_csv(io.BytesIO(data), usecols=COLUMNS, encoding="latin-1")
    except ValueError as error:
        raise DataError(f"This is not the table of ASSISTments, 2009-2010 ({error}).") from None
    table = table[table.skill_id.notna() & (table.original == 1)]
    table = table.sort_values(["user_id", "order_id", "skill_id"], kind="stable")
    table["skill"] = table.skill_id.astype(int).astype(str)
    if not repeated:
        table = table.drop_duplicates(["order_id", "skill_id"])
        several = table[table.order_id.duplicated(keep=False)].groupby("order_id").skill.agg("+".join)
        table = table.drop_duplicates("order_id")
        table["skill"] = table.order_id.map(several).fillna(table.skill)
    names = {
        "user_id": "student",
        "student_class_id": "group",
        "order_id": "order",
        "problem_id": "problem",
        "correct": "right",
    }
    table = table.rename(columns=names)
    return table[["student", "group", "order", "problem", "skill", "right"]].reset_index(drop=True)


TABLE = "b1/593a2c61af55c628bef1e26b11f6186f0bb47e"  # an object of git


def _stored(path: Path) -> bytes:
    """What an object of git holds: its bytes are compressed, behind a line that says how many they are."""
    head = f"blob {SIZE}\0".encode()
    data = zlib.decompressobj().decompress(path.read_bytes(), len(head) + SIZE)
    if len(data) != len(head) + SIZE or not data.startswith(head):
        raise DataError(f"{path} is not the object of git that holds the table of ASSISTments.")
    return data[len(head) :]


@dataclass(frozen=True)
class Sequences:
    """Answers of students as tensors ``(students, time)``, from the first answer on, padded at the end."""

    skills: Tensor  # numbers of skills
    problems: Tensor  # numbers of problems; 0: one that training has too rarely
    right: Tensor  # 0 or 1
    real: Tensor  # false where there is padding

    def __len__(self) -> int:
        return len(self.skills)

    def part(self, students: Tensor | list[int] | slice) -> Sequences:
        """Those of some students, no longer than the longest of them."""
        real = self.real[students]
        longest = int(real.sum(dim=1).max())
        parts = (self.skills[students], self.problems[students], self.right[students], real)
        return Sequences(*(it[:, :longest] for it in parts))


def sequences(table: pd.DataFrame, known: pd.Series, length: int, often: int = 5) -> Sequences:
    """The answers of each student, at most the first ``length``.

    Args:
        table: from :func:`student_answers`.
        known: true where a row is of a student of the training part. Skills and problems get their numbers from these
            rows alone; a skill that they lack gets the number 0, and so does a problem with fewer than ``often``
            answers there.
        length: answers of a student that are kept, the earliest.
        often: see ``known``.
    """
    place = table.groupby("student").cumcount().to_numpy()
    kept = place < length
    row = pd.factorize(table.student)[0]
    skills = sorted(set(table.skill[known]))
    counted = table.problem[known & kept].value_counts()
    problems = sorted(counted.index[counted >= often])
    size = (row.max() + 1, min(length, place.max() + 1))
    filled = [torch.zeros(size, dtype=torch.long) for _ in range(3)] + [torch.zeros(size, dtype=torch.bool)]
    for tensor, values in zip(
        filled,
        (
            table.skill.map({it: number for number, it in enumerate(skills, start=1)}).fillna(0).astype(int),
            table.problem.map({it: number for number, it in enumerate(problems, start=1)})
            .fillna(0)
            .astype(int),
            table.right.astype(int),
            pd.Series(1, table.index),
        ),
        strict=True,
    ):
        tensor[row[kept], place[kept]] = torch.from_numpy(values.to_numpy()[kept].copy()).to(tensor.dtype)
    return Sequences(*filled)


def answer_batches(
    answers: Sequences, batch_size: int, seed: int = 0, start: int = 0
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Endless batches of students whose numbers of answers are alike: skills, problems, right, real.

    Args:
        answers: of all students.
        batch_size: students a batch.
        seed: of the order.
        start: number of the first batch.
    """
    order = answers.real.sum(dim=1).argsort(stable=True)
    chunks = [some.tolist() for some in order.split(batch_size)]
    while True:
        epoch, first = divmod(start, len(chunks))
        for chunk in np.random.default_rng([seed, epoch]).permutation(len(chunks))[first:]:
            part = answers.part(chunks[chunk])
            yield part.skills, part.problems, part.right, part.real
            start += 1


def exam_answers(*, unchecked: bool = False) -> pd.DataFrame:
    """Which of 13 questions of an examination in mathematics each of 729 students solved.

    Returns:
        one row a student, one column a question, 0 or 1, and the column ``group`` (1 or 2: when the student sat).
    """
    path = files("exam", unchecked=unchecked)["MathExam14W.rda"]
    table = read_rda(path)["MathExam14W"].named()
    return _people(path, table["solved"]).assign(group=table["group"].values)


def anger_answers(*, unchecked: bool = False) -> pd.DataFrame:
    """Whether each of 316 people would, or would want to, curse, scold or shout in four vexing situations.

    Returns:
        one row a person, one column a question ("S1WantCurse"), 1: yes or perhaps.
    """
    path = files("exam", unchecked=unchecked)["VerbalAggression.rda"]
    return _people(path, read_rda(path)["VerbalAggression"].named()["resp2"])


def _people(path: Path, found: object) -> pd.DataFrame:
    """A matrix of R, people × questions, column by column."""
    values, about = found.values, found.attributes  # type: ignore[attr-defined]
    table = np.asarray(values).astype(int).reshape(about["dim"].values, order="F")
    if not set(np.unique(table)) <= {0, 1}:
        raise DataError(f"{path} does not hold answers of two kinds.")
    return pd.DataFrame(table, columns=about["dimnames"].values[1].values)


def problem_ease(answers: Sequences, n_problems: int, prior: float = 5.0) -> Tensor:
    """How much more often a problem is answered right than its skill, as a difference of logarithmic odds.

    Args:
        answers: of the training part.
        n_problems: problems have numbers below it.
        prior: answers at the rate of the skill that are counted besides, so that rare problems stay near 0.

    Returns:
        ``(n_problems,)``; 0 for the number 0, which stands for the unknown.
    """
    skills, problems, right = (it[answers.real] for it in (answers.skills, answers.problems, answers.right))
    of_skill = torch.bincount(skills, weights=right.double() - right.double().mean())
    rate = right.double().mean() + of_skill / (torch.bincount(skills) + prior)
    expected = rate.clamp(0.01, 0.99)[skills]
    asked = torch.bincount(problems, minlength=n_problems) + prior
    solved = torch.bincount(problems, weights=right.double(), minlength=n_problems)
    usual = torch.bincount(problems, weights=expected, minlength=n_problems)
    middle = (usual + prior * 0.5) / asked
    ease = ((solved + prior * middle) / asked).logit() - middle.logit()
    ease[0] = 0
    return ease.float()
