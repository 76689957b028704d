"""Parts of the assignment on graphs or patches: what is called, and what is marked.

Students choose one of two tracks; the better one counts.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch

from tools.course.judge import Case, Part

SECONDS = 60.0


def graph_hand(student: SimpleNamespace) -> dict[str, Any]:
    """One round that was computed on paper.

    In thousandths, so that tolerances, which are absolute and relative, are absolute ones.
    """
    return {
        f"node {i}": lambda i=i: float(student.graph_by_hand[i]) / 1_000 for i in range(4)
    }


def directed(variant: int) -> dict[str, Any]:
    """A graph whose edges go one way; node 4 has none, and node 5 only sends."""
    generator = torch.Generator().manual_seed(100 + variant)
    edges = torch.tensor([[0, 1, 3, 0, 2, 5, 5, 1], [2, 2, 2, 1, 1, 3, 0, 6]])
    return {"x": torch.randn(7, 3, generator=generator), "edges": edges}


def both_ways(variant: int) -> dict[str, Any]:
    """A graph with edges in both directions, and weights of a layer."""
    generator = torch.Generator().manual_seed(200 + variant)
    one = torch.tensor([[0, 1, 1, 1, 3], [1, 2, 3, 4, 4]])  # node 5 has none
    x = torch.randn(6, 3, generator=generator)
    x[[0, 1, 5], 0] = -1 - x[[0, 1, 5], 0].abs()  # so that some results are negative
    return {
        "x": x,
        "edges": torch.cat([one, one.flip(0)], dim=1),
        "W": torch.randn(3, 4, generator=generator),
        "b": -1 - torch.rand(4, generator=generator),
    }


def mean(student: SimpleNamespace, x: Any, edges: Any) -> dict[str, Any]:
    """Means of a directed graph, in single and in double precision."""
    import torch

    def heard(x: Any, edges: Any = edges) -> Any:
        return student.mean_messages(x.clone(), edges.clone())

    def shape() -> dict[str, Any]:
        given = x.clone(), edges.clone()
        found = list(student.mean_messages(*given).shape)
        return {"shape": found, "kept": all(map(torch.equal, given, (x, edges)))}

    return {
        "shape": shape,
        "hears": lambda: heard(x)[:4],
        "alone": lambda: heard(x[:6], edges[:, :-1])[4:],
        "alike": lambda: heard(torch.ones(7, 1, dtype=torch.float64)),
    }


def convolve(
    student: SimpleNamespace, x: Any, edges: Any, W: Any, b: Any
) -> dict[str, Any]:
    """A layer of a graph, the bias and the matrix apart."""
    import torch

    def layer(x: Any, W: Any, b: Any) -> Any:
        return student.convolve(x.clone(), edges.clone(), W.clone(), b.clone())

    def shape() -> dict[str, Any]:
        given = x[:5].clone(), edges.clone(), W.clone(), b.clone()
        found = list(student.convolve(*given).shape)
        return {"shape": found, "kept": all(map(torch.equal, given, (x[:5], edges, W, b)))}

    return {
        "shape": shape,
        "messages": lambda: layer(x[:5], torch.eye(3), torch.zeros(3)),
        "alone": lambda: layer(x, torch.eye(3), torch.zeros(3))[5:],
        "layer": lambda: layer(x[:5], W, b),
    }


def several(variant: int) -> dict[str, Any]:
    """Graphs of several sizes, one of them without edges."""
    generator = torch.Generator().manual_seed(300 + variant)
    pairs = [
        (4, [[0, 1, 3], [1, 2, 0]]),
        (2, [[0], [1]]),
        (1, [[], []]),
        (3, [[0, 1, 2, 2], [1, 2, 0, 1]]),
        (5, [[4], [0]]),
    ]
    return {
        "graphs": [
            [torch.randn(n, 2, generator=generator), torch.tensor(edges, dtype=torch.long)]
            for n, edges in pairs
        ]
    }


def join(student: SimpleNamespace, graphs: Any) -> dict[str, Any]:
    """A batch of graphs, and its readout."""
    import torch

    def joined() -> Any:
        return student.join([(x.clone(), edges.clone()) for x, edges in graphs])

    def nodes() -> dict[str, Any]:
        given = [(x.clone(), edges.clone()) for x, edges in graphs]
        found = student.join(list(given))[0]
        kept = [
            all(map(torch.equal, one, two)) for one, two in zip(given, graphs, strict=True)
        ]
        return {"nodes": found, "kept": all(kept)}

    x = torch.cat([x for x, _ in graphs])
    graph = torch.tensor([0] * 4 + [1] * 2 + [2] + [3] * 3 + [4] * 5)
    mixed = torch.tensor([1, 0, 2, 1, 0, 1, 1, 2, 0, 1, 1, 1, 0, 2, 1])
    return {
        "nodes": nodes,
        "edges": lambda: joined()[1],
        "graph": lambda: joined()[2],
        "readout": lambda: {
            "five": student.readout(x.clone(), graph, 5),
            "three": student.readout(x.clone(), mixed, 3),
        },
    }


def many_nodes(variant: int) -> dict[str, Any]:
    """A graph of fifty nodes and a new order of them."""
    generator = torch.Generator().manual_seed(400 + variant)
    source = torch.randint(50, (120,), generator=generator)
    step = torch.randint(1, 50, (120,), generator=generator)
    return {
        "x": torch.randn(50, 3, generator=generator),
        "edges": torch.stack([source, (source + step) % 50]).unique(dim=1),
        "order": torch.randperm(50, generator=generator),
    }


def renumber(student: SimpleNamespace, x: Any, edges: Any, order: Any) -> dict[str, Any]:
    """A renumbered graph, and the test on layers that do and do not follow."""
    import torch

    def heard(x: Any, edges: Any) -> Any:
        return torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])

    def alike(x: Any, edges: Any) -> Any:
        return x.amax(dim=0).expand(len(x), -1)

    def numbered(x: Any, edges: Any) -> Any:
        return x * torch.arange(len(x))[:, None]

    def running(x: Any, edges: Any) -> Any:
        return x.cumsum(dim=0)

    def nearly(x: Any, edges: Any) -> Any:
        return x + 3e-5 * (torch.arange(len(x)) % 2)[:, None]

    def hardly(x: Any, edges: Any) -> Any:
        return x + 3e-3 * (torch.arange(len(x)) % 2)[:, None]

    def verdict(layer: Any, order: Any = order) -> bool:
        return bool(student.equivariant(layer, x.clone(), edges.clone(), order.clone()))

    def vectors() -> dict[str, Any]:
        given = x.clone(), edges.clone(), order.clone()
        found = student.renumber(*given)[0]
        return {"vectors": found, "kept": all(map(torch.equal, given, (x, edges, order)))}

    short = torch.tensor([2, 0, 3, 1])
    few = torch.tensor([[0, 1, 2], [1, 2, 3]])
    return {
        "vectors": vectors,
        "edges": lambda: student.renumber(x[:4].clone(), few.clone(), short.clone())[1],
        "yes": lambda: [
            verdict(heard),
            verdict(heard, torch.arange(50).flip(0)),
            verdict(alike),
            verdict(nearly),
        ],
        "no": lambda: [verdict(it) for it in (numbered, running, hardly)],
    }


def smoothing(
    student: SimpleNamespace, x: Any, edges: Any, W: Any, b: Any
) -> dict[str, Any]:
    """The spread of vectors, and how it changes over rounds: as shares of the first."""

    def rounds() -> list[float]:
        found = [float(it) for it in student.smoothing(x.clone(), edges, 6)]
        return [it / found[0] for it in found]

    def first() -> list[float]:
        found = student.smoothing(x.clone(), edges, 0)
        return [float(it) / float(student.spread(x.clone())) for it in found]

    return {
        "spread": lambda: float(student.spread(x.clone())),
        "shifted": lambda: float(student.spread(x[:2, :2] + b[:2])),
        "first": first,
        "rounds": rounds,
    }


def patch_hand(student: SimpleNamespace) -> dict[str, Any]:
    """Five tokens that were computed on paper."""
    return {
        "class": lambda: float(student.patches_by_hand[0]),
        "first": lambda: float(student.patches_by_hand[1]),
        "second": lambda: float(student.patches_by_hand[2]),
        "below": lambda: [float(it) for it in student.patches_by_hand[3:]],
    }


def pictures(variant: int) -> dict[str, Any]:
    """Pictures that are not square, with three channels."""
    generator = torch.Generator().manual_seed(500 + variant)
    return {
        "pictures": torch.randn(2, 3, 6, 9, generator=generator),
        "grey": torch.randn(3, 1, 8, 8, generator=generator),
    }


def patchify(student: SimpleNamespace, pictures: Any, grey: Any) -> dict[str, Any]:
    """Patches of pictures, and pictures of patches."""
    import torch

    numbers = torch.arange(2 * 15 * 8.0).reshape(2, 15, 8)
    return {
        "shape": lambda: list(student.patchify(pictures.clone(), 3).shape),
        "grey": lambda: student.patchify(grey.clone(), 2),
        "channels": lambda: student.patchify(pictures.clone(), 3),
        "back": lambda: student.unpatchify(numbers.clone(), 2, 6, 10),
        "back from a square": lambda: student.unpatchify(numbers[:, :9].clone(), 2, 6, 6),
    }


def embedding(variant: int) -> dict[str, Any]:
    """Patches and the weights that make tokens of them."""
    generator = torch.Generator().manual_seed(600 + variant)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    return {
        "patches": draw(3, 5, 4),
        "W": draw(4, 6),
        "b": draw(6),
        "c": draw(6),
        "e": draw(6, 6),
    }


def tokens(
    student: SimpleNamespace, patches: Any, W: Any, b: Any, c: Any, e: Any
) -> dict[str, Any]:
    """Tokens of a batch and of a single picture."""

    def found(patches: Any, places: int) -> Any:
        it = (patches, W, b, c, e[:places])
        return student.tokens(*(one.clone() for one in it))

    return {
        "shape": lambda: list(found(patches, 6).shape),
        "class": lambda: found(patches, 6)[:, 0],
        "patches": lambda: found(patches, 6)[:, 1:],
        "single": lambda: found(patches[:1, :2], 3),
    }


def grids(variant: int) -> dict[str, Any]:
    """Vectors of places on a grid of two rows and four columns."""
    generator = torch.Generator().manual_seed(700 + variant)
    return {"e": torch.randn(9, 5, generator=generator)}


def places(student: SimpleNamespace, e: Any) -> dict[str, Any]:
    """Larger, smaller and square grids."""

    def found(old: Any, new: Any) -> Any:
        return student.resize_places(e[: 1 + old[0] * old[1]].clone(), old, new)

    return {
        "shape": lambda: list(found((2, 4), (3, 7)).shape),
        "class": lambda: {
            "larger": found((2, 4), (3, 7))[0],
            "smaller": found((2, 4), (1, 3))[0],
        },
        "square": lambda: found((2, 2), (4, 4))[1:],
        "oblong": lambda: found((2, 4), (3, 7))[1:],
    }


def pooled(variant: int) -> dict[str, Any]:
    """Tokens and a query."""
    generator = torch.Generator().manual_seed(800 + variant)
    return {
        "vectors": torch.randn(4, 6, 5, generator=generator),
        "query": torch.randn(5, generator=generator),
    }


def pool(student: SimpleNamespace, vectors: Any, query: Any) -> dict[str, Any]:
    """Weights and what they pool.

    Scores are far apart or all alike where the scale of scores is not what is looked at.
    """
    import torch

    scores = torch.tensor([[4.0, 0, -1, 0, 1, 0]] * 4)[:, :, None]
    along = scores * 5**0.5 * query / query.square().sum()  # vectors with these scores

    def found(number: int, vectors: Any, query: Any = query) -> Any:
        return student.pool(vectors.clone(), query.clone())[number]

    return {
        "weights": lambda: found(1, vectors),
        "large": lambda: found(1, 100 * along),
        "vectors": lambda: [found(0, vectors, 0 * query), found(0, 10 * along)],
    }


def shuffle(student: SimpleNamespace, pictures: Any, grey: Any) -> dict[str, Any]:
    """Shuffled pictures and places."""
    import torch

    order = torch.tensor([3, 0, 5, 1, 4, 2])
    e = torch.arange(7.0)[:, None] * torch.tensor([1.0, -2.0]) + 5

    def first() -> dict[str, Any]:
        given = e.clone(), order.clone()
        found = student.shuffle_places(*given)[0]
        return {"vector": found, "kept": all(map(torch.equal, given, (e, order)))}

    return {
        "pictures": lambda: student.shuffle(pictures.clone(), 3, order.clone()),
        "class": first,
        "places": lambda: student.shuffle_places(e.clone(), order.clone())[1:],
    }


GRAPHS = [
    Part(
        "graph_hand",
        "Part 1: one round by hand",
        ["graph_by_hand"],
        graph_hand,
        [
            Case(f"the number of node {i}, to two digits", 1, f"node {i}", tolerance=6e-6)
            for i in range(4)
        ],
    ),
    Part(
        "mean",
        "Part 2: the mean of what is heard",
        ["mean_messages"],
        mean,
        [
            Case("a vector for each node; what was given stays", 1, "shape"),
            Case("means over itself and those that send", 2, "hears"),
            Case("nodes that hear nobody keep their vectors", 1, "alone"),
            Case("where all say the same, that is the mean", 1, "alike"),
        ],
        directed,
    ),
    Part(
        "convolve",
        "Part 3: a convolution",
        ["convolve"],
        convolve,
        [
            Case(
                "a vector of the new width for each node; what was given stays", 1, "shape"
            ),
            Case("messages with their factors", 2, "messages"),
            Case("a node without edges", 1, "alone"),
            Case("the whole layer", 1, "layer"),
        ],
        both_ways,
    ),
    Part(
        "join",
        "Part 4: many graphs at once",
        ["join", "readout"],
        join,
        [
            Case("all nodes in order; the graphs given stay", 1, "nodes"),
            Case("edges with new numbers", 2, "edges"),
            Case("each node's graph", 1, "graph"),
            Case("the mean over each graph's nodes", 1, "readout"),
        ],
        several,
    ),
    Part(
        "renumber",
        "Part 5: does the order of nodes matter?",
        ["renumber", "equivariant"],
        renumber,
        [
            Case("vectors in the new order; what was given stays", 1, "vectors"),
            Case("edges with the new numbers", 1, "edges"),
            Case("layers that follow within 0.0001 pass the test", 1, "yes"),
            Case("layers that do not follow fail it", 1, "no"),
        ],
        many_nodes,
    ),
    Part(
        "smoothing",
        "Part 6: what many rounds do",
        ["spread", "smoothing"],
        smoothing,
        [
            Case("the spread of many nodes", 1, "spread"),
            Case("the spread of two nodes", 1, "shifted"),
            Case("without a round, a list of your spread", 1, "first"),
            Case("what is left of it after each of several rounds", 1, "rounds"),
        ],
        both_ways,
        needs=["mean"],
    ),
]

PATCHES = [
    Part(
        "patch_hand",
        "Part 7: tokens by hand",
        ["patches_by_hand"],
        patch_hand,
        [
            Case("the class token's number", 1, "class", tolerance=0.001),
            Case("the first patch's number", 1, "first", tolerance=0.001),
            Case("the second patch's number", 1, "second", tolerance=0.001),
            Case("the numbers of the patches below", 1, "below", tolerance=0.001),
        ],
    ),
    Part(
        "patchify",
        "Part 8: pictures to patches and back",
        ["patchify", "unpatchify"],
        patchify,
        [
            Case("shape of the patches", 1, "shape"),
            Case("patches of grey pictures", 1, "grey"),
            Case("patches of coloured, oblong pictures", 2, "channels"),
            Case("the way back to oblong pictures", 1, "back"),
            Case("the way back to square pictures", 1, "back from a square"),
        ],
        pictures,
    ),
    Part(
        "tokens",
        "Part 9: tokens",
        ["tokens"],
        tokens,
        [
            Case("shape of the tokens", 1, "shape"),
            Case("the class token", 1, "class"),
            Case("the patches' tokens", 2, "patches"),
            Case("a single picture of two patches", 1, "single"),
        ],
        embedding,
    ),
    Part(
        "places",
        "Part 10: places of a larger picture",
        ["resize_places"],
        places,
        [
            Case("shape of the vectors", 1, "shape"),
            Case("the class token's vector stays", 1, "class"),
            Case("a square grid", 1, "square"),
            Case("an oblong grid", 2, "oblong"),
        ],
        grids,
    ),
    Part(
        "pool",
        "Part 11: pooling by attention",
        ["pool"],
        pool,
        [
            Case("weights", 2, "weights"),
            Case("large scores do no harm", 1, "large", tolerance=1e-3),
            Case("pooled vectors", 1, "vectors"),
        ],
        pooled,
    ),
    Part(
        "shuffle",
        "Part 12: what a shuffle costs",
        ["shuffle", "shuffle_places"],
        shuffle,
        [
            Case("patches in the new order", 1, "pictures"),
            Case("the class token's vector stays, and so does what was given", 1, "class"),
            Case("vectors of places that move along", 1, "places"),
        ],
        pictures,
        needs=["patchify"],
    ),
]

PARTS = [  # two tracks, of which the better one counts
    *(replace(part, track="graphs") for part in GRAPHS),
    *(replace(part, track="patches") for part in PATCHES),
]
