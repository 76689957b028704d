from __future__ import annotations

import numpy as np
import pytest
from sacrebleu.metrics import CHRF

from largemodels.text.chrf import chrf, chrf_counts, resampled_chrf

# The last reference is shorter than some runs of its translation, which then do not count.
SAID = ["le chat dort", "une phrase", "", "oui", "la même chose exactement", "une réponse trop longue"]
REFERENCES = ["le chien dort bien", "une phrase", "rien", "oui oui", "le même chose", "un"]


def test_as_sacrebleu() -> None:
    counts = chrf_counts(SAID, REFERENCES)
    assert counts.shape == (6, 6, 3)
    assert chrf(counts.sum(0)) == pytest.approx(CHRF().corpus_score(SAID, [REFERENCES]).score)
    for row, said, wanted in zip(counts, SAID, REFERENCES, strict=True):
        assert chrf(row) == pytest.approx(CHRF().sentence_score(said, [wanted]).score)


def test_by_hand() -> None:
    # "ab" and "abc": 2 of 2 and 2 of 3 characters, 1 of 1 and 1 of 2 pairs; runs of three are not there.
    recall = (2 / 3 + 1 / 2) / 2
    assert chrf(chrf_counts(["ab"], ["abc"])[0]) == pytest.approx(100 * 5 * recall / (4 + recall))


def test_draws_are_the_same_for_all() -> None:
    counts = chrf_counts(SAID, REFERENCES)
    found = resampled_chrf({"one": [counts], "two": [counts, counts]}, ["a", "a", "b", "c", "c", "d"], 50)
    assert found["one"].shape == (50,)
    assert np.allclose(found["one"], found["two"]) and found["one"].std() > 1


def test_unequal() -> None:
    with pytest.raises(ValueError, match="1 translations for 2"):
        chrf_counts(["a"], ["a", "b"])
