"""The lists of parts and chapters: made from `_toc.yml`, the pages of the parts and the chapters' own headers.

    python -m tools.contents

writes the table in README.md, between `<!-- parts -->` and `<!-- /parts -->`, its pictures, between `<!-- pictures -->`
and `<!-- /pictures -->`, and the link to the website, between `<!-- website -->` and `<!-- /website -->`; `make format`
does this too. The lists on the pages of the book are written
to `book/generated/parts/` when the book is rendered, and included from there.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from nbformat import NotebookNode

from largemodels.files import aside
from tools import api_pages, cite, face, fields, gallery, notebooks
from tools import pages as generated
from tools.course import listing
from tools.markdown import unlinked
from tools.notebooks import ROOT

PROMISE = "After this chapter you can "


@dataclass(frozen=True)
class Part:
    """A part of the book, as the table of contents has it."""

    caption: str  # "1 History"
    page: str  # "01_history", under book/parts/
    question: str  # that its page answers, in one sentence
    chapters: tuple[str, ...]  # "01_history/rnn_and_lstm", …


def parts(root: Path = ROOT) -> list[Part]:
    """The parts in order.

    Raises:
        ValueError: if a part has no page, its page no question, or a chapter is listed that is not there.
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    found = []
    for entry in toc.get("parts", []):
        caption = str(entry["caption"])
        if not re.match(r"\d", caption):
            continue
        files = [str(chapter["file"]) for chapter in entry["chapters"]]
        pages = [file.removeprefix("book/parts/") for file in files if re.match(r"book/parts/\d\d_", file)]
        if len(pages) != 1:
            raise ValueError(f"_toc.yml: the part {caption} needs one page book/parts/NN_name")
        chapters = [file.removeprefix("notebooks/") for file in files if file.startswith("notebooks/")]
        for chapter in chapters:
            if not notebooks.path_of(chapter, root).exists():
                raise ValueError(f"_toc.yml: there is no notebooks/{chapter}.ipynb")
        found.append(Part(caption, pages[0], _question(root, pages[0]), tuple(chapters)))
    return found


def _question(root: Path, page: str) -> str:
    text = (root / "book" / "parts" / f"{page}.md").read_text(encoding="utf-8")
    match = re.search(r"\*\*([^*]+\?)\*\*", text)
    if not match:
        raise ValueError(f"book/parts/{page}.md: has no question in bold, **…?**")
    question = unlinked(" ".join(match[1].split()))
    return question[0].upper() + question[1:]


def promise(notebook: NotebookNode) -> str:
    """What a reader can do after a chapter, without the beginning of the sentence: "train a GPT …"."""
    blocks = re.split(r"\n\s*\n", notebook.cells[0].source.strip()) if notebook.cells else []
    sentence = " ".join(blocks[1].split()) if len(blocks) > 1 else ""
    return unlinked(sentence.removeprefix(PROMISE))


def chapter_list(part: Part, root: Path = ROOT) -> str:
    """The chapters of a part, for its page."""
    if not part.chapters:
        return "This part has no chapters yet.\n"
    lines = ["After its chapters you can:\n"]
    for chapter in part.chapters:
        notebook = notebooks.read(notebooks.path_of(chapter, root))
        lines.append(
            f"- [{unlinked(notebooks.title(notebook))}](/notebooks/{chapter}.ipynb): {promise(notebook)}"
        )
    return "\n".join(lines) + "\n"


def pages(root: Path = ROOT) -> dict[str, str]:
    """The texts that pages of the book include, by their name under `book/generated/`."""
    found = parts(root)
    lists = {f"parts/{part.page}": chapter_list(part, root) for part in found}
    chapters = face.chapters(root)
    files = {name: f"generated/{gallery.PICTURES}/{file}" for name, file in _picture_files(root).items()}
    by_part = [(part.caption, part.page, part.question, part.chapters) for part in found]
    first_page = {
        "parts/cover": face.cover(chapters, files),
        "parts/all": face.table_of_contents(chapters, files, by_part),
        "parts/order": face.order(chapters),
    }
    return (
        first_page
        | {
            "cite": cite.page(root),
            "parts/fields": fields.table(root),
            "parts/verdicts": fields.verdicts(root),
            "parts/assignments": listing.table(root),
        }
        | lists
    )


def _picture_files(root: Path) -> dict[str, str]:
    """The names of the chapters' pictures, as :func:`tools.pages.write` has written them."""
    files = (root / "book" / "generated" / gallery.PICTURES).glob("*.*")
    return {path.stem.replace("-", "/", 1): path.name for path in files}


def write(root: Path = ROOT) -> int:
    """Write what changed of the lists and of the library's pages; the number of texts written."""
    texts = pages(root) | api_pages.pages(root)
    return sum(
        generated.replace(root / "book" / "generated" / f"{name}.md", it) for name, it in texts.items()
    )


def readme_table(root: Path = ROOT) -> str:
    """All parts with their chapters, for README.md, which GitHub shows."""
    lines = ["| part | question | chapters |", "|---|---|---|"]
    for part in parts(root):
        links = []
        for chapter in part.chapters:
            title = notebooks.title(notebooks.read(notebooks.path_of(chapter, root)))
            links.append(f"[{generated.in_cell(unlinked(title))}](notebooks/{chapter}.ipynb)")
        lines.append(
            f"| {part.caption} | {generated.in_cell(part.question)} | {', '.join(links) or 'to come'} |"
        )
    return "\n".join(lines)


def readme(root: Path = ROOT) -> str:
    """The text that README.md should have.

    Raises:
        ValueError: if the marks around what is written there are missing.
    """
    text = (root / "README.md").read_text(encoding="utf-8")
    text = _between(text, "website", cite.website(root))
    text = _between(text, "pictures", f"\n{face.readme(root)}\n")
    return _between(text, "parts", f"\n{readme_table(root)}\n")


def _between(text: str, mark: str, new: str) -> str:
    before, begin, rest = text.partition(f"<!-- {mark} -->")
    _, end, after = rest.partition(f"<!-- /{mark} -->")
    if not (begin and end):
        raise ValueError(
            f"README.md: <!-- {mark} --> and <!-- /{mark} --> must stand around what is written there"
        )
    return f"{before}{begin}{new}{end}{after}"


def main(root: Path = ROOT) -> int:
    """Write README.md and its pictures if they changed."""
    try:
        face.write_pictures(root)
        text = readme(root)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    path = root / "README.md"
    if path.read_text(encoding="utf-8") != text:
        with aside(path) as place:
            place.write_text(text, encoding="utf-8")
        print("README.md: pictures, table of parts and link to the website written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
