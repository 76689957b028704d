"""Normal form, reading and writing, the command line."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode, v4

from tests.tools.examples import code, markdown, printed
from tools import notebooks

SOURCES = st.text(alphabet="ab #=1\n \t", max_size=20) | st.sampled_from(
    ["assert 1", "lm.start(SCALE, SEED)"]
)
STREAMS = st.lists(
    st.builds(printed, st.sampled_from(["", "a\n", "b"]), st.sampled_from(["stdout", "stderr"]))
)
METADATA: Any = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.lists(
            st.sampled_from(["solution", "setup", "parameters", "checks", "settings", "hide-cell"]),
            max_size=3,
        ),
        "cellView": st.just("form"),
        "execution": st.just({"iopub.status.busy": "2026-11-23T10:00:00Z"}),
        "jupyter": st.just({"source_hidden": True, "outputs_hidden": True}),
    },
)


@st.composite
def any_notebook(draw: st.DrawFn) -> NotebookNode:
    """Notebooks with ids missing, doubled or wrong, and with what papermill and editors leave."""
    cells = []
    for kind in draw(st.lists(st.sampled_from(["markdown", "code"]), max_size=5)):
        cell = markdown(draw(SOURCES)) if kind == "markdown" else code(draw(SOURCES))
        if kind == "code":
            cell.outputs, cell.execution_count = draw(STREAMS), draw(st.none() | st.integers(0, 9))
        cell.metadata = nbformat.from_dict(draw(METADATA))
        cell.id = draw(st.sampled_from(["a", "b", "not an id", "x" * 65]))
        if draw(st.booleans()):
            del cell["id"]
        cells.append(cell)
    return NotebookNode(cells=cells, metadata={"papermill": {"duration": 3.1}}, nbformat=4, nbformat_minor=4)


@settings(max_examples=60, deadline=None)
@given(any_notebook())
def test_normal_form_is_stable_and_sound(notebook: NotebookNode) -> None:
    before = copy.deepcopy(notebook)
    once = notebooks.normalise(notebook)
    assert notebook == before, "the argument was changed"
    assert notebooks.normalise(once) == once
    nbformat.validate(once)
    ids = [cell.id for cell in once.cells]
    assert len(set(ids)) == len(ids)
    texts = [o.text for cell in notebook.cells if cell.source.strip() for o in cell.get("outputs", [])]
    assert "".join(texts) == "".join(o.text for cell in once.cells for o in cell.get("outputs", []))


def test_good_example_is_normal(chapter: NotebookNode) -> None:
    assert notebooks.normalise(chapter) == chapter


def test_metadata_keeps_what_the_book_needs_and_nothing_else() -> None:
    notebook = v4.new_notebook(
        cells=[
            code("1", tags=["raises-exception"], papermill={"duration": 1}, mystnb={"image": {"alt": "a"}})
        ],
        metadata={"kernelspec": {"name": "mine", "display_name": "Mine"}, "papermill": {}, "colab": {}},
    )
    result = notebooks.normalise(notebook)
    assert result.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert result.cells[0].metadata == {"tags": ["raises-exception"], "mystnb": {"image": {"alt": "a"}}}


@pytest.mark.parametrize("tag", ["solution", "setup", "parameters"])
def test_what_is_not_the_chapter_is_folded_everywhere(tag: str) -> None:
    (cell,) = notebooks.normalise(v4.new_notebook(cells=[code("1", tags=[tag])])).cells
    assert cell.metadata == {
        "tags": [tag, "hide-cell"],
        "cellView": "form",
        "jupyter": {"source_hidden": True},
    }


@pytest.mark.parametrize(
    ("source", "tag"),
    [
        ("setting = lm.start(\n    SCALE,\n    SEED,\n    smoke=dict(a=1),\n)", "settings"),
        ('lm.claim("a", 1, 0, 2)', "checks"),
    ],
)
def test_settings_and_checks_are_told_by_their_code(source: str, tag: str) -> None:
    (cell,) = notebooks.normalise(v4.new_notebook(cells=[code(source)])).cells
    assert cell.metadata == {
        "tags": [tag, "hide-cell"],
        "cellView": "form",
        "jupyter": {"source_hidden": True},
    }
    cell.source = f"print('more')\n{source.replace('lm.start', 'dict')}"
    assert notebooks.normalise(v4.new_notebook(cells=[cell])).cells[0].metadata == {}


def test_a_solution_that_checks_stays_a_solution() -> None:
    (cell,) = notebooks.normalise(v4.new_notebook(cells=[code("assert True", tags=["solution"])])).cells
    assert cell.metadata.tags == ["solution", "hide-cell"]


def test_the_heading_of_the_source_notes_is_folded_in_jupyterlab() -> None:
    cells = [markdown("## What the survey says"), markdown("## What the survey says not")]
    first, second = notebooks.normalise(v4.new_notebook(cells=cells)).cells
    assert first.metadata == {"jp-MarkdownHeadingCollapsed": True}
    assert second.metadata == {}


def test_ids_are_kept_and_new_ones_do_not_depend_on_the_place() -> None:
    kept, new, other = code("1"), code("2"), code("3")
    one, two = v4.new_notebook(cells=[kept, new]), v4.new_notebook(cells=[other, new, kept])
    kept.id = "mine"
    del new["id"], other["id"]
    first, second = notebooks.normalise(one), notebooks.normalise(two)
    assert [cell.id for cell in first.cells] == ["mine", second.cells[1].id]
    assert second.cells[2].id == "mine"


def test_counts_run_from_one_only_if_the_cells_ran_in_order() -> None:
    def counts(*given: int | None) -> list[int | None]:
        cells = [code("1") for _ in given]
        for cell, count in zip(cells, given, strict=True):
            cell.execution_count = count
        return [cell.execution_count for cell in notebooks.normalise(v4.new_notebook(cells=cells)).cells]

    assert counts(3, 7, 9) == [1, 2, 3]
    assert counts(2, None, 5) == [1, None, 2]
    assert counts(2, 1) == [2, 1]


def test_outputs_stay_but_neighbouring_streams_are_one() -> None:
    outputs = [printed("a"), printed(""), printed("b\n"), printed("warning\n", "stderr"), printed("c\n")]
    (cell,) = notebooks.normalise(v4.new_notebook(cells=[code("1", *outputs)])).cells
    assert [(output.name, output.text) for output in cell.outputs] == [
        ("stdout", "ab\n"),
        ("stderr", "warning\n"),
        ("stdout", "c\n"),
    ]


def test_writing_leaves_the_old_file_whole_when_it_fails(
    tmp_path: Path, chapter: NotebookNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ipynb"
    notebooks.write(path, chapter)
    before = path.read_text(encoding="utf-8")

    def fails(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="full"):
        notebooks.write(path, v4.new_notebook())
    assert path.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [path]


def test_reading_gives_back_what_was_written(tmp_path: Path, chapter: NotebookNode) -> None:
    notebooks.write(tmp_path / "a.ipynb", chapter)
    assert notebooks.read(tmp_path / "a.ipynb") == chapter


@pytest.mark.parametrize("text", ["not JSON", '{"nbformat": 3, "worksheets": []}'])
def test_what_is_no_notebook_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text(text, encoding="utf-8")
    assert notebooks.problems(path)[0].startswith(str(path))
    assert notebooks.main([str(path)]) == 1
    assert path.read_text(encoding="utf-8") == text


def test_command_formats_and_check_only_tells(
    tmp_path: Path, chapter: NotebookNode, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.ipynb"
    chapter.cells[3].source = "setting = lm.start( SCALE,SEED )"
    chapter.cells[3].metadata = {"papermill": {"duration": 1}}
    path.write_text(json.dumps(chapter), encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    assert notebooks.main(["--check", str(path)]) == 1
    assert "not in normal form" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == before
    notebooks.main([str(path)])
    cell = notebooks.read(path).cells[3]
    folded = {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": ["settings", "hide-cell"]}
    assert (cell.source, cell.metadata) == ("setting = lm.start(SCALE, SEED)", folded)
    after = path.read_text(encoding="utf-8")
    assert notebooks.formatted(after, path) == after


def test_what_ruff_cannot_mend_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    notebooks.write(
        path,
        notebooks.normalise(v4.new_notebook(cells=[markdown("# A"), code("x = 1\nprint(unknown_name, x)")])),
    )
    (fault,) = notebooks.problems(path)
    assert fault == f"{path} cell 1 line 2: Undefined name `unknown_name` (F821); correct it"


def test_a_line_of_code_has_100_characters_at_most(tmp_path: Path) -> None:
    shutil.copy(notebooks.ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "notebooks").mkdir()
    shutil.copy(notebooks.ROOT / "notebooks" / "ruff.toml", tmp_path / "notebooks")
    path = tmp_path / "notebooks" / "a.ipynb"
    lines = [f'x = "{"a" * 94}"', f'x = "{"a" * 95}"', "x"]
    notebooks.write(
        path, notebooks.normalise(v4.new_notebook(cells=[markdown("# A"), code("\n".join(lines))]))
    )
    (fault,) = notebooks.problems(path)
    assert fault == f"{path} cell 1 line 2: Line too long (101 > 100) (E501); break the line"


def test_chapters_are_the_notebooks_of_the_parts(book: Path) -> None:
    (book / "notebooks" / "template.ipynb").write_text("{}", encoding="utf-8")
    assert notebooks.chapters(book) == ["05_project/small"]
    assert notebooks.paths(book) == [notebooks.path_of("05_project/small", book)]
    assert notebooks.chapters(book / "empty") == []


def test_copies_that_jupyterlab_makes_are_not_chapters(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks" / "01_part"
    folder.mkdir(parents=True)
    for name in ("first", "first-Copy1", "first-Copy", "copy2"):
        (folder / f"{name}.ipynb").touch()
    assert notebooks.chapters(tmp_path) == ["01_part/copy2", "01_part/first"]
