"""The lexicon of VADER: words that ten people each have rated, and words that change others.

Of Hutto and Gilbert, 2014 (https://doi.org/10.1609/icwsm.v8i1.14550); see the card ``ratings.md``. Their program is
read as text and not run: its lists of words are taken from it.
"""

from __future__ import annotations

import ast

from ..text.lexicon import Lexicon
from .registry import files


def vader(*, unchecked: bool = False) -> Lexicon:
    """The lexicon of VADER 3.3.2: words, abbreviations and emoticons, negations, words of degree and phrases.

    Of an entry that comes twice the last one counts, as in the authors' program.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.
    """
    found = files("ratings", unchecked=unchecked)
    lines = found["vaderSentiment/vader_lexicon.txt"].read_text(encoding="utf-8").split("\n")
    fields = [line.strip().split("\t") for line in lines if line.strip()]
    program = ast.parse(found["vaderSentiment/vaderSentiment.py"].read_text(encoding="utf-8"))
    said = {}
    for node in program.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            said[node.targets[0].id] = node.value
    steps = {name: float(ast.literal_eval(said[name])) for name in ("B_INCR", "B_DECR")}
    degrees = said["BOOSTER_DICT"]
    assert isinstance(degrees, ast.Dict)
    return Lexicon(
        words={word: float(rating) for word, rating, *_ in fields},
        negations=frozenset(ast.literal_eval(said["NEGATE"])),
        degrees={
            ast.literal_eval(word): steps[step.id]
            for word, step in zip(degrees.keys, degrees.values, strict=True)
            if word is not None and isinstance(step, ast.Name)
        },
        phrases={word: float(it) for word, it in ast.literal_eval(said["SPECIAL_CASES"]).items()},
    )
