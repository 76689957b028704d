"""Sound in a chapter: what a cell must say about it, and how the page shows it.

`IPython.display.Audio(samples, rate=16_000)` plays in JupyterLab, on Colab and on the page, from data that is stored in
the notebook. The cell's metadata say what is heard and who made it:

    {"audio": {"transcript": "Words, or what the sound is.", "source": "Who made it, licence."}}
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator

from docutils import nodes
from nbformat import NotebookNode

BYTES = 300_000  # of one sound; 16,000 samples of 16 bits a second are 32,000
_PLAYER = re.compile(r"<audio\b")
_EMBEDDED = re.compile(r"data:audio/[\w.+-]+;base64,([A-Za-z0-9+/=\s]+)")
_ELSEWHERE = re.compile(r"<(?:audio|source)\b[^>]*\bsrc=[\"']?(?!data:)([^\"'\s>]+)", re.I)


def faults(cell: NotebookNode) -> Iterator[str]:
    """What is wrong with the sounds that a cell puts out."""
    said = cell.metadata.get("audio", {})
    data = [output.get("data", {}) for output in cell.outputs]
    players = "".join(one["text/html"] for one in data if _PLAYER.search(one.get("text/html", "")))
    count = len(_PLAYER.findall(players))
    if any(kind.startswith("audio/") for one in data for kind in one):
        yield "has a sound that browsers cannot play; use IPython.display.Audio"
    if said and cell.execution_count and not count:
        yield "has metadata for a sound but plays none; play one, or remove the metadata"
    if not count:
        return
    if count > 1:
        yield f"plays {count} sounds, which would share one transcript; use one cell for each sound"
    for name, meaning in {"transcript": "what is heard", "source": "who made it and its licence"}.items():
        if not str(said.get(name, "")).strip():
            yield f"the sound needs audio.{name} in the cell's metadata: {meaning}"
    if match := _ELSEWHERE.search(players):
        yield f"the sound {match[1][:60]} is fetched from elsewhere; embed it"
    if "autoplay" in players:
        yield "the sound starts by itself; switch autoplay off"
    largest = max((len(base64.b64decode(text)) for text in _EMBEDDED.findall(players)), default=0)
    if largest > BYTES:
        yield f"the sound has {largest:,} bytes, {BYTES:,} are allowed; take fewer samples a second, or fewer seconds"


def name_player(cell: nodes.Element, said: dict[str, str], place: int) -> None:
    """Give the player of a cell on the page its name, its transcript and its source."""
    for raw in list(cell.findall(nodes.raw)):
        if "html" not in raw.get("format", "") or not _PLAYER.search(raw.astext()):
            continue
        label = f"sound-{place}"
        named = f'<audio class="sound" aria-label="Sound" aria-describedby="{label}"'
        player = _PLAYER.sub(named, raw.astext())
        words, source = (html.escape(str(said.get(name, ""))) for name in ("transcript", "source"))
        caption = (
            f'<p class="sound-caption"><span id="{label}">{words}</span> <span>Source: {source}</span></p>'
        )
        raw.children = [nodes.Text(f"{player}\n{caption}")]
