from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from largemodels.models import phrases
from largemodels.models.phrases import (
    NULL,
    Phrases,
    PhrasesConfig,
    Spacing,
    WordByWord,
    model1,
    phrase_pairs,
    symmetrised,
    words,
)
from tests.library.data.installed import installed

sentences = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
        st.lists(st.sampled_from("xyz"), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=4,
)


# Words and spaces.


def test_words_of_a_text() -> None:
    assert words("L'image n'est pas à 100 % (fin)...") == [
        *["L'", "image", "n'", "est", "pas", "à", "100", "%", "(", "fin", ")", "..."],
    ]
    assert words(" ") == []


def test_spaces_are_put_where_the_texts_have_them() -> None:
    texts = ["l'image (bleue), fin.", "Type : l'écran", "un ciel, un mot.", "a (b)"]
    spacing = Spacing(texts)
    for text in [*texts, "l'fin (un), mot : l'ciel."]:  # the last one has pairs that were never seen
        assert spacing.joined(words(text)) == text
    assert spacing.joined([]) == ""
    assert Spacing(["Type: x"]).joined(["l", ":", "y"]) == "l: y"  # another language, other spaces


# Word alignment.


def test_two_steps_of_em_computed_by_hand() -> None:
    sources, targets = [["a", "b"], ["a"]], [["x", "y"], ["x"]]
    # Step 1, from equal probabilities: each target word shares one count equally, with NULL as another word. Counts
    # of a: x 1/3 + 1/2, y 1/3; of b: x 1/3, y 1/3; of NULL as of a.
    table, shares = model1(sources, targets, 1)
    expected = {("a", "x"): 5 / 7, ("a", "y"): 2 / 7, ("b", "x"): 1 / 2, ("b", "y"): 1 / 2}
    expected |= {(NULL, "x"): 5 / 7, (NULL, "y"): 2 / 7}
    assert table == pytest.approx(expected)
    np.testing.assert_allclose(shares[0], np.full((2, 3), 1 / 3))
    np.testing.assert_allclose(shares[1], [[1 / 2, 1 / 2]])
    # Step 2: in the first pair x is shared 5/7 : 5/7 : 1/2, that is 10/27, 10/27, 7/27, and y 4/15, 4/15, 7/15.
    table, shares = model1(sources, targets, 2)
    np.testing.assert_allclose(shares[0], [[10 / 27, 10 / 27, 7 / 27], [4 / 15, 4 / 15, 7 / 15]])
    of_a = 10 / 27 + 1 / 2, 4 / 15
    assert table["a", "x"] == pytest.approx(of_a[0] / sum(of_a)) == pytest.approx(235 / 307)
    assert table["b", "y"] == pytest.approx((7 / 15) / (7 / 15 + 7 / 27)) == pytest.approx(9 / 14)


def slow_model1(pairs: list[tuple[list[str], list[str]]], n: int) -> dict[tuple[str, str], Fraction]:
    """The same with loops and exact fractions."""
    together = {(s, t) for source, target in pairs for s in [NULL, *source] for t in target}
    table = dict.fromkeys(together, Fraction(1))
    for _ in range(n):
        counts: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        for source, target in pairs:
            for t in target:
                total = sum(table[s, t] for s in [NULL, *source])
                for s in [NULL, *source]:
                    counts[s, t] += table[s, t] / total
        sums: dict[str, Fraction] = defaultdict(Fraction)
        for (s, _), count in counts.items():
            sums[s] += count
        table = {(s, t): count / sums[s] for (s, t), count in counts.items()}
    return table


@settings(max_examples=40, deadline=None)
@given(sentences, st.integers(1, 4))
def test_em_equals_loops(pairs: list[tuple[list[str], list[str]]], n: int) -> None:
    table, shares = model1([a for a, _ in pairs], [b for _, b in pairs], n)
    assert table == pytest.approx({key: float(p) for key, p in slow_model1(pairs, n).items()})
    for (source, target), share in zip(pairs, shares, strict=True):
        assert share.shape == (len(target), 1 + len(source))
        np.testing.assert_allclose(share.sum(axis=1), 1)


def test_each_step_makes_the_targets_more_likely() -> None:
    sources = ["the house", "the book", "a book", "the blue sky", "a blue house"]
    targets = ["das Haus", "das Buch", "ein Buch", "der blaue Himmel", "ein blaues Haus"]
    before, after = [text.split() for text in sources], [text.split() for text in targets]

    def log_likelihood(n: int) -> float:
        table, _ = model1(before, after, n)
        return sum(
            np.log(np.mean([table[s, t] for s in [NULL, *source]]))
            for source, target in zip(before, after, strict=True)
            for t in target
        )

    found = [log_likelihood(n) for n in range(1, 9)]
    assert all(b > a for a, b in pairwise(found))
    table, _ = model1(before, after, 30)
    for s, t in (("house", "Haus"), ("book", "Buch"), ("the", "das"), ("a", "ein")):
        assert max(it for it in table if it[0] == s and table[it] > 0.3) == (s, t)


def test_the_diagonal_decides_between_equal_words() -> None:
    sources, targets = [["a", "a", "a"]], [["x", "x", "x"]]
    np.testing.assert_allclose(model1(sources, targets, 3)[1][0], 1 / 4)
    share = model1(sources, targets, 3, diagonal=4.0)[1][0][:, 1:]  # without NULL
    assert share.argmax(axis=1).tolist() == [0, 1, 2]
    # The distances of the middle word are 1/3, 0, 1/3.
    assert share[1, 0] / share[1, 1] == pytest.approx(np.exp(-4 / 3))
    with pytest.raises(ValueError, match="n_iteration must be at least 1"):
        model1(sources, targets, 0)


def shares_of(chosen: list[int], n: int) -> Any:
    """Shares that are all given to one word, of which number 0 is NULL."""
    return np.eye(1 + n)[chosen]


def test_links_of_both_directions_grow() -> None:
    # Three source and four target words. Towards the target 0-0, 1-1, 2-2, 2-3; back 0-0, 1-1, 2-1.
    forward, backward = shares_of([1, 2, 3, 3], 3), shares_of([1, 2, 2], 4)
    # 0-0 and 1-1 are in both. 2-1 touches 1-1 and links the unlinked 2; 2-2 touches and links target 2, 2-3 target 3.
    assert symmetrised(forward, backward) == {(0, 0), (1, 1), (2, 1), (2, 2), (2, 3)}
    # What touches nothing is left out: 2-2.
    assert symmetrised(shares_of([1, 0, 3], 3), shares_of([1, 0, 0], 3)) == {(0, 0)}
    # So is what links two words that have links already: 2-1, once 1-1 is there.
    assert symmetrised(shares_of([1, 3, 3], 3), shares_of([1, 2, 3], 3)) == {(0, 0), (1, 1), (2, 2)}
    assert symmetrised(shares_of([1, 1], 2), shares_of([1, 2], 2)) == {(0, 0), (0, 1), (1, 1)}
    assert symmetrised(shares_of([0, 0], 2), shares_of([0, 0], 2)) == set()


# Phrases.


def test_phrases_of_a_toy_alignment() -> None:
    # blue sky today - ciel bleu (today has no link): 0-1, 1-0.
    found = set(phrase_pairs(3, 2, {(0, 1), (1, 0)}, 5))
    assert found == {
        ((0, 1), (1, 2)),  # blue - bleu
        ((1, 2), (0, 1)),  # sky - ciel
        ((1, 3), (0, 1)),  # sky today - ciel
        ((0, 2), (0, 2)),  # blue sky - ciel bleu
        ((0, 3), (0, 2)),
    }
    # A target word without a link may be at either end: a b - x y z with 0-0 and 1-2.
    assert set(phrase_pairs(2, 3, {(0, 0), (1, 2)}, 2)) == {
        ((0, 1), (0, 1)),
        ((0, 1), (0, 2)),
        ((1, 2), (2, 3)),
        ((1, 2), (1, 3)),
    }
    assert set(phrase_pairs(2, 2, set(), 2)) == set()


@settings(max_examples=150, deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=7),
    st.integers(1, 5),
)
def test_phrases_are_all_that_no_link_leaves(links: set[tuple[int, int]], longest: int) -> None:
    expected = set()
    for a, c in product(range(4), range(5)):
        for b, d in product(range(a + 1, min(4, a + longest) + 1), range(c + 1, min(5, c + longest) + 1)):
            both = [(a <= i < b, c <= j < d) for i, j in links]
            if (True, True) in both and all(x == y for x, y in both):
                expected.add(((a, b), (c, d)))
    found = list(phrase_pairs(4, 5, links, longest))
    assert set(found) == expected
    assert len(set(found)) == len(found)


# Translation.

PAIRS = [
    ("Blue sky", "Ciel bleu"),
    ("Red sky", "Ciel rouge"),
    ("Blue house", "Maison bleue"),
    ("The blue house", "La maison bleue"),
    ("The red house", "La maison rouge"),
    ("The house", "La maison"),
    ("The sky", "Le ciel"),
    ("Sky", "Ciel"),
    ("House", "Maison"),
    ("Red", "Rouge"),
    ("The garden of the house", "Le jardin de la maison"),
    ("Garden", "Jardin"),
]
SOURCES, TARGETS = [a for a, _ in PAIRS], [b for _, b in PAIRS]
CONFIG = PhrasesConfig(swap=-0.5)  # so few texts say little against a wrong order


@pytest.fixture(scope="module")
def toy() -> Phrases:
    return Phrases(SOURCES, TARGETS, CONFIG)


def test_it_translates_what_it_has_not_seen(toy: Phrases) -> None:
    assert toy.translate("Red garden") == "Jardin rouge"  # the words change places
    assert toy.translate("the garden of the blue house") == "le jardin de la maison bleue"
    assert toy.translate("The garden of LibreOffice") == "Le jardin de LibreOffice"  # copied
    assert toy.translate("") == ""


def test_the_table_holds_log_probabilities(toy: Phrases) -> None:
    targets, scores = toy.table["house",]
    assert scores.shape == (len(targets), 4)
    assert np.exp(scores[:, 0]).sum() == pytest.approx(1)
    assert (scores <= 0).all()
    of_target: dict[Any, float] = defaultdict(float)
    for found, numbers in toy.table.values():
        for target, score in zip(found, np.exp(numbers[:, 1]), strict=True):
            of_target[target] += score
    assert list(of_target.values()) == pytest.approx([1.0] * len(of_target))
    assert targets[int(scores.sum(axis=1).argmax())] == ("maison",)
    # By words: log of the mean over NULL and "house" of p(maison | word).
    row = targets.index(("maison",))
    by_words = (toy.forward["house", "maison"] + toy.forward[NULL, "maison"]) / 2
    assert scores[row, 2] == pytest.approx(np.log(by_words))
    by_words = (toy.backward["maison", "house"] + toy.backward.get((NULL, "house"), 0)) / 2
    assert scores[row, 3] == pytest.approx(np.log(by_words))


def all_translations(model: Phrases, source: list[str]) -> list[tuple[float, list[str]]]:
    """Every way to translate a source, with its score; the language model is asked for the whole text at once."""
    order, options = model.config.order, model._options(source)
    found: dict[int, list[tuple[float, tuple[str, ...]]]] = {0: [(0.0, ())]}
    for end in range(1, len(source) + 1):
        found[end] = [
            (before + score, together + added)
            for start in range(end)
            for added, score in options.get((start, end), [])
            for before, together in found[start]
        ]
    totals = []
    for score, sentence in found[len(source)]:
        tokens = [0] * (order - 1) + [model._numbers.get(word, 1) for word in sentence] + [0]
        log_prob = float(model.language_model.log_probs(tokens)[order - 1 :].sum())
        totals.append((score + model.config.language * log_prob, list(sentence)))
    return totals


def is_best_of_all(model: Phrases, text: str) -> bool:
    """Whether no way to translate a text has a higher score than the best way to the model's translation."""
    everything = all_translations(model, words(text))
    found = words(model.translate(text))
    best = max(score for score, _ in everything)
    return max(score for score, sentence in everything if sentence == found) == pytest.approx(best)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_a_wide_beam_finds_the_best_of_all(order: int) -> None:
    config = replace(CONFIG, order=order, n_beam=10_000, n_option=3, longest=3)
    model = Phrases(SOURCES, TARGETS, config)
    for text in ("the red garden", "garden of the sky", "blue unknown sky red"):
        assert is_best_of_all(model, text)
    # Texts in which more depends on the words before.
    draw = np.random.default_rng(0)
    for _ in range(8):
        sources, targets = (
            [" ".join(draw.choice(list(letters), draw.integers(1, 6))) for _ in range(15)]
            for letters in ("abc", "xyz")
        )
        model = Phrases(sources, targets, replace(config, language=2.0, longest=2))
        assert all(is_best_of_all(model, text) for text in ("a b c a", "c c b a", "b a c b"))


def test_the_best_translations_of_a_phrase_are_tried() -> None:
    model = Phrases(SOURCES, TARGETS, replace(CONFIG, n_option=2, word=0.0))
    targets, scores = model.table["the",]
    total = scores @ [1.0, 1.0, 0.3, 0.3]
    best = np.argsort(total)[::-1][:2]
    assert len(targets) == 3
    found = model._translations(["The"])
    assert [target for target, _ in found] == [targets[k] for k in best]
    assert [score for _, score in found] == pytest.approx(total[best].tolist())


def test_weights_may_be_changed_afterwards() -> None:
    model = Phrases(SOURCES, TARGETS, CONFIG)
    assert model.translate("Red garden") == "Jardin rouge"
    model.config = replace(model.config, swap=-100.0)
    assert model.translate("Red garden") == "Rouge jardin"


def test_a_wrong_alignment_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With each link moved on by one word, what was learned is wrong."""

    def moved(forward: Any, backward: Any) -> set[tuple[int, int]]:
        return {(i, (j + 1) % len(forward)) for i, j in symmetrised(forward, backward)}

    monkeypatch.setattr(phrases, "symmetrised", moved)
    wrong = Phrases(SOURCES, TARGETS, CONFIG)
    with pytest.raises(AssertionError):
        test_it_translates_what_it_has_not_seen(wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"longest": 0}, "longest must be at least 1"),
        ({"order": 0}, "order must be at least 1"),
        ({"n_beam": 0}, "n_beam must be at least 1"),
        ({"n_option": 0}, "n_option must be at least 1"),
        ({"n_iteration": 0}, "n_iteration must be at least 1"),
        ({"diagonal": -1.0}, "diagonal must be at least 0"),
        ({"language": float("nan")}, "language must be at least 0"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PhrasesConfig(**wrong)


@pytest.mark.parametrize("model", [Phrases, WordByWord])
def test_each_source_needs_a_target(model: Any) -> None:
    with pytest.raises(ValueError, match="there are 2 and 1"):
        model(["a", "b"], ["c"])
    with pytest.raises(ValueError, match="there are 0 and 0"):
        model([], [])


# Word by word.


def test_word_by_word_computed_by_hand() -> None:
    model = WordByWord(["red sky", "red house", "the red"], ["ciel rouge", "maison rouge", "le rouge"])
    # red is in 3 texts, rouge in 3, both in 3: 6 / 6. For sky: ciel 2 / 2, rouge 2 / 4.
    assert model.table == {"red": "rouge", "sky": "ciel", "house": "maison", "the": "le"}
    assert model.translate("The sky red") == "Le ciel rouge"
    assert (
        model.translate("the red Moon") == "le rouge Moon"
    )  # in the order of the source; unknown words are copied


# The real messages.


def test_phrases_beat_their_rivals_on_real_messages() -> None:
    from largemodels.data.catalogues import translations
    from largemodels.text.neighbours import TranslationMemory
    from largemodels.text.translation import translation_scores

    installed("libreoffice-fr")
    parts = translations("fr", longest=12)
    sources, targets = parts["train"].source[::4], parts["train"].target[::4]
    asked, references = parts["validation"].source[:150], parts["validation"].target[:150]
    systems = {
        model.__name__: list(map(model(sources, targets).translate, asked))
        for model in (Phrases, TranslationMemory, WordByWord)
    }
    bleu = {it.system: it.score for it in translation_scores(systems, references, 2) if it.metric == "BLEU"}
    assert bleu["Phrases"] > 1.5 * max(bleu["TranslationMemory"], bleu["WordByWord"])
    moved = [*references[1:], references[0]]
    assert translation_scores(systems, moved, 2)[0].score < 5  # a translation belongs to its source
