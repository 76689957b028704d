from __future__ import annotations

import numpy as np
import pytest

from largemodels.data.registry import DataError
from largemodels.data.stamps import KINDS, Stamp, _caption, _first_word, _grouped, split, stamps
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def found() -> list[Stamp]:
    installed("stamps")
    return stamps()


def test_kinds_and_sizes(found: list[Stamp]) -> None:
    assert len(found) == 252
    assert {it.kind for it in found} == set(KINDS)
    assert sum(it.kind == "vehicle" for it in found) == 18
    for it in found:
        assert it.picture.dtype == np.uint8 and it.picture.shape == (*it.size, 4)
        seen = it.picture[..., 3] > 127
        assert seen[0].any() and seen[-1].any() and seen[:, 0].any() and seen[:, -1].any()


def test_captions(found: list[Stamp]) -> None:
    duck = next(it for it in found if it.name == "duck")
    assert duck.caption == "A duck."
    assert next(it for it in stamps(language="af") if it.name == "duck").caption == "'n Eend."
    assert not any(it.caption for it in stamps(language="no such language"))


def test_parts_share_no_stamp_and_no_group(found: list[Stamp]) -> None:
    for seed in (0, 3):
        parts = split(found, seed)
        assert sum(map(len, parts.values())) == len(found)
        groups = {part: {it.group for it in its} for part, its in parts.items()}
        assert not groups["train"] & groups["validation"]
        assert not (groups["train"] | groups["validation"]) & groups["test"]
        for its in parts.values():
            assert {it.kind for it in its} == set(KINDS)
    assert [it.name for it in split(found, 0)["test"]] != [it.name for it in split(found, 1)["test"]]


def test_what_nearly_looks_the_same_stays_together(found: list[Stamp]) -> None:
    group = {it.name: it.group for it in found}
    for one, other in (("lion", "lion-2"), ("drake", "duck"), ("apple_red", "apple_green")):
        assert group[one] == group[other]
    assert group["flower1"] != group["flower10"]


def test_a_mirror_image_under_another_name_is_found() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (20, 31, 4), dtype=np.uint8)
    picture[..., 3] = 255
    other = np.random.default_rng(1).integers(0, 255, (20, 31, 4), dtype=np.uint8)
    its = [Stamp(name, "bird", "", "", p) for name, p in
           (("a", picture), ("b", picture[:, ::-1]), ("c", other))]  # fmt: skip
    groups = [it.group for it in _grouped(its)]
    assert groups[0] == groups[1] != groups[2]


def test_odd_shares_are_refused(found: list[Stamp]) -> None:
    with pytest.raises(DataError, match="leave some for the test"):
        split(found, 0, (0.8, 0.2))


def test_words_and_missing_captions() -> None:
    assert _first_word("lion-2") == _first_word("lion") == "lion"
    assert _first_word("flower3") == "flower3"
    assert _caption(None, "en") == ""
