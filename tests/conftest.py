"""Settings of all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

# Tests of the progress bar need one. tqdm reads this once, when it is imported, so it goes before everything else.
os.environ.pop("TQDM_DISABLE", None)

import pytest
import torch
from playwright.sync_api import Browser, sync_playwright

from tests import balance
from tests.book import browsers
from tools import cell_numbers

# Started in the background or by nohup, the tests and all that they start would ignore these.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    """One more option, see `tests/balance.py`."""
    parser.addoption("--store-durations", action="store_true", help="store how long each test file took")


def pytest_configure(config: pytest.Config) -> None:
    """Balance the workers, and number nbval's cells as in all other messages."""
    cell_numbers.pytest_configure()
    config.addinivalue_line("markers", "seconds(s): how long a test takes, if that is known beforehand")
    config.pluginmanager.register(balance.Balance(), "balance")


def pytest_report_header() -> str:
    """Which browser is used."""
    return f"browser: {browsers.described()}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """In continuous integration nothing is skipped: a check that cannot run fails."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under CI=true: {report.longrepr[-1]}"
    return report


@pytest.fixture(autouse=True)
def same_seed() -> Iterator[None]:
    """Each test begins with the same random state and leaves the global state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one instance for all tests of a process, since Playwright can be started only once in a process."""
    path = browsers.chromium()
    if path is None:
        pytest.skip(f"Chromium is not on the PATH: {browsers.INSTALL}")
    if old := browsers.too_old(browsers.version(path)):
        pytest.fail(old, pytrace=False)
    with sync_playwright() as playwright:
        instance = browsers.launch(playwright)
        yield instance
        instance.close()
