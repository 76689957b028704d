"""The code and the package versions that produced a number.

Records and studies store these hashes, which show whether a page's code has changed since its numbers were computed. A
hash covers the syntax tree of a file without docstrings and error messages: a comment or better wording does not
invalidate a result, a changed constant does.

Files and packages that cannot change a number are left out, so that changing them makes nothing stale: see
:data:`HARMLESS` and :data:`HARMLESS_PACKAGES`.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import platform
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from ..paths import library_root

# The packages whose versions say most about an installation, as they are named on PyPI.
WATCHED = ("torch", "transformers", "tokenizers", "numpy", "pandas", "matplotlib")

# Library files that no number depends on, each with the reason. ``book/start.py`` is not among them: it seeds.
HARMLESS = {
    "app/cli.py": "reads a command line; what it calls is hashed",
    "app/console.py": "prints what the command line says",
    "app/datasets.py": "lists data sets",
    "app/options.py": "checks a command line",
    "app/report.py": "prints the end of a training run",
    "book/gpu.py": "reads what a run on a GPU has measured",
    "book/setup.py": "installs what a chapter needs",
    "book/claims.py": "checks and prints numbers that are there already",
    "book/journal.py": "writes down what was used",
    "book/kept.py": "keeps weights whose hashes are checked",
    "book/plots.py": "draws numbers that are there already",
    "book/provenance.py": "writes down what was used",
    "book/recompute.py": "compares rows that are there already",
    "book/studies.py": "stores rows and reads them",
    "data/archives.py": "unpacks files whose hashes are checked",
    "data/cache.py": "keeps files whose hashes are checked",
    "data/checks.py": "checks the hashes of files",
    "data/registry.py": "finds files whose hashes are checked",
    "data/sources.py": "fetches files whose hashes are checked",
    "files.py": "moves whole files into place",
    "models/checks.py": "refuses wrong settings",
    "models/formats.py": "reads the checkpoints of earlier versions",
    "text/protocol.py": "holds types alone",
    "paths.py": "says where files are; what is read from them is checked by its hash",
    "training/bar.py": "shows the progress of a training run",
    "training/interrupts.py": "stops a training run between two steps",
}

# Pinned packages that no number depends on.
HARMLESS_PACKAGES = {
    "arpy": "unpacks files whose hashes are checked",
    "backports-zstd": "unpacks files whose hashes are checked",
    "filelock": "makes one process wait for another",
    "ipykernel": "runs a notebook's cells",
    "lazy-loader": "imports a module when its name is first used",
    "platformdirs": "names the folder of the user's cache",
    "tqdm": "draws progress bars",
    "typer": "reads a command line",
}


def code_hash(source: str) -> str:
    """Hash Python source by its syntax tree, without comments, docstrings and the arguments of raised errors.

    Raises:
        SyntaxError: if ``source`` is not Python.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc.args, node.exc.keywords = [], []
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


def script_hash(path: Path) -> str:
    """Hash a study's script together with the scripts beside it that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    beside = [path.with_name(f"{module}.py") for module in sorted(modules)]
    hashes = [file_hash(path), *(script_hash(other) for other in beside if other.exists())]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()[:16]


def loaded() -> dict[str, str]:
    """Library files that this process has imported, by path inside the library, with their hashes.

    Files in :data:`HARMLESS` are left out, and so is each ``__init__.py``, which holds names but no logic and grows
    with every chapter.
    """
    root = library_root()
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = (Path(file) for file in files if file)
    inside = {path for path in paths if path.suffix == ".py" and path.is_relative_to(root)}
    names = {path.relative_to(root).as_posix(): path for path in sorted(inside) if path.name != "__init__.py"}
    return {name: file_hash(path) for name, path in names.items() if name not in HARMLESS}


def changed(hashes: dict[str, str]) -> list[str]:
    """Those of these library files that are gone or whose hash has changed, except harmless ones."""
    root = library_root()
    return [
        name
        for name, old in hashes.items()
        if name not in HARMLESS and (not (root / name).exists() or file_hash(root / name) != old)
    ]


def requirements(root: Path) -> list[Path]:
    """The requirements files of the notebooks: the common one, and one per part."""
    return sorted([*root.glob("requirements/notebooks.txt"), *root.glob("requirements/part*.txt")])


def pins(*paths: Path) -> dict[str, str]:
    """Pinned versions of the packages that a number can depend on, by name.

    Args:
        paths: of requirements files; none: those of the notebooks, in a checkout.
    """
    files = paths or requirements(library_root().parents[1])
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    found = (re.match(r"\s*([\w.-]+)\s*==\s*([^\s;#]+)", line) for line in lines)
    pinned = {normal_name(match[1]): match[2] for match in found if match}
    return {name: version for name, version in pinned.items() if name not in HARMLESS_PACKAGES}


def normal_name(package: str) -> str:
    """A package's name as PyPI compares it: "Lazy_Loader" and "lazy-loader" are one."""
    return re.sub(r"[-_.]+", "-", package).lower()


def imported() -> dict[str, str]:
    """Versions of Python and of those pinned packages that this process has imported, by name on PyPI."""
    top = {name.partition(".")[0] for name in list(sys.modules)}
    names = {normal_name(package) for module in top for package in _packages().get(module, ())}
    return {"python": platform.python_version()} | installed(sorted(names & pins().keys()))


@functools.cache
def _packages() -> dict[str, list[str]]:
    """Packages by the modules that they provide; cached, since reading this takes most of a second."""
    return dict(importlib.metadata.packages_distributions())


def processor() -> str:
    """The processor, as far as it affects rounding: its model, and the instruction set that torch uses."""
    import torch

    fields = {}
    if (path := Path("/proc/cpuinfo")).exists():
        lines = path.read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
        fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    model = fields.get("model name") or platform.processor() or platform.machine()
    if {"cpu family", "model"} <= fields.keys():  # a virtual machine often hides the name, but not these
        model += f" (family {fields['cpu family']}, model {fields['model']})"
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that are :data:`WATCHED`."""
    return {"python": platform.python_version()} | installed(WATCHED)


def installed(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those of these packages that are installed, without the label of a build such as "+cpu"."""
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
