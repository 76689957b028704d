from __future__ import annotations

import re
import struct
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from largemodels.data import catalogues
from largemodels.data.catalogues import Translations, divided, messages, tidy, translations
from largemodels.text.neighbours import Neighbours, ngrams, words_only
from tests.library.data.installed import installed

SIZES = {"fr": 13_148, "pt": 13_127}  # for training


@pytest.fixture(scope="module", autouse=True)
def _catalogues() -> None:
    installed("libreoffice-fr", "libreoffice-pt")


@pytest.fixture(scope="module", params=["fr", "pt"])
def language(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def parts(language: str) -> dict[str, Translations]:
    return translations(language)


def held_out(parts: dict[str, Translations]) -> tuple[list[str], list[str]]:
    """Sources and targets of validation and test."""
    return (
        parts["validation"].source + parts["test"].source,
        parts["validation"].target + parts["test"].target,
    )


def test_parts_and_sizes(parts: dict[str, Translations], language: str) -> None:
    sizes = {part: (len(pairs.source), len(pairs.target)) for part, pairs in parts.items()}
    assert sizes == {
        "train": (SIZES[language],) * 2,
        "validation": (500, 500),
        "test": (1000, 1000),
    }


def test_a_message_has_its_translation(parts: dict[str, Translations], language: str) -> None:
    pairs = {
        source: target
        for found in parts.values()
        for source, target in zip(found.source, found.target, strict=True)
    }
    expected = {"fr": ("Annuler", "Gras"), "pt": ("Cancelar", "Negrito")}[language]
    assert (pairs["Cancel"], pairs["Bold"]) == expected


def test_no_message_twice(parts: dict[str, Translations]) -> None:
    sources = [source for found in parts.values() for source in found.source]
    assert len(set(sources)) == len(sources)


def test_messages_are_as_a_reader_sees_them(parts: dict[str, Translations]) -> None:
    for found in parts.values():
        for text in found.source + found.target:
            assert not re.search(r"[~_\n\t\u00a0’…]|  |%\w|\$\w|\$\(|%PRODUCTNAME|<\w", text), text
            assert text == unicodedata.normalize("NFC", text).strip() != ""
            assert len(text.split()) <= 30
        assert all(re.search("[a-z]{2}", text) for text in found.source)
        assert all(a != b for a, b in zip(found.source, found.target, strict=True))


def test_messages_to_score_have_runs_of_four_words(parts: dict[str, Translations]) -> None:
    assert min(len(text.split()) for text in held_out(parts)[0]) == 4
    assert min(len(text.split()) for text in parts["train"].source) == 1


def test_no_near_twin_crosses(parts: dict[str, Translations]) -> None:
    sources, targets = held_out(parts)
    training = Neighbours(parts["train"].source)
    assert max(training.similarities(text).max() for text in sources) <= 0.5
    # Nor are two of validation and test twins: each is only its own.
    among = Neighbours(sources)
    assert all((among.similarities(text) > 0.5).sum() == 1 for text in sources)
    known = {words_only(text) for text in parts["train"].target}
    assert not known & {words_only(text) for text in targets}
    assert len({words_only(text) for text in targets}) == len(targets)


def test_no_near_twin_crosses_counted_with_sets(parts: dict[str, Translations]) -> None:
    sources = held_out(parts)[0][::149]
    for known in map(ngrams, parts["train"].source):
        for text in map(ngrams, sources):
            assert len(known & text) <= 0.5 * len(known | text)


def test_a_random_split_would_leak(parts: dict[str, Translations]) -> None:
    """The test above can fail: among the messages for training many have a near-twin."""
    rows = np.random.default_rng(0).permutation(len(parts["train"].source))
    training = Neighbours([parts["train"].source[row] for row in rows[500:]])
    drawn = [parts["train"].source[row] for row in rows[:500]]
    assert np.mean([training.similarities(text).max() > 0.5 for text in drawn]) > 0.2


def test_another_split_has_other_parts(parts: dict[str, Translations], language: str) -> None:
    other = translations(language, split=1)
    assert {part: len(found.source) for part, found in other.items() if part != "train"} == {
        "validation": 500,
        "test": 1000,
    }
    assert len(set(other["test"].source) & set(parts["test"].source)) < 300
    assert translations(language, split=1)["test"] == other["test"]


def test_shorter_messages_only(language: str) -> None:
    parts = translations(language, longest=12)
    assert max(len(text.split()) for found in parts.values() for text in found.source + found.target) == 12


def test_impossible_wishes_are_refused() -> None:
    with pytest.raises(ValueError, match="language must be one of fr, pt, not 'de'"):
        translations("de")
    with pytest.raises(ValueError, match="too few for 1000 in 'test'"):
        translations("fr", longest=4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("_Edit...", "Edit..."),
        ("Pri~nt", "Print"),
        ("Type\u00a0:", "Type :"),
        ("One\nand  two ", "One and two"),
        ("l’e\u0301cran", "l'écran"),
        ("About %PRODUCTNAME…", "About LibreOffice..."),
        ("100% of it", "100% of it"),
        ("“Yes”", '"Yes"'),
        ("ISO_8859_1", None),
        ("a tilde (~)", None),
        ("Page %1 of %2", None),
        ("$(ARG1) is missing", None),
        ("$name$ is missing", None),
        ("Row #1", None),
        ("one<BR>two", None),
        (r"line\nbreak", None),
    ],
)
def test_tidy(text: str, expected: str | None) -> None:
    assert tidy(text) == expected


def catalogue(path: Path, entries: dict[str, str]) -> Path:
    """Write a catalogue as gettext's own program does, its keys sorted."""
    entries = {
        "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n>1;\n"
    } | entries
    pairs = [(key.encode(), entries[key].encode()) for key in sorted(entries)]
    start = 28 + 16 * len(pairs)
    tables, strings = [b"", b""], b""
    for side in (0, 1):
        for pair in pairs:
            tables[side] += struct.pack("<II", len(pair[side]), start + len(strings))
            strings += pair[side] + b"\0"
    header = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, start)
    path.write_bytes(header + b"".join(tables) + strings)
    return path


def test_messages_of_catalogues(tmp_path: Path) -> None:
    one = catalogue(
        tmp_path / "one.mo",
        {
            "dialog|ok\x04_Close": "_Fermer",
            "dialog|menu\x04Clo~se": "Clo~re",
            "Rows": "Lignes",
            "row\0rows": "ligne\0lignes",  # a plural form
            "Format": "Format",  # not translated, or a name
            "URL:": "Adresse :",
            "Delete %1": "Supprimer %1",
            "Empty": " ",
        },
    )
    other = catalogue(tmp_path / "other.mo", {"Close": "Fermer", "Sheet": "Feuille de %PRODUCTNAME"})
    assert messages([one, other]) == [
        ("Close", "Fermer"),  # twice, against "Clore" once
        ("Rows", "Lignes"),
        ("Sheet", "Feuille de LibreOffice"),
    ]


def test_twins_and_equal_translations_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogues, "SIZES", {"test": 1, "validation": 1})
    drawable = [
        ("Insert the selected rows here", "Insérer ici"),
        ("Open another kind of window", "Ouvrir"),
    ]
    others = [
        ("Insert the selected rows:", "Lignes"),  # a twin of the first
        ("Insert", "insérer ici."),  # the first's translation
        ("Window kind", "Fenêtre"),
        ("Green", "Vert"),
    ]
    monkeypatch.setattr(catalogues, "SHORTEST", 5)
    for seed in range(5):
        parts = divided(drawable + others, seed)
        assert {*parts["test"].source, *parts["validation"].source} == {a for a, _ in drawable}
        assert parts["train"] == Translations(["Window kind", "Green"], ["Fenêtre", "Vert"])
    monkeypatch.setattr(catalogues, "TWINS", 1.0)  # then a twin may cross: the drop above is by similarity
    assert "Insert the selected rows:" in divided(drawable + others, 0)["train"].source
