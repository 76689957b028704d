"""The book's Sphinx extension; `_config.yml` loads it, so that the pages are the same whoever calls Sphinx.

It copies MathJax from a package, labels folded cells with their contents, and removes pages left over from earlier
builds.
"""

from __future__ import annotations

import html
import importlib.metadata
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

from largemodels.files import aside
from tools import edition, gallery, sphinx_cells, sphinx_claims

MATHJAX_PACKAGE = "sphinx-mathjax-offline"
MATHJAX_FILES = ("tex-mml-chtml.js", "output/chtml/fonts/woff-v2/")

FOLDED = {"tag_solution": "the solution"}

REDIRECT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={target}">
<link rel="canonical" href="{target}">
</head>
<body><main><h1>{title}</h1><p><a href="{target}">Open the book</a></p></main></body>
</html>
"""


def name_beside_logo(app: Sphinx, config: Config) -> None:
    """Write the book's title beside its logo, at the top of the side bar."""
    config.html_theme_options.setdefault("logo", {"text": config.html_title})


def copy_mathjax(app: Sphinx) -> None:
    """Copy the script and the fonts that the pages use: 1.6 of the package's 24 MB."""
    for file in importlib.metadata.files(MATHJAX_PACKAGE) or []:
        name = file.as_posix().partition("/static/mathjax/")[2]
        target = Path(app.outdir, "_static", "mathjax", name)
        if name.startswith(MATHJAX_FILES) and not target.exists():
            with aside(target) as place:  # half a file would count as there ever after
                shutil.copyfile(str(file.locate()), place)


def write_redirect(app: Sphinx) -> None:
    """Redirect the site's root address to the first page."""
    target = html.escape(f"{app.config.root_doc}.html")
    title = html.escape(app.config.html_title)
    Path(app.outdir).mkdir(parents=True, exist_ok=True)
    Path(app.outdir, "index.html").write_text(REDIRECT.format(title=title, target=target), encoding="utf-8")


def name_folded_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Label a folded cell with its contents."""
    for cell in doctree.findall(nodes.container):
        for css_class, what in FOLDED.items():
            if cell.get("hide_mode") and css_class in cell["classes"]:
                cell["prompt_show"], cell["prompt_hide"] = f"Show {what}", f"Hide {what}"


def rewrite_for_navigation(app: Sphinx, env: BuildEnvironment) -> set[str]:
    """Have every page written again if a title or the order of the pages changed.

    Sphinx writes only the pages whose own source changed, but every page shows all titles.
    """
    children = {page: list(pages) for page, pages in env.toctree_includes.items()}
    titles = {page: title.astext() for page, title in env.titles.items()}
    changed = getattr(env, "book_navigation", None) != (children, titles)
    env.book_navigation = (children, titles)  # type: ignore[attr-defined]
    return set(env.found_docs) if changed else set()


def remove_left_over(app: Sphinx, error: Exception | None) -> None:
    """Remove the pages of chapters that the book no longer has."""
    if error or app.env is None:
        return
    out = Path(app.outdir)
    keep = {out / f"{page}.html" for page in app.env.found_docs}
    for path in set(out.rglob("*/*.html")) - keep:
        if not path.relative_to(out).parts[0].startswith("_"):
            path.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the steps to Sphinx's events."""
    for name in ("fonts", "figures", "search"):
        app.setup_extension(f"tools.sphinx_{name}")
    app.connect("config-inited", name_beside_logo)
    app.connect("builder-inited", copy_mathjax)
    app.connect("builder-inited", write_redirect)
    app.connect("doctree-read", name_folded_cells)
    for part in (edition, gallery, sphinx_cells, sphinx_claims):
        part.setup(app)
    app.connect("env-updated", rewrite_for_navigation)
    app.connect("build-finished", remove_left_over)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
