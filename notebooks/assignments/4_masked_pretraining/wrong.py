"""Misconceptions about masked pretraining and fair comparisons, each as a program."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tools.course.judge import Wrong


def given(variant: int) -> tuple[list[float], float]:
    """Training and test values of the first part."""
    return [2.0 + variant % 4, 4.0, 4.0 + variant % 3, 10.0], 13.0 + variant % 5


class HandWithSampleVariance(Wrong):
    part, loses = "hand", 2
    hint = (
        "Your deviation divides by n − 1, the estimate from a sample. The population's "
        "formula divides by n."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        training, test = given(variant)
        mean, deviation = np.mean(training), np.std(training, ddof=1)
        return {
            "by_hand": [float(it) for it in (mean, deviation, (test - mean) / deviation)]
        }


class HandWithTheTestValue(Wrong):
    part, loses = "hand", 3
    hint = (
        "The test value is in your mean and deviation. It has leaked into the scale by which "
        "it is judged."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        training, test = given(variant)
        mean, deviation = np.mean([*training, test]), np.std([*training, test])
        return {
            "by_hand": [float(it) for it in (mean, deviation, (test - mean) / deviation)]
        }


class HandWithVariance(Wrong):
    part, loses = "hand", 2
    hint = "Your second number is the variance; the deviation is its root."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        training, test = given(variant)
        mean, variance = np.mean(training), np.var(training)
        return {"by_hand": [float(it) for it in (mean, variance, (test - mean) / variance)]}


class HideAllAsMasks(Wrong):
    part, loses = "hide", 2
    hint = (
        "All chosen tokens become MASK. Then the network never needs a vector for a word that "
        "it can see, and later texts have no MASK in them."
    )

    def hide(tokens, rate, vocab_size, generator):
        chosen = (torch.rand(tokens.shape, generator=generator) < rate) & (tokens >= 5)
        return tokens.masked_fill(chosen, MASK), tokens.where(chosen, -100)


class HideSpecialTokens(Wrong):
    part, loses = "hide", 1
    hint = (
        "Special tokens are chosen, too: the network is asked to guess padding and the ends of "
        "texts, which is easy and teaches nothing."
    )

    def hide(tokens, rate, vocab_size, generator):
        chosen = torch.rand(tokens.shape, generator=generator) < rate
        fate, read = torch.rand(tokens.shape, generator=generator), tokens.clone()
        others = torch.randint(5, vocab_size, tokens.shape, generator=generator)
        read[chosen & (fate < 0.8)] = MASK
        swapped = chosen & (fate >= 0.8) & (fate < 0.9)
        read[swapped] = others[swapped]
        return read, tokens.where(chosen, -100)


class HideByTwoDraws(Wrong):
    part, loses = "hide", 1
    hint = (
        "Masks have their share, but only one chosen token in fifty becomes another word: your "
        "second draw takes a tenth of what the first has left over."
    )

    def hide(tokens, rate, vocab_size, generator):
        def draw():
            return torch.rand(tokens.shape, generator=generator)

        chosen, read = (draw() < rate) & (tokens >= 5), tokens.clone()
        masks = chosen & (draw() < 0.8)
        swapped = chosen & ~masks & (draw() < 0.1)
        others = torch.randint(5, vocab_size, tokens.shape, generator=generator)
        read[masks], read[swapped] = MASK, others[swapped]
        return read, tokens.where(chosen, -100)


class HideInPlace(Wrong):
    part, loses = "hide", 2
    hint = (
        "You write into `tokens` itself, so by the time the targets are taken, what stood "
        "there is gone."
    )

    def hide(tokens, rate, vocab_size, generator):
        chosen = (torch.rand(tokens.shape, generator=generator) < rate) & (tokens >= 5)
        fate, read = torch.rand(tokens.shape, generator=generator), tokens
        others = torch.randint(5, vocab_size, tokens.shape, generator=generator)
        read[chosen & (fate < 0.8)] = MASK
        swapped = chosen & (fate >= 0.8) & (fate < 0.9)
        read[swapped] = others[swapped]
        return read, tokens.where(chosen, -100)


class HideWithAnyToken(Wrong):
    part, loses = "hide", 1
    hint = "Your other words may be special tokens. Where does the range of the draw begin?"

    def hide(tokens, rate, vocab_size, generator):
        chosen = (torch.rand(tokens.shape, generator=generator) < rate) & (tokens >= 5)
        fate, read = torch.rand(tokens.shape, generator=generator), tokens.clone()
        others = torch.randint(0, vocab_size, tokens.shape, generator=generator)
        read[chosen & (fate < 0.8)] = MASK
        swapped = chosen & (fate >= 0.8) & (fate < 0.9)
        read[swapped] = others[swapped]
        return read, tokens.where(chosen, -100)


class HideAsksForMasksOnly(Wrong):
    part, loses = "hide", 4
    hint = (
        "Only what became MASK is asked for. All chosen tokens are, those that were swapped or "
        "left as they were among them."
    )

    def hide(tokens, rate, vocab_size, generator):
        chosen = (torch.rand(tokens.shape, generator=generator) < rate) & (tokens >= 5)
        fate, read = torch.rand(tokens.shape, generator=generator), tokens.clone()
        others = torch.randint(5, vocab_size, tokens.shape, generator=generator)
        read[chosen & (fate < 0.8)] = MASK
        swapped = chosen & (fate >= 0.8) & (fate < 0.9)
        read[swapped] = others[swapped]
        return read, tokens.where(read == MASK, -100).where(tokens >= 5, -100)


class HideAsksForChanges(Wrong):
    part, loses = "hide", 2
    hint = (
        "You ask only where the input has changed. The chosen tokens that were left as they were "
        "are asked for, too; else the network learns that a word it can see is always right."
    )

    def hide(tokens, rate, vocab_size, generator):
        chosen = (torch.rand(tokens.shape, generator=generator) < rate) & (tokens >= 5)
        fate, read = torch.rand(tokens.shape, generator=generator), tokens.clone()
        others = torch.randint(5, vocab_size, tokens.shape, generator=generator)
        read[chosen & (fate < 0.8)] = MASK
        swapped = chosen & (fate >= 0.8) & (fate < 0.9)
        read[swapped] = others[swapped]
        return read, tokens.where(read != tokens, -100)


class HideWholeColumns(Wrong):
    """No hint foresees it."""

    part, loses = "hide", 1

    def hide(tokens, rate, vocab_size, generator):
        places = torch.rand(tokens.shape[1], generator=generator) < rate
        chosen = places & (tokens >= 5)
        fate, read = torch.rand(tokens.shape, generator=generator), tokens.clone()
        others = torch.randint(5, vocab_size, tokens.shape, generator=generator)
        read[chosen & (fate < 0.8)] = MASK
        swapped = chosen & (fate >= 0.8) & (fate < 0.9)
        read[swapped] = others[swapped]
        return read, tokens.where(chosen, -100)


class LossOverAllPositions(Wrong):
    part, loses = "loss", 2
    hint = (
        "You divide by the number of all positions. The loss then shrinks with the rate at "
        "which words are hidden."
    )

    def masked_loss(logits, targets):
        total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
        return total / targets.numel()


class LossAtAllPositions(Wrong):
    part, loses = "loss", 3
    hint = (
        "Positions whose target is −100 are asked as if the answer were token 0. They should "
        "not count at all."
    )

    def masked_loss(logits, targets):
        return F.cross_entropy(logits.flatten(0, 1), targets.clamp(min=0).flatten())


class LossOfNothing(Wrong):
    part, loses = "loss", 1
    hint = (
        "Where nothing is asked, your mean is 0 / 0, and one such batch turns all weights into "
        "NaN."
    )

    def masked_loss(logits, targets):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class LossOfNothingStopsTraining(Wrong):
    part, loses = "loss", 1
    hint = (
        "Where nothing is asked, your 0 is a new number that does not depend on the logits, so "
        "`backward()` stops with an error."
    )

    def masked_loss(logits, targets):
        if (targets == -100).all():
            return torch.tensor(0.0)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class LossByRows(Wrong):
    part, loses = "loss", 1
    hint = (
        "You take means of rows and then their mean, so a question in a row of few counts "
        "more than one in a row of many."
    )

    def masked_loss(logits, targets):
        rows = []
        for row, its in zip(logits, targets, strict=True):
            if (its != -100).any():
                rows.append(F.cross_entropy(row, its))
        return torch.stack(rows).mean() if rows else logits.sum() * 0


class LossSummed(Wrong):
    """No hint foresees it."""

    part, loses = "loss", 2

    def masked_loss(logits, targets):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


class PoolOverPadding(Wrong):
    part, loses = "pool", 2
    hint = (
        "Hidden states of padding are in your mean, so a text's vector depends on the length "
        "of its neighbours in the batch."
    )

    def mean_pool(hidden, tokens):
        return hidden.mean(dim=1)


class PoolDividesByWidth(Wrong):
    part, loses = "pool", 1
    hint = (
        "Padding is left out of the sum but still counted: you divide by the width of the "
        "batch, so short texts get short vectors."
    )

    def mean_pool(hidden, tokens):
        return (hidden * (tokens != PAD)[..., None]).sum(dim=1) / tokens.shape[1]


class PoolOfNothing(Wrong):
    part, loses = "pool", 1
    hint = "A row of nothing but padding gives 0 / 0. The task says what it should give."

    def mean_pool(hidden, tokens):
        real = (tokens != PAD)[..., None]
        return (hidden * real).sum(dim=1) / real.sum(dim=1)


class PoolOfTheFirst(Wrong):
    part, loses = "pool", 3
    hint = (
        "Your vector is the state of the first token, as in BERT's own classifier. Here the "
        "mean over all tokens is asked for."
    )

    def mean_pool(hidden, tokens):
        return hidden[:, 0]


class PoolWithoutEnds(Wrong):
    part, loses = "pool", 1
    hint = "START and END are missing from your mean. Only PAD is left out."

    def mean_pool(hidden, tokens):
        real = (tokens > END)[..., None].float()
        return (hidden * real).sum(dim=1) / real.sum(dim=1).clamp(min=1)


class PoolOfTheLargest(Wrong):
    """No hint foresees it."""

    part, loses = "pool", 2

    def mean_pool(hidden, tokens):
        real = (tokens != PAD)[..., None]
        return hidden.masked_fill(~real, -math.inf).amax(dim=1).nan_to_num(neginf=0.0)


class GroupsOfEqualTexts(Wrong):
    part, loses = "groups", 2
    hint = (
        "Only equal texts are together in your groups. A copy with one changed word is still a "
        "copy: look for words in a row that both have."
    )

    def groups(texts, n=5):
        found = [" ".join(it.lower().split()) for it in texts]
        return [found.index(it) for it in found]


class GroupsWithoutChains(Wrong):
    part, loses = "groups", 1
    hint = (
        "A text that is related to two groups should join them into one; yours goes to the "
        "first alone, and the other part of the chain stays apart."
    )

    def groups(texts, n=5):
        runs, found = [], []
        for index, text in enumerate(texts):
            words = text.lower().split()
            its = {tuple(words[i : i + n]) for i in range(max(1, len(words) - n + 1))}
            related = [found[i] for i, other in enumerate(runs) if its & other]
            runs.append(its)
            found.append(related[0] if related else index)
        return found


class GroupsOfBags(Wrong):
    part, loses = "groups", 1
    hint = (
        "You count words that two texts have in common, wherever they stand. Related texts "
        "have them in a row."
    )

    def groups(texts, n=5):
        bags = [Counter(it.lower().split()) for it in texts]
        found = list(range(len(texts)))
        for i, one in enumerate(bags):
            for j, other in enumerate(bags[:i]):
                if (one & other).total() >= n or one == other:
                    old, new = found[i], found[j]
                    found = [new if it == old else it for it in found]
        return found


class GroupsLoseShortTexts(Wrong):
    part, loses = "groups", 1
    hint = (
        "Texts of fewer than n words have no run of n, so your groups miss that some of them "
        "are equal."
    )

    def groups(texts, n=5):
        found, owner = list(range(len(texts))), {}
        for index, text in enumerate(texts):
            words = text.lower().split()
            for start in range(len(words) - n + 1):
                first = owner.setdefault(tuple(words[start : start + n]), index)
                old, new = found[index], found[first]
                found = [new if it == old else it for it in found]
        return found


class GroupsByCase(Wrong):
    part, loses = "groups", 1
    hint = (
        "A word in capitals is another word to your function. The task says how words are taken "
        "from a text."
    )

    def groups(texts, n=5):
        found, owner = list(range(len(texts))), {}
        for index, text in enumerate(texts):
            words = text.split()
            for start in range(max(1, len(words) - n + 1)):
                first = owner.setdefault(tuple(words[start : start + n]), index)
                old, new = found[index], found[first]
                found = [new if it == old else it for it in found]
        return found


class SplitByTexts(Wrong):
    part, loses = "split", 1
    hint = (
        "Groups are torn apart: you draw texts, so copies of a test text are in training. Draw "
        "groups."
    )

    def split(groups, shares, seed):
        order = list(range(len(groups)))
        random.Random(seed).shuffle(order)
        ends = [round(it * len(order)) for it in np.cumsum(shares)]
        return [order[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]


class SplitByNumberOfGroups(Wrong):
    part, loses = "split", 1
    hint = (
        "Each part has its share of the groups, not of the texts; with groups of several sizes "
        "that is not the same."
    )

    def split(groups, shares, seed):
        order = sorted(set(groups))
        random.Random(seed).shuffle(order)
        ends = [round(it * len(order)) for it in np.cumsum(shares)]
        chosen = [set(order[a:b]) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        return [[i for i, it in enumerate(groups) if it in part] for part in chosen]


class SplitWithoutShuffling(Wrong):
    part, loses = "split", 1
    hint = (
        "Every seed gives the same parts: the order of the groups is not drawn at random."
    )

    def split(groups, shares, seed):
        order = sorted(range(len(groups)), key=lambda i: groups[i])
        parts, ends, laid = [[] for _ in shares], np.cumsum(shares) * len(groups), 0
        for group in sorted(set(groups)):
            its = [i for i in order if groups[i] == group]
            part = min(int((ends <= laid + 1e-9).sum()), len(shares) - 1)
            parts[part] += its
            laid += len(its)
        return parts


class SplitWithoutSeed(Wrong):
    part, loses = "split", 1
    hint = (
        "The same seed gives other parts each time, so no one can repeat your result: draw "
        "from a generator that is made from `seed`."
    )

    def split(groups, shares, seed):
        order = sorted(set(groups))
        random.SystemRandom().shuffle(order)
        parts, ends, laid = [[] for _ in shares], np.cumsum(shares) * len(groups), 0
        for group in order:
            its = [i for i, it in enumerate(groups) if it == group]
            part = min(int((ends <= laid + 1e-9).sum()), len(shares) - 1)
            parts[part] += its
            laid += len(its)
        return parts


class SplitWithOverlap(Wrong):
    part, loses = "split", 2
    hint = (
        "Some texts are in two parts and others in none: each part is drawn from all groups. "
        "What is taken must be gone."
    )

    def split(groups, shares, seed):
        draw, parts = random.Random(seed), []
        for share in shares:
            order, part = sorted(set(groups)), []
            draw.shuffle(order)
            for group in order:
                if len(part) >= share * len(groups):
                    break
                part += [i for i, it in enumerate(groups) if it == group]
            parts.append(part)
        return parts


class SplitLosesTheRest(Wrong):
    """No hint foresees it."""

    part, loses = "split", 2

    def split(groups, shares, seed):
        order = sorted(set(groups))
        random.Random(seed).shuffle(order)
        parts, left = [], list(order)
        for share in shares:
            part = []
            while left and len(part) < share * len(groups) - 20:
                group = left.pop()
                part += [i for i, it in enumerate(groups) if it == group]
            parts.append(part)
        return parts


class TfidfOfAll(Wrong):
    part, loses = "tfidf", 3
    hint = (
        "Columns and weights come from all texts, the test's among them. Only training texts "
        "may say which words there are and how rare each is."
    )

    def tfidf(training, others):
        texts = [it.lower().split() for it in (*training, *others)]
        words = sorted({word for text in texts for word in text})
        df = np.array([sum(word in text for text in texts) for word in words])
        found = np.array([[text.count(word) for word in words] for text in texts])
        found = found * (np.log((1 + len(texts)) / (1 + df)) + 1)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        found = found / np.where(lengths == 0, 1, lengths)
        return found[: len(training)], found[len(training) :]


class TfidfOfEachList(Wrong):
    part, loses = "tfidf", 1
    hint = (
        "The other texts have weights of their own: N and df are counted anew among them. They "
        "must be those of training."
    )

    def tfidf(training, others):
        words = sorted({word for text in training for word in text.lower().split()})

        def rows(texts):
            texts = [it.lower().split() for it in texts]
            df = np.array([sum(word in text for text in texts) for word in words])
            found = np.array([[text.count(word) for word in words] for text in texts])
            found = found * (np.log((1 + len(texts)) / (1 + df)) + 1)
            lengths = np.linalg.norm(found, axis=1, keepdims=True)
            return found / np.where(lengths == 0, 1, lengths)

        return rows(training), rows(others)


class TfidfWithoutLength(Wrong):
    part, loses = "tfidf", 3
    hint = "Your rows are not divided by their length, so long texts have large weights."

    def tfidf(training, others):
        words = sorted({word for text in training for word in text.lower().split()})
        lists = [it.lower().split() for it in training]
        df = np.array([sum(word in text for text in lists) for word in words])
        idf = np.log((1 + len(lists)) / (1 + df)) + 1
        return tuple(
            np.array(
                [[text.lower().split().count(word) for word in words] for text in texts]
            )
            * idf
            for texts in (training, others)
        )


class TfidfCountsOccurrences(Wrong):
    part, loses = "tfidf", 3
    hint = (
        "Your df counts how often a word occurs in all texts together. It is the number of "
        "texts that contain it, however often."
    )

    def tfidf(training, others):
        words = sorted({word for text in training for word in text.lower().split()})
        lists = [it.lower().split() for it in training]
        df = np.array([sum(text.count(word) for text in lists) for word in words])
        idf = np.log((1 + len(lists)) / (1 + df)) + 1

        def rows(texts):
            found = np.array(
                [[t.lower().split().count(word) for word in words] for t in texts]
            )
            lengths = np.linalg.norm(found * idf, axis=1, keepdims=True)
            return found * idf / np.where(lengths == 0, 1, lengths)

        return rows(training), rows(others)


class TfidfWithoutOne(Wrong):
    part, loses = "tfidf", 3
    hint = (
        "The 1 after the logarithm is missing: a word that all training texts contain has no "
        "weight in yours, and the others have too little."
    )

    def tfidf(training, others):
        words = sorted({word for text in training for word in text.lower().split()})
        lists = [it.lower().split() for it in training]
        df = np.array([sum(word in text for text in lists) for word in words])
        idf = np.log((1 + len(lists)) / (1 + df))

        def rows(texts):
            found = np.array(
                [[t.lower().split().count(word) for word in words] for t in texts]
            )
            lengths = np.linalg.norm(found * idf, axis=1, keepdims=True)
            return found * idf / np.where(lengths == 0, 1, lengths)

        return rows(training), rows(others)


class TfidfUnsmoothed(Wrong):
    part, loses = "tfidf", 3
    hint = (
        "Your logarithm is of N / df. In the task's fraction, something is added above and "
        "below."
    )

    def tfidf(training, others):
        words = sorted({word for text in training for word in text.lower().split()})
        lists = [it.lower().split() for it in training]
        df = np.array([sum(word in text for text in lists) for word in words])
        idf = np.log(len(lists) / df) + 1

        def rows(texts):
            found = np.array(
                [[t.lower().split().count(word) for word in words] for t in texts]
            )
            lengths = np.linalg.norm(found * idf, axis=1, keepdims=True)
            return found * idf / np.where(lengths == 0, 1, lengths)

        return rows(training), rows(others)


class TfidfOfNothing(Wrong):
    part, loses = "tfidf", 1
    hint = "A row without a known word has the length 0, and yours is then 0 / 0."

    def tfidf(training, others):
        words = sorted({word for text in training for word in text.lower().split()})
        lists = [it.lower().split() for it in training]
        df = np.array([sum(word in text for text in lists) for word in words])
        idf = np.log((1 + len(lists)) / (1 + df)) + 1

        def rows(texts):
            found = np.array(
                [[t.lower().split().count(word) for word in words] for t in texts]
            )
            with np.errstate(invalid="ignore"):
                return found * idf / np.linalg.norm(found * idf, axis=1, keepdims=True)

        return rows(training), rows(others)


class TfidfOfPresence(Wrong):
    """No hint foresees it."""

    part, loses = "tfidf", 3

    def tfidf(training, others):
        words = sorted({word for text in training for word in text.lower().split()})
        lists = [it.lower().split() for it in training]
        df = np.array([sum(word in text for text in lists) for word in words])
        idf = np.log((1 + len(lists)) / (1 + df)) + 1

        def rows(texts):
            found = np.array([[word in t.lower().split() for word in words] for t in texts])
            lengths = np.linalg.norm(found * idf, axis=1, keepdims=True)
            return found * idf / np.where(lengths == 0, 1, lengths)

        return rows(training), rows(others)


class ScaleOfSamples(Wrong):
    part, loses = "scale", 1
    hint = (
        "Your deviation divides by n − 1, as `torch.std` and pandas do unless told otherwise. "
        "The population's divides by n."
    )

    def standardise(training, *others):
        deviation = training.std(axis=0, ddof=1)
        deviation = np.where(deviation == 0, 1, deviation)
        return [(it - training.mean(axis=0)) / deviation for it in (training, *others)]


class ScaleOfEach(Wrong):
    part, loses = "scale", 2
    hint = (
        "Each table is standardised by itself, so the same value means one thing in training "
        "and another in the test."
    )

    def standardise(training, *others):
        found = []
        for it in (training, *others):
            deviation = it.std(axis=0)
            found.append((it - it.mean(axis=0)) / np.where(deviation == 0, 1, deviation))
        return found


class ScaleOfAll(Wrong):
    part, loses = "scale", 3
    hint = (
        "Mean and deviation are those of all tables together: the test has leaked through the "
        "scaler."
    )

    def standardise(training, *others):
        everything = np.concatenate([training, *others])
        mean, deviation = everything.mean(axis=0), everything.std(axis=0)
        deviation = np.where(deviation == 0, 1, deviation)
        return [(it - mean) / deviation for it in (training, *others)]


class ScaleOfConstants(Wrong):
    part, loses = "scale", 1
    hint = (
        "A column that is constant in training is divided by 0. The task says what to do."
    )

    def standardise(training, *others):
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, deviation = training.mean(axis=0), training.std(axis=0)
            return [(it - mean) / deviation for it in (training, *others)]


class ScaleOfTheWholeTable(Wrong):
    part, loses = "scale", 3
    hint = (
        "All columns get one common mean and deviation. Each column is a feature with a scale "
        "of its own."
    )

    def standardise(training, *others):
        return [(it - training.mean()) / training.std() for it in (training, *others)]


class ScaleNotDivided(Wrong):
    part, loses = "scale", 2
    hint = (
        "Means are right and nothing is divided by the deviations, so a feature in large units "
        "still outweighs the rest."
    )

    def standardise(training, *others):
        return [it - training.mean(axis=0) for it in (training, *others)]


class ScaleByTheRange(Wrong):
    """No hint foresees it."""

    part, loses = "scale", 3

    def standardise(training, *others):
        low, high = training.min(axis=0), training.max(axis=0)
        width = np.where(high == low, 1, high - low)
        return [(it - low) / width - 0.1 for it in (training, *others)]


class ChooseOnTest(Wrong):
    part, loses = "choose", 2
    hint = (
        "You ask the test for all candidates and take the best of them, which reports luck as "
        "skill. The choice belongs to validation."
    )

    def choose(candidates, validation_score, test_score):
        scores = [test_score(it) for it in candidates]
        best = scores.index(max(scores))
        validated = [validation_score(it) for it in candidates]
        return candidates[best], validated[best], scores[best]


class ChooseLooksAtTheTest(Wrong):
    part, loses = "choose", 1
    hint = (
        "The choice is right, but the test was asked for all candidates. What has been seen "
        "once cannot be unseen: ask for the chosen one alone."
    )

    def choose(candidates, validation_score, test_score):
        found = [(validation_score(it), test_score(it)) for it in candidates]
        best = max(range(len(found)), key=lambda i: found[i][0])
        return candidates[best], *found[best]


class ChooseTheLastOfEquals(Wrong):
    part, loses = "choose", 1
    hint = "Among equals you take the last; the first is asked for."

    def choose(candidates, validation_score, test_score):
        best, top = None, -math.inf
        for it in candidates:
            if (score := validation_score(it)) >= top:
                best, top = it, score
        return best, top, test_score(best)


class ChooseReportsValidation(Wrong):
    part, loses = "choose", 2
    hint = (
        "Your test score is the validation score of the chosen candidate, which the choice has "
        "made too good. Ask the test, once."
    )

    def choose(candidates, validation_score, test_score):
        scores = [validation_score(it) for it in candidates]
        return candidates[scores.index(max(scores))], max(scores), max(scores)


class ChooseTheLowest(Wrong):
    part, loses = "choose", 1
    hint = "You take the candidate of the lowest score. Here higher is better."

    def choose(candidates, validation_score, test_score):
        scores = [validation_score(it) for it in candidates]
        best = scores.index(min(scores))
        return candidates[best], scores[best], test_score(candidates[best])


class ChooseTrainsTwice(Wrong):
    part, loses = "choose", 1
    hint = (
        "The chosen candidate is validated once more after the choice, which trains a model a "
        "second time. You have its score already."
    )

    def choose(candidates, validation_score, test_score):
        best = max(candidates, key=validation_score)
        return best, validation_score(best), test_score(best)


class IntervalUnpaired(Wrong):
    part, loses = "interval", 2
    hint = (
        "You draw texts for each model separately, so the interval holds the luck of easy and hard "
        "texts twice. Both models must be looked at on the same draw."
    )

    def interval(first, second, n_draws=2_000, seed=0):
        draw, n = np.random.default_rng(seed), len(first)
        one = first[draw.integers(n, size=(n_draws, n))].mean(axis=1)
        other = second[draw.integers(n, size=(n_draws, n))].mean(axis=1)
        ends = np.percentile(100 * (one - other), [2.5, 97.5])
        return 100 * float(first.mean() - second.mean()), float(ends[0]), float(ends[1])


class IntervalOfNinety(Wrong):
    part, loses = "interval", 1
    hint = (
        "Your ends are the 5th and 95th percentile, which leave out a tenth of the draws. 95 % "
        "leave out 2.5 % at each side."
    )

    def interval(first, second, n_draws=2_000, seed=0):
        gains = 100 * (first.astype(float) - second)
        draws = np.random.default_rng(seed).integers(len(gains), size=(n_draws, len(gains)))
        low, high = np.percentile(gains[draws].mean(axis=1), [5, 95])
        return float(gains.mean()), float(low), float(high)


class IntervalInShares(Wrong):
    part, loses = "interval", 2
    hint = "Your numbers are shares between −1 and 1. Percentage points are asked for."

    def interval(first, second, n_draws=2_000, seed=0):
        gains = first.astype(float) - second
        draws = np.random.default_rng(seed).integers(len(gains), size=(n_draws, len(gains)))
        low, high = np.percentile(gains[draws].mean(axis=1), [2.5, 97.5])
        return float(gains.mean()), float(low), float(high)


class IntervalReversed(Wrong):
    part, loses = "interval", 1
    hint = "Your difference is second minus first: a better first model would look worse."

    def interval(first, second, n_draws=2_000, seed=0):
        gains = 100 * (second.astype(float) - first)
        draws = np.random.default_rng(seed).integers(len(gains), size=(n_draws, len(gains)))
        low, high = np.percentile(gains[draws].mean(axis=1), [2.5, 97.5])
        return float(gains.mean()), float(low), float(high)


class IntervalOfOneDeviation(Wrong):
    part, loses = "interval", 1
    hint = (
        "Your ends are one standard deviation of the draws away, which holds two thirds of "
        "them and not 95 %."
    )

    def interval(first, second, n_draws=2_000, seed=0):
        gains = 100 * (first.astype(float) - second)
        draws = np.random.default_rng(seed).integers(len(gains), size=(n_draws, len(gains)))
        mean, deviation = gains.mean(), gains[draws].mean(axis=1).std()
        return float(mean), float(mean - deviation), float(mean + deviation)


class IntervalOfHalfTheTexts(Wrong):
    """No hint foresees it."""

    part, loses = "interval", 1

    def interval(first, second, n_draws=2_000, seed=0):
        gains = 100 * (first.astype(float) - second)
        draws = np.random.default_rng(seed).integers(
            len(gains), size=(n_draws, len(gains) // 2)
        )
        low, high = np.percentile(gains[draws].mean(axis=1), [2.5, 97.5])
        return float(gains.mean()), float(low), float(high)
