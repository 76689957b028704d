"""Compare links of notebooks and citations of pages with the bibliography, `book/references.bib`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from markdown_it.common.normalize_url import normalizeLink
from nbformat import NotebookNode
from pybtex.database import parse_string
from pybtex.errors import capture

from tools.markdown import addresses
from tools.notebooks import ROOT, tags, where
from tools.passages import links

BIBLIOGRAPHY = ROOT / "book" / "references.bib"
_OWN = {"localhost", "127.0.0.1", "0.0.0.0"}  # what a chapter serves on the reader's machine


@dataclass
class Bibliography:
    """Entries by key and by address, and what is wrong with them."""

    addresses: dict[str, str] = field(default_factory=dict)  # address -> key
    keys: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    @property
    def cited(self) -> set[str]:
        """What counts as a source beside a number: every address, and every key as "cite:KEY"."""
        return {*self.addresses, *(f"cite:{key}" for key in self.keys)}


def bibliography(path: Path = BIBLIOGRAPHY, text: str | None = None) -> Bibliography:
    """Read the bibliography; faults of the file itself are in `problems`."""
    found = Bibliography()
    place = where(path)
    with capture() as errors:
        data = parse_string(path.read_text(encoding="utf-8") if text is None else text, "bibtex")
    found.problems += [f"{place}: {error}" for error in errors]
    for key, entry in data.entries.items():
        found.keys.add(key)
        address = normalizeLink(re.sub(r"\\([_%&#~])", r"\1", entry.fields.get("url", "").strip()))
        if not address.startswith(("http://", "https://")):
            found.problems.append(f"{place}: {key} has no url; add the address that notebooks link to")
        elif address in found.addresses:
            other = found.addresses[address]
            found.problems.append(f"{place}: {key} has the url of {other}; keep one of the two")
        else:
            found.addresses[address] = key
    return found


def problems(path: Path, notebook: NotebookNode, entries: Bibliography) -> list[str]:
    """Addresses of a notebook without an entry, and links to files that are not there."""
    found = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            targets = links(cell.source)
        elif "setup" in tags(cell):
            targets = []  # the address of the book itself
        else:
            targets = [normalizeLink(cell.source[start:end]) for start, end in addresses(cell.source)]
        found += [f"{where(path, index)}: {it}" for it in _faults(path, targets, entries)]
    return found


def _faults(path: Path, targets: list[str], entries: Bibliography) -> list[str]:
    found = []
    for target in dict.fromkeys(targets):
        parts = urlsplit(target)
        if target.startswith("cite:"):
            continue  # a role, which tools.cells reports
        if parts.scheme in ("http", "https"):
            if target not in entries.addresses and parts.hostname not in _OWN:
                found.append(f"{target} is not the url of any entry in {where(BIBLIOGRAPHY)}; add one")
        elif parts.scheme:
            found.append(f"{target} is neither http(s) nor a file of the book")
        elif file := unquote(urldefrag(target).url):
            whole = (path.parent / file).resolve()
            generated = whole.is_relative_to(ROOT / "book" / "generated")
            if not generated and not (whole.is_relative_to(ROOT) and whole.exists()):
                found.append(f"the link to {file} does not lead to a file of the book; correct it")
    return found


def page_problems(path: Path, entries: Bibliography, text: str | None = None) -> list[str]:
    """Keys that a page cites but the bibliography does not have."""
    text = path.read_text(encoding="utf-8") if text is None else text
    cited = [link.removeprefix("cite:") for link in links(text) if link.startswith("cite:")]
    return [
        f"{where(path)}: {{cite}} names {key}, which is not a key in {where(BIBLIOGRAPHY)}; add it"
        for key in dict.fromkeys(cited)
        if key not in entries.keys
    ]
