"""Render the book to `_build/html/index.html`; only what changed is built again.

    python -m tools.render

Any warning counts as an error and is shown in Sphinx's words. After a failure the next run reads all pages again, so
that no warning is lost because its page has already been read.
"""

from __future__ import annotations

import filecmp
import shutil
import sys
import time
from pathlib import Path

from tools import contents, pages

ROOT = Path(__file__).resolve().parents[1]


def build(root: Path) -> bool:
    """Build the book as `jupyter-book build -W -n --keep-going` does, but in this process, which saves seconds."""
    from jupyter_book.sphinx import build_sphinx
    from sphinx.util.console import color_terminal, nocolor

    if not color_terminal():
        nocolor()
    result = build_sphinx(
        root,
        root / "_build" / "html",
        path_config=root / "_config.yml",
        noconfig=True,
        confoverrides={
            "external_toc_path": str(root / "_toc.yml"),
            "latex_individualpages": False,
            "nitpicky": True,
        },
        warningiserror=True,
        keep_going=True,
        quiet=True,
        force_all=_new_look(root),
    )
    if result != 0:
        shutil.rmtree(root / "_build" / ".doctrees", ignore_errors=True)
    return result == 0


def _new_look(root: Path) -> bool:
    """Whether a style sheet, script or picture changed: Sphinx copies these only if a page has changed."""
    sources = root / "book" / "_static"
    names = [path.relative_to(sources).as_posix() for path in sources.rglob("*") if path.is_file()]
    _, changed, missing = filecmp.cmpfiles(
        sources, root / "_build" / "html" / "_static", names, shallow=False
    )
    return bool(changed or missing)


def main(root: Path = ROOT) -> int:
    """Write the generated pages and build the book; print how long each took and where the book is."""
    start = time.perf_counter()
    try:
        written = pages.write(root) + contents.write(root)
    except (OSError, ValueError, KeyError) as error:
        print(f"The generated pages could not be written: {error}", file=sys.stderr)
        return 1
    pages_done = time.perf_counter()
    print(f"Generated pages: {written} changed, {pages_done - start:.1f} s", flush=True)
    print("Rendering (a few seconds; longer the first time) …", flush=True)
    if not build(root):
        print("The book was not rendered: correct what the warnings above name.", file=sys.stderr)
        return 1
    print(f"Rendered in {time.perf_counter() - pages_done:.1f} s: {root / '_build' / 'html' / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
