"""The recordings of a watch: who made which, the windows, the wrists, and files that ask for more than arrays."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from largemodels.data import series
from largemodels.data.registry import DataError
from largemodels.data.series import (
    EXERCISES,
    Recording,
    persons,
    read_objects,
    reflected,
    rotated,
    watch_motion,
    windows,
)


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    return watch_motion()


def test_each_person_made_each_exercise_on_each_wrist_once(recordings: list[Recording]) -> None:
    made = {(it.person, it.exercise, it.right) for it in recordings}
    assert len(recordings) == len(made) == 10 * 7 * 2
    assert {it[0] for it in made} == set(range(10)) and {it[1] for it in made} == set(range(len(EXERCISES)))
    lengths = [len(it.motion) for it in recordings]
    assert (min(lengths), max(lengths), sum(lengths)) == (947, 2_618, 244_102)
    assert all(it.motion.shape[1] == 6 and it.motion.dtype == torch.float32 for it in recordings)


def test_reflection_brings_the_wrists_together(recordings: list[Recording]) -> None:
    def apart(reflect: bool) -> float:
        its = windows(recordings, reflect=reflect)
        right = torch.tensor([it.right for it in recordings])[its.recording]
        gaps = []
        for exercise in range(7):
            rows = its.exercise == exercise
            ours, theirs = its.motion[rows & right], its.motion[rows & ~right]
            gaps.append((ours.mean((0, 1)) - theirs.mean((0, 1)))[:3].norm())
        return float(torch.stack(gaps).mean())

    assert apart(False) > 5 * apart(True)
    motion = recordings[0].motion
    assert torch.equal(reflected(reflected(motion)), motion)


def test_windows_are_pieces_of_their_recordings(recordings: list[Recording]) -> None:
    its = windows(recordings[:3], 150, 70)
    assert len(its) == sum((len(it.motion) - 150) // 70 + 1 for it in recordings[:3])
    row = int((its.recording == 1).nonzero()[2])
    assert its.start[row] == 140 and its.exercise[row] == recordings[1].exercise
    piece = recordings[1].motion[140:290]
    assert torch.equal(its.motion[row], piece if recordings[1].right else reflected(piece))
    some = its[persons(its, [recordings[2].person])]
    assert set(some.person.tolist()) == {recordings[2].person} and len(some) < len(its)
    with pytest.raises(ValueError, match="No recording has 5000 samples"):
        windows(recordings[:3], 5_000)


def test_a_rotation_turns_both_sensors_alike_and_keeps_lengths() -> None:
    motion = torch.randn(5, 9, 6)
    motion[..., 3:] = 2 * motion[..., :3]
    turned = rotated(motion, 30, torch.Generator().manual_seed(0))
    assert_close(turned[..., 3:], 2 * turned[..., :3])
    assert_close(turned[..., :3].norm(dim=-1), motion[..., :3].norm(dim=-1))
    angles = torch.nn.functional.cosine_similarity(turned[:, 0, :3], motion[:, 0, :3]).acos()
    assert len(angles.unique()) == 5 and angles.max() > 0.05
    assert rotated(motion, 0) is motion
    # The axis is any and the angle normal: the mean cosine of the angle about it is exp(-s²/2).
    many = torch.zeros(20_000, 1, 6)
    many[..., 0] = 1
    cosine = rotated(many, 30, torch.Generator().manual_seed(0))[:, 0, 0].mean()
    s = torch.tensor(30 * torch.pi / 180)
    assert float(cosine) == pytest.approx(float(1 / 3 + 2 / 3 * (-(s**2) / 2).exp()), abs=0.005)


class Harm:
    """Would make a folder while it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.mkdir, (str(self.path),)


def test_a_file_that_asks_for_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.npy"
    np.save(path, np.array({"X": Harm(tmp_path / "made")}, dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"asks for posix.mkdir|asks for nt.mkdir"):
        read_objects(path)
    assert not (tmp_path / "made").exists()
    good = {"X": [np.arange(6.0).reshape(2, 3)], "names": ["a"], "y": np.array([1, 2])}
    np.save(path, np.array(good, dtype=object), allow_pickle=True)
    found = read_objects(path)
    assert np.array_equal(found["X"][0], good["X"][0]) and found["names"] == ["a"]
    for content in (b"no such file", pickle.dumps(good), path.read_bytes()[:-40]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be read"):
            read_objects(path)
    np.save(path, np.zeros(3))
    with pytest.raises(DataError, match="no single object"):
        read_objects(path)


def test_other_exercises_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "watch_dataset.npy"
    np.save(path, np.array({"y_labels": ["RUN"], "X_labels": ["ax"]}, dtype=object), allow_pickle=True)
    monkeypatch.setattr(series, "files", lambda *_, **__: {path.name: path})
    with pytest.raises(DataError, match="other exercises or axes"):
        watch_motion()
