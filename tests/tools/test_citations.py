"""The bibliography itself, the links of notebooks, the citations of pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat import NotebookNode, v4

from tests.tools.examples import code, markdown
from tools import citations
from tools.notebooks import ROOT
from tools.passages import links, passages

GOOD = """
@article{vaswani2017, title={Attention}, year=2017, url={https://arxiv.org/abs/1706.03762}}
@misc{wiki, title={A page}, url={https://en.wikipedia.org/wiki/Softmax_(function)}}
@misc{escaped, title={A page}, url={https://example.org/a\\_b}}
"""
PLACE = ROOT / "notebooks" / "05_project" / "small.ipynb"


def entries(text: str = GOOD) -> citations.Bibliography:
    """A bibliography."""
    return citations.bibliography(text=text)


def faults(*cells: NotebookNode, path: Path = PLACE) -> list[str]:
    """Problems of a notebook of these cells."""
    return citations.problems(path, v4.new_notebook(cells=list(cells)), entries())


def test_good_bibliography() -> None:
    found = entries()
    assert found.problems == []
    assert found.keys == {"vaswani2017", "wiki", "escaped"}
    assert {"https://example.org/a_b", "cite:wiki"} <= found.cited


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("@misc{new, title={No address}}", "new has no url"),
        ("@misc{new, title={A}, url={arxiv.org/abs/1}}", "new has no url"),
        ("@misc{new, title={A}, url={https://arxiv.org/abs/1706.03762}}", "new has the url of vaswani2017"),
        ("@misc{wiki, title={A}, url={https://example.org/2}}", "wiki"),
    ],
)
def test_faults_of_the_bibliography(text: str, problem: str) -> None:
    (fault,) = entries(GOOD + text).problems
    assert problem in fault


def test_a_broken_file_is_a_problem() -> None:
    assert "syntax error" in entries(GOOD + "@misc{new, title={A}, url={https://example.org/2}").problems[0]


def test_the_good_chapter_passes(chapter: NotebookNode) -> None:
    assert citations.problems(PLACE, chapter, entries()) == []


@pytest.mark.parametrize(
    "text",
    [
        "[Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)",
        "<https://arxiv.org/abs/1706.03762>",
        "the address https://arxiv.org/abs/1706.03762.",
        "[softmax](https://en.wikipedia.org/wiki/Softmax_(function))",
        "| a |\n|---|\n| [x](https://arxiv.org/abs/1706.03762) |",
        "open http://127.0.0.1:7860 in a browser",
        "`https://example.org/unknown` is code",
        "[here](#a-result) and [the read me](../../book/references.bib)",
        "[made later](../../book/generated/records.md#small)",
    ],
)
def test_links_that_are_fine(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(citations, "ROOT", tmp_path)
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "references.bib").write_text("", encoding="utf-8")
    assert faults(markdown(text), path=tmp_path / "notebooks" / "05_project" / "small.ipynb") == []


@pytest.mark.parametrize(
    "cell",
    [
        markdown("[A paper](https://example.org/unknown)"),
        markdown("https://example.org/unknown"),
        markdown("- [A paper][1]\n\n[1]: https://example.org/unknown"),
        markdown('<a href="https://example.org/unknown">A paper</a>'),
        markdown("[another version](https://arxiv.org/abs/1706.03762v2)"),
        markdown("[gone](../05_project/gone.ipynb)"),
        markdown("[gone](/book/notation.md)"),
        markdown("[outside](../../../outside.md)"),
        markdown("[mail](mailto:someone@example.org)"),
        code("download('https://example.org/unknown')"),
        code("# see https://example.org/unknown"),
    ],
)
def test_links_that_are_not(cell: NotebookNode) -> None:
    (fault,) = faults(markdown("# Title"), cell)
    assert fault.startswith("notebooks/05_project/small.ipynb cell 1: ")


def test_the_set_up_cell_may_name_the_book() -> None:
    assert faults(code('REPOSITORY = "https://example.org/book"', tags=["setup"])) == []


def test_pages_cite_keys_that_exist() -> None:
    def page(text: str) -> list[str]:
        return citations.page_problems(Path("page.md"), entries(), text)

    good = "{cite}`vaswani2017`, {cite:t}`wiki, escaped`, `{cite}`, https://example.org/a"
    assert page(good) == []
    assert page("```{note}\nSee {cite}`vaswani2018`.\n```") == [
        "page.md: {cite} names vaswani2018, which is not a key in book/references.bib; add it"
    ]
    assert len(page("{cite:p}`vaswani2017, gone` and {cite}`gone`")) == 1


BARE = [
    ("see https://a.org/Attention_(machine_learning).", ["https://a.org/Attention_(machine_learning)"]),
    ("(https://a.org/Attention_(machine_learning))", ["https://a.org/Attention_(machine_learning)"]),
    ("(see https://a.org/b), or https://a.org/c!", ["https://a.org/b", "https://a.org/c"]),
    ("https://a.org/Künstliche_Intelligenz, und", ["https://a.org/K%C3%BCnstliche_Intelligenz"]),
    ("“https://a.org/x” and 'https://a.org/y'", ["https://a.org/x", "https://a.org/y"]),
    ("https://a.org/x[1]=2;y", ["https://a.org/x%5B1%5D=2;y"]),
    ("https://a.org/中文。然后", ["https://a.org/%E4%B8%AD%E6%96%87"]),
    ("https://a.org/abs/1706.03762: it", ["https://a.org/abs/1706.03762"]),
]


@pytest.mark.parametrize(("text", "found"), BARE)
def test_bare_addresses_are_whole(text: str, found: list[str]) -> None:
    assert links(text) == found
    assert not any(link in one.text for one in passages(text) for link in ("http", "Künst", "machine"))


def test_half_an_address_is_none() -> None:
    assert links("https:// and http://.") == []


@pytest.mark.parametrize(
    "address", ["https://a.org/Attention_(machine_learning)", "https://a.org/Künstliche_Intelligenz"]
)
def test_bare_addresses_with_brackets_and_umlauts_are_found_in_the_bibliography(address: str) -> None:
    entries = citations.bibliography(text=f"@misc{{a, title = {{A}}, url = {{{address}}}}}")
    cells = [markdown(f"See {address}."), markdown(f"([A](<{address}>))"), code(f'get("{address}")')]
    assert not entries.problems
    assert (
        citations.problems(ROOT / "notebooks/05_project/small.ipynb", v4.new_notebook(cells=cells), entries)
        == []
    )
