"""Write the pages made from records and notebooks: costs and claims, the audit of the article, all chapters.

    python -m tools.pages

The pages are in `book/generated/`, are not committed, and are rewritten only if they change.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from largemodels.book.start import RUN_ON
from tools import audit, cells, edition, gallery, notebooks, records, source_notes, studies
from tools.markdown import literal, unlinked

ROOT = Path(__file__).resolve().parents[1]

RECORDS_INTRODUCTION = f"""\
# Costs and claims

Each chapter has a record, written when it was last executed. The numbers on this page come from these
records, and so do the numbers in the text of the chapters: a test compares them. A chapter runs on {RUN_ON} of
a processor, without a GPU; other machines are faster or slower. The bounds of a claim are those within which the
text remains true."""

STUDIES_INTRODUCTION = """\
A study is a run over many seeds or settings, too long for a chapter, whose rows are stored with the book. When code
that it uses changes, its two cheapest rows and two drawn at random are computed again and compared with the stored
ones; if they differ, the whole study is run again. Rows are counted from 0."""

AUDIT_INTRODUCTION = """\
# What the article says and what holds

The book follows the outline of an article, which [](/book/source.md) describes. This page goes through its factual
statements, section by section and within a section in its order: what it claims, in our own words, our verdict, and
the proof. Where a chapter treats a statement, its note is repeated here and the chapter linked; where none does, the
proof is a source, or a computation that a test of the book repeats. Opinions and announcements are left out. What the
article says a second time is left out, too, unless another chapter measures it; a forecast is judged by what is known
today. The article numbers the topics of section 2 twice, and both stand together here under their number. What it does
not say is no fault by itself."""


def duration(seconds: float) -> str:
    """A time as a reader plans with it."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def amount(value: float, unit: str) -> str:
    """A claim's number as `lm.claim` prints it."""
    return f"{value:.4g} {unit}".strip()


def in_cell(text: str) -> str:
    """Text that may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def short_name(data: str) -> str:
    """Name of a data set without its package and version, which are given below the chapter's claims."""
    return re.split(r" of | (?=\d)", data)[0]


def link(title: str, chapter: str) -> str:
    """A link to a chapter's page."""
    return f"[{in_cell(unlinked(title))}](/notebooks/{chapter}.ipynb)"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; a column whose heading ends in a colon is aligned right."""
    names = list(head)
    rule = ["---:" if name.endswith(":") else "---" for name in names]
    lines = [[name.rstrip(":") for name in names], rule, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def records_page(
    chapters: list[dict[str, Any]], titles: dict[str, str], stored: Iterable[dict[str, Any]] = ()
) -> str:
    """Every chapter with its cost and its claims, and every study.

    Args:
        chapters: their records.
        titles: of each chapter.
        stored: the files of the studies.
    """
    if not chapters:
        return f"{RECORDS_INTRODUCTION}\n\nNo chapter has been executed yet.\n"
    head = ["Chapter", "Time:", "Memory:", "Data", "Scale", "Claims:", "Last run"]
    rows = [
        [
            link(titles[record["chapter"]], record["chapter"]),
            duration(record["seconds"]),
            f"{record['peak_memory_gb']:.1f} GB",
            literal(", ".join(dict.fromkeys(map(short_name, record["data"])))) or "none",
            record["scale"],
            str(len(record["claims"])),
            record["executed"],
        ]
        for record in chapters
    ]
    total = f"All chapters one after the other: {duration(sum(record['seconds'] for record in chapters))}."
    parts = [RECORDS_INTRODUCTION, table(head, rows), total, *_studies(list(stored))]
    parts += [f"## {titles[record['chapter']]}\n\n{_claims(record)}" for record in chapters]
    return "\n\n".join(parts) + "\n"


def _studies(stored: list[dict[str, Any]]) -> list[str]:
    """The studies: where they were run, which rows have been computed again since, and when."""
    rows = []
    for study in stored:
        verified = "not since"
        if study.get("verified"):
            last = study["verified"][-1]
            verified = f"{last['on']}: rows {', '.join(map(str, last['rows']))}, {last['how']}"
        place = literal(study.get("processor", "unknown"))
        rows.append([f"`{study['study']}`", str(len(study["rows"])), place, study["executed"], verified])
    if not rows:
        return []
    return [
        "## Studies",
        STUDIES_INTRODUCTION,
        table(["Study", "Rows:", "Recorded on", "Last run", "Last verified"], rows),
    ]


def _claims(record: dict[str, Any]) -> str:
    rows = [
        [
            literal(claim["name"]),
            literal(amount(claim["value"], claim["unit"])),
            f"{claim['low']:g} to {claim['high']:g}",
        ]
        for claim in record["claims"]
    ]
    claims = table(["Claim", "Value:", "Bounds:"], rows) if rows else "This chapter makes no claim."
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    run = f"Executed on {record['executed']} with seed {record['seed']}; {versions}."
    if record["data"]:
        run += f" Data: {literal(', '.join(record['data']))}."
    if record.get("verified"):
        run += f" Verified on {record['verified'][-1]['on']}: executed again, with the same claims."
    return f"{claims}\n\n{run}"


def audit_page(
    notes: list[source_notes.SourceNote],
    titles: dict[str, str],
    entries: Iterable[audit.Entry] = (),
    found: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """What the article says and what holds, section by section.

    Args:
        notes: of the chapters.
        titles: of each chapter.
        entries: of the table, for what no note treats.
        found: the chapters' records, by chapter, for the claims that entries show.
    """
    noted = [(note.section, note.line, note.verdict, _noted(note, titles)) for note in notes]
    rest = [(entry.section, entry.line, entry.verdict, _entered(entry, titles, found)) for entry in entries]
    told = sorted([*noted, *rest], key=lambda it: (_numbers(it[0]), it[1] is None, it[1] or 0))
    if not told:
        return f"{AUDIT_INTRODUCTION}\n\nThere is no note yet.\n"
    meanings = [[verdict, meaning] for verdict, meaning in source_notes.VERDICTS.items()]
    counts = Counter((section, verdict) for section, _, verdict, _ in told)
    parts = [AUDIT_INTRODUCTION, table(["Verdict", "Meaning"], meanings), _summary(counts)]
    section = None
    for its_section, _, _, text in told:
        if its_section != section:
            section = its_section
            parts.append(f"## Section {section}: {source_notes.SECTIONS[section]}")
        parts.append(text)
    return "\n\n".join(parts) + "\n"


def _summary(counts: Counter[tuple[str, str]]) -> str:
    """How many statements of each section have each verdict."""
    rows = []
    for section in sorted({section for section, _ in counts}, key=_numbers):
        numbers = [counts[section, verdict] for verdict in source_notes.VERDICTS]
        rows.append([f"{section} {source_notes.SECTIONS[section]}", *map(str, numbers), str(sum(numbers))])
    sums = [sum(counts[key] for key in counts if key[1] == verdict) for verdict in source_notes.VERDICTS]
    rows.append(["**all sections**", *(f"**{number}**" for number in (*sums, sum(sums)))])
    return table(["Section", *(f"{verdict}:" for verdict in source_notes.VERDICTS), "all:"], rows)


def _noted(note: source_notes.SourceNote, titles: dict[str, str]) -> str:
    """A chapter's note."""
    chapter = link(titles[note.chapter], note.chapter)
    return f"{_said(note.verdict, note.claim)} ({chapter})\n\n{_quotation(note.text)}"


def _entered(entry: audit.Entry, titles: dict[str, str], found: Mapping[str, Any]) -> str:
    """An entry of the table, with all its proofs."""
    said = _said(entry.verdict, entry.claim)
    if entry.chapter:
        said += f" ({link(titles[entry.chapter], entry.chapter)})"
    claims = {claim["name"]: claim for claim in found.get(entry.chapter, {}).get("claims", [])}
    proofs = [entry.proof.strip()]
    for name in entry.shows:
        its = claims[name]
        bounds = f"within {its['low']:g} to {its['high']:g}"
        proofs.append(
            f"The chapter claims: {literal(name)}, {literal(amount(its['value'], its['unit']))}, {bounds}."
        )
    if entry.chapter and not (entry.proof or entry.shows):
        proofs.append("The chapter shows it.")
    if entry.test:
        proofs.append("A test of the book checks this.")
    return f"{said}\n\n{_quotation(' '.join(filter(None, proofs)))}"


def _said(verdict: str, claim: str) -> str:
    return f"**{verdict.capitalize()}:** {literal(claim)}"


def _quotation(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines())


def _numbers(section: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", section)]


def listed_chapters(root: Path = ROOT) -> list[str]:
    """The chapters in the table of contents, in its order."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    listed = [page for page in edition.pages(toc) if page.startswith("notebooks/")]
    names = [page.removeprefix("notebooks/").removesuffix(".ipynb") for page in listed]
    return [name for name in names if notebooks.path_of(name, root).exists()]


def replace(path: Path, text: str) -> bool:
    """Write a page if its text changed, and say whether it did."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    notebooks.replace(path, text)
    return True


def write(root: Path = ROOT) -> int:
    """Write what changed; the number of pages written."""
    chapters = listed_chapters(root)
    paths = {chapter: notebooks.path_of(chapter, root) for chapter in chapters}
    read = {chapter: notebooks.read(path) for chapter, path in paths.items()}
    for chapter, notebook in read.items():
        for cell in records.explored(notebook):
            place = notebooks.where(paths[chapter], cell)
            raise ValueError(f"{place}: {cells.EXPLORED}; run make chapter CH={chapter}")
    titles = {chapter: notebooks.title(notebook) for chapter, notebook in read.items()}
    found = records.load_all(root)
    stored = filter(None, (studies.load(name, root) for name in studies.names(root)))
    known = [found[chapter] for chapter in chapters if chapter in found]
    entries = [it for it in audit.entries(root) if not it.chapter or it.chapter in chapters]
    pictures = gallery.write_pictures(read, root / "book" / "generated" / gallery.PICTURES)
    texts = {
        "records": records_page(known, titles, stored),
        "audit": audit_page(source_notes.collect(paths.values()), titles, entries, found),
        "chapters": gallery.page(read, pictures, gallery.parts(root)),
    }
    return sum(replace(root / "book" / "generated" / f"{name}.md", text) for name, text in texts.items())


def main() -> None:
    """Write the pages and say how many changed."""
    print(f"Generated pages: {write()} changed")


if __name__ == "__main__":
    main()
