"""Tables of people: who asked for credit, who was examined for heart disease; and how a table becomes numbers.

German credit: 1,000 credits of a bank of southern Germany, 1973 to 1975, given to the public by Hofmann, 1994
(https://doi.org/10.24432/C5NC77). Its description and codes are wrong in places: Grömping, 2019, "South German credit
data: correcting a widely used data set". Credit scoring: 4,454 applications of a Spanish course on data mining, as the
R package modeldata has them. Heart disease: 303 people of the Cleveland Clinic, Detrano et al., 1989. The cards say
what is known of each.
"""

from __future__ import annotations

import bz2
import lzma
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from .checks import DataError
from .r_files import Vector, read_rda
from .registry import files

TARGET = "bad"  # the column that says whether a credit went wrong


def german_credit(*, unchecked: bool = False) -> pd.DataFrame:
    """1,000 credits of a German bank, 300 of them bad, more than the bank had: bad ones were picked more often.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        one row a credit: 7 columns of numbers, 13 of categories, and ``bad``, whether it was not paid back as agreed.
        ``personal_status`` mixes sex and marital status, with codes of which the description is wrong.

    Raises:
        DataError: if the package is missing or damaged.
    """
    from scipy.io import arff

    path = files("german-credit", unchecked=unchecked)["credit-g.arff"]
    values, _ = arff.loadarff(path)
    table = pd.DataFrame(values)
    for name in table.select_dtypes(object):
        table[name] = table[name].str.decode("ascii").astype("category")
    if set(table["class"]) != {"good", "bad"}:
        raise DataError(f"{path} does not tell good credits from bad ones.")
    return _table(table.drop(columns="class"), table["class"] == "bad")


def credit_scoring(*, unchecked: bool = False) -> pd.DataFrame:
    """4,454 applications for credit, 1,254 of them bad.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        one row an application: 9 columns of numbers, 4 of categories, some values missing, and ``bad``. The original
        calls it an *opinion*, so it may be what the lender decided, not what became of the credit.

    Raises:
        DataError: if the package is missing or damaged.
    """
    paths = files("credit-scoring", unchecked=unchecked)
    columns = _object_of_r(paths["Rdata.rdx"], paths["Rdata.rdb"], "credit_data").named()
    table = pd.DataFrame({name.lower(): _column(column) for name, column in columns.items()})
    return _table(table.drop(columns="status"), table["status"] == "bad")


def heart_disease(*, unchecked: bool = False) -> pd.DataFrame:
    """303 people whose coronary arteries were examined in Cleveland, 139 of them with one narrowed by more than half.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        one row a person: 6 columns of numbers, 7 of categories, 6 values missing in all, and ``disease``, whether the
        catheter showed an artery narrowed by more than half.

    Raises:
        DataError: if the package is missing or damaged.
    """
    path = files("heart-disease", unchecked=unchecked)["heart_disease.tab"]
    table = pd.read_csv(path, sep="\t", skiprows=[1, 2], na_values="?")
    outcome = "diameter narrowing"
    if outcome not in table or not table[outcome].isin([0, 1]).all():
        raise DataError(f"{path} does not say who has heart disease.")
    for name in ("fasting blood sugar > 120", "exerc ind ang"):
        table[name] = table[name].map({0: "no", 1: "yes"})
    columns = table.drop(columns=outcome)
    numbers = columns.select_dtypes("number").astype(float)
    categories = columns.select_dtypes(exclude="number").astype("category")
    return pd.concat([numbers, categories, table[outcome].rename("disease") == 1], axis=1)


def _table(columns: pd.DataFrame, bad: pd.Series) -> pd.DataFrame:
    """Numbers first, then categories, then the target."""
    numbers = columns.select_dtypes("number").astype(float)
    categories = columns.select_dtypes("category")
    return pd.concat([numbers, categories, bad.rename(TARGET).astype(bool)], axis=1)


def _column(column: Vector) -> Any:
    """A column of R: numbers, or a factor, whose codes begin with 1. The smallest integer means: missing."""
    codes = np.asarray(column.values)
    if "levels" not in column.attributes:
        return np.where(codes == np.iinfo(np.int32).min, np.nan, codes.astype(float))
    return pd.Categorical.from_codes(np.maximum(codes, 0) - 1, column.attributes["levels"].values)


def _object_of_r(index: Path, packed: Path, name: str) -> Vector:
    """One object of an R package that keeps its data compressed by bzip2 or xz, which ``read_lazy`` does not read."""
    with tempfile.TemporaryDirectory() as folder:
        places = _read(_decompressed(index.read_bytes(), b""), Path(folder))
        start, length = (int(it) for it in places.named()["variables"].named()[name].values)
        some = packed.read_bytes()[start : start + length]
        return _read(_decompressed(some[5:], some[4:5]), Path(folder))  # four bytes say how long it will be


def _decompressed(data: bytes, kind: bytes) -> bytes:
    if kind == b"Z":
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
        return lzma.decompress(data, lzma.FORMAT_RAW, filters=filters)
    return bz2.decompress(data) if kind == b"2" else zlib.decompress(data, wbits=47)  # or gzip


def _read(data: bytes, folder: Path) -> Vector:
    path = folder / "object.rda"
    path.write_bytes(b"RDX3\n" + data)
    found: Any = read_rda(path)  # one object, not named ones
    return found


@dataclass(frozen=True)
class Columns:
    """How a table becomes numbers and categories, learnt from the rows of :meth:`fit` alone.

    A missing number is replaced by the median, and a column of categories says that it was missing. A category that
    was not there counts as missing, too: each column of categories has the number 0 for that.
    """

    middle: pd.Series  # median of each column of numbers
    centre: pd.Series  # its mean after that
    spread: pd.Series  # its standard deviation, 1 if it is constant
    gaps: tuple[str, ...]  # columns of numbers in which some are missing
    values: dict[str, list[str]]  # of each column of categories

    @classmethod
    def fit(cls, table: pd.DataFrame) -> Columns:
        """Learn medians, scales and categories from a table without its target."""
        numbers = table.select_dtypes("number")
        middle = numbers.median()
        whole = numbers.fillna(middle)
        values = {str(it): sorted(table[it].dropna().unique()) for it in table.select_dtypes("category")}
        gaps = tuple(numbers.columns[numbers.isna().any()])
        return cls(middle, whole.mean(), whole.std().replace(0.0, 1.0), gaps, values)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of values of each column of categories, that for missing ones included."""
        return tuple(len(it) + 1 for it in self.values.values()) + (2,) * len(self.gaps)

    def tensors(self, table: pd.DataFrame) -> tuple[Tensor, Tensor]:
        """Numbers ``(rows, columns)`` of mean 0 and variance 1, and categories ``(rows, columns)`` as integers.

        Raises:
            KeyError: if a column is missing.
        """
        numbers = table[list(self.middle.index)]
        scaled = (numbers.fillna(self.middle) - self.centre) / self.spread
        codes = [
            pd.Index(known).get_indexer(pd.Index(table[name].astype(object))).astype(np.int64) + 1
            for name, known in self.values.items()
        ]
        codes += [numbers[name].isna().to_numpy().astype(np.int64) for name in self.gaps]
        together = np.stack(codes, axis=1) if codes else np.zeros((len(table), 0), np.int64)
        return torch.tensor(scaled.to_numpy(), dtype=torch.float32), torch.from_numpy(together)
