"""Submissions that loop, eat memory, spy, forge or break out end within their limit, with a plain verdict."""

from __future__ import annotations

import base64
import copy
import dataclasses
import http.server
import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat.v4
import numpy as np
import psutil
import pytest

from tools.course import masters, run, sandbox, worker
from tools.course.judge import Verdict

SECONDS = 8.0
walls = pytest.mark.skipif(
    sandbox.BWRAP is None, reason="bubblewrap is not installed: apt-get install bubblewrap"
)


def graded(*cells: str, instead: dict[str, str] | None = None) -> tuple[dict[str, Verdict], list[str]]:
    """The master's solutions with further cells at the end, or with other cells for parts."""
    assignment = masters.load("2_attention")
    parts = tuple(dataclasses.replace(part, seconds=4.0) for part in assignment.parts)
    assignment = dataclasses.replace(assignment, seconds=SECONDS, parts=parts)
    notebook = copy.deepcopy(assignment.master)
    notebook.cells = [it for it in notebook.cells if "check" not in it.metadata.get("tags", [])]
    for cell in notebook.cells:
        cell.source = (instead or {}).get(cell.metadata.get("part", ""), cell.source)
    notebook.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
    began = time.monotonic()
    verdicts, notes = run.grade(assignment, notebook, 0)
    assert time.monotonic() - began < 3 * (SECONDS + 20)
    return {it.part: it for it in verdicts}, notes


def full(verdicts: dict[str, Verdict]) -> bool:
    return all(it.points == it.out_of for it in verdicts.values())


def test_a_cell_that_never_ends_is_left_out() -> None:
    verdicts, notes = graded("while True:\n    pass")
    assert full(verdicts)
    assert len(notes) == 1
    assert "took too long" in notes[0]


def test_a_function_that_never_ends_costs_its_part() -> None:
    loop = "def causal(length, window=None):\n    while True:\n        pass"
    verdicts, _ = graded(instead={"causal": loop})
    assert verdicts["causal"].points == 0
    assert "more than 4 seconds" in verdicts["causal"].hint
    assert all(it.points == it.out_of for name, it in verdicts.items() if name != "causal")


def test_memory_has_an_end() -> None:
    verdicts, notes = graded("store = bytearray(8_000_000_000)")
    assert full(verdicts)
    assert "MemoryError" in notes[0]


def test_a_large_tensor_is_refused() -> None:
    verdicts, notes = graded("import torch\nstore = torch.ones(2_000_000_000)")
    assert full(verdicts)
    assert "RuntimeError" in notes[0]


def test_what_is_printed_does_not_matter() -> None:
    verdicts, notes = graded("for _ in range(100):\n    print('x' * 1_000_000)")
    assert full(verdicts)
    assert not notes


@walls
def test_the_tests_cannot_be_read() -> None:
    places = [str(masters.ROOT / masters.FOLDER), str(Path(run.__file__).parent), str(masters.ROOT / "tests")]
    cell = f"import os\nseen = [it for it in {places!r} if os.path.exists(it)]\nassert not seen, seen"
    verdicts, notes = graded(cell, "import tools.course.judge")
    assert full(verdicts)
    assert len(notes) == 1
    assert "ModuleNotFoundError" in notes[0]


@walls
def test_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    other = tmp_path / "another_student.ipynb"
    other.write_text("mine", encoding="utf-8")
    cells = [
        f"open({str(other)!r}, 'w').write('stolen')",
        f"open({str(masters.ROOT / 'data' / 'registry.toml')!r}, 'a').write('x')",
        "import sys\nopen(sys.prefix + '/pyvenv.cfg', 'a').write('x')",
        "open('own.txt', 'w').write('fine')",
    ]
    verdicts, notes = graded(*cells)
    assert full(verdicts)
    assert other.read_text(encoding="utf-8") == "mine"
    assert len(notes) == 3
    assert all("Error" in note for note in notes)


def test_a_file_has_an_end() -> None:
    cell = "with open('large', 'wb') as file:\n    for _ in range(100):\n        file.write(bytes(1_000_000))"
    verdicts, notes = graded(cell)
    assert full(verdicts)
    assert len(notes) == 1


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    it = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=it.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{it.server_port}/secret", asked
    it.shutdown()
    it.server_close()


@walls
def test_there_is_no_network(server: tuple[str, list[str]]) -> None:
    address, asked = server
    verdicts, notes = graded(f"import urllib.request\nurllib.request.urlopen({address!r}, timeout=5)")
    assert full(verdicts)
    assert "URLError" in notes[0]
    assert not asked


@pytest.mark.parametrize(
    "cell", ["import os\nos._exit(0)", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"]
)
def test_a_cell_that_ends_the_process_is_left_out(cell: str) -> None:
    verdicts, notes = graded(cell)
    assert full(verdicts)
    assert "ended the process" in notes[0]


def test_sys_exit_is_an_error_like_others() -> None:
    verdicts, notes = graded("import sys\nsys.exit(0)")
    assert full(verdicts)
    assert "SystemExit" in notes[0]


def test_a_function_that_kills_its_parent_costs_its_part() -> None:
    deed = (
        "def causal(length, window=None):\n    import os, signal\n    os.kill(os.getppid(), signal.SIGKILL)"
    )
    verdicts, _ = graded(instead={"causal": deed})
    assert verdicts["causal"].points == 0
    assert all(it.points == it.out_of for name, it in verdicts.items() if name != "causal")


def test_an_error_in_one_call_costs_that_case_alone() -> None:
    hidden = (
        "def causal(length, window=None):\n"
        "    if window == 3:\n"
        "        raise RuntimeError('not today')\n"
        "    back = torch.arange(length)[:, None] - torch.arange(length)\n"
        "    return (back >= 0) & (back < (window or length))"
    )
    verdicts, _ = graded(instead={"causal": hidden})
    assert verdicts["causal"].points == verdicts["causal"].out_of - 1
    assert verdicts["causal"].hint == "It stopped with an error. RuntimeError: not today"


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    hostile = (
        "class Hostile:\n"
        "    def __reduce__(self):\n"
        "        import os\n"
        f"        return os.system, ('touch {tmp_path / 'opened'}',)\n"
        "def causal(length, window=None):\n"
        "    back = torch.arange(length)[:, None] - torch.arange(length)\n"
        "    return Hostile() if length == 1 else (back >= 0) & (back < (window or length))"
    )
    verdicts, _ = graded(instead={"causal": hostile})
    assert verdicts["causal"].points == verdicts["causal"].out_of - 1
    assert verdicts["causal"].hint == "It stopped with an error. TypeError: it gives a Hostile"
    assert not (tmp_path / "opened").exists()


def test_an_array_that_holds_a_pickle_is_refused(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'opened'}",)

    file = io.BytesIO()
    np.save(file, np.array([Hostile()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        worker.decode({"array": base64.b64encode(file.getvalue()).decode()})
    assert not (tmp_path / "opened").exists()


@walls
def test_what_a_notebook_has_started_ends_with_it() -> None:
    cell = (
        "import os, time\nfor _ in range(40):\n    if os.fork() == 0:\n"
        "        os.setsid()\n        time.sleep(600)\n        os._exit(0)"
    )
    before = set(psutil.pids())
    verdicts, _ = graded(cell)
    assert full(verdicts)
    left = [it for it in psutil.process_iter(["cmdline"]) if it.pid not in before]
    left = [it for it in left if ".worker.py" in " ".join(it.info["cmdline"] or [])]
    # The kernel ends the others of a process namespace after its first, which takes a moment on a busy machine.
    assert not psutil.wait_procs(left, timeout=60)[1]


@pytest.mark.parametrize(
    "cell",
    [
        # Messages of its own on all pipes, before the grader asks for anything.
        "import os\nfor pipe in range(3, 1000):\n    try:\n"
        '        os.write(pipe, b\'{"part": "causal", "found": {}, "points": 99}\\n\')\n'
        "    except OSError:\n        pass",
        # What the worker compares and sends, changed.
        "import json\njson.dumps = lambda *_, **__: '{\"points\": 99}'",
        "import sys\nsys.modules['__main__'].encode = lambda *_: {'points': 99}",
        "import numpy\nnumpy.allclose = lambda *_, **__: True\nimport torch\ntorch.equal = lambda *_: True",
    ],
)
def test_forged_messages_gain_nothing(cell: str) -> None:
    wrong = "def causal(length, window=None):\n    return None"
    verdicts, _ = graded(cell, instead={"causal": wrong})
    assert verdicts["causal"].points == 0


def test_garbage_in_the_pipe_is_said() -> None:
    cell = "import os\nfor pipe in range(3, 1000):\n    try:\n        os.write(pipe, b'garbage\\n')\n"
    cell += "    except OSError:\n        pass"
    verdicts, notes = graded(cell)
    assert full(verdicts)
    assert "wrote into the grader's pipe" in notes[0]
