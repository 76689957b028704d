"""Right solutions that look different: loops, einsum, library calls, other dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools.course.judge import Right


class HandRounded(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        products = np.array(
            [3, -(variant % 3 - 1) * -1 + variant % 5 - 2, 2 + variant % 3 - 1 + 2]
        )
        powers = np.exp(products / 2)
        return {"by_hand": [round(float(it), 2) for it in powers / powers.sum()]}


class HandAsTuple(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        powers = [
            math.exp(it / 2)
            for it in (3, variant % 3 - 1 + variant % 5 - 2, 3 + variant % 3)
        ]
        return {"by_hand": tuple(round(it / sum(powers), 3) for it in powers)}


class HandWithThreeDigits(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        first, second = (
            math.exp((variant % 3 + variant % 5 - 6) / 2),
            math.exp((variant % 3) / 2),
        )
        whole = 1 + first + second
        return {
            "by_hand": [
                round(1 / whole, 3),
                round(first / whole, 3),
                round(second / whole, 3),
            ]
        }


class ScoresByEinsum(Right):
    part = "scores"

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        return torch.einsum("...qd,...kd->...qk", queries, keys) * queries.shape[-1] ** -0.5


class ScoresOfScaledQueries(Right):
    part = "scores"

    def scores(queries: Tensor, keys: Tensor) -> Tensor:
        return torch.matmul(queries / math.sqrt(keys.size(-1)), keys.mT)


class ScoresBySums(Right):
    part = "scores"

    def scores(q: Tensor, k: Tensor) -> Tensor:
        return (q.double().unsqueeze(-2) * k.double().unsqueeze(-3)).sum(-1) / math.sqrt(
            q.shape[-1]
        )


class WeightsByHand(Right):
    part = "weights"

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        low = torch.where(allowed, scores, torch.finfo(scores.dtype).min)
        powers = (low - low.amax(dim=-1, keepdim=True)).exp() * allowed
        return powers / powers.sum(dim=-1, keepdim=True).clamp_min(1e-30)


class WeightsByLogarithm(Right):
    part = "weights"

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        low = scores.masked_fill(~allowed, -math.inf)
        return (low - low.logsumexp(dim=-1, keepdim=True)).exp().nan_to_num()


class WeightsInPlace(Right):
    part = "weights"

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        scores[..., ~allowed] = -1e9
        return scores.softmax(dim=-1).mul_(allowed)


class WeightsByWhere(Right):
    part = "weights"

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        low = torch.where(allowed, scores, torch.tensor(float("-inf")))
        found = F.softmax(low, dim=-1)
        return torch.where(torch.isnan(found), torch.zeros_like(found), found)


class WeightsByLoop(Right):
    part = "weights"

    def weights(scores: Tensor, allowed: Tensor) -> Tensor:
        found = torch.zeros_like(scores)
        for row in range(scores.shape[-2]):
            keys = allowed[row].nonzero().flatten()
            if len(keys):
                found[..., row, keys] = scores[..., row, keys].softmax(dim=-1)
        return found


class CausalByTril(Right):
    part = "causal"

    def causal(length: int, window: int | None = None) -> Tensor:
        past = torch.ones(length, length).tril().bool()
        return (
            past
            if window is None
            else past & torch.ones(length, length).triu(1 - window).bool()
        )


class CausalByLoop(Right):
    part = "causal"

    def causal(n: int, window: int | None = None) -> Tensor:
        rows = [
            [j <= i and (window is None or i - j < window) for j in range(n)]
            for i in range(n)
        ]
        return torch.tensor(rows)


class CausalByNumPy(Right):
    part = "causal"

    def causal(length: int, window: int | None = None) -> Any:
        import numpy as np

        back = np.subtract.outer(np.arange(length), np.arange(length))
        return (back >= 0) & (back < (length if window is None else window))


class AttendByLibrary(Right):
    part = "attend"

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        q, k, v = (
            it.unflatten(-1, (n_heads, -1)).transpose(1, 2)
            for it in (queries, keys, values)
        )
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return found.transpose(1, 2).flatten(2)


class AttendByEinsum(Right):
    part = "attend"

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        q, k, v = (it.reshape(*it.shape[:2], n_heads, -1) for it in (queries, keys, values))
        raw = torch.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(q.shape[-1])
        shares = torch.where(allowed, raw, torch.tensor(-math.inf)).softmax(dim=-1)
        return torch.einsum("bhij,bjhd->bihd", shares, v).reshape(queries.shape)


class AttendHeadByHead(Right):
    part = "attend"

    def attend(
        queries: Tensor, keys: Tensor, values: Tensor, n_heads: int, allowed: Tensor
    ) -> Tensor:
        found = []
        for q, k, v in zip(
            *(it.chunk(n_heads, dim=-1) for it in (queries, keys, values)), strict=True
        ):
            raw = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~allowed, -math.inf)
            found.append(raw.softmax(dim=-1) @ v)
        return torch.cat(found, dim=-1)


class RotateComplex(Right):
    part = "rotate"

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        angles = positions[:, None] * base ** (-torch.arange(0, width, 2) / width)
        turned = torch.view_as_complex(
            vectors.unflatten(-1, (-1, 2)).contiguous()
        ) * torch.exp(1j * angles)
        return torch.view_as_real(turned).flatten(-2)


class RotateByMatrices(Right):
    part = "rotate"

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        width = vectors.shape[-1]
        angles = positions[:, None] / base ** (torch.arange(0, width, 2) / width)
        rows = [
            torch.stack([angles.cos(), -angles.sin()], -1),
            torch.stack([angles.sin(), angles.cos()], -1),
        ]
        matrices = torch.stack(rows, dim=-2)  # (time, pairs, 2, 2)
        return torch.einsum(
            "tpij,...tpj->...tpi", matrices, vectors.unflatten(-1, (-1, 2))
        ).flatten(-2)


class RotateByLoop(Right):
    part = "rotate"

    def rotate(x: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        found = torch.empty_like(x, dtype=torch.float64)
        for t, position in enumerate(positions.tolist()):
            for i in range(0, x.shape[-1], 2):
                angle = position * base ** (-i / x.shape[-1])
                a, b = x[..., t, i].double(), x[..., t, i + 1].double()
                found[..., t, i] = a * math.cos(angle) - b * math.sin(angle)
                found[..., t, i + 1] = a * math.sin(angle) + b * math.cos(angle)
        return found


class RotateInPlace(Right):
    part = "rotate"

    def rotate(vectors: Tensor, positions: Tensor, base: float = 10_000.0) -> Tensor:
        for i in range(vectors.shape[-1] // 2):
            angle = positions * base ** (-2 * i / vectors.shape[-1])
            a, b = vectors[..., 2 * i].clone(), vectors[..., 2 * i + 1].clone()
            vectors[..., 2 * i] = a * angle.cos() - b * angle.sin()
            vectors[..., 2 * i + 1] = a * angle.sin() + b * angle.cos()
        return vectors
