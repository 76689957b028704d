from __future__ import annotations

import pytest

from largemodels.text.negation import affirmed, with_denials, words_denied


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("No pleural effusion or mass. There is edema.", {"pleural", "effusion", "or", "mass"}),
        ("No effusion, but a nodule.", {"effusion"}),
        ("Effusions are not seen.", {"effusions"}),
        ("The heart is not enlarged; clips.", {"enlarged"}),
        ("Negative for pneumonia.", {"pneumonia"}),
        ("Lungs are free of infiltrates.", {"infiltrates"}),
        ("No change in the left effusion.", set()),
        ("No significant interval change in the effusion.", set()),
        ("A nodule cannot be excluded.", set()),
        ("The heart is no longer enlarged.", set()),
        ("Not only the heart is enlarged.", set()),
        ("Pneumonia is unlikely.", {"pneumonia"}),
        ("The effusion has resolved.", {"the", "effusion", "has"}),
        ("", set()),
    ],
)
def test_what_is_denied(text: str, denied: set[str]) -> None:
    assert {word for word, it in words_denied(text) if it} == denied


def test_every_word_stays_in_order() -> None:
    text = "No effusion. However, opacity is seen; nodules are not identified"
    assert " ".join(word for word, _ in words_denied(text)) == (
        "no effusion however opacity is seen nodules are not identified"
    )
    assert with_denials("No mass. Mass!") == "no no_mass mass"


def test_affirmed() -> None:
    text = "No nodule. A nodule and a mass, no masses."
    assert affirmed(text, r"nodul\w*") == 1
    assert affirmed(text, r"nodul\w*|mass\w*") == 2
    assert affirmed(text, "effusion") == 0
