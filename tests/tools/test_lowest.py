"""The lower bounds are read from pyproject.toml; running the tests with them is `make lowest`."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import lowest, requirements


def test_bounds_are_those_of_the_library_and_all_extras(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        """
[project]
dependencies = ["torch>=2.6", "numpy>=2.0"]
[project.optional-dependencies]
part1 = ["scipy>=1.13"]
part2 = []
all = ["largemodels[part1]"]
""",
        encoding="utf-8",
    )
    assert lowest.bounds(tmp_path) == {"torch": "2.6", "numpy": "2.0", "scipy": "1.13"}


def test_no_bound_is_above_its_pin() -> None:
    pinned = requirements.pinned()
    for name, bound in lowest.bounds().items():
        assert Version(bound) <= Version(pinned[canonicalize_name(name)]), name
