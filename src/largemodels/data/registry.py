"""Find the files of a data set and check them before anything reads them.

A data set comes with an ordinary package. Its registry entry (``data/registry.toml``) names the package,
the files and the SHA-256 of each, for every version that somebody has checked.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..paths import data_root

INSTALL = "python -m largemodels.data install"
used: set[str] = set()  # what this process has read, each with its version: a chapter's record names it

PINS = "packages.txt"  # and "weights.txt", which is large and installed only when asked for


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
    install = f"{INSTALL} {name}"
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise DataError(f"The data package {package!r} is not installed. Run: {install}") from None
    folder = Path(str(distribution.locate_file(entry["folder"])))
    version = distribution.version
    if version not in versions and not unchecked:
        raise DataError(
            f"Nobody has checked version {version} of {package!r} (checked: {', '.join(versions)}). "
            f"Run: {install}, or pass unchecked=True to go on."
        )
    if version in versions:
        wanted = versions[version]
        for file, checksum in wanted.items():
            check(folder / file, checksum, f"the package {package!r}", f"Fetch it again: {install}")
    else:
        wanted = versions[max(versions)]
    used.add(f"{name} {version}")
    return {file: folder / file for file in wanted}


def check(path: Path, checksum: str, origin: str, again: str) -> None:
    """Compare a file with its SHA-256.

    Args:
        path: of the file.
        checksum: hexadecimal.
        origin: where it is from, for the message.
        again: what to do, for the message.

    Raises:
        DataError: if it is missing or differs.
    """
    if not path.exists():
        raise DataError(f"{path.name} is missing from {origin}. {again}")
    if (found := sha256(path)) != checksum:
        raise DataError(
            f"{path.name} of {origin} is damaged: SHA-256 {found[:12]}…, expected {checksum[:12]}…. {again}"
        )


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def install(names: Iterable[str]) -> None:
    """Fetch data sets that are missing or damaged: pinned, checked by hash, without dependencies.

    Args:
        names: of data sets in the registry; those that are there and sound are left alone.

    Raises:
        DataError: if a name is unknown or pip fails.
    """
    lines = [_pin(name) for name in dict.fromkeys(names) if not _sound(name)]
    if not lines:
        return
    print(f"Fetching the data packages {', '.join(line.split()[0] for line in lines)}", flush=True)
    options = ["-q", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--force-reinstall"]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "wanted.txt")
        wanted.write_text("\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")
        done = subprocess.run([sys.executable, "-m", "pip", "install", *options, "-r", str(wanted)])
    if done.returncode:
        raise DataError(f"pip could not install the packages (exit code {done.returncode}): see above.")


def _sound(name: str) -> bool:
    before = set(used)
    try:
        files(name)
    except DataError:
        if name not in registry():
            raise
        return False
    finally:
        used.intersection_update(before)  # to look is not to use
    return True


def _pin(name: str) -> str:
    """The line of a data package in the pins, with its hash."""
    entry = registry()[name]
    pins = (data_root() / entry.get("pins", PINS)).read_text(encoding="utf-8").splitlines()
    return next(line for line in pins if line.startswith(f"{entry['package']}=="))
