"""MovieLens: the published numbers, orders, titles, and that nothing about people is read."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from largemodels.data.films import GENRES, Films, films


@pytest.fixture(scope="module")
def data() -> Films:
    return films()


def test_the_published_numbers(data: Films) -> None:
    assert len(data.histories) == len(data.times) == 943
    assert len(data.titles) == len(set(data.titles)) == 1_664
    assert sum(map(len, data.histories)) == 99_693  # of 100,000, without second ratings of films listed twice
    assert data.genres.shape == (1_664, len(GENRES))
    assert data.genres[data.titles.index("Toy Story (1995)")].nonzero().flatten().tolist() == [3, 4, 5]


def test_histories_are_in_order_and_name_a_film_once(data: Films) -> None:
    for history, times in zip(data.histories, data.times, strict=True):
        assert len(history) == len(times) >= 19
        assert (times.diff() >= 0).all()
        assert len(history.unique()) == len(history)
        assert 0 <= history.min() and history.max() < 1_664


def test_the_order_within_a_second_says_nothing(data: Films) -> None:
    """Neighbours of the same second are as often rising as falling in the films' numbers."""
    rising = [
        step > 0
        for history, times in zip(data.histories, data.times, strict=True)
        for step, gap in zip(history.diff().tolist(), times.diff().tolist(), strict=True)
        if gap == 0
    ]
    assert abs(sum(rising) / len(rising) - 0.5) < 4 * 0.5 / len(rising) ** 0.5


def test_films_and_moments_only() -> None:
    """Nothing about people but what they rated, and when."""
    assert {it.name for it in dataclasses.fields(Films)} == {"titles", "genres", "histories", "times"}


def test_articles_come_first() -> None:
    data = Films(["Godfather, The (1972)", "Fish Called Wanda, A (1988)", "Alien (1979)"], torch.ones(3), [], [])
    assert [data.readable(it) for it in range(3)] == [
        "The Godfather (1972)",
        "A Fish Called Wanda (1988)",
        "Alien (1979)",
    ]
