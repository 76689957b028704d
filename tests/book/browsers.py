"""The browser of the tests: which one, its minimum version, and its fonts.

Chromium is a program of the system, not a package pinned with pip; a test run prints its version at the beginning.
The fonts are fixed: a page without fonts of its own is set in DejaVu, which matplotlib carries, whatever fonts the
machine has. DejaVu is wider than most systems' fonts, so what fits in it fits in the others.
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import matplotlib
from playwright.sync_api import Browser, Playwright

VARIABLE = "LARGEMODELS_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome")
MINIMUM = 121  # the first version whose checkVisibility() considers the property visibility
INSTALL = f"install it (Debian: apt install chromium), or name another Chromium: {VARIABLE}=/path/to/it"

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
  <alias binding="strong"><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias binding="strong"><family>serif</family><prefer><family>DejaVu Serif</family></prefer></alias>
  <alias binding="strong"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


def chromium() -> str | None:
    """Path of the browser, or None where there is none.

    Raises `FileNotFoundError` if the variable names a program that is not there.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if found := shutil.which(named):
            return found
        raise FileNotFoundError(f"{VARIABLE}={named}: there is no such program; name another or unset it")
    return next(filter(None, map(shutil.which, NAMES)), None)


@functools.cache
def version(path: str) -> str:
    """What the browser calls itself, such as "Chromium 156.0.8078.108"."""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=60).stdout
    return said.partition(" built on")[0].strip()


def too_old(said: str) -> str:
    """One line if the browser with this version is older than the tests need, else an empty text."""
    number = re.search(r"(\d+)\.\d+", said)
    if number and int(number[1]) < MINIMUM:
        return f"{said} is too old for the page tests, which need {MINIMUM} or newer: {INSTALL}"
    return ""


def described() -> str:
    """The browser, for the beginning of a test run."""
    try:
        path = chromium()
    except FileNotFoundError as error:
        return str(error)
    return f"{version(path)} ({path})" if path else f"none; the page tests cannot run: {INSTALL}"


@functools.cache
def fonts_conf() -> Path:
    """Settings of fontconfig (Linux) that allow only DejaVu."""
    folder = Path(tempfile.mkdtemp(prefix="largemodels-fonts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    path = folder / "fonts.conf"
    path.write_text(FONTS.format(fonts=fonts, cache=folder / "cache"), encoding="utf-8")
    return path


def launch(playwright: Playwright) -> Browser:
    """Start the browser with DejaVu as its only font."""
    return playwright.chromium.launch(
        executable_path=chromium(),
        args=FLAGS,
        env={**os.environ, "FONTCONFIG_FILE": str(fonts_conf())},
    )
