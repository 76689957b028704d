"""The workflows parse, ask for few rights, pin their actions and call commands that exist."""

from __future__ import annotations

import importlib.util
import re
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
}


def problems(text: str) -> list[str]:
    """What is wrong with a workflow."""
    workflow: dict[Any, Any] = yaml.safe_load(text)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    found = [
        f"{name} has no time limit" for name, job in workflow["jobs"].items() if "timeout-minutes" not in job
    ]
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


def test_there_are_three_workflows() -> None:
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
        ("make test", "python -m tools.gone", "tools.gone is no module"),
        ("make test", "echo ${{ github.head_ref }}", "an expression stands in a command"),
    ],
)
def test_planted_fault_is_found(old: str, new: str, expected: str) -> None:
    text = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    assert old in text
    assert any(expected in line for line in problems(text.replace(old, new)))
