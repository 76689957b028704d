"""Our graph layers against those of torch_geometric with the same weights, and that a wrong layout fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from torch_geometric.nn import (
    GATConv,
    GCNConv,
    GINConv,
    GINEConv,
    SAGEConv,
    global_add_pool,
    global_mean_pool,
)

from largemodels.models.graph import Graph, GraphNetwork, GraphNetworkConfig, side_by_side

from .random_weights import randomised

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
D_IN, D_HIDDEN, D_OUT, D_EDGE, HEADS = 7, 15, 5, 3, 3
CASES = [("gcn", False), ("sage", False), ("gat", False), ("gat", True), ("gin", False), ("gin", True)]


def graph(featured: bool, n_nodes: int = 13) -> Graph:
    """Directed edges, some nodes without any, one with an edge to itself."""
    edges = torch.randint(n_nodes - 2, (2, 40)).unique(dim=1)
    edges = torch.cat([edges[:, edges[0] != edges[1]], torch.tensor([[4], [4]])], dim=1)
    features = torch.randn(edges.shape[1], D_EDGE) if featured else None
    return Graph(torch.randn(n_nodes, D_IN), edges, features)


def network(layer: str, featured: bool, readout: str = "none") -> GraphNetwork:
    config = GraphNetworkConfig(
        D_IN, D_OUT, layer, D_HIDDEN, 3, HEADS if layer == "gat" else 1, D_EDGE if featured else None,
        readout=readout,
    )  # fmt: skip
    return randomised(GraphNetwork(config)).eval()


def reference(layer: str, featured: bool, d_in: int, d_out: int, last: bool) -> nn.Module:
    if layer == "gcn":
        return GCNConv(d_in, d_out)
    if layer == "sage":
        return SAGEConv(d_in, d_out)
    edge_dim = D_EDGE if featured else None
    if layer == "gat":
        return GATConv(d_in, d_out if last else d_out // HEADS, HEADS, concat=not last, edge_dim=edge_dim)
    mlp = nn.Sequential(nn.Linear(d_in, D_HIDDEN), nn.ReLU(), nn.Linear(D_HIDDEN, d_out))
    return GINEConv(mlp, edge_dim=edge_dim) if featured else GINConv(mlp)


# Our names of parameters in a layer, and theirs.
NAMES = {
    "gcn": {"map.weight": "lin.weight", "bias": "bias"},
    "sage": {
        "neighbours.weight": "lin_l.weight", "neighbours.bias": "lin_l.bias", "itself.weight": "lin_r.weight",
    },
    "gat": {
        "map.weight": "lin.weight", "from_score": "att_src", "to_score": "att_dst", "bias": "bias",
        "edge_map.weight": "lin_edge.weight", "edge_score": "att_edge",
    },
    "gin": {
        "mlp.0.weight": "nn.0.weight", "mlp.0.bias": "nn.0.bias", "mlp.2.weight": "nn.2.weight",
        "mlp.2.bias": "nn.2.bias", "edge_map.weight": "lin.weight", "edge_map.bias": "lin.bias",
    },
}  # fmt: skip


def theirs_like(ours: GraphNetwork) -> list[nn.Module]:
    config = ours.config
    widths = [D_IN, *[D_HIDDEN] * (config.n_layer - 1), D_HIDDEN if config.readout != "none" else D_OUT]
    layers = []
    for i, layer in enumerate(ours.layers):
        last = i == config.n_layer - 1 and config.readout == "none"
        theirs = reference(config.layer, config.d_edge is not None, widths[i], widths[i + 1], last)
        parameters = dict(theirs.named_parameters())
        mine = dict(layer.named_parameters())
        assert {NAMES[config.layer][name] for name in mine} == set(parameters)
        with torch.no_grad():
            for name, parameter in mine.items():
                parameters[NAMES[config.layer][name]].copy_(
                    parameter.view_as(parameters[NAMES[config.layer][name]])
                )
        layers.append(theirs.eval())
    return layers


def their_output(ours: GraphNetwork, theirs: list[nn.Module], some: Graph) -> Tensor:
    x, config = some.nodes, ours.config
    for i, layer in enumerate(theirs):
        features = () if some.edge_features is None else (some.edge_features,)
        x = layer(x, some.edges, *features)
        if i < len(theirs) - 1 or config.readout != "none":
            x = nn.functional.elu(x) if config.layer == "gat" else x.relu()
    if config.readout == "none":
        return x
    assert some.graph_of is not None and ours.head is not None
    pool = global_mean_pool if config.readout == "mean" else global_add_pool
    return nn.functional.linear(pool(x, some.graph_of), ours.head.weight.detach(), ours.head.bias.detach())


def compare(layer: str, featured: bool, some: Graph, readout: str = "none") -> None:
    ours = network(layer, featured, readout)
    theirs = theirs_like(ours)
    found, expected = ours(some), their_output(ours, theirs, some)
    assert_close(found, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(found)
    (found * weights).mean().backward()
    (expected * weights).mean().backward()
    for mine, their in zip(ours.layers, theirs, strict=True):
        gradients = {name: parameter.grad for name, parameter in their.named_parameters()}
        for name, parameter in mine.named_parameters():
            wanted = gradients[NAMES[layer][name]]
            assert_close(parameter.grad, wanted.view_as(parameter), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("layer", "featured"), CASES)
def test_outputs_and_gradients_of_nodes_agree(layer: str, featured: bool) -> None:
    compare(layer, featured, graph(featured))


@pytest.mark.parametrize("readout", ["mean", "sum"])
@pytest.mark.parametrize(("layer", "featured"), CASES)
def test_outputs_and_gradients_of_batches_of_graphs_agree(layer: str, featured: bool, readout: str) -> None:
    compare(layer, featured, side_by_side([graph(featured, n) for n in (13, 9, 11)]), readout)


@pytest.mark.parametrize("featured", [False, True])
def test_weights_of_attention_agree(featured: bool) -> None:
    ours, some = network("gat", featured), graph(featured)
    theirs = theirs_like(ours)[0]
    edges, expected = theirs(some.nodes, some.edges, some.edge_features, return_attention_weights=True)[1]
    source, to, found = ours.layers[0].weights(some.nodes, some)
    assert torch.equal(torch.stack([source, to]), edges)
    assert_close(found, expected, rtol=1e-5, atol=1e-5)


def reverse(ours: GraphNetwork, some: Graph) -> Graph:
    return Graph(some.nodes, some.edges.flip(0), some.edge_features)


def swap_scores(ours: GraphNetwork, some: Graph) -> Graph:
    layer = ours.layers[0]
    layer.from_score.data, layer.to_score.data = layer.to_score.data, layer.from_score.data
    return some


def swap_heads(ours: GraphNetwork, some: Graph) -> Graph:
    weight = ours.layers[0].map.weight
    weight.data = weight.data.view(HEADS, -1, D_IN).transpose(0, 1).reshape(weight.shape)
    return some


def swap_roles(ours: GraphNetwork, some: Graph) -> Graph:
    layer = ours.layers[0]
    layer.neighbours.weight.data, layer.itself.weight.data = (
        layer.itself.weight.data,
        layer.neighbours.weight.data,
    )
    return some


def roll_edge_features(ours: GraphNetwork, some: Graph) -> Graph:
    assert some.edge_features is not None
    return Graph(some.nodes, some.edges, some.edge_features.roll(1, dims=0))


@pytest.mark.parametrize(
    ("layer", "featured", "perturb"),
    [
        *[(layer, featured, reverse) for layer, featured in CASES],
        ("gat", False, swap_scores),
        ("gat", False, swap_heads),
        ("sage", False, swap_roles),
        ("gat", True, roll_edge_features),
        ("gin", True, roll_edge_features),
    ],
)
def test_a_wrong_layout_fails(
    layer: str, featured: bool, perturb: Callable[[GraphNetwork, Graph], Graph]
) -> None:
    ours, some = network(layer, featured), graph(featured)
    expected = their_output(ours, theirs_like(ours), some)
    perturbed = perturb(ours, some)
    with pytest.raises(AssertionError, match="not close"):
        assert_close(ours(perturbed), expected, rtol=1e-5, atol=1e-5)
