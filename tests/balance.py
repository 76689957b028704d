"""Which worker runs which tests, and in which order: the longest first, so that all workers finish together.

pytest-xdist hands out whole files (`--dist loadfile`), because the tests of a file share fixtures and the cells of a
notebook share a kernel. Here, files whose tests share only the session's fixtures are handed out test by test, and
everything in the order of the measured times in `durations.json`. To measure these again:

    make test STORE=--store-durations
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

DURATIONS = Path(__file__).with_name("durations.json")
UNKNOWN = 10.0  # seconds, for what has not been measured
# Each of these tests may run on any worker.
SPREAD = (
    "tests/book/test_pages.py",
    "tests/notebooks/test_laptop.py",
    "tests/notebooks/test_nbval.py",
    "tests/test_code.py",
    "tests/tools/test_execute.py",
    "tests/tools/test_render.py",
)


def unit(nodeid: str) -> str:
    """What one worker gets at a time: a file or notebook, or one test of a file in `SPREAD`."""
    file = nodeid.partition("::")[0]
    return nodeid if file in SPREAD else file


def _measured(nodeid: str) -> str:
    """The name under which a test's time is stored: that of its function, since pages and chapters come and go."""
    return unit(nodeid).partition("[")[0]


def stored() -> dict[str, float]:
    """Mean seconds of a unit of work by name."""
    return json.loads(DURATIONS.read_text(encoding="utf-8")) if DURATIONS.exists() else {}


def longest_first(items: list[pytest.Item], seconds: dict[str, float]) -> list[pytest.Item]:
    """The tests in the order in which their units are handed out; within a unit the order does not change.

    A mark `seconds(…)` on a test takes precedence over the stored time.
    """
    cost: dict[str, float] = {}
    for item in items:
        marked = item.get_closest_marker("seconds")
        known = float(marked.args[0]) if marked else seconds.get(_measured(item.nodeid), UNKNOWN)
        cost[unit(item.nodeid)] = max(known, cost.get(unit(item.nodeid), 0.0))
    places = {name: place for place, name in enumerate(cost)}
    return sorted(items, key=lambda it: (-cost[unit(it.nodeid)], places[unit(it.nodeid)]))


class ByUnit(LoadScopeScheduling):
    """Gives each worker a unit of work at a time, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


class Balance:
    """The plugin; `tests/conftest.py` registers it."""

    def __init__(self) -> None:
        """Nothing is measured yet."""
        self.spent: dict[str, float] = defaultdict(float)

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> ByUnit | None:
        """Replace the scheduler of `--dist loadfile`."""
        if config.getoption("dist") != "loadfile":
            return None
        config.option.loadscopereorder = False  # would sort by number of tests
        return ByUnit(config, log)  # type: ignore[arg-type]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sort the tests."""
        items[:] = longest_first(items, stored())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what each unit took, set-up included."""
        self.spent[unit(report.nodeid)] += report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the measured times if `--store-durations` was given."""
        if session.config.getoption("store_durations") and not hasattr(session.config, "workerinput"):
            found: dict[str, list[float]] = defaultdict(list)
            for name, seconds in self.spent.items():
                found[_measured(name)].append(seconds)
            means = {name: round(sum(all_) / len(all_), 1) for name, all_ in found.items()}
            kept = {name: old for name, old in stored().items() if Path(name.partition("::")[0]).exists()}
            text = json.dumps(dict(sorted((kept | means).items())), indent=0)
            DURATIONS.write_text(text + "\n", encoding="utf-8")
