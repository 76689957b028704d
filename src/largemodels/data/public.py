"""Public sets of text from the Hugging Face hub, for the scale "gpu": what the field reports its numbers on.

No chapter of the book needs them: each has data that ordinary packages deliver. The hub's package ``datasets`` fetches
them and keeps them in its cache; it is no dependency of this library. Unlike the registry's data sets, they are not
compared with a checksum here, since none of these addresses could be reached while this was written: the loader is
tested against a stand-in for the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from .checks import DataError


@dataclass(frozen=True)
class Public:
    """A set on the hub."""

    path: str  # on the hub
    parts: tuple[str, ...]
    instead: str  # what the book has without a hub
    name: str | None = None  # of the configuration


PUBLIC = {
    # 50,000 film reviews: Maas et al., 2011, https://aclanthology.org/P11-1015/
    "imdb": Public("stanfordnlp/imdb", ("train", "test"), "lm.rated_sentences"),
    # 127,600 news of four topics: Zhang et al., 2015, https://arxiv.org/abs/1509.01626
    "ag_news": Public("fancyzhx/ag_news", ("train", "test"), "lm.news"),
    # 98,169 questions on Wikipedia: Rajpurkar et al., 2016, https://arxiv.org/abs/1606.05250
    "squad": Public("rajpurkar/squad", ("train", "validation"), "lm.wikipedia"),
    # German and English, 4.5 million pairs: Bojar et al., 2014, https://aclanthology.org/W14-3302/
    "wmt14": Public("wmt/wmt14", ("train", "validation", "test"), "lm.translations", "de-en"),
}


def public(name: str, part: str, *, limit: int | None = None) -> pd.DataFrame:
    """One part of a public set, as a table.

    Args:
        name: one of :data:`PUBLIC`.
        part: "train", "test" or "validation": see the set's ``parts``. SQuAD's own test part is not public.
        limit: read at most this many rows, from the beginning; the hub's files are fetched whole all the same.

    Returns:
        "imdb", "ag_news": columns ``text`` and ``label``, the name of the class. "squad": ``title``, ``context``,
        ``question`` and ``answers``, a list of texts for each. "wmt14": ``source`` (German) and ``target`` (English).

    Raises:
        DataError: if there is no such set or part, the package ``datasets`` is missing, or the hub cannot be reached.
    """
    if name not in PUBLIC:
        raise DataError(f"There is no public set {name!r}. There are: {', '.join(PUBLIC)}.")
    wanted = PUBLIC[name]
    if part not in wanted.parts:
        raise DataError(f"{name} has no part {part!r}. It has: {', '.join(wanted.parts)}.")
    if limit is not None and limit < 1:
        raise DataError(f"limit must be at least 1, not {limit}.")
    without = f"What the book uses without a hub: {wanted.instead}."
    try:
        import datasets
    except ImportError:
        raise DataError(
            f"{name} comes from the Hugging Face hub, by a package that is not installed. "
            f"Run: pip install datasets. {without}"
        ) from None
    try:
        rows = datasets.load_dataset(
            wanted.path, wanted.name, split=part if limit is None else f"{part}[:{limit}]"
        )
    except OSError as error:  # also of a hub that answers that there is no such set
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"{name} cannot be fetched from the Hugging Face hub ({reason}). {without}") from None
    return _tidy(name, rows)


def _tidy(name: str, rows: Any) -> pd.DataFrame:
    """The columns that :func:`public` promises."""
    table: pd.DataFrame = rows.to_pandas()
    if name == "wmt14":
        pairs = list(table["translation"])
        return pd.DataFrame(
            {"source": [pair["de"] for pair in pairs], "target": [pair["en"] for pair in pairs]}
        )
    if name == "squad":
        answers = [list(dict.fromkeys(one["text"])) for one in table["answers"]]
        return table[["title", "context", "question"]].assign(answers=pd.Series(answers, index=table.index))
    names = rows.features["label"].names
    return pd.DataFrame({"text": table["text"], "label": [names[label] for label in table["label"]]})
