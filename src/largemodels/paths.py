"""Paths of the library and its data."""

from __future__ import annotations

from pathlib import Path

# Where the book is published, https://github.com/OWNER/REPOSITORY; python -m tools.publish fills it in.
REPOSITORY = ""


def library_root() -> Path:
    """Folder of the installed library."""
    return Path(__file__).resolve().parent


def data_root() -> Path:
    """Folder with data cards, registry, package pins and studies.

    In a checkout this is ``data/`` beside ``src/``; in an installed wheel it is inside the library.
    """
    return library_root().parents[1] / "data" if checkout() else library_root() / "_data"


def checkout() -> bool:
    """Whether the library is used from a checkout of the book."""
    return (library_root().parents[1] / "data" / "registry.toml").exists()
