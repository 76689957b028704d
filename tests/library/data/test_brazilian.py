from __future__ import annotations

import pytest

from largemodels.data.brazilian import brazilian_messages, handbook_sentences, paragraphs, sentence_pairs
from largemodels.data.catalogues import Translations
from largemodels.text.neighbours import Neighbours
from tests.library.data.installed import installed

SIZES = {"messages": (13_417, 500, 1_000), "handbook": (3_664, 200, 500)}


@pytest.fixture(scope="module", params=list(SIZES))
def parts(request: pytest.FixtureRequest) -> tuple[str, dict[str, Translations]]:
    installed("libreoffice-pt-br", "debian-handbook")
    load = {"messages": brazilian_messages, "handbook": handbook_sentences}[request.param]
    return request.param, load()


def test_sizes(parts: tuple[str, dict[str, Translations]]) -> None:
    name, some = parts
    assert tuple(len(some[part].source) for part in ("train", "validation", "test")) == SIZES[name]
    for it in some.values():
        assert len(it.source) == len(it.target)
        assert all(a and b and a != b for a, b in zip(it.source, it.target, strict=True))


def test_parts_share_no_near_twins(parts: tuple[str, dict[str, Translations]]) -> None:
    _, some = parts
    index = Neighbours(some["train"].source)
    held = some["validation"].source + some["test"].source
    assert len(set(held)) == len(held)
    assert max(index.similarities(text).max() for text in held[::7]) <= 0.5


def test_another_split_is_another_test() -> None:
    installed("debian-handbook")
    first, second = handbook_sentences(0)["test"].source, handbook_sentences(1)["test"].source
    assert len(set(first) & set(second)) < 200


def test_paragraphs_of_a_page() -> None:
    page = """<div class="para">One <b>two</b>
      three &amp; four.</div><p>not this</p>
      <div class="other"><div class="para">outer <div class="para">inner</div> again</div></div>"""
    assert paragraphs(page) == ["One two three & four.", "outer again", "inner"]
    assert paragraphs("") == []
    assert paragraphs("</div><div class='para'>never closed") == ["never closed"]


def test_sentences_are_paired_only_where_numbers_agree() -> None:
    long, other = "There are five words here.", "Aqui há cinco palavras, sim."
    assert sentence_pairs([f"{long} {long[:-1]}!"], [f"{other} {other}"]) == [
        (long, other),
        (f"{long[:-1]}!", other),
    ]
    assert sentence_pairs([f"{long} {long}"], [other]) == []  # two sentences became one
    assert sentence_pairs([long, long], [other]) == []  # a paragraph is missing
    assert sentence_pairs([long], [long]) == []  # not translated
    assert sentence_pairs(["Four words, no more."], ["Quatro palavras, não mais."]) == []
    assert sentence_pairs([long], ["Aqui há."]) == []  # too short to be all of it
    assert sentence_pairs([], []) == []
