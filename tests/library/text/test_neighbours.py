from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from largemodels.text.neighbours import Neighbours, TranslationMemory, ngrams

texts = st.lists(st.text("abä B.", max_size=12), min_size=1, max_size=8)


def test_ngrams_of_a_known_text() -> None:
    assert ngrams("Edit it...") == {" edi", "edit", "dit ", "it i", "t it", " it "}
    assert ngrams("no") == {" no "}
    assert ngrams("I") == {" i "}  # too short for a run of four
    assert ngrams("...") == {"  "}
    assert ngrams("ab c", 3) == {" ab", "ab ", "b c", " c "}


@settings(max_examples=80, deadline=None)
@given(texts, st.text("abä B.", max_size=12), st.integers(2, 5))
def test_similarity_is_shared_over_all(stored: list[str], text: str, n: int) -> None:
    wanted = ngrams(text, n)
    expected = [len(wanted & ngrams(it, n)) / len(wanted | ngrams(it, n)) for it in stored]
    np.testing.assert_allclose(Neighbours(stored, n).similarities(text), expected)


def test_case_and_punctuation_do_not_count() -> None:
    similar = Neighbours(["_Insert rows:", "insert ROWS", "Insert columns"]).similarities("Insert rows...")
    assert similar[0] == similar[1] == 1 > similar[2] > 0


def test_a_memory_gives_the_translation_of_the_most_similar_text() -> None:
    memory = TranslationMemory(
        ["Delete row", "Delete column", "Delete a row"], ["une ligne", "colonne", "ligne"]
    )
    assert memory.translate("delete the column.") == "colonne"
    assert memory.translate("DELETE ROW") == "une ligne"
    assert memory.translate("xyz") == "une ligne"  # nothing is similar: the first


def test_unusable_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="no texts"):
        Neighbours([])
    with pytest.raises(ValueError, match="there are 2 and 1"):
        TranslationMemory(["a", "b"], ["c"])
