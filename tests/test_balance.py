"""Work is handed out in whole units, the longest first, whatever the number of tests in a unit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import balance

ROOT = Path(__file__).resolve().parents[1]


class Item:
    """As much of a collected test as the order needs."""

    def __init__(self, nodeid: str, seconds: float | None = None) -> None:
        self.nodeid, self.seconds = nodeid, seconds

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        assert name == "seconds"
        return None if self.seconds is None else pytest.mark.seconds(self.seconds).mark


def order(items: list[Item], seconds: dict[str, float]) -> list[str]:
    return [item.nodeid for item in balance.longest_first(items, seconds)]  # type: ignore[arg-type]


def test_the_longest_file_comes_first_and_stays_together() -> None:
    items = [Item(name) for name in ("a.py::1", "a.py::2", "b.py::1", "c.ipynb::Cell 2", "c.ipynb::Cell 10")]
    found = order(items, {"a.py": 3.0, "b.py": 5.0, "c.ipynb": 30.0})
    assert found == ["c.ipynb::Cell 2", "c.ipynb::Cell 10", "b.py::1", "a.py::1", "a.py::2"]


def test_tests_that_are_spread_have_the_time_of_their_function_or_their_own() -> None:
    pages = balance.SPREAD[0]
    items = [
        Item("a.py::1"),
        Item(f"{pages}::page[x]"),
        Item(f"{pages}::page[y]", 90),
        Item(f"{pages}::dark"),
    ]
    found = order(items, {"a.py": 3.0, f"{pages}::page": 4.0, f"{pages}::dark": 1.0})
    assert found == [f"{pages}::page[y]", f"{pages}::page[x]", "a.py::1", f"{pages}::dark"]


def test_what_was_never_measured_does_not_come_last() -> None:
    assert order([Item("short.py::1"), Item("new.py::1")], {"short.py": 0.1}) == ["new.py::1", "short.py::1"]


def test_what_is_spread_is_there() -> None:
    for name in balance.SPREAD:
        assert (ROOT / name).exists(), f"{name} is gone: mend SPREAD in tests/balance.py"


def test_most_is_measured() -> None:
    """Of the files that the times are kept for, most are there; else they say little: measure again."""
    files = {name.partition("::")[0] for name in balance.stored()}
    assert files
    there = [name for name in files if (ROOT / name).exists()]
    assert len(there) > 0.7 * len(files), "make test STORE=--store-durations"


SUITE = """
import time
import pytest

@pytest.mark.parametrize("number", range({number}))
def test_one(number):
    time.sleep({seconds})
"""


def test_two_workers_end_together(tmp_path: Path) -> None:
    """A file of one long test begins before one of many short ones, and no file is torn apart."""
    for name, number, seconds in (("test_long", 1, 2.0), ("test_many", 40, 0.02), ("test_few", 4, 0.1)):
        (tmp_path / f"{name}.py").write_text(SUITE.format(number=number, seconds=seconds), encoding="utf-8")
    (tmp_path / "durations.json").write_text(json.dumps({"test_long.py": 2, "test_many.py": 0.8}), "utf-8")
    (tmp_path / "conftest.py").write_text(
        "import pathlib\nfrom tests import balance\n"
        "balance.DURATIONS = pathlib.Path(__file__).with_name('durations.json')\n"
        "balance.UNKNOWN = 0.4\n"
        "from tests.conftest import pytest_addoption, pytest_configure\n",
        encoding="utf-8",
    )
    options = ["-n", "2", "--dist", "loadfile", "-v", "-p", "no:cacheprovider", "--store-durations"]
    command = [sys.executable, "-m", "pytest", "--rootdir", str(tmp_path), *options, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "45 passed" in done.stdout, done.stdout + done.stderr
    workers: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        if "PASSED" in line:
            worker, _, rest = line.partition(" ")
            workers.setdefault(rest.split(" PASSED ")[1].partition(".py")[0], set()).add(worker)
    assert workers["test_many"] != workers["test_long"]
    assert workers.keys() == {"test_long", "test_many", "test_few"}
    assert all(len(names) == 1 for names in workers.values())
    stored = json.loads((tmp_path / "durations.json").read_text(encoding="utf-8"))
    assert stored["test_long.py"] == pytest.approx(2, abs=0.5)
    assert stored.keys() == {"test_long.py", "test_many.py", "test_few.py"}
