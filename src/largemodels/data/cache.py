"""Folders in the user's cache: filled by one process at a time, and there whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock

from ..files import sha256
from .checks import check

SUMS = "sha256.json"  # beside the files that made_once() made: file name to SHA-256


def cache_root() -> Path:
    """The library's folder in the user's cache, which may be deleted at any time: all in it can be had again."""
    return platformdirs.user_cache_path("largemodels")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one process at a time is in the block for this folder; the others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        yield


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of ``folder`` when the block ends, and is deleted if it fails.

    Only for the process that has the folder :func:`locked`.
    """
    aside = folder.with_name(f"{folder.name}.aside")
    shutil.rmtree(aside, ignore_errors=True)  # what a killed process has left
    aside.mkdir(parents=True)
    try:
        yield aside
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def made_once(folder: Path, make: Callable[[Path], object], what: str) -> Path:
    """A folder that is made by the first call, for good; each call checks its files against the sums taken then.

    Args:
        folder: in the cache.
        make: is called with an empty folder and writes files into it.
        what: they are, for messages: "the converted SmolLM2".

    Returns:
        ``folder``.

    Raises:
        DataError: if a file is missing or damaged.
    """
    with locked(folder):
        if not folder.exists():
            with filled(folder) as place:
                make(place)
                sums = {path.name: sha256(path) for path in sorted(place.iterdir())}
                (place / SUMS).write_text(json.dumps(sums, indent=2), encoding="utf-8")
    for name, checksum in json.loads((folder / SUMS).read_text(encoding="utf-8")).items():
        check(folder / name, checksum, what, f"Delete the folder {folder} and call again.")
    return folder
