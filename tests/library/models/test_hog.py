from __future__ import annotations

import pytest
import torch

from largemodels.models.hog import HogConfig, HogDetector, histograms


def test_an_edge_votes_for_its_orientation() -> None:
    pictures = torch.zeros(1, 3, 8, 12)
    pictures[:, 1, :, 6:] = 1.0  # an upright edge, whose gradient points to the right
    found = histograms(pictures, 4, 9)
    assert found.shape == (1, 9, 2, 3)
    assert (found[0, 0, :, 1] > 0).all() and found[0, 1:].abs().sum() == 0


def test_windows_that_do_not_fit_are_left_out_or_refused() -> None:
    model = HogDetector(HogConfig(n_classes=2, levels=1, enlarge=1.0))
    boxes, scores = model.candidates(torch.rand(1, 3, 24, 28))  # 6 x 7 cells: no window of 7 rows is 4 wide
    assert boxes.shape[1] == scores.shape[1] > 0
    with pytest.raises(ValueError, match="fewer levels"):
        HogDetector(HogConfig(levels=6)).candidates(torch.rand(1, 3, 24, 24))


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="margins"):
        HogConfig(windows=((4, 6),), margin=2)
    assert HogConfig(colour=False).channels == 36
