"""That weights are right is tested in tests/parity."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from largemodels.pretrained.gpt import gpt_from_transformers


def test_transformers_is_imported_when_it_is_needed() -> None:
    program = "import sys, largemodels.pretrained.smollm2; sys.exit('transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_model_that_is_nowhere_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"is not a folder with a model.*load_smollm2\(\)"):
        gpt_from_transformers(tmp_path)

    def unreachable(name: str) -> None:
        raise OSError("We couldn't connect,\nand so on")

    from transformers import AutoModelForCausalLM

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", unreachable)
    with pytest.raises(FileNotFoundError, match="'gpt2' is not a folder"):
        gpt_from_transformers("gpt2")
