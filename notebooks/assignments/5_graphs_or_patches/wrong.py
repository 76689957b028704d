"""Misconceptions about graphs and patches, each as the program of someone who has it."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tools.course.judge import Wrong

JOINED = torch.tensor([[0, 1, 0, 0], [1, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0.0]])


def few_values(variant: int) -> Tensor:
    """The nodes' numbers in the first part."""
    return torch.tensor([4.0 + variant % 4, -2, 1 + variant % 3, 6])


def picture(variant: int) -> tuple[Tensor, float, Tensor]:
    """Picture, class token and places of the seventh part."""
    pixels = (torch.arange(16.0) * (3 + 2 * (variant % 4)) % 17).view(4, 4)
    return pixels, 10.0 + variant % 5, torch.tensor([1.0, 20, 30, 40, 50])


def placed(variant: int, values: Tensor) -> dict[str, Any]:
    """Tokens of the seventh part from those of its patches."""
    _, token, places = picture(variant)
    return {"patches_by_hand": (torch.tensor([token, *values.tolist()]) + places).tolist()}


class HandWithoutItself(Wrong):
    part, loses = "graph_hand", 4
    hint = (
        "Your nodes hear their neighbours alone. Each hears itself, too, and counts in its "
        "own degree."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        d = JOINED.sum(dim=1)
        return {
            "graph_by_hand": (
                JOINED / (d * d[:, None]).sqrt() @ few_values(variant)
            ).tolist()
        }


class HandWithMeans(Wrong):
    part, loses = "graph_hand", 4
    hint = (
        "These are means over a node and its neighbours. The factor of a message depends on "
        "the sender's degree as well."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        S = JOINED + torch.eye(4)
        return {
            "graph_by_hand": (S / S.sum(dim=1, keepdim=True) @ few_values(variant)).tolist()
        }


class HandWithSums(Wrong):
    part, loses = "graph_hand", 4
    hint = "You added up what is heard, and divided by nothing."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return {"graph_by_hand": ((JOINED + torch.eye(4)) @ few_values(variant)).tolist()}


class HandWithoutRoot(Wrong):
    part, loses = "graph_hand", 4
    hint = "You divide by the product of both degrees. The formula has a root over it."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        S, d = JOINED + torch.eye(4), JOINED.sum(dim=1) + 1
        return {"graph_by_hand": (S / (d * d[:, None]) @ few_values(variant)).tolist()}


class HandWithBareDegrees(Wrong):
    part, loses = "graph_hand", 4
    hint = (
        "Each node hears itself in your sums, but its degree does not count it: one more for "
        "each."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        S, d = JOINED + torch.eye(4), JOINED.sum(dim=1)
        return {
            "graph_by_hand": (S / (d * d[:, None]).sqrt() @ few_values(variant)).tolist()
        }


class HandWithoutOwnMessage(Wrong):
    part, loses = "graph_hand", 4
    hint = (
        "Your degrees count each node itself, but its own number is missing among the "
        "messages."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        d = JOINED.sum(dim=1) + 1
        return {
            "graph_by_hand": (
                JOINED / (d * d[:, None]).sqrt() @ few_values(variant)
            ).tolist()
        }


class MeanBackwards(Wrong):
    part, loses = "mean", 3
    hint = "Your messages go against the edges, from `edges[1]` to `edges[0]`."

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        total = x.index_add(0, edges[0], x[edges[1]])
        return total / (1 + torch.bincount(edges[0], minlength=len(x)))[:, None]


class MeanWithoutItself(Wrong):
    part, loses = "mean", 4
    hint = (
        "Your mean is over the senders alone, and a node that hears nobody loses its vector. "
        "The node itself belongs to it."
    )

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        total = torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])
        return total / torch.bincount(edges[1], minlength=len(x)).clamp_min(1)[:, None]


class MeanOfNobody(Wrong):
    part, loses = "mean", 4
    hint = (
        "Your mean is over the senders alone, and a node that hears nobody becomes NaN, 0 / "
        "0. The node itself belongs to it."
    )

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        total = torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])
        return total / torch.bincount(edges[1], minlength=len(x))[:, None]


class MeanAsSum(Wrong):
    part, loses = "mean", 3
    hint = (
        "You add up what is heard, so a node with many edges gets a long vector. Divide by "
        "how many speak, the node itself among them."
    )

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        return x.index_add(0, edges[1], x[edges[0]])


class MeanHearsOneAlone(Wrong):
    part, loses = "mean", 3
    hint = (
        "Where several edges lead to one node, a single message arrives: `out[index] += …` "
        "writes each place once. `index_add` adds all."
    )

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        total = x.clone()
        total[edges[1]] += x[edges[0]]
        return total / (1 + torch.bincount(edges[1], minlength=len(x)))[:, None]


class MeanBySendersDegree(Wrong):
    part, loses = "mean", 4
    hint = "You divide by how often a node sends. It should be how many it hears."

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        total = x.index_add(0, edges[1], x[edges[0]])
        return total / (1 + torch.bincount(edges[0], minlength=len(x)))[:, None]


class MeanItselfNotCounted(Wrong):
    part, loses = "mean", 3
    hint = "The node itself is in your sum and not in the number that you divide by."

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        total = x.index_add(0, edges[1], x[edges[0]])
        return total / torch.bincount(edges[1], minlength=len(x)).clamp_min(1)[:, None]


class MeanOfOthersAlone(Wrong):
    part, loses = "mean", 2
    hint = (
        "A node that hears others is left out of its own mean; only one that hears nobody "
        "keeps its vector. All nodes count themselves."
    )

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        total = torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])
        count = torch.bincount(edges[1], minlength=len(x))[:, None]
        return torch.where(count > 0, total / count.clamp_min(1), x)


class MeanWithoutTheLast(Wrong):
    part, loses = "mean", 1
    hint = (
        "`bincount` counts up to the largest number that it meets, so your counts are too few "
        "where the last nodes hear nobody."
    )

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        total = x.index_add(0, edges[1], x[edges[0]])
        return total / (1 + torch.bincount(edges[1]))[:, None]


class MeanChangesWhatIsGiven(Wrong):
    part, loses = "mean", 1
    hint = (
        "The means are right, but `x` is another tensor afterwards: functions whose names end "
        "in `_`, and `+=`, change what they are given."
    )

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        x.index_add_(0, edges[1], x[edges[0]])
        return x / (1 + torch.bincount(edges[1], minlength=len(x)))[:, None]


class ConvolveWithMeans(Wrong):
    part, loses = "convolve", 3
    hint = (
        "Your layer takes means. In S the factor of a message depends on the degrees of both "
        "its ends, under a root."
    )

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        return mean_messages(x, edges) @ W + b


class ConvolveWithoutItself(Wrong):
    part, loses = "convolve", 4
    hint = "The diagonal of your S is zero: no node hears itself."

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        A = torch.zeros(len(x), len(x))
        A[edges[1], edges[0]] = 1
        d = A.sum(dim=1).clamp_min(1)
        return A / (d * d[:, None]).sqrt() @ x @ W + b


class ConvolveWithBareDegrees(Wrong):
    part, loses = "convolve", 3
    hint = (
        "Nodes hear themselves, but your degrees do not count it. First add the edge of each "
        "node to itself, then count."
    )

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        A = torch.zeros(len(x), len(x))
        A[edges[1], edges[0]] = 1
        d = A.sum(dim=1).clamp_min(1)
        return (A + torch.eye(len(x))) / (d * d[:, None]).sqrt() @ x @ W + b


class ConvolveWithoutRoot(Wrong):
    part, loses = "convolve", 3
    hint = "Your messages are divided by the product of both degrees, without the root."

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        A = torch.eye(len(x))
        A[edges[1], edges[0]] = 1
        d = A.sum(dim=1)
        return A / (d * d[:, None]) @ x @ W + b


class ConvolveBiasSentAlong(Wrong):
    part, loses = "convolve", 1
    hint = (
        "Your bias is added before the messages and sent along with them. Rows of S do not "
        "sum to one, so that makes a difference: add it last."
    )

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        A = torch.eye(len(x))
        A[edges[1], edges[0]] = 1
        d = A.sum(dim=1)
        return A / (d * d[:, None]).sqrt() @ (x @ W + b)


class ConvolveWithRelu(Wrong):
    part, loses = "convolve", 4
    hint = (
        "No number of your layer is negative: it applies ReLU. The activation is left to "
        "whoever uses the layer."
    )

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        A = torch.eye(len(x))
        A[edges[1], edges[0]] = 1
        d = A.sum(dim=1)
        return (A / (d * d[:, None]).sqrt() @ x @ W + b).relu()


class ConvolveWithoutOwnMessage(Wrong):
    part, loses = "convolve", 4
    hint = (
        "Your degrees count each node itself, but its own vector is missing among the "
        "messages."
    )

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        A = torch.zeros(len(x), len(x))
        A[edges[1], edges[0]] = 1
        d = A.sum(dim=1) + 1
        return A / (d * d[:, None]).sqrt() @ x @ W + b


class ConvolveWithoutTheLast(Wrong):
    part, loses = "convolve", 1
    hint = (
        "`bincount` counts up to the largest number that it meets, so your degrees are too few "
        "where the last node has no edges."
    )

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        root = (1 + torch.bincount(edges[1]))[:, None].rsqrt()
        sent = root * x
        return root * sent.index_add(0, edges[1], sent[edges[0]]) @ W + b


class JoinWithoutNewNumbers(Wrong):
    part, loses = "join", 2
    hint = (
        "Edges keep the numbers of their own graphs, so all of them lie in the first nodes. "
        "Which number does a graph's node 0 get in the batch?"
    )

    def join(graphs):
        sizes = torch.tensor([len(x) for x, _ in graphs])
        edges = torch.cat([it for _, it in graphs], dim=1)
        graph = torch.arange(len(graphs)).repeat_interleave(sizes)
        return torch.cat([x for x, _ in graphs]), edges, graph

    def readout(x: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
        return torch.stack([x[graph == it].mean(dim=0) for it in range(n_graphs)])


class JoinShiftedByEdges(Wrong):
    part, loses = "join", 2
    hint = "You shift the numbers of nodes by how many edges came before. Count nodes."

    def join(graphs):
        sizes = torch.tensor([len(x) for x, _ in graphs])
        counts = torch.tensor([it.shape[1] for _, it in graphs])
        starts = counts.cumsum(0) - counts
        edges = torch.cat([it + start for (_, it), start in zip(graphs, starts)], dim=1)
        graph = torch.arange(len(graphs)).repeat_interleave(sizes)
        return torch.cat([x for x, _ in graphs]), edges, graph

    def readout(x: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
        return torch.stack([x[graph == it].mean(dim=0) for it in range(n_graphs)])


class JoinShiftedByTheLast(Wrong):
    part, loses = "join", 2
    hint = (
        "You shift by the size of the graph before. From the third graph on, all before it "
        "count."
    )

    def join(graphs):
        sizes = torch.tensor([len(x) for x, _ in graphs])
        starts = [0, *sizes[:-1].tolist()]
        edges = torch.cat([it + start for (_, it), start in zip(graphs, starts)], dim=1)
        graph = torch.arange(len(graphs)).repeat_interleave(sizes)
        return torch.cat([x for x, _ in graphs]), edges, graph

    def readout(x: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
        return torch.stack([x[graph == it].mean(dim=0) for it in range(n_graphs)])


class JoinShiftedByItself(Wrong):
    part, loses = "join", 2
    hint = (
        "Your shift counts a graph's own nodes, too: the first graph's edges should keep "
        "their numbers."
    )

    def join(graphs):
        sizes = torch.tensor([len(x) for x, _ in graphs])
        starts = sizes.cumsum(0)
        edges = torch.cat([it + start for (_, it), start in zip(graphs, starts)], dim=1)
        graph = torch.arange(len(graphs)).repeat_interleave(sizes)
        return torch.cat([x for x, _ in graphs]), edges, graph

    def readout(x: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
        return torch.stack([x[graph == it].mean(dim=0) for it in range(n_graphs)])


class ReadoutAsSum(Wrong):
    part, loses = "join", 1
    hint = "Your readout is a sum, so large graphs get long vectors. The mean is asked for."

    def join(graphs):
        sizes = torch.tensor([len(x) for x, _ in graphs])
        starts = sizes.cumsum(0) - sizes
        edges = torch.cat([it + start for (_, it), start in zip(graphs, starts)], dim=1)
        graph = torch.arange(len(graphs)).repeat_interleave(sizes)
        return torch.cat([x for x, _ in graphs]), edges, graph

    def readout(x: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
        return torch.stack([x[graph == it].sum(dim=0) for it in range(n_graphs)])


class ReadoutByEqualShares(Wrong):
    part, loses = "join", 1
    hint = (
        "Your readout divides each graph by the same number, as if all were equally large."
    )

    def join(graphs):
        sizes = torch.tensor([len(x) for x, _ in graphs])
        starts = sizes.cumsum(0) - sizes
        edges = torch.cat([it + start for (_, it), start in zip(graphs, starts)], dim=1)
        graph = torch.arange(len(graphs)).repeat_interleave(sizes)
        return torch.cat([x for x, _ in graphs]), edges, graph

    def readout(x: Tensor, graph: Tensor, n_graphs: int) -> Tensor:
        sums = torch.stack([x[graph == it].sum(dim=0) for it in range(n_graphs)])
        return sums * n_graphs / len(x)


class JoinChangesWhatIsGiven(Wrong):
    part, loses = "join", 1
    hint = (
        "The batch is right, but the graphs' own edges have new numbers, too: `+=` changes a "
        "tensor in place."
    )

    def join(graphs):
        found, start = [], 0
        for x, edges in graphs:
            edges += start
            start += len(x)
            found.append(edges)
        sizes = torch.tensor([len(x) for x, _ in graphs])
        graph = torch.arange(len(graphs)).repeat_interleave(sizes)
        return torch.cat([x for x, _ in graphs]), torch.cat(found, dim=1), graph


class RenumberedBackwards(Wrong):
    part, loses = "renumber", 2
    hint = (
        "Your edges get `order[i]` for i. That is the old number of the new node i; needed is "
        "the new number of an old one."
    )

    def renumber(x: Tensor, edges: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        return x[order], order[edges]

    def equivariant(layer, x: Tensor, edges: Tensor, order: Tensor) -> bool:
        after = layer(x[order], order[edges])
        return torch.allclose(after, layer(x, edges)[order], atol=1e-4)


class EdgesNotRenumbered(Wrong):
    part, loses = "renumber", 2
    hint = "The vectors move, the edges stay, so they now join other nodes."

    def renumber(x: Tensor, edges: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        return x[order], edges

    def equivariant(layer, x: Tensor, edges: Tensor, order: Tensor) -> bool:
        after = layer(x[order], edges)
        return torch.allclose(after, layer(x, edges)[order], atol=1e-4)


class InvariantInstead(Wrong):
    part, loses = "renumber", 1
    hint = (
        "You ask whether the output stays as it was, which is invariance. An equivariant "
        "output is renumbered like the nodes."
    )

    def renumber(x: Tensor, edges: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        return x[order], order.argsort()[edges]

    def equivariant(layer, x: Tensor, edges: Tensor, order: Tensor) -> bool:
        after = layer(x[order], order.argsort()[edges])
        return torch.allclose(after, layer(x, edges), atol=1e-4)


class EquivariantBySums(Wrong):
    part, loses = "renumber", 1
    hint = (
        "Your test lets a layer pass that scrambles its output: it compares less than whole "
        "vectors, row by row."
    )

    def renumber(x: Tensor, edges: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        return x[order], order.argsort()[edges]

    def equivariant(layer, x: Tensor, edges: Tensor, order: Tensor) -> bool:
        after = layer(x[order], order.argsort()[edges])
        return after.shape == layer(x, edges)[order].shape


class EquivariantByTheInverse(Wrong):
    part, loses = "renumber", 1
    hint = (
        "Your test puts the outputs into the inverse order before it compares them. Row i of "
        "the new output belongs to which node of the old graph?"
    )

    def equivariant(layer, x: Tensor, edges: Tensor, order: Tensor) -> bool:
        after = layer(x[order], order.argsort()[edges])
        return torch.allclose(after, layer(x, edges)[order.argsort()], atol=1e-4)


class EquivariantExactly(Wrong):
    part, loses = "renumber", 1
    hint = (
        "Your test is stricter than it should be: outputs that differ by less than 0.0001 "
        "count as equal."
    )

    def equivariant(layer, x: Tensor, edges: Tensor, order: Tensor) -> bool:
        after = layer(x[order], order.argsort()[edges])
        return torch.equal(after, layer(x, edges)[order])


class SpreadOfASample(Wrong):
    part, loses = "smoothing", 2
    hint = (
        "You divide by n − 1, as one does to estimate a variance from a sample (PyTorch's "
        "default). The nodes are all there are."
    )

    def spread(x: Tensor) -> float:
        return x.var(dim=0).sum().item()

    def smoothing(x: Tensor, edges: Tensor, rounds: int) -> list[float]:
        found = [x.var(dim=0).sum().item()]
        for _ in range(rounds):
            x = mean_messages(x, edges)
            found.append(x.var(dim=0).sum().item())
        return found


class SpreadOfAllNumbers(Wrong):
    part, loses = "smoothing", 3
    hint = (
        "Your mean is a single number over all nodes and channels. Each channel has its own "
        "mean, over nodes."
    )

    def spread(x: Tensor) -> float:
        return (x - x.mean()).square().sum(dim=1).mean().item()

    def smoothing(x: Tensor, edges: Tensor, rounds: int) -> list[float]:
        found = [(x - x.mean()).square().sum(dim=1).mean().item()]
        for _ in range(rounds):
            x = mean_messages(x, edges)
            found.append((x - x.mean()).square().sum(dim=1).mean().item())
        return found


class SpreadAveragedOverChannels(Wrong):
    part, loses = "smoothing", 2
    hint = "You average over channels, too. A squared length is a sum over them."

    def spread(x: Tensor) -> float:
        return (x - x.mean(dim=0)).square().mean().item()

    def smoothing(x: Tensor, edges: Tensor, rounds: int) -> list[float]:
        found = [(x - x.mean(dim=0)).square().mean().item()]
        for _ in range(rounds):
            x = mean_messages(x, edges)
            found.append((x - x.mean(dim=0)).square().mean().item())
        return found


class SpreadAsLength(Wrong):
    part, loses = "smoothing", 3
    hint = "Your distances are not squared."

    def spread(x: Tensor) -> float:
        return (x - x.mean(dim=0)).norm(dim=1).mean().item()

    def smoothing(x: Tensor, edges: Tensor, rounds: int) -> list[float]:
        found = [(x - x.mean(dim=0)).norm(dim=1).mean().item()]
        for _ in range(rounds):
            x = mean_messages(x, edges)
            found.append((x - x.mean(dim=0)).norm(dim=1).mean().item())
        return found


class SmoothingFromTheStart(Wrong):
    part, loses = "smoothing", 1
    hint = (
        "Each of your rounds begins from the first vectors again, so nothing changes after "
        "round one."
    )

    def spread(x: Tensor) -> float:
        return (x - x.mean(dim=0)).square().sum(dim=1).mean().item()

    def smoothing(x: Tensor, edges: Tensor, rounds: int) -> list[float]:
        once = mean_messages(x, edges)
        each = [x, *[once] * rounds]
        return [(it - it.mean(dim=0)).square().sum(dim=1).mean().item() for it in each]


class SmoothingWithoutTheFirst(Wrong):
    part, loses = "smoothing", 2
    hint = (
        "Your list begins after the first round. It should have one number more, that before "
        "any message."
    )

    def spread(x: Tensor) -> float:
        return (x - x.mean(dim=0)).square().sum(dim=1).mean().item()

    def smoothing(x: Tensor, edges: Tensor, rounds: int) -> list[float]:
        found = []
        for _ in range(rounds):
            x = mean_messages(x, edges)
            found.append((x - x.mean(dim=0)).square().sum(dim=1).mean().item())
        return found


class PatchesDownTheColumns(Wrong):
    part, loses = "patch_hand", 2
    hint = (
        "Your patches are counted down the columns. The second patch lies to the right of the "
        "first."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        means = picture(variant)[0].view(2, 2, 2, 2).mean(dim=(1, 3))
        return placed(variant, means.T.flatten())


class PatchesAsRows(Wrong):
    part, loses = "patch_hand", 3
    hint = (
        "You averaged rows of the picture. A patch is a square: two pixels of one row and the "
        "two below them."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return placed(variant, picture(variant)[0].mean(dim=1))


class PatchesAsSums(Wrong):
    part, loses = "patch_hand", 3
    hint = "These are sums of pixels. A token is the mean of its four."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return placed(
            variant, picture(variant)[0].view(2, 2, 2, 2).sum(dim=(1, 3)).flatten()
        )


class PatchesWithoutPlaces(Wrong):
    part, loses = "patch_hand", 4
    hint = "The numbers of the places are missing."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        pixels, token, _ = picture(variant)
        means = pixels.view(2, 2, 2, 2).mean(dim=(1, 3)).flatten().tolist()
        return {"patches_by_hand": [token, *means]}


class ClassTokenWithoutPlace(Wrong):
    part, loses = "patch_hand", 1
    hint = "Your class token has no place. It has `places[0]`; the patches begin with `places[1]`."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        means = picture(variant)[0].view(2, 2, 2, 2).mean(dim=(1, 3)).flatten()
        found = placed(variant, means)["patches_by_hand"]
        return {"patches_by_hand": [found[0] - 1, *found[1:]]}


class ClassTokenComesLast(Wrong):
    part, loses = "patch_hand", 4
    hint = "Your class token comes last. It is the first of the five."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        pixels, token, places = picture(variant)
        means = pixels.view(2, 2, 2, 2).mean(dim=(1, 3)).flatten().tolist()
        return {"patches_by_hand": (torch.tensor([*means, token]) + places).tolist()}


class PatchesFromTheFirstPlace(Wrong):
    part, loses = "patch_hand", 3
    hint = "Your first patch has `places[0]`, which is the class token's, and so on."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        pixels, token, places = picture(variant)
        means = pixels.view(2, 2, 2, 2).mean(dim=(1, 3)).flatten()
        return {"patches_by_hand": [token + 1, *(means + places[:4]).tolist()]}


class PatchesByReshape(Wrong):
    part, loses = "patchify", 5
    hint = (
        "A single reshape cuts the picture into runs of neighbouring numbers, which are rows, "
        "not squares. Split both axes, then bring them together."
    )

    def patchify(pictures: Tensor, size: int) -> Tensor:
        n, c, height, width = pictures.shape
        return pictures.reshape(n, height * width // size**2, c * size**2)

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        return patches.reshape(len(patches), patches.shape[2] // size**2, height, width)


class PatchesByColumns(Wrong):
    part, loses = "patchify", 5
    hint = (
        "Your patches are counted down the columns. The second one lies to the right of the "
        "first."
    )

    def patchify(pictures: Tensor, size: int) -> Tensor:
        n, c, height, width = pictures.shape
        cut = pictures.reshape(n, c, height // size, size, width // size, size)
        return cut.permute(0, 4, 2, 1, 3, 5).reshape(n, -1, c * size**2)

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        n, c = len(patches), patches.shape[2] // size**2
        cut = patches.reshape(n, width // size, height // size, c, size, size)
        return cut.permute(0, 3, 2, 4, 1, 5).reshape(n, c, height, width)


class ChannelsLast(Wrong):
    part, loses = "patchify", 4
    hint = (
        "Within a patch your channels come last, pixel by pixel. Here all pixels of the first "
        "channel come first."
    )

    def patchify(pictures: Tensor, size: int) -> Tensor:
        n, c, height, width = pictures.shape
        cut = pictures.reshape(n, c, height // size, size, width // size, size)
        return cut.permute(0, 2, 4, 3, 5, 1).reshape(n, -1, c * size**2)

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        n, c = len(patches), patches.shape[2] // size**2
        cut = patches.reshape(n, height // size, width // size, size, size, c)
        return cut.permute(0, 5, 1, 3, 2, 4).reshape(n, c, height, width)


class PixelsTurned(Wrong):
    part, loses = "patchify", 5
    hint = (
        "Each of your patches lies on its side: rows and columns within it are exchanged."
    )

    def patchify(pictures: Tensor, size: int) -> Tensor:
        n, c, height, width = pictures.shape
        cut = pictures.reshape(n, c, height // size, size, width // size, size)
        return cut.permute(0, 2, 4, 1, 5, 3).reshape(n, -1, c * size**2)

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        n, c = len(patches), patches.shape[2] // size**2
        cut = patches.reshape(n, height // size, width // size, c, size, size)
        return cut.permute(0, 3, 1, 5, 2, 4).reshape(n, c, height, width)


class BackToSquaresAlone(Wrong):
    part, loses = "patchify", 1
    hint = (
        "Your way back takes rows of patches for columns. On a square picture this happens to "
        "fit; on an oblong one it does not."
    )

    def patchify(pictures: Tensor, size: int) -> Tensor:
        return F.unfold(pictures, size, stride=size).mT

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        n, c = len(patches), patches.shape[2] // size**2
        cut = patches.reshape(n, width // size, height // size, c, size, size)
        return cut.permute(0, 3, 1, 4, 2, 5).reshape(n, c, height, width)


class PatchifyAloneByReshape(Wrong):
    part, loses = "patchify", 3
    hint = (
        "Your way back is right. `patchify` cuts runs of neighbouring numbers, which are rows, "
        "not squares."
    )

    def patchify(pictures: Tensor, size: int) -> Tensor:
        n, c, height, width = pictures.shape
        return pictures.reshape(n, height * width // size**2, c * size**2)


class PatchifyAloneByColumns(Wrong):
    part, loses = "patchify", 3
    hint = (
        "Your way back is right. `patchify` counts its patches down the columns; the second one "
        "lies to the right of the first."
    )

    def patchify(pictures: Tensor, size: int) -> Tensor:
        n, c, height, width = pictures.shape
        cut = pictures.reshape(n, c, height // size, size, width // size, size)
        return cut.permute(0, 4, 2, 1, 3, 5).reshape(n, -1, c * size**2)


class PatchifyAloneChannelsLast(Wrong):
    part, loses = "patchify", 2
    hint = (
        "Your way back is right. In `patchify` the channels come last within a patch, pixel by "
        "pixel."
    )

    def patchify(pictures: Tensor, size: int) -> Tensor:
        n, c, height, width = pictures.shape
        cut = pictures.reshape(n, c, height // size, size, width // size, size)
        return cut.permute(0, 2, 4, 3, 5, 1).reshape(n, -1, c * size**2)


class PatchifyAloneTurned(Wrong):
    part, loses = "patchify", 3
    hint = "Your way back is right. In `patchify` rows and columns within each patch are exchanged."

    def patchify(pictures: Tensor, size: int) -> Tensor:
        n, c, height, width = pictures.shape
        cut = pictures.reshape(n, c, height // size, size, width // size, size)
        return cut.permute(0, 2, 4, 1, 5, 3).reshape(n, -1, c * size**2)


class BackByReshape(Wrong):
    part, loses = "patchify", 2
    hint = (
        "Your `patchify` is right. The way back needs two steps as well: a single reshape lays "
        "each patch out as rows of the picture."
    )

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        return patches.reshape(len(patches), patches.shape[2] // size**2, height, width)


class BackByColumns(Wrong):
    part, loses = "patchify", 2
    hint = "Your `patchify` is right. The way back puts the second patch below the first."

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        n, c = len(patches), patches.shape[2] // size**2
        cut = patches.reshape(n, width // size, height // size, c, size, size)
        return cut.permute(0, 3, 2, 4, 1, 5).reshape(n, c, height, width)


class BackChannelsLast(Wrong):
    part, loses = "patchify", 2
    hint = "Your `patchify` is right. The way back reads each patch as if its channels came last."

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        n, c = len(patches), patches.shape[2] // size**2
        cut = patches.reshape(n, height // size, width // size, size, size, c)
        return cut.permute(0, 5, 1, 3, 2, 4).reshape(n, c, height, width)


class BackTurned(Wrong):
    part, loses = "patchify", 2
    hint = "Your `patchify` is right. The way back exchanges rows and columns within each patch."

    def unpatchify(patches: Tensor, size: int, height: int, width: int) -> Tensor:
        n, c = len(patches), patches.shape[2] // size**2
        cut = patches.reshape(n, height // size, width // size, c, size, size)
        return cut.permute(0, 3, 1, 5, 2, 4).reshape(n, c, height, width)


class ClassTokenAtTheEnd(Wrong):
    part, loses = "tokens", 4
    hint = "Your class token comes last. It is token 0, and its place is `e[0]`."

    def tokens(patches: Tensor, W: Tensor, b: Tensor, c: Tensor, e: Tensor) -> Tensor:
        return torch.cat([patches @ W + b, c.expand(len(patches), 1, -1)], dim=1) + e


class TokensWithoutPlaces(Wrong):
    part, loses = "tokens", 4
    hint = (
        "The vectors of the places are missing: to your Transformer, shuffled patches are the "
        "same picture."
    )

    def tokens(patches: Tensor, W: Tensor, b: Tensor, c: Tensor, e: Tensor) -> Tensor:
        return torch.cat([c.expand(len(patches), 1, -1), patches @ W + b], dim=1)


class ClassTokenUnplaced(Wrong):
    part, loses = "tokens", 2
    hint = "Your class token has no vector of a place. It has one, `e[0]`."

    def tokens(patches: Tensor, W: Tensor, b: Tensor, c: Tensor, e: Tensor) -> Tensor:
        return torch.cat([c.expand(len(patches), 1, -1), patches @ W + b + e[1:]], dim=1)


class PlacesShifted(Wrong):
    part, loses = "tokens", 4
    hint = (
        "The patches get vectors of places from `e[0]` on. That one is the class token's."
    )

    def tokens(patches: Tensor, W: Tensor, b: Tensor, c: Tensor, e: Tensor) -> Tensor:
        placed = patches @ W + b + e[:-1]
        return torch.cat([(c + e[-1]).expand(len(patches), 1, -1), placed], dim=1)


class TokensWithoutBias(Wrong):
    part, loses = "tokens", 3
    hint = "The bias b is missing in your patches' tokens."

    def tokens(patches: Tensor, W: Tensor, b: Tensor, c: Tensor, e: Tensor) -> Tensor:
        return torch.cat([c.expand(len(patches), 1, -1), patches @ W], dim=1) + e


class BiasOnClassToken(Wrong):
    part, loses = "tokens", 2
    hint = (
        "The bias is added to the class token, too. It belongs to the map of the patches."
    )

    def tokens(patches: Tensor, W: Tensor, b: Tensor, c: Tensor, e: Tensor) -> Tensor:
        return torch.cat([c.expand(len(patches), 1, -1), patches @ W], dim=1) + b + e


class PlacesByCorners(Wrong):
    part, loses = "places", 3
    hint = (
        "You align the centres of corner pixels (`align_corners=True`). The task asks for the "
        "default, which aligns the picture's edges."
    )

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        grid = e[1:].T.reshape(1, -1, *old)
        grid = F.interpolate(grid, new, mode="bilinear", align_corners=True)
        return torch.cat([e[:1], grid[0].flatten(1).T])


class PlacesOfTheNearest(Wrong):
    part, loses = "places", 3
    hint = (
        "Each new place copies the nearest old one, which is what `F.interpolate` does if no "
        "mode is given."
    )

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        grid = F.interpolate(e[1:].T.reshape(1, -1, *old), new)
        return torch.cat([e[:1], grid[0].flatten(1).T])


class PlacesScrambled(Wrong):
    part, loses = "places", 3
    hint = (
        "Channels and places are mixed: `e` has the channels last, `F.interpolate` wants them "
        "first, and a reshape does not exchange axes."
    )

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        grid = e[1:].reshape(1, -1, *old)
        grid = F.interpolate(grid, new, mode="bilinear")
        return torch.cat([e[:1], grid.reshape(-1, e.shape[1])])


class PlacesOnALine(Wrong):
    part, loses = "places", 3
    hint = (
        "You resize the list of places as one line, so the end of a row runs into the start "
        "of the next. Places lie on a grid."
    )

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        line = F.interpolate(e[1:].T[None], new[0] * new[1], mode="linear")
        return torch.cat([e[:1], line[0].T])


class PlacesOfTheClassTokenToo(Wrong):
    part, loses = "places", 4
    hint = (
        "The class token's vector takes part in the resizing, on one line with all the "
        "others. Put it aside first; the rest lies on a grid."
    )

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        return F.interpolate(e.T[None], 1 + new[0] * new[1], mode="linear")[0].T


class PlacesTurned(Wrong):
    part, loses = "places", 2
    hint = "Rows and columns of the grid are exchanged. On a square grid nobody notices."

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        grid = e[1:].T.reshape(1, -1, *old[::-1])
        grid = F.interpolate(grid, new[::-1], mode="bilinear")
        return torch.cat([e[:1], grid[0].flatten(1).T])


class PlacesBicubic(Wrong):
    part, loses = "places", 3
    hint = (
        "Your vectors are resized by another rule than the bilinear one, `bicubic`: its curves "
        "leave the range of the old numbers."
    )

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        grid = e[1:].T.reshape(1, -1, *old)
        grid = F.interpolate(grid, new, mode="bicubic")
        return torch.cat([e[:1], grid[0].flatten(1).T])


class PlacesScrambledBefore(Wrong):
    part, loses = "places", 3
    hint = (
        "Before the resizing, a reshape mixes channels and places: `e` has the channels last, "
        "`F.interpolate` wants them first. The way back is right."
    )

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        grid = F.interpolate(e[1:].reshape(1, -1, *old), new, mode="bilinear")
        return torch.cat([e[:1], grid[0].flatten(1).T])


class PlacesScrambledAfter(Wrong):
    part, loses = "places", 3
    hint = (
        "After the resizing, a reshape mixes channels and places: `F.interpolate` gives the "
        "channels first. The way there is right."
    )

    def resize_places(e: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
        grid = F.interpolate(e[1:].T.reshape(1, -1, *old), new, mode="bilinear")
        return torch.cat([e[:1], grid.reshape(-1, e.shape[1])])


class PoolWithoutScale(Wrong):
    part, loses = "pool", 2
    hint = "Your scores are not divided by the root of the vectors' width."

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        weights = (tokens @ query).softmax(dim=1)
        return (weights[:, :, None] * tokens).sum(dim=1), weights


class PoolOverTheBatch(Wrong):
    part, loses = "pool", 4
    hint = (
        "Your weights sum to one over the pictures of the batch. Each picture spreads its own "
        "weight over its tokens."
    )

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        weights = (tokens @ query / math.sqrt(len(query))).softmax(dim=0)
        return (weights[:, :, None] * tokens).sum(dim=1), weights


class PoolOfScores(Wrong):
    part, loses = "pool", 4
    hint = (
        "Your weights are scores divided by their sum: some are negative. The softmax takes "
        "exponentials first."
    )

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        scores = tokens @ query / math.sqrt(len(query))
        weights = scores / scores.sum(dim=1, keepdim=True)
        return (weights[:, :, None] * tokens).sum(dim=1), weights


class PoolAveraged(Wrong):
    part, loses = "pool", 1
    hint = (
        "The weights are right; the vector is then divided by the number of tokens once more. "
        "Weights that sum to one already make a mean."
    )

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        weights = (tokens @ query / math.sqrt(len(query))).softmax(dim=1)
        return (weights[:, :, None] * tokens).mean(dim=1), weights


class PoolOverflows(Wrong):
    part, loses = "pool", 1
    hint = (
        "Right for small scores, but the exponentials of large ones overflow. Subtract each "
        "picture's largest score first, or use `softmax`."
    )

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        powers = (tokens @ query / math.sqrt(len(query))).exp()
        weights = powers / powers.sum(dim=1, keepdim=True)
        return (weights[:, :, None] * tokens).sum(dim=1), weights


class PoolDividedByWidth(Wrong):
    part, loses = "pool", 2
    hint = "Your scores are divided by the width itself. The formula has a root over it."

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        weights = (tokens @ query / len(query)).softmax(dim=1)
        return (weights[:, :, None] * tokens).sum(dim=1), weights


class PoolDividedByCount(Wrong):
    part, loses = "pool", 2
    hint = (
        "Your scores are divided by the root of how many tokens there are. It should be that of "
        "the width."
    )

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        weights = (tokens @ query / math.sqrt(tokens.shape[1])).softmax(dim=1)
        return (weights[:, :, None] * tokens).sum(dim=1), weights


class PoolExchanged(Wrong):
    part, loses = "pool", 4
    hint = "Your two results are exchanged: the vectors come first, then the weights."

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        weights = (tokens @ query / math.sqrt(len(query))).softmax(dim=1)
        return weights, (weights[:, :, None] * tokens).sum(dim=1)


class ShuffledBack(Wrong):
    part, loses = "shuffle", 2
    hint = (
        "Your patches go the other way: the one from place i goes to place `order[i]`. Place "
        "i should get what was at place `order[i]`."
    )

    def shuffle(pictures: Tensor, size: int, order: Tensor) -> Tensor:
        patches = patchify(pictures, size)[:, order.argsort()]
        return unpatchify(patches, size, *pictures.shape[2:])

    def shuffle_places(e: Tensor, order: Tensor) -> Tensor:
        return torch.cat([e[:1], e[1:][order.argsort()]])


class PlacesShuffledBack(Wrong):
    part, loses = "shuffle", 1
    hint = (
        "The pictures are right; the vectors of the places are put back instead of moved "
        "along. They take the same way as the patches."
    )

    def shuffle(pictures: Tensor, size: int, order: Tensor) -> Tensor:
        patches = patchify(pictures, size)[:, order]
        return unpatchify(patches, size, *pictures.shape[2:])

    def shuffle_places(e: Tensor, order: Tensor) -> Tensor:
        return torch.cat([e[:1], e[1:][order.argsort()]])


class ClassTokenShuffled(Wrong):
    part, loses = "shuffle", 2
    hint = (
        "You apply the order to all of `e`, so the class token's vector moves with the "
        "patches, and all others are one off."
    )

    def shuffle(pictures: Tensor, size: int, order: Tensor) -> Tensor:
        patches = patchify(pictures, size)[:, order]
        return unpatchify(patches, size, *pictures.shape[2:])

    def shuffle_places(e: Tensor, order: Tensor) -> Tensor:
        return e[torch.cat([order, torch.tensor([len(order)])])]


class ClassTokenLost(Wrong):
    part, loses = "shuffle", 2
    hint = (
        "You apply the order to `e` as if it held patches alone: the class token's vector is "
        "among them, and one vector is missing."
    )

    def shuffle(pictures: Tensor, size: int, order: Tensor) -> Tensor:
        patches = patchify(pictures, size)[:, order]
        return unpatchify(patches, size, *pictures.shape[2:])

    def shuffle_places(e: Tensor, order: Tensor) -> Tensor:
        return e[order]


class PlacesNotMoved(Wrong):
    part, loses = "shuffle", 1
    hint = (
        "The vectors of the places stay where they were, so each patch gets that of another "
        "place."
    )

    def shuffle(pictures: Tensor, size: int, order: Tensor) -> Tensor:
        patches = patchify(pictures, size)[:, order]
        return unpatchify(patches, size, *pictures.shape[2:])

    def shuffle_places(e: Tensor, order: Tensor) -> Tensor:
        return e


class PlacesOneOff(Wrong):
    part, loses = "shuffle", 1
    hint = (
        "Each patch gets the vector of the place before its own: `order` counts patches from 0, "
        "and in `e` the class token comes first."
    )

    def shuffle_places(e: Tensor, order: Tensor) -> Tensor:
        return torch.cat([e[:1], e[order]])


class PlacesChangeWhatIsGiven(Wrong):
    part, loses = "shuffle", 1
    hint = (
        "The vectors are right, but `e` itself is in another order afterwards: an assignment to "
        "`e[…]` changes what is given."
    )

    def shuffle_places(e: Tensor, order: Tensor) -> Tensor:
        e[1:] = e[1:][order]
        return e


class ConvolveTwice(Wrong):
    """No hint foresees it."""

    part, loses = "convolve", 3

    def convolve(x: Tensor, edges: Tensor, W: Tensor, b: Tensor) -> Tensor:
        A = torch.eye(len(x))
        A[edges[1], edges[0]] = 1
        d = A.sum(dim=1)
        S = A / (d * d[:, None]).sqrt()
        return S @ S @ x @ W + b


class HeardByTheLongest(Wrong):
    """No hint foresees it."""

    part, loses = "mean", 2

    def mean_messages(x: Tensor, edges: Tensor) -> Tensor:
        index = edges[1][:, None].expand(-1, x.shape[1])
        return x.scatter_reduce(0, index, x[edges[0]], "amax")


class TokensScaled(Wrong):
    """No hint foresees it."""

    part, loses = "tokens", 3

    def tokens(patches: Tensor, W: Tensor, b: Tensor, c: Tensor, e: Tensor) -> Tensor:
        mapped = (patches @ W + b) * W.shape[1] ** 0.5
        return torch.cat([c.expand(len(patches), 1, -1), mapped], dim=1) + e


class PoolWithSigmoid(Wrong):
    """No hint foresees it."""

    part, loses = "pool", 4

    def pool(tokens: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        weights = (tokens @ query / math.sqrt(len(query))).sigmoid()
        return (weights[:, :, None] * tokens).sum(dim=1), weights
