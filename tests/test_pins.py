"""pyproject.toml, requirements/ and environment.yml agree; so does what is installed."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import requirements

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PARTS = [name for name in PROJECT["optional-dependencies"] if re.fullmatch(r"part\d+", name)]


def of(name: str) -> dict[str, str]:
    """What a requirements file pins; nothing where there is no such file."""
    path = ROOT / "requirements" / f"{name}.txt"
    return requirements.of_file(path) if path.exists() else {}


def ranges(lines: list[str]) -> dict[str, Requirement]:
    """Requirements by name, without references to the library's own extras."""
    required = {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}
    return {name: it for name, it in required.items() if name != "largemodels"}


def every_range() -> list[Requirement]:
    """What the library and its extras ask for."""
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [it for lines in lists for it in ranges(lines).values()]


def test_every_pin_satisfies_the_library() -> None:
    pinned = requirements.pinned()
    for required in every_range():
        name = canonicalize_name(required.name)
        assert name in pinned, f"requirements/ lacks {name}"
        assert required.specifier.contains(pinned[name]), required


def test_the_library_needs_what_every_notebook_has() -> None:
    assert ranges(PROJECT["dependencies"]).keys() | {"ipykernel"} == of("notebooks").keys()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_pins_what_its_extra_asks_for(part: str) -> None:
    """A set-up cell checks the extra's ranges and installs the pins: one without the other goes wrong."""
    asked = ranges(PROJECT["optional-dependencies"][part]).keys()
    assert of(part).keys() == asked, f"requirements/{part}.txt and the extra {part} of pyproject.toml differ"


def test_there_is_an_extra_for_each_part_and_reference_is_all_of_them() -> None:
    folders = {f"part{int(path.name[:2])}" for path in ROOT.glob("notebooks/[0-9][0-9]_*")}
    pages = {f"part{int(path.name[:2])}" for path in ROOT.glob("book/parts/[0-9][0-9]_*.md")}
    assert folders <= pages == set(PARTS)
    assert PROJECT["optional-dependencies"]["reference"] == [f"largemodels[{part}]" for part in PARTS]


def test_parts_ask_for_the_same_range_of_a_package() -> None:
    asked: dict[str, str] = {}
    for required in every_range():
        assert asked.setdefault(required.name, str(required.specifier)) == str(required.specifier), required


def test_the_library_asks_for_ranges() -> None:
    """An exact or upper-bounded torch would replace Colab's GPU build."""
    for required in every_range():
        assert {specifier.operator for specifier in required.specifier} == {">="}, required


def test_conda_has_the_same_pins() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (conda,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    required = [Requirement(line) for line in conda]
    found = {canonicalize_name(r.name): str(r.specifier).removeprefix("==") for r in required}
    assert found == {
        name: version for path in named() for name, version in requirements.of_file(path).items()
    }


def named() -> list[Path]:
    """The requirements files with what somebody asked for, not with what comes along."""
    return [path for path in requirements.files() if path.name != "constraints.txt"]


def test_only_parts_and_tools_share_a_pin() -> None:
    once = [of(name).keys() for name in ("notebooks", "constraints")]
    once.append({name for part in (*PARTS, "tools") for name in of(part)})
    assert len(set().union(*once)) == sum(map(len, once))


def test_two_versions_of_a_package_are_refused(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    file = tmp_path / "requirements" / "part5.txt"
    file.write_text(file.read_text("utf-8").replace("transformers==", "transformers==9"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"part5.txt pins transformers 9.*, another file"):
        requirements.pinned(tmp_path)


def test_what_is_installed_is_what_is_pinned() -> None:
    for path in named():
        for name, version in requirements.of_file(path).items():
            installed = importlib.metadata.version(name).partition("+")[0]
            assert installed == version, (
                f"{name} {installed} is installed, {version} is pinned: run make test"
            )


def test_the_readme_installs_the_pinned_torch() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"torch==(\S+)", text) == [of("notebooks")["torch"]]
