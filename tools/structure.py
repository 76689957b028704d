"""Order of a chapter's cells: header, set-up, parameters, start, the chapter, summary, exercises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from tools import needs
from tools.cells import faults
from tools.notebooks import tags, where
from tools.passages import Passage, passages
from tools.prose import COST

_EXERCISE = re.compile(r"Exercise (\d+) · (easy|medium|hard) · (\d+) min")
EXERCISES = range(3, 7)  # how many a chapter may have
TEMPLATE_EXERCISES = range(1, 7)


def problems(path: Path, notebook: NotebookNode, template: bool = False) -> list[str]:
    """What is wrong with a notebook's cells and their order; the template may be unexecuted and shorter."""
    if len(notebook.cells) < 4:
        return [f"{where(path)}: begin with header, set-up, parameters and start; copy the template"]
    found = [
        *_header(notebook.cells[0]),
        *_opening(notebook),
        *((1, text) for text in needs.problems(path, notebook)),
        *_sections(notebook),
        *_exercises(notebook, TEMPLATE_EXERCISES if template else EXERCISES),
        *faults(notebook, executed=not template),
    ]
    return [f"{where(path, index)}: {text}" for index, text in sorted(found)]


def _header(cell: NotebookNode) -> Iterator[tuple[int, str]]:
    parts = re.split(r"\n\s*\n", cell.source.strip())
    if cell.cell_type != "markdown" or len(parts) != 3 or not re.fullmatch(r"# \S[^\n]*", parts[0]):
        yield 0, "must be Markdown: `# Title`, one sentence and the line of costs, with blank lines between"
        return
    if len(passages(parts[1])) != 1:
        yield 0, "say in one sentence what the reader can do afterwards"
    if not COST.fullmatch(parts[2]):
        yield 0, "end with the line of costs: `*N minutes · N GB · data · scale laptop*`"


def _opening(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Cells 1 to 3."""
    setup, parameters, start = notebook.cells[1:4]
    if setup.cell_type != "code" or not {"setup", "hide-cell"} <= tags(setup):
        yield 1, "must be the code cell tagged setup and hide-cell"
    if parameters.cell_type != "code" or "parameters" not in tags(parameters):
        yield 2, "must be the code cell tagged parameters"
    if 'SCALE = os.environ.get("LARGEMODELS_SCALE", "laptop")' not in parameters.source:
        yield 2, 'must have the line `SCALE = os.environ.get("LARGEMODELS_SCALE", "laptop")`'
    if not re.search(r"^SEED = \d+$", parameters.source, re.M):
        yield 2, "must have a line such as `SEED = 0`"
    if start.cell_type != "code" or not re.search(r"\blm\.start\(\s*SCALE,\s*SEED\b", start.source):
        yield 3, "must be the code cell that calls `lm.start(SCALE, SEED, …)` and shows the scales"
    for index, cell in enumerate(notebook.cells):
        for tag, place in (("setup", 1), ("parameters", 2)):
            if tag in tags(cell) and index != place:
                yield index, f"only cell {place} may have the tag {tag}"


def _passages(notebook: NotebookNode) -> list[tuple[int, Passage]]:
    """Every sentence and heading of the Markdown cells, with the number of its cell."""
    cells = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"]
    return [(index, one) for index, cell in cells for one in passages(cell.source)]


def _sections(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    every = _passages(notebook)
    for index, one in every:
        if one.heading == 1 and index:
            yield index, f"“{one.text}” is a second title; use ## for sections"
    places = [place for place, (_, one) in enumerate(every) if one.heading == 2]
    if [every[place][1].text for place in places[-2:]] != ["Summary", "Exercises"]:
        yield len(notebook.cells) - 1, "the last two sections must be `## Summary` and `## Exercises`"
    elif places[-1] == places[-2] + 1:
        yield every[places[-2]][0], "the summary is empty"


def _exercises(notebook: NotebookNode, allowed: range) -> Iterator[tuple[int, str]]:
    headings = [(index, one.heading, one.text) for index, one in _passages(notebook) if one.heading]
    first = next((index for index, level, text in headings if (level, text) == (2, "Exercises")), None)
    solutions = [index for index, cell in enumerate(notebook.cells) if "solution" in tags(cell)]
    for index in solutions:
        if first is None or index < first:
            yield index, "the tag solution belongs after `## Exercises`"
    if first is None:
        return  # reported with the sections
    starts = [(index, text) for index, level, text in headings if level == 3 and index >= first]
    if len(starts) not in allowed:
        yield first, f"{len(starts)} exercises; write {allowed[0]} to {allowed[-1]}"
    ends = [*(index for index, _ in starts[1:]), len(notebook.cells)]
    for number, ((index, text), end) in enumerate(zip(starts, ends, strict=False), start=1):
        match = _EXERCISE.fullmatch(text)
        if not match or int(match[1]) != number:
            yield index, f"“{text}” must read `### Exercise {number} · easy|medium|hard · N min`"
        between = range(index, end)
        if not any(it in between and notebook.cells[it].cell_type == "code" for it in solutions):
            yield index, f"exercise {number} has no solution; add a code cell with the tag solution"
