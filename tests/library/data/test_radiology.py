from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from largemodels.data import radiology
from largemodels.data.checks import DataError
from largemodels.data.radiology import has_heading, radiology_reports, without_twins
from largemodels.text.neighbours import Neighbours

REPORT = """<eCitation><AbstractText Label="FINDINGS">{}</AbstractText>
<AbstractText Label="IMPRESSION">Normal  chest.</AbstractText>{}</eCitation>"""


def test_reports() -> None:
    table = radiology_reports()
    assert table.shape == (3335, 5) and table.number.is_monotonic_increasing
    assert (table.findings != "").all() and table.headings.map(len).min() == 1
    assert (table.headings.map(lambda its: its == ("normal",))).sum() == 1206
    found = {it: int(has_heading(table, it).sum()) for it in ("Cardiomegaly", "Pleural Effusion", "Nodule")}
    assert found == {"Cardiomegaly": 311, "Pleural Effusion": 127, "Nodule": 87}


def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reports: dict[str, str]) -> None:
    """An archive of reports, which the loader reads."""
    path = tmp_path / "reports.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in reports.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    monkeypatch.setattr(radiology, "files", lambda name, unchecked: {"NLMCXR_reports.tgz": path})


def test_which_reports_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    major = "<major>{}</major>".format
    packed(
        tmp_path,
        monkeypatch,
        {
            "a/10.xml": REPORT.format("Large heart.", major("Cardiomegaly/mild") + major("Nodule")),
            "a/9.xml": REPORT.format("Clear.", major("normal")),
            "a/8.xml": REPORT.format("", major("normal")),
            "a/7.xml": REPORT.format("Clear.", major("No Indexing")),
            "a/6.xml": REPORT.format("Clear.", ""),
            "a/readme.txt": "no report",
        },
    )
    table = radiology_reports()
    assert table.number.tolist() == [9, 10] and table.impression[0] == "Normal chest."
    assert has_heading(table, "Cardiomegaly").tolist() == [False, True]
    assert not has_heading(table, "Cardio").any()


def test_a_report_without_a_number_and_an_empty_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed(tmp_path, monkeypatch, {"a/x.xml": REPORT.format("Clear.", "")})
    with pytest.raises(DataError, match="no number"):
        radiology_reports()
    packed(tmp_path, monkeypatch, {"a/x.txt": "nothing"})
    with pytest.raises(DataError, match="no reports"):
        radiology_reports()


def test_no_twins() -> None:
    base = ["The lungs are clear and the heart is normal.", "A nodule lies in the left upper lobe."]
    texts = [f"{base[it % 2]} {'Yes. ' * (it // 2 % 2)}" for it in range(8)] + ["Something else entirely."]
    drawn, left = without_twins(texts, 2, seed=1)
    again, _ = without_twins(texts, 2, seed=1)
    np.testing.assert_array_equal(drawn, again)
    assert len(drawn) == 2 and len(left)
    index = Neighbours(texts)
    for it in drawn:
        alike = index.similarities(texts[it])
        assert (alike[left] <= radiology.TWINS).all()
        assert (alike[np.setdiff1d(drawn, it)] <= radiology.TWINS).all()
    every, none = without_twins(texts, 9, seed=1)
    assert len(every) == 3 and len(none) == 0
