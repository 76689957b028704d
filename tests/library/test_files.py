from __future__ import annotations

import json
import math
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from largemodels import files
from tests.library import processes

WRITER = """
import sys, time
from pathlib import Path
from largemodels.files import aside

with aside(Path(sys.argv[1])) as place:
    place.mkdir()
    (place / "weights").write_bytes(b"half of them")
    print("writing", flush=True)
    time.sleep(100)
"""


@pytest.fixture
def writer(tmp_path: Path) -> processes.Process:
    """A program that is writing the folder ``made`` and will not come to an end."""
    program = tmp_path / "writer.py"
    program.write_text(WRITER, encoding="utf-8")
    process = processes.start(program, tmp_path / "place" / "made")
    assert process.stdout.readline() == "writing\n"
    return process


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing(writer: processes.Process, number: int, tmp_path: Path) -> None:
    writer.send_signal(number)
    writer.communicate()
    assert writer.returncode == (1 if number == signal.SIGINT else 128 + number)
    assert names(tmp_path / "place") == []


def test_what_a_killed_process_leaves_is_deleted_by_the_next(
    writer: processes.Process, tmp_path: Path
) -> None:
    """Not what a process still writes, nor what only looks like it."""
    place = tmp_path / "place"
    (place / "thesis.0123abcd.aside").mkdir()
    (place / "notes.aside").write_text("mine")
    (place / "link.0123abcd.aside").symlink_to(tmp_path)
    theirs = names(place)
    assert len(theirs) == 5
    files.clean(place)
    assert names(place) == theirs
    writer.kill()
    writer.communicate()
    assert names(place) == theirs
    with files.aside(place / "other") as beside:
        beside.write_text("whole")
    assert names(place) == ["link.0123abcd.aside", "notes.aside", "other", "thesis.0123abcd.aside"]
    assert (tmp_path / "writer.py").exists()


def test_a_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with files.aside(tmp_path / "weights.safetensors") as place:
            save_file({"weight": torch.ones(3)}, place)  # makes files for the owner only
        with files.aside(tmp_path / "folder") as place:
            place.mkdir()
            save_file({"weight": torch.ones(3)}, place / "weights")
    finally:
        os.umask(before)
    assert (tmp_path / "weights.safetensors").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "folder" / "weights").stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == ["folder", "weights.safetensors"]


def test_it_is_on_disk_before_it_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[tuple[str, str]] = []
    sync, replace = files._sync, Path.replace

    def synced(path: Path, flags: int) -> None:
        sync(path, flags)
        done.append(("synced", path.name))

    def replaced(source: Path, target: Path) -> Path:
        done.append(("moved", source.name))
        return replace(source, target)

    monkeypatch.setattr(files, "_sync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    with files.aside(tmp_path / "folder") as place:
        (place / "inner").mkdir(parents=True)
        (place / "inner" / "file").write_text("whole")
    moved = done.index(("moved", "folder"))
    assert {name for what, name in done[:moved]} >= {"file", "inner", "folder"}
    assert done[moved + 1 :] == [("synced", tmp_path.name)]


def test_json_that_any_reader_understands() -> None:
    value = {"a": [math.nan, 1.5, None], "b": (math.inf, -math.inf), "c": np.float32("nan"), "d": "NaN"}
    text = files.to_json(value, default=lambda it: it.item())

    def refuse(name: str) -> None:
        raise AssertionError(name)

    strict = json.loads(text, parse_constant=refuse)
    assert strict == {"a": ["NaN", 1.5, None], "b": ["Infinity", "-Infinity"], "c": "NaN", "d": "NaN"}
    back = files.from_json(text)
    assert math.isnan(back["a"][0])
    assert back["a"][1:] == [1.5, None]
    assert back["b"] == [math.inf, -math.inf]
    assert math.isnan(files.from_json('{"old": NaN}')["old"])
    with pytest.raises(ValueError, match="nested too deeply"):
        files.from_json("[" * 100_000 + "]" * 100_000)
