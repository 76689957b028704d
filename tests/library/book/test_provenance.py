from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from largemodels.book import provenance
from largemodels.book.provenance import HARMLESS, code_hash, file_hash, imported, loaded, pins, versions
from largemodels.paths import library_root

ROOT = Path(__file__).resolve().parents[3]

CODE = '''
"""About."""
def double(x: int) -> int:
    """Twice."""
    return 2 * x  # for a reason
'''


def test_words_and_layout_do_not_change_the_hash() -> None:
    assert code_hash(CODE) == code_hash("def double( x:int )->int:\n\n  return (2*x)\n")


@pytest.mark.parametrize(("old", "new"), [("2 * x", "3 * x"), ("double", "twice"), ("x: int", "x: float")])
def test_a_change_of_code_changes_the_hash(old: str, new: str) -> None:
    assert code_hash(CODE) != code_hash(CODE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('raise ValueError("no")', 'raise ValueError(f"not {1 + 1}")', True),
        ('raise ValueError("no")', 'raise TypeError("no")', False),
        ('raise ValueError("no")', "pass", False),
        ('print("no")', 'print("yes")', False),
    ],
)
def test_what_an_error_says_does_not_count(old: str, new: str, same: bool) -> None:
    assert (code_hash(old) == code_hash(new)) is same


def test_a_string_that_is_no_docstring_counts() -> None:
    assert code_hash("x = 1\n'a'") != code_hash("x = 1\n'b'")


def test_loaded_names_the_imported_files() -> None:
    import largemodels.models.ngram  # noqa: F401

    files = loaded()
    assert files["models/ngram.py"] == file_hash(library_root() / "models/ngram.py")
    assert not any(name.endswith("__init__.py") for name in files)


def test_what_is_left_out_exists_and_has_a_reason() -> None:
    for name, reason in HARMLESS.items():
        assert (library_root() / name).exists(), name
        assert len(reason) > 10
    requirements = (ROOT / "requirements" / "notebooks.txt").read_text(encoding="utf-8")
    for name, reason in provenance.HARMLESS_PACKAGES.items():
        assert f"\n{name}==" in requirements, name
        assert len(reason) > 10
    assert not pins().keys() & provenance.HARMLESS_PACKAGES.keys()


def test_what_can_change_a_number_is_hashed() -> None:
    import largemodels.app.cli
    import largemodels.book.start
    import largemodels.data.batches
    import largemodels.models.gpt
    import largemodels.text.generation
    import largemodels.training.loop  # noqa: F401

    files = loaded().keys()
    assert {
        "book/start.py", "data/batches.py", "models/gpt.py", "models/attention.py", "text/generation.py",
        "text/sampling.py", "training/loop.py", "training/optimizers.py", "training/randomness.py",
    } <= files  # fmt: skip
    assert not files & HARMLESS.keys()
    assert {"book/plots.py", "training/interrupts.py", "app/cli.py"} <= HARMLESS.keys()


def test_a_change_of_a_harmless_file_changes_nothing() -> None:
    assert provenance.changed({"book/plots.py": "0", "gone.py": "0"}) == ["gone.py"]
    assert provenance.changed({"models/gpt.py": "0"}) == ["models/gpt.py"]
    assert provenance.changed({"models/gpt.py": file_hash(library_root() / "models/gpt.py")}) == []


def test_imported_names_the_packages_in_use() -> None:
    """In a process of its own, where little is imported."""
    program = "import tqdm, sklearn; from largemodels.book.provenance import imported; print(*imported())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names = set(done.stdout.split())
    assert {"python", "numpy", "scikit-learn"} <= names
    assert not {"torch", "transformers", "tqdm"} & names
    assert imported()["torch"] == versions()["torch"]


def test_pins_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "pins.txt"
    path.write_text(
        "# words==1\nTorch == 2.13.0  # why\n-r other.txt\nscikit_learn==1.9 --hash=sha256:0\ntqdm==4.7\n",
        encoding="utf-8",
    )
    assert pins(path) == {"torch": "2.13.0", "scikit-learn": "1.9"}


def test_the_processor_is_named_with_its_instructions() -> None:
    name, _, instructions = provenance.processor().rpartition(", ")
    assert name
    assert instructions in ("DEFAULT", "AVX2", "AVX512", "NO AVX", "SVE", "SVE256", "VSX", "ZVECTOR")


def test_versions_are_plain() -> None:
    assert versions()["torch"].count("+") == 0
    assert versions()["python"].startswith("3.")


def test_importing_the_library_loads_nothing_heavy() -> None:
    heavy = ("torch", "pandas", "matplotlib", "transformers")
    program = f"import sys, largemodels; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
