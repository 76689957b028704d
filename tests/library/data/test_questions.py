"""Questions made from articles: each answer is in its sentence, and no question gives the answer or the title away."""

from __future__ import annotations

import functools

import pandas as pd

from largemodels.data.asked import asked_by_hand
from largemodels.data.questions import (
    EACH,
    defined,
    fact,
    plain_title,
    sentences,
    unstated,
    wikipedia_questions,
)
from largemodels.data.text import wikipedia_articles
from largemodels.text.answers import holds
from largemodels.text.retrieval import words


@functools.cache
def made() -> pd.DataFrame:
    return wikipedia_questions()


def test_a_fact_is_found_where_the_sentence_is_about_the_article() -> None:
    text = "Oddtown is a small city in Nowhere. It was founded in 1961. Bob was born in Paris."
    rule, answer, sentence, before = fact("Oddtown", text, "Geography") or (None, "", "", "")
    assert rule is not None and rule.kind == "year"
    assert (answer, sentence, before) == ("1961", "It was founded in 1961.", "It was ")
    assert defined(text) == "small city in Nowhere"
    assert fact("Oddtown", "Oddtown is a city. Bob was born in Paris.", "People") is None  # about Bob
    assert fact("Bob", "Bob is a man. He was born in Paris and Rome.", "People") is None  # two answers
    assert fact("Bob", "Bob is a man. He was born in Bob.", "People") is None  # the title answers
    assert fact("Mars", "Mars is a planet. It was named after the Roman god of war.", "Physics") is None


def test_titles_and_sentences() -> None:
    assert plain_title("Mercury (element)") == "Mercury"
    assert sentences("He met J. R. Smith in 1961. Then he left.") == [
        "He met J. R. Smith in 1961.",
        "Then he left.",
    ]


def test_questions_hold_neither_answer_nor_title() -> None:
    articles, asked = wikipedia_articles(), made()
    assert set(asked.part) == {"training", "development", "test"}
    for part in ("development", "test"):
        its = asked[asked.part == part]
        assert (its.groupby("fact").form.agg(tuple) == ("named", "copied", "reworded")).all()
        assert its[its.form == "named"].fact.nunique() > 100
    for row in asked.itertuples():
        assert holds(row.sentence, row.answer) or row.answer in row.sentence
        assert row.sentence in articles.text[row.article]
        if row.form != "named" and row.part != "training":
            phrase = row.question
            title = set(words(plain_title(articles.title[row.article])))
            assert not title <= set(words(phrase))
            assert not set(words(row.answer)) & (
                set(words(phrase)) - set(words(row.relation)) - {"the", "of"}
            ) or (
                row.form == "reworded"  # whose relation is worded otherwise
            )
    described = articles.description.str.strip()
    unique = described[asked[asked.part != "training"].article.unique()]
    assert not described.value_counts()[unique].gt(1).any()
    several = asked[(asked.part != "training") & (asked.form == "named")]
    assert several.relation.value_counts().max() <= EACH
    places = asked.groupby("part").article.agg(set)
    assert not places["test"] & places["development"] and not places["test"] & places["training"]


def test_unstated_questions_ask_for_what_no_rule_finds() -> None:
    articles, asked = wikipedia_articles(), made()
    its = asked[(asked.part == "test") & (asked.form == "named")].reset_index(drop=True)
    without = unstated(its, articles)
    assert len(without) > 0.9 * len(its)
    assert not set(zip(without.article, without.relation, strict=True)) & set(
        zip(its.article, its.relation, strict=True)
    )
    for row in without.itertuples():
        assert plain_title(articles.title[row.article]) in row.question


def test_questions_by_hand_are_answered_by_their_article() -> None:
    articles, asked = wikipedia_articles(), asked_by_hand()
    assert len(asked) == 54 and not set(asked.article) & set(made().article)
    for row in asked.itertuples():
        assert holds(f"{articles.title[row.article]}. {articles.text[row.article]}", row.answer)
