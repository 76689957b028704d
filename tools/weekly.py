"""Run chapters and the library's tests with the packages that are installed; open an issue for whatever breaks.

    python -m tools.weekly newest    every chapter and the library's tests, with the newest packages
    python -m tools.weekly pinned    this week's chapters against their records, with the pinned packages

The weekly workflow runs this. An issue is recognised by its title, so that none is opened twice.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from largemodels.book import provenance
from tools import execute, notebooks, rotation
from tools.wording import counted

TESTS = ("tests/library", "tests/parity")


def broken_chapters() -> dict[str, str]:
    """Titles of issues about chapters, each with the error."""
    lines = execute.execute(notebooks.chapters())
    return {f"{line.partition(':')[0]} breaks with the newest packages": line for line in lines}


def broken_library() -> dict[str, str]:
    """Title of the issue about the library's tests, with the last lines of what they print, if they fail."""
    command = [sys.executable, "-m", "pytest", "-q", *TESTS]
    done = subprocess.run(command, cwd=notebooks.ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return {}
    return {"The library's tests break with the newest packages": "\n".join(done.stdout.splitlines()[-30:])}


def _week() -> int:
    return date.today().toordinal() // 7


def changed_chapters(week: int | None = None) -> dict[str, str]:
    """Titles of issues about this week's chapters that fail or no longer match their record, each with the lines."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for chapter in rotation.due(_week() if week is None else week):
            try:
                lines = rotation.differences(chapter, Path(folder))
            except execute.ExecutionError as error:
                lines = [str(error)]
            if lines:
                found[f"{chapter} no longer agrees with its record"] = "\n".join(lines)
    return found


def body(error: str) -> str:
    """The text of an issue."""
    versions = ", ".join(f"{name} {version}" for name, version in provenance.versions().items())
    server, repository, run = (
        os.environ.get(f"GITHUB_{key}", "") for key in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    where = f"\n\nRun: {server}/{repository}/actions/runs/{run}" if run else ""
    fence = "`" * (1 + max(2, *map(len, re.findall("`+", error)), 0))  # longer than any in the text
    return f"{fence}\n{error}\n{fence}\n\nVersions: {versions}{where}\n"


def open_issues(found: dict[str, str]) -> list[str]:
    """Open an issue for each title that no open issue has; returns the new titles."""
    listed = [
        "gh",
        "issue",
        "list",
        "--state",
        "open",
        "--limit",
        "500",
        "--json",
        "title",
        "--jq",
        ".[].title",
    ]
    known = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.splitlines()
    new = [title for title in found if title not in known]
    for title in new:
        subprocess.run(["gh", "issue", "create", "--title", title, "--body", body(found[title])], check=True)
    return new


def main(arguments: list[str] | None = None) -> int:
    """Run all, open issues, and end with a non-zero status if anything is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.weekly", description="Run chapters and tests; open issues for what breaks."
    )
    parser.add_argument("packages", choices=["newest", "pinned"])
    newest = parser.parse_args(arguments).packages == "newest"
    found = broken_chapters() | broken_library() if newest else changed_chapters()
    for error in found.values():
        print(error, file=sys.stderr)
    if found:
        new = counted(len(open_issues(found)), "new issue")
        print(f"{counted(len(found), 'problem')}, {new} opened", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
