"""What an assignment asks and how an answer is judged.

An assignment's folder has a `grading.py` with its parts. A part has a *driver*: a function that calls what the student
has written and returns what it observed, by name. The same driver is run on the student's functions, on the right ones
of the master and on the wrong ones of the catalogue. A case gives its points if the student's observation equals that
of the right solution, or keeps a bound; where it does not, a wrong solution of the catalogue that makes the same
observations says the hint. So each misconception is written down once, as the program of someone who has it.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from tools.course import worker

GENERAL = (
    "No single mistake that we know gives exactly this; more than one thing may be wrong. Work through a small example "
    "by hand and compare each step."
)
UNWRITTEN = "This part is still to be written."
_MISSING = object()


@dataclass(frozen=True)
class Case:
    """One thing that a part is marked for.

    Args:
        name: what is right if the case holds; a student reads it.
        points: what it gives.
        key: the observation that is looked at.
        tolerance: how far numbers may be from those of the right solution, absolutely and relatively.
        at_most: instead of equality, an upper bound.
        at_least: instead of equality, a lower bound.
    """

    name: str
    points: float
    key: str
    tolerance: float = 1e-4
    at_most: float | None = None
    at_least: float | None = None

    def holds(self, found: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
        """Whether an observation is right."""
        value = found.get(self.key, _MISSING)
        if self.at_most is None and self.at_least is None:
            return same(value, right.get(self.key), self.tolerance)
        number = _number(value)
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return number is not None and low <= number <= high


@dataclass(frozen=True)
class Part:
    """A part of an assignment.

    Args:
        name: a short name, such as "weights".
        title: what the student reads above the marks.
        asks: names of the functions or values that the student writes.
        drive: calls them; gets a namespace with all names of the notebook and the data, and returns observations by
            name: numbers, texts, arrays and tensors, lists and dictionaries of them, or functions without arguments
            that give such; an error in one of these costs that observation alone. Its source is sent to the student's
            process, so it must hold no right answer and import what it uses.
        cases: what is marked.
        data: makes the arguments of `drive` beside the namespace, from the number of the variant.
        track: where an assignment leaves a choice, the track that the part belongs to; the better one counts.
        needs: earlier parts whose right solutions are put into the student's notebook for this part.
        seconds: how long `drive` may take.
        variants: in how many variants the data comes; 0 for one of each number. A part that trains has few, since the
            right solution and the catalogue run on each.
    """

    name: str
    title: str
    asks: Sequence[str]
    drive: Callable[..., dict[str, Any]]
    cases: Sequence[Case]
    data: Callable[[int], dict[str, Any]] = field(default=lambda variant: {})
    needs: Sequence[str] = ()
    track: str = ""
    seconds: float = 20.0
    variants: int = 0

    @property
    def points(self) -> float:
        """All points of the part."""
        return sum(case.points for case in self.cases)

    def number(self, variant: int) -> int:
        """Which data the students of a variant get."""
        return variant % self.variants if self.variants else variant

    def observe(self, names: Mapping[str, Any], variant: int = 0) -> tuple[dict[str, Any], str]:
        """What the driver sees of functions of this process, and the error that ended it, if any.

        For solutions of the book's own; a student's run in a sandbox (`tools.course.grade`).
        """
        try:
            found = worker.observe(self.drive, dict(names), self.data(self.number(variant)))
        except Exception as problem:
            return {}, worker.said(problem)
        return worker.decode(worker.encode(found)), ""

    def source(self) -> str:
        """The driver as a program of its own."""
        return textwrap.dedent(inspect.getsource(self.drive))


class Answer:
    """Someone's solution of a part: a subclass holds functions under the names that the part asks for.

    Attributes:
        part: the part's name.
    """

    part: str

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        """Instead of functions or beside them, values that depend on the number of the variant."""
        return {}

    @classmethod
    def names(cls, variant: int, given: Mapping[str, Any]) -> dict[str, Any]:
        """All names of a notebook after its cell was run; `given` are those of the master, its solutions among them."""
        found = dict(given)
        exec(compile(cls.cell(variant), cls.__name__, "exec"), found)
        return found

    @classmethod
    def cell(cls, variant: int) -> str:
        """Its program as a cell of a student's notebook, with the imports of its file."""
        imports, functions = sources(cls.__module__)
        lines = [f"{name} = {value!r}" for name, value in cls.values(variant).items()]
        return "\n\n".join([imports, *functions[cls.__name__], *lines])


@functools.cache
def sources(module: str) -> tuple[str, dict[str, list[str]]]:
    """The imports of a module, without those of the grader, and the functions and classes in each of its classes.

    Python 3.11 may fail where two threads make syntax trees at once, and NumPy makes one for the head of each array
    that it reads; so :func:`tools.course.masters.load` asks for this before threads begin.
    """
    body = ast.parse(inspect.getsource(sys.modules[module])).body
    imports = [
        ast.unparse(it)
        for it in body
        if isinstance(it, (ast.Import, ast.ImportFrom))
        and getattr(it, "module", None) not in ("__future__", "tools.course.judge")
    ]
    functions = {
        it.name: [
            ast.unparse(inner)
            for inner in it.body
            if isinstance(inner, (ast.FunctionDef, ast.ClassDef)) and inner.name not in vars(Answer)
        ]
        for it in body
        if isinstance(it, ast.ClassDef)
    }
    return "\n".join(imports), functions


class Wrong(Answer):
    """A misconception, as the program of someone who has it.

    Attributes:
        loses: the points that it costs.
        hint: what the student is told: what the program does, and where to look; not the solution. Empty for mistakes
            that no hint foresees, which the tests of the grader have beside the catalogue.
    """

    loses: float
    hint: str = ""


class Right(Answer):
    """A right solution that looks different from the master's."""


@dataclass(frozen=True)
class Verdict:
    """What a part got, and why."""

    part: str
    title: str
    points: float
    out_of: float
    lines: tuple[str, ...]  # one a case, as the student reads it
    hint: str = ""
    track: str = ""


def total(marks: Iterable[tuple[str, float]]) -> float:
    """All points of parts, given by track: those of no track, and of the others the best track's."""
    tracks: dict[str, float] = {}
    for track, points in marks:
        tracks[track] = tracks.get(track, 0) + points
    return tracks.pop("", 0) + max(tracks.values(), default=0)


def judge(
    part: Part,
    found: Mapping[str, Any],
    error: str,
    right: Mapping[str, Any],
    catalogue: Callable[[], Mapping[str, tuple[Mapping[str, Any], str]]],
) -> Verdict:
    """Marks for what was observed of a submission.

    Args:
        part: the part.
        found: observations of the submission.
        error: what ended the driver, empty if nothing did.
        right: observations of the right solution.
        catalogue: gives for each hint the observations of the wrong solution that it belongs to, and its error; it is
            asked for only where points are lost.
    """
    holds = [case.holds(found, right) for case in part.cases]
    points = sum(case.points for case, right_ in zip(part.cases, holds, strict=True) if right_)
    lines = tuple(
        f"{'✓' if right_ else '✗'} {case.name} ({case.points if right_ else 0:g} of {case.points:g})"
        for case, right_ in zip(part.cases, holds, strict=True)
    )
    hint = ""
    if points < part.points:
        faults = [it.text for it in found.values() if isinstance(it, worker.Fault)]
        fault = error or (faults[0] if faults else "")
        hint = f"It stopped with an error. {fault}" if fault else GENERAL
        missing = [f"NameError: {name} is not defined" for name in part.asks]
        if _kind(fault) == "NotImplementedError" or fault in missing:
            return Verdict(part.name, part.title, points, part.points, lines, UNWRITTEN, part.track)
        for text, (wrong, problem) in catalogue().items():
            alike = all(_alike(case, found, wrong, right) for case in part.cases)
            if alike and _kind(problem) == _kind(error):
                hint = text
                break
    return Verdict(part.name, part.title, points, part.points, lines, hint, part.track)


def _alike(case: Case, found: Mapping[str, Any], wrong: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two programs do the same in a case: make equal observations, or are on the same side of its bound."""
    one, two = found.get(case.key), wrong.get(case.key)
    if isinstance(one, worker.Fault) and isinstance(two, worker.Fault):
        return _kind(one.text) == _kind(two.text)
    if case.at_most is None and case.at_least is None:
        return same(one, two, case.tolerance)
    return case.holds(found, right) == case.holds(wrong, right)


def _kind(error: str) -> str:
    """The type of an error, as `worker.said` writes it."""
    return error.partition(":")[0]


def same(value: Any, other: Any, tolerance: float) -> bool:
    """Whether two observations agree: in shape, and in numbers within a tolerance, whatever their precision."""
    if isinstance(value, worker.Fault) or isinstance(other, worker.Fault):
        return False
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return value.keys() == other.keys() and all(
            same(value[name], other[name], tolerance) for name in value
        )
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(same, value, other, [tolerance] * len(value)))
    if isinstance(value, (bool, str)) or isinstance(other, (bool, str)) or value is None or other is None:
        return type(value) is type(other) and value == other
    one, two = _array(value), _array(other)
    if one is None or two is None or one.shape != two.shape:
        return False
    if one.dtype == bool or two.dtype == bool:
        return one.dtype == two.dtype and bool((one == two).all())
    return bool(np.allclose(one, two, rtol=tolerance, atol=tolerance, equal_nan=True))


def _array(value: Any) -> np.ndarray | None:
    if isinstance(value, torch.Tensor):
        value = value.double() if value.is_floating_point() else value
        return value.numpy()
    try:
        array = np.asarray(value)
    except ValueError:  # lists of several lengths
        return None
    return array if array.dtype.kind in "biufc" else None


def _number(value: Any) -> float | None:
    array = None if value is _MISSING or isinstance(value, (str, Mapping)) or value is None else _array(value)
    return (
        float(array.item()) if array is not None and array.size == 1 and array.dtype.kind in "biuf" else None
    )
