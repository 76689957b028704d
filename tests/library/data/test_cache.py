from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from largemodels.data import cache
from largemodels.data.cache import SUMS, made_once
from largemodels.data.checks import DataError
from largemodels.data.registry import files
from tests.library import processes


def made(folder: Path) -> Path:
    return made_once(folder, lambda place: (place / "model").write_bytes(b"weights"), "the model")


def test_it_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "model"
    assert made(folder) == folder
    assert made_once(folder, lambda place: 1 / 0, "the model") == folder
    assert json.loads((folder / SUMS).read_text(encoding="utf-8")).keys() == {"model"}


def test_a_damaged_and_a_missing_file_are_named(tmp_path: Path) -> None:
    folder = made(tmp_path / "model")
    (folder / "model").write_bytes(b"veights")
    with pytest.raises(
        DataError, match=r"model of the model is damaged.*Delete the folder .*model and call again"
    ):
        made(folder)
    (folder / "model").unlink()
    with pytest.raises(DataError, match="model is missing from the model"):
        made(folder)
    for text in ("[1]", "{", "[" * 100_000):
        (folder / SUMS).write_text(text)
        with pytest.raises(
            DataError, match=r"json of the model is missing or damaged. Delete the folder .*model and call"
        ):
            made(folder)


def test_what_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(place: Path) -> None:
        (place / "model").write_bytes(b"half of the w")
        raise KeyboardInterrupt

    folder = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt):
        made_once(folder, interrupted, "the model")
    assert not folder.exists()
    assert {path.name for path in made(folder).iterdir()} == {"model", SUMS}


def test_what_a_killed_process_has_left_goes_when_data_is_next_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever in the cache it is, and whatever is read: a conversion that was killed may never be asked for again."""
    monkeypatch.setattr(cache, "cache_root", lambda: tmp_path)
    program = (
        "import os, pathlib, signal, sys\n"
        "from largemodels.data.cache import made_once\n"
        "def make(place):\n"
        "    (place / 'model').write_bytes(b'half of the w')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "made_once(pathlib.Path(sys.argv[1]), make, 'the model')\n"
    )
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    kept = made(tmp_path / "data" / "plays" / "1.0")
    for folder in ("model", "data/letters/2.0"):
        assert processes.run(tmp_path / "program.py", tmp_path / folder).returncode == -9
    assert len(list(tmp_path.rglob("*.aside"))) == 2
    files("shakespeare")
    assert not list(tmp_path.rglob("*.aside*"))
    assert {path.name for path in kept.iterdir()} == {"model", SUMS}


def test_two_processes_make_it_once(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from largemodels.data.cache import made_once\n"
        "def make(place):\n"
        "    print('made', flush=True)\n"
        "    time.sleep(2)\n"
        "    (place / 'model').write_bytes(b'weights')\n"
        "made_once(pathlib.Path(sys.argv[1]), make, 'the model')\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "model")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(process.communicate(timeout=100)[0] for process in both) == ["", "made\n"]
    assert all(process.returncode == 0 for process in both)
