"""The three networks of faces against face-api itself, run in TensorFlow.js.

The numbers were computed once by the package's own code, `@vladmandic/face-api` 1.7.15 (TensorFlow.js 4.22.0, processor
backend, Node 20.20.2): `dist/face-api.esm.js` was loaded with Node's `util` in place of its browser's stub, the three
networks got their weights through `tf.io.decodeWeights`, and their `forwardInput` got the waves below, as
`(1, height, width, 3)`.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from largemodels.pretrained.faces import FaceReader, load_faces
from tests.library.data.installed import installed

# Every 37th of (1, 7, 6, 25), every 9th of (1, 136), every 7th of (1, 128).
FINDER = [
    0.52344,
    0.04811,
    -21.46058,
    -0.25951,
    0.08014,
    0.22268,
    0.0463,
    -30.30977,
    1.65562,
    -0.16692,
    0.20818,
    -0.09187,
    -19.56611,
    -1.24521,
    -0.15198,
    0.01381,
    0.0421,
    -7.26346,
    -1.82412,
    -0.43266,
    -1.96941,
    -0.28084,
    -9.58109,
    -0.66419,
    -0.15798,
    0.11904,
    0.28133,
    -32.99295,
    -1.9157,
]
POINTS = [
    0.21308,
    0.61399,
    0.57372,
    0.5936,
    0.35617,
    0.22636,
    0.50651,
    0.49613,
    0.38551,
    0.33453,
    0.65206,
    0.55145,
    0.60362,
    0.6646,
    0.52771,
    0.64172,
]
DESCRIPTOR = [
    -0.05279,
    -0.012,
    -0.03715,
    0.06655,
    0.04655,
    0.05014,
    -0.0027,
    -0.28288,
    0.0066,
    -0.13131,
    -0.0568,
    0.15423,
    -0.02551,
    0.17315,
    -0.0665,
    0.15682,
    0.18002,
    0.12257,
    -0.01745,
]


@pytest.fixture(scope="module")
def reader() -> FaceReader:
    installed("faces")
    return load_faces()


def waves(height: int, width: int) -> Tensor:
    """A picture that needs no file, ``(1, 3, height, width)``."""
    y, x = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    bands = [127.5 + 100 * torch.sin(x / 7 + band) * torch.cos(y / (5 + band)) for band in range(3)]
    return torch.stack(bands)[None].float()


@torch.no_grad()
def test_finder(reader: FaceReader) -> None:
    ours = reader.finder(waves(203, 170))
    assert ours.shape == (1, 5, 7, 6, 5)
    theirs = torch.tensor(FINDER)
    torch.testing.assert_close(ours.permute(0, 2, 3, 1, 4).flatten()[::37], theirs, atol=2e-4, rtol=1e-5)


@torch.no_grad()
def test_points(reader: FaceReader) -> None:
    ours = reader.points(waves(112, 112))
    assert ours.shape == (1, 68, 2)
    torch.testing.assert_close(ours.flatten()[::9], torch.tensor(POINTS), atol=2e-5, rtol=0)


@torch.no_grad()
def test_descriptor(reader: FaceReader) -> None:
    ours = reader.descriptor(waves(150, 211))
    assert ours.shape == (1, 128)
    torch.testing.assert_close(ours.flatten()[::7], torch.tensor(DESCRIPTOR), atol=2e-5, rtol=0)
