"""30,000 holders of a credit card in Taiwan, with their sex and age, and who did not pay next month.

Yeh and Lien, 2009 (https://doi.org/10.1016/j.eswa.2007.12.020); given to the public in 2016 (https://doi.org/10.24432/C55S3H).
"""

from __future__ import annotations

import pandas as pd

from .checks import DataError
from .registry import files

MONTHS = ("september", "august", "july", "june", "may", "april")  # of 2005, newest first
SCHOOLS = {1: "graduate school", 2: "university", 3: "high school"}
MARRIED = {1: "married", 2: "single"}


def card_clients(*, unchecked: bool = False) -> pd.DataFrame:
    """30,000 clients of a bank with what they were billed and paid from April to September 2005.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        one row a client: the limit of credit, age, six bills and six payments, in Taiwan dollars; as categories sex,
        education, marriage, and for each month how late the payments were, in months (−2 and −1: nothing due or paid
        in full, 0: part of it paid, 3: three or more late); and ``default``, whether the payment of October was missed.

    Raises:
        DataError: if the package is missing or damaged.
    """
    path = files("card-clients", unchecked=unchecked)["UCI_Credit_Card.csv"]
    raw = pd.read_csv(path)
    if set(raw["SEX"]) != {0, 1} or set(raw["default-payment-next-month"]) != {0, 1}:
        raise DataError(f"{path} codes sex or default in a way that is not known.")
    table = pd.DataFrame({"limit": raw["LIMIT_BAL"], "age": raw["AGE"].astype(float)})
    for place, month in enumerate(MONTHS, 1):
        table[f"bill_{month}"] = raw[f"BILL_AMT{place}"]
        table[f"paid_{month}"] = raw[f"PAY_AMT{place}"]
    table["sex"] = raw["SEX"].map({0: "male", 1: "female"})
    table["education"] = _named(raw, "EDUCATION", SCHOOLS)
    table["marriage"] = _named(raw, "MARRIAGE", MARRIED)
    for place, month in zip((0, 2, 3, 4, 5, 6), MONTHS, strict=True):
        table[f"late_{month}"] = raw[f"PAY_{place}"].clip(-2, 3).astype(str)
    for name in table.select_dtypes(exclude="number"):
        table[name] = pd.Categorical(table[name], categories=sorted(table[name].unique()))
    return table.assign(default=raw["default-payment-next-month"].astype(bool))


def _named(raw: pd.DataFrame, column: str, names: dict[int, str]) -> pd.Series:
    """One column of words from a column of zeros and ones for each code; other codes are "other"."""
    # The stubs of pandas take the names of columns for numbers.
    codes = raw.filter(like=f"{column}_").idxmax(axis=1).str.rsplit("_").str[-1].astype(int)  # type: ignore[misc]
    return codes.map(names).fillna("other")
