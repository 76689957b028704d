"""Run a submission in the sandbox and judge what its functions do."""

from __future__ import annotations

import functools
import re
import threading
import time
from typing import Any

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from tools.course import judge, masters, sandbox, worker
from tools.course.judge import Part, Verdict
from tools.course.masters import Assignment

RESTARTS = 3  # for a notebook whose cells end the process, one cell the fewer each time
START = 60.0  # seconds until Python and PyTorch have started
_MAGIC = re.compile(r"^\s*get_ipython\(\).*$", re.MULTILINE)


def programs(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """The code of a notebook by cell, without magic lines, set-up and cells that only run shell commands.

    Cells count from 0, Markdown and code together, as everywhere in the book.
    """
    transformed = TransformerManager()
    found = {}
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", []):
            source = _MAGIC.sub("pass", transformed.transform_cell(cell.source))
            if source.strip():
                found[str(number)] = source
    return found


def observe(assignment: Assignment, cells: dict[str, str], variant: int) -> tuple[dict[str, Any], list[str]]:
    """Run a notebook's cells and drive its parts: observations with an error, by part, and notes on the run."""
    run = _Run(assignment, dict(cells), variant)
    for _ in range(RESTARTS + len(assignment.parts)):
        if run.attempt():
            break
    return run.found, run.notes


class _Run:
    """The state of a notebook that may have to be started again."""

    def __init__(self, assignment: Assignment, cells: dict[str, str], variant: int) -> None:
        self.assignment, self.cells, self.variant = assignment, cells, variant
        self.found: dict[str, Any] = {}
        self.notes: list[str] = []
        self.ended = 0

    def attempt(self) -> bool:
        """Whether all parts have been driven, or it is no use to start again."""
        with sandbox.opened(int(2 * self.assignment.seconds) + 60) as box:
            return self._cells(box) and self._parts(box)

    def _cells(self, box: sandbox.Sandbox) -> bool:
        current, failed = "", {}
        try:
            box.receive(time.monotonic() + START)
            deadline = time.monotonic() + self.assignment.seconds
            box.send(cells=self.cells)
            while True:
                message = box.receive(deadline)
                if "begins" in message:
                    current = str(message["begins"])
                elif "failed" in message:
                    failed[str(message["failed"])] = str(message["error"])[:300]
                elif "ended" in message:
                    break
        except sandbox.Ended as end:
            self.notes.append(f"{self._cell(current)}: {end}. It was left out.")
            self.ended += 1
            self.cells.pop(current, None)
            if self.ended > RESTARTS or not current:
                self.notes.append("The notebook could not be run.")
                for part in self.assignment.parts:
                    self.found.setdefault(part.name, ({}, "the notebook could not be run"))
            return False
        for number, error in failed.items():
            note = f"{self._cell(number)} stopped with an error. {error}"
            if note not in self.notes:
                self.notes.append(note)
        return True

    def _cell(self, number: str) -> str:
        """A cell by its first line, since notebooks do not show numbers."""
        lines = [line.strip() for line in self.cells.get(number, "").splitlines() if line.strip()]
        return f"The cell that begins “{lines[0][:60]}”" if lines else "A cell"

    def _parts(self, box: sandbox.Sandbox) -> bool:
        answers = self.assignment.answers()
        for part in self.assignment.parts:
            if part.name in self.found:
                continue
            try:
                self.found[part.name] = _drive(
                    box, part, [answers[name] for name in part.needs], self.variant
                )
            except sandbox.Ended as end:
                self.found[part.name] = {}, str(end)
                return all(it.name in self.found for it in self.assignment.parts)
        return True


def _drive(box: sandbox.Sandbox, part: Part, given: list[str], variant: int) -> tuple[dict[str, Any], str]:
    box.send(
        part=part.name,
        given=given,
        driver="from __future__ import annotations\n" + part.source(),
        function=part.drive.__name__,
        asks=list(part.asks),
        data=worker.encode(part.data(part.number(variant))),
        seconds=part.seconds,
    )
    deadline = time.monotonic() + part.seconds + 20
    message: dict[str, Any] = {}
    while True:  # the child's answer, and then the worker's word that it is still there
        told = box.receive(deadline)
        if told.get("finished") == part.name:
            break
        if told.get("part") == part.name and not message:
            message = told
    try:
        found = worker.decode(message.get("found"))
    except (ValueError, KeyError, TypeError):
        raise sandbox.Ended("it sent what is no value") from None
    return (found if isinstance(found, dict) else {}), str(message.get("error", ""))[:300]


# Solutions of the book's own are driven in this process, one at a time, since they share its random state.
_turn = threading.RLock()


@functools.cache
def _right(name: str, part: str, variant: int) -> dict[str, Any]:
    """What the right solution of a part shows.

    Raises:
        ValueError: if it fails.
    """
    assignment = masters.load(name)
    shown, error = assignment.part(part).observe(assignment.names(variant), variant)
    if error:
        raise ValueError(f"{name}: the master's solution of {part} fails. {error}")
    return shown


@functools.cache
def _catalogue(name: str, part: str, variant: int) -> dict[str, tuple[dict[str, Any], str]]:
    """What the wrong solutions of a part show, by their hints."""
    assignment = masters.load(name)
    given = assignment.names(variant)
    return {
        wrong.hint: assignment.part(part).observe(wrong.names(variant, given), variant)
        for wrong in assignment.wrong
        if wrong.part == part and wrong.hint
    }


def judged(assignment: Assignment, part: Part, found: dict[str, Any], error: str, variant: int) -> Verdict:
    """The verdict on what was observed of a part."""
    number = part.number(variant)
    with _turn:
        right = _right(assignment.name, part.name, number)
        return judge.judge(part, found, error, right, lambda: _catalogue(assignment.name, part.name, number))


def grade(
    assignment: Assignment, notebook: nbformat.NotebookNode, variant: int
) -> tuple[list[Verdict], list[str]]:
    """The verdicts of all parts of a notebook, and notes on its run."""
    found, notes = observe(assignment, programs(notebook), variant)
    verdicts = []
    for part in assignment.parts:
        shown, error = found.get(part.name, ({}, "it was not run"))
        verdicts.append(judged(assignment, part, shown, error, variant))
    return verdicts, notes
