"""Markdown as the book reads it: its blocks, its pictures, and the syntax that only MyST knows.

Notebooks and pages are parsed with the plugins that the book itself uses, so that code, formulas and
comments are distinguished from prose in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin
from mdit_py_plugins.substitution import substitution_plugin

LINK = "\ue001"  # represents the target of a link in a plain text

# Directives whose body is not prose.
NOT_PROSE = {"code", "code-block", "code-cell", "literalinclude", "math", "mermaid", "eval-rst", "raw"}
NOT_PROSE |= {"bibliography", "toctree", "tableofcontents", "automodule", "autoclass", "autofunction"}

MYST_ONLY = {
    "myst_role": "a role",
    "myst_target": "a target",
    "myst_line_comment": "a line that begins with % (a comment to MyST)",
    "myst_block_break": "a block break +++",
    "substitution_inline": "a substitution {{ }}",
    "substitution_block": "a substitution {{ }}",
    "colon_fence": "a directive :::",
    "dl_open": "a definition list",
    "footnote_ref": "a footnote",
    "front_matter": "front matter",
}

_OPTIONS = re.compile(r"\A(?:---\n[\s\S]*?\n---\n|(?:\s*:[\w-]+:.*(?:\n|\Z))+)")


# Brackets, letters of any language and most signs may stand in an address; quotation marks, private characters such as
# LINK, and the full-width punctuation of Chinese end it.
_BARE = re.compile(r"https?://[^\s<>\"'`|\\“”‘’«»\ue000-\uf8ff\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]+")
_OPENED = {")": "(", "]": "[", "}": "{"}
_LINK_IN_TEXT = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?:[^()\s]|\([^()]*\))*\)")


def addresses(text: str) -> list[tuple[int, int]]:
    """Start and end of each bare address in a text.

    As on GitHub, punctuation at its end, and a bracket that it does not open, belong to the sentence around it.
    """
    found = []
    for match in _BARE.finditer(text):
        address = match[0]
        while address[-1] in ".,;:!?*~…" or (
            address[-1] in _OPENED and address.count(address[-1]) > address.count(_OPENED[address[-1]])
        ):
            address = address[:-1]
        if not address.endswith("/") or address.count("/") > 2:
            found.append((match.start(), match.start() + len(address)))
    return found


def without_addresses(text: str, instead: str) -> str:
    """A text in which something else stands for each bare address."""
    for start, end in reversed(addresses(text)):
        text = text[:start] + instead + text[end:]
    return text


def literal(text: str) -> str:
    """One line that means nothing to Markdown, in a table or elsewhere: `$`, `*` and `{` show as they are."""
    return re.sub(r"([\\`*_{}\[\]$<>&|~^#])", r"\\\1", re.sub(r"\s+", " ", text))


def unlinked(text: str) -> str:
    """Markdown with the text of its links alone, for another place: there a relative link would lead elsewhere."""
    return _LINK_IN_TEXT.sub(r"\1", text)


@dataclass(frozen=True)
class Image:
    """A picture in Markdown or HTML."""

    source: str
    alt: str


class Html(HTMLParser):
    """Collects the text, the links and the pictures of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.images: list[Image] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what a link or a picture points to."""
        found = dict(attrs)
        if tag == "img":
            self.images.append(Image(found.get("src") or "", found.get("alt") or ""))
        elif tag == "a" and found.get("href"):
            self.links.append(found["href"] or "")
            self.text += LINK
        elif tag in ("p", "li", "tr", "br", "div", "summary", "details"):
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        """Keep the text between tags."""
        self.text += data


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table")
    for plugin in (front_matter_plugin, footnote_plugin, deflist_plugin, dollarmath_plugin, amsmath_plugin):
        parser.use(plugin)
    for plugin in (colon_fence_plugin, myst_block_plugin, myst_role_plugin, substitution_plugin):
        parser.use(plugin)
    return parser


def blocks(text: str) -> list[Token]:
    """Parse Markdown into block tokens; the body of a directive that holds prose is parsed as well."""
    found = []
    for token in _parser().parse(text):
        found.append(token)
        directive = re.match(r"\{([^}]+)\}", token.info.strip())
        if token.type in ("fence", "colon_fence") and directive and directive[1] not in NOT_PROSE:
            found += blocks(_OPTIONS.sub("", token.content))
    return found


def _inline(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from token.children or []


def myst_only(text: str) -> list[str]:
    """What in a text works only in MyST and would appear as raw text in JupyterLab or on GitHub."""
    found = [MYST_ONLY[token.type] for token in _inline(blocks(text)) if token.type in MYST_ONLY]
    fences = [token.info.strip() for token in blocks(text) if token.type == "fence"]
    return found + [f"a directive {info}" for info in fences if info.startswith("{")]


def images(text: str) -> list[Image]:
    """All pictures of a text, in Markdown or HTML."""
    found = []
    for token in _inline(blocks(text)):
        if token.type == "image":
            found.append(Image(str(token.attrs["src"]), token.content))
        elif token.type in ("html_inline", "html_block"):
            found += Html(token.content).images
    return found
