"""Install whatever a chapter needs and is missing: the packages of its part, and its data.

    python -m largemodels.book.setup part5 shakespeare smollm2

A chapter's set-up cell and ``make`` call this. If nothing is missing it takes a moment and fetches nothing. In a
checkout, packages are installed in the versions pinned in ``requirements/``, elsewhere in any that the library allows;
an installed torch is never replaced.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

from ..data.registry import DataError, install
from ..paths import library_root

_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")


class SetupError(RuntimeError):
    """Something that a chapter needs is unknown or cannot be installed; the message says what to do."""


def checkout() -> Path | None:
    """The folder of the repository if the library is used from one, else None."""
    root = library_root().parents[1]
    return root if (root / "pyproject.toml").exists() and (root / "requirements").is_dir() else None


def extras() -> dict[str, list[Requirement]]:
    """What the chapters of each part need besides the library, by the name of the extra: "part1", "part2", …"""
    if root := checkout():
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        declared = project["optional-dependencies"]
        return {name: [Requirement(it) for it in declared[name]] for name in declared if _is_part(name)}
    metadata = importlib.metadata.metadata("largemodels")
    found: dict[str, list[Requirement]] = {
        name: [] for name in metadata.get_all("Provides-Extra") or [] if _is_part(name)
    }
    for line in metadata.get_all("Requires-Dist") or []:
        if (match := _EXTRA.search(line)) and match[1] in found:
            found[match[1]].append(Requirement(line.partition(";")[0]))
    return found


def _is_part(name: str) -> bool:
    return re.fullmatch(r"part\d+", name) is not None


def missing(extra: str) -> list[Requirement]:
    """The requirements of an extra that are not installed, or too old.

    Raises:
        SetupError: if there is no such extra.
    """
    known = extras()
    if extra not in known:
        raise SetupError(f"There is no extra {extra!r}. There are: {', '.join(known)}.")
    return [required for required in known[extra] if not _satisfied(required)]


def _satisfied(required: Requirement) -> bool:
    try:
        version = importlib.metadata.version(required.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return required.specifier.contains(version, prereleases=True)


def provide(names: Iterable[str], data: Iterable[str]) -> None:
    """Install whatever is missing from some extras and data sets.

    Args:
        names: of extras, such as "part5".
        data: names of data sets in the registry.

    Raises:
        SetupError: if an extra is unknown or pip fails.
        DataError: if a data set is unknown or cannot be fetched.
    """
    lacking = {name: found for name in sorted(set(names)) if (found := missing(name))}
    if lacking:
        packages = sorted({required.name for found in lacking.values() for required in found})
        print(f"Installing {', '.join(packages)}: {', '.join(lacking)} of the book needs them", flush=True)
        _pip([part for name, found in lacking.items() for part in _arguments(name, found)])
    install(data)


def _arguments(extra: str, found: list[Requirement]) -> list[str]:
    root = checkout()
    pins = root / "requirements" / f"{extra}.txt" if root else None
    return ["-r", str(pins)] if pins and pins.exists() else [str(required) for required in found]


def _pip(arguments: list[str]) -> None:
    torch = f"torch=={importlib.metadata.version('torch')}"  # named, so that pip leaves it alone or refuses
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", torch, *arguments]
    if done := subprocess.run(command).returncode:
        raise SetupError(
            f"pip could not install the packages (exit code {done}): see above. Without a network, install "
            "them beforehand: make test sets up all parts."
        )


def main() -> None:
    """Command line, see the module's docstring."""
    if len(sys.argv) < 2:
        sys.exit(
            f"Usage: python -m largemodels.book.setup EXTRA [DATA …]\nExtras: {', '.join(extras())}; "
            "data sets: largemodels data"
        )
    try:
        provide(sys.argv[1:2], sys.argv[2:])
    except (SetupError, DataError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
