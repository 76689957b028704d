"""Graph networks: nodes exchange messages along edges. GCN, GraphSAGE, GAT and GIN, for nodes and for whole graphs.

A layer gives each node a vector made from its own and from those of its neighbours, the nodes that have an edge to it:

- ``gcn``: the sum over the node itself and its neighbours, each divided by √(d_i d_j), with d the number of edges into
  a node, the one from itself included, through one matrix (Kipf and Welling, 2017, equation 2,
  https://arxiv.org/abs/1609.02907);
- ``sage``: the neighbours' mean through one matrix and the node itself through another (GraphSAGE; Hamilton, Ying and
  Leskovec, 2017, algorithm 1, https://arxiv.org/abs/1706.02216);
- ``gat``: a mean over the node itself and its neighbours whose weights are a softmax of scores, learned for each head
  (Veličković et al., 2018, equations 1 to 6, https://arxiv.org/abs/1710.10903);
- ``gin``: the sum over the neighbours, and the node itself once more, through a small network (Xu et al., 2019,
  equation 4.1, https://arxiv.org/abs/1810.00826).

Edges may have features: with ``gin`` they are added to the neighbour's vector before it is summed (Hu et al., 2020,
section 5.1, https://arxiv.org/abs/1905.12265), with ``gat`` they take part in the score. It gives the same outputs and
gradients as ``GCNConv``, ``SAGEConv``, ``GATConv``, ``GINConv`` and ``GINEConv`` of ``torch_geometric``.

What differs from the papers: GraphSAGE looks at all neighbours, not at a sample, and does not scale its vectors to
length 1; each layer may add to its input instead of replacing it; dropout acts on the input of a layer, in GAT not on
its weights, too. No matrix of nodes by nodes is ever made: memory grows with the number of edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .base import Model
from .checks import at_least, one_of, probability

READOUTS = ("none", "mean", "sum")


@dataclass(frozen=True, eq=False)
class Graph:
    """One graph, or several side by side, with no edges between them."""

    nodes: Tensor  # features, (n_nodes, d_in)
    edges: Tensor  # (2, n_edges): where an edge comes from, and where it leads; both directions where it has none
    edge_features: Tensor | None = None  # (n_edges, d_edge)
    graph_of: Tensor | None = None  # (n_nodes,), which graph a node belongs to, from 0; None: all to one
    n_graphs: int = 1

    def __post_init__(self) -> None:
        if self.edges.ndim != 2 or len(self.edges) != 2:
            raise ValueError(f"edges must have shape (2, n_edges), not {tuple(self.edges.shape)}.")
        if self.edges.numel() and not 0 <= int(self.edges.min()) <= int(self.edges.max()) < len(self.nodes):
            raise ValueError(f"edges must join nodes from 0 to {len(self.nodes) - 1}.")
        if self.edge_features is not None and len(self.edge_features) != self.edges.shape[1]:
            raise ValueError(
                f"There are {len(self.edge_features)} edge features for {self.edges.shape[1]} edges."
            )

    @cached_property
    def looped(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """The edges with one from each node to itself, computed once for all layers and passes.

        Where they come from and where they lead, each ``(n_edges + n_nodes,)``, and their features; those of a node's
        edge to itself are the mean of those into it.
        """
        others = self.edges[0] != self.edges[1]
        itself = torch.arange(len(self.nodes), device=self.edges.device)
        source, to = self.edges[:, others]
        features = self.edge_features
        if features is not None:
            features = features[others]
            n = number(to, len(itself), features).clamp(min=1)
            features = torch.cat([features, total(features, to, len(itself)) / n[:, None]])
        return torch.cat([source, itself]), torch.cat([to, itself]), features

    def to(self, device: torch.device) -> Graph:
        """The same graph on a device."""
        features = None if self.edge_features is None else self.edge_features.to(device)
        of = None if self.graph_of is None else self.graph_of.to(device)
        return Graph(self.nodes.to(device), self.edges.to(device), features, of, self.n_graphs)


def side_by_side(graphs: Sequence[Graph]) -> Graph:
    """Several graphs as one, so that one pass computes them all.

    Args:
        graphs: each one graph, with features of the same width; all with edge features, or none.

    Returns:
        a graph whose nodes are those of the first, then those of the second, and so on.
    """
    sizes = [len(graph.nodes) for graph in graphs]
    starts = [sum(sizes[:i]) for i in range(len(graphs))]
    features = [graph.edge_features for graph in graphs]
    return Graph(
        torch.cat([graph.nodes for graph in graphs]),
        torch.cat([graph.edges + start for graph, start in zip(graphs, starts, strict=True)], dim=1),
        None if any(f is None for f in features) else torch.cat([f for f in features if f is not None]),
        torch.arange(len(graphs)).repeat_interleave(torch.tensor(sizes)).to(graphs[0].edges.device),
        len(graphs),
    )


@dataclass(frozen=True)
class GraphNetworkConfig:
    """Sizes and choices of a graph network. The defaults are those of the paper on GCN for citations."""

    d_in: int  # features of a node
    n_outputs: int  # classes, or numbers to predict
    layer: str = "gcn"  # or "sage", "gat", "gin"
    d_hidden: int = 16  # width of the vectors between layers; with "gat" a multiple of n_head
    n_layer: int = 2  # layers, each of which lets a node hear from one edge further away
    n_head: int = 1  # of "gat"
    d_edge: int | None = None  # features of an edge, for "gin" and "gat"; None: edges have none
    residual: bool = False  # whether a layer adds to its input, where widths agree, instead of replacing it
    norm: bool = False  # whether each layer but the last ends with batch normalisation
    readout: str = "none"  # an output for each node; or "mean" or "sum" over its nodes: for each graph
    dropout: float = 0.5  # probability of dropping an element of a layer's input, in training only

    def __post_init__(self) -> None:
        one_of(LAYERS, layer=self.layer)
        one_of(READOUTS, readout=self.readout)
        at_least(1, d_in=self.d_in, n_outputs=self.n_outputs, d_hidden=self.d_hidden, d_edge=self.d_edge)
        at_least(1, n_layer=self.n_layer, n_head=self.n_head)
        probability(dropout=self.dropout)
        if self.d_edge is not None and self.layer not in ("gat", "gin"):
            raise ValueError(f'"{self.layer}" has no place for edge features: leave d_edge out.')
        if self.d_hidden % self.n_head:
            raise ValueError(f"d_hidden ({self.d_hidden}) must be a multiple of n_head ({self.n_head}).")


def total(messages: Tensor, to: Tensor, n_nodes: int) -> Tensor:
    """The sum of the messages to each node.

    Args:
        messages: ``(n_edges, …)``.
        to: ``(n_edges,)``, the node that each is for.
        n_nodes: number of nodes.

    Returns:
        ``(n_nodes, …)``; 0 where there is none.
    """
    return messages.new_zeros(n_nodes, *messages.shape[1:]).index_add(0, to, messages)


def number(to: Tensor, n_nodes: int, like: Tensor) -> Tensor:
    """How many messages each node gets, ``(n_nodes,)``, of the type of ``like``."""
    return total(torch.ones(len(to), dtype=like.dtype, device=like.device), to, n_nodes)


def softmax(scores: Tensor, to: Tensor, n_nodes: int) -> Tensor:
    """The softmax of ``(n_edges, n_head)`` scores over the edges into each node."""
    index = to[:, None].expand_as(scores)
    largest = scores.new_zeros(n_nodes, scores.shape[1]).scatter_reduce(
        0, index, scores.detach(), "amax", include_self=False
    )
    powers = (scores - largest[to]).exp()  # no power above 1
    return powers / total(powers, to, n_nodes)[to]


class GCNLayer(nn.Module):
    """x_i' = b + Σ_j W x_j / √(d_i d_j), over i itself and its neighbours."""

    def __init__(self, d_in: int, d_out: int, config: GraphNetworkConfig, last: bool) -> None:
        super().__init__()
        self.map = nn.Linear(d_in, d_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(d_out))

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``(n_nodes, d_in)`` to ``(n_nodes, d_out)``."""
        source, to, _ = graph.looped
        scale = number(to, len(x), x).rsqrt()  # (n_nodes,)
        x = self.map(x)
        return total(x[source] * (scale[source] * scale[to])[:, None], to, len(x)) + self.bias


class SAGELayer(nn.Module):
    """x_i' = b + W mean_j x_j + V x_i, over i's neighbours."""

    def __init__(self, d_in: int, d_out: int, config: GraphNetworkConfig, last: bool) -> None:
        super().__init__()
        self.neighbours = nn.Linear(d_in, d_out)
        self.itself = nn.Linear(d_in, d_out, bias=False)

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``(n_nodes, d_in)`` to ``(n_nodes, d_out)``."""
        source, to = graph.edges
        mean = total(x[source], to, len(x)) / number(to, len(x), x).clamp(min=1)[:, None]
        return self.neighbours(mean) + self.itself(x)


class GATLayer(nn.Module):
    """x_i' = b + Σ_j α_ij W x_j, over i itself and its neighbours, with α_ij the softmax over j of the scores.

    The score is LeakyReLU(s · W x_j + t · W x_i), plus e · U f_ij before the LeakyReLU where the edge has features f.
    Heads are concatenated, in the last layer averaged.
    """

    def __init__(self, d_in: int, d_out: int, config: GraphNetworkConfig, last: bool) -> None:
        super().__init__()
        self.heads, self.average = config.n_head, last
        width = d_out if last else d_out // self.heads
        self.map = nn.Linear(d_in, self.heads * width, bias=False)
        self.from_score = nn.Parameter(torch.empty(self.heads, width))  # s
        self.to_score = nn.Parameter(torch.empty(self.heads, width))  # t
        if config.d_edge is not None:
            self.edge_map = nn.Linear(config.d_edge, self.heads * width, bias=False)
            self.edge_score = nn.Parameter(torch.empty(self.heads, width))  # e
        self.bias = nn.Parameter(torch.zeros(d_out))

    def weights(self, x: Tensor, graph: Graph) -> tuple[Tensor, Tensor, Tensor]:
        """What each edge counts for.

        Args:
            x: ``(n_nodes, d_in)``.
            graph: the edges.

        Returns:
            where the edges of :attr:`Graph.looped` come from and lead to, each ``(n_edges + n_nodes,)``; and their
            weights ``(n_edges + n_nodes, n_head)``, which sum to 1 over the edges into a node.
        """
        return self._weights(self._mapped(x), graph)

    def _mapped(self, x: Tensor) -> Tensor:
        mapped: Tensor = self.map(x).unflatten(1, (self.heads, -1))  # (n_nodes, n_head, width)
        return mapped

    def _weights(self, mapped: Tensor, graph: Graph) -> tuple[Tensor, Tensor, Tensor]:
        source, to, features = graph.looped
        scores = (mapped * self.from_score).sum(-1)[source] + (mapped * self.to_score).sum(-1)[to]
        if features is not None:
            edges = self.edge_map(features).unflatten(1, (self.heads, -1))
            scores = scores + (edges * self.edge_score).sum(-1)
        return source, to, softmax(F.leaky_relu(scores, 0.2), to, len(mapped))

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``(n_nodes, d_in)`` to ``(n_nodes, d_out)``."""
        mapped = self._mapped(x)
        source, to, weights = self._weights(mapped, graph)
        mixed = total(mapped[source] * weights[..., None], to, len(x))  # (n_nodes, n_head, width)
        return (mixed.mean(1) if self.average else mixed.flatten(1)) + self.bias


class GINLayer(nn.Module):
    """x_i' = MLP(x_i + Σ_j x_j), over i's neighbours; with features f of the edges Σ_j ReLU(x_j + U f_ij)."""

    def __init__(self, d_in: int, d_out: int, config: GraphNetworkConfig, last: bool) -> None:
        super().__init__()
        if config.d_edge is not None:
            self.edge_map = nn.Linear(config.d_edge, d_in)
        self.mlp = nn.Sequential(
            nn.Linear(d_in, config.d_hidden), nn.ReLU(), nn.Linear(config.d_hidden, d_out)
        )

    def forward(self, x: Tensor, graph: Graph) -> Tensor:
        """``(n_nodes, d_in)`` to ``(n_nodes, d_out)``."""
        source, to = graph.edges
        messages = x[source]
        if graph.edge_features is not None:
            messages = F.relu(messages + self.edge_map(graph.edge_features))
        mixed: Tensor = self.mlp(x + total(messages, to, len(x)))
        return mixed


LAYERS = {"gcn": GCNLayer, "sage": SAGELayer, "gat": GATLayer, "gin": GINLayer}


class GraphNetwork(Model):
    """Layers of one kind: from the features of nodes to an output for each node, or for each graph."""

    by_adamw = ("head",)

    def __init__(self, config: GraphNetworkConfig) -> None:
        super().__init__()
        self.config = config
        whole = (
            config.readout != "none"
        )  # then a head follows the readout; otherwise the last layer is the head
        widths = [config.d_in] + [config.d_hidden] * config.n_layer
        if not whole:
            widths[-1] = config.n_outputs
        last = config.n_layer - 1
        self.layers = nn.ModuleList(
            LAYERS[config.layer](widths[i], widths[i + 1], config, last=i == last and not whole)
            for i in range(config.n_layer)
        )
        # Maps in and out: Muon leaves them to AdamW.
        self.layers.by_adamw = ("0",) if whole else ("0", str(last))  # type: ignore[assignment]
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(widths[i + 1]) if config.norm and (whole or i < last) else nn.Identity()
            for i in range(config.n_layer)
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.d_hidden, config.n_outputs) if whole else None
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.xavier_uniform_(parameter)

    def hidden(self, graph: Graph) -> list[Tensor]:
        """The vectors of the nodes after each layer, ``(n_nodes, width)``; those of the last are the outputs of nodes.

        Raises:
            ValueError: if the nodes or edges have another number of features than the model reads.
        """
        self._check(graph)
        x, found = graph.nodes, []
        for i, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            mixed = norm(layer(self.dropout(x), graph))
            if self.head is not None or i < len(self.layers) - 1:
                mixed = F.elu(mixed) if self.config.layer == "gat" else F.relu(mixed)
            x = x + mixed if self.config.residual and x.shape == mixed.shape else mixed
            found.append(x)
        return found

    def forward(self, graph: Graph) -> Tensor:
        """Outputs ``(n_nodes, n_outputs)``, or ``(n_graphs, n_outputs)`` with a readout.

        Raises:
            ValueError: if the nodes or edges have another number of features than the model reads.
        """
        x = self.hidden(graph)[-1]
        if self.head is None:
            return x
        of = graph.graph_of
        if of is None:
            of = torch.zeros(len(x), dtype=torch.long, device=x.device)
        pooled = total(x, of, graph.n_graphs)
        if self.config.readout == "mean":
            pooled = pooled / number(of, graph.n_graphs, x).clamp(min=1)[:, None]
        outputs: Tensor = self.head(self.dropout(pooled))
        return outputs

    def _check(self, graph: Graph) -> None:
        config, d_in = self.config, graph.nodes.shape[1]
        d_edge = None if graph.edge_features is None else graph.edge_features.shape[1]
        if d_in != config.d_in:
            raise ValueError(f"Nodes have {d_in} features; this model reads {config.d_in}.")
        if d_edge != config.d_edge:
            raise ValueError(
                f"Edges have {d_edge or 'no'} features; this model reads {config.d_edge or 'none'}."
            )
