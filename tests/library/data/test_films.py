"""MovieLens: the published numbers, orders, titles, and that nothing about people is read."""

from __future__ import annotations

import dataclasses
from itertools import islice

import pytest
import torch

from largemodels.data.films import GENRES, Films, films, marked, stretches


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
        assert history.min() >= 0 and history.max() < 1_664


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
    data = Films(
        ["Godfather, The (1972)", "Fish Called Wanda, A (1988)", "Alien (1979)"], torch.ones(3), [], []
    )
    assert [data.readable(it) for it in range(3)] == [
        "The Godfather (1972)",
        "A Fish Called Wanda (1988)",
        "Alien (1979)",
    ]


HISTORIES = [torch.arange(10), torch.tensor([20, 21]), torch.tensor([30]), torch.arange(40, 43)]


def test_each_person_comes_once_a_pass_padded_on_the_left() -> None:
    batches = list(islice(stretches(HISTORIES, 5, 3, padding=99, seed=1), 4))
    assert all(batch.shape == (3, 5) for batch in batches)
    for batch in batches:  # three histories have two films or more
        assert sorted(row[-1].item() // 10 for row in batch) == [0, 2, 4]
        assert [99, 99, 99, 20, 21] in batch.tolist() and [99, 99, 40, 41, 42] in batch.tolist()
        (long,) = [row for row in batch if row[-1] < 10]
        assert (long.diff() == 1).all() and len(long) == 5


def test_people_can_be_drawn_by_the_steps_in_their_histories() -> None:
    batches = stretches(HISTORIES, 5, 8, padding=99, by_length=True, seed=1)
    ends = torch.cat([batch[:, -1] for batch in islice(batches, 150)]) // 10  # 9, 1 and 2 steps of 12
    shares = [(ends == it).double().mean().item() for it in (0, 2, 4)]
    assert shares == pytest.approx([9 / 12, 1 / 12, 2 / 12], abs=0.05)
    third = next(islice(stretches(HISTORIES, 5, 8, padding=99, by_length=True, seed=1), 3, None))
    again = next(stretches(HISTORIES, 5, 8, padding=99, by_length=True, seed=1, start=3))
    assert torch.equal(again, third)


def test_every_stretch_is_drawn_and_batches_can_be_resumed() -> None:
    batches = list(islice(stretches(HISTORIES, 5, 2, padding=99, seed=2), 120))
    ends = {row[-1].item() for batch in batches for row in batch if row[-1] < 10}
    assert ends == {4, 5, 6, 7, 8, 9}
    again = next(stretches(HISTORIES, 5, 2, padding=99, seed=2, start=77))
    assert torch.equal(again, batches[77])


def test_without_anything_to_predict_there_are_no_batches() -> None:
    with pytest.raises(ValueError, match="No history has two films"):
        next(stretches([torch.tensor([1])], 5, 2, padding=99))


def test_a_table_forgets() -> None:
    table = marked([torch.tensor([2, 0]), torch.tensor([3])], 4, decay=0.5)
    assert table.tolist() == [[1, 0, 0.5, 0], [0, 0, 0, 1]]
    assert marked([torch.tensor([2, 0])], 4).tolist() == [[1, 0, 1, 0]]
