"""Parts of the assignment on a report: what is called, and what is marked.

The report's raw results come out of the student's process as numbers, lists and dictionaries; they
are checked here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np

from tools.course.judge import Case, Part

SECONDS = 180.0
TRIAL = 1e-9  # means of trials that are closer count as equal


@dataclass(frozen=True)
class Look(Case):
    """A case that looks at the observations themselves; what makes it stumble does not hold."""

    at_least: float | None = (
        1.0  # so that programs are alike here if it holds for both or neither
    )
    look: Callable[[Mapping[str, Any]], bool] = lambda found: False

    def holds(self, found: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
        """Whether it looks right."""
        try:
            return bool(self.look(found))
        except Exception:
            return False


def made_up(*arguments: Any, **options: Any) -> dict[str, Any]:
    """The invented results that the students' notebook makes."""
    master = nbformat.read(Path(__file__).parent / "master.ipynb", as_version=4)
    found: dict[str, Any] = {}
    for cell in master.cells:
        if "imports" in cell.metadata.get("tags", []):
            exec(cell.source.replace("print(", "str("), found)
    results: dict[str, Any] = found["made_up"](*arguments, **options)
    return results


def by_hand(student: SimpleNamespace) -> dict[str, Any]:
    """The three numbers that were computed on paper."""
    return {
        name: lambda name=name: float(student.by_hand[name])
        for name in ("mean", "sd", "error")
    }


def scattered(variant: int) -> dict[str, Any]:
    """Scattered groups, ten of thirty cases and ninety of one; and small ones that lie together."""
    chance = np.random.default_rng(200 + variant)
    names = [f"source {i}" for i in range(10) for _ in range(30)] + [
        f"one {i}" for i in range(90)
    ]
    together = np.repeat(np.arange(40, 70), 1 + np.arange(30) % 4)
    return {
        "groups": [names[i] for i in chance.permutation(390)],
        "together": together.tolist(),
    }


def split(student: SimpleNamespace, groups: Any, together: Any) -> dict[str, Any]:
    """Splits by many seeds, of groups that are scattered and of groups that lie together.

    A set of strings has another order in another process; one that turns its order stands for it.
    """
    import random

    import numpy as np

    def parts(its: Any, seed: int) -> Any:
        return [
            [int(place) for place in part]
            for part in student.split_by_groups(list(its), seed)
        ]

    def ordered(its: Any, seed: int) -> Any:
        return [sorted(part) for part in parts(its, seed)]

    class Turned(set):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            return iter([*super().__iter__()][::-1])

    def with_turned_sets() -> Any:
        names = getattr(student.split_by_groups, "__globals__", {})
        before = names.get("set", set)
        names["set"] = Turned
        try:
            return ordered(groups, 3)
        finally:
            names["set"] = before

    def again() -> str:
        first = ordered(groups, 3)
        np.random.seed(17)
        random.seed(17)
        parts(groups, 4)
        if not any(first):
            return "nothing"
        if ordered(groups, 3) != first:
            return "another split"
        return "the same" if with_turned_sets() == first else "another split of sets"

    return {
        "groups": list(groups),
        "together": list(together),
        "splits": lambda: [parts(groups, seed) for seed in range(20)],
        "splits together": lambda: [parts(together, seed) for seed in range(5)],
        "again": again,
    }


def whole(groups: list[Any], splits: list[list[list[int]]]) -> bool:
    """Whether no group is in two parts, if there are any."""
    names = [[{groups[place] for place in part} for part in parts] for parts in splits]
    return all(
        len(parts) == 3
        and any(parts)
        and not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        for parts in names
    )


def once(groups: list[Any], splits: list[list[list[int]]]) -> bool:
    """Whether each case is in exactly one of three parts."""
    everything = list(range(len(groups)))
    return all(
        len(parts) == 3 and sorted([*parts[0], *parts[1], *parts[2]]) == everything
        for parts in splits
    )


def shares(groups: list[Any], splits: list[list[list[int]]]) -> bool:
    """Whether the parts have their shares but for less than the largest group."""
    largest = max(groups.count(name) for name in set(groups))
    return all(
        abs(len(part) - share * len(groups)) < largest
        for parts in splits
        for part, share in zip(parts, (0.6, 0.2, 0.2), strict=True)
    )


def varied(splits: list[list[list[int]]]) -> bool:
    """Whether seeds give other splits."""
    return len({str([sorted(part) for part in parts]) for parts in splits}) > 15


def trials(variant: int) -> dict[str, Any]:
    """Trials of several kinds, after some weak ones that depend on the variant."""

    def some(*rows: tuple[float, list[float], float, int]) -> list[dict[str, Any]]:
        made = [
            {
                "training": [a, a],
                "validation": b,
                "test": [c, c],
                "size": d,
                "settings": f"{a} {d}",
            }
            for a, b, c, d in rows
        ]
        weak = {
            "training": [-9.0],
            "validation": [-9.0],
            "test": [-9.0],
            "size": 1,
            "settings": "weak",
        }
        return [weak] * (variant % 3) + made

    nan = math.nan
    return {
        "plain": some(
            (0.9, [0.70, 0.72], 0.71, 40),
            (0.9, [0.74, 0.75], 0.70, 10),
            (0.8, [0.76, 0.77], 0.68, 20),
            (0.7, [0.69, 0.70, 0.70], 0.80, 80),
            (1.0, [0.60, 0.61], 0.60, 90),
        ),
        "lucky": some(
            (0.8, [0.60, 0.61, 0.60], 0.75, 70),
            (0.9, [0.50, 0.95, 0.51], 0.85, 30),
            (0.7, [0.71, 0.70, 0.72], 0.70, 60),
            (0.6, [0.80, 0.81, 0.30], 0.50, 10),
        ),
        "nan": some(
            (0.9, [nan, nan], 0.70, 40),
            (0.9, [0.90, nan], 0.75, 20),
            (0.6, [0.50, 0.51], 0.60, 10),
            (0.8, [0.80, 0.81], 0.50, 30),
        ),
        "tied": some(
            (0.9, [0.80, 0.90 + 4e-10], 0.70, 50),
            (0.5, [0.60, 0.60], 0.90, 5),
            (0.8, [0.90 + 4e-10, 0.80], 0.80, 30),
            (0.7, [0.85, 0.85], 0.65, 20),
            (0.6, [0.85, 0.85], 0.60, 20),
        ),
        "errors": some(
            (-2.0, [-3.0, -3.5], -3.0, 10),
            (-1.5, [-1.0, -1.5], -2.5, 30),
            (-0.5, [-2.0, -2.5], -1.0, 20),
            (-3.0, [-4.0, -4.5], -4.0, 40),
        ),
    }


def chosen(
    student: SimpleNamespace, plain: Any, lucky: Any, nan: Any, tied: Any, errors: Any
) -> dict[str, Any]:
    """Which trials are chosen."""
    return {
        "plain": lambda: int(student.chosen(plain)),
        "lucky": lambda: int(student.chosen(lucky)),
        "nan": lambda: int(student.chosen(nan)),
        "tied": lambda: int(student.chosen(tied)),
        "errors": lambda: int(student.chosen(errors)),
    }


def answers(variant: int) -> dict[str, Any]:
    """Scores of a model and a rival in which one thing varies at a time."""
    chance = np.random.default_rng(300 + variant)

    def some(
        seeds: list[float],
        sizes: list[int],
        by_group: float,
        by_case: float,
        hard: float = 0.0,
        common: float = 0.0,
    ) -> dict[str, Any]:
        """Seeds of the model, sizes of groups, and how much groups and cases differ in the gain.

        `hard` and `common` are of model and rival alike: how cases and seeds differ.
        """
        group = np.repeat(np.arange(len(sizes)), sizes)
        n = len(group)
        cases = chance.normal(0, 1, n)
        starts = np.linspace(-common, common, len(seeds))[:, None]
        rival = 200 + hard * (cases - cases.mean()) / cases.std() + starts
        rival = rival + chance.normal(0, 1, (len(seeds), n))
        apart = chance.normal(0, 1, len(sizes))
        apart += np.array(sizes) / 1.5  # large groups gain more
        apart = by_group * (apart - apart.mean()) / apart.std()
        single = chance.normal(0, 1, n)
        ahead = apart[group] + by_case * (single - single.mean()) / single.std()
        ahead += 20 - ahead.mean()
        model = rival + ahead + np.array(seeds)[:, None]
        model = model + chance.normal(0, 1, (len(seeds), n))
        order = chance.permutation(n)
        return {
            "model": model[:, order],
            "rival": rival[:, order],
            "groups": [f"group {i}" for i in group[order]],
        }

    sizes = [2, 9, 5, 7, 3, 8, 6, 5, 4, 9, 2, 7, 6, 8]
    return {
        "pairs": some([0.0, 1.0, -1.0], [1] * 61, 0.0, 40.0, 90.0, 30.0),
        "families": some([0.0, 1.0, -1.0, 0.0], sizes, 18.0, 3.0),
        "luck": some([-21.0, 5.0, -8.0, 25.0, -13.0, 12.0, 0.0], [2] * 29, 0.0, 24.0),
        "one": some([0.0], [1, 6, 2, 3] * 7, 24.0, 6.0),
    }


def interval(
    student: SimpleNamespace, pairs: Any, families: Any, luck: Any, one: Any
) -> dict[str, Any]:
    """The gain, and half the width and the middle of the interval, from many draws.

    Where groups or seeds are looked at, the width is measured by that of an interval that cannot
    know of them, so that a mistake in its ends does not cost all.
    """

    def gain(model: Any, rival: Any, groups: Any) -> float:
        return float(student.paired_interval(model, rival, groups, draws=200)[0])

    def ends(model: Any, rival: Any, groups: Any) -> list[float]:
        _, low, high = student.paired_interval(model, rival, groups, draws=4_000, seed=5)
        return [float(high - low) / 2, float(high + low) / 2]

    def beside(its: Any, **others: Any) -> list[float]:
        half, middle = ends(**its)
        return [half / max(ends(**(its | others))[0], 1e-9), abs(middle)]

    def without_groups(its: Any) -> list[float]:
        return beside(its, groups=[f"case {i}" for i in range(len(its["groups"]))])

    def without_seeds() -> list[float]:
        means = {
            who: [luck[who].mean(axis=0)] * len(luck[who]) for who in ("model", "rival")
        }
        return beside(luck, **means)

    return {
        "gain": lambda: gain(**families),
        "pairs": lambda: ends(**pairs),
        "families": lambda: without_groups(families),
        "luck": without_seeds,
        "one": lambda: without_groups(one),
    }


def differences(variant: int) -> dict[str, Any]:
    """Differences of a few seeds."""
    chance = np.random.default_rng(400 + variant)
    mixed = chance.normal(0.4, 1, 9)
    return {"mixed": mixed.tolist(), "three": (1 + chance.random(3)).tolist()}


def seeds(student: SimpleNamespace, mixed: Any, three: Any) -> dict[str, Any]:
    """p of differences of one sign and of both, and with ties."""
    return {
        "one sign": lambda: [
            float(student.p_of_seeds(three)),
            float(student.p_of_seeds(three + three)),
        ],
        "mixed": lambda: float(student.p_of_seeds(mixed)),
        "negative": lambda: [
            float(student.p_of_seeds([-it for it in three])),
            float(student.p_of_seeds([-2.0, -0.5, 1.0, -3.0, -4.0])),
        ],
        "tied": lambda: [
            float(student.p_of_seeds([0.1, 0.2, -0.3, 0.4])),
            float(student.p_of_seeds([0.0, 0.0, 0.0])),
        ],
    }


def verdict(student: SimpleNamespace) -> dict[str, Any]:
    """Verdicts on intervals above, below and around zero, with ends at zero and without ends."""
    nan = float("nan")
    return {
        "clear": lambda: " / ".join(
            student.verdict(*its)
            for its in (
                (2.0, 0.1, 3.0),
                (-2.0, -2.5, -0.1),
                (4.0, -0.2, 6.0),
                (-1.0, -4.0, 0.3),
            )
        ),
        "zero": lambda: " / ".join(
            student.verdict(*its) for its in ((1.0, 0.0, 2.0), (-1.0, -2.0, 0.0))
        ),
        "nan": lambda: " / ".join(
            student.verdict(*its) for its in ((1.0, nan, nan), (-1.0, nan, nan))
        ),
    }


def sayings(variant: int) -> dict[str, Any]:
    """Texts with numbers, and what was measured."""
    shift = variant % 7 / 10
    return {
        "values": {
            "gain": 3.1416 + shift,
            "low": -0.274 - shift,
            "share": 87.62,
            "size": 12_345.67,
            "third": 0.0649,
            "new": 40,
        },
        "gain": f"{3.1416 + shift:.2f}",
        "near": f"{3.1716 + shift:.2f}",
        "low": f"{0.274 + shift:.2f}",
    }


def unsupported(
    student: SimpleNamespace, values: Any, gain: str, near: str, low: str
) -> dict[str, Any]:
    """What is found in texts, joined."""

    def found(text: str, **more: Any) -> str:
        return " ".join(student.unsupported(text, values | more))

    return {
        "decimals": lambda: found(
            f"From 0.06 or 0.065 or 0.0650, it gains {gain} points, or {near}."
        ),
        "percent": lambda: found(
            "Right are 88 %, not 87% and not 90 %, in 3 of 5 runs since 2017; new are 40 %."
        ),
        "signs": lambda: found(
            f"From {low} fewer; it stores 12,345.7 numbers, or 12,346.7, and 12345.67."
        ),
        "words": lambda: found(
            f"Gains: {gain}, not 2.5.", verdict="gains", p=None, name="model 2.5"
        ),
        "order": lambda: found(
            f"9.5 is not 1.5, and 9.5 is still not {gain}; 7.25 neither."
        ),
    }


def experiment(student: SimpleNamespace) -> dict[str, Any]:
    """The raw results, made of numbers, strings, lists and dictionaries."""

    def plain(value: object) -> object:
        value = value.tolist() if hasattr(value, "tolist") else value
        if isinstance(value, dict):
            return {str(name): plain(it) for name, it in value.items()}
        return [plain(it) for it in value] if isinstance(value, (list, tuple)) else value

    return {"results": lambda: plain(student.experiment())}


def ids_apart(found: Mapping[str, Any]) -> bool:
    """Whether no id is in two parts, or twice in one."""
    ids = [
        str(it)
        for part in ("training", "validation", "test")
        for it in cases(found, part)["ids"]
    ]
    return len(ids) == len(set(ids))


def cases(found: Mapping[str, Any], part: str) -> dict[str, list[Any]]:
    """Ids and groups of a part: some, and as many of one as of the other."""
    its: dict[str, list[Any]] = found["results"]["cases"][part]
    if not 0 < len(its["ids"]) == len(its["groups"]):
        raise ValueError("ids and groups")
    return its


def groups_apart(found: Mapping[str, Any]) -> bool:
    """Whether no group is in two parts."""
    one, two, three = (
        {str(it) for it in cases(found, part)["groups"]}
        for part in ("training", "validation", "test")
    )
    return not (one & two or one & three or two & three)


def both(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The model and the rival."""
    return [found["results"][who] for who in ("model", "rival")]


def enough_seeds(found: Mapping[str, Any]) -> bool:
    """Whether there are three different seeds or more."""
    its = [int(it) for it in found["results"]["seeds"]]
    return len(its) == len(set(its)) >= 3


def each_score(found: Mapping[str, Any]) -> bool:
    """Whether each seed has a score for each test case, and each trial a mean for each seed."""
    n_seeds, n_cases = len(found["results"]["seeds"]), len(cases(found, "test")["ids"])
    rows = tested(found)
    means = [
        np.array(t["validation"], dtype=float) for it in both(found) for t in it["trials"]
    ]
    return all(
        it.shape == (n_seeds, n_cases) and np.isfinite(it).all() for it in rows
    ) and all(it.shape == (n_seeds,) for it in means)


def tested(found: Mapping[str, Any]) -> list[Any]:
    """The test scores of model and rival."""
    return [np.array(it["test"], dtype=float) for it in both(found)]


def rows_apart(found: Mapping[str, Any]) -> bool:
    """Whether seeds whose validation scores differ do not all have the same test scores."""
    for it, rows in zip(both(found), tested(found), strict=True):
        means = np.array(it["trials"][int(it["chosen"])]["validation"], dtype=float)
        if rows.ndim != 2 or (np.ptp(means) > TRIAL and (rows == rows[0]).all()):
            return False
    return True


def scale_fits(found: Mapping[str, Any]) -> bool:
    """Whether shares have the scale 100, and other scores 1."""
    scale, its = found["results"]["scale"], np.concatenate([*tested(found)])
    means = [value for it in both(found) for t in it["trials"] for value in t["validation"]]
    scores = [*its.flatten(), *(it for it in means if not math.isnan(it))]
    if scale == 100:
        return 0 <= min(scores) and max(scores) <= 1
    return bool(scale == 1 and not np.isin(its, [0, 1]).all())


def equal_trials(found: Mapping[str, Any]) -> bool:
    """Whether the rival has as many trials as the model, and both at least three different ones."""
    settings = [[str(trial["settings"]) for trial in it["trials"]] for it in both(found)]
    return len(settings[0]) == len(settings[1]) and all(
        len(it) == len(set(it)) >= 3 for it in settings
    )


def chosen_by_validation(found: Mapping[str, Any]) -> bool:
    """Whether the chosen trials have the best mean validation scores."""
    for it in both(found):
        means = np.array([np.mean(trial["validation"]) for trial in it["trials"]])
        place = it["chosen"]
        if isinstance(place, bool) or not 0 <= place < len(means):
            return False
        if not means[int(place)] >= np.nanmax(means) - TRIAL:
            return False
    return True


def costs(found: Mapping[str, Any]) -> bool:
    """Whether sizes are stated, and seconds of twenty answers or more, measured one by one."""
    seconds = [np.array(it["seconds"], dtype=float) for it in both(found)]
    sizes = [float(trial["size"]) for it in both(found) for trial in it["trials"]]
    return min(sizes) > 0 and all(
        it.ndim == 1 and len(it) >= 20 and (it > 0).all() and np.ptp(it) > 0
        for it in seconds
    )


def raw(variant: int) -> dict[str, Any]:
    """Two invented results: shares that gain, alike in a group; and errors, where a seed gains."""
    chance = np.random.default_rng(500 + variant)
    first = made_up(500 + variant, 3, 0.25)
    first["model"] |= {"chosen": 2, "seconds": [5.0, *first["model"]["seconds"]]}
    first["rival"] |= {"chosen": 0, "seconds": [4.0, *first["rival"]["seconds"]]}
    for who, wins in (("model", (19, 17, 18)), ("rival", (9, 8, 7))):  # of twenty groups
        rows = [chance.permutation(20) < n for n in wins]
        first[who]["test"] = [np.repeat(row, 3).astype(float).tolist() for row in rows]
    second = made_up(600 + variant, 6, -0.45, 1)
    one, other = second["model"]["test"], second["rival"]["test"]
    one[2], other[2] = other[2], one[2]
    second["cases"]["test"]["groups"] = [f"group {i // 4}" for i in range(60)]
    return {"first": first, "second": second}


def summary(student: SimpleNamespace, first: Any, second: Any) -> dict[str, Any]:
    """Numbers from raw results."""

    kept: dict[int, Any] = {}

    def once(results: Any) -> Any:
        if id(results) not in kept:
            kept[id(results)] = student.summary(results)
        return kept[id(results)]

    def of(results: Any, *names: str) -> list[float]:
        return [float(once(results)[name]) for name in names]

    def ends(results: Any) -> list[float]:
        low, high = of(results, "low", "high")
        return [(high - low) / 2, (high + low) / 2]

    def words() -> str:
        p = [float(once(its)["p"]) for its in (first, second)]
        return f"{p[0]:.4f} {once(first)['verdict']} {p[1]:.4f}"

    return {
        "counts": lambda: of(first, "n_cases", "n_groups", "n_seeds"),
        "means": lambda: of(first, "model", "rival", "gain"),
        "interval": lambda: ends(first),
        "sd": lambda: [*of(first, "sd"), 100 * of(second, "sd")[0]],
        "words": words,
        "costs": lambda: of(first, "size_model", "size_rival", "ms_model", "ms_rival"),
        "other": lambda: [
            *(100 * it for it in of(second, "model", "rival", "gain")),
            *of(second, "n_groups"),
        ],
    }


def text(student: SimpleNamespace) -> dict[str, Any]:
    """The text with its numbers filled in; those of invented results if there are no others."""

    def filled() -> dict[str, Any]:
        try:
            results = student.experiment()
        except Exception:
            results = student.made_up(1)
        numbers = student.summary(results)
        plain = {
            str(name): it.item() if hasattr(it, "item") else it
            for name, it in numbers.items()
        }
        return {
            "numbers": plain,
            "text": str(student.TEXT).format(**numbers),
            "scale": results["scale"],
        }

    return {"filled": filled}


NUMBER = re.compile(r"\d[\d,]*\.\d+|\d[\d,]*(?=\s?%)")
PERCENT = re.compile(rf"({NUMBER.pattern})(\s?%(?!\W{{0,2}}points?))?")
FIGURES = re.compile(r"\d[\d,]*(?:\.\d+)?")
DIFFERENCES = ("gain", "low", "high", "sd")
COSTS = ("size_", "ms_")
VERDICTS = ("gains", "loses", "no difference found")


def means(number: str, name: str, value: float) -> bool:
    """Whether a number of a text is a value, rounded; large sizes and times in other units, too."""
    plain = number.replace(",", "")
    half = 0.5 * 10 ** -len(plain.partition(".")[2])
    units = [1.0]
    if name.startswith("size_"):
        units += [unit for unit in (1e3, 1e6) if value >= unit]
    if name.startswith("ms_") and float(plain) > 0:
        units += [1e3]
    return any(abs(float(plain) - abs(value) / unit) <= half + 1e-9 for unit in units)


def gives(found: Mapping[str, Any], *names: str) -> bool:
    """Whether the text gives each of the numbers."""
    numbers, figures = found["filled"]["numbers"], FIGURES.findall(found["filled"]["text"])
    return all(any(means(it, name, numbers[name]) for it in figures) for name in names)


def in_order(found: Mapping[str, Any]) -> bool:
    """Whether the lower end stands right before the upper, and the model before the rival."""
    numbers, text = found["filled"]["numbers"], found["filled"]["text"]

    def places(name: str) -> list[int]:
        pattern = NUMBER if name in ("model", "rival") else FIGURES  # a score, not 60 cases
        its = enumerate(pattern.findall(text))
        return [i for i, it in its if means(it, name, numbers[name])]

    if not {i + 1 for i in places("low")} & set(places("high")):
        return False
    pairs = [[places(kind + who) for who in ("model", "rival")] for kind in ("", *COSTS)]
    return all(one[0] <= other[-1] for one, other in pairs if one and other)


def says_verdict(found: Mapping[str, Any]) -> bool:
    """Whether the text has the verdict that follows from the interval, and no other."""
    it = found["filled"]
    low, high = it["numbers"]["low"], it["numbers"]["high"]
    follows = VERDICTS[0] if low > 0 else VERDICTS[1] if high < 0 else VERDICTS[2]
    words = " ".join(it["text"].lower().split())
    return [name for name in VERDICTS if re.search(rf"\b{name}\b", words)] == [follows]


def all_supported(found: Mapping[str, Any]) -> bool:
    """Whether each decimal and each percentage is one of the numbers.

    The difference of two shares is no percentage: it is in points.
    """
    it = found["filled"]
    known = [pair for pair in it["numbers"].items() if isinstance(pair[1], (int, float))]
    no_points = [pair for pair in known if pair[0] not in DIFFERENCES or it["scale"] != 100]
    return all(
        number[0] == "95"
        or any(means(number[0], *pair) for pair in (no_points if number[1] else known))
        for number in PERCENT.findall(it["text"])
    )


def long_enough(found: Mapping[str, Any]) -> bool:
    """Whether it is half a page."""
    return 150 <= len(found["filled"]["text"].split()) <= 350


TOOLS = ["split", "chosen", "interval", "seeds", "verdict"]
PARTS = [
    Part(
        "hand",
        "Part 1: four seeds by hand",
        ["by_hand"],
        by_hand,
        [
            Case("the mean", 1, "mean", tolerance=0.006),
            Case("the standard deviation of a sample", 1, "sd", tolerance=0.006),
            Case("the standard error of the mean", 1, "error", tolerance=0.006),
        ],
    ),
    Part(
        "split",
        "Part 2: groups stay together",
        ["split_by_groups"],
        split,
        [
            Look(
                "each case is in exactly one part",
                1,
                "splits",
                look=lambda found: once(found["groups"], found["splits"]),
            ),
            Look(
                "groups that lie together are in one part",
                1,
                "splits together",
                look=lambda found: whole(found["together"], found["splits together"]),
            ),
            Look(
                "groups that are scattered are in one part",
                1,
                "splits",
                look=lambda found: whole(found["groups"], found["splits"]),
            ),
            Look(
                "60, 20 and 20 percent of the cases, as far as groups allow",
                1,
                "splits",
                look=lambda found: shares(found["groups"], found["splits"]),
            ),
            Case("the same seed gives the same split, in another run as well", 1, "again"),
            Look(
                "other seeds give other splits",
                1,
                "splits",
                look=lambda found: varied(found["splits"]),
            ),
        ],
        scattered,
    ),
    Part(
        "chosen",
        "Part 3: equal chances, and a choice",
        ["chosen"],
        chosen,
        [
            Case("the best mean on validation cases", 1, "plain"),
            Case("one seed, lucky or unlucky, does not decide", 1, "lucky"),
            Case("a trial that failed is not chosen", 1, "nan"),
            Case("of equal ones the smallest, and of these the first", 1, "tied"),
            Case("errors with a minus sign", 1, "errors"),
        ],
        trials,
    ),
    Part(
        "interval",
        "Part 4: the interval of a gain",
        ["paired_interval"],
        interval,
        [
            Case("the gain, a mean over all seeds and cases", 1, "gain"),
            Case("what is drawn is drawn for model and rival", 2, "pairs", tolerance=0.1),
            Case("whole groups are drawn", 2, "families", tolerance=0.1),
            Case("seeds are drawn as well", 1, "luck", tolerance=0.1),
            Case("a single seed", 1, "one", tolerance=0.1),
        ],
        answers,
        seconds=90.0,
    ),
    Part(
        "seeds",
        "Part 5: what seeds alone can show",
        ["p_of_seeds"],
        seeds,
        [
            Case("all seeds won", 1, "one sign"),
            Case("some won and some lost", 1, "mixed"),
            Case("losses count as gains do", 1, "negative"),
            Case("sums that are equal", 1, "tied"),
        ],
        differences,
    ),
    Part(
        "verdict",
        "Part 6: the verdict",
        ["verdict"],
        verdict,
        [
            Case("intervals above, below and around zero", 1, "clear"),
            Case("an end at zero", 1, "zero"),
            Case("no interval", 1, "nan"),
        ],
    ),
    Part(
        "unsupported",
        "Part 7: no number without a source",
        ["unsupported"],
        unsupported,
        [
            Case("decimals, rounded as the text rounds", 1, "decimals"),
            Case("whole percentages, and no other whole numbers", 1, "percent"),
            Case("signs and commas", 1, "signs"),
            Case("values that are no numbers", 1, "words"),
            Case("each where it stands", 1, "order"),
        ],
        sayings,
    ),
    Part(
        "experiment",
        "Part 8: the experiment",
        ["experiment"],
        experiment,
        [
            Look("no case is in two parts, or twice in one", 1, "results", look=ids_apart),
            Look("no group is in two parts", 2, "results", look=groups_apart),
            Look("three different seeds or more", 1, "results", look=enough_seeds),
            Look("a score for each seed and test case", 1, "results", look=each_score),
            Look("seeds have scores of their own", 0.5, "results", look=rows_apart),
            Look("a scale that fits the scores", 0.5, "results", look=scale_fits),
            Look(
                "as many trials for the rival, three or more",
                1,
                "results",
                look=equal_trials,
            ),
            Look("chosen by validation scores", 2, "results", look=chosen_by_validation),
            Look("sizes, and seconds of single answers", 1, "results", look=costs),
        ],
        needs=TOOLS,
        seconds=60.0,
        variants=1,
    ),
    Part(
        "summary",
        "Part 9: the numbers",
        ["summary"],
        summary,
        [
            Case("test cases, their groups, and seeds", 1, "counts"),
            Case("means and gain", 1, "means"),
            Case("the interval", 1, "interval", tolerance=0.12),
            Case("the spread from seed to seed", 1, "sd"),
            Case("p and verdict", 1, "words"),
            Case("sizes of the chosen trials, and median times", 1, "costs"),
            Case("other results, with another scale and other groups", 2, "other"),
        ],
        raw,
        needs=TOOLS,
        seconds=60.0,
    ),
    Part(
        "text",
        "Part 10: half a page",
        ["TEXT"],
        text,
        [
            Look("150 to 350 words", 1, "filled", look=long_enough),
            Look(
                "the gain with both ends of its interval",
                1,
                "filled",
                look=lambda found: gives(found, "gain", "low", "high"),
            ),
            Look(
                "the lower end before the upper, the model before the rival",
                1,
                "filled",
                look=in_order,
            ),
            Look("the verdict that follows, and no other", 2, "filled", look=says_verdict),
            Look(
                "numbers of test cases and seeds",
                1,
                "filled",
                look=lambda found: gives(found, "n_cases", "n_seeds"),
            ),
            Look(
                "size and time of both",
                1,
                "filled",
                look=lambda found: gives(
                    found, "size_model", "size_rival", "ms_model", "ms_rival"
                ),
            ),
            Look(
                "each decimal and percentage was measured", 2, "filled", look=all_supported
            ),
        ],
        needs=TOOLS,
        seconds=90.0,
        variants=1,
    ),
]
