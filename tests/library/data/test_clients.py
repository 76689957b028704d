from __future__ import annotations

from pathlib import Path

import pytest

from largemodels.data import clients
from largemodels.data.checks import DataError
from largemodels.data.clients import card_clients
from tests.library.data.installed import installed


def test_card_clients() -> None:
    installed("card-clients")
    table = card_clients()
    assert table.shape == (30_000, 24) and table.default.sum() == 6_636 and not table.isna().any(axis=None)
    assert table.sex.value_counts().to_dict() == {"female": 18_112, "male": 11_888}
    assert table.education.value_counts().to_dict() == {
        "university": 14_030, "graduate school": 10_585, "high school": 4_917, "other": 468,
    }  # fmt: skip
    assert table.marriage.value_counts().to_dict() == {"single": 15_964, "married": 13_659, "other": 377}
    first = table.iloc[0]
    assert (first.limit, first.age, first.sex, first.default) == (20_000, 24, "female", True)
    assert (first.bill_september, first.bill_august, first.paid_august) == (3_913, 3_102, 689)
    assert (first.late_september, first.late_july, first.late_april) == ("2", "-1", "-2")
    assert set(table.late_may.cat.categories) == {"-2", "-1", "0", "2", "3"}


def test_another_code_of_sex_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "UCI_Credit_Card.csv"
    path.write_text("SEX,default-payment-next-month\n1,0\n2,1\n")
    monkeypatch.setattr(clients, "files", lambda name, unchecked: {"UCI_Credit_Card.csv": path})
    with pytest.raises(DataError, match="codes sex"):
        card_clients()
