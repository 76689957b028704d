"""The built book, served by this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.book import checks

ROOT = Path(__file__).resolve().parents[2]


def once(folder: Path, run: str, render: list[str]) -> str:
    """Render the book, once in a test run however many workers ask; what went wrong, empty if nothing did.

    ``folder`` holds the lock and what came of it; ``run`` names the test run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / "rendered-for-tests"
    with FileLock(folder / "rendered-for-tests.lock"):
        known, _, fault = said.read_text(encoding="utf-8").partition("\n") if said.exists() else ("", "", "")
        if known != run:
            done = subprocess.run(render, cwd=ROOT, capture_output=True, text=True)
            fault = (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""
            said.write_text(f"{run}\n{fault}", encoding="utf-8")
    return fault


@pytest.fixture(scope="session")
def site(testrun_uid: str) -> Path:
    """The folder of the rendered book."""
    if fault := once(ROOT / "_build", testrun_uid, [sys.executable, "-m", "tools.render"]):
        pytest.fail(f"the book cannot be rendered:\n{fault}", pytrace=False)
    return ROOT / "_build" / "html"


@pytest.fixture(scope="session")
def base(site: Path) -> Iterator[str]:
    """Address of the book."""
    with checks.served(site) as address:
        yield address
