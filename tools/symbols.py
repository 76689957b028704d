r"""Symbols of formulas: each that a chapter of part 4 uses is on the notation page or in the chapter's own table.

    python -m tools.symbols 04_math/attention_by_hand …

A symbol is a letter, Latin or Greek, with its accents and alphabet: x, \theta, \hat{x} and \mathcal{L} are four.
Indices count as symbols of their own, and make no new one of the letter that bears them: a formula with x_t uses x and
t. Names in \text, \mathrm and \operatorname are words.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from markdown_it.token import Token
from nbformat import NotebookNode

from tools import notebooks
from tools.markdown import blocks
from tools.notebooks import ROOT, where

PART = "04_math/"
NOTATION = ROOT / "book" / "notation.md"

_WORDS = re.compile(r"\\(?:text\w*|mathrm|operatorname\*?|begin|end|label|tag|hspace\*?)\s*\{[^{}]*\}")
_ACCENTS = r"\\(?:hat|bar|tilde|dot|ddot|vec|check|mathcal|mathbf|mathbb|mathfrak|boldsymbol|underline)"
_GREEK = (
    r"\\(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon"
    r"|phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega)(?![A-Za-z])|\\ell(?![A-Za-z])"
)
_TOKEN = re.compile(
    rf"(?P<accent>{_ACCENTS}(?![A-Za-z]))|(?P<letter>{_GREEK}|[A-Za-z])|(?P<other>\\[A-Za-z]+|\S)"
)


def in_formula(latex: str) -> Iterator[str]:
    r"""The symbols of one formula, in order, an accent in the form \hat{x}."""
    accents: list[str] = []
    brace = False  # whether a brace has opened after the last accent
    for token in _TOKEN.finditer(_WORDS.sub(" ", latex)):
        if token["accent"]:
            accents.append(token["accent"])
            brace = False
        elif token["letter"]:
            symbol = token["letter"]
            for accent in reversed(accents):
                symbol = f"{accent}{{{symbol}}}"
            yield symbol
            accents = accents if brace else []
        elif token["other"] == "{" and accents:
            brace = True
        else:
            accents, brace = [], False


def _formulas(tokens: list[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "amsmath" or token.type.startswith("math_"):
            yield token.content
        yield from _formulas(token.children or [])


def used(text: str) -> dict[str, str]:
    """Each symbol of a text's formulas, with the first formula that has it."""
    found: dict[str, str] = {}
    for formula in _formulas(blocks(text)):
        for symbol in in_formula(formula):
            found.setdefault(symbol, " ".join(formula.split()))
    return found


def declared(text: str) -> set[str]:
    """Symbols in those columns of a text's tables whose heading is "symbol"."""
    found: set[str] = set()
    column, of_symbols = 0, -1
    tokens = blocks(text)
    for index, token in enumerate(tokens):
        if token.type == "table_open":
            of_symbols = -1
        elif token.type == "tr_open":
            column = 0
        elif token.type in ("th_open", "td_open"):
            cell = tokens[index + 1]
            if token.type == "th_open" and cell.content.strip() == "symbol":
                of_symbols = column
            elif column == of_symbols:
                found |= {symbol for formula in _formulas([cell]) for symbol in in_formula(formula)}
            column += 1
    return found


def problems(path: Path, notebook: NotebookNode) -> list[str]:
    """Symbols that a chapter of part 4 uses and nobody declares, and those it declares and does not use."""
    if not notebooks.chapter_of(path).startswith(PART):
        return []
    notation = declared(NOTATION.read_text(encoding="utf-8"))
    cells = [
        (index, cell.source) for index, cell in enumerate(notebook.cells) if cell.cell_type == "markdown"
    ]
    own = {symbol for _, source in cells for symbol in declared(source)}
    found, seen, outside = [], set[str](), set[str]()
    for index, source in cells:
        table = declared(source)
        for symbol, formula in used(source).items():
            if symbol not in notation | own | seen:
                found.append(
                    f"{where(path, index)}: ${symbol}$ in ${formula[:60]}$ is neither on the notation page nor in a "
                    "table of the chapter whose column has the heading symbol"
                )
            seen.add(symbol)
            outside |= {symbol} - table
    return found + [
        f"{path.name}: the table of symbols lists ${symbol}$, and no formula outside of it uses it"
        for symbol in sorted(own - outside)
    ]


def main() -> int:
    """Print the problems of the chapters named."""
    if not (chapters := sys.argv[1:]):
        sys.exit("Name chapters: python -m tools.symbols 04_math/attention_by_hand")
    found = []
    for chapter in chapters:
        path = notebooks.path_of(chapter)
        found += problems(path, notebooks.read(path))
    print("\n".join(found or ["ok: every symbol is declared"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
