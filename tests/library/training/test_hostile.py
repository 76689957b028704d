"""Checkpoints that somebody has made or changed, with checksums that are right."""

from __future__ import annotations

import json
import random
import resource
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from largemodels.app.runs import RunSettings, load_run, train_run
from largemodels.training import checkpoint_files, checkpoints
from largemodels.training.checkpoint_files import FILES, RECORD, STATE, SUMS, WEIGHTS, CheckpointError
from largemodels.training.checkpoints import load_record, load_weights
from largemodels.training.config import TrainingConfig

from . import training_program as program
from .test_folders import interrupted, trained


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with checkpoints of the steps 3 and 6, interrupted thereafter."""
    folder = tmp_path_factory.mktemp("begun")
    interrupted(folder, 8)
    return folder


@pytest.fixture(scope="module")
def expected() -> str:
    """Checksum of the weights that a training ends with that nothing disturbs."""
    return trained(None)


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(begun, tmp_path / "run"))


def sign(checkpoint: Path) -> None:
    """Write the checksums of the files as they are."""
    there = [name for name in FILES if name != SUMS and (checkpoint / name).exists()]
    sums = "".join(f"{checkpoints.sha256(checkpoint / name)}  {name}\n" for name in there)
    (checkpoint / SUMS).write_text(sums)


def change_record(checkpoint: Path, change: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads((checkpoint / RECORD).read_text())
    change(record)
    (checkpoint / RECORD).write_text(json.dumps(record))
    sign(checkpoint)


def megabytes() -> float:
    """The most memory that this process has ever taken."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def one_line(error: BaseException) -> str:
    """The message of an error, which has to be one line of words, not the name of an exception."""
    said = str(error)
    assert said.count("\n") == 0
    assert len(said.split()) > 5, said
    assert "Error" not in said
    return said


def bomb(state: Path) -> None:
    """Compressed zeros, half a gigabyte of them, as a running mean."""
    held = torch.load(state, weights_only=True)
    next(iter(held["optimizers"][0]["state"].values()))["exp_avg"] = torch.empty(2**29, dtype=torch.int8)
    with torch.serialization.skip_data():  # which leaves holes in the file
        torch.save(held, state)
    large = state.rename(state.with_suffix(".large"))
    with zipfile.ZipFile(large) as old, zipfile.ZipFile(state, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            with new.open(entry.filename, "w") as file:
                if "/data/" not in entry.filename:
                    file.write(old.read(entry.filename))
                    continue
                for start in range(0, entry.file_size, 2**20):
                    file.write(bytes(min(2**20, entry.file_size - start)))
    large.unlink()


def sparse(state: Path) -> None:
    """Much larger than the weights, with zeros that take no room on the disk."""
    with state.open("r+b") as file:
        file.truncate(2**32)


def repeated(state: Path) -> None:
    """One stored number, shown as four billion."""
    held = torch.load(state, weights_only=True)
    first = next(iter(held["optimizers"][0]["state"].values()))
    first["exp_avg"] = torch.zeros(1).expand(2**32)
    torch.save(held, state)


def another(state: Path) -> None:
    torch.save({"a": 1}, state)


def other_shapes(state: Path) -> None:
    held = torch.load(state, weights_only=True)
    first = next(iter(held["optimizers"][0]["state"].values()))
    first["exp_avg"] = torch.zeros(2, 3)
    torch.save(held, state)


def cut(state: Path) -> None:
    state.write_bytes(state.read_bytes()[:-100])


@pytest.mark.parametrize("make", [bomb, sparse, repeated, another, other_shapes, cut])
def test_a_state_that_is_none(make: Callable[[Path], None], folder: Path, expected: str) -> None:
    """It is refused before it takes memory, and what the message advises works."""
    newest, before = folder / "step-00000006", megabytes()
    make(newest / STATE)
    if make is not sparse:  # whose checksum takes too long here
        sign(newest)
        with pytest.raises(CheckpointError, match="is damaged, or not what training writes") as told:
            trained(folder)
        assert f"delete {newest} and run again" in one_line(told.value)
    else:
        with pytest.raises(CheckpointError, match="is damaged, or not what training writes"):
            checkpoint_files.read_state(newest)
    assert megabytes() < before + 300
    shutil.rmtree(newest)
    assert trained(folder) == expected


@pytest.mark.parametrize("name", [STATE, RECORD, WEIGHTS, SUMS])
def test_an_empty_file_is_damage_and_the_checkpoint_before_is_used(
    name: str, folder: Path, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "step-00000006" / name).write_bytes(b"")
    if name != SUMS:
        sign(folder / "step-00000006")
    assert trained(folder) == expected
    said = capsys.readouterr().err
    assert f"step-00000006 is damaged: {f'{name} is empty' if name != SUMS else ''}" in said
    assert "The one before it is used." in said
    assert "Going on after step 3" in said


WRONG_RECORDS: list[Callable[[dict[str, Any]], object]] = [
    lambda record: record.pop("model"),
    lambda record: record.pop("progress"),
    lambda record: record["model"].pop("class"),
    lambda record: record["progress"].update(step="six"),
    lambda record: record["progress"].update(step=-1),
    lambda record: record["progress"].update(rows=[{"a": 1}]),
    lambda record: record["progress"].update(rows=7),
    lambda record: record["model"].update(format="new"),
    lambda record: record["model"].update(config=[1]),
    lambda record: record.update(training=None),
]


@pytest.mark.parametrize("change", WRONG_RECORDS)
def test_a_record_of_another_form(
    change: Callable[[dict[str, Any]], object],
    folder: Path,
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change_record(folder / "step-00000006", change)
    with pytest.raises(CheckpointError, match=f"{RECORD} is not what training writes") as told:
        load_record(folder / "step-00000006")
    one_line(told.value)
    assert trained(folder) == expected
    assert "Going on after step 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["[]", "7", "", "{", "[" * 100_000, "\udcff", '{"model": {"class": 1e9999}}']
)
def test_a_record_that_is_no_record(text: str, folder: Path) -> None:
    (folder / "step-00000006" / RECORD).write_bytes(text.encode("utf-8", "surrogateescape") or b" ")
    sign(folder / "step-00000006")
    with pytest.raises(CheckpointError, match=f"is damaged: {RECORD} is not what training writes") as told:
        load_record(folder / "step-00000006")
    one_line(told.value)


@pytest.fixture(scope="module")
def app_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the app."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "text.txt").write_text("To be, or not to be, that is the question.\n" * 60)
    sizes = dict(n_layer=1, n_head=2, d_model=8, context_length=8, batch_size=2)
    settings = RunSettings(data=str(folder / "text.txt"), **sizes)
    train_run(folder / "run", settings, TrainingConfig(steps=2))
    return folder / "run"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"vocab_size": 10**11}, "head.weight has shape"),
        ({"d_model": 2**20}, "has shape"),
        ({"d_hidden": 10**12}, "has shape"),
        ({"n_layer": 10**9}, "is not a GPT"),
        ({"position": "learned", "context_length": 10**12}, "has shape"),
        ({"vocab_size": 10**30}, "is not a GPT"),
        ({"vocab_size": 2.5}, "is not a GPT"),
        ({"vocab_size": "many"}, "is not a GPT"),
        ({"n_head": 3}, "is not a GPT"),
        ({"wings": 2}, "is not a GPT"),
        (None, "is not a GPT"),
    ],
    ids=str,
)
def test_sizes_are_compared_with_the_weights_before_memory_is_taken(
    sizes: dict[str, Any] | None, message: str, app_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(app_run, tmp_path / "run"))
    before = megabytes()

    def change(record: dict[str, Any]) -> None:
        record["model"]["config"] = None if sizes is None else record["model"]["config"] | sizes

    change_record(run / "step-00000002", change)
    with pytest.raises(CheckpointError, match=message) as told:
        load_run(run / "step-00000002")
    one_line(told.value)
    assert megabytes() < before + 300


def test_weights_that_are_none(folder: Path, expected: str) -> None:
    newest = folder / "step-00000006"
    (newest / WEIGHTS).write_bytes(b"\xff" * 1000)
    sign(newest)
    with pytest.raises(CheckpointError, match=f"is damaged: {WEIGHTS} does not hold weights"):
        load_weights(program.model(), newest)
    assert trained(folder) == expected


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Bytes changed, cut, doubled or replaced; for JSON also values in it."""
    kind = draw.choice(["flip", "flip", "cut", "cut front", "double", "junk", "value", "value"])
    where = draw.randrange(len(data))
    if kind == "flip":
        return data[:where] + bytes([draw.randrange(256)]) + data[where + 1 :]
    if kind == "cut":
        return data[:where]
    if kind == "cut front":
        return data[where:]
    if kind == "double":
        return data + data
    if kind == "junk":
        return draw.randbytes(where)
    old = draw.choice([b"0", b"1", b"true", b"null", b'"', b"[", b"}", b":", b"weight", b"exp_avg", b"step"])
    new = draw.choice([b"-1", b"{}", b"null", b"1e400", b"99999999999999", b'"x"', b""])
    return data.replace(old, new, draw.choice([1, -1]))


@pytest.mark.parametrize("seed", range(40))
def test_random_mutants(seed: int, folder: Path, expected: str) -> None:
    """With right checksums or without: the training goes on as if nothing had happened, or one line says what is wrong.

    What has the right form and the right checksum cannot be told from what training has written.
    """
    draw = random.Random(seed)
    checkpoint, name = folder / "step-00000006", draw.choice(FILES)
    path = checkpoint / name
    whole = path.read_bytes()
    path.write_bytes(mutated(whole, draw))
    if signed := name != SUMS and draw.random() < 0.7:
        sign(checkpoint)
    try:
        reached = trained(folder)
    except (CheckpointError, FloatingPointError) as error:
        one_line(error)
        assert signed
    else:
        assert signed or reached == expected


def test_weights_of_other_names(folder: Path) -> None:
    newest = folder / "step-00000006"
    weights = load_file(newest / WEIGHTS)
    save_file({name.replace("blocks", "block"): it for name, it in weights.items()}, newest / WEIGHTS)
    sign(newest)
    with pytest.raises(CheckpointError, match=r"has shape .* in .* but None in the model"):
        trained(folder)
