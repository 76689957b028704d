"""The help desk: what it does with a message, and its page, driven as a customer drives it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page

from largemodels.app.desk import FILE, LONGEST, Desk, load, save, serving
from largemodels.app.server import AppError
from largemodels.text.service import Assistant, Costs, Odds
from tests.book import checks
from tests.library.app.test_pages import until

KEYS = ["wifi", "discs", "names", "manual", "mirror"]
TITLES = {"en": [f"Title of {key}" for key in KEYS], "zh": [f"题目 {key}" for key in KEYS]}
ANSWERS = {"en": [f"Text of {key}." for key in KEYS], "zh": [f"正文 {key}。" for key in KEYS]}


def scores(message: str) -> torch.Tensor:
    """A section that is named scores 1 for each exclamation mark after the message, or a half."""
    marks = message.count("!") or 0.5
    return torch.tensor([marks * (key in message) - 0.01 * n for n, key in enumerate(KEYS)])


def odds() -> tuple[Odds, Odds]:
    """Sure of the first section from a score of 2, of three sections from 1."""
    return Odds(-15.0, (0.0, 0.0, 10.0, 0.0)), Odds(-7.5, (0.0, 0.0, 10.0, 0.0))


@pytest.fixture(scope="module")
def desk() -> Desk:
    both = {"en": odds(), "zh": odds()}
    return Desk(Assistant(dict.fromkeys(both, scores), both, Costs()), TITLES, ANSWERS, KEYS)


def test_answers(desk: Desk) -> None:
    line, text, choices = desk.receive("wifi!!")
    assert line.startswith("This section should answer it. (99% · ") and not choices
    assert text == "Title of wifi\n\nText of wifi.\n\nSource: Debian FAQ, section wifi"
    assert desk.receive("光盘 discs!!")[1].startswith("题目 discs\n\n正文 discs。")


def test_asks_back(desk: Desk) -> None:
    line, text, choices = desk.receive("names!")
    assert line.startswith("Several sections may be meant.") and text == ""
    assert choices[0] == ("Title of names", "en:names") and len(choices) == 4
    assert choices[-1] == ("None of these: a person, please", "en:person")
    assert desk.choose("en:names")[1].startswith("Title of names")
    assert desk.choose("zh:person") == ("我没有把握，已转给人工客服。", "")


def test_hands_over(desk: Desk) -> None:
    assert desk.receive("something else") == (
        "I am not sure enough. A person will answer you. (0% · 0%)",
        "",
        [],
    )


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("", "The message is empty"),
        (" \n", "The message is empty"),
        (None, "The message must be a text, not empty."),
        (["a"], "The message must be a text"),
        ("\ud800", "The message has half a character"),
        ("x" * (LONGEST + 1), "The message is too long: 1,001 characters"),
    ],
)
def test_what_is_refused(desk: Desk, message: object, line: str) -> None:
    said, text, choices = desk.receive(message)
    assert said.startswith(line) and text == "" and not choices


@pytest.mark.parametrize("choice", [None, "", "en:", "en:nothing", "fr:wifi", 3, ["en:wifi"]])
def test_what_cannot_be_chosen(desk: Desk, choice: object) -> None:
    assert desk.choose(choice) == ("There is no such section.", "")


def test_saved_and_loaded(tmp_path: Path) -> None:
    file = save(tmp_path / "runs" / "desk", {"en": odds()}, Costs(wrong=7))
    again = load(file.parent, {"en": scores, "zh": scores})
    assert again.costs == Costs(wrong=7) and again.odds == {"en": odds()} and set(again.searches) == {"en"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"odds": {"en": [1, 2]}, "costs": {}}', '{"odds": {}, "costs": {"x": 1}}']
)
def test_a_damaged_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(AppError, match="cannot be read: run the chapter"):
        load(tmp_path, {"en": scores})
    with pytest.raises(AppError, match="There is no assistant in"):
        load(tmp_path / "nowhere", {"en": scores})


def test_what_is_saved_holds_no_text_of_the_faq(tmp_path: Path) -> None:
    read = json.loads(save(tmp_path, {"en": odds()}, Costs()).read_text())
    assert set(read) == {"costs", "odds"} and set(read["odds"]["en"][0]) == {"bias", "weights"}


def value(page: Page, name: str) -> str:
    return page.locator(f"#{name} textarea").input_value()


def send(page: Page, message: str, line: str) -> None:
    page.locator("#message textarea").fill(message)
    page.get_by_role("button", name="Send").click()
    assert until(lambda: value(page, "state").startswith(line), 30), value(page, "state")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_customer_is_answered_asked_back_and_handed_over(desk: Desk, browser: Browser, width: int) -> None:
    with serving(desk) as address:
        context = browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        page.goto(address)
        send(page, "wifi!!", "This section should answer it.")
        assert value(page, "text").startswith("Title of wifi")
        assert not page.locator("#choices").is_visible()
        send(page, "光盘 names!", "可能是下面几个问题之一")
        assert until(lambda: page.locator("#choices label").count() == 4, 30)
        page.get_by_text("题目 names").click()
        assert until(lambda: value(page, "text").startswith("题目 names"), 30)
        send(page, "<b>else</b>", "I am not sure enough.")
        assert until(lambda: not page.locator("#choices").is_visible(), 30) and value(page, "text") == ""
        assert not checks.overflow(page, {"width": width, "height": 900})
        context.close()
