from __future__ import annotations

import pytest
import torch

from largemodels.models.yolo import Yolo, YoloConfig


def test_shapes_of_odd_pictures_and_several_anchors() -> None:
    config = YoloConfig(
        n_classes=4, channels=(3, 5, 7), dilations=(1, 3), anchors=((10.0, 20.0), (30.0, 6.0))
    )
    model = Yolo(config).eval()
    raw = model(torch.rand(2, 3, 41, 59))
    assert raw.shape == (2, 2, 6, 8, 9)
    boxes, scores = model.candidates(torch.rand(2, 3, 41, 59))
    assert boxes.shape == (2, 2 * 6 * 8, 4) and scores.shape == (2, 2 * 6 * 8, 4)
    assert (scores >= 0).all() and (scores.sum(-1) <= 1).all()


def test_boxes_by_hand() -> None:
    model = Yolo(YoloConfig(n_classes=1, anchors=((10.0, 20.0),)))
    raw = torch.zeros(1, 1, 2, 3, 6)
    raw[0, 0, 1, 2, 2:4] = torch.tensor([2.0, 0.5]).log()
    boxes = model.boxes(raw)
    # The middle of the cell in row 1 and column 2 is (20, 12); the box is 20 wide and 10 high.
    torch.testing.assert_close(boxes[0, 0, 1, 2], torch.tensor([10.0, 7, 30, 17]))
    torch.testing.assert_close(boxes[0, 0, 0, 0], torch.tensor([-1.0, -6, 9, 14]))


def test_centres_reach_half_a_cell_beside_theirs() -> None:
    model = Yolo(YoloConfig(n_classes=1, anchors=((8.0, 8.0),)))
    for raw, centre in ((-50.0, -4.0), (50.0, 12.0)):
        boxes = model.boxes(torch.full((1, 1, 1, 1, 4), raw) * torch.tensor([1.0, 1, 0, 0]))
        torch.testing.assert_close(
            boxes.view(4), torch.tensor([centre - 4, centre - 4, centre + 4, centre + 4])
        )


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="class and an anchor"):
        YoloConfig(anchors=())
    assert YoloConfig().stride == 8
