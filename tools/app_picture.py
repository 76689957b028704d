"""Take the screenshot of the app that its chapter shows.

    python -m tools.app_picture

SmolLM2 continues a text in the app, which is started as ``largemodels app`` starts it and controlled in Chromium. The
tests use the same functions with a tiny model.
"""

from __future__ import annotations

import io
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "book" / "_static" / "app.png"
PROMPT, TEXT, STATE, SEED = (f"#{name} :is(textarea, input)" for name in ("prompt", "text", "state", "seed"))


def begin(page: Page, prompt: str, *, tokens: int = 200, seed: int | None = None) -> None:
    """Fill in the form of the app and press the button."""
    page.locator(PROMPT).fill(prompt)
    page.locator(SEED).fill("" if seed is None else str(seed))
    number = page.get_by_label("number input for Tokens to generate")
    number.fill(str(tokens))
    number.blur()
    page.get_by_role("button", name="Write").click()


def picture(page: Page, prompt: str, path: Path, *, tokens: int, seed: int, patience: float = 120) -> None:
    """Have a text written and take a screenshot when it is finished.

    Args:
        page: of the app.
        prompt: what the text begins with.
        path: of the PNG, whose number of colours is reduced as far as it does not show.
        tokens: to write.
        seed: of the text.
        patience: seconds to wait.

    Raises:
        TimeoutError: if the text does not end in time.
    """
    from PIL import Image

    begin(page, prompt, tokens=tokens, seed=seed)
    end = time.monotonic() + patience
    while not page.locator(STATE).input_value().startswith("Done"):
        if time.monotonic() > end:
            raise TimeoutError(f"The app did not end its text within {patience:.0f} s.")
        page.wait_for_timeout(50)
    page.mouse.move(0, 0)
    taken = Image.open(io.BytesIO(page.screenshot()))
    taken.convert("RGB").quantize(64).save(path, optimize=True)


def main() -> None:
    """Start the app with SmolLM2 and take the screenshot."""
    from largemodels.app.pages import AppConfig, Writer, serving
    from largemodels.pretrained.smollm2 import load_smollm2
    from tests.book.browsers import launch

    writer = Writer({"smollm2": load_smollm2()}, AppConfig())
    with serving(writer) as address, sync_playwright() as playwright:
        page = launch(playwright).new_page(viewport={"width": 1280, "height": 760})
        page.goto(address)
        picture(page, "The best thing about a small model is", PICTURE, tokens=80, seed=1)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
