from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from largemodels.data.checks import DataError
from largemodels.data.pictures import photograph
from largemodels.models.centernet import CenterNet, CenterNetConfig, doubled
from largemodels.pretrained.centernet import (
    COCO,
    centernet_pixels,
    find_things,
    load_centernet,
    read_picture,
    tfjs_weights,
)
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def model() -> CenterNet:
    installed("centernet")
    return load_centernet()


def test_it_finds_what_is_there(model: CenterNet) -> None:
    name, probability, box = find_things(model, photograph("camera"))[0]
    assert name == "person" and probability > 0.5
    np.testing.assert_allclose(box, (0, 50, 290, 510), atol=30)
    assert "cup" in [it for it, _, _ in find_things(model, photograph("coffee"))]
    assert find_things(model, photograph("coins")) == []


def test_boxes_are_in_pixels_of_the_picture(model: CenterNet) -> None:
    picture = photograph("coffee")
    boxes = torch.tensor([box for _, _, box in find_things(model, picture, least=0.1)])
    assert (boxes[:, 2] <= picture.shape[2]).all() and (boxes[:, 3] <= picture.shape[1]).all()
    assert centernet_pixels(picture, 96).shape == (1, 3, 96, 96)
    assert centernet_pixels(picture, 96).max() > 100


def test_other_sizes_must_be_multiples(model: CenterNet) -> None:
    maps, sides = model(torch.rand(1, 3, 64, 96))
    assert maps.shape == (1, 80, 16, 24) and sides.shape == (1, 4, 16, 24)
    with pytest.raises(ValueError, match="multiples of 32"):
        model(torch.rand(1, 3, 64, 90))


def test_peaks_become_boxes() -> None:
    model = CenterNet(CenterNetConfig(n_classes=2))
    maps, sides = torch.zeros(1, 2, 5, 7), torch.zeros(1, 4, 5, 7)
    maps[0, 1, 2, 3], maps[0, 1, 2, 4], maps[0, 0, 4, 0] = 0.9, 0.8, 0.5  # the second is no peak
    sides[0, :, 2, 3] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    model.forward = lambda pictures: (maps, sides)  # type: ignore[method-assign]
    ((boxes, scores, kinds),) = model.detections(torch.zeros(1))
    assert kinds.tolist() == [1, 0] and boxes[0].tolist() == [11, 6, 15, 12]
    torch.testing.assert_close(scores, torch.tensor([0.9, 0.5]))


def test_doubling_by_hand() -> None:
    x = torch.tensor([[[[0.0, 4.0]]]])
    assert doubled(x).tolist() == [[[[0, 2, 4, 4], [0, 2, 4, 4]]]]


def test_there_are_80_names() -> None:
    assert len(COCO) == len(set(COCO)) == 80
    assert COCO[0] == "person" and COCO[15] == "cat" and COCO[79] == "toothbrush"


def test_a_manifest_must_fit_its_numbers(tmp_path: Path) -> None:
    entry = {"name": "tower_0/a", "shape": [2], "dtype": "float32"}
    manifest = {"weightsManifest": [{"paths": ["w.bin"], "weights": [entry]}]}
    path = tmp_path / "w.json"
    path.write_text(json.dumps(manifest))
    (tmp_path / "w.bin").write_bytes(np.array([1, 2], "<f4").tobytes())
    assert tfjs_weights(path)["a"].tolist() == [1, 2]
    (tmp_path / "w.bin").write_bytes(np.array([1, 2, 3], "<f4").tobytes())
    with pytest.raises(DataError, match="take 12 bytes, not 8"):
        tfjs_weights(path)
    entry["dtype"] = "string"
    path.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="stores tower_0/a as string"):
        tfjs_weights(path)


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("no picture")
    for name in ("x.jpg", "none.jpg"):
        with pytest.raises(DataError, match="cannot be read as a picture"):
            read_picture(tmp_path / name)
