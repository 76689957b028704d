"""Radiology reports of Indiana University: 3,955 chest X-rays described in words, with headings that people gave them.

Demner-Fushman et al., 2016 (https://doi.org/10.1093/jamia/ocv080). The package ``torchxrayvision`` has the reports, not
the pictures. Names, dates and some other words are replaced by ``XXXX``. A report names no patient. See the card
``radiology_reports.md``.
"""

from __future__ import annotations

import re
import tarfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..text.neighbours import Neighbours
from .checks import DataError
from .registry import files

TWINS = 0.7  # two reports whose similarity is above this are near-twins
_SECTIONS = ("FINDINGS", "IMPRESSION", "INDICATION")
_UNREAD = "No Indexing"  # the heading of reports that nobody gave headings


def radiology_reports(*, unchecked: bool = False) -> pd.DataFrame:
    """Reports whose findings are written out and that people gave headings, 3,335 of 3,955.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        one row a report, in the order of their numbers, with the columns ``number``, ``findings``, ``impression``,
        ``indication`` (the last two may be empty) and ``headings``, a tuple of strings such as
        ``"Pleural Effusion/right/small"``, or ``("normal",)``. The headings were given by people who had read
        findings and impression, not by looking at the picture.

    Raises:
        DataError: if the package is missing or damaged.
    """
    path = files("radiology-reports", unchecked=unchecked)["NLMCXR_reports.tgz"]
    rows = []
    with tarfile.open(path) as archive:
        for member in archive:
            opened = archive.extractfile(member) if member.name.endswith(".xml") else None
            if opened is not None:
                rows.append(_report(opened.read(), member.name))
    if not rows:
        raise DataError(f"{path} contains no reports.")
    table = pd.DataFrame(rows).sort_values("number", ignore_index=True)
    wanted = (table.findings != "") & ~table.headings.map(lambda its: _UNREAD in its or not its)
    return table[wanted].reset_index(drop=True)


def _report(text: bytes, name: str) -> dict[str, object]:
    """One report.

    Raises:
        DataError: if it does not say its number.
    """
    root = ET.fromstring(text)
    found = re.search(r"(\d+)\.xml$", name)
    if found is None:
        raise DataError(f"{name} is not the name of a report: it has no number.")
    sections = {it.get("Label"): " ".join((it.text or "").split()) for it in root.iter("AbstractText")}
    headings = tuple((it.text or "").strip() for it in root.iter("major"))
    return {
        "number": int(found[1]),
        **{it.lower(): sections.get(it, "") for it in _SECTIONS},
        "headings": headings,
    }


def has_heading(table: pd.DataFrame, heading: str) -> npt.NDArray[np.bool_]:
    """Which reports have a heading, whatever comes after its first slash: ``(n,)``."""
    return np.array([any(it.split("/")[0] == heading for it in its) for its in table.headings], dtype=bool)


def without_twins(
    texts: Sequence[str], n: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Texts for a test, drawn at random, and those that remain for training.

    No two texts of the test are near-twins (see :data:`TWINS`), and no text of the test has one in training.

    Args:
        texts: to draw from.
        n: how many are drawn; fewer if there are not as many.
        seed: of the draw.

    Returns:
        numbers of the test texts and of the remaining ones, both in random order.
    """
    index = Neighbours(texts)
    order = np.random.default_rng(seed).permutation(len(texts))
    drawn: list[int] = []
    blocked = np.zeros(len(texts), dtype=bool)
    for it in order:
        if len(drawn) == n:
            break
        if not blocked[it]:
            drawn.append(int(it))
            blocked |= index.similarities(texts[it]) > TWINS
    left = [int(it) for it in order if not blocked[it]]
    return np.array(drawn, dtype=np.int64), np.array(left, dtype=np.int64)
