"""Write a repository's address into a checkout, so that its buttons and notebooks point to it.

    python -m tools.publish --address https://github.com/OWNER/REPOSITORY [--into FOLDER]

It goes into `_config.yml` (edit links to the main branch; Colab and Binder to the branch `notebooks`), into the line
`REPOSITORY = ""` of each notebook's set-up cell, which installs the library from that branch, and into that of
`src/largemodels/paths.py`, by which an installed library fetches kept weights. CITATION.cff gets it, with that of the
website, if it names no address yet. With `--into` the address is written into a copy, and the checkout stays as it is.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import notebooks
from tools.failures import first_line

ROOT = Path(__file__).resolve().parents[1]
ADDRESS = re.compile(r"https://github\.com/[A-Za-z0-9][A-Za-z0-9-]*/(?!\.{1,2}$)[A-Za-z0-9._-]+")
BRANCH = "notebooks"  # with the notebooks that contain the address; the set-up cells name it too
LIBRARY = "src/largemodels/paths.py"  # in which the installed library finds the address
LINE = re.compile(r'^REPOSITORY = "(.*)"$', flags=re.M)

COLAB = "https://colab.research.google.com"
BINDER = "https://mybinder.org"


class PublishError(ValueError):
    """The address or the checkout does not fit; the message is one line."""


def checked(address: str) -> str:
    """The address without a slash or `.git` at its end."""
    plain = address.strip().rstrip("/").removesuffix(".git")
    if not ADDRESS.fullmatch(plain):
        raise PublishError(f"{address!r} is not of the form https://github.com/OWNER/REPOSITORY.")
    return plain


def stamp_config(text: str, address: str) -> str:
    """`_config.yml` with the address and its buttons switched on."""
    if (old := re.search(r'^  url: "(.*)"$', text, flags=re.M)) and old[1] not in ("", address):
        raise PublishError(f"_config.yml is already stamped with {old[1]}; begin from a fresh checkout.")
    values = {
        "url": f'"{address}"',
        "branch": BRANCH,
        "use_edit_page_button": "true",
        "use_issues_button": "true",
        "colab_url": COLAB,
        "binderhub_url": BINDER,
    }
    for key, value in values.items():
        text, count = re.subn(rf"^(  {key}:) .*$", rf"\1 {value}", text, flags=re.M)
        if count != 1:
            raise PublishError(f"_config.yml has {count} lines that begin with '  {key}:', one is needed.")
    return text


def stamp_source(source: str, address: str, place: str = "the set-up cell") -> str:
    """A set-up cell, or another place, with the address; an address that is there already must be the same."""
    found = LINE.findall(source)
    if len(found) != 1:
        raise PublishError(f'{place} has {len(found)} lines REPOSITORY = "…", one is needed.')
    if found[0] not in ("", address):
        raise PublishError(f"already stamped with {found[0]}; begin from a fresh checkout.")
    return LINE.sub(f'REPOSITORY = "{address}"', source)


def stamp_notebook(path: Path, address: str) -> str:
    """The text of a notebook with the address in its set-up cell."""
    notebook = notebooks.read(path)
    cells = [cell for cell in notebook.cells if "setup" in notebooks.tags(cell)]
    if len(cells) != 1:
        raise PublishError(f"{path.name} has {len(cells)} cells tagged setup, one is needed.")
    try:
        cells[0].source = stamp_source(cells[0].source, address)
    except PublishError as error:
        raise PublishError(f"{path.name}: {error}") from None
    return notebooks.text(notebook)


def stamp_citation(text: str, address: str) -> str:
    """CITATION.cff with the addresses of repository and website, if it has none yet: an edition cites the book."""
    if re.search(r"^(repository-code|url):", text, flags=re.M):
        return text
    owner, name = address.rsplit("/", 2)[1:]
    site = f"https://{owner.lower()}.github.io/" + (
        "" if name.lower() == f"{owner.lower()}.github.io" else f"{name}/"
    )
    return f'{text.rstrip()}\nrepository-code: "{address}"\nurl: "{site}"\n'


def stamp(root: Path, address: str) -> int:
    """Stamp a checkout, or leave it as it is if anything in it does not fit; the number of notebooks stamped."""
    address = checked(address)
    paths = notebooks.paths(root)
    texts = {path: stamp_notebook(path, address) for path in paths}
    library, config, citation = root / LIBRARY, root / "_config.yml", root / "CITATION.cff"
    texts[library] = stamp_source(library.read_text(encoding="utf-8"), address, LIBRARY)
    texts[config] = stamp_config(config.read_text(encoding="utf-8"), address)
    if citation.exists():
        texts[citation] = stamp_citation(citation.read_text(encoding="utf-8"), address)
    for path, text in texts.items():
        notebooks.replace(path, text)  # where a link stands, the link is replaced, not what it leads to
    return len(paths)


def copy_checkout(root: Path, target: Path) -> None:
    """Copy all files that git tracks or would add, with uncommitted changes, into an empty folder; links as links.

    Raises:
        PublishError: if the target is not an empty folder outside the checkout, or git knows no checkout here.
        OSError: if the target cannot be written to.
    """
    if target.resolve().is_relative_to(root.resolve()):
        raise PublishError(f"{target} is inside the checkout; name a folder elsewhere.")
    if target.is_symlink() and not target.exists():
        raise PublishError(f"{target} is a link that leads nowhere.")
    if target.exists() and not target.is_dir():
        raise PublishError(f"{target} is not a folder.")
    if target.exists() and any(target.iterdir()):
        raise PublishError(f"{target} is not empty.")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise PublishError("git is not installed; it says which files belong to the book.") from None
    except subprocess.CalledProcessError as error:
        raise PublishError(f"{root} is no git checkout: {first_line(error.stderr)}") from None
    for name in filter(None, names.split("\0")):
        source = root / name
        if source.is_file() or source.is_symlink():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)


def main() -> int:
    """Command line, see the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.publish", description="Write a repository's address into the book."
    )
    parser.add_argument("--address", required=True, help="https://github.com/OWNER/REPOSITORY")
    parser.add_argument(
        "--into",
        type=Path,
        help="an empty folder outside the checkout; the address is written into a copy there",
    )
    options = parser.parse_args()
    try:
        address = checked(options.address)
        if options.into:
            copy_checkout(ROOT, options.into)
        count = stamp(options.into or ROOT, address)
    except (OSError, ValueError) as error:
        print(f"publish: {error}", file=sys.stderr)
        return 1
    print(f"{count} notebooks in {options.into or ROOT} now point to {address}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
