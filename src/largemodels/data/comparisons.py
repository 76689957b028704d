"""What people preferred of two things: comparisons of eight ways to reproduce music."""

from __future__ import annotations

import itertools

import pandas as pd

from .checks import DataError
from .r_files import read_rda
from .registry import files


def sound_quality(*, unchecked: bool = False) -> pd.DataFrame:
    """Comparisons of eight reproductions of the same music, each pair of them heard and one preferred.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        one row a comparison, columns ``person``, ``time`` ("before" or "after" a series of other sessions), ``music``,
        ``repetition``, ``chosen`` and ``rejected``, the names of two reproductions.
    """
    path = files("sound-quality", unchecked=unchecked)["SoundQuality.rda"]
    table = read_rda(path)["SoundQuality"].named()
    heard = table[
        "preference"
    ]  # (sessions, pairs), column by column: 1 for the first of a pair, -1 for the second
    names = heard.attributes["labels"].values
    # In the order of the package: 1:2, 1:3, 2:3, 1:4 …
    order = [(i, j) for j, i in itertools.product(range(len(names)), repeat=2) if i < j]
    rows, columns = heard.attributes["dim"].values
    if columns != len(order) or set(heard.values.tolist()) != {-1, 1}:
        raise DataError(f"{path} does not hold each pair of {len(names)} things with one of two answers.")
    told = {
        name: [table[column].attributes["levels"].values[code - 1] for code in table[column].values]
        for name, column in {"person": "id", "time": "time", "music": "progmat"}.items()
    } | {"repetition": table["repet"].values.tolist()}
    return pd.DataFrame(
        [
            {name: values[row] for name, values in told.items()}
            | {"chosen": names[i if first == 1 else j], "rejected": names[j if first == 1 else i]}
            for row in range(rows)
            for (i, j), first in zip(order, heard.values[row::rows].tolist(), strict=True)
        ]
    )
