"""The pages' own fonts: taken from packages, reduced to the characters the book uses, and copied beside the pages.

Fira Sans for text and JetBrains Mono for code, both under the SIL Open Font License without a reserved name, so
that they may be reduced and repackaged. What they lack (Chinese, emoji) comes from the reader's system, as `fonts.css`
says. Reducing them takes seconds: the results are kept in `_build/fonts` and made again when a package or
this list changes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import logging
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from largemodels.files import aside

ROOT = Path(__file__).resolve().parents[1]

# Package -> its faces, by their names in `fonts.css`.
FACES = {
    "fontpkg-fira-sans": {
        "FiraSans-Regular": "FiraSans-Regular.ttf",
        "FiraSans-Italic": "FiraSans-Italic.ttf",
        "FiraSans-Bold": "FiraSans-SemiBold.ttf",
        "FiraSans-BoldItalic": "FiraSans-SemiBoldItalic.ttf",
    },
    "fontpkg-jetbrains-mono": {
        "JetBrainsMono": "JetBrainsMono[wght].ttf",
        "JetBrainsMono-Italic": "JetBrainsMono-Italic[wght].ttf",
    },
}
# Latin with accents, Greek, punctuation, currencies, letter-like signs, arrows, mathematics, boxes, shapes, marks.
CHARACTERS = [
    *range(0x20, 0x400),
    *range(0x1E00, 0x2400),
    *range(0x2500, 0x2600),
    *range(0x2700, 0x27C0),
]
# Kerning and accents; no ligatures, which draw `!=` in code as one sign.
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "tnum", "sups", "subs"]


def cut(source: Path, target: Path) -> None:
    """Write the part of a font that the book uses, as WOFF2."""
    from fontTools import subset

    logging.getLogger("fontTools").setLevel(logging.ERROR)
    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    options.layout_features = FEATURES
    font = subset.load_font(str(source), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)
    with aside(target) as place:
        subset.save_font(font, str(place), options)


def faces(cache: Path = ROOT / "_build" / "fonts") -> list[Path]:
    """The files of all faces, made where they are not yet in the cache.

    Raises `ModuleNotFoundError` or `FileNotFoundError` if a package or one of its fonts is not there.
    """
    found = []
    for package, names in FACES.items():
        settings = f"{importlib.metadata.version(package)} {CHARACTERS} {FEATURES} {names}"
        folder = cache / f"{package}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"
        files = importlib.resources.files(package.replace("-", "_")) / "files"
        for name, file in names.items():
            target = folder / f"{name}.woff2"
            if not target.exists():
                with importlib.resources.as_file(files / file) as source:
                    cut(source, target)
            found.append(target)
    return found


def copy_fonts(app: Sphinx) -> None:
    """Put the fonts and their licences beside the pages."""
    try:
        made = faces()
    except (ImportError, OSError) as error:
        raise ExtensionError(
            f"The book's fonts are not installed ({error}). Run: pip install -r requirements/tools.txt"
        ) from None
    folder = Path(app.outdir, "_static", "fonts")
    folder.mkdir(parents=True, exist_ok=True)
    for path in made:
        target = folder / path.name
        if not target.exists() or target.read_bytes() != path.read_bytes():
            shutil.copyfile(path, target)
    for package in FACES:  # the licence must accompany the fonts
        text = (importlib.resources.files(package.replace("-", "_")) / "LICENSE").read_text(encoding="utf-8")
        (folder / f"{package.removeprefix('fontpkg-')}-OFL.txt").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the step to Sphinx's events."""
    app.connect("builder-inited", copy_fonts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
