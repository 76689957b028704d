"""The workflows parse, ask for few rights, pin their actions and call commands that exist."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.notebooks import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RIGHTS = {
    "test.yml": {"contents: read"},
    "publish.yml": {"contents: read", "contents: write", "pages: write", "id-token: write"},
    "weekly.yml": {"contents: read", "issues: write"},
    "systems.yml": {"contents: read"},
}


def parts_of_the_tests() -> dict[str, list[str]]:
    """The parts of `make test` with their paths, from the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (names,) = re.findall(r"^PARTS := (.+)$", makefile, flags=re.M)
    paths = dict(re.findall(r"^PATHS_(\w+) := (.+)$", makefile, flags=re.M))
    return {name: paths[name].split() for name in names.split()}


def problems(text: str) -> list[str]:
    """What is wrong with a workflow."""
    workflow: dict[Any, Any] = yaml.safe_load(text)
    called = [job["uses"] for job in workflow["jobs"].values() if "uses" in job]
    jobs = {name: job for name, job in workflow["jobs"].items() if "uses" not in job}
    steps = [step for job in jobs.values() for step in job["steps"]]
    found = [f"{name} has no time limit" for name, job in jobs.items() if "timeout-minutes" not in job]
    found += [f"{name} is no workflow" for name in called if not (ROOT / name).is_file()]
    for name, job in workflow["jobs"].items():
        needed = job.get("needs", [])
        for other in [needed] if isinstance(needed, str) else needed:
            if other not in workflow["jobs"]:
                found.append(f"{name} needs {other}, which is no job")
        parts = job.get("strategy", {}).get("matrix", {}).get("part")
        if parts is not None and parts != list(parts_of_the_tests()):
            found.append(
                f"the parts are {', '.join(parts)}, in the Makefile {', '.join(parts_of_the_tests())}"
            )
    if "permissions" not in workflow:
        found.append("the rights are not limited")
    actions = [step["uses"] for step in steps if "uses" in step]
    found += [
        f"{action} is not pinned"
        for action in actions
        if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action)
    ]
    commands = "\n".join(step["run"] for step in steps if "run" in step)
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    found += [
        f"make {name} is no target" for name in re.findall(r"\bmake (\w+)", commands) if name not in targets
    ]
    modules = re.findall(r"python -m ((?:tools|largemodels|tests)[\w.]*)", commands)
    found += [f"{name} is no module" for name in modules if importlib.util.find_spec(name) is None]
    if "${{" in commands:
        found.append("an expression stands in a command; pass it as an environment variable")
    return found


def test_these_are_all_workflows() -> None:
    assert {path.name for path in WORKFLOWS} == set(RIGHTS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_is_sound(path: Path) -> None:
    assert problems(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_asks_for_no_more_rights(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    asked = [workflow["permissions"], *(job.get("permissions", {}) for job in workflow["jobs"].values())]
    assert {f"{name}: {right}" for rights in asked for name, right in rights.items()} == RIGHTS[path.name]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("make test", "make tests", "make tests is no target"),
        ("actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "actions/checkout@v5", "is not pinned"),
        ("permissions:", "rights:", "the rights are not limited"),
        ("timeout-minutes: 40", "name: test", "no time limit"),
        ("[library, book, notebooks]", "[library, book]", "the parts are library, book, in the Makefile"),
        ("make test", "python -m tools.gone", "tools.gone is no module"),
        ("make test", "echo ${{ github.head_ref }}", "an expression stands in a command"),
    ],
)
def test_planted_fault_is_found(old: str, new: str, expected: str) -> None:
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    assert old in text
    assert any(expected in line for line in problems(text.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("workflows/test.yml", "workflows/tests.yml", "./.github/workflows/tests.yml is no workflow"),
        ("needs: test", "needs: tests", "build needs tests, which is no job"),
    ],
)
def test_planted_fault_of_publishing_is_found(old: str, new: str, expected: str) -> None:
    text = (ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")
    assert old in text
    assert expected in problems(text.replace(old, new))


def test_nothing_is_published_that_was_not_tested() -> None:
    """Every part: the job waits for all of them."""
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8"))[
        "jobs"
    ]
    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    assert jobs["build"]["needs"] == "test"
    for name in ("notebooks", "pages"):
        assert "build" in jobs[name]["needs"]


def test_each_test_is_in_one_part() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "tests", "notebooks"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    files = [
        name for name in listed if re.search(r"/test_\w+\.py$|\.ipynb$", name) and (ROOT / name).exists()
    ]
    assert len(files) > 50
    places = {
        part: {path for pattern in patterns for path in ROOT.glob(pattern)}
        for part, patterns in parts_of_the_tests().items()
    }
    for name in files:
        path = ROOT / name
        found = [part for part, roots in places.items() if roots & {path, *path.parents}]
        assert len(found) == 1, f"{name} is in the parts {found}: mend PATHS_… in the Makefile"
