"""Which code and which versions produced a number.

Records and studies carry these hashes, so that a page whose code has changed since its numbers were
computed can be told from one that is still true. A hash covers the syntax tree of a file without its
docstrings: a comment or a line break does not invalidate a result, a changed constant does.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import platform
import sys
from pathlib import Path

from ..paths import library_root

# The packages whose version can change a result, as they are named on PyPI.
WATCHED = ("torch", "transformers", "tokenizers", "numpy", "pandas", "matplotlib")


def code_hash(source: str) -> str:
    """Hash Python source by its syntax tree, without docstrings and comments.

    Raises:
        SyntaxError: if ``source`` is not Python.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    # ast.dump differs between Python versions in fields that are empty, so those are left out of it.
    return hashlib.sha256(_dump(tree).encode()).hexdigest()[:16]


def _dump(node: object) -> str:
    """Like ``ast.dump``, without empty fields, equal on every Python version the book runs on."""
    if isinstance(node, ast.AST):
        fields = ((name, getattr(node, name, None)) for name in node._fields)
        inner = ",".join(f"{name}={_dump(value)}" for name, value in fields if value not in (None, []))
        return f"{type(node).__name__}({inner})"
    if isinstance(node, list):
        return f"[{','.join(map(_dump, node))}]"
    return repr(node)


def file_hash(path: Path | str) -> str:
    """Hash one Python file, see :func:`code_hash`."""
    return code_hash(Path(path).read_text(encoding="utf-8"))


def loaded() -> dict[str, str]:
    """Library files that this process has imported, by path inside the library, with their hashes.

    An ``__init__.py`` is left out: it holds names and no logic, and grows with every chapter.
    """
    root = library_root()
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = (Path(file) for file in files if file)
    inside = {path for path in paths if path.suffix == ".py" and path.is_relative_to(root)}
    return {
        path.relative_to(root).as_posix(): file_hash(path)
        for path in sorted(inside)
        if path.name != "__init__.py"
    }


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a result."""
    found = {"python": platform.python_version()}
    for name in WATCHED:
        try:
            found[name] = importlib.metadata.version(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
