"""Take the screenshot of the app that its chapter shows.

    python -m tools.app_picture

SmolLM2-135M-Instruct answers in the app, which is started as ``largemodels app`` starts it and controlled in Chromium.
The tests use the same functions with a tiny model.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "book" / "_static" / "app.png"
PROMPT, TEXT, STATE, SEED = (f"#{name} :is(textarea, input)" for name in ("prompt", "text", "state", "seed"))
ANSWERS = "#said .bot.message"
MESSAGES, SEED_OF_PICTURE = ("What is the capital of France?", "Give me three ideas for a rainy Sunday."), 0


def begin(page: Page, prompt: str, *, tokens: int = 200, seed: int | None = None) -> None:
    """Fill in the form of the app and press the button."""
    page.locator(PROMPT).fill(prompt)
    page.locator(SEED).fill("" if seed is None else str(seed))
    number = page.get_by_label("number input for Tokens to generate")
    number.fill(str(tokens))
    number.blur()
    page.get_by_role("button", name="Write").click()


def say(page: Page, message: str, *, tokens: int = 200, seed: int | None = None) -> None:
    """Send a message in the chat of the app."""
    page.locator(SEED).fill("" if seed is None else str(seed))
    number = page.get_by_label("number input for Tokens to generate")
    number.fill(str(tokens))
    number.blur()
    page.locator("#message textarea").fill(message)
    page.locator("#message textarea").press("Enter")


def finished(page: Page, patience: float = 120) -> None:
    """Wait until the text is written.

    Raises:
        TimeoutError: if it does not end in time.
    """
    end = time.monotonic() + patience
    while not page.locator(STATE).input_value().startswith("Done"):
        if time.monotonic() > end:
            raise TimeoutError(f"The app did not end its text within {patience:.0f} s.")
        page.wait_for_timeout(50)


def picture(page: Page, path: Path) -> None:
    """Take a screenshot, a PNG whose number of colours is reduced as far as it does not show."""
    from PIL import Image

    page.mouse.move(0, 0)
    taken = Image.open(io.BytesIO(page.screenshot()))
    taken.convert("RGB").quantize(64).save(path, optimize=True)


def main() -> None:
    """Start the app with SmolLM2, ask it twice and take the screenshot."""
    from largemodels.app.pages import AppConfig, Writer, serving
    from largemodels.pretrained.smollm2 import load_smollm2
    from tests.book.browsers import launch

    writer = Writer({"smollm2": load_smollm2()}, AppConfig())
    with serving(writer) as address, sync_playwright() as playwright:
        # Without the status, which tells how busy the machine was.
        page = launch(playwright).new_page(viewport={"width": 1280, "height": 652})
        page.goto(address)
        for number, message in enumerate(MESSAGES, start=1):
            page.locator(STATE).evaluate("field => field.value = ''")  # "Done" of the message before
            say(page, message, tokens=90, seed=SEED_OF_PICTURE)
            page.wait_for_function("n => document.querySelectorAll('#said .bot').length >= n", arg=number)
            finished(page)
        picture(page, PICTURE)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
