from __future__ import annotations

import pandas as pd
import pytest
import torch

from largemodels.data.molecules import D_ATOM, D_BOND, molecule, scaffold_split, solubility

pytest.importorskip("rdkit")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return solubility()


def test_each_structure_once(table: pd.DataFrame) -> None:
    assert len(table) == 1274 == table.smiles.nunique()
    assert table.solubility.between(-12, 2).all()
    pentane = table[table.name == "n-pentane"].iloc[0]
    assert (pentane.smiles, pentane.solubility, pentane.scaffold) == ("CCCCC", -3.18, "")
    assert (table.scaffold == "").sum() == 336


def test_parts_share_no_scaffold(table: pd.DataFrame) -> None:
    for seed in (0, 3):
        parts = scaffold_split(table.scaffold, seed)
        assert sum(map(len, parts.values())) == 1274
        assert {name: len(rows) for name, rows in parts.items() if name != "train"} == {
            "validation": 191,
            "test": 191,
        }
        found = {name: set(table.scaffold[rows]) for name, rows in parts.items()}
        assert not found["train"] & found["test"] and not found["validation"] & found["test"]
        assert not found["train"] & found["validation"]
        assert "" in found["train"] and "c1ccccc1" in found["train"]
    again = scaffold_split(table.scaffold, 3)
    assert all((again[name] == rows).all() for name, rows in parts.items())
    assert set(scaffold_split(table.scaffold, 4)["test"]) != set(parts["test"])


def test_an_uneven_index_does_not_matter(table: pd.DataFrame) -> None:
    some = table.scaffold[::3]
    parts = scaffold_split(some, 1)
    assert max(rows.max() for rows in parts.values()) == len(some) - 1


def test_a_molecule_as_a_graph() -> None:
    graph = molecule("CC(=O)[O-]")  # acetate: C, C, O, O
    assert graph.nodes.shape == (4, D_ATOM) and graph.edges.shape == (2, 6)
    assert graph.edges.T.tolist() == [[0, 1], [1, 0], [1, 2], [2, 1], [1, 3], [3, 1]]
    assert graph.edge_features is not None and graph.edge_features.shape == (6, D_BOND)
    single, double = graph.edge_features[0, :4].tolist(), graph.edge_features[2, :4].tolist()
    assert (single, double) == ([1, 0, 0, 0], [0, 1, 0, 0])
    charge = graph.nodes[:, -3].tolist()
    assert charge == [0, 0, 0, -1]
    assert graph.nodes[:, :3].argmax(1).tolist() == [0, 0, 2, 2]  # C, C, O, O
    hydrogens = graph.nodes[:, 15:20].argmax(1).tolist()
    assert hydrogens == [3, 0, 0, 0]


def test_one_atom_a_rare_element_and_nonsense() -> None:
    methane = molecule("C")
    assert methane.edges.shape == (2, 0) and methane.edges.dtype == torch.long
    assert methane.edge_features is not None and methane.edge_features.shape == (0, D_BOND)
    assert molecule("[SnH4]").nodes[0, :10].tolist() == [0] * 9 + [1]
    benzene = molecule("c1ccccc1")
    assert benzene.nodes[:, -2:].all() and benzene.edge_features is not None
    assert benzene.edge_features[:, 3:].all()
    with pytest.raises(ValueError, match="RDKit cannot read 'C1CC'"):
        molecule("C1CC")
