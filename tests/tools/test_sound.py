"""A sound needs its words, its source, and little room."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from nbformat import NotebookNode, v4

from tests.tools.examples import code
from tools import notebooks, sound

SAID = {"transcript": "A tone.", "source": "made here, CC0"}


def cell(html: str, said: dict[str, Any] | None = None) -> NotebookNode:
    """A cell that has played this."""
    output = v4.new_output("display_data", data={"text/html": html, "text/plain": "<Audio>"})
    made = code("Audio(samples)", output, **({"audio": said} if said else {}))
    made.execution_count = 1
    return made


def player(n_bytes: int = 100, more: str = "") -> str:
    text = base64.b64encode(bytes(n_bytes)).decode()
    return f'<audio controls="controls" {more}><source src="data:audio/wav;base64,{text}" type="audio/wav" /></audio>'


def test_a_sound_with_its_words_passes() -> None:
    assert list(sound.faults(cell(player(sound.BYTES), SAID))) == []
    assert list(sound.faults(code("1"))) == []


@pytest.mark.parametrize(
    ("html", "said", "message"),
    [
        (player(), None, "needs audio.transcript"),
        (player(), {"transcript": "A tone."}, "needs audio.source"),
        (player(), {"transcript": " ", "source": "CC0"}, "needs audio.transcript"),
        (player(sound.BYTES + 1), SAID, "300,001 bytes"),
        (player() * 2, SAID, "one cell for each sound"),
        (player(more='autoplay="autoplay"'), SAID, "starts by itself"),
        ('<audio controls src="https://example.org/a.mp3"></audio>', SAID, "fetched from elsewhere"),
        ('<audio><source src="a.wav"></audio>', SAID, "fetched from elsewhere"),
        ("<p>quiet</p>", SAID, "plays none"),
    ],
)
def test_planted_faults(html: str, said: dict[str, Any] | None, message: str) -> None:
    found = list(sound.faults(cell(html, said)))
    assert any(message in it for it in found), found


def test_a_sound_that_no_browser_shows() -> None:
    output = v4.new_output("display_data", data={"audio/wav": "AAAA"})
    assert "IPython.display.Audio" in next(sound.faults(code("x", output)))


def test_the_output_of_ipython_is_understood() -> None:
    display = pytest.importorskip("IPython.display")
    html = display.Audio([0.0, 0.5, -0.5] * 700, rate=8000)._repr_html_()
    found = list(sound.faults(cell(html)))
    assert len(found) == 2, found  # transcript and source
    assert list(sound.faults(cell(html, SAID))) == []


def test_metadata_of_a_sound_are_kept() -> None:
    (kept,) = notebooks.normalise(v4.new_notebook(cells=[cell(player(), SAID)])).cells
    assert kept.metadata == {"audio": SAID}
