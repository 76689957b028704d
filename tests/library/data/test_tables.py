from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.testing import assert_close

from largemodels.data import tables
from largemodels.data.checks import DataError
from largemodels.data.tables import Columns, credit_scoring, german_credit, heart_disease
from tests.library.data.installed import installed
from tests.library.data.test_r_files import head, pair, symbol, texts, whole


def test_german_credit() -> None:
    installed("german-credit")
    table = german_credit()
    assert table.shape == (1000, 21) and table.bad.sum() == 300 and not table.isna().any(axis=None)
    assert table.select_dtypes("number").shape[1] == 7 and table.select_dtypes("category").shape[1] == 13
    assert table.age.between(18, 80).all()
    first = table.iloc[0]
    assert (first.checking_status, first.duration, first.credit_amount, first.bad) == ("<0", 6, 1169, False)


def test_credit_scoring() -> None:
    installed("credit-scoring")
    table = credit_scoring()
    assert table.shape == (4454, 14) and table.bad.sum() == 1254
    missing = table.isna().sum()
    assert missing[missing > 0].to_dict() == {
        "income": 381,
        "assets": 47,
        "debt": 18,
        "home": 6,
        "marital": 1,
        "job": 2,
    }
    third = table.iloc[2]
    assert (third.home, third.marital, third.records, third.amount, third.bad) == (
        "owner",
        "married",
        "yes",
        2000,
        True,
    )


def test_heart_disease() -> None:
    installed("heart-disease")
    table = heart_disease()
    assert table.shape == (303, 14) and table.disease.sum() == 139 and table.isna().sum().sum() == 6
    assert table.select_dtypes("number").shape[1] == 6 and table.select_dtypes("category").shape[1] == 7
    first = table.iloc[0]
    assert (first.age, first["chest pain"], first["exerc ind ang"], first.disease) == (
        63,
        "typical ang",
        "no",
        False,
    )


def test_a_table_without_its_outcome_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "heart_disease.tab"
    path.write_text("age\tdiameter narrowing\nc\td\n\tclass\n63\t2\n")
    monkeypatch.setattr(tables, "files", lambda name, unchecked: {"heart_disease.tab": path})
    with pytest.raises(DataError, match="heart disease"):
        heart_disease()


def test_another_outcome_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "credit-g.arff"
    path.write_text(
        "@relation x\n@attribute age numeric\n@attribute class {good, late}\n@data\n30,good\n40,late\n"
    )
    monkeypatch.setattr(tables, "files", lambda name, unchecked: {"credit-g.arff": path})
    with pytest.raises(DataError, match="good credits from bad ones"):
        german_credit()


def _xz(data: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
    return b"Z" + lzma.compress(data, lzma.FORMAT_RAW, filters=filters)


@pytest.mark.parametrize(
    "compress", [_xz, lambda data: b"2" + bz2.compress(data), lambda data: b"1" + zlib.compress(data)]
)
def test_objects_of_r_by_each_compression(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    packed = whole(99) + compress(head() + texts("a", "b"))
    (tmp_path / "x.rdb").write_bytes(b"??" + packed)
    nil = whole(254)
    place = whole(13, 2, 2, len(packed))
    variables = whole(19 | 0x200, 1) + place + pair(symbol("names"), texts("some")) + nil
    index = whole(19 | 0x200, 1) + variables + pair(whole(1 << 8 | 255), texts("variables")) + nil
    (tmp_path / "x.rdx").write_bytes(zlib.compress(head() + index))
    found = tables._object_of_r(tmp_path / "x.rdx", tmp_path / "x.rdb", "some")
    assert found.values == ["a", "b"]


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [20.0, 40.0, np.nan, 60.0],
            "same": [1.0, 1.0, 1.0, 1.0],
            "home": pd.Categorical(["rent", "own", None, "rent"]),
        }
    )


def test_a_table_as_numbers_and_categories() -> None:
    columns = Columns.fit(frame())
    numbers, categories = columns.tensors(frame())
    assert columns.cardinalities == (3, 2)  # missing, own, rent; and whether the age is missing
    assert_close(numbers[:, 0].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    assert_close(numbers[2, 0], (torch.tensor(40.0) - 40) / 1)  # the median is the mean here
    assert numbers[:, 1].tolist() == [0, 0, 0, 0]  # a constant column does not divide by zero
    assert categories.tolist() == [[2, 0], [1, 0], [0, 1], [2, 0]]


def test_scales_and_categories_come_from_the_rows_of_fit_alone() -> None:
    columns = Columns.fit(frame().iloc[:2])
    numbers, categories = columns.tensors(
        pd.DataFrame({"same": [1.0], "age": [50.0], "home": pd.Categorical(["castle"])})
    )
    assert_close(numbers, torch.tensor([[20 / 200**0.5, 0.0]]))
    assert categories.tolist() == [[0]]  # unknown counts as missing; no age was missing in those rows
    with pytest.raises(KeyError):
        columns.tensors(pd.DataFrame({"age": [50.0]}))
