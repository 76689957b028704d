"""The book is rendered once for all workers of a test run, and each of them learns of a failure."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.book.conftest import once

# Slow enough that without the lock several would begin.
PROGRAM = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).open('a').write('x'); time.sleep(0.5); {end}"


@pytest.mark.parametrize(("end", "said"), [("pass", ""), ("sys.exit('a warning')", "a warning")])
def test_many_ask_and_one_renders(tmp_path: Path, end: str, said: str) -> None:
    count = tmp_path / "count"
    render = [sys.executable, "-c", PROGRAM.format(end=end), str(count)]
    with ThreadPoolExecutor(3) as workers:
        answers = list(workers.map(lambda _: once(tmp_path / "build", "first run", render), range(3)))
    assert answers == [said] * 3
    assert count.read_text() == "x"
    assert once(tmp_path / "build", "second run", render) == said
    assert count.read_text() == "xx"
