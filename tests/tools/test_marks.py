"""A chapter's page in a browser, from the disk: marked numbers, folds, a sound. The notebook is made here."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from nbformat import NotebookNode, v4
from playwright.sync_api import Browser, Page, expect

from largemodels.book.claims import claim_line
from tests.book import checks
from tests.tools.examples import HEADER, NOTE, NOTED, add_chapter, code, figure, markdown, printed
from tools import notebooks, records
from tools.notebooks import ROOT

NAME = "05_project/small"
CLAIMS = [
    {"name": "test loss", "value": 1.612, "low": 1.55, "high": 1.68, "unit": "nats"},
    {"name": "loss at <another> seed", "value": 1.608, "low": 1.5, "high": 1.7, "unit": "nats"},
    {"name": "share", "value": 12.34, "low": 10, "high": 14, "unit": "%"},
    {"name": "prepared", "value": 7.77, "low": 7, "high": 8, "unit": ""},
]
SPREAD = {"low": 11.5, "high": 13.25, "seeds": 5}
TEXT = """## A result

The loss is **1.61** nats — “not bad” -- and 12.3 % of $1.61$ or `1.61`.
[A paper](https://arxiv.org/abs/1706.03762) has 12.3 % too.

| model | share |
|---|---|
| ours, which has a long name in this table that is wider than a telephone | 12 % |

<details><summary>More</summary>

It is 12.34 %.

</details>"""
RENDER = "import pathlib, sys; from tools import render; sys.exit(render.main(pathlib.Path(sys.argv[1])))"


def tone(seconds: float = 0.2) -> bytes:
    """A sound file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(8000)
        out.writeframes(bytes(128 + 50 * (i // 10 % 2) for i in range(int(8000 * seconds))))
    return file.getvalue()


def player(sound: bytes) -> NotebookNode:
    """What IPython.display.Audio puts out."""
    text = base64.b64encode(sound).decode()
    html = (
        f'<audio controls="controls"><source src="data:audio/wav;base64,{text}" type="audio/wav" /></audio>'
    )
    return v4.new_output(
        "display_data", data={"text/html": html, "text/plain": "<IPython.lib.display.Audio>"}
    )


def small_chapter() -> NotebookNode:
    """A chapter with one of each."""
    lines = [claim_line(**claim) for claim in CLAIMS]
    cells = [
        markdown(HEADER),
        code('REPOSITORY = ""', tags=["setup"]),
        code("SEED = 0", tags=["parameters"]),
        code(
            "setting = lm.start(SCALE, SEED, smoke={}, laptop={})",
            v4.new_output(
                "display_data", data={"text/markdown": "| scale | steps |\n|---|---|\n| laptop | 10 |"}
            ),
        ),
        code("loaded = load()", tags=["hide-cell"]),
        code("draw()", figure(), mystnb={"image": {"alt": "The loss falls from step to step."}}),
        markdown("## Where it comes from\n\nFrom a thought."),
        markdown("The thought came at night."),
        code("train()", printed(f"step 1\n{lines[0]}\nstep 2\n")),
        markdown(TEXT),
        code(
            "for name in names:\n    lm.claim(name)\nassert True",
            printed("".join(f"{it}\n" for it in lines[1:3])),
        ),
        code(
            "Audio(samples)", player(tone()), audio={"transcript": "One <tone>.", "source": "made here, CC0"}
        ),
        code(
            "a = 1\nb = 2\nlm.claim('prepared', a + b)",
            printed(f"{lines[3]}\n"),
            tags=["hide-cell"],
        ),
        code("lm.claim('told', told)\nprint(2)", printed("2\n"), tags=["hide-cell"]),
        markdown("## Summary\n\nIt falls to 1.61 nats.\n\n## Exercises"),
        code("print(1)", printed("1\n"), tags=["solution"]),
        markdown("## What the survey says"),
        markdown(NOTE, source_note=NOTED),
    ]
    notebook = v4.new_notebook(cells=cells)
    for number, cell in enumerate(cells):
        cell.id = f"c{number}"
    return notebooks.normalise(notebook)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built page of the small chapter."""
    root = tmp_path_factory.mktemp("marks")
    shutil.copy(ROOT / "_config.yml", root)
    shutil.copytree(ROOT / "book" / "_static", root / "book" / "_static")
    texts = {
        "_toc.yml": "format: jb-book\nroot: book/index\nchapters:\n"
        + "".join(
            f"  - file: {name}\n"
            for name in (f"notebooks/{NAME}", *(f"book/generated/{it}" for it in ("chapters", "records")))
        ),
        "book/index.md": "# The book\n\nThe chapter reaches 12.34 %.\n",
        "book/references.bib": "@misc{a, title = {A}, url = {https://arxiv.org/abs/1706.03762}}\n",
        "book/fields.toml": "",
        "requirements/notebooks.txt": "",
        "data/packages.txt": "",
        "src/largemodels/__init__.pyi": "",
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    notebook = small_chapter()
    record = {
        "chapter": NAME, "scale": "laptop", "seed": 0, "executed": "2026-11-23", "seconds": 1, "peak_memory_gb": 1,
        "data": [], "versions": {}, "hashes": {"code": records.code_hash(notebook), "pins": "", "library": {}},
        "claims": [*CLAIMS[:2], CLAIMS[2] | {"spread": SPREAD}, CLAIMS[3]],
    }  # fmt: skip
    add_chapter(root, NAME, notebook, record)
    done = subprocess.run([sys.executable, "-c", RENDER, str(root)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root / "_build" / "html" / "notebooks" / f"{NAME}.html"


@pytest.fixture
def visit(page: Path, browser: Browser) -> Iterator[Page]:
    """The page, opened from the disk."""
    base = page.parents[2].as_uri() + "/"
    with checks.opened(browser, base, f"notebooks/{NAME}.html") as opened:
        yield opened.page
        assert [
            line for line in opened.console if ".woff2" not in line
        ] == []  # Chromium lets no file: read fonts
        assert opened.outside == []


def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def test_claimed_numbers_are_marked_and_no_others(page: Path) -> None:
    marked = [tag.get_text() for tag in soup(page).select(".claimed-number")]
    assert marked == ["1.61", "12.3 %", "12 %", "12.34 %", "1.61 nats"]


def test_a_number_of_another_page_leads_to_its_chapter(page: Path) -> None:
    index = soup(page.parents[2] / "book" / "index.html")
    assert [tag["href"] for tag in index.select("a.claimed-number")] == [f"../notebooks/{NAME}.html#cell-c10"]


def test_a_note_says_what_stands_behind_a_number(page: Path) -> None:
    both, share, *_ = soup(page).select(".claim-note")
    assert [one.get_text(" ", strip=True) for one in both.select(".claim-of")] == [
        "Claim: test loss 1.612 nats, bounds 1.55 to 1.68 The cell that computed it",
        "Claim: loss at <another> seed 1.608 nats, bounds 1.5 to 1.7 The cell that computed it",
    ]
    assert [link["href"] for link in both.select("a")] == ["#cell-c8", "#cell-c10"]
    assert "over 5 seeds 11.5 to 13.25" in share.get_text()
    assert soup(page).select_one("#cell-c10.cell") is not None


def test_lines_of_claims_stay_in_the_notebook_alone(page: Path) -> None:
    assert "claim · " not in page.read_text(encoding="utf-8")
    shown = [tag.get_text() for tag in soup(page).select(".cell_output pre")]
    assert "step 1\nstep 2\n" in shown
    assert soup(page).select_one("#cell-c10 .cell_output") is None  # it printed nothing else
    source = page.parents[1].parent / "_sources" / "notebooks" / f"{NAME}.ipynb"
    assert source.read_text(encoding="utf-8").count("claim · ") == len(CLAIMS)


def test_set_up_parameters_and_settings_are_one_folded_line(visit: Page) -> None:
    box = visit.locator(".fold-opening")
    assert box.count() == 1
    assert box.bounding_box()["height"] < 60  # type: ignore[index]
    summary = box.locator("summary")
    assert summary.inner_text().strip() == "Set-up and settings"
    assert box.locator(".cell").count() == 4  # with the cell that loads what the first picture needs
    expect(box.locator("table")).to_be_hidden()
    summary.focus()
    visit.keyboard.press("Enter")
    expect(box.locator("table")).to_be_visible()
    expect(box.locator("pre").first).to_be_visible()


def test_the_first_picture_is_shown_and_its_code_opens(visit: Page) -> None:
    cell = visit.locator("#cell-c5")
    expect(cell.locator("img")).to_be_visible()
    expect(cell.locator("pre")).to_be_hidden()
    assert cell.locator("summary").inner_text().strip() == "Show the code"
    cell.locator("summary").click()
    expect(cell.locator("pre")).to_be_visible()
    assert visit.locator("#cell-c8 summary").count() == 0  # code after the first section stays open


def test_checks_alone_are_folded_under_their_count(visit: Page) -> None:
    cell = visit.locator("#cell-c10")
    assert cell.locator("summary").inner_text().strip() == "Checks: 2 claims, 1 comparison"
    expect(cell.locator("pre")).to_be_hidden()
    assert visit.locator("#cell-c8 summary").count() == 0


def test_a_cell_folded_by_hand_says_that_it_checks_if_it_shows_nothing_else(visit: Page) -> None:
    assert visit.locator("#cell-c12 summary").inner_text().strip() == "Checks: 1 claim"
    assert "Checks" not in visit.locator("#cell-c13 summary").inner_text()


def test_source_notes_are_folded(visit: Page) -> None:
    section = visit.locator("#what-the-survey-says")
    assert section.locator("h2").inner_text().startswith("What the survey says")
    assert visit.locator(".bd-toc a, .bd-sidebar-secondary a", has_text="What the survey says").count() > 0
    assert section.locator("summary").inner_text().strip() == "One note"
    expect(section.locator("blockquote")).to_be_hidden()
    section.locator("summary").click()
    expect(section.locator("blockquote")).to_contain_text("the loss has a floor")
    assert visit.locator("blockquote").count() == 1


def test_keyboard_shows_a_note_reaches_its_links_and_closes_it(visit: Page) -> None:
    first = visit.locator(".claimed").first
    note = first.locator(".claim-note")
    expect(note).to_be_hidden()
    for _ in range(200):
        visit.keyboard.press("Tab")
        if visit.evaluate("() => document.activeElement.matches('.claimed-number')"):
            break
    expect(note).to_be_visible()
    described = first.locator(".claimed-number").get_attribute("aria-describedby")
    assert described == note.get_attribute("id")
    visit.keyboard.press("Tab")
    expect(note.locator("a").nth(1)).to_be_focused()
    expect(note).to_be_visible()
    visit.keyboard.press("Escape")
    expect(note).to_be_hidden()
    visit.keyboard.press("Tab")
    expect(visit.locator(".claim-note:visible")).to_have_count(1)  # of the next number


def test_enter_leads_to_the_cell_and_opens_it(visit: Page) -> None:
    visit.locator(".claimed-number").nth(1).focus()
    visit.keyboard.press("Enter")
    expect(visit.locator("#cell-c10 pre").first).to_be_visible()
    assert visit.url.endswith("#cell-c10")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_pointer_shows_a_note_that_stays_under_it(page: Path, browser: Browser, scripts: bool) -> None:
    context = browser.new_context(viewport=checks.DESKTOP, java_script_enabled=scripts)
    visit = context.new_page()
    visit.goto(page.as_uri())
    for place in (0, 2):  # in a line of text, in a table
        claimed = visit.locator(".claimed").nth(place)
        claimed.locator(".claimed-number").hover()
        note = claimed.locator(".claim-note")
        expect(note).to_be_visible()
        if scripts:
            note.locator("a").first.hover()
            expect(note).to_be_visible()
        visit.mouse.move(5, 5)
        expect(note).to_be_hidden()
    context.close()


def test_a_tap_shows_a_note_and_the_next_one_leads_on(page: Path, browser: Browser) -> None:
    context = browser.new_context(viewport=checks.PHONE, has_touch=True, is_mobile=True)
    visit = context.new_page()
    visit.goto(page.as_uri())
    visit.locator("summary", has_text="More").tap()
    for place in range(visit.locator(".claimed").count()):
        claimed = visit.locator(".claimed").nth(place)
        claimed.locator(".claimed-number").tap()
        note = claimed.locator(".claim-note")
        expect(note).to_be_visible()
        expect(visit.locator(".claim-note:visible")).to_have_count(1)
        box = note.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= checks.PHONE["width"]
        assert "#cell" not in visit.url
    visit.locator(".claim-note:visible a").first.tap()
    assert "#cell-c8" in visit.url
    context.close()


@pytest.mark.parametrize("window", [checks.DESKTOP, checks.PHONE], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wrong_with_an_open_page(page: Path, browser: Browser, window, theme) -> None:
    """Every fold and every note in turn is open when axe looks at it."""
    with checks.opened(browser, page.parents[2].as_uri() + "/", f"notebooks/{NAME}.html", theme) as opened:
        visit = opened.page
        visit.set_viewport_size(window)
        visit.wait_for_timeout(600)  # the page's own scripts wait before they act
        visit.evaluate("() => document.querySelectorAll('details').forEach(it => { it.open = true })")
        # The theme's side bar slides out of a narrow window, and what is unfolded fades in.
        visit.wait_for_function("() => document.getAnimations().every(it => it.playState !== 'running')")
        for place in range(visit.locator(".claimed-number").count()):
            visit.locator(".claimed-number").nth(place).focus()
            expect(visit.locator(".claim-note:visible")).to_have_count(1)
            assert checks.overflow(visit, window) == []
            if place in (0, 2):  # in a line of text, in a table
                assert checks.accessibility(visit) == []
        assert checks.outside_requests(opened) == []


def test_without_colour_a_number_is_still_marked(visit: Page) -> None:
    style = "() => getComputedStyle(document.querySelector('.claimed-number'))"
    assert visit.evaluate(f"{style.removeprefix('() => ')}.textDecorationStyle") == "dotted"
    assert visit.evaluate(f"{style.removeprefix('() => ')}.textDecorationLine") == "underline"


def test_a_sound_has_a_player_with_its_words(visit: Page) -> None:
    sound = visit.locator("audio")
    expect(sound).to_be_visible()
    described = sound.get_attribute("aria-describedby")
    assert visit.locator(f"#{described}").inner_text() == "One <tone>."
    assert "Source: made here, CC0" in visit.locator(".sound-caption").inner_text()
    visit.wait_for_function("() => document.querySelector('audio').duration > 0.1")


def test_the_card_of_the_chapter_has_its_picture(page: Path) -> None:
    card = soup(page.parents[2] / "book" / "generated" / "chapters.html").select_one(".chapter-card")
    assert card is not None
    image = card.select_one("img")
    assert image is not None
    assert image["alt"] == "The loss falls from step to step."
    assert (page.parents[2] / "book" / "generated" / str(image["src"])).is_file()
    assert f"{NAME}.html" in str(card.select_one("a")["href"])  # type: ignore[index]
    assert "2 min · 1 GB · Shakespeare" in card.get_text()
