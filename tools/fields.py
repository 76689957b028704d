"""The table of part 6: for each field, what a large model gains over the earlier method, and what an answer costs.

Its rows are in `book/fields.toml`; every number is the value of a claim in the chapter's record. What the table calls
the verdict follows from the interval alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools import notebooks, pages, records
from tools.markdown import unlinked
from tools.notebooks import ROOT

TEXTS = ("chapter", "field", "task", "before", "large", "unit")
CLAIMS = ("gain", "low", "high", "cost")


def rows(root: Path = ROOT) -> list[dict[str, Any]]:
    """The rows of `book/fields.toml`, with the numbers that their claims have in the chapters' records.

    An edition has the rows of its own chapters alone.

    Raises:
        ValueError: if a row lacks a field or has one too many, or names a chapter or a claim that is not there, or if
            the gain is not inside its interval.
    """
    table = tomllib.loads((root / "book" / "fields.toml").read_text(encoding="utf-8"))
    there = notebooks.chapters(root)
    return [_row(row, root) for row in table.get("row", []) if row.get("chapter", there[0]) in there]


def _row(row: Mapping[str, str], root: Path) -> dict[str, Any]:
    where = f"book/fields.toml, {row.get('chapter', 'a row without chapter')}"
    if wrong := sorted(row.keys() ^ {*TEXTS, *CLAIMS}):
        raise ValueError(f"{where}: {', '.join(wrong)} missing or unknown")
    record = records.load(row["chapter"], root)
    if record is None:
        raise ValueError(f"{where}: this chapter has no record; run make chapter CH={row['chapter']}")
    values = {claim["name"]: claim["value"] for claim in record["claims"]}
    if missing := [row[name] for name in CLAIMS if row[name] not in values]:
        raise ValueError(f"{where}: the chapter does not claim {missing[0]!r}")
    found = {**row, **{name: values[row[name]] for name in CLAIMS}}
    if not found["low"] <= found["gain"] <= found["high"]:
        raise ValueError(
            f"{where}: the gain {found['gain']:.4g} is not within {found['low']:.4g} to {found['high']:.4g}"
        )
    return found


def verdict(low: float, high: float) -> str:
    """What an interval of the gain says."""
    return "gains" if low > 0 else "loses" if high < 0 else "no difference found"


def verdicts(root: Path = ROOT) -> str:
    """One sentence that counts the verdicts of the table, for the pages that lean on it."""
    said = [verdict(row["low"], row["high"]) for row in rows(root)]
    if not said:
        return "The table has no row yet.\n"
    return (
        f"Of the {len(said)} comparisons in its table the large model gains in {said.count('gains')} and loses in "
        f"{said.count('loses')}; in {said.count('no difference found')} no difference was found.\n"
    )


def table(root: Path = ROOT) -> str:
    """The table for the page of part 6, or a sentence while there is no row."""
    found = rows(root)
    if not found:
        return "The table follows with the first chapters.\n"
    heads = [
        "field",
        "task",
        "method before",
        "large model",
        "gain, 95 % interval",
        "an answer takes",
        "verdict",
    ]
    lines = []
    for row in found:
        title = unlinked(notebooks.title(notebooks.read(notebooks.path_of(row["chapter"], root))))
        decimals = _decimals(row["high"] - row["low"])
        gain, low, high = (f"{row[name]:+.{decimals}f}".replace("-", "−") for name in ("gain", "low", "high"))
        cells = [
            row["field"],
            f'[{row["task"]}](/notebooks/{row["chapter"]}.ipynb "{title}")',
            row["before"],
            row["large"],
            f"{gain} {row['unit']} ({low} to {high})",
            f"{_rounded(row['cost'])} times as long",
            verdict(row["low"], row["high"]),
        ]
        lines.append([pages.in_cell(cell) for cell in cells])
    return pages.table(heads, lines) + "\n"


def _decimals(width: float) -> int:
    """How many decimals a number with an interval of this width deserves: two digits of the width."""
    return 0 if width >= 10 else 1 if width >= 1 else 2 if width >= 0.1 else 3


def _rounded(ratio: float) -> str:
    """A ratio of times, which differs from run to run, to one digit."""
    return f"{float(f'{ratio:.1g}'):,.0f}" if ratio >= 1 else f"{ratio:.1g}"
