from __future__ import annotations

import json
from pathlib import Path

import pytest

from largemodels.data import registry
from largemodels.data.registry import DataError
from largemodels.pretrained import smollm2 as weights


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a conversion that takes no time."""
    packed = tmp_path / "packed.gguf"
    packed.write_bytes(b"packed")
    monkeypatch.setattr(weights, "files", lambda name, unchecked: {packed.name: packed})
    monkeypatch.setattr(weights.importlib.metadata, "version", lambda name: "9.9")
    monkeypatch.setattr(weights.platformdirs, "user_cache_path", lambda name: tmp_path / name)
    monkeypatch.setattr(weights, "_unpack", lambda packed, folder: (folder / "model").write_bytes(b"weights"))
    return tmp_path / "largemodels"


def test_it_is_converted_once(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = weights.smollm2()
    assert folder == cache / "smollm2-9.9-float32"
    assert "once" in capsys.readouterr().out
    assert weights.smollm2() == folder
    assert capsys.readouterr().out == ""
    assert [path.name for path in cache.iterdir()] == [folder.name]


def test_one_changed_byte_is_found(cache: Path) -> None:
    folder = weights.smollm2()
    (folder / "model").write_bytes(b"veights")
    with pytest.raises(
        DataError, match=r"model of the converted SmolLM2 is damaged.*Delete the folder .*9\.9"
    ):
        weights.smollm2()
    (folder / "model").unlink()
    with pytest.raises(DataError, match="model is missing from the converted SmolLM2"):
        weights.smollm2()


def test_an_interrupted_conversion_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(packed: Path, folder: Path) -> None:
        (folder / "model").write_bytes(b"half of the w")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(weights, "_unpack", interrupted)
        with pytest.raises(KeyboardInterrupt):
            weights.smollm2()
    assert not list(cache.iterdir())
    folder = weights.smollm2()
    assert json.loads((folder / weights.SUMS).read_text(encoding="utf-8")).keys() == {"model"}


def test_the_hint_names_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = registry.registry()
    entries["smollm2"]["package"] = "no-such-package-anywhere"
    monkeypatch.setattr(registry, "registry", lambda: entries)
    with pytest.raises(DataError, match=r"Run: python -m largemodels\.data install smollm2"):
        weights.smollm2()
