from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from largemodels.data.checks import DataError
from largemodels.data.faces import PORTRAITS, portrait
from largemodels.data.pictures import photograph
from largemodels.models.face_descriptor import FaceDescriptor, FaceDescriptorConfig
from largemodels.models.face_finder import FaceFinder, FaceFinderConfig
from largemodels.models.face_points import FacePoints, FacePointsConfig
from largemodels.pretrained.faces import (
    FaceReader,
    align,
    load_faces,
    manifest_weights,
    mean_face,
    similarity,
)
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    installed("faces")
    return load_faces()


def test_one_face_is_found_where_it_is(reader: FaceReader) -> None:
    (face,) = reader.read(255 * photograph("astronaut"))
    # face-api itself says 163, 76, 279, 187; it shrinks the picture without smoothing.
    np.testing.assert_allclose(face.box, (163, 76, 279, 187), atol=4)
    assert (
        face.points.shape == (68, 2) and face.aligned.shape == (3, 150, 150) and face.numbers.shape == (128,)
    )
    assert reader.read(255 * photograph("coins")) == []


def test_a_turned_picture_gives_nearly_the_same_aligned_face(reader: FaceReader) -> None:
    picture = 255 * photograph("astronaut")
    (face,) = reader.read(picture)
    a, _ = similarity(mean_face(), face.points[[*range(27, 55), *range(60, 65)]])
    # Mirrored points would need a mirror, which a similarity is not.
    assert torch.linalg.det(a) > 0
    shifted = torch.roll(picture, (7, -5), dims=(1, 2))
    moved = align(shifted, face.points + torch.tensor([-5.0, 7.0]))
    torch.testing.assert_close(moved, face.aligned, atol=0.5, rtol=0)


def test_a_similarity_is_recovered() -> None:
    points = torch.rand(7, 2, dtype=torch.double)
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.double)
    aims = 3 * points @ turn.T + torch.tensor([2.0, -1.0])
    a, b = similarity(points, aims)
    torch.testing.assert_close(points @ a.T + b, aims)
    torch.testing.assert_close(a, 3 * turn)


def test_one_politician_is_nearer_to_himself(reader: FaceReader) -> None:
    installed("portraits")
    numbers = {}
    for name in PORTRAITS:
        numbers[name] = reader.read(portrait(name))[0].numbers
    first = numbers.pop("Obama, official portrait")
    apart = {name: float((it - first).norm()) for name, it in numbers.items()}
    assert max(apart, key=apart.__getitem__) == "Biden, standing"


def test_small_networks_with_odd_sizes() -> None:
    finder = FaceFinder(FaceFinderConfig(channels=(4, 6, 8), anchors=((1.0, 2.0), (3.0, 1.0))))
    assert finder(torch.zeros(2, 3, 33, 47)).shape == (2, 2, 8, 12, 5)
    boxes, scores = finder.candidates(torch.zeros(1, 3, 32, 32))
    assert boxes.shape == (1, scores.shape[1], 4)
    points = FacePoints(FacePointsConfig(channels=(4, 6), n_points=5, side=12))
    assert points(torch.zeros(3, 3, 12, 12)).shape == (3, 5, 2)
    describer = FaceDescriptor(FaceDescriptorConfig(blocks=((4, False), (6, True), (6, True)), n_numbers=7))
    assert describer(torch.zeros(2, 3, 51, 63)).shape == (2, 7)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="layers"):
        FaceFinderConfig(channels=(4,))
    with pytest.raises(ValueError, match="multiple"):
        FacePointsConfig(side=100)
    with pytest.raises(ValueError, match="n_numbers"):
        FaceDescriptorConfig(n_numbers=0)


def test_numbers_in_bytes_are_read_and_counted(tmp_path: Path) -> None:
    scale = {"dtype": "uint8", "scale": 0.5, "min": -1.0}
    entries = [{"name": "a", "shape": [3], "dtype": "float32", "quantization": scale}]
    entries.append({"name": "b", "shape": [1, 2], "dtype": "float32"})
    path = tmp_path / "m.json"
    path.write_text(json.dumps([{"paths": ["m.bin"], "weights": entries}]), encoding="utf-8")
    (tmp_path / "m.bin").write_bytes(bytes([0, 2, 255]) + np.array([0.25, 7], "<f4").tobytes())
    read = manifest_weights(path)
    assert read["a"].tolist() == [-1.0, 0.0, 126.5] and read["b"].tolist() == [[0.25, 7.0]]
    with (tmp_path / "m.bin").open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match="not 11"):
        manifest_weights(path)
