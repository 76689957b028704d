"""Molecules: how well they dissolve in water, and as graphs of atoms and bonds. RDKit reads and compares them.

The measurements were gathered by Huuskonen, 2000 (https://doi.org/10.1021/ci9901338), and come with RDKit's
documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from ..models.graph import Graph
from .registry import files

ELEMENTS = ("C", "N", "O", "S", "F", "Cl", "Br", "I", "P")  # any other has a place of its own after them
BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
D_ATOM = len(ELEMENTS) + 1 + 5 + 5 + 3  # features of an atom, see molecule()
D_BOND = len(BONDS) + 2  # features of a bond


def solubility(*, unchecked: bool = False) -> pd.DataFrame:
    """Molecules with their measured solubility, each structure once.

    Args:
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        columns ``name``; ``smiles``, the structure as RDKit writes it, without stereochemistry; ``solubility``, the
        decimal logarithm of mol a litre, the mean where one structure was measured twice; ``scaffold``, the SMILES of
        the rings and what joins them (Murcko's scaffold), empty for a molecule without rings.

    Raises:
        DataError: if the package is missing or damaged.
    """
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    rows = []
    for path in files("solubility", unchecked=unchecked).values():
        for molecule in Chem.SDMolSupplier(str(path)):
            smiles = Chem.MolToSmiles(molecule, isomericSmiles=False)
            scaffold = MurckoScaffold.MurckoScaffoldSmiles(mol=molecule, includeChirality=False)
            rows.append((molecule.GetProp("_Name"), smiles, float(molecule.GetProp("SOL")), scaffold))
    table = pd.DataFrame(rows, columns=["name", "smiles", "solubility", "scaffold"])
    once = {"name": "first", "solubility": "mean", "scaffold": "first"}
    found = table.groupby("smiles", sort=False, as_index=False).agg(once)
    return found[["name", "smiles", "solubility", "scaffold"]]


def scaffold_split(scaffolds: pd.Series, seed: int, held_out: float = 0.15) -> dict[str, np.ndarray]:
    """Rows for "train", "validation" and "test" such that no two parts share a scaffold.

    Molecules without rings, and those of a scaffold that more than a tenth of all have, are always in the training
    part.

    Args:
        scaffolds: of each molecule, see :func:`solubility`.
        seed: of the order in which scaffolds are drawn.
        held_out: share of all molecules in the validation part, and in the test part.
    """
    rows = scaffolds.reset_index(drop=True)
    groups = [group.to_numpy() for _, group in rows.index.to_series().groupby(rows.to_numpy())]
    groups = [group for group in groups if rows[group[0]] and len(group) <= len(rows) / 10]
    parts: dict[str, list[int]] = {"validation": [], "test": []}
    for number in np.random.default_rng(seed).permutation(len(groups)):
        for part in parts.values():
            if len(part) + len(groups[number]) <= held_out * len(rows):
                part += groups[number].tolist()
                break
    found = {name: np.array(sorted(part)) for name, part in parts.items()}
    train = np.setdiff1d(np.arange(len(rows)), np.concatenate(list(found.values())))
    return {"train": train, **found}


def molecule(smiles: str) -> Graph:
    """A molecule as a graph: atoms but hydrogens are its nodes, bonds its edges, in both directions.

    An atom's features: its element, how many atoms it is bonded to and how many hydrogens (0 to 4 or more), its charge,
    and whether it is aromatic or in a ring. A bond's: single, double, triple or aromatic, conjugated, in a ring.

    Args:
        smiles: the structure.

    Returns:
        nodes ``(atoms, D_ATOM)``, edges ``(2, 2 * bonds)``, edge features ``(2 * bonds, D_BOND)``.

    Raises:
        ValueError: if RDKit cannot read it.
    """
    from rdkit import Chem

    read = Chem.MolFromSmiles(smiles)
    if read is None:
        raise ValueError(f"RDKit cannot read {smiles!r} as SMILES.")
    atoms = [_atom(atom) for atom in read.GetAtoms()]
    edges, features = [], []
    for bond in read.GetBonds():
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        edges += [ends, ends[::-1]]
        features += [[*_place(str(bond.GetBondType()), BONDS), bond.GetIsConjugated(), bond.IsInRing()]] * 2
    return Graph(
        torch.tensor(atoms, dtype=torch.float),
        torch.tensor(edges, dtype=torch.long).view(-1, 2).T.contiguous(),
        torch.tensor(features, dtype=torch.float).view(-1, D_BOND),
    )


def _atom(atom: Any) -> list[float]:
    """The features of an RDKit atom."""
    return [
        *_place(atom.GetSymbol(), ELEMENTS, other=True),
        *_place(min(atom.GetDegree(), 4), range(5)),
        *_place(min(atom.GetTotalNumHs(), 4), range(5)),
        atom.GetFormalCharge(),
        atom.GetIsAromatic(),
        atom.IsInRing(),
    ]


def _place(value: object, among: Sequence[object], other: bool = False) -> list[bool]:
    """Which of some values it is, one place each; none of them, or with "other" a last place of its own."""
    found = [value == one for one in among]
    return [*found, not any(found)] if other else found
