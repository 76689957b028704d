from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from largemodels.data import answers
from largemodels.data.answers import (
    Sequences,
    anger_answers,
    exam_answers,
    problem_ease,
    sequences,
    student_answers,
)
from largemodels.data.checks import DataError
from tests.library.data.installed import installed

ROWS = """order_id,user_id,student_class_id,problem_id,original,correct,skill_id,answer_text
30,2,7,105,1,0,12,caf\xe9
30,2,7,105,1,0,48,x
30,2,7,105,1,0,12,x
10,2,7,101,1,1,12,x
20,2,7,102,0,1,12,x
25,2,7,103,1,1,,x
40,1,7,101,1,0,48,x
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "skill_builder_data.csv"
    place.write_text(ROWS, encoding="latin-1")
    return place


def test_one_row_an_answer_in_order(path: Path) -> None:
    table = student_answers(path)
    assert table.to_numpy().tolist() == [
        [1, 7, 40, 101, "48", 0],
        [2, 7, 10, 101, "12", 1],
        [2, 7, 30, 105, "12+48", 0],
    ]
    assert student_answers(path, repeated=True).skill.tolist() == ["48", "12", "12", "12", "48"]


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not the table of ASSISTments"):
        student_answers(tmp_path / "other.csv")


def test_the_object_of_git_is_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(answers, "SIZE", len(ROWS.encode("latin-1")))
    monkeypatch.setattr(answers, "files", lambda name, unchecked: {answers.TABLE: tmp_path / "it"})
    data = ROWS.encode("latin-1")
    (tmp_path / "it").write_bytes(zlib.compress(f"blob {len(data)}\0".encode() + data))
    assert len(student_answers()) == 3
    for wrong in (f"blob {len(data)}\0".encode() + data[:-1], b"tree 1\0" + data):
        (tmp_path / "it").write_bytes(zlib.compress(wrong))
        with pytest.raises(DataError, match="object of git"):
            student_answers()


def test_the_published_table() -> None:
    installed("student-answers")
    table = student_answers()
    assert len(table) == 259_399 and table.student.nunique() == 4_163
    assert not table.order.duplicated().any() and set(table.right) == {0, 1}
    assert (table.groupby("student").order.diff().dropna() > 0).all()


def made() -> pd.DataFrame:
    return pd.DataFrame({
        "student": [1, 1, 1, 2, 2, 3],
        "problem": [9, 9, 8, 9, 7, 9],
        "skill": ["a", "a", "b", "a", "c", "b"],
        "right": [1, 0, 1, 1, 0, 1],
    })  # fmt: skip


def test_numbers_come_from_the_training_part() -> None:
    table = made()
    found = sequences(table, table.student < 3, length=2, often=2)
    assert found.real.tolist() == [[True, True], [True, True], [True, False]]
    # Skills a, b and c of training are 1, 2 and 3; problem 9 is asked three times there, 8 and 7 too rarely.
    assert found.skills.tolist() == [[1, 1], [1, 3], [2, 0]]
    assert found.problems.tolist() == [[1, 1], [1, 0], [1, 0]]
    assert found.right.tolist() == [[1, 0], [1, 0], [1, 0]]
    unknown = sequences(table, table.student == 1, length=3)
    assert unknown.skills[1].tolist() == [1, 0, 0] and not unknown.problems.any()
    assert found.part([2]).skills.tolist() == [[2]]


def test_ease_compares_a_problem_with_its_skill() -> None:
    n = 400
    skills = torch.ones(n, 4, dtype=torch.long)
    problems = torch.tensor([0, 1, 2, 3]).repeat(n, 1)
    chance = torch.tensor([0.6, 0.8, 0.6, 0.4])
    right = (torch.arange(n)[:, None] < n * chance).long()
    told = Sequences(skills, problems, right, torch.ones(n, 4, dtype=torch.bool))
    ease = problem_ease(told, 5)
    wanted = np.log([4, 1.5, 2 / 3]) - np.log(1.5)
    np.testing.assert_allclose(ease[1:4], wanted, atol=0.05)
    assert ease[0] == 0 and abs(float(ease[4])) < 1e-6  # the unknown, and one that is never asked


def test_answers_of_an_examination_and_about_anger() -> None:
    installed("exam")
    exam, anger = exam_answers(), anger_answers()
    assert exam.shape == (729, 14) and list(exam.columns[:2]) == ["quad", "deriv"]
    assert set(exam.group) == {1, 2} and set(exam.iloc[:, :13].to_numpy().ravel()) == {0, 1}
    assert anger.shape == (316, 24) and anger.columns[1] == "S1DoCurse"
    # The first person of the file solved nine questions, the first three among them.
    assert exam.iloc[0, :3].tolist() == [1, 1, 1] and exam.iloc[0, :13].sum() == 9
