"""The book's face: what its first page, its page of paths and README.md show of the chapters.

All of it is made from the chapters themselves: the question that each asks in its first cell, the picture that it draws
first, and its line "Builds on". `make format` writes the two pictures of README.md to `book/_static/cover/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from largemodels.files import aside
from tools import gallery, notebooks, pages
from tools.markdown import unlinked
from tools.prose import COST
from tools.structure import BUILDS_ON

COVER = ("01_history/rnn_and_lstm", "05_project/pretraining")  # the chapters that the cover shows
FOLDER = "book/_static/cover"  # of the pictures in README.md
WORDS_A_MINUTE = 90  # of a page with code, formulas and figures
_MINUTES = re.compile(r"^### Exercise \d+ · \w+ · (\d+) min", re.M)
_LINKED = re.compile(r"\]\((?:\.\./(\w+)/)?(\w+)\.ipynb\)")


@dataclass(frozen=True)
class Chapter:
    """What a chapter says about itself."""

    name: str  # "05_project/pretraining"
    title: str
    question: str  # the paragraph that asks it; empty where there is none
    builds_on: tuple[str, ...]  # names of chapters
    words: int  # of its text
    exercises: int  # minutes, all of them together
    runs: int  # minutes
    picture: gallery.Picture | None


def chapter(name: str, notebook: NotebookNode) -> Chapter:
    """Read a chapter's first cells."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    begin = next((i for i, cell in enumerate(notebook.cells) if cell.cell_type != "markdown"), 0)
    blocks = re.split(r"\n\s*\n", "\n\n".join(cell.source for cell in notebook.cells[:begin]).strip())
    line = next((one for one in blocks if BUILDS_ON.fullmatch(" ".join(one.split()))), "")
    asked = blocks[blocks.index(line) + 1 :] if line else []
    cost = COST.search("\n\n".join(blocks))
    folder = name.partition("/")[0]
    return Chapter(
        name=name,
        title=unlinked(notebooks.title(notebook)),
        question=unlinked(" ".join(next((one for one in asked if "?" in one), "").split())),
        builds_on=tuple(f"{part or folder}/{stem}" for part, stem in _LINKED.findall(line)),
        words=sum(len(re.findall(r"\w+", text)) for text in texts),
        exercises=sum(int(minutes) for minutes in _MINUTES.findall("\n".join(texts))),
        runs=int(cost["minutes"]) if cost else 0,
        picture=gallery.picture(notebook),
    )


def chapters(root: Path = notebooks.ROOT) -> dict[str, Chapter]:
    """All chapters of the table of contents, in its order."""
    names = pages.listed_chapters(root)
    return {name: chapter(name, notebooks.read(notebooks.path_of(name, root))) for name in names}


def shown(found: dict[str, Chapter]) -> list[Chapter]:
    """The chapters on the cover: those of `COVER`, in an edition without them its first with a picture."""
    named = [found[name] for name in COVER if name in found and found[name].picture]
    return named or [one for one in found.values() if one.picture][: len(COVER)]


def cover(found: dict[str, Chapter], files: dict[str, str]) -> str:
    """The pictures of the first page, with the questions to which they belong.

    Args:
        found: all chapters.
        files: of their pictures, as seen from the page that includes this.
    """
    cards = [_card(one, files, "chapter-card", one.question) for one in shown(found)]
    return gallery.grid(cards, "1 1 2 2") if cards else ""


def table_of_contents(
    found: dict[str, Chapter], files: dict[str, str], parts: list[tuple[str, str, str, tuple[str, ...]]]
) -> str:
    """Every chapter with its picture, part by part.

    Args:
        found: all chapters.
        files: of their pictures, as seen from the page that includes this.
        parts: title, page, question and chapters of each.
    """
    text, to_come = [], []
    for title, page, question, names in parts:
        link = f"[{title}](/book/parts/{page}.md)"
        if cards := [
            _card(found[name], files, "chapter-card chapter-tile") for name in names if name in found
        ]:
            text += [f"### {link}", question, gallery.grid(cards, "2 3 3 4")]
        else:
            to_come.append(f"| {link} | {pages.in_cell(question)} |")
    if to_come:
        text += ["### In preparation", "\n".join(["| part | question |", "|---|---|", *to_come])]
    return "\n\n".join(text) + "\n"


def order(found: dict[str, Chapter]) -> str:
    """What each chapter builds on, and how long it takes."""
    rows = []
    for one in found.values():
        before = [pages.link(found[name].title, name) for name in one.builds_on if name in found]
        rows.append(
            [
                pages.link(one.title, one.name),
                ", ".join(before) or "nothing",
                f"{5 * max(1, round(one.words / WORDS_A_MINUTE / 5))} min",
                f"{one.exercises} min",
                f"{one.runs} min",
            ]
        )
    return pages.table(["chapter", "builds on", "reading:", "exercises:", "running:"], rows) + "\n"


def _card(one: Chapter, files: dict[str, str], look: str, *lines: str) -> str:
    return gallery.card(one.name, one.title, one.picture, files.get(one.name, ""), list(lines), look)


def for_readme(root: Path = notebooks.ROOT) -> dict[str, bytes]:
    """The pictures that README.md shows, by their paths in the repository."""
    found = {}
    for one in shown(chapters(root)):
        assert one.picture is not None
        suffix, content = gallery.small(one.picture.png)
        found[f"{FOLDER}/{one.name.replace('/', '-')}.{suffix}"] = content
    return found


def readme(root: Path = notebooks.ROOT) -> str:
    """The pictures of README.md with their questions, as a table of one row."""
    on_cover = shown(chapters(root))
    if not on_cover:
        return ""
    links = [f"[{one.title}](notebooks/{one.name}.ipynb)" for one in on_cover]
    images = [
        f"![{pages.in_cell(one.picture.alt if one.picture else '')}]({path})"
        for one, path in zip(on_cover, for_readme(root), strict=True)
    ]
    questions = [pages.in_cell(f"{one.question} {link}") for one, link in zip(on_cover, links, strict=True)]
    return pages.table(images, [questions])


def write_pictures(root: Path = notebooks.ROOT) -> int:
    """Write the pictures of README.md that changed and delete others; how many changed."""
    wanted = for_readme(root)
    folder, changed = root / FOLDER, 0
    for name, content in wanted.items():
        if not (root / name).exists() or (root / name).read_bytes() != content:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            with aside(root / name) as place:
                place.write_bytes(content)
            changed += 1
    for path in set(folder.glob("*")) - {root / name for name in wanted}:
        path.unlink()
        changed += 1
    return changed
