"""What people rated at MovieLens, in the order in which they did, and the films' titles and genres.

Harper and Konstan, 2015, "The MovieLens datasets: history and context" (https://doi.org/10.1145/2827872). See the card
``films.md`` for the licence: research only, and no redistribution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .registry import DataError, files

GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *(
        "Fantasy",
        "Film-Noir",
        "Horror",
        "Musical",
        "Mystery",
        "Romance",
        "Sci-Fi",
        "Thriller",
        "War",
        "Western",
    ),
)


@dataclass(frozen=True)
class Films:
    """Histories of people, and what is known of the films."""

    titles: list[str]  # of the films, such as "Toy Story (1995)"; no two alike
    genres: Tensor  # (films, 19), whether a film is of each of GENRES
    histories: list[
        Tensor
    ]  # of each person: the films that they rated, numbers into titles, the earliest first
    times: list[Tensor]  # of each person: when they rated each of them, in seconds since 1970

    def readable(self, film: int) -> str:
        """The title with its article in front: "The Godfather (1972)"."""
        name, bracket, year = self.titles[film].rpartition(" (")
        for article in ("The", "A", "An"):
            if name.endswith(f", {article}"):
                name = f"{article} {name.removesuffix(f', {article}')}"
        return name + bracket + year


def films(*, unchecked: bool = False) -> Films:
    """MovieLens-100k: 943 people of 1997 and 1998, and 1,664 films of which each rated 20 or more.

    A film that is listed under two numbers counts as one, and a person's second rating of it is left out. Ratings of
    the same second are in the order of the file, which says nothing about their order in life. How many stars a film
    got, and people's age, sex, occupation and zip code, are not returned.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Raises:
        DataError: if the package is missing or damaged.
    """
    import fastparquet

    paths = files("films", unchecked=unchecked)
    ratings, listed = (
        fastparquet.ParquetFile(str(paths[f"MovieLens100k_{part}.parquet.brotli"])).to_pandas()
        for part in ("data", "items")
    )
    if listed["movie_id"].tolist() != list(range(1, len(listed) + 1)):
        raise DataError("The films of MovieLens are not numbered from 1 without gaps.")
    names = [title.strip() for title in listed["movie_title"]]
    titles = list(dict.fromkeys(names))
    number = {title: place for place, title in enumerate(titles)}
    film = np.array([number[name] for name in names])[ratings["movie_id"].to_numpy() - 1]
    person, time = ratings["user_id"].to_numpy(), ratings["timestamp"].to_numpy()
    genres = torch.zeros(len(titles), len(GENRES), dtype=torch.bool)
    genres[[number[name] for name in reversed(names)]] = torch.tensor(
        listed[list(GENRES)].to_numpy()[::-1].astype(bool)
    )
    histories, times = [], []
    for one in np.unique(person):
        rows = np.flatnonzero(person == one)
        rows = rows[np.argsort(time[rows], kind="stable")]
        rows = rows[np.sort(np.unique(film[rows], return_index=True)[1])]
        histories.append(torch.from_numpy(film[rows]).long())
        times.append(torch.from_numpy(time[rows]).long())
    return Films(titles, genres, histories, times)


def marked(histories: Sequence[Tensor], n_films: int, decay: float = 1.0) -> Tensor:
    """Histories as a table, ``(people, n_films)``: 0 for what a person has not rated.

    Args:
        histories: of each person, the earliest first.
        n_films: number of columns.
        decay: the last film is 1, and each before it counts this much less; 1: all are 1.
    """
    table = torch.zeros(len(histories), n_films)
    for row, history in zip(table, histories, strict=True):
        row[history] = decay ** torch.arange(len(history)).flip(0).float()
    return table


def stretches(
    histories: Sequence[Tensor],
    length: int,
    batch_size: int,
    *,
    padding: int,
    by_length: bool = False,
    seed: int = 0,
    start: int = 0,
) -> Iterator[Tensor]:
    """Batches of histories, endlessly: each person once in random order, then all again, or drawn by length.

    Args:
        histories: of each person, the earliest first; those of fewer than two films are left out.
        length: of a history that is longer, a stretch of this length is drawn, anew each time.
        batch_size: histories a batch; the last batch of a pass goes on with the next pass.
        padding: stands to the left of a history that is shorter.
        by_length: draw each person in proportion to the steps from one film to the next in their history, instead of
            all people equally often.
        seed: of the order and of the stretches.
        start: number of the first batch, to resume.

    Yields:
        ``(batch_size, length)``.

    Raises:
        ValueError: if no history has two films.
    """
    usable = [history for history in histories if len(history) > 1]
    if not usable:
        raise ValueError("No history has two films: there is nothing to predict.")
    steps = np.array([len(history) - 1 for history in usable])
    number, order, current = start, np.empty(0, int), -1
    while True:
        draw = np.random.default_rng([seed, 1, number])
        rows = torch.full((batch_size, length), padding)
        by_steps: np.ndarray = (
            draw.choice(len(usable), batch_size, p=steps / steps.sum()) if by_length else order
        )
        for row in range(batch_size):
            turn, place = divmod(number * batch_size + row, len(usable))
            if turn != current:
                order, current = np.random.default_rng([seed, 0, turn]).permutation(len(usable)), turn
            history = usable[by_steps[row] if by_length else order[place]]
            end = int(draw.integers(min(length, len(history)), len(history) + 1))
            taken = history[max(0, end - length) : end]
            rows[row, length - len(taken) :] = taken
        yield rows
        number += 1
