"""Misconceptions about measuring and reporting, each as the program of someone who has it."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import Any

import numpy as np

from tools.course.judge import Wrong


def gains(variant: int) -> list[float]:
    """The differences of the first part."""
    return [3.0, 5 + variant % 4, 8.0, 4 + variant % 3]


class HandPopulation(Wrong):
    part, loses = "hand", 2
    hint = (
        "This is the standard deviation of these four as a population: the squares were "
        "divided by four. The mean was estimated from the same four numbers; by what is the "
        "sum divided then?"
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        spread = statistics.pstdev(gains(variant))
        mean = statistics.mean(gains(variant))
        return {"by_hand": {"mean": mean, "sd": spread, "error": spread / 2}}


class HandErrorIsDeviation(Wrong):
    part, loses = "hand", 1
    hint = (
        "You give the standard deviation twice. The standard error says how far the mean of "
        "four may be off; that is less than how far one seed may be."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        spread = statistics.stdev(gains(variant))
        return {
            "by_hand": {
                "mean": statistics.mean(gains(variant)),
                "sd": spread,
                "error": spread,
            }
        }


class HandErrorByNumber(Wrong):
    part, loses = "hand", 1
    hint = (
        "You divide the standard deviation by the number of seeds. Variances shrink with the "
        "number; what of their roots?"
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        spread = statistics.stdev(gains(variant))
        mean = statistics.mean(gains(variant))
        return {"by_hand": {"mean": mean, "sd": spread, "error": spread / 4}}


class HandVariance(Wrong):
    part, loses = "hand", 2
    hint = (
        "The spread that you give is in squared points: it is the variance. A last step is "
        "missing, and the standard error needs it as well."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        spread = statistics.variance(gains(variant))
        mean = statistics.mean(gains(variant))
        return {"by_hand": {"mean": mean, "sd": spread, "error": spread / 4}}


class HandMeanDistance(Wrong):
    """No hint foresees it."""

    part, loses = "hand", 2

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        mean = statistics.mean(gains(variant))
        spread = sum(abs(it - mean) for it in gains(variant)) / 4
        return {"by_hand": {"mean": mean, "sd": spread, "error": spread / 2}}


class SplitCases(Wrong):
    part, loses = "split", 2
    hint = (
        "You shuffle cases, so one group is trained on and tested. Shuffle the groups and let "
        "their cases follow."
    )

    def split_by_groups(groups, seed=0):
        order = np.random.default_rng(seed).permutation(len(groups)).tolist()
        one, two = round(0.6 * len(groups)), round(0.8 * len(groups))
        return order[:one], order[one:two], order[two:]


class SplitNeighbours(Wrong):
    part, loses = "split", 1
    hint = (
        "A group whose cases are not neighbours is taken for several groups "
        "(`itertools.groupby` does so). First collect each group's cases from the whole list."
    )

    def split_by_groups(groups, seed=0):
        runs = [
            list(its)
            for _, its in itertools.groupby(range(len(groups)), lambda i: groups[i])
        ]
        parts, done = ([], [], []), 0
        for i in np.random.default_rng(seed).permutation(len(runs)):
            parts[(done >= 0.6 * len(groups)) + (done >= 0.8 * len(groups))].extend(runs[i])
            done += len(runs[i])
        return parts


class SplitSharesOfGroups(Wrong):
    part, loses = "split", 1
    hint = (
        "Your parts do not hold 60, 20 and 20 percent of the cases. Either they hold these "
        "shares of the groups, which differ in size, or the cuts lie elsewhere: count cases."
    )

    def split_by_groups(groups, seed=0):
        names = np.random.default_rng(seed).permutation(sorted(set(groups))).tolist()
        one, two = round(0.6 * len(names)), round(0.8 * len(names))
        wanted = [set(names[:one]), set(names[one:two]), set(names[two:])]
        return tuple([i for i, name in enumerate(groups) if name in its] for its in wanted)


class SplitInOrder(Wrong):
    part, loses = "split", 1
    hint = (
        "Each seed gives the same test cases: the groups are taken in a fixed order. Files "
        "are often sorted, so the order must be drawn, and by `seed`."
    )

    def split_by_groups(groups, seed=0):
        parts, done = ([], [], []), 0
        for name in sorted(set(groups)):
            its = [i for i, other in enumerate(groups) if other == name]
            parts[(done >= 0.6 * len(groups)) + (done >= 0.8 * len(groups))].extend(its)
            done += len(its)
        return parts


class SplitWithoutSeed(Wrong):
    part, loses = "split", 1
    hint = (
        "Called twice with one seed, it gives two splits: it draws from a generator that "
        "others use as well. Make one from `seed`."
    )

    def split_by_groups(groups, seed=0):
        names = sorted(set(groups))
        np.random.shuffle(names)
        parts, done = ([], [], []), 0
        for name in names:
            its = [i for i, other in enumerate(groups) if other == name]
            parts[(done >= 0.6 * len(groups)) + (done >= 0.8 * len(groups))].extend(its)
            done += len(its)
        return parts


class SplitOfASet(Wrong):
    part, loses = "split", 1
    hint = (
        "The groups are shuffled in the order that a set happens to have. For strings that is "
        "another one each time Python starts, so tomorrow the same seed gives another split."
    )

    def split_by_groups(groups, seed=0):
        names = list(set(groups))
        parts, done = ([], [], []), 0
        for k in np.random.default_rng(seed).permutation(len(names)):
            its = [i for i, other in enumerate(groups) if other == names[k]]
            parts[(done >= 0.6 * len(groups)) + (done >= 0.8 * len(groups))].extend(its)
            done += len(its)
        return parts


class SplitTestsOnValidation(Wrong):
    part, loses = "split", 3
    hint = (
        "Validation and test are the same cases. What has chosen a setting cannot say "
        "afterwards how good it is: three parts are asked for."
    )

    def split_by_groups(groups, seed=0):
        names = sorted(set(groups))
        training, rest, done = [], [], 0
        for i in np.random.default_rng(seed).permutation(len(names)):
            its = [j for j, other in enumerate(groups) if other == names[i]]
            if done < 0.6 * len(groups):
                training += its
            elif done < 0.8 * len(groups):
                rest += its
            done += len(its)
        return training, rest, rest


class SplitNames(Wrong):
    part, loses = "split", 6
    hint = (
        "Your parts hold no positions of cases. Names of groups are of no use to who trains: "
        "give the places `i` for which `groups[i]` is in the part, as whole numbers."
    )

    def split_by_groups(groups, seed=0):
        names = [
            str(it) + "!"
            for it in np.random.default_rng(seed).permutation(sorted(set(groups)))
        ]
        one, two = round(0.6 * len(names)), round(0.8 * len(names))
        return names[:one], names[one:two], names[two:]


class SplitEvenly(Wrong):
    """No hint foresees it."""

    part, loses = "split", 2

    def split_by_groups(groups, seed=0):
        names = sorted(set(groups))
        parts = ([], [], [])
        for n, name in enumerate(names):
            parts[n % 3].extend(i for i, other in enumerate(groups) if other == name)
        return parts


class ChosenByTest(Wrong):
    part, loses = "chosen", 5
    hint = (
        "You choose the trial with the best test score. Then the test has helped to make what "
        "it measures, and its score is too good. Which cases are there to choose?"
    )

    def chosen(trials):
        return int(np.argmax([np.mean(trial["test"]) for trial in trials]))


class ChosenByTraining(Wrong):
    part, loses = "chosen", 5
    hint = (
        "You choose the trial that fits its training cases best. The largest model always "
        "does; look at other cases."
    )

    def chosen(trials):
        return int(np.argmax([np.mean(trial["training"]) for trial in trials]))


class ChosenByBestSeed(Wrong):
    part, loses = "chosen", 3
    hint = (
        "One lucky seed decides: you compare each trial's best seed. The next training will "
        "have another one, so compare means."
    )

    def chosen(trials):
        return int(np.argmax([max(trial["validation"]) for trial in trials]))


class ChosenByMedian(Wrong):
    part, loses = "chosen", 1
    hint = (
        "You compare medians, which pass over a seed that went badly. The next training may go "
        "as badly; the mean counts it."
    )

    def chosen(trials):
        means = [float(np.median(trial["validation"])) for trial in trials]
        best = max(it for it in means if not math.isnan(it))
        tied = [i for i, it in enumerate(means) if it > best - 1e-9]
        return min(tied, key=lambda i: trials[i]["size"])


class ChosenByExactTies(Wrong):
    part, loses = "chosen", 1
    hint = (
        "You take the smallest only of means that are equal to the last digit. The task says "
        "how near is equal."
    )

    def chosen(trials):
        means = [float(np.mean(trial["validation"])) for trial in trials]
        places = [i for i, it in enumerate(means) if not math.isnan(it)]
        return min(places, key=lambda i: (-means[i], trials[i]["size"]))


class ChosenBySum(Wrong):
    part, loses = "chosen", 1
    hint = (
        "A trial with more seeds is ahead of others because its scores are summed. Trials may "
        "differ in the number of seeds."
    )

    def chosen(trials):
        sums = [sum(trial["validation"]) for trial in trials]
        best = max(it for it in sums if not math.isnan(it))
        tied = [i for i, it in enumerate(sums) if it > best - 1e-9]
        return min(tied, key=lambda i: trials[i]["size"])


class ChosenNan(Wrong):
    part, loses = "chosen", 2
    hint = (
        "Your choice is a training that failed: `argmax` takes `nan` for the largest number. "
        "And of equal means, sizes decide, which it does not know either."
    )

    def chosen(trials):
        return int(np.argmax([np.mean(trial["validation"]) for trial in trials]))


class ChosenNanLeftOut(Wrong):
    part, loses = "chosen", 1
    hint = (
        "You leave out the seeds that failed and take the mean of the others. A trial that "
        "fails from some seeds is not to be chosen."
    )

    def chosen(trials):
        means = [
            -math.inf
            if np.isnan(trial["validation"]).all()
            else np.nanmean(trial["validation"])
            for trial in trials
        ]
        tied = [i for i, it in enumerate(means) if it > max(means) - 1e-9]
        return min(tied, key=lambda i: trials[i]["size"])


class ChosenFirst(Wrong):
    part, loses = "chosen", 1
    hint = (
        "The first of the largest means is taken, and no size is looked at. Of trials with "
        "equal means the smallest is asked for, and the task says how near is equal."
    )

    def chosen(trials):
        return int(np.nanargmax([np.mean(trial["validation"]) for trial in trials]))


class ChosenAboveZero(Wrong):
    part, loses = "chosen", 1
    hint = (
        "Your search starts from zero, so where all scores are negative nothing is found. "
        "Start from minus infinity, or from the first trial."
    )

    def chosen(trials):
        best, place = 0.0, -1
        for i, trial in enumerate(trials):
            mean = float(np.mean(trial["validation"]))
            smaller = place >= 0 and trial["size"] < trials[place]["size"]
            if mean > best + 1e-9 or (abs(mean - best) < 1e-9 and smaller):
                best, place = mean, i
        return place


class ChosenWorst(Wrong):
    """No hint foresees it."""

    part, loses = "chosen", 5

    def chosen(trials):
        means = [np.mean(trial["validation"]) for trial in trials]
        return int(np.nanargmin(means))


class IntervalUnpaired(Wrong):
    part, loses = "interval", 2
    hint = (
        "Your interval is much too wide: you draw for the model and for the rival apart. Hard "
        "cases are hard for both, so draw once and take the same cases, groups and seeds of "
        "both."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        its = [np.asarray(it, float) for it in (model, rival)]
        names, group = np.unique(groups, return_inverse=True)
        sizes = np.bincount(group)
        means = []
        for it in its:
            sums = np.stack([np.bincount(group, row) for row in it])
            rows = chance.integers(len(it), size=(draws, len(it)))
            columns = chance.integers(len(names), size=(draws, len(names)))
            by_group = sums[rows].mean(axis=1)
            above = np.take_along_axis(by_group, columns, axis=1).sum(axis=1)
            means.append(above / sizes[columns].sum(axis=1))
        low, high = np.quantile(means[0] - means[1], [0.025, 0.975])
        return its[0].mean() - its[1].mean(), low, high


class IntervalOfGroupsApart(Wrong):
    part, loses = "interval", 2
    hint = (
        "You draw seeds for both, but cases or groups for the model and for the rival apart. A "
        "hard case is hard for both, so both answer the same draw."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        its = [np.asarray(it, float) for it in (model, rival)]
        names, group = np.unique(groups, return_inverse=True)
        sizes, rows = (
            np.bincount(group),
            chance.integers(len(its[0]), size=(draws, len(its[0]))),
        )
        means = []
        for it in its:
            sums = np.stack([np.bincount(group, row) for row in it])[rows].mean(axis=1)
            columns = chance.integers(len(names), size=(draws, len(names)))
            above = np.take_along_axis(sums, columns, axis=1).sum(axis=1)
            means.append(above / sizes[columns].sum(axis=1))
        low, high = np.quantile(means[0] - means[1], [0.025, 0.975])
        return its[0].mean() - its[1].mean(), low, high


class IntervalOfSeedsApart(Wrong):
    part, loses = "interval", 2
    hint = (
        "You draw the same cases for both, but seeds for the model and for the rival apart. Row "
        "s of the model goes with row s of the rival."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        its = [np.asarray(it, float) for it in (model, rival)]
        names, group = np.unique(groups, return_inverse=True)
        sizes = np.bincount(group)
        columns = chance.integers(len(names), size=(draws, len(names)))
        means = []
        for it in its:
            rows = chance.integers(len(it), size=(draws, len(it)))
            sums = np.stack([np.bincount(group, row) for row in it])[rows].mean(axis=1)
            above = np.take_along_axis(sums, columns, axis=1).sum(axis=1)
            means.append(above / sizes[columns].sum(axis=1))
        low, high = np.quantile(means[0] - means[1], [0.025, 0.975])
        return its[0].mean() - its[1].mean(), low, high


class IntervalOfDistinctGroups(Wrong):
    part, loses = "interval", 3
    hint = (
        "A group drawn twice counts once: looking up which cases are in the drawn groups "
        "(`isin`, `in`) forgets how often each was drawn, and the interval is too narrow."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        difference = np.asarray(model, float) - np.asarray(rival, float)
        names, group = np.unique(groups, return_inverse=True)
        sums, sizes = (
            np.stack([np.bincount(group, row) for row in difference]),
            np.bincount(group),
        )
        rows = chance.integers(len(sums), size=(draws, len(sums)))
        columns = chance.integers(len(names), size=(draws, len(names)))
        drawn = np.zeros((draws, len(names)))
        np.put_along_axis(drawn, columns, 1, axis=1)
        found = (sums[rows].mean(axis=1) * drawn).sum(axis=1) / (drawn @ sizes)
        low, high = np.quantile(found, [0.025, 0.975])
        return difference.mean(), low, high


class IntervalByAllCases(Wrong):
    part, loses = "interval", 3
    hint = (
        "You divide each draw by the number of cases that there are. A draw with large groups "
        "has more cases; the mean is over those that were drawn."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        difference = np.asarray(model, float) - np.asarray(rival, float)
        _, group = np.unique(groups, return_inverse=True)
        sums = np.stack([np.bincount(group, row) for row in difference])
        rows = chance.integers(len(sums), size=(draws, len(sums)))
        columns = chance.integers(sums.shape[1], size=(draws, sums.shape[1]))
        above = np.take_along_axis(sums[rows].mean(axis=1), columns, axis=1).sum(axis=1)
        low, high = np.quantile(above / len(group), [0.025, 0.975])
        return difference.mean(), low, high


class IntervalOfGroupMeansInDraws(Wrong):
    part, loses = "interval", 3
    hint = (
        "The gain is right, but in your draws each group counts once, however many cases it "
        "has. The same mean over cases is asked for in a draw."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        difference = np.asarray(model, float) - np.asarray(rival, float)
        _, group = np.unique(groups, return_inverse=True)
        sizes = np.bincount(group)
        means = np.stack([np.bincount(group, row) / sizes for row in difference])
        rows = chance.integers(len(means), size=(draws, len(means)))
        columns = chance.integers(means.shape[1], size=(draws, means.shape[1]))
        found = np.take_along_axis(means[rows].mean(axis=1), columns, axis=1).mean(axis=1)
        low, high = np.quantile(found, [0.025, 0.975])
        return difference.mean(), low, high


class IntervalOfCases(Wrong):
    part, loses = "interval", 3
    hint = (
        "You draw single cases. Where cases of a group are alike, there are fewer independent "
        "ones than it seems, and your interval is too narrow."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        difference = np.asarray(model, float) - np.asarray(rival, float)
        rows = chance.integers(len(difference), size=(draws, len(difference)))
        columns = chance.integers(difference.shape[1], size=(draws, difference.shape[1]))
        found = np.take_along_axis(difference[rows].mean(axis=1), columns, axis=1).mean(
            axis=1
        )
        low, high = np.quantile(found, [0.025, 0.975])
        return difference.mean(), low, high


class IntervalOfSeeds(Wrong):
    part, loses = "interval", 6
    hint = (
        "Seeds vary in your draws, the test cases do not: they are kept, or drawn without "
        "replacement, which gives all of them each time. With one seed no width is left."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        by_seed = (np.asarray(model, float) - np.asarray(rival, float)).mean(axis=1)
        found = chance.choice(by_seed, (draws, len(by_seed))).mean(axis=1)
        low, high = np.quantile(found, [0.025, 0.975])
        return by_seed.mean(), low, high


class IntervalWithoutSeeds(Wrong):
    part, loses = "interval", 1
    hint = (
        "Cases are drawn as they should be, but the luck of seeds is not in your interval: they "
        "are not drawn, or for each case or group apart. In a draw the same seeds hold for all."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        difference = (np.asarray(model, float) - np.asarray(rival, float)).mean(axis=0)
        names, group = np.unique(groups, return_inverse=True)
        sums, sizes = np.bincount(group, difference), np.bincount(group)
        columns = chance.integers(len(names), size=(draws, len(names)))
        found = sums[columns].sum(axis=1) / sizes[columns].sum(axis=1)
        low, high = np.quantile(found, [0.025, 0.975])
        return difference.mean(), low, high


class IntervalOfGroupMeans(Wrong):
    part, loses = "interval", 4
    hint = (
        "Each group counts once in your means, however many cases it has. The gain is a mean "
        "over cases, so a large group counts more than a small one."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        difference = np.asarray(model, float) - np.asarray(rival, float)
        _, group = np.unique(groups, return_inverse=True)
        sizes = np.bincount(group)
        means = np.stack([np.bincount(group, row) / sizes for row in difference])
        rows = chance.integers(len(means), size=(draws, len(means)))
        columns = chance.integers(means.shape[1], size=(draws, means.shape[1]))
        found = np.take_along_axis(means[rows].mean(axis=1), columns, axis=1).mean(axis=1)
        low, high = np.quantile(found, [0.025, 0.975])
        return means.mean(), low, high


class IntervalOfNinety(Wrong):
    part, loses = "interval", 2
    hint = (
        "The draws are right, the ends are not: you leave out 5 percent on either side, which "
        "makes an interval of 90 percent. Which quantiles does the task name?"
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        difference = np.asarray(model, float) - np.asarray(rival, float)
        _, group = np.unique(groups, return_inverse=True)
        sums = np.stack([np.bincount(group, row) for row in difference])
        rows = chance.integers(len(sums), size=(draws, len(sums)))
        columns = chance.integers(sums.shape[1], size=(draws, sums.shape[1]))
        above = np.take_along_axis(sums[rows].mean(axis=1), columns, axis=1).sum(axis=1)
        found = above / np.bincount(group)[columns].sum(axis=1)
        low, high = np.quantile(found, [0.05, 0.95])
        return difference.mean(), low, high


class IntervalOfDeviation(Wrong):
    part, loses = "interval", 6
    hint = (
        "You go two standard deviations of single cases to either side. That is where most "
        "cases lie; the mean of many of them varies much less."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        difference = np.asarray(model, float) - np.asarray(rival, float)
        mean, spread = difference.mean(), difference.std(ddof=1)
        return mean, mean - 1.96 * spread, mean + 1.96 * spread


class IntervalWithoutReplacement(Wrong):
    part, loses = "interval", 6
    hint = (
        "Your interval has no width: without replacement, each draw is the same cases in "
        "another order, with the same mean."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        difference = np.asarray(model, float) - np.asarray(rival, float)
        chance = np.random.default_rng(seed)
        found = [chance.permutation(difference, axis=1).mean() for _ in range(draws // 10)]
        low, high = np.quantile(found, [0.025, 0.975])
        return difference.mean(), low, high


class IntervalOfRival(Wrong):
    part, loses = "interval", 3
    hint = (
        "The sign is turned: you measure how far the rival is ahead. The gain is that of the "
        "model over the rival."
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        difference = np.asarray(rival, float) - np.asarray(model, float)
        _, group = np.unique(groups, return_inverse=True)
        sums = np.stack([np.bincount(group, row) for row in difference])
        rows = chance.integers(len(sums), size=(draws, len(sums)))
        columns = chance.integers(sums.shape[1], size=(draws, sums.shape[1]))
        above = np.take_along_axis(sums[rows].mean(axis=1), columns, axis=1).sum(axis=1)
        found = above / np.bincount(group)[columns].sum(axis=1)
        low, high = np.quantile(found, [0.025, 0.975])
        return difference.mean(), low, high


class IntervalOfNinetyNine(Wrong):
    part, loses = "interval", 2
    hint = (
        "The draws are right, but between your ends lie 99 percent of them. Which quantiles does "
        "the task name?"
    )

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        difference = np.asarray(model, float) - np.asarray(rival, float)
        _, group = np.unique(groups, return_inverse=True)
        sums = np.stack([np.bincount(group, row) for row in difference])
        rows = chance.integers(len(sums), size=(draws, len(sums)))
        columns = chance.integers(sums.shape[1], size=(draws, sums.shape[1]))
        above = np.take_along_axis(sums[rows].mean(axis=1), columns, axis=1).sum(axis=1)
        found = above / np.bincount(group)[columns].sum(axis=1)
        low, high = np.quantile(found, [0.005, 0.995])
        return difference.mean(), low, high


class IntervalOfQuarters(Wrong):
    """No hint foresees it."""

    part, loses = "interval", 2

    def paired_interval(model, rival, groups, draws=4_000, seed=0):
        chance = np.random.default_rng(seed)
        difference = np.asarray(model, float) - np.asarray(rival, float)
        _, group = np.unique(groups, return_inverse=True)
        sums = np.stack([np.bincount(group, row) for row in difference])
        rows = chance.integers(len(sums), size=(draws, len(sums)))
        columns = chance.integers(sums.shape[1], size=(draws, sums.shape[1]))
        above = np.take_along_axis(sums[rows].mean(axis=1), columns, axis=1).sum(axis=1)
        found = above / np.bincount(group)[columns].sum(axis=1)
        low, high = np.quantile(found, [0.25, 0.75])
        return difference.mean(), low, high


class SeedsOneSided(Wrong):
    part, loses = "seeds", 4
    hint = (
        "You count sums as large as the one found, on its side only. As far from zero *in "
        "either direction* is asked for."
    )

    def p_of_seeds(differences):
        values = np.asarray(differences, float)
        signs = np.array(list(itertools.product([-1, 1], repeat=len(values))))
        return np.mean(signs @ values >= values.sum() - 1e-9)


class SeedsStrict(Wrong):
    part, loses = "seeds", 4
    hint = (
        "You count only sums farther from zero than the one found, so p can be 0. The signs "
        "as found are one of the ways, and they count."
    )

    def p_of_seeds(differences):
        values = np.asarray(differences, float)
        signs = np.array(list(itertools.product([-1, 1], repeat=len(values))))
        return np.mean(np.abs(signs @ values) > abs(values.sum()) + 1e-9)


class SeedsByCounting(Wrong):
    part, loses = "seeds", 3
    hint = (
        "You count how many seeds were won and forget by how much. That is the sign test; "
        "here the sums with all signs are compared."
    )

    def p_of_seeds(differences):
        n = len(differences)
        lost = min(sum(it < 0 for it in differences), sum(it > 0 for it in differences))
        return min(1.0, 2 * sum(math.comb(n, i) for i in range(lost + 1)) / 2**n)


class SeedsByExactSums(Wrong):
    part, loses = "seeds", 1
    hint = (
        "Sums that are equal on paper differ in the sixteenth digit here, and you count some "
        "of them as smaller. The task says how near is equal."
    )

    def p_of_seeds(differences):
        ways = itertools.product([-1, 1], repeat=len(differences))
        wanted = abs(sum(differences))
        found = [
            abs(sum(a * b for a, b in zip(way, differences, strict=True))) >= wanted
            for way in ways
        ]
        return sum(found) / len(found)


class SeedsAsPermutations(Wrong):
    part, loses = "seeds", 4
    hint = (
        "You permute the differences. Their order does not change their sum, so your p says "
        "nothing; what could as well have been otherwise is each sign."
    )

    def p_of_seeds(differences):
        return 1.0


class SeedsByNormal(Wrong):
    """No hint foresees it."""

    part, loses = "seeds", 4

    def p_of_seeds(differences):
        values = np.asarray(differences, float)
        z = abs(values.mean()) / (values.std(ddof=1) + 1e-12) * len(values) ** 0.5
        return math.erfc(z / 2**0.5) + 1e-3


class VerdictByGain(Wrong):
    part, loses = "verdict", 3
    hint = (
        "The sign of the gain decides. A gain is hardly ever exactly zero, so this always "
        "finds a difference; the interval must decide."
    )

    def verdict(gain, low, high):
        return "gains" if gain > 0 else "loses" if gain < 0 else "no difference found"


class VerdictWithZero(Wrong):
    part, loses = "verdict", 1
    hint = "An interval that ends at zero holds zero, so no difference was found there."

    def verdict(gain, low, high):
        return "gains" if low >= 0 else "loses" if high <= 0 else "no difference found"


class VerdictOfNothing(Wrong):
    part, loses = "verdict", 1
    hint = (
        "Without an interval you say that the model gains. No comparison with `nan` holds, so "
        "ask for what must hold to claim something, and leave the rest to the last line."
    )

    def verdict(gain, low, high):
        if high < 0:
            return "loses"
        if low <= 0:
            return "no difference found"
        return "gains"


class VerdictOfNothingLoses(Wrong):
    part, loses = "verdict", 1
    hint = (
        "Without an interval you say that the model loses: that is your last line, and where an "
        "end is `nan`, no comparison before it holds."
    )

    def verdict(gain, low, high):
        if low > 0:
            return "gains"
        if high >= 0:
            return "no difference found"
        return "loses"


class VerdictOfZeroInside(Wrong):
    part, loses = "verdict", 1
    hint = (
        "You ask whether zero is between the ends, and else go by the gain. Where the ends are "
        "`nan`, zero is not between them, and yet nothing was found."
    )

    def verdict(gain, low, high):
        if low <= 0 <= high:
            return "no difference found"
        return "gains" if gain > 0 else "loses"


class VerdictIfWider(Wrong):
    part, loses = "verdict", 1
    hint = (
        "You compare the gain with the width of the interval. Intervals need not be "
        "symmetric: look where zero lies."
    )

    def verdict(gain, low, high):
        if abs(gain) > (high - low) / 2:
            return "gains" if gain > 0 else "loses"
        return "no difference found"


class VerdictEqual(Wrong):
    part, loses = "verdict", 3
    hint = (
        "Where zero is in the interval you conclude that both are equal. The test could not "
        "tell, which is less; use the words of the task."
    )

    def verdict(gain, low, high):
        return "gains" if low > 0 else "loses" if high < 0 else "equal"


class VerdictTurned(Wrong):
    """No hint foresees it."""

    part, loses = "verdict", 1

    def verdict(gain, low, high):
        return "loses" if low > 0 else "gains" if high < 0 else "no difference found"


class TextWithin(Wrong):
    part, loses = "unsupported", 2
    hint = (
        "You allow a fixed distance. How far a rounded number may be from its value depends "
        "on its digits: half of the last one."
    )

    def unsupported(text, values):
        known = [abs(it) for it in values.values() if isinstance(it, (int, float))]
        return [
            number
            for number in NUMBER.findall(text)
            if all(abs(float(number.replace(",", "")) - it) > 0.05 for it in known)
        ]


class TextWithinHundredths(Wrong):
    part, loses = "unsupported", 3
    hint = (
        "Half a hundredth is allowed, whatever the text gives: too little for 88 %, too much "
        "for four decimals. The digits of the text decide."
    )

    def unsupported(text, values):
        known = [abs(it) for it in values.values() if isinstance(it, (int, float))]
        return [
            number
            for number in NUMBER.findall(text)
            if all(abs(float(number.replace(",", "")) - it) > 0.005 + 1e-9 for it in known)
        ]


class TextTwoDecimals(Wrong):
    part, loses = "unsupported", 3
    hint = (
        "You round all values to two decimals. How many the text gives differs from number to "
        "number: 88 % has none, 0.065 has three."
    )

    def unsupported(text, values):
        known = [
            round(abs(it), 2) for it in values.values() if isinstance(it, (int, float))
        ]
        return [
            it for it in NUMBER.findall(text) if float(it.replace(",", "")) not in known
        ]


class TextWithoutWholeValues(Wrong):
    part, loses = "unsupported", 1
    hint = (
        "Values that are whole numbers support nothing in your program, as if only those of "
        "type `float` were numbers. 40 % may stand for the 40 that was measured."
    )

    def unsupported(text, values):
        known = [abs(it) for it in values.values() if isinstance(it, float)]
        found = []
        for number in NUMBER.findall(text):
            plain = number.replace(",", "")
            half = 0.5 * 10 ** -len(plain.partition(".")[2])
            if all(abs(float(plain) - it) > half + 1e-9 for it in known):
                found.append(number)
        return found


class TextOneDecimal(Wrong):
    part, loses = "unsupported", 5
    hint = "You round all values to one decimal. The text decides: 3.14 has two, and 88 % has none."

    def unsupported(text, values):
        known = [
            round(abs(it), 1) for it in values.values() if isinstance(it, (int, float))
        ]
        return [
            it for it in NUMBER.findall(text) if float(it.replace(",", "")) not in known
        ]


class TextTruncates(Wrong):
    part, loses = "unsupported", 3
    hint = "You cut digits off instead of rounding: 87.62 is 88 in a text without decimals."

    def unsupported(text, values):
        known = [abs(it) for it in values.values() if isinstance(it, (int, float))]
        found = []
        for number in NUMBER.findall(text):
            plain = number.replace(",", "")
            unit = 10 ** len(plain.partition(".")[2])
            if all(int(it * unit) != round(float(plain) * unit) for it in known):
                found.append(number)
        return found


class TextAsString(Wrong):
    part, loses = "unsupported", 4
    hint = (
        "You look for the text's digits in those of the value. 87.62 as text does not hold "
        "88; round the value instead."
    )

    def unsupported(text, values):
        known = " ".join(str(it) for it in values.values())
        return [it for it in NUMBER.findall(text) if it.replace(",", "") not in known]


class TextWithSign(Wrong):
    part, loses = "unsupported", 1
    hint = (
        'A negative value supports nothing in your program. Texts say "0.3 points fewer"; '
        "leave the sign out before you compare."
    )

    def unsupported(text, values):
        known = [it for it in values.values() if isinstance(it, (int, float))]
        found = []
        for number in NUMBER.findall(text):
            plain = number.replace(",", "")
            half = 0.5 * 10 ** -len(plain.partition(".")[2])
            if all(abs(float(plain) - it) > half + 1e-9 for it in known):
                found.append(number)
        return found


class TextCommas(Wrong):
    part, loses = "unsupported", 1
    hint = (
        "It stops at a number with a comma between thousands, which `float` does not read."
    )

    def unsupported(text, values):
        known = [abs(it) for it in values.values() if isinstance(it, (int, float))]
        return [
            it
            for it in NUMBER.findall(text)
            if all(
                abs(float(it) - v) > 0.5 * 10 ** -len(it.partition(".")[2]) + 1e-9
                for v in known
            )
        ]


class TextWords(Wrong):
    part, loses = "unsupported", 1
    hint = "It stops where a value is a word or `None`. Those support no number; pass over them."

    def unsupported(text, values):
        found = []
        for number in NUMBER.findall(text):
            plain = number.replace(",", "")
            half = 0.5 * 10 ** -len(plain.partition(".")[2])
            if all(abs(float(plain) - abs(it)) > half + 1e-9 for it in values.values()):
                found.append(number)
        return found


class TextOnlyOnce(Wrong):
    part, loses = "unsupported", 1
    hint = (
        "A number that stands in the text twice is reported once. Each place is asked for."
    )

    def unsupported(text, values):
        known = [abs(it) for it in values.values() if isinstance(it, (int, float))]
        found = {}
        for number in NUMBER.findall(text):
            plain = number.replace(",", "")
            half = 0.5 * 10 ** -len(plain.partition(".")[2])
            if all(abs(float(plain) - it) > half + 1e-9 for it in known):
                found[number] = True
        return list(found)


class TextSorted(Wrong):
    part, loses = "unsupported", 1
    hint = (
        "The numbers come sorted, and each once. Whoever mends a text goes through it from its "
        "beginning: each place is asked for, in the order of the text."
    )

    def unsupported(text, values):
        known = [abs(it) for it in values.values() if isinstance(it, (int, float))]
        found = set()
        for number in NUMBER.findall(text):
            plain = number.replace(",", "")
            half = 0.5 * 10 ** -len(plain.partition(".")[2])
            if all(abs(float(plain) - it) > half + 1e-9 for it in known):
                found.add(number)
        return sorted(found)


class TextSupported(Wrong):
    """No hint foresees it."""

    part, loses = "unsupported", 5

    def unsupported(text, values):
        known = [abs(it) for it in values.values() if isinstance(it, (int, float))]
        found = []
        for number in NUMBER.findall(text):
            plain = number.replace(",", "")
            half = 0.5 * 10 ** -len(plain.partition(".")[2])
            if any(abs(float(plain) - it) <= half + 1e-9 for it in known):
                found.append(number)
        return found


class RunWithSharedGroups(Wrong):
    part, loses = "experiment", 2
    hint = (
        "A group has cases in two parts, so the test asks in part for memory. Split by "
        "groups, and check that ids and groups are in the same order."
    )

    def experiment():
        results = made_up(1)
        results["cases"]["test"]["groups"][0] = results["cases"]["training"]["groups"][0]
        return results


class RunWithSharedCases(Wrong):
    part, loses = "experiment", 3
    hint = (
        "A case is in two parts, and with it its group. Print the ids that training, "
        "validation and test have in common."
    )

    def experiment():
        results = made_up(1)
        results["cases"]["validation"] = results["cases"]["test"]
        return results


class RunWithIdsTwice(Wrong):
    part, loses = "experiment", 1
    hint = (
        "One id stands for two cases, although no group is in two parts. Ids that count from "
        "0 in each part or group do not name a case: which name would, for good?"
    )

    def experiment():
        results = made_up(1)
        for part in ("training", "validation", "test"):
            its = results["cases"][part]
            its["ids"] = list(range(len(its["ids"])))
        return results


class RunChosenByTest(Wrong):
    part, loses = "experiment", 2
    hint = (
        "The trial that you report is not the one with the best mean validation score. Was it "
        "chosen on the test cases, or by its best seed?"
    )

    def experiment():
        results = made_up(1)
        results["model"]["chosen"] = 0
        return results


class RunRivalOnce(Wrong):
    part, loses = "experiment", 1
    hint = (
        "The rival did not get the chances of the model: the numbers of different settings "
        "tried differ, or are below three. Half of many gains in the literature went when the "
        "rival was tuned."
    )

    def experiment():
        results = made_up(1)
        results["rival"] |= {"trials": results["rival"]["trials"][1:2], "chosen": 0}
        return results


class RunOneSeed(Wrong):
    part, loses = "experiment", 1
    hint = (
        "There are fewer than three different seeds. The same seed three times, or one "
        "training measured three times, shows no luck."
    )

    def experiment():
        return made_up(1) | {"seeds": [0, 0, 0, 0]}


class RunOnlyMeans(Wrong):
    part, loses = "experiment", 1
    hint = (
        "There is not a score for each seed and each test case (or each trial lacks the "
        "validation score of a seed). From means alone nobody can compute a paired interval."
    )

    def experiment():
        results = made_up(1)
        for who in ("model", "rival"):
            results[who]["test"] = [[sum(row) / len(row)] for row in results[who]["test"]]
        return results


class RunOfOneRow(Wrong):
    part, loses = "experiment", 0.5
    hint = (
        "The seeds differ on the validation cases, and yet all their rows of test scores are "
        "the same. Was one seed's row copied, or one trained model tested each time?"
    )

    def experiment():
        results = made_up(1)
        its = results["model"]
        its["test"] = [max(its["test"], key=sum)] * len(its["test"])
        return results


class RunOfPercentages(Wrong):
    part, loses = "experiment", 0.5
    hint = (
        "`scale` does not fit the scores. It is 100 for shares between 0 and 1, of which 0 for "
        "wrong and 1 for right are an example; all else has 1."
    )

    def experiment():
        results = made_up(1)
        for who in ("model", "rival"):
            results[who]["test"] = (100 * np.array(results[who]["test"])).tolist()
        return results


class RunSecondsOfABatch(Wrong):
    part, loses = "experiment", 1
    hint = (
        "Sizes or times are missing, fewer than twenty, or all times are the same: the time "
        "of a batch divided by its size. Who waits for an answer sends one case; time them "
        "one by one."
    )

    def experiment():
        results = made_up(1)
        results["rival"]["seconds"] = [0.002] * 60
        return results


class RunInAHurry(Wrong):
    """No hint foresees it."""

    part, loses = "experiment", 3

    def experiment():
        results = made_up(1, n_seeds=2)
        results["rival"]["chosen"] = 2
        return results


class SummaryOfPopulation(Wrong):
    part, loses = "summary", 1
    hint = (
        "The spread from seed to seed is that of a population (NumPy's default). These seeds "
        "are a sample of those that one could draw."
    )

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {"low": scale * low, "high": scale * high, "sd": scale * by_seed.std()}
        found |= {"p": p_of_seeds(by_seed), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


class SummaryOfErrors(Wrong):
    part, loses = "summary", 1
    hint = (
        "As the spread from seed to seed you give the standard error of the mean. It shrinks "
        "with more seeds; the spread of seeds does not."
    )

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {"low": scale * low, "high": scale * high}
        found["sd"] = scale * by_seed.std(ddof=1) / len(by_seed) ** 0.5
        found |= {"p": p_of_seeds(by_seed), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


class SummaryMixesScales(Wrong):
    part, loses = "summary", 1
    hint = "Means and gain are in percentage points, the interval is not: its ends lack the scale."

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {"low": low, "high": high, "sd": scale * by_seed.std(ddof=1)}
        found |= {"p": p_of_seeds(by_seed), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


class SummaryAlwaysPercent(Wrong):
    part, loses = "summary", 3
    hint = (
        "You multiply by 100, whatever `scale` says. An error in milliseconds or a rating is "
        "no share."
    )

    def summary(results):
        m, r = (100 * np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        by_seed = (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": m.mean(),
            "rival": r.mean(),
            "gain": gain,
            "low": low,
            "high": high,
        }
        found |= {"sd": by_seed.std(ddof=1), "p": p_of_seeds(by_seed)}
        found["verdict"] = verdict(gain, low, high)
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


class SummaryOfCases(Wrong):
    part, loses = "summary", 1
    hint = (
        "The interval takes each case for a group of its own. Which list of the test cases "
        "names what belongs together?"
    )

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["ids"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {
            "low": scale * low,
            "high": scale * high,
            "sd": scale * by_seed.std(ddof=1),
        }
        found |= {"p": p_of_seeds(by_seed), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


class SummaryOfAbsoluteGains(Wrong):
    part, loses = "summary", 1
    hint = (
        "p takes all seeds for won: the sign of a seed's gain is left out before. A seed that "
        "loses speaks against the model."
    )

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {
            "low": scale * low,
            "high": scale * high,
            "sd": scale * by_seed.std(ddof=1),
        }
        found |= {"p": p_of_seeds(np.abs(by_seed)), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


class SummaryInSeconds(Wrong):
    part, loses = "summary", 1
    hint = "The times are in seconds; the table asks for milliseconds."

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {
            "low": scale * low,
            "high": scale * high,
            "sd": scale * by_seed.std(ddof=1),
        }
        found |= {"p": p_of_seeds(by_seed), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = np.median(results[who]["seconds"])
        return found


class SummaryOfFirstTrials(Wrong):
    part, loses = "summary", 1
    hint = "The sizes are those of the first trials. Which trial answered the test cases?"

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {
            "low": scale * low,
            "high": scale * high,
            "sd": scale * by_seed.std(ddof=1),
        }
        found |= {"p": p_of_seeds(by_seed), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][0]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


class SummaryOfUnscaledSpread(Wrong):
    part, loses = "summary", 1
    hint = "The spread from seed to seed lacks the scale, which gain and interval have."

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {"low": scale * low, "high": scale * high, "sd": by_seed.std(ddof=1)}
        found |= {"p": p_of_seeds(by_seed), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


class SummaryOfModelSpread(Wrong):
    part, loses = "summary", 1
    hint = (
        "The spread is that of the model's scores. What varies here is the gain: the model's "
        "mean less the rival's, seed by seed."
    )

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {
            "low": scale * low,
            "high": scale * high,
            "sd": scale * m.mean(axis=1).std(ddof=1),
        }
        found |= {"p": p_of_seeds(by_seed), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


class SummaryOfCaseSpread(Wrong):
    part, loses = "summary", 1
    hint = (
        "The spread is that of single cases. First take each seed's mean over its cases: how "
        "far these means lie apart is asked for."
    )

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {
            "low": scale * low,
            "high": scale * high,
            "sd": scale * (m - r).std(ddof=1),
        }
        found |= {"p": p_of_seeds(by_seed), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


class SummaryOfMeanTimes(Wrong):
    part, loses = "summary", 1
    hint = (
        "The times are means, and one slow first call moves them far. The table asks for another "
        "middle."
    )

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = results["scale"], (m - r).mean(axis=1)
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {
            "low": scale * low,
            "high": scale * high,
            "sd": scale * by_seed.std(ddof=1),
        }
        found |= {"p": p_of_seeds(by_seed), "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.mean(results[who]["seconds"])
        return found


class SummaryOfExtremes(Wrong):
    """No hint foresees it."""

    part, loses = "summary", 2

    def summary(results):
        m, r = (np.asarray(results[who]["test"], float) for who in ("model", "rival"))
        gain, low, high = paired_interval(m, r, results["cases"]["test"]["groups"])
        scale, by_seed = (
            results["scale"],
            np.sort(m.mean(axis=1)) - np.sort(r.mean(axis=1))[::-1],
        )
        found = {"n_cases": m.shape[1], "n_seeds": m.shape[0]}
        found["n_groups"] = len(set(results["cases"]["test"]["groups"]))
        found |= {
            "model": scale * m.mean(),
            "rival": scale * r.mean(),
            "gain": scale * gain,
        }
        found |= {
            "low": scale * low,
            "high": scale * high,
            "sd": scale * by_seed.std(ddof=1),
        }
        found |= {"p": 1.0, "verdict": verdict(gain, low, high)}
        for who in ("model", "rival"):
            found[f"size_{who}"] = results[who]["trials"][results[who]["chosen"]]["size"]
            found[f"ms_{who}"] = 1000 * np.median(results[who]["seconds"])
        return found


WORDS = (
    "The words that follow stand here for what a report explains and where it does not hold. "
    * 8
)
HEAD = "On {n_cases} cases of {n_groups} groups, from {n_seeds} seeds, we asked which is better. "
RESULT = "{model:.1f} % against {rival:.1f} %: the model {verdict} by {gain:.1f} points. "
ENDS = "The 95 % interval goes from {low:.1f} to {high:.1f} points. "
COSTS = (
    "It stores {size_model:,} numbers and takes {ms_model:.2f} ms; "
    "the rival {size_rival:,} and {ms_rival:.2f}. "
)


class ReportOfLastWeek(Wrong):
    part, loses = "text", 3
    hint = (
        "The gain or the ends of its interval in the text are not those of `summary`. Were "
        "they typed before the last run? Placeholders follow by themselves."
    )

    def experiment():
        return made_up(3, ahead=0.3)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        result = "{model:.1f} % against {rival:.1f} %: the model {verdict} by 47.3 points. "
        return {"TEXT": HEAD + result + ENDS + COSTS + WORDS}


class ReportWithoutInterval(Wrong):
    part, loses = "text", 2
    hint = (
        "The text does not give the gain together with both ends of its interval. A gain "
        "alone does not say how sure it is."
    )

    def experiment():
        return made_up(3, ahead=0.3)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return {"TEXT": HEAD + RESULT + COSTS + WORDS}


class ReportAgainstItsInterval(Wrong):
    part, loses = "text", 2
    hint = (
        "The verdict in the text is not the one that follows from the interval, is missing, "
        'or stands beside another. Search the text for "gains", "loses" and "no '
        'difference found".'
    )

    def experiment():
        return made_up(3, ahead=0.0)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        result = (
            "{model:.1f} % against {rival:.1f} %: the model gains, by {gain:.1f} points. "
        )
        return {"TEXT": HEAD + result + ENDS + COSTS + WORDS}


class ReportWithoutCosts(Wrong):
    part, loses = "text", 1
    hint = (
        "Size and time of an answer are not given for both, or not rounded as `summary` has "
        "them: 32,054 are 32 thousand, not 33. Who decides pays for them."
    )

    def experiment():
        return made_up(3, ahead=0.3)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        costs = "It stores {size_model:,} numbers and takes {ms_model:.2f} ms. "
        return {"TEXT": HEAD + RESULT + ENDS + costs + WORDS}


class ReportWithForeignNumber(Wrong):
    part, loses = "text", 2
    hint = (
        "A decimal or a percentage of the text is no number of `summary`; `unsupported` finds "
        "it, and thresholds and versions count, too. If it finds none, a difference of shares "
        "is given in percent: it is one of points."
    )

    def experiment():
        return made_up(3, ahead=0.3)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return {"TEXT": HEAD + RESULT + ENDS + COSTS + "Others report 97.35 %. " + WORDS}


class ReportOfSwappedEnds(Wrong):
    part, loses = "text", 1
    hint = (
        "Two numbers stand in another order than asked for: the lower end of the interval right "
        "before the upper, and scores, sizes and times with the model's first. Are they swapped?"
    )

    def experiment():
        return made_up(3, ahead=0.3)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        ends = "The 95 % interval goes from {high:.1f} to {low:.1f} points. "
        return {"TEXT": HEAD + RESULT + ends + COSTS + WORDS}


class ReportWithoutCases(Wrong):
    part, loses = "text", 1
    hint = "The text does not say, in figures, how many test cases and how many seeds there were."

    def experiment():
        return made_up(3, ahead=0.3)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return {
            "TEXT": "On some cases we asked which is better. "
            + RESULT
            + ENDS
            + COSTS
            + WORDS
        }


class ReportInOneLine(Wrong):
    part, loses = "text", 1
    hint = (
        "All numbers are there, but it is not half a page: 150 to 350 words. What was asked, "
        "of whom, and where does it not hold?"
    )

    def experiment():
        return made_up(3, ahead=0.3)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return {"TEXT": HEAD + RESULT + ENDS + COSTS}


class ReportOfNothing(Wrong):
    """No hint foresees it."""

    part, loses = "text", 7

    def experiment():
        return made_up(3, ahead=0.3)

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return {
            "TEXT": "It works. "
            + WORDS
            + "Nothing else was measured, and nothing is known."
        }
