"""Prose as sentences, table rows and headings, each with the addresses of its links."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.token import Token

from tools.markdown import LINK, Html, addresses, blocks, without_addresses

CODE = "\ue000"  # represents code, a formula or a role in a passage

_ABBREVIATIONS = re.compile(r"(?:\b(?:al|vs|approx|ca|cf|Fig|Eq|Sec|No|Dr|St)|\b[A-Za-z]\.[A-Za-z])\.$")
_SENTENCE_END = re.compile(rf"[.!?][\"'”’)\]*]*{LINK}*\s+(?=[\"'“‘(\[]*[A-Z0-9{CODE}{LINK}−+-])")
_CITE = re.compile(r"cite(:\w+)?")


@dataclass(frozen=True)
class Passage:
    """A sentence, a table row or a heading, without code, formulas and markup."""

    text: str
    links: tuple[str, ...] = ()  # addresses of links, and "cite:KEY" for a citation role
    heading: int = 0  # level of a heading


def links(text: str) -> list[str]:
    """Addresses of all links of a text, bare addresses included, and "cite:KEY" for citation roles."""
    return [link for passage in passages(text) for link in passage.links]


def passages(text: str) -> list[Passage]:
    """Split a text into its sentences, table rows and headings."""
    found: list[Passage] = []
    row: list[str] | None = None
    row_links: list[str] = []
    level = 0
    for token in blocks(text):
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "heading_close":
            level = 0
        elif token.type == "tr_open":
            row, row_links = [], []
        elif token.type == "tr_close":
            found.append(Passage(" | ".join(row or []), tuple(row_links)))
            row = None
        elif token.type in ("inline", "html_block"):
            plain, linked = _plain(token)
            if row is not None:
                row.append(plain)
                row_links += linked
            elif level:
                found.append(Passage(plain, tuple(linked), level))
            else:
                found += _sentences(plain, linked)
    return found


def _plain(token: Token) -> tuple[str, list[str]]:
    """Text of a block without markup, in which a mark replaces each link's address; and these addresses."""
    text = ""
    found: list[str] = []
    open_links: list[str] = []
    for child in token.children or [token]:
        if child.type == "text" and open_links:
            text += without_addresses(child.content, "")
        elif child.type == "text":
            found += [normalizeLink(child.content[start:end]) for start, end in addresses(child.content)]
            text += without_addresses(child.content, LINK)
        elif child.type in ("softbreak", "hardbreak"):
            text += " "
        elif child.type == "image":
            text += child.content
        elif child.type in ("html_inline", "html_block"):
            html = Html(child.content)
            text += html.text
            found += map(normalizeLink, html.links)
        elif child.type == "link_open":
            open_links.append(str(child.attrs["href"]))
        elif child.type == "link_close":
            found.append(open_links.pop())
            text += LINK
        elif child.type == "myst_role" and _CITE.fullmatch(child.meta["name"]):
            keys = child.content.split(",")
            found += [f"cite:{key.strip()}" for key in keys]
            text += LINK * len(keys)
        elif child.type in ("code_inline", "math_inline", "math_inline_double", "myst_role"):
            text += CODE
    return text, found


def _sentences(text: str, linked: list[str]) -> list[Passage]:
    """Cut a paragraph into sentences, each with the links in it."""
    ends = [
        end.end()
        for end in _SENTENCE_END.finditer(text)
        if not _ABBREVIATIONS.search(text[: end.start() + 1])
    ]
    found = []
    remaining = list(linked)
    for start, stop in zip([0, *ends], [*ends, len(text)], strict=True):
        sentence = text[start:stop].strip()
        count = sentence.count(LINK)
        own, remaining = remaining[:count], remaining[count:]
        if sentence:
            found.append(Passage(sentence, tuple(own)))
    return found
