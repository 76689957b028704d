"""An edition of the book: chosen chapters, with all that belongs to them and nothing that leads to the others.

    make book CHAPTERS="01_history/perceptron_to_backpropagation 05_project/pretraining"

The sources of an edition are a copy in `_build/edition/source` with a shorter table of contents, from which the list of
chapters, the costs, the audit, the index and the search are made as for the whole book. Parts without a chosen chapter
are left out with their pages. A link to what is left out becomes plain text, or leads to the published book if
`_config.yml` has an address.
"""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

from tools import audit, notebooks, records, studies

SHARED = ("_config.yml", "book", "src")  # of every edition


class EditionError(ValueError):
    """The chapters asked for make no edition; the message is one line."""


def pages(toc: Any) -> Iterator[str]:
    """All pages that a table of contents names."""
    if isinstance(toc, dict):
        yield from (str(value) for key, value in toc.items() if key in ("file", "root"))
    for inner in toc.values() if isinstance(toc, dict) else toc if isinstance(toc, list) else ():
        yield from pages(inner)


def shortened(toc: dict[str, Any], chapters: Iterable[str]) -> dict[str, Any]:
    """A table of contents with these chapters alone, without the parts that then have none.

    Raises:
        EditionError: if it does not name one of the chapters, or none is asked for.
    """
    chosen = {f"notebooks/{chapter}" for chapter in chapters}
    there = [page for page in pages(toc) if page.startswith("notebooks/")]
    known = ", ".join(page.removeprefix("notebooks/") for page in there)
    if unknown := sorted(chosen.difference(there)):
        raise EditionError(
            f"_toc.yml has no chapter {unknown[0].removeprefix('notebooks/')}. Choose from: {known}."
        )
    parts = []
    for part in toc["parts"]:
        of_part = [page for page in pages(part) if page.startswith("notebooks/")]
        if chosen.intersection(of_part) or not (of_part or str(part["caption"])[:1].isdigit()):
            kept = [it for it in part["chapters"] if it["file"] not in of_part or it["file"] in chosen]
            parts.append(part | {"chapters": kept})
    return toc | {"parts": parts}


def write(chapters: list[str], folder: Path, root: Path = notebooks.ROOT) -> dict[str, str]:
    """Write the sources of an edition into a folder; the pages that it leaves out, with their titles.

    Raises:
        EditionError: if the table of contents does not name one of the chapters.
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    short = shortened(toc, chapters)
    shutil.rmtree(folder, ignore_errors=True)
    files = [root / audit.TABLE, *(notebooks.path_of(chapter, root) for chapter in chapters)]
    files += [records.path(chapter, root) for chapter in chapters]
    for study in studies.names(root):
        owners = [it for it in notebooks.chapters(root) if study.startswith(it)]
        if max(owners, key=len, default="") in chapters:
            files += [
                root / "notebooks" / f"{study}{studies.SUFFIX}",
                root / "data" / "studies" / f"{study}.json",
            ]
    for source in [*(root / name for name in SHARED), *files]:
        target = folder / source.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("generated", "__pycache__"))
        elif source.exists():
            shutil.copy2(source, target)  # with its time, by which Sphinx sees what changed
    (folder / "_toc.yml").write_text(yaml.safe_dump(short, sort_keys=False), encoding="utf-8")
    return {page: _title(root, page) for page in sorted({*pages(toc)} - {*pages(short)})}


def _title(root: Path, page: str) -> str:
    if page.startswith("notebooks/"):
        return notebooks.title(notebooks.read(root / f"{page}.ipynb"))
    first = (root / f"{page}.md").read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ").strip()


def release_links(app: Sphinx, doctree: nodes.document) -> None:
    """Make plain text, or links to the published book, of the links to pages that the edition leaves out."""
    for link in list(doctree.findall(pending_xref)):
        page = _target(app, link)
        if page not in app.config.left_out:
            continue
        said = (
            link[0].children
            if link.children and link[0].astext()
            else [nodes.Text(app.config.left_out[page])]
        )
        address = _address(app, page)
        new: list[nodes.Node] = [nodes.reference("", "", *said, refuri=address)] if address else [*said]
        link.parent.replace(link, new)


def _target(app: Sphinx, link: pending_xref) -> str:
    """The page to which a link leads, such as "notebooks/05_project/pretraining", without its suffix."""
    name = str(link.get("reftarget", "")).partition("#")[0]
    if link.get("refdomain") == "doc":
        return name  # Sphinx has found the file, which an edition may leave out all the same
    whole = posixpath.normpath(posixpath.join("/", posixpath.dirname(app.env.docname), name))
    return whole.lstrip("/").removesuffix(".ipynb").removesuffix(".md")


def _address(app: Sphinx, page: str) -> str:
    """The address of a page of the published book, or of its source; empty if `_config.yml` has neither."""
    if base := app.config.html_baseurl:
        return f"{base.rstrip('/')}/{page}.html"
    if repository := app.config.html_theme_options.get("repository_url"):
        branch = app.config.html_theme_options.get("repository_branch") or "main"
        suffix = "ipynb" if page.startswith("notebooks/") else "md"
        return f"{repository}/blob/{branch}/{page}.{suffix}"
    return ""


def setup(app: Sphinx) -> None:
    """Connect, before other steps look at the links."""
    app.add_config_value("left_out", {}, "env", [dict])
    app.connect("doctree-read", release_links, priority=300)
