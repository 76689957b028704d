from __future__ import annotations

import sys

import pytest

from largemodels.text.translation import translation_scores

REFERENCES = ["the cat sat on the mat", "she reads a long book in the garden", "rain is expected tomorrow"]


def test_a_score_computed_by_hand() -> None:
    # 5 of 6 words, 3 of 5 pairs, 2 of 4 triples and 1 of 3 runs of four are right, and the length is.
    bleu, chrf = translation_scores({"one": ["the cat sat on a mat"]}, REFERENCES[:1], 10)
    assert bleu.score == pytest.approx(100 * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25)
    assert (bleu.system, bleu.metric, chrf.metric) == ("one", "BLEU", "chrF2")
    assert bleu.half_width == pytest.approx(0, abs=1e-4)  # there is but one text to draw
    assert bleu.p_value is None
    assert "tok:13a" in bleu.signature and "bs:10" in bleu.signature and "seed:12345" in bleu.signature


def test_systems_in_order_each_against_the_first() -> None:
    systems = {
        "bad": [text[::-1] for text in REFERENCES] * 20,
        "same": REFERENCES * 20,
        "half": [*REFERENCES, *[text[::-1] for text in REFERENCES]] * 10,
    }
    rows = translation_scores(systems, REFERENCES * 20, 200)
    assert [(row.system, row.metric) for row in rows] == [
        (system, metric) for system in systems for metric in ("BLEU", "chrF2")
    ]
    by = {(row.system, row.metric): row for row in rows}
    assert by["same", "BLEU"].score == pytest.approx(100)
    assert by["same", "chrF2"].score == pytest.approx(100)
    assert by["bad", "BLEU"].score < by["half", "BLEU"].score < 100
    assert by["bad", "BLEU"].p_value is None
    assert (by["same", "BLEU"].p_value or 1) < 0.01
    assert by["half", "BLEU"].half_width > by["same", "BLEU"].half_width


def test_equal_systems_do_not_differ() -> None:
    mixed = [*REFERENCES, *[text[::-1] for text in REFERENCES]] * 4
    rows = translation_scores({"one": mixed, "other": list(mixed)}, REFERENCES * 8, 100)
    assert [row.p_value for row in rows] == [None, None, 1.0, 1.0]
    assert rows[0].score == rows[2].score


def test_the_same_scores_every_time() -> None:
    systems = {"one": [text.replace("a", "e") for text in REFERENCES], "two": REFERENCES}
    assert translation_scores(systems, REFERENCES, 50) == translation_scores(systems, REFERENCES, 50)


def test_what_cannot_be_scored_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="nothing to score"):
        translation_scores({}, REFERENCES)
    with pytest.raises(ValueError, match="nothing to score"):
        translation_scores({"one": []}, [])
    with pytest.raises(ValueError, match="'one' has 2 translations for 3 references"):
        translation_scores({"one": REFERENCES[:2]}, REFERENCES)
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(ImportError, match="pip install sacrebleu"):
        translation_scores({"one": REFERENCES}, REFERENCES)
