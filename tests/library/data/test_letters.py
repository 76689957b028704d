from __future__ import annotations

import pytest
import torch

from largemodels.data.episodes import episodes
from largemodels.data.letters import TWINS, _outlines, distorted, letters, plain
from tests.library.data.installed import installed


@pytest.fixture(scope="module")
def parts() -> dict:
    installed("letters")
    return letters()


def test_scripts_in_three_parts_that_share_none(parts: dict) -> None:
    assert {part: len(scripts) for part, scripts in parts.items()} == {
        "train": 79,
        "validation": 20,
        "test": 36,
    }
    names = [script.name for scripts in parts.values() for script in scripts]
    assert len(set(names)) == len(names)
    assert {"Latin", "Greek", "Cyrillic"} < {script.name for script in parts["train"]}
    for scripts in parts.values():
        for script in scripts:
            assert script.pictures.shape == (len(script.letters), len(script.fonts), 56, 56)
            assert script.pictures.dtype == torch.uint8
            assert len(set(script.letters)) == len(script.letters) >= 10
            assert script.pictures.flatten(2).amax(dim=2).min() > 100  # no blank ones


def test_no_new_letter_looks_like_one_of_training(parts: dict) -> None:
    known = torch.cat([_outlines(script.pictures[:, 0]) for script in parts["train"]])
    for script in [*parts["validation"], *parts["test"]]:
        assert (_outlines(script.pictures[:, 0]) @ known.T).max() <= TWINS


def test_a_letter_is_what_its_name_says(parts: dict) -> None:
    (hebrew,) = [script for script in parts["test"] if script.name == "Hebrew"]
    assert "א" in hebrew.letters and hebrew.fonts == (
        "Sans Regular",
        "Serif Regular",
        "Sans Bold",
        "Serif Bold",
    )


def test_distortions_are_drawn_by_the_generator_and_vanish_at_strength_0(parts: dict) -> None:
    pictures = parts["train"][0].pictures[:7, 0]
    one, same, other = (distorted(pictures, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert one.shape == (7, 1, 28, 28) and one.min() >= 0 and one.max() <= 1
    assert torch.equal(one, same) and not torch.equal(one, other)
    still = distorted(pictures, torch.Generator().manual_seed(0), strength=0)
    torch.testing.assert_close(still, plain(pictures), atol=1e-4, rtol=0)


def test_tasks_show_and_ask_different_examples() -> None:
    sizes = dict(way=3, shot=2, query=4, n=50)
    classes, shown, asked = episodes(5, 7, **sizes, generator=torch.Generator().manual_seed(0))
    assert (classes.shape, shown.shape, asked.shape) == ((50, 3), (50, 3, 2), (50, 3, 4))
    assert all(len(set(row)) == 3 for row in classes.tolist())
    examples = torch.cat([shown, asked], dim=2).flatten(0, 1).tolist()
    assert all(len(set(row)) == 6 for row in examples)
    assert set(classes.unique().tolist()) == set(range(5))
    with pytest.raises(ValueError, match="3 classes of 2 \\+ 6 examples; there are 5 of 7"):
        episodes(5, 7, **(sizes | {"query": 6}), generator=torch.Generator())
