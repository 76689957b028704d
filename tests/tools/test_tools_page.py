"""The page "Tools and resources" names beside a tool only chapters that use it, and calls no tool unused that is."""

from __future__ import annotations

import re

import pytest

from tools import notebooks, records
from tools.notebooks import ROOT

PAGE = ROOT / "book" / "tools.md"

# What the page calls a tool, the package as the records name it, and the module that one imports.
TOOLS = {
    "PyTorch": ("torch", "torch"),
    "JAX": ("jax", "jax"),
    "TensorFlow": ("tensorflow", "tensorflow"),
    "Transformers": ("transformers", "transformers"),
    "Tokenizers": ("tokenizers", "tokenizers"),
    "PEFT": ("peft", "peft"),
    "ONNX Runtime": ("onnxruntime", "onnxruntime"),
    "Diffusers": ("diffusers", "diffusers"),
    "Gradio": ("gradio", "gradio"),
    "NLTK": ("nltk", "nltk"),
    "spaCy": ("spacy", "spacy"),
    "BM25S": ("bm25s", "bm25s"),
    "sacreBLEU": ("sacrebleu", "sacrebleu"),
    "scikit-image": ("scikit-image", "skimage"),
    "COCO's measures (pycocotools)": ("pycocotools", "pycocotools"),
    "PyTorch Geometric": ("torch-geometric", "torch_geometric"),
    "RDKit": ("rdkit", "rdkit"),
    "Gymnasium": ("gymnasium", "gymnasium"),
    "NumPy": ("numpy", "numpy"),
    "SciPy": ("scipy", "scipy"),
    "pandas": ("pandas", "pandas"),
    "Matplotlib": ("matplotlib", "matplotlib"),
    "scikit-learn": ("scikit-learn", "sklearn"),
    "SymPy": ("sympy", "sympy"),
}
# Tools of the book as a whole, and sources that are no package.
OTHERS = {"Jupyter", "papermill", "nbval", "Jupyter Book", "pytest", "Hypothesis"}
OTHERS |= {"Common Crawl", "Open Images", "Wikipedia's dumps", "Kaggle", "Hugging Face Hub", "GitHub"}


def rows(text: str) -> dict[str, str]:
    """The last cell of each tool's row, by the tool's name."""
    found = {}
    for table in re.findall(r"^\| (?:tool|source), since .*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M):
        for line in table.splitlines():
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            name = re.split(r", | \{", cells[0])[0]
            found[name] = cells[-1]
    return found


def chapters(cell: str) -> list[str]:
    """The chapters to which a cell links."""
    return re.findall(r"\(\.\./notebooks/([\w/]+)\.ipynb\)", cell)


def imports(text: str, module: str) -> bool:
    """Whether a program imports a module."""
    return bool(re.search(rf"^\s*(?:import|from) {module}\b", text, re.M))


def code(chapter: str) -> list[str]:
    """The code of a chapter and of its studies."""
    cells = notebooks.read(notebooks.path_of(chapter)).cells
    path = ROOT / "notebooks" / chapter
    studies = [one.read_text(encoding="utf-8") for one in path.parent.glob(f"{path.name}*_study.py")]
    return [cell.source for cell in cells if cell.cell_type == "code"] + studies


def in_folder(module: str, *folders: str) -> bool:
    """Whether a Python file below one of the folders imports a module."""
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return any(imports(path.read_text(encoding="utf-8"), module) for path in files)


def uses(chapter: str, package: str, module: str) -> bool:
    """Whether a chapter's code or a study of it imports a module, or the library did when the chapter ran."""
    if any(imports(text, module) for text in code(chapter)):
        return True
    record = records.load(chapter)
    return bool(record and package in record["versions"]) and in_folder(module, "src")


def fault(name: str, cell: str) -> str | None:
    """What the last cell of a tool's row says that is not so."""
    package, module = TOOLS[name]
    if cell.startswith("not used"):
        found = in_folder(module, "src", "tests", "tools") or any(
            imports(text, module) for chapter in notebooks.chapters() for text in code(chapter)
        )
        return "is imported" if found else None
    named = notebooks.chapters() if cell == "every chapter" else chapters(cell)
    using = [chapter for chapter in named if uses(chapter, package, module)]
    if cell.startswith("tests only"):
        if using:
            return f"is used by {using[0]}"
        return None if in_folder(module, "tests") else "is imported by no test"
    if not named:
        return "has no chapter"
    unused = [chapter for chapter in named if chapter not in using]
    return f"is not used by {', '.join(unused)}" if unused else None


def faults(text: str) -> list[str]:
    """What a page says of tools that is not so."""
    found = {name: fault(name, cell) for name, cell in rows(text).items() if name not in OTHERS}
    return [f"{name} {it}" for name, it in found.items() if it]


def test_every_row_is_known() -> None:
    found = rows(PAGE.read_text(encoding="utf-8"))
    assert set(found) == {*TOOLS, *OTHERS}


def test_the_page_is_right() -> None:
    assert not faults(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "| SymPy, 2017 {cite}`a` | formulas | | [A](../notebooks/05_project/finetuning.ipynb) |",
            "is not used by",
        ),
        ("| Transformers, 2020 | models | | not used |", "is imported"),
        ("| JAX, 2018 | arrays | | tests only, for [A](../notebooks/02_concepts/gan.ipynb) |", "by no test"),
        ("| pandas, 2010 | tables | | some chapters |", "has no chapter"),
        (
            "| PyTorch, 2017 | networks | | tests only, for [A](../notebooks/02_concepts/gan.ipynb) |",
            "is used by",
        ),
    ],
)
def test_a_wrong_row_is_found(row: str, said: str) -> None:
    text = f"| tool, since | for | instead | in this book |\n|---|---|---|---|\n{row}\n"
    (found,) = faults(text)
    assert said in found


def test_a_right_row_is_not() -> None:
    text = "| tool, since | in this book |\n|---|---|\n| PEFT, 2022 | [A](../notebooks/05_project/finetuning.ipynb) |\n"
    assert faults(text) == []
