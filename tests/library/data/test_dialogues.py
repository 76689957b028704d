from __future__ import annotations

import re

import pandas as pd
import pytest

from largemodels.data.dialogues import N_WORDS, dialogues, pairs, words
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    installed("dialogues")
    return dialogues()


def test_each_pair_once_in_three_parts(table: pd.DataFrame) -> None:
    assert len(table) == 1_079 and "coding" not in set(table.topic)
    assert table.part.value_counts().to_dict() == {"train": 787, "test": 201, "validation": 91}
    assert not table[["question", "answer"]].map(words).duplicated().any()
    assert (table[["question", "answer"]] == table[["question", "answer"]].map(str.strip)).all(axis=None)


def test_no_question_of_one_part_resembles_one_of_another(table: pd.DataFrame) -> None:
    def runs(questions: pd.Series) -> set[str]:
        split = [re.findall(r"\w+", question.lower()) for question in questions]
        return {
            " ".join(some[i : i + N_WORDS]) for some in split for i in range(max(1, len(some) - N_WORDS + 1))
        }

    found = {part: runs(some) for part, some in table.groupby("part").question}
    assert not found["test"] & (found["train"] | found["validation"])
    assert not found["validation"] & found["train"]


def test_turns_become_pairs() -> None:
    assert pairs(["How are you?", "Well.", "Good."], alternatives=False) == [
        ("How are you?", "Well."),
        ("Well.", "Good."),
    ]
    assert pairs(["How are you?", "Well.", "Bad."], alternatives=True) == [
        ("How are you?", "Well."),
        ("How are you?", "Bad."),
    ]


@pytest.mark.parametrize("conversation", ["two turns in one text", None, [], ["alone"]])
def test_what_is_no_conversation_is_left_out(conversation: object) -> None:
    assert pairs(conversation, alternatives=False) == []


def test_numbers_and_line_ends_become_text() -> None:
    assert pairs([1984, "one\n  two"], alternatives=False) == [("1984", "one two")]
