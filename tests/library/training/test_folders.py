"""What is in a run's folder besides its checkpoints, and what becomes of the folder itself."""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from largemodels.app.runs import RunSettings, load_run, train_run
from largemodels.data.batches import batches
from largemodels.training import checkpoint_files, checkpoints
from largemodels.training.checkpoint_files import CheckpointError
from largemodels.training.checkpoints import load_record, load_weights
from largemodels.training.config import TrainingConfig
from largemodels.training.history import Progress
from largemodels.training.loop import train

from . import training_program as program


def source(
    start: int, *, at: int | None = None, act: Callable[[], object] = int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches; before one of them something happens."""
    for number, batch in enumerate(batches(program.TOKENS, 6, 8, seed=0, start=start), start):
        if number == at:
            act()
        yield batch


def trained(folder: Path | None, steps: int = 12, **event) -> str:
    """Train into a folder, a checkpoint every third step; the checksum of the weights."""
    model = program.model()
    config = TrainingConfig(steps=steps, save_every=3, evaluate_every=6)
    train(model, functools.partial(source, **event), config, checkpoint=folder)
    return program.checksum(model)


def stop() -> None:
    raise ConnectionError("The power fails.")


def interrupted(folder: Path, at: int) -> None:
    with pytest.raises(ConnectionError):
        trained(folder, at=at, act=stop)


def contents(path: Path) -> object:
    """All that can be told of a file, folder or link, without following links."""
    if path.is_symlink():
        return str(path.readlink())
    if path.is_dir():
        return {child.name: contents(child) for child in path.iterdir()}
    return path.read_bytes()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


NAMES = ["step-{:08}", "step-{:08}-backup", "step-{:08}.old", "step-{}", "step-latest", "step-notes.part", "notes",
         "step-{:08}.aside", "Step-{:08}", "step-{:08}x", "step-x.{:08}"]  # fmt: skip


def scatter(folder: Path, draw: random.Random) -> list[Path]:
    """Files, folders, links and copies of checkpoints as a reader might put them beside the checkpoints."""
    made = []
    found = checkpoint_files.list_checkpoints(folder)
    for name in draw.sample(NAMES, 5):
        path = folder / name.format(
            draw.choice([0, 1, 2, 4])
        )  # steps that are not saved any more, or never were
        if path.exists() or path.is_symlink():
            continue
        kind = draw.choice(["file", "folder", "notes", "link", "dangling", "copy"])
        if kind == "file":
            path.write_text("mine")
        elif kind in ("folder", "notes"):
            path.mkdir()
            if kind == "notes":
                (path / draw.choice(["thesis.txt", "record.json.txt"])).write_text("mine")
        elif kind == "link":
            path.symlink_to(draw.choice(found), target_is_directory=True)
        elif kind == "dangling":
            path.symlink_to("nowhere")
        else:
            shutil.copytree(draw.choice(found), path)
        made.append(path)
    notes = draw.choice(found) / "notes.txt"  # in a checkpoint itself: it is kept
    notes.write_text("The best so far.")
    return [*made, notes.parent]


@pytest.mark.parametrize("seed", range(6))
def test_what_others_have_put_there_stays(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    interrupted(tmp_path, draw.choice([7, 8]))  # checkpoints of the steps 3 and 6
    theirs = scatter(tmp_path, draw)
    before = {path: contents(path) for path in theirs}
    interrupted(tmp_path, 11)
    assert {path: contents(path) for path in theirs} == before
    assert trained(tmp_path) == trained(None)
    assert {path: contents(path) for path in theirs} == before
    ours = [it for it in checkpoint_files.list_checkpoints(tmp_path) if checkpoint_files.is_ours(it)]
    assert [it.name for it in ours] == ["step-00000009", "step-00000012"]
    assert load_record(tmp_path)["progress"]["step"] == 12


def test_a_link_to_the_newest_checkpoint_is_read_and_stays(tmp_path: Path) -> None:
    """As where somebody has moved it to a larger disk."""
    interrupted(tmp_path / "run", 8)
    moved = (tmp_path / "run" / "step-00000006").rename(tmp_path / "elsewhere")
    (tmp_path / "run" / "step-00000006").symlink_to(moved, target_is_directory=True)
    before = contents(moved)
    assert trained(tmp_path / "run") == trained(None)
    assert names(tmp_path / "run") == ["step-00000006", "step-00000009", "step-00000012"]
    assert contents(moved) == before


@pytest.mark.parametrize("kind", ["file", "folder", "link", "copy", "damaged, with notes", "part"])
def test_what_is_in_the_way_is_named_before_anything_is_trained(kind: str, tmp_path: Path) -> None:
    interrupted(tmp_path, 8)
    path = tmp_path / "step-00000009"
    if kind == "file":
        path.touch()
    elif kind == "folder":
        path.mkdir()
        (path / "notes").touch()
    elif kind == "link":
        path.symlink_to(tmp_path / "step-00000006", target_is_directory=True)
    elif kind == "part":
        path = tmp_path / "step-00000009.part"
        path.mkdir()
        (path / "notes").touch()
    else:
        shutil.copytree(tmp_path / "step-00000006", path)
        if "notes" in kind:
            (path / "notes").touch()
            (path / "model.safetensors").write_bytes(b"half")
    before = contents(tmp_path)
    with pytest.raises(
        CheckpointError, match=f"{path} is in the way: .* Move it out of {tmp_path}, then run"
    ):
        trained(tmp_path, at=6, act=stop)
    assert contents(tmp_path) == before
    path.rename(tmp_path / "mine")
    assert trained(tmp_path) == trained(None)


def test_what_comes_in_the_way_during_training_stays(tmp_path: Path) -> None:
    path = tmp_path / "step-00000009"
    with pytest.raises(
        CheckpointError, match=r"of step 9 could not be written .* where something else has its name"
    ) as told:
        trained(tmp_path, at=7, act=path.touch)
    assert str(told.value).endswith("step-00000006 is untouched. Move that elsewhere and run again.")
    assert path.is_file()
    path.unlink()
    assert trained(tmp_path) == trained(None)


def test_a_copy_can_be_opened_under_any_name(tmp_path: Path) -> None:
    interrupted(tmp_path, 8)
    copy = Path(shutil.copytree(tmp_path / "step-00000003", tmp_path / "step-00000003-backup"))
    assert load_record(copy)["progress"]["step"] == 3
    load_weights(program.model(), copy)
    assert load_record(tmp_path)["progress"]["step"] == 6


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSettings, TrainingConfig, Path]:
    """A run of the app, which has a tokenizer and an encoded text, too."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "text.txt").write_text("To be, or not to be, that is the question.\n" * 60)
    sizes = dict(n_layer=1, n_head=2, d_model=8, context_length=8, batch_size=2)
    settings = RunSettings(data=str(folder / "text.txt"), **sizes)
    recipe = TrainingConfig(steps=6, save_every=2, evaluate_every=6)
    train_run(folder / "step-by-step", settings, recipe)
    return settings, recipe, folder / "step-by-step"


def test_a_run_whose_name_is_that_of_a_checkpoint(whole, tmp_path: Path) -> None:
    settings, recipe, run = whole
    load_run(run)
    named = Path(shutil.copytree(run, tmp_path / "step-00000100"))
    assert train_run(named, settings, recipe).step.iloc[-1] == 6
    for path in (named, named / "step-00000006"):
        model, tokenizer = load_run(path)
        assert tokenizer.vocab_size == model.config.vocab_size


def test_all_files_have_the_mode_that_the_umask_gives(whole) -> None:
    mask = os.umask(0)
    os.umask(mask)
    for path in whole[2].rglob("*"):
        if path.is_file() and path.suffix != ".lock" and path.name != ".lock":
            assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask, path


@pytest.mark.parametrize("moved", [True, False])
def test_the_folder_is_moved_or_deleted_during_training(moved: bool, tmp_path: Path) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    act = functools.partial(run.rename, elsewhere) if moved else functools.partial(shutil.rmtree, run)
    with pytest.raises(CheckpointError) as told:
        trained(run, at=7, act=act)
    said = str(told.value)
    assert said.startswith(
        f"{run} was moved or deleted during training. The checkpoint of step 9 is in a new folder"
    )
    assert f"move {run / 'step-00000009'} into it and train there; otherwise run again." in said
    assert names(run) == ["step-00000009"]
    if moved:
        (run / "step-00000009").rename(elsewhere / "step-00000009")
        run = elsewhere
    assert trained(run) == trained(None)


def test_a_run_of_the_app_whose_folder_was_deleted_goes_on(whole, tmp_path: Path) -> None:
    """The checkpoint is all that is left: text and tokenizer are made anew."""
    settings, recipe, run = whole
    (tmp_path / "run").mkdir()
    shutil.copytree(run / "step-00000004", tmp_path / "run" / "step-00000004")
    train_run(tmp_path / "run", settings, recipe)
    states = [load_run(folder)[0].state_dict() for folder in (run, tmp_path / "run")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_record_is_json_and_an_old_one_is_read(tmp_path: Path) -> None:
    """Before the first step there is no training loss."""
    interrupted(tmp_path, 8)
    path = tmp_path / "step-00000006" / checkpoints.RECORD

    def refuse(name: str) -> None:
        raise AssertionError(name)

    strict = json.loads(path.read_text(), parse_constant=refuse)
    assert strict["progress"]["rows"][0]["training_loss"] == "NaN"
    first = load_record(path.parent)["progress"]["rows"][0]["training_loss"]
    assert isinstance(first, float)
    path.write_text(path.read_text().replace('"NaN"', "NaN"))
    sums = "".join(f"{checkpoints.sha256(path.parent / it)}  {it}\n" for it in checkpoint_files.FILES[:3])
    (path.parent / checkpoints.SUMS).write_text(sums)
    again = load_record(path.parent)["progress"]["rows"][0]["training_loss"]
    assert (again != again, first != first) == (True, True)
    assert trained(tmp_path) == trained(None)


def test_an_error_in_an_evaluation_leaves_the_modes_as_they_were() -> None:
    model = program.model()
    model.blocks[0].eval()  # frozen by its owner
    model.loss  # noqa: B018
    seen: list[bool] = []

    def failing() -> dict[str, float]:
        seen.append(any(module.training for module in model.modules()))
        raise ZeroDivisionError

    before = [module.training for module in model.modules()]
    with pytest.raises(ZeroDivisionError):
        train(model, source, TrainingConfig(steps=2), failing)
    assert seen == [False]
    assert [module.training for module in model.modules()] == before
    assert isinstance(model, nn.Module)


def test_patience_with_rows_from_before_its_value_was_measured() -> None:
    progress = Progress(rows=[{"step": 0}, {"step": 1, "error": 2.0}, {"step": 2, "error": 3.0}])
    assert progress.rows_since_best("error") == 1
