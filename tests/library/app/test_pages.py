"""The app, driven as readers drive it: in Chromium, and by many at once."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from gradio_client import Client
from playwright.sync_api import Browser, Page

from largemodels.app import cli
from largemodels.app.pages import CHOICES, AppConfig, AppError, Writer, gradio, serving
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.text.tokenizers import ByteBPE, Tokenizer
from largemodels.text.writing import complete
from tests.book import checks
from tools.app_picture import STATE, TEXT, begin, finished, picture

Models = dict[str, tuple[GPT, Tokenizer]]


def last(writer: Writer, prompt: str, **wishes) -> tuple[str, str]:
    *_, end = writer.write(prompt, **({"model": "trained", "tokens": 20, "seed": 3} | wishes))
    return end


def until(true: Callable[[], bool], seconds: float = 90) -> bool:
    """Wait for something; whether it came."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return False


def expected(models: Models, prompt: str, seed: int, tokens: int, **sampling) -> str:
    generator = torch.Generator().manual_seed(seed)
    return prompt + complete(*models["trained"], [prompt], tokens, generator=generator, **sampling)[0]


# What the page calls.


@pytest.mark.parametrize("choice", CHOICES)
def test_a_text_is_what_the_library_writes(models: Models, writer: Writer, choice: str) -> None:
    sampling = {"temperature": dict(temperature=0.7), "top-k": dict(temperature=0.7, top_k=5)}
    sampling |= {"top-p": dict(temperature=0.7, top_p=0.6), "likeliest token": dict(temperature=0)}
    text, state = last(writer, "ROMEO", choice=choice, temperature=0.7, top_k=5, top_p=0.6)
    assert text == expected(models, "ROMEO", 3, 20, **sampling[choice])
    assert state.startswith("Done: 20 tokens in ")


def test_without_a_seed_each_text_is_another(writer: Writer) -> None:
    assert len({last(writer, "A", seed=seed, tokens=40)[0] for seed in ("", "", None, None)}) == 4
    assert last(writer, "A", seed="7")[0] == last(writer, "A", seed=7)[0]


@pytest.mark.parametrize(
    ("prompt", "wishes", "message"),
    [
        ("", {}, "The prompt is empty: write a few words"),
        (" \n\t", {}, "The prompt is empty"),
        ("a" * 65, {}, "The prompt is too long: it has 65 tokens, and trained accepts 64 tokens."),
        (
            "a" * 10_000,
            {},
            "The prompt is too long: it has 10,000 characters, and trained accepts 64 tokens.",
        ),
        ("Ω", {}, "No token for 'Ω'"),
        ("a", {"model": "gpt9"}, "There is no model 'gpt9'."),
        ("a", {"choice": "magic"}, "There is no decoding method 'magic'."),
        ("a", {"tokens": 0}, "The number of tokens must be a whole number from 1 to 50000, not 0."),
        ("a", {"tokens": 50_001}, "The number of tokens must be a whole number from"),
        ("a", {"seed": "-1"}, "The seed must be a whole number"),
        ("a", {"seed": "x"}, "The seed must be a whole number"),
        ("a", {"seed": str(2**63)}, "The seed must be a whole number"),
        (
            "a",
            {"seed": "9" * 5_000},
            "The seed must be a whole number from 0 to 9223372036854775807, or empty",
        ),
        ("a", {"seed": 10**5_000}, "The seed must be a whole number"),
        ("a", {"tokens": None}, "The number of tokens must be a number, not empty."),
        ("a", {"temperature": -1.0}, "temperature must be 0 or positive, not -1.0."),
    ],
)
def test_what_cannot_be_granted_is_one_line(writer: Writer, prompt: str, wishes: dict, message: str) -> None:
    text, state = last(writer, prompt, **wishes)
    assert text == ""
    assert state.startswith(message)
    assert writer.running == 0


ODD: list[object] = [None, True, "", "x", [], [1], {}, {"path": "/etc/passwd"}, b"", "\ud800", 1.5, -1, 0]
ODD += [
    float("nan"),
    float("inf"),
    -float("inf"),
    10**400,
    -(10**400),
    10**5_000,
    "9" * 5_000,
    1e308,
    "a" * 10**6,
]
FIELDS = ("prompt", "model", "choice", "temperature", "top_k", "top_p", "tokens", "seed")


@pytest.mark.parametrize("field", FIELDS)
def test_whatever_a_field_holds_the_answer_is_one_line(writer: Writer, field: str) -> None:
    fine = {"prompt": "a", "model": "trained", "tokens": 2, "seed": 3}
    choices = {"top_k": "top-k", "top_p": "top-p"}
    for value in ODD:
        given = fine | {"choice": choices.get(field, "temperature"), field: value}
        *_, (text, state) = writer.write(**given)
        assert state and len(state) < 200 and len(state.splitlines()) == 1, (value, state)
        assert state.startswith("Done") or text == "", (value, text, state)
        state.encode()  # can be sent
    assert writer.running == 0


def test_a_model_that_fails_says_so_and_keeps_the_text(models: Models) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no memory left\nand much more")

    writer = Writer(models, AppConfig())
    pieces = iter(["b", "c"])
    ended = writer._pieces("a", (next(pieces, None) or fails() for _ in range(3)))  # type: ignore[misc]
    assert [*ended][-1] == ("abc", "The model failed after 2 tokens: no memory left")


def test_the_text_only_grows() -> None:
    """Also of bytes that are no characters, of which an untrained model writes many."""
    torch.manual_seed(0)
    tokenizer = ByteBPE.train(["ein schöner Tag, 日本語 🙂"], 260)
    sizes = GPTConfig(vocab_size=260, context_length=32, n_layer=1, n_head=2, d_model=16)
    writer = Writer({"bytes": (GPT(sizes).eval(), tokenizer)}, AppConfig(refresh=0))
    for seed in range(5):
        before = ""
        for text, _ in writer.write("Tag", "bytes", "temperature", 1.0, tokens=100, seed=seed):
            assert text.startswith(before)
            before = text


def test_a_prompt_may_fill_the_context(writer: Writer) -> None:
    assert last(writer, "a" * 64)[1].startswith("Done")


def test_a_closed_text_frees_its_place(writer: Writer) -> None:
    text = writer.write("a", "trained", tokens=1_000)
    next(text)
    assert writer.running == 1
    text.close()
    assert writer.running == 0


def test_limits_are_checked() -> None:
    for name in ("max_tokens", "max_prompt", "at_once", "waiting"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1"):
            AppConfig(**{name: 0})
    with pytest.raises(ValueError, match="refresh"):
        AppConfig(refresh=-1)
    with pytest.raises(ValueError, match="at least one model"):
        Writer({}, AppConfig())


# The page in a browser.


@pytest.fixture
def new_page(browser: Browser, address: str) -> Iterator[Callable[[], Page]]:
    """Makes visits of different readers; at the end no page may have asked elsewhere or written an error."""
    contexts, problems = [], []

    def new() -> Page:
        context = browser.new_context(viewport=checks.DESKTOP, reduced_motion="reduce")
        contexts.append(context)
        visit = context.new_page()
        visit.on("request", lambda r: r.url.startswith((address, "data:", "blob:")) or problems.append(r.url))
        visit.on("console", lambda line: line.type == "error" and problems.append(line.text))
        visit.on("pageerror", lambda error: problems.append(str(error)))
        visit.goto(address)
        return visit

    yield new
    for context in contexts:
        context.close()
    assert problems == []


def state(visit: Page) -> str:
    return visit.locator(STATE).input_value()


def text(visit: Page) -> str:
    return visit.locator(TEXT).input_value()


def test_a_reader_types_and_the_text_streams(new_page, models: Models) -> None:
    visit = new_page()
    begin(visit, "ROMEO:", tokens=1_500, seed=5)
    lengths = set()
    assert until(lambda: lengths.add(len(text(visit))) or state(visit).startswith("Done"))
    assert len(lengths) > 3, "the text came in one piece"
    assert text(visit) == expected(models, "ROMEO:", 5, 1_500, temperature=0.8, top_p=0.95)


def test_a_reader_chooses_model_and_decoding(new_page, models: Models) -> None:
    visit = new_page()
    visit.get_by_label("likeliest token").check()
    visit.get_by_label("number input for Temperature").wait_for(state="hidden")
    begin(visit, "ROMEO:", tokens=30, seed=5)
    assert until(lambda: state(visit).startswith("Done"))
    assert text(visit) == expected(models, "ROMEO:", 5, 30, temperature=0)
    visit.get_by_label("Model").click()
    visit.get_by_role("option", name="other").click()
    begin(visit, "ROMEO:", tokens=30, seed=5)
    wanted = "ROMEO:" + complete(*models["other"], ["ROMEO:"], 30, temperature=0)[0]
    assert until(lambda: text(visit) == wanted), text(visit)


def test_a_reader_stops(new_page, writer: Writer) -> None:
    visit = new_page()
    begin(visit, "ROMEO:", tokens=50_000)
    assert until(lambda: len(text(visit)) > 50)
    assert writer.running == 1
    visit.get_by_role("button", name="Stop").click()
    assert until(lambda: state(visit) == "Stopped.")
    assert until(lambda: writer.running == 0), "the model goes on for nobody"
    written = text(visit)
    visit.wait_for_timeout(500)
    assert text(visit) == written != ""
    begin(visit, "Again", tokens=5)  # and can begin anew
    assert until(lambda: state(visit).startswith("Done"))
    done = state(visit)
    visit.get_by_role("button", name="Stop").click()  # there is nothing left to stop
    visit.wait_for_timeout(500)
    assert state(visit) == done


def test_a_reader_who_leaves_frees_the_place(new_page, writer: Writer) -> None:
    visit = new_page()
    begin(visit, "ROMEO:", tokens=50_000)
    assert until(lambda: writer.running == 1)
    visit.close()
    assert until(lambda: writer.running == 0)


def test_empty_and_over_long_prompts_are_answered(new_page) -> None:
    visit = new_page()
    begin(visit, "")
    assert until(lambda: "The prompt is empty" in state(visit))
    begin(visit, "a" * 80)
    assert until(lambda: "it has 80 tokens, and trained accepts 64" in state(visit))
    assert text(visit) == ""


def test_two_readers_at_once_get_their_own_texts(new_page, models: Models, writer: Writer) -> None:
    one, two = new_page(), new_page()
    begin(one, "ROMEO:", tokens=2_000, seed=1)
    begin(two, "JULIET:", tokens=2_000, seed=2)
    assert until(lambda: writer.running == 2)
    assert until(lambda: state(one).startswith("Done") and state(two).startswith("Done"))
    assert text(one) == expected(models, "ROMEO:", 1, 2_000, temperature=0.8, top_p=0.95)
    assert text(two) == expected(models, "JULIET:", 2, 2_000, temperature=0.8, top_p=0.95)


def test_the_picture_of_the_chapter(new_page, tmp_path: Path) -> None:
    visit = new_page()
    begin(visit, "ROMEO:", tokens=60, seed=0)
    finished(visit)
    picture(visit, tmp_path / "app.png")
    from PIL import Image

    with Image.open(tmp_path / "app.png") as taken:
        assert taken.width == checks.DESKTOP["width"]
        assert len(taken.convert("L").getcolors() or []) > 20, "the picture is empty"
    assert (tmp_path / "app.png").stat().st_size < 120_000


@pytest.mark.parametrize("viewport", [checks.DESKTOP, checks.PHONE])
def test_the_page_fits_and_is_accessible(new_page, viewport) -> None:
    visit = new_page()
    begin(visit, "ROMEO:", tokens=5)
    assert until(lambda: state(visit).startswith("Done"))
    assert checks.overflow(visit, viewport) == []
    assert (
        checks.accessibility(visit, "color-contrast", "label", "button-name", "aria-input-field-name") == []
    )


# Many readers.


def test_ten_readers_at_once(models: Models, writer: Writer, address: str) -> None:
    """Nobody gets an error or another's text, and no more are written at once than may be."""
    problems: list[str] = []
    right: list[bool] = []
    most = 0

    def read(number: int) -> None:
        try:
            client = Client(address, verbose=False, analytics_enabled=False)
            for turn in range(2):
                prompt, seed = f"Reader {number}:", 10 * number + turn
                wish = (prompt, "trained", "temperature", 0.8, 50, 0.95, 120, seed)
                found, _ = client.predict(*wish, api_name="/write")
                right.append(found == expected(models, prompt, seed, 120, temperature=0.8))
        except Exception as error:  # in a thread it would pass unseen
            problems.append(f"reader {number}: {type(error).__name__}: {error}")

    readers = [threading.Thread(target=read, args=(number,)) for number in range(10)]
    for reader in readers:
        reader.start()
    while any(reader.is_alive() for reader in readers):
        most = max(most, writer.running)
        time.sleep(0.005)
    assert problems == []
    assert right == [True] * 20
    assert 1 <= most <= writer.config.at_once


def test_a_full_queue_says_so(models: Models) -> None:
    writer = Writer(models, AppConfig(max_tokens=50_000, at_once=1, waiting=1))
    with serving(writer) as address:
        client = Client(address, verbose=False, analytics_enabled=False)
        wish = ("a", "trained", "temperature", 0.8, 50, 0.95, 50_000, 0)
        jobs = [client.submit(*wish, api_name="/write")]
        assert until(lambda: writer.running == 1)
        jobs += [client.submit(*wish, api_name="/write") for _ in range(3)]
        assert until(lambda: sum(job.done() for job in jobs) >= 2)
        refused = [str(job.exception()) for job in jobs if job.done()]
        assert all("ueue" in message and "full" in message for message in refused), refused
        for job in jobs:
            job.cancel()


# Starting it.


def test_gradio_is_asked_for(monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(AppError, match=r"pip install gradio"):
        gradio()
    assert cli.run(["app"]) == 1
    assert capsys.readouterr().err == ("Error: The app needs the package 'gradio'. Run: pip install gradio\n")


def test_a_port_that_is_taken(writer: Writer, address: str) -> None:
    port = int(address.rstrip("/").rpartition(":")[2])
    with (
        pytest.raises(AppError, match=f"cannot listen on 127.0.0.1, port {port}"),
        serving(writer, port=port),
    ):
        pass


def test_it_is_heard_by_this_computer_alone(address: str) -> None:
    """A page that listens on all addresses would be heard at this one, too."""
    port = int(address.rstrip("/").rpartition(":")[2])
    assert address == f"http://127.0.0.1:{port}/"
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_the_command_opens_what_there_is(models: Models, monkeypatch, tmp_path: Path, capsys) -> None:
    started = []
    monkeypatch.setattr("largemodels.app.pages.serve", lambda *arguments: started.append(arguments))
    monkeypatch.setattr(cli, "_open", lambda name: models["trained"])
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(["mine", "a", "b"]):  # the newest first
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "tokenizer.json").write_text("{}")
        os.utime(tmp_path / "runs" / name, (1e9 - age, 1e9 - age))
    assert cli.run(["app", "--tokens", "50", "--at-once", "3"]) == 0
    ((writer, host, port, _),) = started
    assert (list(writer.models), host, port) == (
        ["runs/mine", "runs/a", "runs/b", "smollm2"],
        "127.0.0.1",
        None,
    )
    assert (writer.config.max_tokens, writer.config.at_once) == (50, 3)
    assert capsys.readouterr().err == ""
    assert cli.run(["app", "-m", "a", "-m", "b", "--host", "0.0.0.0", "--port", "8000"]) == 0
    writer, host, port, _ = started[1]
    assert (list(writer.models), host, port) == (["a", "b"], "0.0.0.0", 8000)
    assert "there is no password" in capsys.readouterr().err
    assert cli.run(["app", "--at-once", "0"]) == 2
    assert capsys.readouterr().err == "Error: at_once must be at least 1, not 0.\n"
