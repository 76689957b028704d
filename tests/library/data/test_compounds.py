from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("rdkit")

from rdkit import Chem

from largemodels.data import compounds
from largemodels.data.compounds import END, OTHER, PAD, START, SmilesTokens


@pytest.mark.parametrize(("source", "n"), [("screening", 9997), ("nci", 4555)])
def test_unlabelled_molecules(source: str, n: int) -> None:
    found = compounds.unlabelled(source)
    assert len(found) == n == len(set(found))
    assert max(map(len, found)) <= 80 and not any("." in it for it in found)
    without = compounds.unlabelled(source, without=found[:3], longest=30)
    assert without == [it for it in found[3:] if len(it) <= 30]


def test_an_unknown_source() -> None:
    with pytest.raises(ValueError, match="screening, nci"):
        compounds.unlabelled("elsewhere")


def test_writings_are_the_same_molecule() -> None:
    smiles = ["CCO", "CC(=O)Oc1ccccc1C(=O)O"]
    found = compounds.writings(smiles, 7, 3)
    assert [len(it) for it in found] == [7, 7]
    for one, its in zip(smiles, found, strict=True):
        assert {Chem.MolToSmiles(Chem.MolFromSmiles(it)) for it in its} == {one}
    assert len(set(found[1])) > 4
    assert found == compounds.writings(smiles, 7, 3) != compounds.writings(smiles, 7, 4)


def test_tokens_of_smiles() -> None:
    tokens = SmilesTokens(["CC[N+](C)C", "BrCl", "C%12CC%12"])
    assert {"[N+]", "Br", "Cl", "%12"} < set(tokens.pieces) and "B" not in tokens.pieces
    read = tokens.encode("CCl[N+]s")
    assert (read[0], read[-2], read[-1], len(read)) == (START, OTHER, END, 6)
    assert tokens.decode([*tokens.encode("C[N+]Br"), 7, 7]) == "C[N+]Br"
    batch = tokens.batch(["CCC", "C"])
    assert batch.shape == (2, 5) and batch[1, 3:].tolist() == [PAD, PAD]
    assert len(tokens) == batch.max() + 1 + sum(it > "C" for it in tokens.pieces[5:])


def test_similarity_counts_shared_bits() -> None:
    found = compounds.similarity(["CCO", "c1ccccc1"], ["CCO", "CCN", "c1ccccc1"])
    assert found.shape == (2, 3)
    assert found[0, 0] == found[1, 2] == 1 and 0 < found[0, 1] < 1 and found[1, 0] == 0
    one, other = (set(it.GetOnBits()) for it in compounds.fingerprints(["CCO", "CCN"]))  # type: ignore[attr-defined]
    assert found[0, 1] == len(one & other) / len(one | other)


def test_groups_are_similar_to_their_centre() -> None:
    smiles = ["CCCCO", "CCCCCO", "CCCCCCO", "c1ccccc1", "Cc1ccccc1", "N"]
    groups = compounds.similar_groups(smiles, 0.4)
    assert len(set(groups[:3])) == 1 and groups[5] not in groups[:5]
    near = compounds.similarity(smiles, smiles) >= 0.4
    for group in set(groups):
        its = groups == group
        assert any(near[centre][its].all() for centre in np.flatnonzero(its))
    assert len(set(compounds.similar_groups(smiles, 1.0))) == 6


def test_folds_keep_groups_together() -> None:
    groups = torch.randint(40, (301,), generator=torch.Generator().manual_seed(0)).numpy()
    groups[:90] = 77
    found = compounds.group_folds(groups, 3, 0)
    for group in set(groups.tolist()):
        assert len(set(found[groups == group])) == 1
    sizes = np.bincount(found)
    assert len(sizes) == 3 and sizes.max() - sizes.min() < 12
    assert (found == compounds.group_folds(groups, 3, 0)).all()
    assert (found != compounds.group_folds(groups, 3, 1)).any()
