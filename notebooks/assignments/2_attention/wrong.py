"""Misconceptions about attention, each as the program of someone who has it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tools.course.judge import Wrong


def products(variant: int) -> Tensor:
    """The products of the query and the keys of the first part."""
    query = torch.tensor([2.0, variant % 3 - 1, 1, 1])
    keys = torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, variant % 5 - 2], [1, 1, 0, 2]])
    return keys @ query


class HandWithoutScale(Wrong):
    part, loses = "hand", 3
    hint = (
        "These are the weights without the division by the root of the width. How wide is the "
        "query?"
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return {"by_hand": products(variant).softmax(dim=0).tolist()}


class HandWithoutExponential(Wrong):
    part, loses = "hand", 3
    hint = "You divided each score by the sum of the scores. The softmax takes exponentials first."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return {"by_hand": (products(variant) / products(variant).sum()).tolist()}


class HandScaledByWidth(Wrong):
    part, loses = "hand", 3
    hint = (
        "You divided by the width itself; a sum of d products of independent numbers grows "
        "like the root of d."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return {"by_hand": (products(variant) / 4).softmax(dim=0).tolist()}


class ScoresWithoutScale(Wrong):
    part, loses = "scores", 4
    hint = (
        "Your scores are not divided by the root of the vectors' width, so they grow with it "
        "and the softmax saturates."
    )

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ keys.transpose(-1, -2)


class ScoresScaledByWidth(Wrong):
    part, loses = "scores", 4
    hint = (
        "You divide by the width of the vectors. Which power of it keeps the variance of a "
        "product at one?"
    )

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ keys.transpose(-1, -2) / queries.shape[-1]


class ScoresScaledByLength(Wrong):
    part, loses = "scores", 4
    hint = (
        "You divide by the root of the number of keys. The scale belongs to the sum inside a "
        "product: what is its length?"
    )

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ keys.transpose(-1, -2) / math.sqrt(keys.shape[-2])


class ScoresOfKeysFirst(Wrong):
    part, loses = "scores", 5
    hint = "Rows and columns are exchanged: row i should hold the scores of query i with all keys."

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        return keys @ queries.transpose(-1, -2) / math.sqrt(keys.shape[-1])


class ScoresWithFixedScale(Wrong):
    part, loses = "scores", 1
    hint = (
        "The scale is right for vectors of width 8 alone. Take the width from the tensors."
    )

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ keys.transpose(-1, -2) / math.sqrt(8)


class ScoresOfThreeAxes(Wrong):
    part, loses = "scores", 3
    hint = (
        "It works for tensors of three axes alone (`bmm` and an `einsum` with a fixed number "
        "of letters do). There may be any number of leading axes, and none."
    )

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(queries, keys.mT) / math.sqrt(keys.shape[-1])


class ScoresOfFourAxes(Wrong):
    part, loses = "scores", 3
    hint = (
        "It works for tensors of four axes alone, batch and heads in front. Here there may be "
        "any number of leading axes, and none."
    )

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        return torch.einsum("bhqd,bhkd->bhqk", queries, keys) / math.sqrt(keys.shape[-1])


class ScoresOfAxesOneAndTwo(Wrong):
    part, loses = "scores", 3
    hint = (
        "You exchange axes 1 and 2. Those are the last two of a tensor with three axes, and of "
        "no other: count from the end."
    )

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ keys.transpose(1, 2) / math.sqrt(keys.shape[-1])


class ScoresWithPlainTranspose(Wrong):
    part, loses = "scores", 4
    hint = (
        "`.T` or `.mT`-like flips work for matrices; here tensors have leading axes. Exchange "
        "the last two axes only."
    )

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        if keys.ndim > 2:
            raise RuntimeError("shapes do not fit")
        return queries @ keys.T / math.sqrt(keys.shape[-1])


class SoftmaxOverQueries(Wrong):
    part, loses = "weights", 4
    hint = (
        "Your columns sum to one, not your rows: the softmax runs over the queries. Each "
        "query spreads its weight over keys."
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.masked_fill(~allowed, -math.inf).softmax(dim=-2).nan_to_num()


class MaskInverted(Wrong):
    part, loses = "weights", 5
    hint = (
        "The weights lie exactly where the mask says no. True means that a query may look."
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.masked_fill(allowed, -math.inf).softmax(dim=-1).nan_to_num()


class MaskAfterSoftmax(Wrong):
    part, loses = "weights", 3
    hint = (
        "What is masked has no weight, but the others sum to less than one: mask the scores, "
        "before the softmax."
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.softmax(dim=-1) * allowed


class MaskWithZero(Wrong):
    part, loses = "weights", 4
    hint = (
        "A score of zero is a score like others: its exponential is 1. Which score has an "
        "exponential of zero?"
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        return (scores * allowed).softmax(dim=-1)


class NothingIsNan(Wrong):
    part, loses = "weights", 1
    hint = (
        "A query that may look at nothing gets NaN from your softmax (0 / 0). The task says "
        "what it should get."
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.masked_fill(~allowed, -math.inf).softmax(dim=-1)


class ExponentialOverflows(Wrong):
    part, loses = "weights", 1
    hint = (
        "Right for small scores, but the exponential of a large one is infinite, and those of "
        "a row far below zero are all 0. What may be subtracted from a row without a change "
        "of its weights?"
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        powers = scores.exp() * allowed
        return powers / powers.sum(dim=-1, keepdim=True).clamp_min(1e-30)


class NothingIsUniform(Wrong):
    part, loses = "weights", 1
    hint = (
        "An empty row becomes uniform: where all scores are replaced by the same number, "
        "however low, all weights are equal. The task says what such a row should get."
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        return scores.masked_fill(~allowed, -1e9).softmax(dim=-1)


class LargestOfAll(Wrong):
    part, loses = "weights", 1
    hint = (
        "You subtract the largest score of the whole tensor. In a row that lies thousands "
        "below it all exponentials are 0; each row has a largest score of its own."
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        low = scores.masked_fill(~allowed, -math.inf)
        powers = (low - low.max()).exp()
        return powers / powers.sum(dim=-1, keepdim=True).clamp_min(1e-30)


class LargestIsMasked(Wrong):
    part, loses = "weights", 1
    hint = (
        "Where a masked score lies thousands above the allowed ones, these lose their weight: "
        "it was still among them when you took the row's largest score or a softmax. Mask first."
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        powers = (scores - scores.amax(dim=-1, keepdim=True)).exp() * allowed
        return powers / powers.sum(dim=-1, keepdim=True).clamp_min(1e-30)


class RenormalisedAfterSoftmax(Wrong):
    part, loses = "weights", 2
    hint = (
        "You mask after the softmax and divide by what is left of a row. Nothing is left of an "
        "empty row, nor where a masked score lies far above the others: 0 / 0."
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        found = scores.softmax(dim=-1) * allowed
        return found / found.sum(dim=-1, keepdim=True)


class MaskedByAThousand(Wrong):
    part, loses = "weights", 2
    hint = (
        "You lower masked scores by a fixed number. Scores that lie thousands above the others "
        "get through, and an empty row keeps its weights."
    )

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        return (scores - 1_000 * (~allowed)).softmax(dim=-1)


class CausalUpsideDown(Wrong):
    part, loses = "causal", 4
    hint = (
        "Your positions see the future and not the past. Row i is who looks, column j is what "
        "is looked at."
    )

    def causal(length: int, window: int | None = None) -> Tensor:
        i, j = torch.arange(length)[:, None], torch.arange(length)
        return (j >= i) & (j < i + (window or length))


class CausalWithoutItself(Wrong):
    part, loses = "causal", 5
    hint = "No position sees itself, so the first sees nothing at all. Is j ≤ i or j < i asked for?"

    def causal(length: int, window: int | None = None) -> Tensor:
        i, j = torch.arange(length)[:, None], torch.arange(length)
        return (j < i) & (i - j <= (window or length))


class WindowOneTooWide(Wrong):
    part, loses = "causal", 1
    hint = (
        "The window is one position too wide: a position counts itself among the `window` "
        "positions that it sees."
    )

    def causal(length: int, window: int | None = None) -> Tensor:
        i, j = torch.arange(length)[:, None], torch.arange(length)
        return (j <= i) & (i - j <= (length if window is None else window))


class WindowIgnored(Wrong):
    part, loses = "causal", 1
    hint = "The window has no effect: with one, the past ends somewhere, too."

    def causal(length: int, window: int | None = None) -> Tensor:
        return torch.ones(length, length, dtype=torch.bool).tril()


class CausalOnBothSides(Wrong):
    part, loses = "causal", 4
    hint = (
        "Your positions see to both sides: only the distance counts. Read from left to right, "
        "what comes later is not there yet."
    )

    def causal(length: int, window: int | None = None) -> Tensor:
        apart = torch.arange(length)[:, None] - torch.arange(length)
        return apart.abs() < (window or length)


class CausalOfNumbers(Wrong):
    part, loses = "causal", 1
    hint = "The right places, but as numbers 0 and 1: `True` and `False` are asked for."

    def causal(length: int, window: int | None = None) -> Tensor:
        back = torch.arange(length)[:, None] - torch.arange(length)
        return ((back >= 0) & (back < (window or length))).float()


class CausalAsAddend(Wrong):
    part, loses = "causal", 5
    hint = (
        "You give a mask to be added to scores, 0 and minus infinity. Here a mask says `True` "
        "where a position may look."
    )

    def causal(length: int, window: int | None = None) -> Tensor:
        back = torch.arange(length)[:, None] - torch.arange(length)
        seen = (back >= 0) & (back < (window or length))
        return torch.zeros(length, length).masked_fill(~seen, -math.inf)


class HeadsByView(Wrong):
    part, loses = "attend", 4
    hint = (
        "Splitting by one `view` mixes positions and channels: first split the last axis, "
        "then move the heads' axis forward."
    )

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        q, k, v = (
            it.reshape(len(it), n_heads, it.shape[1], -1) for it in (queries, keys, values)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return (weights(scores, allowed) @ v).reshape(queries.shape)


class HeadsNotMovedBack(Wrong):
    part, loses = "attend", 4
    hint = (
        "The heads are joined without moving their axis back behind the positions, so "
        "positions and channels are mixed."
    )

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        q, k, v = (
            it.unflatten(-1, (n_heads, -1)).transpose(1, 2)
            for it in (queries, keys, values)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return (weights(scores, allowed) @ v).reshape(queries.shape)


class HeadsScaledAsOne(Wrong):
    part, loses = "attend", 4
    hint = "The scale uses the width of all heads together; each head's products have fewer terms."

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        q, k, v = (
            it.unflatten(-1, (n_heads, -1)).transpose(1, 2)
            for it in (queries, keys, values)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(queries.shape[-1])
        return (weights(scores, allowed) @ v).transpose(1, 2).flatten(2)


class HeadsNotSplit(Wrong):
    part, loses = "attend", 4
    hint = (
        "Your `n_heads` has no effect: the whole width attends as one head. First split the "
        "channels."
    )

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        return weights(scores(queries, keys), allowed) @ values


class HeadsInterleaved(Wrong):
    part, loses = "attend", 4
    hint = (
        "A head gets every `n_heads`-th channel. The groups are neighbours: the first head has "
        "the first channels."
    )

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        q, k, v = (
            it.unflatten(-1, (-1, n_heads)).permute(0, 3, 1, 2)
            for it in (queries, keys, values)
        )
        return (weights(scores(q, k), allowed) @ v).permute(0, 2, 3, 1).flatten(2)


class HeadsOfEqualLengths(Wrong):
    part, loses = "attend", 2
    hint = (
        "It stops where there are more keys than queries: keys and values have m positions, "
        "and you give them the n of the queries."
    )

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        batch, n, d = queries.shape
        q, k, v = (
            it.reshape(batch, n, n_heads, d // n_heads).transpose(1, 2)
            for it in (queries, keys, values)
        )
        return (weights(scores(q, k), allowed) @ v).transpose(1, 2).flatten(2)


class HeadsIgnoreMask(Wrong):
    part, loses = "attend", 2
    hint = "The mask has no effect on your heads. Pass it on to the weights."

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        q, k, v = (
            it.unflatten(-1, (n_heads, -1)).transpose(1, 2)
            for it in (queries, keys, values)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)


class RotatedBackwards(Wrong):
    part, loses = "rotate", 3
    hint = "Your pairs turn the other way round: look at the signs of the sines."

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        angles = positions[:, None] * base ** (-torch.arange(0, width, 2) / width)
        a, b = vectors[..., 0::2], vectors[..., 1::2]
        c, s = angles.cos(), angles.sin()
        return torch.stack([a * c + b * s, b * c - a * s], dim=-1).flatten(-2)


class RotatedInHalves(Wrong):
    part, loses = "rotate", 3
    hint = (
        "You pair channel i with channel i + d/2. That works as well (Llama does so), but the "
        "task asks for neighbours."
    )

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        angles = positions[:, None] * base ** (-torch.arange(0, width, 2) / width)
        a, b = vectors.chunk(2, dim=-1)
        c, s = angles.cos(), angles.sin()
        return torch.cat([a * c - b * s, b * c + a * s], dim=-1)


class RotatedAllAlike(Wrong):
    part, loses = "rotate", 3
    hint = "All pairs turn equally fast. The frequency of pair i is base to the power of −2i/d."

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        angles = positions[:, None].float()
        a, b = vectors[..., 0::2], vectors[..., 1::2]
        c, s = angles.cos(), angles.sin()
        return torch.stack([a * c - b * s, b * c + a * s], dim=-1).flatten(-2)


class RotatedFromOne(Wrong):
    part, loses = "rotate", 4
    hint = "Position 0 is turned, too: your positions begin at 1."

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        angles = (positions[:, None] + 1) * base ** (-torch.arange(0, width, 2) / width)
        a, b = vectors[..., 0::2], vectors[..., 1::2]
        c, s = angles.cos(), angles.sin()
        return torch.stack([a * c - b * s, b * c + a * s], dim=-1).flatten(-2)


class RotatedByHalfTheExponent(Wrong):
    part, loses = "rotate", 3
    hint = (
        "Your frequencies fall half as fast as they should: for pair i the exponent is −i/d. "
        "Channels 2i and 2i + 1 are pair i; compare with the formula."
    )

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        angles = positions[:, None] * base ** (-torch.arange(width // 2) / width)
        a, b = vectors[..., 0::2], vectors[..., 1::2]
        c, s = angles.cos(), angles.sin()
        return torch.stack([a * c - b * s, b * c + a * s], dim=-1).flatten(-2)


class RotatedThenJoined(Wrong):
    part, loses = "rotate", 4
    hint = (
        "The pairs are turned rightly and then put down in another order: all first "
        "coordinates, then all second ones. Each must go back to its own channel."
    )

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        angles = positions[:, None] * base ** (-torch.arange(0, width, 2) / width)
        a, b = vectors[..., 0::2], vectors[..., 1::2]
        c, s = angles.cos(), angles.sin()
        return torch.cat([a * c - b * s, b * c + a * s], dim=-1)


class RotatedWhileRead(Wrong):
    part, loses = "rotate", 5
    hint = (
        "The first coordinate is overwritten before the second is computed from it. A slice of "
        "a tensor is no copy."
    )

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        angles = positions[:, None] * base ** (-torch.arange(0, width, 2) / width)
        found = vectors.clone()
        a, b = found[..., 0::2], found[..., 1::2]
        found[..., 0::2] = a * angles.cos() - b * angles.sin()
        found[..., 1::2] = b * angles.cos() + a * angles.sin()
        return found


class RotatedWithFixedBase(Wrong):
    part, loses = "rotate", 1
    hint = "The argument `base` has no effect: 10,000 is only what it is if nothing else is said."

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        angles = positions[:, None] * 10_000.0 ** (-torch.arange(0, width, 2) / width)
        a, b = vectors[..., 0::2], vectors[..., 1::2]
        c, s = angles.cos(), angles.sin()
        return torch.stack([a * c - b * s, b * c + a * s], dim=-1).flatten(-2)


class RotatedByPlace(Wrong):
    part, loses = "rotate", 1
    hint = (
        "You count the positions yourself, 0, 1, 2 …, and never look at `positions`. While a "
        "model writes, a single new vector may stand at position 40."
    )

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        places = torch.arange(vectors.shape[-2])[:, None]
        angles = places * base ** (-torch.arange(0, width, 2) / width)
        a, b = vectors[..., 0::2], vectors[..., 1::2]
        c, s = angles.cos(), angles.sin()
        return torch.stack([a * c - b * s, b * c + a * s], dim=-1).flatten(-2)


class PositionsAdded(Wrong):
    part, loses = "rotate", 6
    hint = (
        "You add sines and cosines to the vectors, as the first Transformer did. Here the "
        "vectors are turned by them."
    )

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        angles = positions[:, None] * base ** (-torch.arange(0, width, 2) / width)
        return vectors + torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)


class SoftmaxTwice(Wrong):
    """No hint foresees it."""

    part, loses = "weights", 4

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        return (
            scores.softmax(dim=-1)
            .masked_fill(~allowed, -math.inf)
            .softmax(dim=-1)
            .nan_to_num()
        )


class HeadsInReverse(Wrong):
    """No hint foresees it."""

    part, loses = "attend", 4

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        q, k, v = (
            it.unflatten(-1, (n_heads, -1)).transpose(1, 2)
            for it in (queries, keys, values)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return (weights(scores, allowed) @ v).flip(1).transpose(1, 2).flatten(2)
