"""Training into a folder that holds a run: what may have changed since, and what may not."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from largemodels.app import cli
from largemodels.app.preparing import prepare_run
from largemodels.app.runs import load_run, train_run
from largemodels.app.settings import load_settings, recipe_for, settings_for
from largemodels.training import loop
from largemodels.training.checkpoints import SettingsError, load_record

TEXT = "".join(f"Line {n}: to be, or not to be, that is the question.\n" for n in range(300))
OTHER = TEXT.replace("question", "solution")
SMOKE = ["--scale", "smoke", "--steps", "4"]

Said = Callable[..., str]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text and a run of four steps on it; no test changes it."""
    home = tmp_path_factory.mktemp("going on")  # with a blank in its name
    (home / "mine.txt").write_text(TEXT)
    assert cli.run(["train", str(home / "mine.txt"), *SMOKE, "--out", str(home / "run")]) == 0
    return home


@pytest.fixture
def home(begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to be changed, which is the current folder."""
    place = Path(shutil.copytree(begun, tmp_path / "my texts"))
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Run a command; what it said on stderr, without the progress bar."""

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert cli.run(list(arguments)) == code
        lines = capsys.readouterr().err.replace("\r", "\n").splitlines()
        return "\n".join(line for line in lines if line.strip() and not line.startswith("training:"))

    return run


def follow(said: Said, advice: str, *command: str) -> None:
    """Add the option that a message advises, as a shell would read it."""
    (option,) = re.findall(r"--out (?:'[^']+'|\S+?)(?=\.?$)", advice)
    said(*command, *shlex.split(option))


def test_the_same_text_goes_on_wherever_it_lies(home: Path, said: Said) -> None:
    command = ["train", "elsewhere/other name.txt", *SMOKE, "--out", "run"]
    (home / "elsewhere").mkdir()
    (home / "mine.txt").rename(home / "elsewhere" / "other name.txt")
    assert "Going on after step 4" in said(*command)


@pytest.mark.parametrize("same_name", [True, False])
def test_another_text_is_never_passed_off_as_the_old_one(home: Path, same_name: bool, said: Said) -> None:
    """Changed since, or of the same name in another folder, or under another name."""
    path = "mine.txt" if same_name else "other/mine.txt"
    (home / path).parent.mkdir(exist_ok=True)
    (home / path).write_text(OTHER)
    before = {file: file.stat().st_mtime_ns for file in (home / "run").rglob("*")}
    command = ["train", path, *SMOKE, "--out", "run"]
    if same_name:
        (home / "run" / "settings.json").write_text(
            (home / "run" / "settings.json").read_text().replace(load_settings(home / "run").data, "mine.txt")
        )
        before[home / "run" / "settings.json"] = (home / "run" / "settings.json").stat().st_mtime_ns
    message = said(*command, code=2)
    assert message.startswith("Error: run was trained on a text with another content: ")
    assert ("'mine.txt' has changed since" if same_name else "'other/mine.txt' is another text") in message
    assert {file: file.stat().st_mtime_ns for file in (home / "run").rglob("*")} == before
    follow(said, message, *command[:-2])  # train on it in another folder
    assert load_run(home / "run-2")[1].encode("solution").numel() == 8
    (home / path).write_text(TEXT)  # or put the old text back
    assert "Going on after step 4" in said(*command)


@pytest.mark.parametrize("change", ["text", "name", "more", "fewer"])
def test_a_folder_of_texts_is_compared_as_a_whole(change: str, tmp_path: Path, said: Said) -> None:
    """A name counts too: it says which part a document belongs to."""
    texts = tmp_path / "texts"
    texts.mkdir()
    for number in range(4):
        (texts / f"{number}.txt").write_text(TEXT + str(number))
    command = ["train", str(texts), *SMOKE, "--out", str(tmp_path / "run")]
    said(*command)
    (texts / "note.md").write_text("no text of the corpus")
    assert "Going on" in said(*command)
    if change == "name":
        (texts / "0.txt").rename(texts / "9.txt")
    elif change == "fewer":
        (texts / "0.txt").unlink()
    else:
        (texts / ("0.txt" if change == "text" else "5.txt")).write_text(OTHER)
    assert "has changed since" in said(*command, code=2)


def test_a_run_keeps_its_length_unless_another_is_given(home: Path, said: Said) -> None:
    """The length of its scale would be another."""
    before = sorted(path.name for path in (home / "run").glob("step-*"))
    message = said("train", "mine.txt", "--scale", "smoke", "--out", "run")
    assert "length" not in message
    assert sorted(path.name for path in (home / "run").glob("step-*")) == before


def test_a_text_may_change_until_something_is_trained_on_it(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(TEXT)
    settings = settings_for("smoke", data=str(tmp_path / "mine.txt"))
    first = prepare_run(tmp_path / "run", settings)
    (tmp_path / "mine.txt").write_text(TEXT + "ß")
    second = prepare_run(tmp_path / "run", settings)
    assert second.vocab_size == first.vocab_size + 1


def test_a_run_from_before_the_text_was_noted_goes_on(home: Path, said: Said) -> None:
    path = home / "run" / "settings.json"
    stored = json.loads(path.read_text())
    del stored["source"]
    path.write_text(json.dumps(stored | {"data": "mine.txt"}))
    assert "Going on" in said("train", "mine.txt", *SMOKE, "--out", "run")
    (home / "other.txt").write_text(TEXT)
    assert "is another text than 'mine.txt'" in said("train", "other.txt", *SMOKE, "--out", "run", code=2)


@pytest.mark.parametrize("damage", ["damaged", "gone", "no header"])
@pytest.mark.parametrize("name", ["train.tokens", "validation.tokens"])
def test_encoded_text_that_is_damaged_is_encoded_again(
    home: Path, name: str, damage: str, said: Said
) -> None:
    path = home / "run" / name
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"x" + whole[1:] if damage == "no header" else whole[:-1] + b"\x07")
    message = said("train", "mine.txt", *SMOKE, "--out", "run")
    assert "The encoded text in run is missing or damaged: encoding it again." in message
    assert path.read_bytes() == whole


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
@pytest.mark.parametrize("kind", ["pipe", "folder", "too long"])
@pytest.mark.parametrize("name", ["settings.json", "tokenizer.json"])
def test_a_file_of_a_run_that_is_none_is_named(home: Path, name: str, kind: str, said: Said) -> None:
    """Reading a pipe would never end, and a file without end take all memory."""
    path = home / "run" / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(10**11)  # sparse
    reason = "has 100,000,000,000 bytes, more than" if kind == "too long" else "it is no regular file"
    for command in (["info", "run"], ["train", "mine.txt", *SMOKE, "--out", "run"]):
        message = said(*command, code=1 if name == "tokenizer.json" else 2)
        assert name in message
        assert reason in message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_encoded_text_that_is_a_pipe_is_encoded_again(home: Path, said: Said) -> None:
    path = home / "run" / "train.tokens"
    whole = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    assert "encoding it again" in said("train", "mine.txt", *SMOKE, "--out", "run")
    assert path.read_bytes() == whole


def test_a_folder_in_the_place_of_encoded_text_is_named(home: Path, said: Said) -> None:
    path = home / "run" / "train.tokens"
    path.unlink()
    path.mkdir()
    message = said("train", "mine.txt", *SMOKE, "--out", "run", code=1)
    assert "something else has the name of one of its files" in message
    assert "train.tokens" in message


def test_too_many_layers_are_refused_before_they_are_built(home: Path, said: Said) -> None:
    assert "at most 1,000 layers" in said(
        "train", "mine.txt", *SMOKE, "--n-layer", "1001", "--out", "x", code=2
    )


def test_a_missing_tokenizer_is_never_made_up(home: Path, said: Said) -> None:
    (home / "run" / "tokenizer.json").unlink()
    message = said("train", "mine.txt", *SMOKE, "--out", "run", code=1)
    assert message == ("Error: run/tokenizer.json is missing: restore it, or train again in another folder.")


def test_too_short_a_text_says_what_is_needed_and_may_grow(tmp_path: Path, said: Said) -> None:
    path = tmp_path / "short.txt"
    path.write_text("To be\nor not\n" * 16)  # 208 characters
    command = ["train", str(path), *SMOKE, "--out", str(tmp_path / "run")]
    message = said(*command, code=2)
    assert message == (
        f"Error: {path} is too short: 184 tokens are for training and 15 are held out for validation, but a context of "
        "32 needs at least 33 in each. Use a longer text, or give --context-length 14 or less."
    )
    assert not (tmp_path / "run").exists()
    said(*command[:-1], str(tmp_path / "shorter"), "--context-length", "14")
    path.write_text("To be\nor not\n" * 60)
    said(*command)


def test_other_settings_are_named_together_with_what_to_give(home: Path, said: Said) -> None:
    """As after trying it out at another scale: one line, not one for each setting."""
    command = ["train", "mine.txt", "--steps", "4", "--out", "run"]
    message = said(*command, code=2)
    assert message.startswith(
        "Error: run was started with n_layer = 1, not 4; n_head = 2, not 4; d_model = 16, "
    )
    (options,) = re.findall(r"Give (.+), or name another folder with --out run-2\.$", message)
    assert "Going on after step 4" in said(*command, *shlex.split(options))


def test_a_diverged_run_starts_again_as_advised(tmp_path: Path, said: Said) -> None:
    (tmp_path / "mine.txt").write_text(TEXT)
    command = ["train", str(tmp_path / "mine.txt"), "--scale", "smoke", "--optimizer", "adamw"]
    out = ["--out", str(tmp_path / "run")]
    message = said(*command, *out, "--learning-rate", "1e30", code=1).splitlines()[-1]
    assert "Train again with a lower learning rate (1e+30), into another folder: " in message
    message = said(*command, *out, "--learning-rate", "0.001", code=2).splitlines()[-1]
    assert "set it back, or name another folder" in message
    said(*command, "--out", str(tmp_path / "run-2"), "--learning-rate", "0.001")


# Longer.


def test_a_run_is_made_longer_by_steps(home: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights are those of a run whose learning rate followed the old length up to there, and then the new one."""
    longer = ["train", "mine.txt", "--scale", "smoke", "--steps", "9", "--out"]
    message = said(*longer, "run")
    assert "Its length is now 9 steps, not 4 steps; the learning rate follows the new one." in message
    real, (short, long) = loop.schedule, (recipe_for("smoke", n, None, "muon", None, "fp32") for n in (4, 9))
    rates: list[float] = []

    def changed(step: int, config, seconds: float = 0.0) -> float:
        rates.append(real(step, short if step < 4 else long, seconds))
        return rates[-1]

    monkeypatch.setattr(loop, "schedule", changed)
    train_run("at once", load_settings("run"), long)
    assert len(rates) == 9
    assert rates[4] > rates[3]  # it rises again before it falls
    wanted, found = (load_run(folder)[0].state_dict() for folder in ("at once", "run"))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    monkeypatch.setattr(loop, "schedule", real)
    assert "Its length" not in said(*longer, "run")  # the same command again: nothing changes
    assert load_record("run")["progress"]["step"] == 9


def test_a_run_is_made_longer_by_seconds_or_without_them(home: Path, said: Said) -> None:
    base = ["train", "mine.txt", "--scale", "smoke", "--out", "timed"]
    said(*base, "--seconds", "0.1")
    steps = load_record("timed")["progress"]["step"]
    assert "now 0.3 seconds, not 0.1 seconds" in said(*base, "--seconds", "0.3")
    more = load_record("timed")["progress"]["step"]
    assert more > steps
    assert f"now {more + 5:,} steps, not 0.3 seconds" in said(*base, "--steps", str(more + 5))
    assert load_record("timed")["progress"]["step"] == more + 5


@pytest.mark.parametrize(
    ("length", "done"), [(["--steps", "3"], "4 steps"), (["--seconds", "1e-9"], "seconds")]
)
def test_a_run_is_never_passed_off_as_a_shorter_one(
    home: Path, length: list[str], done: str, said: Said
) -> None:
    message = said("train", "mine.txt", "--scale", "smoke", "--out", "run", *length, code=2)
    assert f"{done} of training already, more than {length[1].replace('e-9', 'e-09')}" in message
    assert message.endswith(": ask for more, or name another folder.")
    said("train", "mine.txt", "--scale", "smoke", "--out", "run", "--steps", "5")


def test_only_the_length_may_change_with_the_length(home: Path) -> None:
    settings = load_settings("run")
    with pytest.raises(SettingsError, match=r"made with learning_rate = 0\.005, .* its weights rest on that"):
        train_run("run", settings, recipe_for("smoke", 9, None, "muon", 0.1, "fp32"))
