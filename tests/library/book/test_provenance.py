from __future__ import annotations

import subprocess
import sys

import pytest

from largemodels.book.provenance import code_hash, file_hash, loaded, versions
from largemodels.paths import library_root

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


def test_a_string_that_is_no_docstring_counts() -> None:
    assert code_hash("x = 1\n'a'") != code_hash("x = 1\n'b'")


def test_loaded_names_the_imported_files() -> None:
    import largemodels.models.ngram  # noqa: F401

    files = loaded()
    assert files["models/ngram.py"] == file_hash(library_root() / "models/ngram.py")
    assert not any(name.endswith("__init__.py") for name in files)


def test_versions_are_plain() -> None:
    assert versions()["torch"].count("+") == 0
    assert versions()["python"].startswith("3.")


def test_importing_the_library_loads_nothing_heavy() -> None:
    heavy = ("torch", "pandas", "matplotlib", "transformers")
    program = f"import sys, largemodels; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
