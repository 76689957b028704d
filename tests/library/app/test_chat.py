"""The chat of the app: what of a conversation the model reads, what is refused, and the page in a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import torch
from playwright.sync_api import Browser, Page

from largemodels.app.conversation import can_answer, fitted, messages
from largemodels.app.pages import AppConfig, Writer, serving
from largemodels.models.gpt import GPT
from largemodels.text.tokenizers import Tokenizer
from largemodels.text.writing import stream, written_dialogue
from tests.book import checks
from tests.library.app.test_pages import ODD, state, until
from tools.app_picture import ANSWERS, say

Talker = tuple[GPT, Tokenizer]
SAID = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]


def asked(*contents: str) -> list[dict[str, str]]:
    """Messages of user and assistant in turn."""
    return [{"role": ("user", "assistant")[n % 2], "content": one} for n, one in enumerate(contents)]


@pytest.fixture(scope="module")
def chat(talker: Talker, models) -> Writer:
    return Writer({"talker": talker, "trained": models["trained"]}, AppConfig(max_tokens=50_000))


def last(
    writer: Writer, message: object, said: object = (), model: str = "talker", **wishes
) -> tuple[str, str]:
    *_, end = writer.chat(message, said, model, **({"tokens": 8, "seed": 3} | wishes))  # type: ignore[arg-type]
    return end


def expected(talker: Talker, said: list[dict[str, str]], tokens: int, seed: int) -> str:
    generator = torch.Generator().manual_seed(seed)
    prompt = written_dialogue(talker[1], said)
    return "".join(stream(*talker, prompt, tokens, generator=generator, temperature=0.8, top_p=0.95))


def test_who_can_answer(talker: Talker, models) -> None:
    assert can_answer(talker[1]) and not can_answer(models["trained"][1])


def test_an_answer_is_what_the_model_writes_after_the_conversation(chat: Writer, talker: Talker) -> None:
    wanted = expected(talker, [*SAID, {"role": "user", "content": "three"}], 8, seed=3)
    for said in (SAID, json.dumps(SAID)):
        answer, line = last(chat, "three", said)
        assert answer == wanted
        assert line.startswith("Done: 8 tokens") and line.endswith("a second.")
    assert last(chat, "three", [])[0] == expected(talker, asked("three"), 8, seed=3)


def test_the_oldest_exchanges_are_left_out_first(chat: Writer, talker: Talker) -> None:
    """The context has 64 tokens, of which 56 remain beside an answer of 8; each message here has 13 with its marker."""
    said = asked(*(f"message {n:02}" for n in range(8)))
    answer, line = last(chat, "and now 08", said)
    assert line.endswith("The first 6 messages no longer fit and were left out.")
    assert answer == expected(talker, [*said[6:], {"role": "user", "content": "and now 08"}], 8, seed=3)


@pytest.mark.parametrize("longest", [1, 20, 41, 42, 100, 10_000])
def test_as_much_as_fits_is_kept(talker: Talker, longest: int) -> None:
    said = asked(*(f"{n:02}" * (1 + n % 3) for n in range(101)))
    tokens, left_out = fitted(talker[1], said, longest)
    assert tokens.tolist() == written_dialogue(talker[1], said[left_out:]).tolist()
    assert left_out % 2 == 0 and (len(tokens) <= longest or left_out == 100)
    assert left_out == 0 or len(written_dialogue(talker[1], said[left_out - 2 :])) > longest


@pytest.mark.parametrize(
    ("message", "said", "wishes", "line"),
    [
        ("", [], {}, "The message is empty: write a few words."),
        (None, [], {}, "The message must be a text, not empty."),
        (
            "x" * 80,
            SAID,
            {},
            "The message is too long: with its markers it has 85 tokens, and talker accepts 56 here.",
        ),
        ("a", [], {"model": "gpt9"}, "There is no model 'gpt9'."),
        ("a", [], {"model": "trained"}, "This model only continues text; it was not trained to answer"),
        ("a", [], {"tokens": 0}, "The number of tokens must be a whole number"),
        ("a", SAID[:1], {}, "The conversation lacks the last answer: clear it and begin again."),
        ("a", SAID[::-1], {}, "The conversation cannot be read: clear it and begin again."),
        ("a", [SAID[0], {"role": "assistant", "content": 3}], {}, "The conversation cannot be read"),
        ("a", [SAID[0], {"role": "system", "content": "b"}], {}, "The conversation cannot be read"),
        ("a", "[" * 10_000, {}, "The conversation cannot be read"),
        ("a", '[{"role": "user", "content": "\\ud800"}]', {}, "The conversation cannot be read"),
    ],
)
def test_what_cannot_be_answered_is_one_line(chat: Writer, message, said, wishes: dict, line: str) -> None:
    answer, shown = last(chat, message, said, **wishes)
    assert answer == "" and shown.startswith(line), shown
    assert len(shown.splitlines()) == 1 and chat.running == 0


def test_whatever_is_given_for_a_conversation_the_answer_is_one_line(chat: Writer) -> None:
    for value in ODD:
        for given in ((value, []), ("a", value), ("a", [value, value])):
            _, shown = last(chat, *given)
            assert shown and len(shown.splitlines()) == 1 and len(shown) < 200, (value, shown)
    with pytest.raises(ValueError, match="cannot be read"):
        messages({"role": "user"})


# The page in a browser.


@pytest.fixture(scope="module")
def address(chat: Writer) -> Iterator[str]:
    with serving(chat) as found:
        yield found


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Page]:
    """A reader's visit; the page may ask nothing elsewhere and write no error."""
    context, problems = browser.new_context(viewport=checks.DESKTOP, reduced_motion="reduce"), []
    page = context.new_page()
    page.on("request", lambda r: r.url.startswith((address, "data:", "blob:")) or problems.append(r.url))
    page.on("console", lambda line: line.type == "error" and problems.append(line.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    yield page
    context.close()
    assert problems == []


def conversation(visit: Page) -> list[str]:
    return visit.locator(ANSWERS).all_inner_texts()


def test_a_reader_converses_and_begins_anew(visit: Page, talker: Talker) -> None:
    say(visit, "one", tokens=8, seed=3)
    assert until(lambda: state(visit).startswith("Done"))
    first = expected(talker, asked("one"), 8, seed=3)
    assert visit.locator("#message textarea").input_value() == ""
    shown = visit.locator("#said").inner_text()
    assert "one" in shown and len(conversation(visit)) == 1
    visit.locator("#state textarea").evaluate("field => field.value = ''")
    say(visit, "three", tokens=8, seed=3)
    assert until(lambda: state(visit).startswith("Done") and len(conversation(visit)) == 2)
    assert first.split()[0] in conversation(visit)[0]
    visit.get_by_text("Clear", exact=True).click()
    assert until(lambda: conversation(visit) == [] and state(visit) == "")


def test_a_reader_stops_and_keeps_what_was_said(
    visit: Page, chat: Writer, talker: Talker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talker[1], "end_of_text", None)  # else an answer may end before it is stopped
    say(visit, "one", tokens=50_000, seed=3)
    assert until(lambda: chat.running == 1 and len(conversation(visit)) == 1)
    visit.get_by_role("button", name="Stop").click()
    assert until(lambda: state(visit) == "Stopped." and chat.running == 0)
    assert len(conversation(visit)) == 1
    say(visit, "more", tokens=4, seed=3)
    assert until(lambda: state(visit).startswith("Done"))


def test_a_message_that_is_refused_stays_in_its_field(visit: Page) -> None:
    say(visit, "x" * 100, tokens=8, seed=3)
    assert until(lambda: state(visit).startswith("The message is too long"))
    assert visit.locator("#message textarea").input_value() == "x" * 100 and conversation(visit) == []


def test_what_is_said_is_no_markup(visit: Page) -> None:
    """It is shown and sent back as it was typed; also what looks like markup that was made harmless."""
    typed_before: list[str] = []
    for evil in ("<img src=/x onerror=window.hacked=1>", "<b>b</b> ![a](/a.png)", "&lt;i&gt; &amp; <"):
        visit.locator("#state textarea").evaluate("field => field.value = ''")
        with visit.expect_request(lambda r: "queue/join" in r.url) as sent:
            say(visit, evil, tokens=2, seed=3)
        assert until(lambda: state(visit).startswith("Done"))
        assert evil in visit.locator("#said").inner_text()
        said = json.loads(sent.value.post_data_json["data"][1])
        assert all(one["content"] == typed for one, typed in zip(said[::2], typed_before, strict=False))
        typed_before.append(evil)
    assert visit.evaluate("window.hacked") is None and visit.locator("#said img").count() == 0


def test_on_a_phone_the_status_and_the_buttons_are_in_sight(visit: Page) -> None:
    visit.set_viewport_size(checks.PHONE)
    send = visit.get_by_role("button", name="Send").bounding_box()
    stop = visit.get_by_role("button", name="Stop").bounding_box()
    status = visit.locator("#state").bounding_box()
    assert send and stop and status
    assert send["y"] == stop["y"] and status["y"] + status["height"] <= send["y"]
    assert send["y"] + send["height"] <= checks.PHONE["height"]


def test_the_form_follows_the_model(visit: Page) -> None:
    visit.get_by_label("Model").click()
    visit.get_by_role("option", name="trained").click()
    visit.get_by_role("button", name="Write").wait_for()
    assert not visit.get_by_role("button", name="Send").is_visible()
    visit.get_by_label("Model").click()
    visit.get_by_role("option", name="talker").click()
    visit.get_by_role("button", name="Send").wait_for()
    assert not visit.get_by_role("button", name="Write").is_visible()


@pytest.mark.parametrize("viewport", [checks.DESKTOP, checks.PHONE])
def test_the_chat_fits_and_is_accessible(visit: Page, viewport) -> None:
    say(visit, "one", tokens=8, seed=3)
    assert until(lambda: state(visit).startswith("Done"))
    assert checks.overflow(visit, viewport) == []
    rules = ("color-contrast", "label", "button-name", "aria-input-field-name")
    assert checks.accessibility(visit, *rules) == []
