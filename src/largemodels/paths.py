"""Where the library and what comes with it lie."""

from __future__ import annotations

from pathlib import Path


def library_root() -> Path:
    """Folder of the installed library."""
    return Path(__file__).resolve().parent


def data_root() -> Path:
    """Folder with data cards, registry, package pins and studies.

    In a checkout this is ``data/`` beside ``src/``; in an installed wheel it lies inside the library.
    """
    checkout = library_root().parents[1] / "data"
    return checkout if (checkout / "registry.toml").exists() else library_root() / "_data"
