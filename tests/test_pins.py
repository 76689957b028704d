"""pyproject.toml, requirements/ and environment.yml agree; so does what is installed."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def pins(name: str) -> dict[str, str]:
    """Exact versions of a requirements file by package."""
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    required = [Requirement(line.partition("#")[0]) for line in lines if "==" in line]
    return {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in required}


def ranges() -> list[Requirement]:
    """What the library asks for, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    required = [Requirement(line) for line in [*project["dependencies"], *extras]]
    return [r for r in required if r.name != "largemodels"]


def test_every_pin_satisfies_the_library() -> None:
    pinned = pins("notebooks.txt")
    for required in ranges():
        name = canonicalize_name(required.name)
        assert name in pinned, f"requirements/notebooks.txt lacks {name}"
        assert required.specifier.contains(pinned[name]), required


def test_the_library_asks_for_ranges() -> None:
    """An exact or upper-bounded torch would replace Colab's GPU build."""
    for required in ranges():
        assert {specifier.operator for specifier in required.specifier} == {">="}, required


def test_conda_has_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (conda,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    required = [Requirement(line) for line in conda]
    found = {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in required}
    assert found == pins("notebooks.txt") | pins("tools.txt")


def test_no_package_is_pinned_twice() -> None:
    files = [pins(name).keys() for name in ("notebooks.txt", "tools.txt", "constraints.txt")]
    assert len(set().union(*files)) == sum(map(len, files))


def test_what_is_installed_is_what_is_pinned() -> None:
    for name, version in (pins("notebooks.txt") | pins("tools.txt")).items():
        installed = importlib.metadata.version(name).partition("+")[0]
        assert installed == version, f"{name} {installed} is installed, {version} is pinned: run make book"
