"""Several processes, one run of them started by torchrun, the others with what torchrun would tell them."""

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

from largemodels.training.parallel import Team
from tests.library.processes import run as run_alone
from tests.library.processes import team

from . import training_program as program

CONFIG = {"steps": 12, "evaluate_every": 1, "save_every": 6, "optimizer": "muon", "accumulate": 2}


TORCHRUN = ("-m", "torch.distributed.run", "--standalone")


def start(
    processes: int, *arguments: object, dropout: float = 0, torchrun: bool = False, **config: object
) -> tuple[int, str]:
    """Exit code and stderr of the program of the tests; torchrun itself takes seconds more."""
    file, environment = Path(program.__file__), os.environ | {"OMP_NUM_THREADS": "1"}
    options = [*map(str, arguments), "--config", json.dumps(CONFIG | config), "--dropout", str(dropout)]
    if torchrun:
        command = [sys.executable, *TORCHRUN, f"--nproc-per-node={processes}", str(file), *options]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)
    elif processes == 1:
        done = run_alone(file, *options, env=environment, timeout=240)
    else:
        done = team(processes, file, *options, env=environment)
    return done.returncode, done.stderr


def run(
    processes: int, folder: Path, *arguments: object, dropout: float = 0, **config: object
) -> pd.DataFrame:
    """The history that the program writes."""
    table = folder.with_suffix(".json")
    target = "-" if "--sharded" in arguments else folder
    code, err = start(processes, target, "--history", table, *arguments, dropout=dropout, **config)
    assert code == 0, err
    return pd.DataFrame(json.loads(table.read_text()))


def test_two_processes_learn_like_one(tmp_path: Path) -> None:
    alone = run(1, tmp_path / "alone")
    two = run(2, tmp_path / "two", torchrun=True)
    assert list(two.step) == list(alone.step) == list(range(13))
    np.testing.assert_allclose(two.training_loss[1:], alone.training_loss[1:], rtol=2e-3)
    assert two.training_loss.iloc[-1] < two.training_loss.iloc[1] - 0.1
    saved = sorted(path.name for path in (tmp_path / "two").glob("step-*"))
    assert saved == ["step-00000006", "step-00000012"]
    shutil.rmtree(tmp_path / "two" / "step-00000012")
    again = run(2, tmp_path / "two")
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), two.drop(columns="seconds"))


ONE_STEP = """
import os
import sys
import torch
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.training.config import TrainingConfig
from largemodels.training.loop import train

torch.manual_seed(0)
model = GPT(GPTConfig(7, context_length=8, n_layer=1, n_head=2, d_model=16))
tokens = torch.randint(7, (8, 9))
inputs, targets = tokens[:, :-1], tokens[:, 1:].clone()
for row, counted in enumerate(eval(sys.argv[2])):
    targets[row, counted:] = -100
n = int(sys.argv[3])
batches = zip(inputs.chunk(n), targets.chunk(n))
config = TrainingConfig(steps=1, accumulate=n, clip_norm=None)
sgd = lambda model: [torch.optim.SGD(model.parameters(), lr=1.0)]
history = train(model, batches, config, optimizers=sgd)
if os.environ.get("RANK", "0") == "0":
    torch.save({"weights": model.state_dict(), "loss": float(history.training_loss[1])}, sys.argv[1])
"""


# How many targets count in each row: of two processes the first takes rows 0, 2, …, the second 1, 3, …
@pytest.mark.parametrize("counts", [[8, 1, 7, 2, 8, 0, 5, 1], [8, 0, 7, 0, 8, 0, 5, 0]])
def test_processes_with_different_numbers_of_targets_give_one_gradient(
    counts: list[int], tmp_path: Path
) -> None:
    program_file = tmp_path / "step.py"
    program_file.write_text(ONE_STEP)
    results = []
    for processes, accumulate in ((1, 1), (2, 1), (2, 2)):
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        out = tmp_path / f"{processes}-{accumulate}.pt"
        arguments = [str(program_file), str(out), str(counts), str(accumulate)]
        done = subprocess.run(
            [sys.executable, *(launcher if processes > 1 else []), *arguments],
            capture_output=True, text=True, timeout=240, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        results.append(torch.load(out))
    for other in results[1:]:
        assert other["loss"] == pytest.approx(results[0]["loss"], rel=1e-6)
        for name, value in results[0]["weights"].items():
            torch.testing.assert_close(other["weights"][name], value, rtol=1e-5, atol=1e-6)


def test_two_processes_drop_differently_and_learn_as_well(tmp_path: Path) -> None:
    alone, two = (run(n, tmp_path / f"of{n}", dropout=0.3) for n in (1, 2))
    assert alone.training_loss.iloc[1] == pytest.approx(two.training_loss.iloc[1], rel=0.05)
    assert not np.allclose(two.training_loss[1:], alone.training_loss[1:], rtol=2e-3)
    np.testing.assert_allclose(two.validation_loss, alone.validation_loss, rtol=0.05)


def test_sharded_weights_learn_like_replicated_ones(tmp_path: Path) -> None:
    alone = run(1, tmp_path / "alone", optimizer="adamw")
    sharded = run(2, tmp_path / "sharded", "--sharded", optimizer="adamw")
    for loss in ("training_loss", "validation_loss"):
        np.testing.assert_allclose(sharded[loss].dropna(), alone[loss].dropna(), rtol=2e-3)
    assert sharded.validation_loss.iloc[-1] < sharded.validation_loss.iloc[0] - 0.1


@pytest.mark.parametrize(
    ("folder", "optimizer", "message"),
    [
        (
            "-",
            "muon",
            'Muon needs whole matrices, but the weights are sharded: train with optimizer="adamw".',
        ),
        ("run", "adamw", "Weights that are sharded over processes cannot be saved here"),
    ],
)
def test_what_sharded_weights_cannot_do_is_said(
    folder: str, optimizer: str, message: str, tmp_path: Path
) -> None:
    target = folder if folder == "-" else tmp_path / folder
    code, err = start(2, target, "--sharded", optimizer=optimizer)
    assert code != 0 and message in err and 'Traceback (most recent call last):\n  File "<string>' not in err


def test_as_many_processes_as_before(tmp_path: Path) -> None:
    run(2, tmp_path / "run", steps=6)
    code, err = start(1, tmp_path / "run", steps=6)
    assert code == 1
    assert err.splitlines()[-1].endswith(
        "was saved by 2 processes, but this run has 1: resume with the same number."
    )


def test_a_batch_that_cannot_be_divided_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team(torch.device("cpu"))
    batch = (torch.arange(6), torch.arange(12).view(6, 2))
    assert all(torch.equal(ours, part) for ours, part in zip(team.shard(batch), batch, strict=True))
    team.size, team.rank = 2, 1
    assert [part.tolist() for part in team.shard(batch)] == [[1, 3, 5], [[2, 3], [6, 7], [10, 11]]]
    team.size = 4
    with pytest.raises(ValueError, match="A batch of 6 cannot be divided among 4 processes"):
        team.shard({"tokens": batch[0]})
