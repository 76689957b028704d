"""Several processes, started as a reader starts them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from largemodels.parallel import Team

from . import training_program as program

CONFIG = {"steps": 12, "evaluate_every": 1, "save_every": 6, "optimizer": "muon", "accumulate": 2}


def run(processes: int, folder: Path) -> pd.DataFrame:
    started = (
        []
        if processes == 1
        else ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    )
    table = folder.with_suffix(".json")
    arguments = [program.__file__, folder, "--config", json.dumps(CONFIG), "--history", table]
    done = subprocess.run(
        [sys.executable, *started, *map(str, arguments), "--dropout", "0"],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return pd.DataFrame(json.loads(table.read_text()))


def test_two_processes_learn_like_one(tmp_path: Path) -> None:
    alone = run(1, tmp_path / "alone")
    two = run(2, tmp_path / "two")
    assert list(two.step) == list(alone.step) == list(range(13))
    np.testing.assert_allclose(two.training_loss[1:], alone.training_loss[1:], rtol=2e-3)
    assert two.training_loss.iloc[-1] < two.training_loss.iloc[1] - 0.1
    saved = sorted(path.name for path in (tmp_path / "two").glob("step-*"))
    assert saved == ["step-00000006", "step-00000012"]
    shutil.rmtree(tmp_path / "two" / "step-00000012")
    again = run(2, tmp_path / "two")
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), two.drop(columns="seconds"))


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team(torch.device("cpu"))
    batch = (torch.arange(6), torch.arange(12).view(6, 2))
    assert all(torch.equal(ours, part) for ours, part in zip(team.share(batch), batch, strict=True))
    team.size, team.rank = 2, 1
    assert [part.tolist() for part in team.share(batch)] == [[1, 3, 5], [[2, 3], [6, 7], [10, 11]]]
    team.size = 4
    with pytest.raises(ValueError, match="A batch of 6 cannot be shared by 4 processes"):
        team.share({"tokens": batch[0]})
