from __future__ import annotations

from itertools import repeat
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.graph import Graph, GraphNetwork, GraphNetworkConfig, side_by_side, softmax
from largemodels.training.config import TrainingConfig
from largemodels.training.loop import train
from largemodels.training.optimizers import make_optimizers

# 0 and 1 point at each other and at 2; 2 points at 0; nothing joins 3 and the others.
EDGES = torch.tensor([[0, 1, 0, 1, 2], [1, 0, 2, 2, 0]])
LAYERS = ["gcn", "sage", "gat", "gin"]


def graph(features: bool = False) -> Graph:
    return Graph(torch.randn(4, 3), EDGES, torch.randn(5, 2) if features else None)


def network(layer: str, **changes: object) -> GraphNetwork:
    sizes: dict[str, object] = dict(d_in=3, n_outputs=2, layer=layer, d_hidden=6, dropout=0.0)
    return GraphNetwork(GraphNetworkConfig(**(sizes | changes)))


def test_gcn_by_hand() -> None:
    model, some = network("gcn", n_layer=1), graph()
    torch.nn.init.eye_(model.layers[0].map.weight)
    # Edges into the nodes, with the one from itself: 3, 2, 3, 1.
    x, root6 = some.nodes[:, :2], 6**0.5
    expected = torch.stack(
        [
            x[0] / 3 + x[1] / root6 + x[2] / 3,
            x[1] / 2 + x[0] / root6,
            x[2] / 3 + x[0] / 3 + x[1] / root6,
            x[3],
        ]
    )
    assert_close(model(some), expected)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_hears_one_edge_further_and_no_more(layer: str) -> None:
    chain = Graph(torch.randn(5, 3), torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]]))
    for n_layer in (1, 2, 3):
        model = network(layer, n_layer=n_layer).double()
        nodes = chain.nodes.double().requires_grad_()
        model(Graph(nodes, chain.edges))[4].pow(2).sum().backward()
        heard = nodes.grad.abs().sum(1) > 0
        assert heard.tolist() == [i >= 4 - n_layer for i in range(5)]


@pytest.mark.parametrize("layer", LAYERS)
def test_renumbering_nodes_and_edges_only_renumbers_the_outputs(layer: str) -> None:
    model, some = network(layer), graph()
    order = torch.tensor([2, 0, 3, 1])  # the new node i is the old order[i]
    edges = order.argsort()[some.edges][:, [3, 1, 4, 0, 2]]
    assert_close(model(Graph(some.nodes[order], edges)), model(some)[order])


@pytest.mark.parametrize("readout", ["none", "mean", "sum"])
@pytest.mark.parametrize("features", [False, True])
def test_graphs_side_by_side_are_as_each_alone(readout: str, features: bool) -> None:
    model = network("gin", readout=readout, d_edge=2 if features else None)
    graphs = [graph(features) for _ in range(3)]
    together = model(side_by_side(graphs))
    assert_close(together, torch.cat([model(one) for one in graphs]))
    assert len(together) == (12 if readout == "none" else 3)


def test_attention_weights_sum_to_one_and_large_scores_do_no_harm() -> None:
    to = torch.tensor([0, 0, 1, 1, 1])
    weights = softmax(torch.tensor([[1000.0], [1000.0], [-1000.0], [0.0], [-999.0]]), to, 3)
    assert_close(weights[:, 0], torch.tensor([0.5, 0.5, 0.0, 1.0, 0.0]))


def test_edges_to_itself_are_there_once_with_the_mean_of_the_features() -> None:
    edges = torch.tensor([[0, 1, 1], [1, 0, 1]])
    source, to, features = Graph(torch.zeros(2, 1), edges, torch.tensor([[1.0], [2.0], [9.0]])).looped
    assert torch.stack([source, to]).tolist() == [[0, 1, 0, 1], [1, 0, 0, 1]]
    assert features is not None and features[:, 0].tolist() == [1.0, 2.0, 2.0, 1.0]


def test_memory_grows_with_edges_not_with_nodes_squared() -> None:
    n = 60_000  # a matrix of nodes by nodes would take 14 GB
    some = Graph(torch.randn(n, 3), torch.randint(n, (2, 4 * n)))
    for layer in LAYERS:
        assert network(layer)(some).shape == (n, 2)


@pytest.mark.parametrize("layer", LAYERS)
def test_it_learns_with_either_optimiser(layer: str) -> None:
    torch.manual_seed(0)
    some, labels = graph(), torch.tensor([0, 1, 0, 1])

    class Nodes(GraphNetwork):
        def loss(self, labels: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(self(some), labels)

    for optimizer in ("adamw", "muon"):
        model = Nodes(network(layer, n_layer=3, norm=True, residual=True).config)
        train(model, repeat((labels,)), TrainingConfig(steps=60, learning_rate=2e-2, optimizer=optimizer))
        assert model.loss(labels).item() < 0.4  # a network that knows nothing: 0.69


def test_muon_takes_the_layers_between_the_first_and_the_last() -> None:
    settings = TrainingConfig(steps=1, optimizer="muon")
    for readout, taken in (("none", {"layers.1.map"}), ("mean", {"layers.1.map", "layers.2.map"})):
        model = network("gcn", n_layer=3, readout=readout)
        names = {id(parameter): name for name, parameter in model.named_parameters()}
        muon, _ = make_optimizers(model, settings)
        found = {names[id(p)] for group in muon.param_groups for p in group["params"]}
        assert found == {f"{layer}.weight" for layer in taken}


def test_dropout_acts_on_what_a_layer_reads_and_only_in_training() -> None:
    model, some = network("gcn", n_layer=1, dropout=0.5), graph()
    torch.nn.init.eye_(model.layers[0].map.weight)
    alone = Graph(torch.ones(4, 3), torch.zeros(2, 0, dtype=torch.long))  # each node hears itself only
    assert set(model(alone).unique().tolist()) == {0.0, 2.0}
    model.eval()
    assert torch.equal(model(some), model(some))


def test_hidden_and_residual() -> None:
    model, some = network("gcn", n_layer=4, residual=True), graph()
    vectors = model.hidden(some)
    assert [tuple(v.shape) for v in vectors] == [(4, 6), (4, 6), (4, 6), (4, 2)]
    for layer in model.layers:
        torch.nn.init.zeros_(layer.map.weight)
    vectors = model.hidden(some)
    assert torch.equal(vectors[1], vectors[0]) and torch.equal(vectors[2], vectors[0])


@pytest.mark.parametrize("layer", LAYERS)
def test_save_and_load(tmp_path: Path, layer: str) -> None:
    config = network(layer, readout="mean", norm=True).config
    model, again, some = GraphNetwork(config), GraphNetwork(config), graph()
    model(some)  # moves the running means, which are saved too
    torch.save(model.state_dict(), tmp_path / "model.pt")
    again.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert torch.equal(model.eval()(some), again.eval()(some))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "mlp"}, "layer must be one of gcn, sage, gat, gin, not 'mlp'"),
        ({"readout": "max"}, "readout must be one of none, mean, sum"),
        ({"n_head": 4}, r"d_hidden \(6\) must be a multiple of n_head \(4\)"),
        ({"d_edge": 2}, '"gcn" has no place for edge features'),
        ({"n_layer": 0}, "n_layer"),
    ],
)
def test_faults_of_settings(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(**({"layer": "gcn"} | change))


def test_faults_of_graphs() -> None:
    nodes = torch.zeros(3, 1)
    with pytest.raises(ValueError, match=r"shape \(2, n_edges\), not \(4, 2\)"):
        Graph(nodes, torch.zeros(4, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="join nodes from 0 to 2"):
        Graph(nodes, torch.tensor([[0], [3]]))
    with pytest.raises(ValueError, match="1 edge features for 2 edges"):
        Graph(nodes, torch.tensor([[0, 1], [1, 0]]), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="Nodes have 1 features; this model reads 3"):
        network("gcn")(Graph(nodes, torch.tensor([[0], [1]])))
    with pytest.raises(ValueError, match="Edges have 2 features; this model reads none"):
        network("gin")(graph(features=True))
    with pytest.raises(ValueError, match="Edges have no features; this model reads 2"):
        network("gin", d_edge=2)(graph())
