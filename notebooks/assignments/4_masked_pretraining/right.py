"""Right solutions that look different: loops, library calls, other names and other dtypes."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tools.course.judge import Right


def given(variant: int) -> tuple[list[float], float]:
    """Training and test values of the first part."""
    return [2.0 + variant % 4, 4.0, 4.0 + variant % 3, 10.0], 13.0 + variant % 5


class HandRounded(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        training, test = given(variant)
        mean, deviation = np.mean(training), np.std(training)
        return {
            "by_hand": [round(float(it), 2) for it in (mean, deviation)]
            + [round(float((test - mean) / deviation), 3)]
        }


class HandFromSquares(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        training, test = given(variant)
        mean = sum(training) / 4
        deviation = (sum(it * it for it in training) / 4 - mean**2) ** 0.5
        return {"by_hand": (mean, deviation, (test - mean) / deviation)}


class HandByTorch(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        training, test = given(variant)
        deviation, mean = torch.std_mean(torch.tensor(training), correction=0)
        return {
            "by_hand": torch.stack([mean, deviation, (test - mean) / deviation]).tolist()
        }


class HideInSteps(Right):
    part = "hide"

    def hide(tokens, rate, vocab_size, generator):
        targets, read = torch.full_like(tokens, -100), tokens.clone()
        where = (tokens > UNKNOWN) & torch.rand(tokens.shape, generator=generator).lt(rate)
        targets[where] = tokens[where]
        fate = torch.rand(int(where.sum()), generator=generator)
        others = torch.randint(5, vocab_size, fate.shape, generator=generator)
        filled = torch.where(fate < 0.8, MASK, others)
        read[where] = torch.where(fate < 0.9, filled, tokens[where])
        return read, targets


class HideByTwoConditionalDraws(Right):
    part = "hide"

    def hide(tokens, rate, vocab_size, generator):
        def happens(share):
            chances = torch.full(tokens.shape, share)
            return torch.bernoulli(chances, generator=generator).bool()

        chosen = happens(rate) & ~torch.isin(tokens, torch.tensor(list(SPECIAL)))
        masks = chosen & happens(0.8)
        swapped = chosen & ~masks & happens(0.5)  # half of what the first has left
        read = tokens.masked_fill(masks, MASK)
        read[swapped] = torch.randint(
            5, vocab_size, (int(swapped.sum()),), generator=generator
        )
        return read, tokens.masked_fill(~chosen, -100)


class HideByCategories(Right):
    part = "hide"

    def hide(tokens, rate, vocab_size, generator):
        shares = torch.tensor([0.8 * rate, 0.1 * rate, 0.1 * rate, 1 - rate])
        drawn = torch.multinomial(
            shares, tokens.numel(), replacement=True, generator=generator
        )
        drawn = torch.where(tokens < 5, 3, drawn.view(tokens.shape))
        others = torch.randint_like(tokens, 0, 1) + torch.randint(
            5, vocab_size, tokens.shape, generator=generator
        )
        kinds = torch.stack([torch.full_like(tokens, MASK), others, tokens, tokens])
        read = kinds.gather(0, drawn[None])[0]
        return read, torch.where(drawn == 3, -100, tokens)


class LossOfChosen(Right):
    part = "loss"

    def masked_loss(logits, targets):
        asked = targets != -100
        if not asked.any():
            return logits.sum() * 0
        return F.cross_entropy(logits[asked], targets[asked])


class LossByGather(Right):
    part = "loss"

    def masked_loss(logits, targets):
        asked = (targets >= 0).double()
        costs = -logits.double().log_softmax(-1).gather(-1, targets.clamp(min=0)[..., None])
        return (costs[..., 0] * asked).sum() / max(1, asked.sum().item())


class LossByLoop(Right):
    part = "loss"

    def masked_loss(logits, targets):
        costs = [
            row[t].logsumexp(0) - row[t, answer]
            for row, its in zip(logits, targets, strict=True)
            for t, answer in enumerate(its.tolist())
            if answer != -100
        ]
        return torch.stack(costs).mean() if costs else 0 * logits.mean()


class PoolByLoop(Right):
    part = "pool"

    def mean_pool(hidden, tokens):
        rows = []
        for states, its in zip(hidden, tokens, strict=True):
            kept = states[its != PAD]
            rows.append(
                kept.mean(dim=0) if len(kept) else states.new_zeros(states.shape[1])
            )
        return torch.stack(rows)


class PoolByEinsum(Right):
    part = "pool"

    def mean_pool(hidden, tokens):
        real = tokens.ne(0).to(hidden.dtype)
        weights = real / real.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.einsum("bt,btd->bd", weights, hidden)


class PoolByNanmean(Right):
    part = "pool"

    def mean_pool(hidden, tokens):
        padding = (tokens == PAD).unsqueeze(-1)
        return hidden.double().masked_fill(padding, math.nan).nanmean(dim=1).nan_to_num()


class GroupsByUnion(Right):
    part = "groups"

    def groups(texts, n=5):
        parent, seen = list(range(len(texts))), {}

        def root(i):
            while parent[i] != i:
                i = parent[i]
            return i

        for i, text in enumerate(texts):
            words = text.lower().split()
            runs = [" ".join(words[k : k + n]) for k in range(len(words) - n + 1)]
            for run in runs or [" ".join(words) + " (whole)"]:
                parent[root(i)] = root(seen.setdefault(run, i))
        return [root(i) for i in range(len(texts))]


class GroupsByMatrix(Right):
    part = "groups"

    def groups(texts, n=5):
        runs = []
        for text in texts:
            words = text.lower().split()
            size = min(n, len(words))
            runs.append({tuple(words[i : i + size]) for i in range(len(words) - size + 1)})
        linked = np.array([[bool(a & b) or a == b for b in runs] for a in runs])
        for _ in texts:
            linked = linked @ linked
        return linked.argmax(axis=1)


class GroupsBySearch(Right):
    part = "groups"

    def groups(texts, n=5):
        having, runs, found = {}, [], [-1] * len(texts)
        for i, text in enumerate(texts):
            words = text.lower().split()
            runs.append(
                [tuple(words[k : k + n]) for k in range(max(1, len(words) - n + 1))]
            )
            for run in runs[i]:
                having.setdefault(run, []).append(i)
        for i in range(len(texts)):
            waiting = [i] if found[i] < 0 else []
            while waiting:
                it = waiting.pop()
                if found[it] < 0:
                    found[it] = 1_000 + i
                    waiting += [other for run in runs[it] for other in having[run]]
        return found


class SplitWithNumpy(Right):
    part = "split"

    def split(groups, shares, seed):
        groups = np.array(groups)
        order = np.random.default_rng(seed).permutation(np.unique(groups))
        parts, laid, ends = [[] for _ in shares], 0, np.cumsum(shares) * len(groups)
        for group in order:
            its = np.flatnonzero(groups == group).tolist()
            part = next(
                (i for i, end in enumerate(ends) if laid < end - 1e-6), len(ends) - 1
            )
            parts[part].extend(its)
            laid += len(its)
        return parts


class SplitByNeed(Right):
    part = "split"

    def split(groups, shares, seed):
        rng, members = random.Random(seed), {}
        for i, it in enumerate(groups):
            members.setdefault(it, []).append(i)
        parts = [[] for _ in shares]
        blocks = list(members.values())
        rng.shuffle(blocks)
        for block in blocks:
            lacking = [
                share * len(groups) - len(part) for share, part in zip(shares, parts)
            ]
            parts[lacking.index(max(lacking))] += block
        return parts


class SplitLargestFirst(Right):
    part = "split"

    def split(groups, shares, seed):
        generator = torch.Generator().manual_seed(seed)
        names = sorted(set(groups))
        names = [names[i] for i in torch.randperm(len(names), generator=generator).tolist()]
        names.sort(key=groups.count, reverse=True)
        parts = [[] for _ in shares]
        for name in names:
            gaps = [len(part) - share * len(groups) for part, share in zip(parts, shares)]
            parts[int(np.argmin(gaps))].extend(
                i for i, it in enumerate(groups) if it == name
            )
        return [sorted(part) for part in parts]


class TfidfByScikit(Right):
    part = "tfidf"

    def tfidf(training, others):
        from sklearn.feature_extraction.text import TfidfVectorizer

        counter = TfidfVectorizer(tokenizer=str.split, token_pattern=None)
        return counter.fit_transform(training).toarray(), counter.transform(
            others
        ).toarray()


class TfidfByLoop(Right):
    part = "tfidf"

    def tfidf(training, others):
        lists = [text.lower().split() for text in training]
        words = sorted(set().union(*lists))
        n, tables = len(lists), []
        for texts in (lists, [text.lower().split() for text in others]):
            table = np.zeros((len(texts), len(words)))
            for row, text in zip(table, texts, strict=True):
                for word in text:
                    if word in words:
                        df = sum(word in it for it in lists)
                        row[words.index(word)] += math.log((1 + n) / (1 + df)) + 1
                if row.any():
                    row /= math.sqrt((row**2).sum())
            tables.append(table)
        return tables[0], tables[1]


class TfidfByTorch(Right):
    part = "tfidf"

    def tfidf(training, others):
        known = sorted({word for text in training for word in text.lower().split()})
        place = {word: i for i, word in enumerate(known)}

        def counts(texts):
            found = torch.zeros(len(texts), len(known))
            for i, text in enumerate(texts):
                for word, count in Counter(text.lower().split()).items():
                    if word in place:
                        found[i, place[word]] = count
            return found

        tf = counts(training)
        idf = ((1 + len(tf)) / (1 + (tf > 0).sum(dim=0))).log() + 1
        return tuple(
            nn.functional.normalize(it * idf, dim=1).numpy() for it in (tf, counts(others))
        )


class ScaleByScikit(Right):
    part = "scale"

    def standardise(training, *others):
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(training)
        return [scaler.transform(it) for it in [training, *others]]


class ScaleByColumns(Right):
    part = "scale"

    def standardise(training, *others):
        found = [np.array(it, dtype=float) for it in (training, *others)]
        for j in range(training.shape[1]):
            column = [float(it) for it in training[:, j]]
            mean = sum(column) / len(column)
            variance = sum((it - mean) ** 2 for it in column) / len(column)
            for table in found:
                table[:, j] -= mean
                if variance > 0:
                    table[:, j] /= variance**0.5
        return found


class ScaleByTorch(Right):
    part = "scale"

    def standardise(training, *others):
        deviation, mean = torch.std_mean(torch.as_tensor(training), dim=0, unbiased=False)
        deviation[deviation == 0] = 1.0
        return [
            ((torch.as_tensor(it) - mean) / deviation).numpy() for it in (training, *others)
        ]


class ChooseByLoop(Right):
    part = "choose"

    def choose(candidates, validation_score, test_score):
        best, top = None, -math.inf
        for candidate in candidates:
            score = validation_score(candidate)
            if score > top:
                best, top = candidate, score
        return best, top, test_score(best)


class ChooseByArgmax(Right):
    part = "choose"

    def choose(candidates, validation_score, test_score):
        scores = np.array([validation_score(it) for it in candidates])
        i = int(scores.argmax())
        return (candidates[i], float(scores[i]), test_score(candidates[i]))


class ChooseBySorting(Right):
    part = "choose"

    def choose(candidates, validation_score, test_score):
        table = {it: validation_score(it) for it in candidates}
        best = sorted(table, key=lambda it: -table[it])[0]
        return best, table[best], test_score(best)


class IntervalByLoop(Right):
    part = "interval"

    def interval(first, second, n_draws=2_000, seed=0):
        rng, n = np.random.default_rng(seed), len(first)
        found = []
        for _ in range(n_draws):
            drawn = rng.choice(n, size=n, replace=True)
            found.append(100 * (first[drawn].mean() - second[drawn].mean()))
        found.sort()
        low, high = found[int(0.025 * n_draws)], found[int(0.975 * n_draws) - 1]
        return 100 * (first.mean() - second.mean()), low, high


class IntervalByCounts(Right):
    part = "interval"

    def interval(first, second, n_draws=2_000, seed=0):
        rng, n = np.random.default_rng(seed), len(first)
        wins, losses = (first & ~second).sum() / n, (second & ~first).sum() / n
        counts = rng.multinomial(n, [wins, losses, 1 - wins - losses], size=n_draws)
        gains = (counts[:, 0] - counts[:, 1]) / n * 100
        return (wins - losses) * 100, np.quantile(gains, 0.025), np.quantile(gains, 0.975)


class IntervalByTorch(Right):
    part = "interval"

    def interval(first, second, n_draws=2_000, seed=0):
        generator = torch.Generator().manual_seed(seed)
        gains = torch.tensor(first).double() - torch.tensor(second).double()
        drawn = torch.randint(len(gains), (n_draws, len(gains)), generator=generator)
        means = gains[drawn].mean(dim=1) * 100
        low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
        return gains.mean().item() * 100, low.item(), high.item()
