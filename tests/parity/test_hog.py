"""Histograms of oriented gradients against scikit-image."""

from __future__ import annotations

import pytest
import torch

from largemodels.models.hog import HogConfig, HogDetector, blocks, histograms

feature = pytest.importorskip("skimage.feature")


@pytest.mark.parametrize(("size", "cell", "orientations"), [((37, 53), 5, 7), ((24, 40), 4, 9)])
def test_blocks_are_those_of_scikit_image(size: tuple[int, int], cell: int, orientations: int) -> None:
    pictures = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    ours = blocks(histograms(pictures, cell, orientations))
    for picture, found in zip(pictures, ours, strict=True):
        theirs = feature.hog(
            picture.permute(1, 2, 0).double().numpy(),
            orientations=orientations,
            pixels_per_cell=(cell, cell),
            cells_per_block=(2, 2),
            block_norm="L2-Hys",
            channel_axis=2,
            feature_vector=False,
        )
        theirs = torch.from_numpy(theirs).permute(2, 3, 4, 0, 1).flatten(0, 2).float()
        torch.testing.assert_close(found, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("margin", [0, 1])
def test_the_score_of_a_window_is_a_product_with_its_blocks(margin: int) -> None:
    torch.manual_seed(0)
    shapes = ((4 + 2 * margin, 6 + 2 * margin), (6 + 2 * margin, 5 + 2 * margin))
    model = HogDetector(HogConfig(n_classes=2, windows=shapes, margin=margin, levels=2, enlarge=1.0))
    pictures = torch.rand(1, 3, 48, 44)
    boxes, scores = model.candidates(pictures)
    finest = model.features(pictures)[0]
    high, wide = shapes[0]
    window = finest[0, :, 1:high, 2 : wide + 1]  # the window whose first cell is in row 1, column 2
    expected = (model.linear[0].weight * window).sum((1, 2, 3)) + model.linear[0].bias
    row = (finest.shape[3] - wide + 2) * 1 + 2
    torch.testing.assert_close(scores[0, row], expected.sigmoid())
    assert boxes[0, row].tolist() == [8, 4, 8 + 4 * 6, 4 + 4 * 4]
    assert (boxes[0, :, 2:] <= torch.tensor([44 + 4, 48 + 4])).all()
