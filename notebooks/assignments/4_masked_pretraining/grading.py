"""Parts of the assignment on masked pretraining: what is called, and what is marked."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from tools.course.judge import Case, Part

SECONDS = 120.0


def by_hand(student: SimpleNamespace) -> dict[str, Any]:
    """The three numbers that were computed on paper."""
    return {
        "mean": lambda: float(student.by_hand[0]),
        "deviation": lambda: float(student.by_hand[1]),
        "test": lambda: float(student.by_hand[2]),
    }


def hide(student: SimpleNamespace, seed: int) -> dict[str, Any]:
    """Many tokens, hidden, and the shares of what happened to them."""
    import functools

    import torch

    size = 20 + seed % 3
    original = torch.randint(
        size, (600, 400), generator=torch.Generator().manual_seed(seed)
    )
    ordinary = original >= 5

    @functools.cache
    def hidden() -> Any:
        tokens = original.clone()
        read, targets = student.hide(tokens, 0.3, size, torch.Generator().manual_seed(9))
        return tokens, read, targets, targets != -100

    def chosen() -> list[float]:
        share = (hidden()[3] & ordinary).float()
        rows, columns = (share.sum(i) / ordinary.sum(i) for i in (1, 0))
        return [
            float(share.sum() / ordinary.sum()),
            float(rows.std()),
            float(columns.std()),
        ]

    def fates() -> list[float]:
        _, read, _, asked = hidden()
        asked = asked & ordinary
        masks, same = read == 3, read == original
        kinds = (masks, ~masks & ~same, same)
        return [float((it & asked).sum() / asked.sum()) for it in kinds]

    def special() -> int:
        _, read, _, asked = hidden()
        return int(((asked | (read != original)) & ~ordinary).sum())

    def targets() -> list[bool]:
        _, _, found, asked = hidden()
        right = torch.where(asked, original, torch.full_like(original, -100))
        return [bool((found == right).all()), list(found.shape) == [600, 400]]

    def words() -> Any:
        _, read, _, asked = hidden()
        swapped = read[asked & ordinary & (read != 3) & (read != original)]
        return torch.bincount(swapped, minlength=size) / max(1, len(swapped))

    def untouched() -> list[bool]:
        tokens, read, _, asked = hidden()
        again = student.hide(original.clone(), 0.3, size, torch.Generator().manual_seed(9))
        kept = ~asked & ordinary
        return [
            bool((read == original)[kept].all()),
            bool((tokens == original).all()),
            bool((again[0] == read).all()),
        ]

    return {
        "chosen": chosen,
        "special": special,
        "fates": fates,
        "targets": targets,
        "words": words,
        "untouched": untouched,
    }


def logits(variant: int) -> dict[str, Any]:
    """Logits, and targets of which few are asked."""
    generator = torch.Generator().manual_seed(200 + variant)
    even = torch.full((3, 6), -100)
    for row, places in enumerate(((0, 3), (4, 5), (1, 2))):
        even[row, list(places)] = torch.randint(5, 9, (2,), generator=generator)
    uneven = even.clone()
    uneven[0, 1:] = torch.randint(9, (5,), generator=generator)
    uneven[2] = -100
    return {
        "logits": 3 * torch.randn(3, 6, 9, generator=generator),
        "even": even,
        "uneven": uneven,
    }


def loss(student: SimpleNamespace, logits: Any, even: Any, uneven: Any) -> dict[str, Any]:
    """Losses where rows ask equally often, where they do not, and where nothing is asked."""
    import torch

    def nothing() -> dict[str, Any]:
        given = logits.clone().requires_grad_()
        found = student.masked_loss(given, uneven[2:].expand(3, 6))
        learns = isinstance(found, torch.Tensor) and found.requires_grad
        if learns:
            found.backward()
        slopes = torch.zeros(1) if given.grad is None else given.grad
        return {"loss": found, "learns": learns, "slopes": float(slopes.abs().sum())}

    return {
        "even": lambda: student.masked_loss(logits, even),
        "uneven": lambda: student.masked_loss(logits, uneven),
        "nothing": nothing,
    }


def states(variant: int) -> dict[str, Any]:
    """Hidden states and tokens with padding."""
    generator = torch.Generator().manual_seed(300 + variant)
    tokens = torch.randint(5, 30, (4, 7), generator=generator)
    tokens[:, 0] = 1
    for row, length in enumerate((7, 4, 2, 6)):
        tokens[row, length - 1] = 2
        tokens[row, length:] = 0
    return {"hidden": torch.randn(4, 7, 5, generator=generator) + 1, "tokens": tokens}


def pool(student: SimpleNamespace, hidden: Any, tokens: Any) -> dict[str, Any]:
    """Means of ordinary words alone, of padded texts, and of nothing but padding."""
    return {
        "full": lambda: student.mean_pool(hidden[:1], tokens[:1].clamp(min=5)),
        "padded": lambda: student.mean_pool(hidden, tokens),
        "empty": lambda: student.mean_pool(hidden[:2], tokens[:2] * 0),
    }


def groups(student: SimpleNamespace) -> dict[str, Any]:
    """Groups of texts, told by the first text of each."""

    def first(*texts: str, n: int = 3) -> list[int]:
        found = [int(it) for it in student.groups(list(texts), n)]
        return [found.index(it) for it in found]

    return {
        "pairs": lambda: first(
            "The storm sank two boats off the coast",
            "rain is expected in the hills tomorrow",
            "officials say the  storm SANK two fishing boats",
            "no rain is expected in the north",
            "two boats were seen",
        ),
        "chain": lambda: first(
            "one two three four",
            "six seven eight nine",
            "ten",
            "eight nine ten two three four ten",
            "seven eight nine ten",
            "twenty one two three",
        ),
        "apart": lambda: first(
            "red green blue",
            "blue green red",
            "green red blue",
            "red and green and blue",
            "red green or blue",
        ),
        "short": lambda: first(
            "yes sir", "no", "yes sir", "sir", "yes sir yes sir", "no", n=4
        ),
    }


def members(variant: int) -> dict[str, Any]:
    """Groups of one text and of nine, mixed."""
    found = [*range(20), *(20 + i // 9 for i in range(180))]
    random.Random(variant).shuffle(found)
    return {"belongs": [it * 7 + 3 for it in found]}


def split(student: SimpleNamespace, belongs: list[int]) -> dict[str, Any]:
    """Splits by several seeds."""
    n, shares = len(belongs), [0.6, 0.15, 0.25]

    def parts(seed: int) -> list[list[int]]:
        found = student.split(list(belongs), list(shares), seed)
        return [sorted(int(it) for it in part) for part in found]

    def whole() -> int:
        found = 0
        for seed in range(5):
            several = [{belongs[it] for it in part} for part in parts(seed)]
            found = max(
                found, *(sum(it in part for part in several) for it in set(belongs))
            )
        return found

    def sizes() -> bool:
        gaps = [
            abs(len(part) - share * n)
            for seed in range(12)
            for part, share in zip(parts(seed), shares, strict=True)
        ]
        return max(gaps) < 9.5

    return {
        "once": lambda: sorted(it for part in parts(0) for it in part),
        "whole": whole,
        "sizes": sizes,
        "seeds": lambda: [parts(1) == parts(1), parts(1) == parts(2)],
    }


def documents(variant: int) -> dict[str, Any]:
    """Texts of a few words, some often repeated."""
    draw = random.Random(400 + variant)
    words = "tide oar net gull mast salt fog pier".split()
    weights = [8, 5, 4, 3, 2, 2, 1, 1]

    def text(more: list[str]) -> str:
        found = draw.choices(words, weights, k=draw.randint(3, 8)) + more
        draw.shuffle(found)
        return "  ".join(found).capitalize()

    training = [text([]) for _ in range(9)] + ["tide oar net gull mast salt fog pier gull"]
    return {
        "training": training,
        "others": [text(["anchor"]), text([]), text(["Gull", "wave"])],
    }


def tfidf(
    student: SimpleNamespace, training: list[str], others: list[str]
) -> dict[str, Any]:
    """Rows of training texts and of others."""
    import numpy as np

    def rows(which: int, *texts: list[str]) -> Any:
        return np.asarray(student.tfidf(*texts)[which], dtype=float)

    def empty() -> list[list[bool]]:
        found = rows(1, training, ["", "pier"])
        return [[bool(np.isfinite(it).all()), bool(it.any())] for it in found]

    return {
        "shapes": lambda: [list(rows(it, training, training[:2]).shape) for it in (0, 1)],
        "training": lambda: rows(0, training, others),
        "others": lambda: rows(1, training, others),
        "empty": empty,
    }


def tables(variant: int) -> dict[str, Any]:
    """Tables of few rows, on scales of their own."""
    draw = np.random.default_rng(500 + variant)
    return {
        "training": draw.normal(3, 2, (6, 4)),
        "others": [draw.normal(5, 4, (5, 4)), draw.normal(0, 1, (3, 4))],
    }


def scale(student: SimpleNamespace, training: Any, others: Any) -> dict[str, Any]:
    """Tables on one scale; with a constant column, too."""
    import numpy as np

    def found(table: Any, *more: Any) -> list[Any]:
        return [np.asarray(it, dtype=float) for it in student.standardise(table, *more)]

    def on_one_scale() -> list[Any]:
        first, *rest = found(training.copy(), others[0], others[0] + 1)
        width = first.std(axis=0)
        width = np.where(
            abs(width - 1) < 0.15, width, 1
        )  # n or n - 1 is marked once, above
        return [it / width for it in rest]

    constant = training.copy()
    constant[:, 1] = 7
    return {
        "training": lambda: found(training.copy(), *others)[0],
        "others": on_one_scale,
        "several": lambda: [
            [list(it.shape) for it in found(training.copy(), *more)]
            for more in ([], others[:1], [*others, others[0]])
        ],
        "constant": lambda: found(constant, others[0])[1][:, 1],
    }


def results(variant: int) -> dict[str, Any]:
    """Scores of candidates on validation and test, of which the orders differ."""
    draw = random.Random(600 + variant)
    candidates = [round(draw.uniform(0.1, 9), 3) for _ in range(7)]
    validation = [0.61, 0.74, 0.83, 0.70, 0.83, 0.52, 0.79]
    test = [0.91, 0.60, 0.72, 0.97, 0.74, 0.80, 0.66]
    turn = variant % 7
    return {
        "candidates": candidates,
        "validation": validation[turn:] + validation[:turn],
        "test": test[turn:] + test[:turn],
    }


def choose(
    student: SimpleNamespace, candidates: Any, validation: Any, test: Any
) -> dict[str, Any]:
    """A choice, and who was asked for what."""
    import math

    def run() -> tuple[Any, list[float], list[float]]:
        looked, asked = [], []

        def validation_score(it: float) -> float:
            looked.append(it)
            return validation[candidates.index(it)]

        def test_score(it: float) -> float:
            asked.append(it)
            return test[candidates.index(it)]

        found = student.choose(list(candidates), validation_score, test_score)
        return tuple(float(it) for it in found), looked, asked

    def scores() -> list[bool]:
        (best, *its), _, _ = run()
        right = dict(zip(candidates, zip(validation, test))).get(best, (math.nan, math.nan))
        return [abs(it - wanted) < 1e-6 for it, wanted in zip(its, right, strict=True)]

    def asked() -> list[Any]:
        (best, *_), _, its = run()
        return [len(its), best in its or not its]

    return {
        "best": lambda: run()[0][0],
        "scores": scores,
        "looked": lambda: sorted(run()[1]),
        "asked": asked,
    }


def answers(variant: int) -> dict[str, Any]:
    """Right answers of two models on the same texts, which mostly agree."""
    draw = np.random.default_rng(700 + variant)
    first = draw.random(1_000) < 0.75
    second = np.where(draw.random(1_000) < 0.5, draw.random(1_000) < 0.65, first)
    return {"first": first, "second": second}


def interval(student: SimpleNamespace, first: Any, second: Any) -> dict[str, Any]:
    """Intervals of two models, and of one with itself."""

    def found(one: Any, other: Any, n_draws: int = 10_000, seed: int = 0) -> list[float]:
        return [
            float(it) for it in student.interval(one, other, n_draws=n_draws, seed=seed)
        ]

    def ends() -> list[float]:
        middle, low, high = found(first, second)
        return [low - middle, high - middle]

    def again() -> list[bool]:
        draws = [found(first, second, 40, seed) for seed in (4, 4, 5, 6, 7)]
        return [draws[0] == draws[1], all(it == draws[0] for it in draws)]

    return {
        "difference": lambda: found(first, second)[0],
        "ends": ends,
        "itself": lambda: found(first, first),
        "again": again,
    }


PARTS = [
    Part(
        "hand",
        "Part 1: a scale by hand",
        ["by_hand"],
        by_hand,
        [
            Case("the mean of training", 1, "mean", tolerance=0.003),
            Case("the population's standard deviation", 1, "deviation", tolerance=0.003),
            Case("the standardised test value", 1, "test", tolerance=0.003),
        ],
    ),
    Part(
        "hide",
        "Part 2: hiding words",
        ["hide"],
        hide,
        [
            Case("each ordinary token is chosen at the rate", 1, "chosen", tolerance=0.01),
            Case("special tokens are left alone", 1, "special"),
            Case(
                "masks, other words and unchanged ones 80 : 10 : 10",
                1,
                "fates",
                tolerance=0.01,
            ),
            Case("targets are what stood there, and −100 elsewhere", 1, "targets"),
            Case(
                "other words are ordinary ones, all equally likely",
                1,
                "words",
                tolerance=0.03,
            ),
            Case(
                "what is not chosen, and the argument, stay; seeds repeat", 1, "untouched"
            ),
        ],
        lambda variant: {"seed": 100 + variant},
    ),
    Part(
        "loss",
        "Part 3: the loss at the gaps",
        ["masked_loss"],
        loss,
        [
            Case("the mean over what is asked", 1, "even"),
            Case("each question counts alike", 1, "uneven"),
            Case("nothing asked costs nothing, and training goes on", 1, "nothing"),
        ],
        logits,
    ),
    Part(
        "pool",
        "Part 4: one vector for a text",
        ["mean_pool"],
        pool,
        [
            Case("a text of ordinary words alone", 1, "full"),
            Case("padding does not count, START and END do", 1, "padded"),
            Case("nothing but padding gives zeros", 1, "empty"),
        ],
        states,
    ),
    Part(
        "groups",
        "Part 5: near-duplicates",
        ["groups"],
        groups,
        [
            Case("texts that share words in a row, in capitals or not", 1, "pairs"),
            Case("chains are one group", 1, "chain"),
            Case("the same words in another order are no copy", 1, "apart"),
            Case("short texts", 1, "short"),
        ],
    ),
    Part(
        "split",
        "Part 6: splitting by groups",
        ["split"],
        split,
        [
            Case("each text is in one part", 1, "once"),
            Case("groups stay whole", 1, "whole"),
            Case("parts have their shares", 1, "sizes"),
            Case("seeds repeat, and differ", 1, "seeds"),
        ],
        members,
    ),
    Part(
        "tfidf",
        "Part 7: TF-IDF",
        ["tfidf"],
        tfidf,
        [
            Case("one column for each training word", 1, "shapes"),
            Case("rows of training texts", 2, "training"),
            Case("rows of other texts", 1, "others"),
            Case("a row of zeros stays zeros", 1, "empty"),
        ],
        documents,
    ),
    Part(
        "scale",
        "Part 8: one scale for all",
        ["standardise"],
        scale,
        [
            Case("training rows", 1, "training"),
            Case("other rows, on the scale of training", 1, "others"),
            Case("any number of tables", 1, "several"),
            Case("a constant column", 1, "constant"),
        ],
        tables,
    ),
    Part(
        "choose",
        "Part 9: choose, then ask once",
        ["choose"],
        choose,
        [
            Case("the best on validation, the first of equals", 1, "best"),
            Case("the two scores of the one that was chosen", 1, "scores"),
            Case("each candidate is validated once", 1, "looked"),
            Case("the test is asked once, for the one that was chosen", 1, "asked"),
        ],
        results,
    ),
    Part(
        "interval",
        "Part 10: an interval for a difference",
        ["interval"],
        interval,
        [
            Case("the difference in percentage points", 1, "difference"),
            Case(
                "ends of the interval, as distances from the difference",
                1,
                "ends",
                tolerance=0.07,
            ),
            Case("a model does not differ from itself", 1, "itself"),
            Case("seeds repeat, and differ", 1, "again"),
        ],
        answers,
        seconds=40,
    ),
]
