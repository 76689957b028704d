"""A registry that a test may change, and an empty cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from largemodels.data import cache, registry, sources
from tests.library.data.packages import ENTRIES


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A registry that a test may change."""
    copy = json.loads(json.dumps(ENTRIES))
    monkeypatch.setattr(registry, "registry", lambda: copy)
    return copy


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    folder = tmp_path / "cache"
    for module in (cache, sources):
        monkeypatch.setattr(module, "cache_root", lambda: folder)
    return folder / "data"
