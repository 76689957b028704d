"""Settings of all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Browser, sync_playwright

from tests.book import browsers


def pytest_report_header() -> str:
    """Which browser is used."""
    return f"browser: {browsers.described()}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """On CI a check that cannot run fails: nothing is skipped there."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped under CI=true: {report.longrepr[-1]}"
    return report


@pytest.fixture(autouse=True)
def same_seed() -> Iterator[None]:
    """Each test begins with the same random numbers and leaves the global state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; one for all tests of a process, since Playwright runs only once in it."""
    path = browsers.chromium()
    if path is None:
        pytest.skip(f"Chromium is not on the PATH: {browsers.INSTALL}")
    if old := browsers.too_old(browsers.version(path)):
        pytest.fail(old, pytrace=False)
    with sync_playwright() as playwright:
        instance = browsers.launch(playwright)
        yield instance
        instance.close()
