"""Right solutions that look different: loops, einsum, library calls, other names and dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools.course.judge import Right


def matrix() -> np.ndarray:
    """S of the first part."""
    S = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]])
    d = S.sum(1)
    return S / np.sqrt(np.outer(d, d))


class HandRounded(Right):
    part = "graph_hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        x = np.array([4 + variant % 4, -2, 1 + variant % 3, 6])
        return {"graph_by_hand": [round(float(it), 2) for it in matrix() @ x]}


class HandAsTuple(Right):
    part = "graph_hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        a, b, c, d = 4 + variant % 4, -2, 1 + variant % 3, 6
        third = b / 12**0.5 + c / 3 + d / 3
        second = a / 8**0.5 + b / 4 + c / 12**0.5 + d / 12**0.5
        return {"graph_by_hand": (a / 2 + b / 8**0.5, second, third, third)}


class HandWithThreeDigits(Right):
    part = "graph_hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        x = np.array([4 + variant % 4, -2, 1 + variant % 3, 6])
        return {"graph_by_hand": [[round(float(it), 3)][0] for it in x @ matrix().T]}


class MeanByMatrix(Right):
    part = "mean"

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        A = torch.eye(len(x), dtype=x.dtype)
        A[edges[1], edges[0]] = 1
        return A @ x / A.sum(dim=1, keepdim=True)


class MeanByLoop(Right):
    part = "mean"

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        rows = []
        for i in range(len(x)):
            senders = edges[0][edges[1] == i].tolist()
            rows.append(x[[i, *senders]].double().mean(dim=0))
        return torch.stack(rows)


class MeanByScatter(Right):
    part = "mean"

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        target = edges[1][:, None].expand(-1, x.shape[1])
        return x.scatter_reduce(0, target, x[edges[0]], "mean", include_self=True)


class MeanByIndexPut(Right):
    part = "mean"

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        total = x.clone()
        total.index_put_((edges[1],), x[edges[0]], accumulate=True)
        count = torch.ones(len(x))
        np.add.at(count.numpy(), edges[1].numpy(), 1)
        return total / count.unsqueeze(1)


class ConvolveByMatrix(Right):
    part = "convolve"

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        A = torch.eye(len(x))
        A[edges[1], edges[0]] = 1
        root = torch.diag(A.sum(dim=1).rsqrt())
        return root @ A @ root @ (x @ W) + b


class ConvolveSparsely(Right):
    part = "convolve"

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        n = len(x)
        looped = torch.cat([edges, torch.arange(n).repeat(2, 1)], dim=1)
        d = torch.bincount(looped[0], minlength=n)
        values = (d[looped[0]] * d[looped[1]]).float().rsqrt()
        S = torch.sparse_coo_tensor(looped.flip(0), values, (n, n))
        return torch.sparse.mm(S, x) @ W + b


class ConvolveByLoop(Right):
    part = "convolve"

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        near = [{i} for i in range(len(x))]
        for j, i in edges.T.tolist():
            near[i].add(j)
        rows = []
        for of in near:
            rows.append(sum(x[j] / math.sqrt(len(of) * len(near[j])) for j in of))
        return F.linear(torch.stack(rows), W.T, b)


class ConvolveItselfApart(Right):
    part = "convolve"

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        d = 1 + torch.bincount(edges[0], minlength=len(x))
        z = x @ W / d.sqrt()[:, None]
        z = z + torch.zeros_like(z).index_add_(0, edges[1], z[edges[0]])
        return z / d.sqrt()[:, None] + b


class JoinByLoop(Right):
    part = "join"

    def join(graphs):
        xs, edges, graph, so_far = [], [], [], 0
        for number, (x, its) in enumerate(graphs):
            xs.append(x)
            edges.append(its + so_far)
            graph += [number] * len(x)
            so_far += len(x)
        return torch.vstack(xs), torch.hstack(edges), torch.tensor(graph)

    def readout(x: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
        return torch.stack([x[graph == number].mean(0) for number in range(n_graphs)])


class JoinWithMatrix(Right):
    part = "join"

    def join(batch):
        graph = torch.cat([torch.full((len(x),), g) for g, (x, _) in enumerate(batch)])
        first = [int((graph < g).sum()) for g in range(len(batch))]
        edges = [edges + at for (_, edges), at in zip(batch, first)]
        return torch.cat([x for x, _ in batch]), torch.cat(edges, 1), graph

    def readout(x: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
        of = F.one_hot(graph, n_graphs).to(x.dtype)
        return of.T @ x / of.sum(0)[:, None]


class JoinWithScatter(Right):
    part = "join"

    def join(graphs):
        from itertools import accumulate

        import numpy as np

        starts = accumulate((len(x) for x, _ in graphs), initial=0)
        edges = [edges + start for (_, edges), start in zip(graphs, starts)]
        graph = np.repeat(np.arange(len(graphs)), [len(x) for x, _ in graphs])
        x = torch.cat([x for x, _ in graphs]).double()
        return [x, torch.cat(edges, dim=-1), torch.from_numpy(graph)]

    def readout(x: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
        nothing = torch.zeros(n_graphs, x.shape[1])
        index = graph[:, None].expand_as(x)
        return nothing.scatter_reduce(0, index, x, "mean", include_self=False)


class RenumberByDictionary(Right):
    part = "renumber"

    def renumber(x: Tensor, edges: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        new = {old: number for number, old in enumerate(order.tolist())}
        return x[order], torch.tensor([[new[it] for it in row] for row in edges.tolist()])

    def equivariant(layer, x: Tensor, edges: Tensor, order: Tensor) -> bool:
        before, after = layer(x, edges)[order], layer(*renumber(x, edges, order))
        return bool((before - after).abs().max() <= 1e-4)


class RenumberByAssignment(Right):
    part = "renumber"

    def renumber(x: Tensor, edges: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        inverse = torch.empty_like(order)
        inverse[order] = torch.arange(len(order))
        return x.index_select(0, order), inverse[edges]

    def equivariant(layer, x: Tensor, edges: Tensor, order: Tensor) -> bool:
        after = layer(*renumber(x, edges, order))
        back = torch.empty_like(after)
        back[order] = after
        import numpy as np

        return np.allclose(back.numpy(), layer(x, edges).numpy(), atol=1e-4)


class RenumberByMatrix(Right):
    part = "renumber"

    def renumber(x: Tensor, edges: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        P = torch.eye(len(x))[order]
        return P @ x, (order[:, None, None] == edges).int().argmax(dim=0)

    def equivariant(layer, x: Tensor, edges: Tensor, order: Tensor) -> bool:
        P = torch.eye(len(x))[order]
        return (
            (layer(*renumber(x, edges, order)) - P @ layer(x, edges)).abs() < 1e-4
        ).all()


class SmoothingByVariance(Right):
    part = "smoothing"

    def spread(x: Tensor) -> float:
        return x.double().var(dim=0, correction=0).sum().item()

    def smoothing(x: Tensor, edges: Tensor, rounds: int) -> list[float]:
        found = []
        for number in range(rounds + 1):
            if number:
                x = mean_messages(x, edges)
            found.append(spread(x))
        return found


class SmoothingByMoments(Right):
    part = "smoothing"

    def spread(x: Tensor) -> float:
        return (x**2).sum() / len(x) - (x.mean(0) ** 2).sum()

    def smoothing(x: Tensor, edges: Tensor, rounds: int) -> list[float]:
        found = torch.zeros(rounds + 1)
        for number in range(rounds):
            found[number] = spread(x)
            x = mean_messages(x, edges)
        found[rounds] = spread(x)
        return found.tolist()


class SmoothingByPairs(Right):
    part = "smoothing"

    def spread(x: Tensor) -> float:
        pairs = (x[:, None] - x[None]).square().sum(-1)
        return pairs.mean() / 2

    def smoothing(x: Tensor, edges: Tensor, rounds: int) -> list[float]:
        states = [x]
        while len(states) <= rounds:
            states.append(mean_messages(states[-1], edges))
        return torch.tensor([spread(it) for it in states])


class SmoothingByItself(Right):
    part = "smoothing"

    def spread(x: Tensor) -> float:
        return float(torch.cov(x.T, correction=0).diagonal().sum())

    def smoothing(x: Tensor, edges: Tensor, rounds: int) -> list[float]:
        rest = smoothing(mean_messages(x, edges), edges, rounds - 1) if rounds else []
        return [spread(x), *rest]


def picture(variant: int) -> tuple[np.ndarray, float]:
    """Picture and class token of the seventh part."""
    pixels = (np.arange(16.0) * (3 + 2 * (variant % 4)) % 17).reshape(4, 4)
    return pixels, 10.0 + variant % 5


class PatchHandByLoop(Right):
    part = "patch_hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        pixels, token = picture(variant)
        found, place = [token + 1], 20
        for row in (0, 2):
            for column in (0, 2):
                found.append(
                    float(pixels[row : row + 2, column : column + 2].mean()) + place
                )
                place += 10
        return {"patches_by_hand": found}


class PatchHandAsTuple(Right):
    part = "patch_hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        pixels, token = picture(variant)
        sums = (
            pixels[0::2, 0::2]
            + pixels[1::2, 0::2]
            + pixels[0::2, 1::2]
            + pixels[1::2, 1::2]
        )
        tokens = (sums.ravel() / 4 + [20, 30, 40, 50]).tolist()
        return {"patches_by_hand": (1 + token, *tokens)}


class PatchHandByPooling(Right):
    part = "patch_hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        pixels, token = picture(variant)
        means = F.avg_pool2d(torch.tensor(pixels)[None], 2).flatten()
        tokens = torch.cat([torch.tensor([token]), means]) + torch.tensor(
            [1, 20, 30, 40, 50]
        )
        return {"patches_by_hand": [round(it, 2) for it in tokens.tolist()]}


class PatchifyByUnfold(Right):
    part = "patchify"

    def patchify(pictures: Tensor, size: int) -> Tensor:
        return F.unfold(pictures, size, stride=size).transpose(1, 2)

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        return F.fold(patches.transpose(1, 2), (height, width), size, stride=size)


class PatchifyByLoop(Right):
    part = "patchify"

    def patchify(images: Tensor, size: int) -> Tensor:
        found = []
        for top in range(0, images.shape[2], size):
            for left in range(0, images.shape[3], size):
                found.append(images[:, :, top : top + size, left : left + size].flatten(1))
        return torch.stack(found, dim=1)

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        found = torch.zeros(len(patches), patches.shape[2] // size**2, height, width)
        for number in range(patches.shape[1]):
            row, column = divmod(number, width // size)
            square = patches[:, number].reshape(len(patches), -1, size, size)
            found[
                :, :, row * size : (row + 1) * size, column * size : (column + 1) * size
            ] = square
        return found


class PatchifyByTensorUnfold(Right):
    part = "patchify"

    def patchify(pictures: Tensor, size: int) -> Tensor:
        cut = pictures.unfold(2, size, size).unfold(
            3, size, size
        )  # (n, c, rows, columns, …)
        return torch.einsum("ncrkab->nrkcab", cut).flatten(3).flatten(1, 2)

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        rows = patches.unflatten(1, (height // size, width // size))
        cells = rows.unflatten(3, (-1, size, size))  # (n, rows, columns, c, size, size)
        return torch.einsum("nrkcab->ncrakb", cells).reshape(
            len(patches), -1, height, width
        )


class TokensInPlace(Right):
    part = "tokens"

    def tokens(patches: Tensor, W: Tensor, b: Tensor, c: Tensor, e: Tensor) -> Tensor:
        n, m, _ = patches.shape
        found = torch.empty(n, 1 + m, len(c))
        found[:, 0] = c
        found[:, 1:] = F.linear(patches, W.T, b)
        found += e
        return found


class TokensByStacking(Right):
    part = "tokens"

    def tokens(patches: Tensor, W: Tensor, b: Tensor, c: Tensor, e: Tensor) -> Tensor:
        rows = [c + e[0]]
        found = []
        for picture in patches:
            found.append(
                torch.stack(rows + [p @ W + b + e[i + 1] for i, p in enumerate(picture)])
            )
        return torch.stack(found)


class TokensByEinsum(Right):
    part = "tokens"

    def tokens(patches: Tensor, W: Tensor, b: Tensor, c: Tensor, e: Tensor) -> Tensor:
        mapped = torch.einsum("nmp,pd->nmd", patches.double(), W.double()) + b
        first = c.repeat(patches.shape[0], 1)[:, None]
        return torch.concat((first, mapped), 1) + e[None]


class PlacesByPermute(Right):
    part = "places"

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        first, rest = e[:1], e[1:]
        grid = rest.reshape(*old, -1).permute(2, 0, 1)[None]
        grid = F.interpolate(grid, size=new, mode="bilinear")
        return torch.vstack([first, grid[0].permute(1, 2, 0).reshape(-1, e.shape[1])])


class PlacesChannelByChannel(Right):
    part = "places"

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        columns = []
        for channel in e[1:].T:
            grid = channel.reshape(1, 1, *old)
            columns.append(F.interpolate(grid, tuple(new), mode="bilinear").flatten())
        return torch.cat([e[:1], torch.stack(columns, dim=1)])


class PlacesByMatrices(Right):
    part = "places"

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        def line(n: int, m: int) -> Tensor:
            found = torch.zeros(m, n)
            for i in range(m):
                at = max((i + 0.5) * n / m - 0.5, 0)
                low = int(at)
                found[i, low] += 1 - (at - low)
                found[i, min(low + 1, n - 1)] += at - low
            return found

        grid = e[1:].unflatten(0, tuple(old))
        grid = torch.einsum(
            "ra,cb,abd->rcd", line(old[0], new[0]), line(old[1], new[1]), grid
        )
        return torch.cat([e[:1], grid.flatten(0, 1)])


class PoolByEinsum(Right):
    part = "pool"

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        scores = torch.einsum("nmd,d->nm", tokens, query) * query.shape[0] ** -0.5
        weights = scores.softmax(-1)
        return torch.einsum("nm,nmd->nd", weights, tokens), weights


class PoolByHand(Right):
    part = "pool"

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        scores = (tokens * query).sum(-1).double() / math.sqrt(tokens.shape[-1])
        powers = (scores - scores.amax(dim=1, keepdim=True)).exp()
        weights = powers / powers.sum(dim=1, keepdim=True)
        return (weights[:, None] @ tokens.double())[:, 0], weights


class PoolByLibrary(Right):
    part = "pool"

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        queries = query.expand(len(tokens), 1, -1)
        vectors = F.scaled_dot_product_attention(queries, tokens, tokens)
        weights = F.softmax(torch.matmul(tokens, query) / len(query) ** 0.5, dim=-1)
        return vectors.squeeze(1), weights


class PoolPictureByPicture(Right):
    part = "pool"

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        shares = [torch.softmax(it @ query / math.sqrt(len(query)), dim=0) for it in tokens]
        vectors = [share @ it for share, it in zip(shares, tokens)]
        return torch.stack(vectors), torch.stack(shares)


class ShuffleByUnfold(Right):
    part = "shuffle"

    def shuffle(pictures: Tensor, size: int, order: Tensor) -> Tensor:
        squares = F.unfold(pictures, size, stride=size)[:, :, order]
        return F.fold(squares, pictures.shape[2:], size, stride=size)

    def shuffle_places(e: Tensor, order: Tensor) -> Tensor:
        return e[torch.cat([torch.zeros(1, dtype=torch.long), 1 + order])]


class ShuffleByLoop(Right):
    part = "shuffle"

    def shuffle(pictures: Tensor, size: int, order: Tensor) -> Tensor:
        patches = patchify(pictures, size)
        moved = torch.stack([patches[:, j] for j in order.tolist()], dim=1)
        return unpatchify(moved, size, pictures.shape[-2], pictures.shape[-1])

    def shuffle_places(e: Tensor, order: Tensor) -> Tensor:
        found = e.clone()
        for i, j in enumerate(order.tolist()):
            found[1 + i] = e[1 + j]
        return found


class ShuffleByMatrix(Right):
    part = "shuffle"

    def shuffle(pictures: Tensor, size: int, order: Tensor) -> Tensor:
        P = torch.eye(len(order))[order]
        return unpatchify(P @ patchify(pictures, size), size, *pictures.shape[-2:])

    def shuffle_places(e: Tensor, order: Tensor) -> Tensor:
        P = torch.eye(len(order))[order]
        return torch.block_diag(torch.ones(1, 1), P) @ e
