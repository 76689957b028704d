"""The built book, served on this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.book import checks

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the rendered book. The tests that need it are in one file, so that it is built once."""
    done = subprocess.run([sys.executable, "-m", "tools.render"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"the book cannot be rendered:\n{done.stderr}", pytrace=False)
    return ROOT / "_build" / "html"


@pytest.fixture(scope="session")
def base(site: Path) -> Iterator[str]:
    """Address of the book."""
    with checks.served(site) as address:
        yield address
