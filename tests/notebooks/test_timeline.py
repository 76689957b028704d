"""The time line of the chapter "From the Transformer to large models" agrees with the bibliography."""

from __future__ import annotations

import csv
import re

import pytest
from pybtex.database import parse_file

from tools.citations import BIBLIOGRAPHY
from tools.notebooks import ROOT

# What the article's sections 1.1 and 1.2 name, and how the time line calls it.
NAMED = (
    "Perceptron",
    "Backpropagation",
    "AlexNet",
    "ImageNet",
    "Convolutional network",
    "Recurrent network (RNN)",
    "LSTM",
    "Transformer",
    "BERT",
    "RoBERTa",
    "GPT-1",
    "GPT-2",
    "GPT-3",
    "ChatGPT",
    "ViT",
    "DeiT",
    "ResNet",
    "YOLO",
    "Deep Speech",
    "WaveNet",
    "Generative adversarial network (GAN)",
    "Graph neural network (GNN)",
    "Model-agnostic meta-learning (MAML)",
)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (ROOT / "data" / "timeline.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def first_public(url: str, published: int) -> int:
    """The year in which a work could first be read: that in its arXiv number, if it has one."""
    number = re.search(r"arxiv\.org/abs/(\d\d)\d\d\.", url)
    return 2000 + int(number[1]) if number else published


def test_each_entry_is_in_the_bibliography_with_its_year(rows: list[dict[str, str]]) -> None:
    entries = parse_file(BIBLIOGRAPHY, "bibtex").entries
    for row in rows:
        assert row["key"] in entries, f"{row['system']}: {row['key']} is no key of the bibliography"
        fields = entries[row["key"]].fields
        published = int(fields["year"])
        assert row["url"] == fields["url"], row["system"]
        assert int(row["year"]) == first_public(row["url"], published), row["system"]
        assert 0 <= published - int(row["year"]) <= 1, f"{row['system']}: {published} in the bibliography"


def test_a_wrong_year_would_be_found() -> None:
    assert first_public("https://arxiv.org/abs/1706.03762", 2017) == 2017  # and not the article's 2018
    assert first_public("https://doi.org/10.1037/h0042519", 1958) == 1958


def test_span_order_and_systems(rows: list[dict[str, str]]) -> None:
    years = [int(row["year"]) for row in rows]
    assert len(rows) >= 30
    assert (years[0], years[-1]) == (1943, 2024)
    assert years == sorted(years)
    systems = [row["system"] for row in rows]
    assert len(set(systems)) == len(systems)
    assert not set(NAMED) - set(systems)
    assert all(row["changed"] and row["kind"] for row in rows)
