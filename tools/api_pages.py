"""The pages of the library: one for each package, with its modules, and the table of the public names, `lm.NAME`.

Both are made from the source: the packages and modules, their docstrings, and `__init__.pyi`, the one list of public
names. A new module or name needs no line anywhere else, a new package one in `_toc.yml`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tools.markdown import literal
from tools.notebooks import ROOT

_ROLE = re.compile(r":(?:py:)?\w+:`~?\.*([^`]+)`")


def library(root: Path = ROOT) -> Path:
    """The folder of the library."""
    return root / "src" / "largemodels"


def packages(root: Path = ROOT) -> list[str]:
    """The library's packages."""
    return sorted(path.parent.name for path in library(root).glob("*/__init__.py"))


def modules(package: str, root: Path = ROOT) -> list[str]:
    """The modules of a package that can be imported; those whose name begins with _ are private and left out."""
    names = sorted(path.stem for path in (library(root) / package).glob("*.py"))
    return [name for name in names if not name.startswith("_")]


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def summary(docstring: str | None) -> str:
    """The first sentence of a docstring as Markdown for a table."""
    paragraph = " ".join((docstring or "").strip().partition("\n\n")[0].split())
    sentence = re.split(r"(?<=[^.][.:])\s+(?=[A-Z`])", paragraph)[0].rstrip(".:")
    code = _ROLE.sub(r"`\1`", sentence).replace("``", "`").split("`")
    return "`".join(part.replace("|", "\\|") if at % 2 else literal(part) for at, part in enumerate(code))


def module_summary(path: Path) -> str:
    """The first sentence of a module."""
    return summary(ast.get_docstring(_tree(path)))


def package_page(package: str, root: Path = ROOT) -> str:
    """The page of a package: a table of its modules, then each module with its members."""
    folder = library(root) / package
    names = modules(package, root)
    rows = [
        f"| {{py:mod}}`{name} <largemodels.{package}.{name}>` | {module_summary(folder / f'{name}.py')} |"
        for name in names
    ]
    parts = [f"# {package}", f"{module_summary(folder / '__init__.py')}."]
    parts.append("\n".join(["| module | contents |", "|---|---|", *rows]))
    for name in names:
        directive = f".. automodule:: largemodels.{package}.{name}\n   :members:"
        parts.append(f"## {name}\n\n```{{eval-rst}}\n{directive}\n```")
    return "\n\n".join(parts) + "\n"


def package_table(root: Path = ROOT) -> str:
    """All packages, for the library's first page."""
    rows = [
        f"| [{name}](/book/generated/api/{name}.md) | {module_summary(library(root) / name / '__init__.py')} |"
        for name in packages(root)
    ]
    return "\n".join(["| package | contents |", "|---|---|", *rows]) + "\n"


def public_names(root: Path = ROOT) -> list[tuple[str, str]]:
    """The public names in the order of the stub, each with the module that defines it: ("GPT", "models.gpt").

    For a name that is itself a module, the second item is its package, or "" if the name is a package.
    """
    found = []
    for node in _tree(library(root) / "__init__.pyi").body:
        if isinstance(node, ast.ImportFrom):
            found += [(alias.asname or alias.name, node.module or "") for alias in node.names]
    return found


def name_table(root: Path = ROOT) -> str:
    """The table of the public names, grouped by module."""
    rows = []
    for name, place in public_names(root):
        if name not in packages(root):
            rows.append(f"| `lm.{name}` | {_name_summary(name, place, root)} |")
    return "\n".join(["| name | what it is |", "|---|---|", *rows]) + "\n"


def _name_summary(name: str, place: str, root: Path) -> str:
    path = library(root).joinpath(*place.split("."))
    if (path / f"{name}.py").exists():
        return module_summary(path / f"{name}.py")
    for node in _tree(path.with_suffix(".py")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return summary(ast.get_docstring(node))
    raise ValueError(f"src/largemodels/__init__.pyi names {name}, which {place} does not define")


def pages(root: Path = ROOT) -> dict[str, str]:
    """The pages, and the texts that `book/api/index.md` includes, by their names under `book/generated/`."""
    found = {f"api/{package}": package_page(package, root) for package in packages(root)}
    return found | {"api/_packages": package_table(root), "api/_names": name_table(root)}
