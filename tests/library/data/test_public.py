from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import largemodels as lm
from largemodels.data.checks import DataError
from largemodels.data.public import PUBLIC, public

ROWS: dict[str, list[dict[str, Any]]] = {
    "stanfordnlp/imdb": [
        {"text": "Dull.", "label": 0},
        {"text": "Fine.", "label": 1},
        {"text": "Grand.", "label": 1},
    ],
    "fancyzhx/ag_news": [{"text": "A goal.", "label": 1}, {"text": "A vote.", "label": 0}],
    "rajpurkar/squad": [
        {
            "id": "7",
            "title": "Tea",
            "context": "Tea is a drink.",
            "question": "What is tea?",
            "answers": {"text": ["a drink", "drink", "a drink"], "answer_start": [7, 9, 7]},
        }
    ],
    "wmt/wmt14": [{"translation": {"de": "Guten Tag.", "en": "Good day."}}],
}
LABELS = {"stanfordnlp/imdb": ["neg", "pos"], "fancyzhx/ag_news": ["World", "Sports"]}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A stand-in for the package of the hub; what it was asked."""
    asked: list[tuple[Any, ...]] = []

    def load_dataset(path: str, name: str | None, *, split: str) -> SimpleNamespace:
        asked.append((path, name, split))
        label = SimpleNamespace(names=LABELS.get(path))
        return SimpleNamespace(to_pandas=lambda: pd.DataFrame(ROWS[path]), features={"label": label})

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return asked


def test_labels_have_their_names(hub: list[tuple[Any, ...]]) -> None:
    table = public("imdb", "test")
    assert table.to_dict("list") == {"text": ["Dull.", "Fine.", "Grand."], "label": ["neg", "pos", "pos"]}
    assert list(public("ag_news", "train", limit=5).label) == ["Sports", "World"]
    assert hub == [("stanfordnlp/imdb", None, "test"), ("fancyzhx/ag_news", None, "train[:5]")]


def test_answers_and_pairs(hub: list[tuple[Any, ...]]) -> None:
    (row,) = public("squad", "validation").to_dict("records")
    assert row == {
        "title": "Tea",
        "context": "Tea is a drink.",
        "question": "What is tea?",
        "answers": ["a drink", "drink"],
    }
    assert public("wmt14", "test").to_dict("list") == {"source": ["Guten Tag."], "target": ["Good day."]}
    assert hub[-1] == ("wmt/wmt14", "de-en", "test")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cola", "train"), "no public set 'cola'. There are: imdb, ag_news, squad, wmt14"),
        (("squad", "test"), "squad has no part 'test'. It has: train, validation"),
        (("imdb", "train", 0), "limit must be at least 1, not 0"),
    ],
)
def test_bad_input(arguments: tuple[Any, ...], said: str, hub: list[tuple[Any, ...]]) -> None:
    with pytest.raises(DataError, match=said):
        public(*arguments[:2], limit=arguments[2] if len(arguments) > 2 else None)
    assert not hub


def test_what_the_book_has_instead_is_there() -> None:
    for name, wanted in PUBLIC.items():
        assert hasattr(lm, wanted.instead.removeprefix("lm.")), name


@pytest.mark.parametrize("name", PUBLIC)
def test_without_the_hub_one_line_names_what_there_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its package, and without a connection."""
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        DataError, match=rf"pip install datasets\. .*without a hub: {PUBLIC[name].instead}\.$"
    ):
        public(name, "train")

    def load_dataset(*_: Any, **__: Any) -> None:
        raise ConnectionError("Couldn't reach it on the Hub\nMore lines")

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    with pytest.raises(DataError, match=rf"\(Couldn't reach it on the Hub\)\. .*{PUBLIC[name].instead}\.$"):
        public(name, "train")
