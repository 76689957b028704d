"""Molecules as text: thousands without measurements, SMILES cut into tokens and written anew, groups of similar ones.

The molecules come with RDKit, which reads, writes and compares them: 10,000 of a screening library of the Walter and
Eliza Hall Institute, published by Saubern, Guha and Baell, 2011 (https://doi.org/10.1002/minf.201100076), and the first
of the collection of the National Cancer Institute. Random writings of a SMILES are those of Bjerrum, 2017
(https://arxiv.org/abs/1703.07076); the groups are the clusters of Butina, 1999 (https://doi.org/10.1021/ci9803381).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from .molecules import ELEMENTS
from .registry import files

PIECE = re.compile(
    r"\[[^\]]*\]|Br|Cl|%\d\d|."
)  # an atom in brackets, one of two letters, a large ring number, a sign
PAD, START, END, MASK, OTHER = range(5)
SPECIAL = ("<pad>", "<start>", "<end>", "<mask>", "<other>")
SOURCES = {"screening": "Pains/test_data/wehi_mols.csv", "nci": "NCI/first_5K.smi"}


def unlabelled(
    source: str, *, without: Iterable[str] = (), longest: int = 80, unchecked: bool = False
) -> list[str]:
    """Molecules of which nothing was measured here, each structure once, in the order of the file.

    Args:
        source: "screening", 10,000 molecules that a laboratory keeps to test, or "nci", about 4,600 of a collection
            since the 1950s.
        without: SMILES of :func:`.molecules.solubility`, or as RDKit writes them without stereochemistry, that are
            left out.
        longest: characters of a SMILES; longer ones are left out.
        unchecked: see :func:`largemodels.data.registry.files`.

    Returns:
        SMILES as RDKit writes them, without stereochemistry. Left out are structures of several parts, such as salts,
        and those with elements other than hydrogen and :data:`.molecules.ELEMENTS`.

    Raises:
        ValueError: if there is no such source.
        DataError: if the files are damaged.
    """
    from rdkit import Chem, RDLogger

    if source not in SOURCES:
        raise ValueError(f"There are the sources {', '.join(SOURCES)}, not {source!r}.")
    path = files("compounds", unchecked=unchecked)[SOURCES[source]]
    with path.open(encoding="utf-8", newline="") as file:
        written = [row[0] if source == "screening" else row[0].split()[0] for row in csv.reader(file) if row]
    # A few of the collection cannot be read, which is expected.
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    taken, found = set(without), []
    for smiles in written:
        read = Chem.MolFromSmiles(smiles)
        if read is None or any(atom.GetSymbol() not in (*ELEMENTS, "H") for atom in read.GetAtoms()):
            continue
        smiles = Chem.MolToSmiles(read, isomericSmiles=False)
        if "." not in smiles and len(smiles) <= longest and smiles not in taken:
            taken.add(smiles)
            found.append(smiles)
    return found


def writings(smiles: Sequence[str], n: int, seed: int) -> list[list[str]]:
    """Other SMILES of the same molecules: each begins at an atom drawn at random and goes through it in another order.

    Args:
        smiles: the molecules.
        n: writings of each; of a small molecule some are equal.
        seed: of the draws.
    """
    from rdkit import Chem

    return [
        list(Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(one), n, randomSeed=seed + 1)) for one in smiles
    ]


class SmilesTokens:
    """SMILES to numbers and back: :data:`SPECIAL`, then the pieces that occur in the texts it is made from."""

    def __init__(self, smiles: Iterable[str]) -> None:
        pieces = sorted({piece for one in smiles for piece in PIECE.findall(one)})
        self.pieces = [*SPECIAL, *pieces]
        self.number = {piece: i for i, piece in enumerate(self.pieces)}

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, smiles: str) -> list[int]:
        """Start, pieces, end; a piece that is not known becomes :data:`OTHER`."""
        return [START, *(self.number.get(piece, OTHER) for piece in PIECE.findall(smiles)), END]

    def decode(self, tokens: Iterable[int]) -> str:
        """The text between the start and the first end."""
        text = []
        for token in tokens:
            if token == END:
                break
            if token >= len(SPECIAL):
                text.append(self.pieces[token])
        return "".join(text)

    def batch(self, smiles: Sequence[str]) -> Tensor:
        """``(molecules, longest)``, padded at the end with :data:`PAD`."""
        rows = [torch.tensor(self.encode(one)) for one in smiles]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)


def fingerprints(smiles: Sequence[str], radius: int = 2, size: int = 2048) -> list[object]:
    """RDKit's Morgan fingerprints: bits that stand for the surroundings of each atom up to some bonds away."""
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=size)
    return [generator.GetFingerprint(Chem.MolFromSmiles(one)) for one in smiles]


def similarity(smiles: Sequence[str], to: Sequence[str]) -> np.ndarray:
    """Tanimoto's similarity of fingerprints, the shared bits over those of either, ``(smiles, to)``."""
    from rdkit import DataStructs

    known = fingerprints(to)
    return np.array(
        [DataStructs.BulkTanimotoSimilarity(one, known) for one in fingerprints(smiles)]  # type: ignore[call-overload]
    )


def similar_groups(smiles: Sequence[str], least: float) -> np.ndarray:
    """The cluster of each molecule, from 0, by Butina's algorithm.

    The molecule with the most neighbours takes them into its cluster, then the one with the most of those that are
    left. Every member is a neighbour of its cluster's centre; members of different clusters may be neighbours, too.

    Args:
        smiles: the molecules.
        least: Tanimoto's similarity from which two are neighbours.
    """
    from rdkit.ML.Cluster import Butina

    far = 1 - similarity(smiles, smiles)
    below = far[np.tril_indices(len(smiles), -1)]
    clusters = Butina.ClusterData(below, len(smiles), 1 - least, isDistData=True)
    found = np.empty(len(smiles), dtype=int)
    for number, members in enumerate(clusters):
        found[list(members)] = number
    return found


def group_folds(groups: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The fold of each molecule, such that a group is in one fold and folds are about equally large.

    Groups are taken from the largest to the smallest, equal ones in random order, each into the smallest fold.

    Args:
        groups: of each molecule.
        n: number of folds.
        seed: of the order.
    """
    names, sizes = np.unique(groups, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, fold_of = np.zeros(n, dtype=int), {}
    for at in order:
        smallest = int(filled.argmin())
        fold_of[names[at]] = smallest
        filled[smallest] += sizes[at]
    return np.array([fold_of[group] for group in groups])
