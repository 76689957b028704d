"""Assignments: solutions get full marks, blanks none, and each catalogued mistake its points and its hint."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tools.course import judge, masters, run, worker
from tools.course.judge import Answer, Part, Verdict
from tools.course.masters import Assignment

NAMES = masters.names()
VARIANTS = (7,)  # another one runs in the sandbox


def judged(assignment: Assignment, answer: type[Answer], variant: int) -> Verdict:
    """The verdict of an answer, in this process; what runs in the sandbox is in `test_course_grading.py`."""
    part = assignment.part(answer.part)
    found, error = part.observe(answer.names(variant, assignment.names(variant)), variant)
    return run.judged(assignment, part, found, error, variant)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_solutions_lose_their_points_and_get_their_hint(name: str, variant: int) -> None:
    assignment = masters.load(name)
    for wrong in assignment.wrong:
        verdict = judged(assignment, wrong, variant)
        assert verdict.out_of - verdict.points == wrong.loses > 0, (wrong.__name__, verdict)
        if wrong.hint:
            assert verdict.hint == wrong.hint, wrong.__name__
        else:
            assert verdict.hint == judge.GENERAL or "error" in verdict.hint, wrong.__name__


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", NAMES)
def test_right_solutions_that_look_different_get_full_marks(name: str, variant: int) -> None:
    assignment = masters.load(name)
    for right in assignment.right:
        verdict = judged(assignment, right, variant)
        assert verdict.points == verdict.out_of, (right.__name__, verdict)
        assert not verdict.hint


@pytest.mark.parametrize(
    ("value", "other", "alike"),
    [
        (torch.tensor([1.0, 2.0]), np.array([1.0, 2.0]), True),
        (torch.tensor([1.0]), torch.tensor([1.0], dtype=torch.float64), True),
        (torch.ones(2), torch.ones(2, 1), False),
        (torch.ones(2, dtype=torch.bool), torch.ones(2), False),
        (1.0, True, False),
        (None, 0, False),
        ("a", "a", True),
        (["a", "b"], ["a", "c"], False),
        ([torch.ones(2), torch.ones(3)], [torch.ones(2), torch.ones(3)], True),
        ([1.0, 2.0], [1.0], False),
        ({"x": 1.0}, {"x": 1.0, "y": 2.0}, False),
        (float("nan"), float("nan"), True),
        (1.0, 1.0 + 3e-4, False),
        (worker.Fault("ValueError: no"), worker.Fault("ValueError: no"), False),
    ],
)
def test_what_counts_as_the_same(value: object, other: object, alike: bool) -> None:
    assert judge.same(value, other, 1e-4) is alike
    assert judge.same(other, value, 1e-4) is alike


def test_a_hint_needs_the_same_kind_of_error() -> None:
    part = Part("p", "Part", ["f"], lambda student: {}, [judge.Case("right", 2, "x")])
    known = {"You divide by zero.": ({}, "ZeroDivisionError: division by zero")}
    right = {"x": 1.0}
    verdict = judge.judge(part, {}, "ZeroDivisionError: float division", right, lambda: known)
    assert verdict.hint == "You divide by zero."
    verdict = judge.judge(part, {}, "KeyError: 'a'", right, lambda: known)
    assert verdict.hint == "It stopped with an error. KeyError: 'a'"
    verdict = judge.judge(part, {"x": 2.0}, "", right, lambda: known)
    assert (verdict.points, verdict.out_of, verdict.hint) == (0, 2, judge.GENERAL)


def test_the_better_track_counts() -> None:
    assert judge.total([("", 3), ("graphs", 5), ("patches", 4), ("patches", 2)]) == 9
    assert judge.total([("", 3)]) == 3


@pytest.mark.parametrize("name", NAMES)
def test_each_part_has_its_catalogue(name: str) -> None:
    assignment = masters.load(name)
    for part in assignment.parts:
        hints = [it.hint for it in assignment.wrong if it.part == part.name and it.hint]
        rights = [it for it in assignment.right if it.part == part.name]
        assert len(hints) == len(set(hints)) >= 3, part.name
        assert len(rights) >= 3, part.name


def test_the_catalogue_is_large_enough(capsys: pytest.CaptureFixture[str]) -> None:
    everything = [(name, it) for name in NAMES for it in masters.load(name).wrong]
    assert sum(bool(it.hint) for _, it in everything) >= 40
    assert sum(not it.hint for _, it in everything) >= 10
    with capsys.disabled():
        print()
        for name, it in everything:
            print(f"{name} · {it.part} · {it.__name__}: −{it.loses:g} · {it.hint or judge.GENERAL}")
