"""The runner on small notebooks: what it records, and what it says when a notebook fails."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.tools.examples import add_chapter, code
from tools import execute, notebooks, records
from tools.execute import ROOT, ExecutionError, run

START = """import os
import largemodels as lm
lm.start(os.environ["LARGEMODELS_SCALE"], 5, smoke={}, laptop={})"""


@pytest.fixture
def book(tmp_path: Path):
    """A book with one chapter of the given cells; returns its root."""

    def make(*sources: str) -> Path:
        shutil.copytree(ROOT / "requirements", tmp_path / "requirements", dirs_exist_ok=True)
        (tmp_path / "data").mkdir(exist_ok=True)
        for name in ("packages.txt", "weights.txt", "registry.toml"):
            shutil.copy(ROOT / "data" / name, tmp_path / "data")
        notebook = notebooks.nbformat.v4.new_notebook(cells=[code(source) for source in sources])
        add_chapter(tmp_path, "01_part/small", notebook, {})
        return tmp_path

    return make


def run_in(root: Path, **options):
    return run("01_part/small", folder=root / "out", root=root, **options)


def test_a_run_records_scale_claims_library_and_cost(book) -> None:
    root = book(START, 'lm.claim("two", 2, 1, 3, unit="s")\nimport largemodels.models.ngram')
    before = notebooks.path_of("01_part/small", root).read_text(encoding="utf-8")
    record = run_in(root).record
    assert record["scale"] == "laptop"
    assert record["seed"] == 5
    assert record["claims"] == [{"name": "two", "value": 2.0, "low": 1, "high": 3, "unit": "s"}]
    assert "models/ngram.py" in record["hashes"]["library"]
    assert "models/gpt.py" not in record["hashes"]["library"]
    assert 0 < record["seconds"] < 120
    assert 0.01 < record["peak_memory_gb"] < 4
    assert records.FIELDS.keys() | {"processor"} == record.keys()
    assert {"torch", "numpy", "python"} <= record["versions"].keys()
    assert not {"ipykernel", "tqdm", "traitlets", "transformers"} & record["versions"].keys()
    assert records.pins.changes(record["versions"], record["data"], root) == []
    assert notebooks.path_of("01_part/small", root).read_text(encoding="utf-8") == before


def test_outputs_and_studies_are_recorded(book) -> None:
    study = "05_project/pretraining"
    note = f"from largemodels.book.journal import note\nnote(study={study!r}, fingerprint='abc')\nprint(1)"
    root = book(START, note)
    done = run_in(root)
    assert done.record["hashes"]["studies"] == {study: "abc"}
    notebook = notebooks.normalise(notebooks.read(done.notebook))
    assert done.record["hashes"]["outputs"] == records.outputs_hashes(notebook)
    assert all(done.record["hashes"]["outputs"])


def test_a_claim_outside_its_bounds_ends_the_run_in_one_line(book) -> None:
    root = book(START, 'lm.claim("two", 4, 1, 3)')
    message = r"^01_part/small: cell 1: ClaimError: two = 4 is outside \[1, 3\]"
    with pytest.raises(ExecutionError, match=message) as error:
        run_in(root)
    assert "\n" not in str(error.value)


def test_a_notebook_that_explores_is_not_recorded(book) -> None:
    explore = 'import os\nos.environ["LARGEMODELS_EXPLORE"] = "1"'
    with pytest.raises(ExecutionError, match="cell 2: ClaimError: two = 4 is outside"):
        run_in(book(START, explore, 'lm.claim("two", 4, 1, 3)'))


@pytest.mark.parametrize(
    ("raised", "line"),
    [
        ("ValueError()", "ValueError"),
        ("ValueError('\\none\\ntwo')", "ValueError: one"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_failure_names_cell_and_kind_whatever_its_message(book, raised: str, line: str) -> None:
    with pytest.raises(ExecutionError, match=rf"^01_part/small: cell 1: {line} \(the notebook"):
        run_in(book(START, f"raise {raised}"))


def test_a_notebook_that_hangs_is_stopped(book) -> None:
    root = book(START, "while True:\n    pass")
    with pytest.raises(ExecutionError, match="stopped after 15 s"):
        run_in(root, time_limit=15)


JOURNAL = 'import os\nfrom pathlib import Path\njournal = Path(os.environ["LARGEMODELS_JOURNAL"])\n'


@pytest.mark.parametrize(
    "spoil",
    [
        "journal.write_bytes(bytes(range(256)))",
        "journal.write_text('3')",
        """journal.write_text('{"scale": 3, "seed": null, "claim": 4}')""",
    ],
)
def test_a_spoiled_journal_is_one_failure_and_the_others_go_on(book, spoil: str, monkeypatch, capsys) -> None:
    root = book(START, JOURNAL + spoil)
    add_chapter(root, "01_part/good", notebooks.nbformat.v4.new_notebook(cells=[code(START)]), {})
    stored: list[str] = []
    monkeypatch.setattr(execute, "run", lambda chapter: run(chapter, folder=root / "out", root=root))
    monkeypatch.setattr(execute, "store", lambda chapter, done: stored.append(chapter))
    (failed,) = execute.execute(["01_part/small", "01_part/good"])
    assert failed.startswith("01_part/small: what the run noted in ")
    assert "must not write to that file" in failed
    assert "\n" not in failed
    assert stored == ["01_part/good"]


def test_output_without_end_is_stopped_with_its_cell(book) -> None:
    root = book(START, 'while True:\n    print("x" * 100_000)')
    with pytest.raises(ExecutionError, match="cell 1: the outputs have more than 20 MB; print less"):
        run_in(root, time_limit=120)


CHILD = """import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)"""


def marked(name: str, value: str) -> list[psutil.Process]:
    """Living processes with this in their environment."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(name) == value:
                found.append(process)
    return found


def test_what_a_notebook_starts_ends_with_it(book, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = uuid.uuid4().hex
    monkeypatch.setenv("LARGEMODELS_TEST", mine)
    before = time.monotonic()
    run_in(book(START, CHILD), time_limit=400)
    assert time.monotonic() - before < 390  # it did not wait for the child
    assert [process.pid for process in marked("LARGEMODELS_TEST", mine)] in ([], [os.getpid()])


STOPPED = """
import pathlib, signal, sys
from tools import execute, processes
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores them
signal.signal(signal.SIGHUP, signal.SIG_DFL)
root = pathlib.Path(sys.argv[1])
run = execute.run
execute.run = lambda chapter: run(chapter, folder=root / "out", root=root)
processes.interruptible(lambda: execute.execute([f"01_part/{name}" for name in ("small", "b", "c", "d")]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_stops_the_batch_and_leaves_no_process(book, number: signal.Signals) -> None:
    mine = uuid.uuid4().hex
    root = book(START, CHILD, 'from pathlib import Path\nPath("begun").touch()', "while True:\n    pass")
    for name in ("b", "c", "d"):
        shutil.copy(root / "notebooks/01_part/small.ipynb", root / f"notebooks/01_part/{name}.ipynb")
    tools = subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(root)],
        cwd=ROOT,
        env=os.environ | {"LARGEMODELS_TEST": mine},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    begun = root / "notebooks/01_part/begun"
    while not begun.exists() and tools.poll() is None:
        time.sleep(0.1)
    tools.send_signal(number)
    try:
        _, said = tools.communicate(timeout=120)
    finally:
        tools.kill()
    if number == signal.SIGKILL:  # it cannot say or do anything: its children find that it is gone
        limit = time.monotonic() + 100  # on a busy machine a child may need long to notice
        while marked("LARGEMODELS_TEST", mine) and time.monotonic() < limit:
            time.sleep(0.5)
    else:
        assert said.startswith("Stopped. What was finished is stored")
        assert len(said.splitlines()) == 1
        assert tools.returncode == 1
    left = marked("LARGEMODELS_TEST", mine)
    for process in left:
        process.kill()
    assert left == []


def test_a_notebook_without_start_makes_no_record(book) -> None:
    with pytest.raises(ExecutionError, match=r"does not call lm\.start"):
        run_in(book("1 + 1"))


def test_a_photograph_is_packed(book) -> None:
    draw = """import io
import numpy as np
from IPython.display import Image
from PIL import Image as Picture
gradient = np.add.outer(np.arange(300), np.arange(300))[..., None] % 200
noise = np.random.default_rng(0).integers(0, 30, (300, 300, 3))
file = io.BytesIO()
Picture.fromarray((gradient + noise).astype(np.uint8)).save(file, "PNG")
Image(file.getvalue())"""
    cell = notebooks.read(run_in(book(START, draw)).notebook).cells[-1]
    assert "image/jpeg" in cell.outputs[0].data


def test_notebooks_run_on_one_thread_and_without_a_hub() -> None:
    environment = execute.environment("smoke")
    assert environment["OMP_NUM_THREADS"] == "1"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["LARGEMODELS_SCALE"] == "smoke"
