"""What goes wrong in a training goes wrong here for real, most of it in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from largemodels.training import checkpoint_files, checkpoints
from largemodels.training.checkpoints import CheckpointError, load_weights
from tests.library import processes

from . import training_program as program

PROGRAM = Path(program.__file__)
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def start(*arguments: object, **options) -> processes.Process:
    return processes.start(PROGRAM, *arguments, env=ENVIRONMENT, **options)


def run(*arguments: object, **options) -> tuple[int | None, list[str], list[str]]:
    """Exit code, lines of stdout, and lines of stderr without the progress bar."""
    return ended(start(*arguments, **options))


def ended(process: processes.Process) -> tuple[int | None, list[str], list[str]]:
    out, err = process.communicate(timeout=120)
    lines = [
        line for line in err.replace("\r", "\n").splitlines() if line.strip() and "training:" not in line
    ]
    return process.returncode, out.split(), lines


@pytest.fixture(scope="module")
def expected() -> str:
    """Checksum of the weights that a training ends with that nothing disturbs."""
    code, out, err = run("-")
    assert (code, err) == (0, [])
    return out[-1]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole run, checkpoints of the steps 20 and 30."""
    folder = tmp_path_factory.mktemp("finished")
    assert run(folder)[0] == 0
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_a_checkpoint_cut_in_half(folder: Path, expected: str) -> None:
    weights = folder / "step-00000030" / checkpoints.WEIGHTS
    os.truncate(weights, weights.stat().st_size // 2)
    code, out, err = run(folder)
    assert code == 0
    assert len(err) == 2
    assert "step-00000030 is damaged: model.safetensors" in err[0]
    assert err[0].endswith("The one before it is used.")
    assert "Going on after step 20" in err[1]
    assert out == [*map(str, range(20, 30)), expected]
    assert names(folder) == ["step-00000020", "step-00000030"]
    checkpoint_files.verify(weights.parent)  # the damaged one has been replaced


def test_the_disk_is_full_while_saving(small_disk: Path, tmp_path: Path) -> None:
    """The weights take 0.6 MB. The first checkpoint fits, the second, with AdamW's running means, does not."""
    arguments = ("--config", '{"steps": 3, "save_every": 1}', "--d-model", 80)
    code, _, err = run(small_disk / "run", *arguments)
    assert code == 1
    assert "The checkpoint of step 1 could not be written" in err[-1]
    assert "MB are free" in err[-1]
    assert "step-00000000 is untouched. Make room and run again." in err[-1]
    assert names(small_disk / "run") == ["step-00000000"]
    checkpoint_files.verify(small_disk / "run" / "step-00000000")
    roomy = shutil.copytree(small_disk / "run", tmp_path / "roomy")
    code, out, _ = run(roomy, *arguments)
    assert (code, out[:-1]) == (0, ["0", "1", "2"])


def test_a_limit_on_the_size_of_files(folder: Path) -> None:
    """As on a machine with quotas."""
    shutil.rmtree(folder / "step-00000030")
    code, _, err = run(folder, file_size=20_000)
    assert code == 1
    assert err[-1].startswith("The checkpoint of step 30 could not be written")
    assert "step-00000020 is untouched" in err[-1]
    assert names(folder) == ["step-00000020"]


def test_the_loss_becomes_nan(tmp_path: Path) -> None:
    code, _, err = run(tmp_path, "--poison", 16)
    assert code == 1
    assert err == [
        "The loss became nan in step 17. Train again with a lower learning rate (0.001), into another folder: "
        f"{tmp_path} keeps the one it began with."
    ]
    assert names(tmp_path) == ["step-00000000", "step-00000010"]
    weights = load_file(tmp_path / "step-00000010" / checkpoints.WEIGHTS)
    assert all(tensor.isfinite().all() for tensor in weights.values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_saves_and_ends_with_130(number: int, tmp_path: Path, expected: str) -> None:
    process = start(tmp_path, "--delay", 0.05)
    for line in process.stdout:
        if int(line) == 13:
            process.send_signal(number)
            break
    code, _, err = ended(process)
    assert code == 130
    (line,) = err
    assert line.startswith("Stopped after step 1")
    assert line.endswith(f": saved in {tmp_path}.")
    step = int(line.split()[3].rstrip(":"))
    assert step in (13, 14, 15)
    assert run(tmp_path)[1] == [*map(str, range(step, 30)), expected]  # not one step is lost


def test_a_closed_terminal_is_ignored_under_nohup(tmp_path: Path, expected: str) -> None:
    process = start(tmp_path, "--delay", 0.02, "--nohup")
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    code, out, err = ended(process)
    assert (code, err) == (0, [])
    assert out[-1] == expected


def test_an_interrupt_without_a_folder() -> None:
    process = start("-", "--delay", 0.05)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert len(err) == 1
    assert err[0].endswith("nothing is saved, since no folder was named.")


@pytest.mark.parametrize("moment", ["save_model", "flush_all"])
def test_killed_in_the_middle_of_a_save(moment: str, tmp_path: Path, expected: str) -> None:
    code, _, _ = run(tmp_path, "--die", 20, moment)
    assert code == -signal.SIGKILL
    assert names(tmp_path) == ["step-00000000", "step-00000010", "step-00000020.part"]
    code, out, err = run(tmp_path)
    assert code == 0
    assert out == [*map(str, range(10, 30)), expected]
    assert len(err) == 1
    assert "Going on after step 10" in err[0]
    assert names(tmp_path) == ["step-00000020", "step-00000030"]


def test_killed_between_saves_at_most_the_steps_since_are_lost(tmp_path: Path, expected: str) -> None:
    process = start(tmp_path, "--delay", 0.02)
    for line in process.stdout:
        if int(line) == 27:
            process.kill()
            break
    assert ended(process)[0] == -signal.SIGKILL
    assert run(tmp_path)[1] == [*map(str, range(20, 30)), expected]


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    first = start(tmp_path, "--delay", 0.2)
    first.stdout.readline()
    code, out, err = run(tmp_path)
    assert (code, out) == (1, [])
    assert err == [f"Another run is writing into {tmp_path}: wait for it, or name another folder."]
    first.kill()
    ended(first)
    assert run(tmp_path)[0] == 0  # a killed run holds nothing


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--d-model", 18), "was made with d_model = 16, but this run has 18"),
        (("--config", '{"weight_decay": 0.2}'), "was made with weight_decay = 0.1, but this run has 0.2"),
        (("--config", '{"steps": 20}'), "has 30 steps of training already, more than 20"),
    ],
)
def test_a_checkpoint_of_another_config(folder: Path, arguments: tuple[object, ...], message: str) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    code, out, err = run(folder, *arguments)
    assert (code, out) == (1, [])
    assert len(err) == 1
    assert message in err[0]
    assert before == {path: path.read_bytes() for path in folder.rglob("*.*")}


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("pack", [torch.save, lambda evil, file: file.write_bytes(pickle.dumps(evil))])
def test_a_malicious_pickle(folder: Path, tmp_path: Path, pack) -> None:
    """Its checksum is right: whoever can put it there can do that too."""
    trace, checkpoint = tmp_path / "trace", folder / "step-00000030"
    pack({"optimizers": [Evil(trace)]}, checkpoint / checkpoints.STATE)
    sums = (checkpoint / checkpoints.SUMS).read_text().splitlines()
    sums[1] = (
        f"{hashlib.sha256((checkpoint / checkpoints.STATE).read_bytes()).hexdigest()}  {checkpoints.STATE}"
    )
    (checkpoint / checkpoints.SUMS).write_text("\n".join(sums) + "\n")
    code, out, err = run(folder)
    assert (code, out) == (1, [])
    assert len(err) == 1
    assert "was refused, and nothing in it was executed" in err[0]
    assert not trace.exists()
    pickle.loads(pickle.dumps(Evil(trace)))
    assert trace.exists()  # it would have worked


def test_a_malicious_pickle_as_a_file(tmp_path: Path) -> None:
    file, trace = tmp_path / "checkpoint.pt", tmp_path / "trace"
    torch.save(Evil(trace), file)
    code, out, err = run(file)
    assert (code, out) == (1, [])
    assert len(err) == 1
    assert "is a file, not the folder of a run. It was not opened" in err[0]
    with pytest.raises(CheckpointError, match="was not opened"):
        load_weights(program.model(), file)
    assert not trace.exists()


def test_one_byte_changed_in_a_weight_file(folder: Path) -> None:
    shutil.rmtree(folder / "step-00000020")
    weights = folder / "step-00000030" / checkpoints.WEIGHTS
    whole = bytearray(weights.read_bytes())
    whole[len(whole) // 2] ^= 1
    weights.write_bytes(whole)
    model = program.model()
    before = program.checksum(model)
    message = "damaged: model.safetensors does not match its checksum"
    with pytest.raises(CheckpointError, match=message):
        load_weights(model, folder)
    assert program.checksum(model) == before
    code, out, err = run(folder)
    assert (code, out) == (1, [])
    assert len(err) == 1
    assert message in err[0]
    assert "has no intact checkpoint: name another folder" in err[0]


def test_weights_of_a_run_whose_newest_checkpoint_is_damaged(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest, before = folder / "step-00000030", folder / "step-00000020"
    os.truncate(newest / checkpoints.WEIGHTS, 100)
    load_weights(model := program.model(), folder)
    assert "step-00000030 is damaged" in (said := capsys.readouterr().err)
    assert said.endswith("The one before it is used.\n")
    load_weights(expected := program.model(), before)
    assert program.checksum(model) == program.checksum(expected) != program.checksum(program.model())
    assert checkpoints.load_record(folder)["progress"]["step"] == 20
    with pytest.raises(CheckpointError, match="is damaged"):  # who names a checkpoint gets no other
        load_weights(model, newest)


@pytest.mark.parametrize("name", [checkpoints.STATE, checkpoints.RECORD, checkpoints.SUMS])
def test_any_other_file_missing_or_changed(folder: Path, name: str) -> None:
    file = folder / "step-00000030" / name
    file.write_bytes(b"0" + file.read_bytes()[1:])
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint_files.verify(file.parent)
    file.unlink()
    with pytest.raises(CheckpointError, match=rf"is damaged.*{name}"):
        checkpoint_files.verify(file.parent)


def test_an_unknown_optimizer() -> None:
    code, out, err = run("-", "--config", json.dumps({"optimizer": "adamm"}))
    assert (code, out) == (1, [])
    assert err == ["optimizer must be one of adamw, muon, not 'adamm'."]
