"""``python -m largemodels.data install``: fetch data sets and trained weights.

By name, for the chapters of one part (``--part 05_project``), or all (``--all``). What is there is left alone.
"""

import argparse
import json
import sys

from ..paths import data_root
from .registry import DataError, install, registry


def of_part(part: str) -> list[str]:
    """What the chapters of a part have read, by their records."""
    records = sorted((data_root() / "records" / part).glob("*.json"))
    if not records:
        raise DataError(f"There is no part {part!r} with chapters: name it as in notebooks/, say 05_project.")
    read = {line.split()[0] for file in records for line in json.loads(file.read_text("utf-8"))["data"]}
    return [name for name in registry() if name in read]


def main() -> None:
    """Command line, see the module's docstring."""
    names = "\n".join(f"  {name}: {entry['title']}" for name, entry in registry().items())
    parser = argparse.ArgumentParser(
        prog="python -m largemodels.data",
        epilog=f"Data sets and weights:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=["install"])
    parser.add_argument("name", nargs="*", help="of a data set, such as shakespeare")
    parser.add_argument("--part", help="what the chapters of a part read, such as 05_project")
    parser.add_argument("--all", action="store_true", help="everything")
    asked = parser.parse_args()
    if not (asked.name or asked.part or asked.all):
        parser.error("say what: names, --part or --all")
    try:
        more = [*registry()] if asked.all else of_part(asked.part) if asked.part else []
        install([*asked.name, *more])
    except DataError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
