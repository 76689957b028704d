"""Forked programs behave as those that `subprocess` starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.library import processes

PROGRAM = """
import os, sys, time
if sys.argv[1] == "show":
    print(__name__, sys.argv[1:], sys.stdin.read(), os.getcwd(), os.environ.get("ASKED"), "PATH" in os.environ)
    print("said", file=sys.stderr)
elif sys.argv[1] == "exit":
    sys.exit(int(sys.argv[2]))
elif sys.argv[1] == "words":
    sys.exit("in words")
elif sys.argv[1] == "raise":
    raise ValueError("no")
elif sys.argv[1] == "write":
    try:
        with open("file", "wb") as file:
            file.write(b"x" * 3000)
    except OSError as error:
        print(error.strerror)
elif sys.argv[1] == "wait":
    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that does what it is told."""
    file = tmp_path / "program.py"
    file.write_text(PROGRAM, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "arguments", [("show", 1, "two words"), ("exit", 0), ("exit", 7), ("words",), ("raise",)]
)
def test_as_subprocess_does(program: Path, tmp_path: Path, arguments: tuple[object, ...]) -> None:
    options = {"cwd": tmp_path, "env": {"ASKED": "yes"}, "input": "typed\n"}
    forked = processes.run(program, *arguments, **options)
    command = [sys.executable, str(program), *map(str, arguments)]
    started = subprocess.run(command, capture_output=True, text=True, **options)
    assert (forked.returncode, forked.stdout) == (started.returncode, started.stdout)
    assert (forked.stderr.splitlines() or [""])[-1] == (started.stderr.splitlines() or [""])[-1]


def test_a_module_is_main_and_torch_is_there_already() -> None:
    done = processes.run("largemodels", "--help", env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert "largemodels train" in done.stdout


def test_a_limit_on_files_holds_for_it_alone(program: Path, tmp_path: Path) -> None:
    limited = processes.run(program, "write", cwd=tmp_path, file_size=1000)
    assert limited.stdout == "File too large\n"
    assert processes.run(program, "write", cwd=tmp_path).stdout == ""
    assert (tmp_path / "file").stat().st_size == 3000


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGKILL, -9)]
)
def test_signals_reach_it(program: Path, number: int, code: int) -> None:
    process = processes.start(program, "wait")
    assert process.stdout.readline() == "ready\n"
    assert process.returncode is None
    process.send_signal(number)
    process.communicate()
    assert process.returncode == code


def test_one_that_hangs_is_stopped(program: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run(program, "wait", timeout=1)


def test_a_team_knows_its_size_and_fails_with_the_first_that_fails(tmp_path: Path) -> None:
    program = tmp_path / "rank.py"
    program.write_text(
        "import os, sys\n"
        "print(*(os.environ[name] for name in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR')))\n"
        "sys.exit(3 * (os.environ['RANK'] == sys.argv[1]))\n",
        encoding="utf-8",
    )
    done = processes.team(2, program, 1)
    assert done.stdout.splitlines() == ["0 0 2 127.0.0.1", "1 1 2 127.0.0.1"]
    assert done.returncode == 3
    assert processes.team(2, program, 7).returncode == 0
