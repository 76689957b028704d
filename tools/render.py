"""Render the book to `_build/html/index.html`; only what changed is built again.

    python -m tools.render                             the book
    python -m tools.render 05_project/pretraining …    an edition of these chapters: `_build/edition/html/index.html`

Any warning counts as an error and is shown in Sphinx's words. After a failure the next run reads all pages again, so
that no warning is lost because its page has already been read.
"""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
import time
from pathlib import Path

from tools import contents, edition, pages

ROOT = Path(__file__).resolve().parents[1]


def build(root: Path, out: Path, left_out: dict[str, str]) -> bool:
    """Build the book as `jupyter-book build -W -n --keep-going` does, but in this process, which saves seconds.

    Args:
        root: of the sources.
        out: folder of the pages.
        left_out: pages that an edition leaves out, with their titles.
    """
    from jupyter_book.sphinx import build_sphinx
    from sphinx.util.console import color_terminal, nocolor

    if not color_terminal():
        nocolor()
    begun, doctrees = out.with_name(".begun"), out.with_name(".doctrees")
    if (
        begun.exists()
    ):  # the last build was killed: what it has read may lack pages, and its index of words too
        shutil.rmtree(doctrees, ignore_errors=True)
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.touch()
    result = build_sphinx(
        root,
        out,
        path_config=root / "_config.yml",
        noconfig=True,
        confoverrides={
            "external_toc_path": str(root / "_toc.yml"),
            "latex_individualpages": False,
            "nitpicky": True,
            "left_out": left_out,
        },
        warningiserror=True,
        keep_going=True,
        quiet=True,
        force_all=_new_look(root, out),
    )
    if result != 0:
        shutil.rmtree(doctrees, ignore_errors=True)
    begun.unlink()
    return result == 0


def _new_look(root: Path, out: Path) -> bool:
    """Whether a style sheet, script or picture changed: Sphinx copies these only if a page has changed."""
    sources = root / "book" / "_static"
    names = [path.relative_to(sources).as_posix() for path in sources.rglob("*") if path.is_file()]
    _, changed, missing = filecmp.cmpfiles(sources, out / "_static", names, shallow=False)
    return bool(changed or missing)


def main(root: Path = ROOT, chapters: list[str] | None = None) -> int:
    """Write the generated pages and build the book; print how long each took and where the book is.

    Args:
        root: of the book.
        chapters: of an edition, such as "05_project/pretraining"; none: the whole book.
    """
    start = time.perf_counter()
    out, left_out = root / "_build" / "html", {}
    try:
        if chapters:
            out = root / "_build" / "edition" / "html"
            left_out = edition.write(chapters, out.with_name("source"), root)
            root = out.with_name("source")
        written = pages.write(root) + contents.write(root)
    except (OSError, ValueError, KeyError) as error:
        print(f"The generated pages could not be written: {error}", file=sys.stderr)
        return 1
    pages_done = time.perf_counter()
    print(f"Generated pages: {written} changed, {pages_done - start:.1f} s", flush=True)
    print("Rendering (a few seconds; longer the first time) …", flush=True)
    if not build(root, out, left_out):
        print("The book was not rendered: correct what the warnings above name.", file=sys.stderr)
        return 1
    print(f"Rendered in {time.perf_counter() - pages_done:.1f} s: {out / 'index.html'}")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.render", description="Render the book.")
    parser.add_argument("chapter", nargs="*", help="of an edition, such as 05_project/pretraining")
    sys.exit(main(chapters=parser.parse_args().chapter))
