"""The table of part 6 is made from claims, and its verdicts from intervals."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools import contents, fields, records
from tools.notebooks import ROOT

ROW = {
    "chapter": "05_project/small",
    "field": "language",
    "task": "telling | topics",
    "before": "counting",
    "large": "a network",
    "unit": "points",
    "gain": "gain",
    "low": "at least",
    "high": "at most",
    "cost": "times",
}


@pytest.fixture
def claimed(book: Path) -> Path:
    """The small book with a row and the claims that it names."""
    path = records.path("05_project/small", book)
    record = json.loads(path.read_text(encoding="utf-8"))
    numbers = {"gain": 3.261, "at least": -0.52, "at most": 7.1, "times": 1234.0}
    record["claims"] += [
        {"name": name, "value": value, "low": -10, "high": 2000, "unit": ""}
        for name, value in numbers.items()
    ]
    path.write_text(json.dumps(record), encoding="utf-8")
    write(book, ROW)
    return book


def write(book: Path, *rows: dict[str, Any]) -> None:
    lines = [line for row in rows for line in ("[[row]]", *(f"{it} = {json.dumps(row[it])}" for it in row))]
    (book / "book" / "fields.toml").write_text("\n".join(lines), encoding="utf-8")


def test_a_row_shows_its_claims(claimed: Path) -> None:
    line = fields.table(claimed).splitlines()[-1]
    assert line.startswith("| language | [telling \\| topics](/notebooks/05_project/small.ipynb ")
    assert line.endswith(
        "| counting | a network | +3.3 points (−0.5 to +7.1) | 1,000 times as long | no difference found |"
    )


def test_verdicts_are_counted(claimed: Path) -> None:
    down = {"low": "at least", "high": "at least", "gain": "at least"}
    up = {"low": "gain", "high": "at most"}
    write(claimed, ROW, ROW | up, ROW | down, ROW | down, ROW | down)
    assert fields.verdicts(claimed) == (
        "Of the 5 comparisons in its table the large model gains in 1 and loses in 3; in 1 no difference was found.\n"
    )
    write(claimed)
    assert fields.verdicts(claimed) == "The table has no row yet.\n"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 3, "gains"),
        (-2, 0.1, "no difference found"),
        (-2, -0.1, "loses"),
        (0, 1, "no difference found"),
        (-1, 0, "no difference found"),
    ],
)
def test_the_verdict_follows_from_the_interval(low: float, high: float, said: str) -> None:
    assert fields.verdict(low, high) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-6, 4, "+3 points (−6 to +4)"),
        (2.5, 4, "+3.3 points (+2.5 to +4.0)"),
        (3.2, 3.35, "+3.26 points (+3.20 to +3.35)"),
        (3.26, 3.27, "+3.261 points (+3.260 to +3.270)"),
    ],
)
def test_the_width_decides_on_decimals(low: float, high: float, said: str, claimed: Path) -> None:
    path = records.path("05_project/small", claimed)
    record = json.loads(path.read_text(encoding="utf-8"))
    for claim in record["claims"]:
        claim["value"] = {"at least": low, "at most": high, "times": 0.034}.get(claim["name"], claim["value"])
    path.write_text(json.dumps(record), encoding="utf-8")
    line = fields.table(claimed).splitlines()[-1]
    assert f"| {said} | 0.03 times as long |" in line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cost": "no such claim"}, "does not claim 'no such claim'"),
        ({"high": "at least"}, r"the gain 3\.261 is not within -0\.52 to -0\.52"),
        ({"verdict": "gains"}, "verdict missing or unknown"),
    ],
)
def test_a_wrong_row_is_refused(change: dict[str, str], said: str, claimed: Path) -> None:
    write(claimed, {**ROW, **change})
    with pytest.raises(ValueError, match=said):
        fields.table(claimed)


def test_a_row_needs_the_record_of_its_chapter(claimed: Path) -> None:
    records.path("05_project/small", claimed).unlink()
    with pytest.raises(ValueError, match="05_project/small: this chapter has no record"):
        fields.table(claimed)


def test_an_edition_leaves_out_the_rows_of_other_chapters(claimed: Path) -> None:
    write(claimed, ROW, {**ROW, "chapter": "06_applications/elsewhere"})
    assert [row["chapter"] for row in fields.rows(claimed)] == ["05_project/small"]


def test_every_row_is_of_a_chapter() -> None:
    written = tomllib.loads((ROOT / "book" / "fields.toml").read_text(encoding="utf-8"))["row"]
    assert [row["chapter"] for row in written] == [row["chapter"] for row in fields.rows()]


def test_every_chapter_of_part_6_has_a_row() -> None:
    (part,) = (part for part in contents.parts() if part.page == "06_applications")
    named = [row["chapter"] for row in fields.rows()]
    assert list(dict.fromkeys(named)) == list(part.chapters)


def test_without_rows_the_page_says_so(book: Path) -> None:
    assert "follows" in fields.table(book)
