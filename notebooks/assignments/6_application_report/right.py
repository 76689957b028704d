"""Right solutions that look different: loops, matrices, the standard library, other results."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import numpy as np
import torch

from tools.course.judge import Right


def gains(variant: int) -> list[float]:
    """The differences of the first part."""
    return [3.0, 5 + variant % 4, 8.0, 4 + variant % 3]


class HandRounded(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        its = gains(variant)
        mean = sum(its) / 4
        spread = math.sqrt(sum((it - mean) ** 2 for it in its) / 3)
        return {
            "by_hand": {
                "mean": round(mean, 2),
                "sd": round(spread, 2),
                "error": round(spread / 2, 2),
            }
        }


class HandByNumPy(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        its = np.array(gains(variant))
        found = its.mean(), its.std(ddof=1), its.std(ddof=1) / np.sqrt(4)
        return {
            "by_hand": dict(zip(("mean", "sd", "error"), map(float, found), strict=True))
        }


class HandWithThreeDigits(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        its = torch.tensor(gains(variant))
        found = {"error": round(float(its.std()) / 2, 3), "sd": round(float(its.std()), 3)}
        return {"by_hand": found | {"mean": round(float(its.mean()), 3)}}


class SplitByCutting(Right):
    part = "split"

    def split_by_groups(groups, seed=0):
        names, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        order = np.random.default_rng(seed).permutation(len(names))
        before = np.cumsum(sizes[order]) - sizes[order]
        part = np.empty(len(names), dtype=int)
        part[order] = np.digitize(before / len(groups), [0.6, 0.8])
        return tuple(np.flatnonzero(part[group] == k) for k in range(3))


class SplitByFirstPlaces(Right):
    part = "split"

    def split_by_groups(groups, seed=0):
        assert len(set(groups)) >= 10
        names = list(dict.fromkeys(groups))
        random.Random(seed).shuffle(names)
        parts, done = [set(), set(), set()], 0
        for name in names:
            its = {i for i, other in enumerate(groups) if other == name}
            parts[(done >= 0.6 * len(groups)) + (done >= 0.8 * len(groups))] |= its
            done += len(its)
        return [sorted(it) for it in parts]


class SplitByRandom(Right):
    part = "split"

    def split_by_groups(groups, seed=0):

        sizes = Counter(groups)
        names = sorted(sizes)
        random.Random(seed).shuffle(names)
        wanted, parts = [0.2 * len(groups), 0.2 * len(groups)], [set(), set(), set()]
        for name in names:
            for k in (0, 1):
                if wanted[k] > sizes[name] / 2:
                    parts[k].add(name)
                    wanted[k] -= sizes[name]
                    break
            else:
                parts[2].add(name)
        test, validation, training = (
            [i for i, g in enumerate(groups) if g in it] for it in parts
        )
        return training, validation, test


class SplitByHunger(Right):
    part = "split"

    def split_by_groups(groups, seed=0):
        members = defaultdict(list)
        for i, name in enumerate(groups):
            members[name].append(i)
        names = sorted(members)
        generator = torch.Generator().manual_seed(seed)
        shares, parts = (0.6, 0.2, 0.2), [[], [], []]
        for i in torch.randperm(len(names), generator=generator).tolist():
            lacking = [
                share * len(groups) - len(it)
                for share, it in zip(shares, parts, strict=True)
            ]
            parts[lacking.index(max(lacking))] += members[names[i]]
        return tuple(torch.tensor(it) for it in parts)


class ChosenByLoop(Right):
    part = "chosen"

    def chosen(trials):
        best = None
        for i, trial in enumerate(trials):
            mean = sum(trial["validation"]) / len(trial["validation"])
            if mean != mean:
                continue
            if best is None or mean > best[0] + 1e-9:
                best = mean, trial["size"], i
            elif abs(mean - best[0]) < 1e-9 and trial["size"] < best[1]:
                best = mean, trial["size"], i
        return best[2]


class ChosenBySorting(Right):
    part = "chosen"

    def chosen(trials):
        means = [statistics.fmean(it["validation"]) for it in trials]
        order = [i for i, it in enumerate(means) if not math.isnan(it)]
        return sorted(order, key=lambda i: (-round(means[i], 9), trials[i]["size"], i))[0]


class ChosenByArrays(Right):
    part = "chosen"

    def chosen(trials):
        means = np.array([np.mean(it["validation"]) for it in trials])
        sizes = np.array([it["size"] for it in trials], dtype=float)
        sizes[~(means >= np.nanmax(means) - 1e-9)] = np.inf
        return np.argmin(sizes)


class IntervalByCounting(Right):
    part = "interval"

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        d = np.asarray(model) - np.asarray(rival)
        names = sorted(set(groups))
        member = np.array([[float(g == name) for g in groups] for name in names])
        chance = np.random.default_rng(seed)
        times = chance.multinomial(
            len(names), np.full(len(names), 1 / len(names)), size=draws
        )
        rows = chance.multinomial(len(d), np.full(len(d), 1 / len(d)), size=draws)
        above = np.einsum("ds,sg,dg->d", rows, d @ member.T, times)
        found = above / len(d) / (times @ member.sum(axis=1))
        return d.mean(), np.percentile(found, 2.5), np.percentile(found, 97.5)


class IntervalByLists(Right):
    part = "interval"

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = random.Random(seed)
        members = {}
        for i, g in enumerate(groups):
            members.setdefault(g, []).append(i)
        d = [
            [float(a) - float(b) for a, b in zip(*its, strict=True)]
            for its in zip(model, rival, strict=True)
        ]
        sums = [[sum(row[i] for i in its) for its in members.values()] for row in d]
        sizes = [len(its) for its in members.values()]
        found = []
        for _ in range(draws):
            columns = chance.choices(range(len(sizes)), k=len(sizes))
            rows = chance.choices(sums, k=len(sums))
            n = len(rows) * sum(sizes[c] for c in columns)
            found.append(sum(row[c] for row in rows for c in columns) / n)
        found.sort()
        gain = sum(map(sum, d)) / (len(d) * len(d[0]))
        return gain, found[int(0.025 * draws)], found[int(0.975 * draws)]


class IntervalByTensors(Right):
    part = "interval"

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        generator = torch.Generator().manual_seed(seed)
        d = torch.as_tensor(np.asarray(model)) - torch.as_tensor(np.asarray(rival))
        place = {name: i for i, name in enumerate(dict.fromkeys(groups))}
        group = torch.tensor([place[it] for it in groups])
        found = torch.empty(draws)
        for i in range(draws):
            drawn = torch.randint(len(place), (len(place),), generator=generator)
            weight = torch.bincount(drawn, minlength=len(place))[group].double()
            rows = torch.randint(len(d), (len(d),), generator=generator)
            found[i] = (d[rows].mean(dim=0) * weight).sum() / weight.sum()
        low, high = found.quantile(torch.tensor([0.025, 0.975]))
        return d.mean(), low, high


class SeedsByLoop(Right):
    part = "seeds"

    def p_of_seeds(differences):
        wanted, count = abs(sum(differences)), 0
        for signs in itertools.product((1, -1), repeat=len(differences)):
            count += (
                abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
                > wanted - 1e-9
            )
        return count / 2 ** len(differences)


class SeedsBySums(Right):
    part = "seeds"

    def p_of_seeds(differences):
        sums = np.zeros(1)
        for it in differences:
            sums = np.concatenate([sums + it, sums - it])
        return (np.round(np.abs(sums), 8) >= np.round(abs(sum(differences)), 8)).mean()


class SeedsByBits(Right):
    part = "seeds"

    def p_of_seeds(differences):
        n, total = len(differences), sum(differences)
        larger = [
            abs(total - 2 * sum(differences[i] for i in range(n) if bits >> i & 1)) + 1e-9
            >= abs(total)
            for bits in range(2**n)
        ]
        return sum(larger) / len(larger)


class VerdictBySign(Right):
    part = "verdict"

    def verdict(gain, low, high):
        if low * high > 0:
            return "gains" if low > 0 else "loses"
        return "no difference found"


class VerdictByMinimum(Right):
    part = "verdict"

    def verdict(gain, low, high):
        if math.isnan(low) or math.isnan(high) or low <= 0 <= high:
            return "no difference found"
        return "loses" if max(low, high) < 0 else "gains"


class VerdictByTable(Right):
    part = "verdict"

    def verdict(gain, low, high):
        names = {(True, False): "gains", (False, True): "loses"}
        return names.get((low > 0, high < 0), "no difference found")


class TextByFormat(Right):
    part = "unsupported"

    def unsupported(text, values):
        found = []
        for number in NUMBER.findall(text):
            plain = number.replace(",", "")
            digits = len(plain.split(".")[1]) if "." in plain else 0
            known = {
                f"{abs(it):.{digits}f}"
                for it in values.values()
                if isinstance(it, (int, float))
            }
            if plain not in known:
                found.append(number)
        return found


class TextByRounding(Right):
    part = "unsupported"

    def unsupported(text, values):
        def supported(number):
            digits = len(number.partition(".")[2])
            for it in values.values():
                try:
                    if round(abs(float(it)), digits) == float(number.replace(",", "")):
                        return True
                except (TypeError, ValueError):
                    pass
            return False

        return [it for it in NUMBER.findall(text) if not supported(it)]


class TextByDecimal(Right):
    part = "unsupported"

    def unsupported(text, values):
        known = [
            abs(Decimal(repr(it)))
            for it in values.values()
            if not isinstance(it, str) and it is not None
        ]
        plain = [(it, Decimal(it.replace(",", ""))) for it in NUMBER.findall(text)]
        return tuple(
            it
            for it, number in plain
            if all(known_.quantize(number) != number for known_ in known)
        )


class RunAsInvented(Right):
    part = "experiment"

    def experiment():
        return made_up(9, n_seeds=3)


class RunOfArrays(Right):
    part = "experiment"

    def experiment():
        found = made_up(11, n_seeds=5)
        for who in ("model", "rival"):
            found[who]["test"] = np.array(found[who]["test"], dtype=np.int64)
            found[who]["seconds"] = torch.tensor(found[who]["seconds"])
            found[who]["chosen"] = np.int64(found[who]["chosen"])
        found["cases"]["test"]["ids"] = np.array(found["cases"]["test"]["ids"])
        found["seeds"] = range(5)
        found["seeds"] = tuple(found["seeds"])
        return found


class RunPasted(Right):
    part = "experiment"

    def experiment():
        groups = [f"text {i // 4}" for i in range(100)]
        parts = split_by_groups(groups, seed=2)
        cases = {
            name: {"ids": list(its), "groups": [groups[i] for i in its]}
            for name, its in zip(("training", "validation", "test"), parts, strict=True)
        }
        found = {"question": "?", "metric": "minus the error", "scale": 1, "cases": cases}
        found["seeds"] = [7, 8, 9]
        for who, digits in (
            ("model", "13020110302101120312"),
            ("rival", "21310113202311222021"),
        ):
            trials = [
                {
                    "settings": {"width": w},
                    "size": 10 * w,
                    "validation": [-1.0 / w, -2.0 / w, -1.5 / w],
                }
                for w in (1, 2, 4, 8)
            ]
            rows = [[-float(it) / 10 for it in digits[i:] + digits[:i]] for i in range(3)]
            seconds = [0.5 + 0.01 * i for i in range(20)]
            found[who] = {
                "name": who,
                "trials": trials,
                "chosen": chosen(trials),
                "test": rows,
            }
            found[who]["seconds"] = seconds
        return found


class RunAgainstARule(Right):
    part = "experiment"

    def experiment():
        """The rival is a rule without chance, so seeds change nothing for it."""
        found = made_up(12, n_seeds=3)
        its = found["rival"]
        its["test"] = [its["test"][0]] * 3
        for i, trial in enumerate(its["trials"]):
            trial["validation"] = [0.5 + i / 10] * 3
        its["chosen"] = 2
        return found


class SummaryInOrder(Right):
    part = "summary"

    def summary(results):
        k = results["scale"]
        m, r = np.array(results["model"]["test"]), np.array(results["rival"]["test"])
        groups = results["cases"]["test"]["groups"]
        gain, low, high = (k * it for it in paired_interval(m, r, groups, seed=3))
        each = [k * float(np.mean(a) - np.mean(b)) for a, b in zip(m, r, strict=True)]
        best = {
            who: results[who]["trials"][results[who]["chosen"]]
            for who in ("model", "rival")
        }
        return {
            "n_cases": len(groups),
            "n_groups": len(np.unique(groups)),
            "n_seeds": len(m),
            "model": k * m.mean(),
            "rival": k * r.mean(),
            "gain": gain,
            "low": low,
            "high": high,
            "sd": statistics.stdev(each),
            "p": p_of_seeds(each),
            "verdict": verdict(gain, low, high),
            "size_model": best["model"]["size"],
            "size_rival": best["rival"]["size"],
            "ms_model": 1e3 * statistics.median(results["model"]["seconds"]),
            "ms_rival": 1e3 * statistics.median(results["rival"]["seconds"]),
            "extra": "more names are welcome",
        }


class SummaryOfScaledScores(Right):
    part = "summary"

    def summary(results):
        m, r = (
            torch.tensor(results[who]["test"], dtype=torch.float64) * results["scale"]
            for who in ("model", "rival")
        )
        ends = paired_interval(m, r, results["cases"]["test"]["groups"])
        found = dict(zip(("gain", "low", "high"), ends, strict=True))
        found["verdict"] = verdict(**found)
        by_seed = m.mean(dim=1) - r.mean(dim=1)
        found |= {
            "sd": by_seed.std(),
            "p": p_of_seeds(by_seed),
            "model": m.mean(),
            "rival": r.mean(),
        }
        found |= {"n_seeds": m.shape[0], "n_cases": m.shape[1]}
        found["n_groups"] = len(dict.fromkeys(results["cases"]["test"]["groups"]))
        for who in ("model", "rival"):
            its = results[who]
            found["size_" + who] = [trial["size"] for trial in its["trials"]][its["chosen"]]
            found["ms_" + who] = np.quantile(its["seconds"], 0.5) * 1000
        return found


class SummaryByLoops(Right):
    part = "summary"

    def summary(results):
        found, by_seed = {}, []
        scale, groups = results["scale"], results["cases"]["test"]["groups"]
        for who in ("model", "rival"):
            rows, its = results[who]["test"], results[who]
            found[who] = (
                scale * sum(sum(row) for row in rows) / sum(len(row) for row in rows)
            )
            found[f"size_{who}"] = its["trials"][its["chosen"]]["size"]
            ordered = sorted(its["seconds"])
            n = len(ordered)
            found[f"ms_{who}"] = 500 * (ordered[n // 2] + ordered[(n - 1) // 2])
        for row, other in zip(
            results["model"]["test"], results["rival"]["test"], strict=True
        ):
            by_seed.append(scale * (sum(row) - sum(other)) / len(row))
        mean = sum(by_seed) / len(by_seed)
        found["sd"] = math.sqrt(
            sum((it - mean) ** 2 for it in by_seed) / (len(by_seed) - 1)
        )
        found["p"] = p_of_seeds(by_seed)
        ends = paired_interval(results["model"]["test"], results["rival"]["test"], groups)
        found["verdict"] = verdict(*ends)
        found["gain"], found["low"], found["high"] = (scale * it for it in ends)
        found["n_cases"], found["n_groups"] = len(groups), len(set(groups))
        return found | {"n_seeds": len(results["seeds"])}


WORDS = (
    "The words that follow stand here for what a report explains and where it does not hold. "
    * 8
)


class ReportThatGains(Right):
    part = "text"

    def experiment():
        return made_up(3, ahead=0.3)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        text = (
            "We tested {n_cases} cases with {n_seeds} seeds. The model GAINS {gain:.2f} points "
            "(95% interval: {low:.2f}–{high:.2f}). It stores {size_model} numbers and answers in "
            "{ms_model:.3f} ms; the rival stores {size_rival} and needs {ms_rival:.3f} ms. "
        )
        return {"TEXT": text + WORDS}


class ReportThatLoses(Right):
    part = "text"

    def experiment():
        return made_up(4, ahead=-0.45)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        text = (
            "From {n_seeds} starts on {n_cases} cases the model {verdict} against the rival: "
            "{gain:.0f} %-points, between {low:.0f} and {high:.0f}, {sd:.1f} from seed to seed. "
            "Sizes are {size_model:,} and {size_rival:,}, times {ms_model:.2f} and {ms_rival:.2f} "
            "thousandths of a second. "
        )
        return {"TEXT": text + WORDS}


class ReportOfNoDifference(Right):
    part = "text"

    def experiment():
        return made_up(3, ahead=0.0)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        text = (
            "There was no\ndifference found on {n_cases} cases from {n_seeds} seeds: {model:.1f} % "
            "and {rival:.1f} % are right, which is {gain:+.1f} points, with a 95 % interval from "
            "{low:+.1f} to {high:+.1f}. Sizes: {size_model:,} and {size_rival:,}. Times: "
            "{ms_model:.2f} ms and {ms_rival:.2f} ms. "
        )
        return {"TEXT": text + WORDS}
