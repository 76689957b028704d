"""The check of numbers: what counts as a result, what vouches for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode

from tests.tools.examples import CLAIM, markdown
from tools import prose
from tools.numerals import numbers
from tools.passages import passages

HERE = Path("a.ipynb")
PAPER = "https://arxiv.org/abs/1706.03762"
CITED = {PAPER, "cite:vaswani2017"}


def found(text: str) -> list[str]:
    """The results in a text, as printed."""
    prose_passages = [passage for passage in passages(text) if not passage.heading]
    return [it.text for passage in prose_passages for it in numbers(passage.text) if it.result]


def faults(text: str, **claims: tuple[float, str]) -> list[str]:
    """Problems of a page that may use these claims."""
    known = [{"name": name, "value": value, "unit": unit} for name, (value, unit) in claims.items()]
    return prose.page_problems(Path("page.md"), known, CITED, text)


@pytest.mark.parametrize(
    ("text", "results"),
    [
        ("a loss of 1.6 nats", ["1.6 nats"]),
        ("**1.6** nats and *1.7*", ["1.6 nats", "1.7"]),
        ("4 %, 5%, 6 per cent, 7 percent, 8 percentage points", None),
        ("3×, 3 ×, 3x, 3 times, 3-fold", None),
        ("70 s, 70 seconds, 5 ms, 2 minutes, 3 h, 4 days, 90-second", None),
        ("8 MB, 8 GB, 8 GiB, 4 nats, 4 bits, 3 GFLOP", None),
        ("900 tokens a second, 900 tokens/s, 900 training steps per minute, 27 GB/s", None),
        (
            "4\u00a0% and 4\u202f% and 70\u2009s and 5&nbsp;s",
            ["4\u00a0%", "4\u202f%", "70\u2009s", "5\u00a0s"],
        ),
        ("31,000 tokens a second", ["31,000 tokens a second"]),
        ("1.5 to 1.7 s", ["1.5", "1.7 s"]),
        ("20–30 %, 20-30 %, 20 to 30 %", ["20", "30 %"] * 3),
        ("between 3 and 4 minutes", ["3", "4 minutes"]),
        ("1.61 ± 0.02 nats", ["1.61", "0.02 nats"]),
        ("1.5-1.7", ["1.5", "1.7"]),
        ("−0.3, -0.4 and +0.5", ["−0.3", "-0.4", "+0.5"]),
        ("1e-5, 1.6 × 10⁻³ and 2 × 10^5", ["1e-5", "1.6 × 10⁻³", "2 × 10^5"]),
        ("1.1 million and 10.6M", ["1.1 million", "10.6M"]),
        ("the value .5 and 3.5.", [".5", "3.5"]),
        ("Then 4.5. Then 5.5.", ["4.5", "5.5"]),
    ],
)
def test_results(text: str, results: list[str] | None) -> None:
    assert found(text) == (text.split(", ") if results is None else results)


@pytest.mark.parametrize(
    "text",
    [
        "In 2017, in the 1980s, in the '90s and on 2026-11-23 there were 42 plays and 1,115,394 characters.",
        "GPT-2, GPT-3.5, SmolLM2-135M, Qwen2.5-0.5B, a 5-gram, 16-bit, MIT and CC BY 4.0, CC-BY-4.0",
        "a shape of 4 × 128, pictures of 28×28, 5-fold cross-validation",
        "see section 4.5, sections 4.5 and 5.2, § 2.1, Figure 3.2, equation (4.5), Python 3.11, torch 2.13.0",
        "`1.6 nats`, ``4 %``, $3.5$ and {math}`1.6`",
        "```\nloss 1.6\n```",
        "    loss 1.6",
        "$$\nx = 1.6\n$$",
        "<!-- 1.6 nats -->",
        "# A loss of 1.6",
        "[a paper](https://example.org/1.6) and https://example.org/1.6 and <https://example.org/1.6>",
        "% 1.6 is a comment",
        "```{code-block} python\nloss = 1.6\n```",
        "---\nversion: 1.6\n---\n",
    ],
)
def test_no_results(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "- a list item\n- with 1.6 nats",
        "| model | loss |\n|---|---|\n| GPT | 1.6 nats |",
        "> a quotation of 1.6 nats",
        "<details><summary>It is 1.6 nats</summary></details>",
        "<details>\n<summary>Why</summary>\n\nIt is 1.6 nats.\n\n</details>",
        "![a curve that ends at 1.6 nats](curve.png)",
        ":::{note}\n:class: tip\nIt is 1.6 nats.\n:::",
        "```{admonition} A title\n:class: tip\n\nIt is 1.6 nats.\n```",
        "a line\nbroken before 1.6\nnats",
    ],
)
def test_results_are_found_in_every_kind_of_block(text: str) -> None:
    assert len(found(text)) == 1


def test_a_wrong_number_is_caught_and_the_right_one_passes() -> None:
    assert faults("The loss is 1.61 nats.", loss=(1.612, "nats")) == []
    (fault,) = faults("The loss is 1.62 nats.", loss=(1.612, "nats"))
    assert fault.startswith("page.md: “1.62 nats” is neither a claim's value nor cited")


@pytest.mark.parametrize(
    "text", ["It is 2 nats.", "It is 1.6.", "It is 1.612.", "It is 1.6 nats a character."]
)
def test_rounding_to_what_is_printed(text: str) -> None:
    assert faults(text, loss=(1.612, "nats")) == []


@pytest.mark.parametrize(
    "text", ["It is 1.6 bits.", "It is 1.6 %.", "It is 1.6 s.", "It is 1.6×.", "It is −1.6."]
)
def test_unit_and_sign_must_match(text: str) -> None:
    assert len(faults(text, loss=(1.612, "nats"))) == 1


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("It takes 71 s.", 71.2, "s"),
        ("It takes 1.2 minutes.", 71.2, "s"),
        ("It takes 71,200 ms.", 71.2, "s"),
        ("It needs 930 MB.", 0.93, "GB"),
        ("It reads 31,244 tokens a second.", 31244.3, "tokens/s"),
        ("It is 4 per cent.", 3.9, "%"),
        ("It is 3 times as fast.", 2.9, "×"),
        ("It has 1.1 million parameters.", 1115394, ""),
        ("It falls by −0.3 nats.", -0.31, "nats"),
        ("The text has 1.1 bits per byte.", 1.1, "bits/byte"),
        ("It gains 16.1 points.", 16.12, "points"),
    ],
)
def test_units(text: str, value: float, unit: str) -> None:
    assert faults(text, it=(value, unit)) == []
    assert len(faults(text, it=(value * 1.4, unit))) == 1


def test_both_ends_of_a_range_must_be_claimed() -> None:
    assert faults("It takes 1.5 to 1.7 s.", low=(1.5, "s"), high=(1.7, "s")) == []
    assert len(faults("It takes 1.5 to 1.7 s.", low=(1.5, "s"))) == 1
    assert len(faults("It is 20–30 %.", high=(30, "%"))) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"It reaches 28.4 points [Vaswani et al., 2017]({PAPER}).",
        f"[Vaswani et al. 2017]({PAPER}) report 28.4, i.e. 2.0 more than before.",
        f"It reaches 28.4, see <{PAPER}>.",
        f"It reaches 28.4 ({PAPER}).",
        "It reaches 28.4 {cite:p}`vaswani2017`.",
        f"| model | score |\n|---|---|\n| [Transformer]({PAPER}) | 28.4 |",
        f"- It reaches 28.4 [Vaswani et al., 2017]({PAPER})",
    ],
)
def test_a_citation_in_the_sentence_vouches(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    "text",
    [
        f"It reaches 28.4. So say [Vaswani et al., 2017]({PAPER}).",
        f"[Vaswani et al., 2017]({PAPER}) built it. It reaches 28.4.",
        "It reaches 28.4. {cite}`vaswani2017` says so.",
        f"- It reaches 28.4\n- [Vaswani et al., 2017]({PAPER})",
        f"| model | score |\n|---|---|\n| ours | 28.4 |\n| [theirs]({PAPER}) | more |",
        "It reaches 28.4 [somewhere](https://example.org).",
        "It reaches 28.4 {cite}`unknown`.",
    ],
)
def test_a_citation_elsewhere_does_not(text: str) -> None:
    assert len(faults(text)) == 1


@settings(max_examples=80, deadline=None)
@given(st.floats(-1e6, 1e6), st.integers(1, 6), st.sampled_from(["", "nats", "%", "s", "GB"]), st.data())
def test_rounded_passes_perturbed_fails(value: float, digits: int, unit: str, data: st.DataObject) -> None:
    printed = f"{value:,.{digits}f}"
    assert faults(f"It is {printed} {unit}.", it=(value, unit)) == []
    half = 0.5 * 10**-digits
    shift = data.draw(st.floats(1.01, 50)) * half * data.draw(st.sampled_from([-1, 1]))
    assume(abs(float(printed.replace(",", "")) - (value + shift)) > half * 1.001)
    assert len(faults(f"It is {printed} {unit}.", it=(value + shift, unit))) == 1


def test_the_good_chapter_passes(chapter: NotebookNode, record: dict[str, Any]) -> None:
    assert prose.problems(HERE, chapter, record, CITED) == []


def test_without_a_record_nothing_is_claimed(chapter: NotebookNode) -> None:
    assert len(prose.problems(HERE, chapter, None, CITED)) == 1


def test_a_wrong_number_in_a_chapter_names_its_cell(chapter: NotebookNode, record: dict[str, Any]) -> None:
    chapter.cells.insert(5, markdown("A model of half the size ends at 1.9 nats."))
    (fault,) = prose.problems(HERE, chapter, record, CITED)
    assert fault.startswith("a.ipynb cell 5: “1.9 nats”")


def test_alternative_texts_are_prose(chapter: NotebookNode, record: dict[str, Any]) -> None:
    (cell,) = [cell for cell in chapter.cells if "mystnb" in cell.metadata]
    cell.metadata["mystnb"]["image"]["alt"] = "The loss falls from 4.2 to 1.6."
    (fault,) = prose.problems(HERE, chapter, record, CITED)
    assert "“4.2”" in fault


def test_a_claim_that_is_not_finite_vouches_for_nothing() -> None:
    assert len(faults("It is 1.6.", it=(float("nan"), ""))) == 1


@pytest.mark.parametrize(
    ("seconds", "memory", "problems"),
    [(71.2, 0.93, 0), (119, 1.0, 0), (5, 0.1, 0), (121, 0.93, 1), (71.2, 1.1, 1), (600, 5.0, 2)],
)
def test_line_of_costs(
    chapter: NotebookNode, record: dict[str, Any], seconds: float, memory: float, problems: int
) -> None:
    record |= {"seconds": seconds, "peak_memory_gb": memory}
    assert len(prose.cost_problems(HERE, chapter, record)) == problems


def test_a_line_of_costs_must_not_exaggerate(chapter: NotebookNode, record: dict[str, Any]) -> None:
    chapter.cells[0].source = chapter.cells[0].source.replace("2 minutes · 1 GB", "7 minutes · 4 GB")
    assert len(prose.cost_problems(HERE, chapter, record)) == 2


def test_claims_of_the_example_are_those_of_a_record() -> None:
    assert prose.page_problems(Path("page.md"), [CLAIM], CITED, "The loss is 1.61 nats.") == []


def test_pages_are_those_that_people_write(tmp_path: Path) -> None:
    for name in ("book/about.md", "book/parts/one.md", "book/generated/records.md", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1.6", encoding="utf-8")
    assert [path.name for path in prose.pages(tmp_path)] == ["about.md", "one.md"]
