"""Symbols of formulas: what a formula uses, what a table declares, and that both agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbformat import v4

from tests.tools.examples import markdown
from tools import symbols

TABLE = (
    "| symbol | shape | meaning |\n|---|---|---|\n| $a_m$, $\\hat{p}$ | $(m,)$ | numbers, $z$ among them |\n"
)


@pytest.mark.parametrize(
    ("formula", "found"),
    [
        ("x_t", ["x", "t"]),
        (r"\hat{x} + \hat y x", [r"\hat{x}", r"\hat{y}", "x"]),
        (r"\hat{\mathbf{x}} = \mathbf{x}", [r"\hat{\mathbf{x}}", r"\mathbf{x}"]),
        (r"\mathbf{AB}C", [r"\mathbf{A}", r"\mathbf{B}", "C"]),
        (r"\mathcal{L}_{\theta'}", [r"\mathcal{L}", r"\theta"]),
        (r"\frac{\partial L}{\partial \varepsilon}", ["L", r"\varepsilon"]),
        (r"\operatorname{softmax}(z)_i = \mathrm{d}z \text{ if } i", ["z", "i", "z", "i"]),
        (r"\begin{aligned} \ln a &\le \ell \\ b \end{aligned}", ["a", r"\ell", "b"]),
        (r"\etax\eta", [r"\eta"]),  # \etax is no letter but a command that nobody knows
        (r"W^\top W^T", ["W", "W", "T"]),
        ("3 + 4", []),
    ],
)
def test_symbols_of_a_formula(formula: str, found: list[str]) -> None:
    assert list(symbols.in_formula(formula)) == found


def test_formulas_in_text_in_blocks_and_in_tables_count_and_code_does_not() -> None:
    text = "So $a$ and `$b$`.\n\n$$\nc = 1\n$$\n\n\\begin{align}\ne\n\\end{align}\n\n| x |\n|---|\n| $f$ |\n"
    assert set(symbols.used(text)) == {"a", "c", "e", "f"}


def test_a_table_declares_what_stands_in_its_column_of_symbols() -> None:
    assert symbols.declared(TABLE) == {"a", "m", r"\hat{p}"}


def test_tables_without_such_a_column_declare_nothing() -> None:
    assert symbols.declared(
        "| formula | symbol |\n|---|---|\n| $u$ | $w$ |\n\n| unit | size |\n|---|---|\n| $g$ | $h$ |\n"
    ) == {"w"}


def faults(*texts: str, chapter: str = "04_math/small") -> list[str]:
    """Problems of a chapter with these cells."""
    notebook = v4.new_notebook(cells=[markdown(text) for text in texts])
    return symbols.problems(Path(f"notebooks/{chapter}.ipynb"), notebook)


def test_a_chapter_whose_symbols_are_declared_passes() -> None:
    assert faults(TABLE, r"$\hat{p}_m = a_m z$", "| symbol |\n|---|\n| $z$ |\n", "$z$") == []


def test_a_symbol_that_nobody_declares_is_found_once() -> None:
    found = faults(TABLE, r"$a_m \hat{p}\, p + g$", "$g$")
    assert len(found) == 2  # z stands in the table, in another column; p is on the notation page
    assert "$z$" in found[0]
    assert "$g$" in found[1]
    assert "cell 1" in found[1]


def test_a_symbol_that_is_declared_and_never_used_is_found() -> None:
    found = faults(TABLE, "$z$ is $a_m$.", "| symbol |\n|---|\n| $z$ |\n")
    assert len(found) == 1
    assert r"$\hat{p}$" in found[0]


def test_other_parts_declare_their_symbols_in_their_text() -> None:
    assert faults("$g$", chapter="03_algorithms/small") == []


def test_the_notation_page_declares_what_it_uses() -> None:
    text = symbols.NOTATION.read_text(encoding="utf-8")
    assert set(symbols.used(text)) == symbols.declared(text)


def test_the_command_names_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["symbols"])
    with pytest.raises(SystemExit, match="Name chapters"):
        symbols.main()
    monkeypatch.setattr("sys.argv", ["symbols", "04_math/bert_by_hand"])
    assert symbols.main() == 0
    assert "ok" in capsys.readouterr().out
    nothing = tmp_path / "notation.md"
    nothing.write_text("", encoding="utf-8")
    monkeypatch.setattr(symbols, "NOTATION", nothing)
    assert symbols.main() == 1
    assert "neither on the notation page" in capsys.readouterr().out
