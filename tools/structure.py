"""Check the order of a chapter's cells, which CONTRIBUTING.md describes under "Cells".

Title and question, set-up, parameters, settings, the first picture, where it comes from, the chapter, summary,
exercises, what the survey says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from tools import needs
from tools.cells import faults
from tools.markdown import images
from tools.normal_form import START, SURVEY
from tools.notebooks import tags, where
from tools.passages import Passage, passages
from tools.prose import COST
from tools.wording import counted

_EXERCISE = re.compile(r"Exercise (\d+) · (easy|medium|hard) · (\d+) min")
EXERCISES = range(3, 7)  # how many a chapter may have
TEMPLATE_EXERCISES = range(1, 7)

ORIGIN, SUMMARY, EXERCISE_HEADING = "Where it comes from", "Summary", "Exercises"
_CHAPTER_LINK = r"\[[^\]]+\]\((?:\.\./\w+/)?\w+\.ipynb\)"
BUILDS_ON = re.compile(rf"\*Builds on (?:nothing|{_CHAPTER_LINK}(?:(?:, | and ){_CHAPTER_LINK})*)\*")


def problems(path: Path, notebook: NotebookNode, template: bool = False) -> list[str]:
    """What is wrong with a notebook's cells and their order; the template may be unexecuted and shorter."""
    if len(notebook.cells) < 4:
        return [f"{where(path)}: begin with header, set-up, parameters and settings; copy the template"]
    found = [
        *_header(notebook),
        *_opening(notebook),
        *((_setup_place(notebook), text) for text in needs.problems(path, notebook)),
        *_sections(notebook),
        *_exercises(notebook, TEMPLATE_EXERCISES if template else EXERCISES),
        *faults(notebook, executed=not template),
        *_first_picture(notebook, executed=not template),
        *_survey(notebook),
    ]
    return [f"{where(path, index)}: {text}" for index, text in sorted(found)]


def _header(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    cell = notebook.cells[0]
    parts = re.split(r"\n\s*\n", cell.source.strip())
    if cell.cell_type != "markdown" or len(parts) < 3 or not re.fullmatch(r"# \S[^\n]*", parts[0]):
        yield 0, "must be Markdown: `# Title`, one sentence and the line of costs, with blank lines between"
        return
    if len(passages(parts[1])) != 1:
        yield 0, "say in one sentence what the reader can do afterwards"
    if not COST.fullmatch(parts[2]):
        yield 0, "the third paragraph must be the line of costs: `*N minutes · N GB · data · scale laptop*`"
    if len(parts) < 4 or not BUILDS_ON.fullmatch(" ".join(parts[3].split())):
        yield 0, "the fourth paragraph must be `*Builds on [title](notebook), …*` or `*Builds on nothing*`"
    before = [one.source for one in notebook.cells[1 : _setup_place(notebook)]]
    if "?" not in "\n".join([*parts[4:], *before]):
        yield 0, "ask the chapter's question after the line of what it builds on, before the set-up"


def _setup_place(notebook: NotebookNode) -> int:
    """Number of the first cell that is not Markdown: there the set-up belongs."""
    kinds = [cell.cell_type for cell in notebook.cells]
    return next((index for index, kind in enumerate(kinds) if kind != "markdown"), 1)


def _opening(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Set-up, parameters and settings, one after the other."""
    first = min(_setup_place(notebook), len(notebook.cells) - 3)
    setup, parameters, settings = notebook.cells[first : first + 3]
    if setup.cell_type != "code" or not {"setup", "hide-cell"} <= tags(setup):
        yield first, "must be the code cell tagged setup and hide-cell"
    if parameters.cell_type != "code" or "parameters" not in tags(parameters):
        yield first + 1, "must be the code cell tagged parameters"
    if 'SCALE = os.environ.get("LARGEMODELS_SCALE", "laptop")' not in parameters.source:
        yield first + 1, 'must have the line `SCALE = os.environ.get("LARGEMODELS_SCALE", "laptop")`'
    if not re.search(r"^SEED = \d+$", parameters.source, re.M):
        yield first + 1, "must have a line such as `SEED = 0`"
    if settings.cell_type != "code" or not START.search(settings.source):
        yield first + 2, "must be the code cell that calls `lm.start(SCALE, SEED, …)` and shows the scales"
    for index, cell in enumerate(notebook.cells):
        for tag, place in (("setup", first), ("parameters", first + 1), ("settings", first + 2)):
            if tag in tags(cell) and index != place:
                yield index, f"only cell {place} may have the tag {tag}"


def _first_picture(notebook: NotebookNode, executed: bool) -> Iterator[tuple[int, str]]:
    """Between the settings and the first section there is a drawing, or a study's row, that makes readers curious."""
    start = _setup_place(notebook) + 3
    sections = [index for index, one in _passages(notebook) if one.heading == 2]
    end = min((index for index in sections if index >= start), default=len(notebook.cells))
    if sections and sections[0] < start:
        yield (
            sections[0],
            "the first section begins too early; it comes after the settings and the first picture",
        )
    between = [
        cell for cell in notebook.cells[start:end] if "hide-cell" not in tags(cell)
    ]  # nobody sees a folded one
    shown = {
        kind for cell in between for output in cell.get("outputs", []) for kind in output.get("data", {})
    }
    drawn = any(kind.startswith("image/") or kind in ("text/html", "text/markdown") for kind in shown)
    in_text = any(images(cell.source) for cell in between if cell.cell_type == "markdown")
    coded = any(
        cell.cell_type == "code" and not (executed and cell.execution_count) for cell in between
    )  # it may draw when it is executed
    if not (drawn or in_text or coded):
        yield (
            min(start, len(notebook.cells) - 1),
            f"a picture, or a study's row as a table, must come before `## {ORIGIN}`",
        )


def _survey(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Source notes are in the last section, together only with cells that check their numbers."""
    headings = [index for index, one in _passages(notebook) if (one.heading, one.text) == (2, SURVEY)]
    start = headings[0] if headings else len(notebook.cells)
    for index, cell in enumerate(notebook.cells):
        noted = "source_note" in cell.metadata
        if noted and index < start:
            yield index, f"a source note belongs under `## {SURVEY}`, the last section"
        if index > start and not noted and "checks" not in tags(cell):
            yield index, f"only source notes, and checks of their numbers, belong under `## {SURVEY}`"
    if headings and not any("source_note" in cell.metadata for cell in notebook.cells[start:]):
        yield start, f"`## {SURVEY}` has no source note; leave the section out"


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
    names = [every[place][1].text for place in places]
    if names[:1] != [ORIGIN]:
        yield every[places[0]][0] if places else 0, f"the first section must be `## {ORIGIN}`"
    if names[-1:] == [SURVEY]:
        names, places = names[:-1], places[:-1]
    if names[-2:] != [SUMMARY, EXERCISE_HEADING]:
        last = f"the last two sections must be `## {SUMMARY}` and `## {EXERCISE_HEADING}`"
        yield len(notebook.cells) - 1, f"{last}; only `## {SURVEY}` may follow"
    elif places[-1] == places[-2] + 1:
        yield every[places[-2]][0], "the summary is empty"


def _exercises(notebook: NotebookNode, allowed: range) -> Iterator[tuple[int, str]]:
    headings = [(index, one.heading, one.text) for index, one in _passages(notebook) if one.heading]
    first = next((index for index, level, text in headings if (level, text) == (2, EXERCISE_HEADING)), None)
    solutions = [index for index, cell in enumerate(notebook.cells) if "solution" in tags(cell)]
    for index in solutions:
        if first is None or index < first:
            yield index, "the tag solution belongs after `## Exercises`"
    if first is None:
        return  # reported by the check of the sections
    survey = [index for index, level, text in headings if (level, text) == (2, SURVEY)]
    stop = min(survey, default=len(notebook.cells))
    starts = [(index, text) for index, level, text in headings if level == 3 and first <= index < stop]
    if len(starts) not in allowed:
        yield (
            first,
            f"{counted(len(starts), 'exercise')}; write {allowed[0]} to {allowed[-1]}, each under a heading "
            "`### Exercise N · easy|medium|hard · N min`",
        )
    ends = [*(index for index, _ in starts[1:]), stop]
    for number, ((index, text), end) in enumerate(zip(starts, ends, strict=False), start=1):
        match = _EXERCISE.fullmatch(text)
        if not match or int(match[1]) != number:
            yield index, f"“{text}” must read `### Exercise {number} · easy|medium|hard · N min`"
        between = range(index, end)
        if not any(it in between and notebook.cells[it].cell_type == "code" for it in solutions):
            yield index, f"exercise {number} has no solution; add a code cell with the tag solution"
