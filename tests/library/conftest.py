"""Fixtures that several of the library's tests use."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for about 2 MB: a file system of that size, which only root may mount."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)]
    for root in ([], ["sudo", "--non-interactive"]):
        there = all(map(shutil.which, [*root[:1], "mount"]))
        if there and subprocess.run([*root, *mount], capture_output=True).returncode == 0:
            subprocess.run([*root, "chmod", "777", str(place)], check=True)
            yield place
            subprocess.run([*root, "umount", str(place)], check=True)
            return
    pytest.skip("needs a small file system, which only root may mount")
