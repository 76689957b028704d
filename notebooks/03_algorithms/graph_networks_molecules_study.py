"""Study of the chapter "Graph networks": do bonds help to predict a molecule's solubility?

    make study NAME=03_algorithms/graph_networks_molecules

One thread, about 6 minutes. A GIN reads the graph of atoms with the kind of each bond ("kinds"),
without that ("bonds"), or without any bond ("none"); its atoms come with all features ("full"),
some of which RDKit derives from the bonds, or as element and charge alone ("bare"). Rivals:
forests on the atoms' features summed ("atoms") and on Morgan's fingerprints, counted ("morgan"),
boosted trees on RDKit's 217 descriptors ("descriptors"), and the training mean. Five scaffold
splits. Settings are chosen on the validation part: of the trees on each split, of the GIN the
epoch on each split and the learning rate on the first. Its depth, readout and dropout were
settled beforehand on the first two splits.
"""

from __future__ import annotations

import contextlib
import functools
import warnings
from typing import Any

import numpy as np
import torch
from rdkit import Chem, RDLogger
from rdkit.Chem import Descriptors, rdFingerprintGenerator
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

import largemodels as lm
from largemodels.data.molecules import ELEMENTS, molecule, scaffold_split, solubility
from largemodels.models.graph import side_by_side

SPLITS = (0, 1, 2, 3, 4)
# Of forests the share of columns tried at a fork, of boosting and the GIN the learning rate.
LADDERS = {
    "atoms": ([0.01, 0.05, 0.1, 0.2, 0.33, 0.5, 0.7, 0.9, 1.0], 0.33),
    "morgan": ([0.005, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0], 0.1),
    "descriptors": ([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8], 0.05),
}
RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]
EPOCHS = 40
NONE = torch.zeros(2, 0, dtype=torch.long)


@functools.cache
def data() -> tuple[Any, torch.Tensor, list[lm.Graph]]:
    """The table, the solubilities, and the molecules as graphs."""
    table = solubility()
    return (
        table,
        torch.tensor(table.solubility).float(),
        [molecule(it) for it in table.smiles],
    )


@functools.cache
def graphs(atoms: str, bonds: str) -> list[lm.Graph]:
    """The molecules with what a network is shown."""
    keep = torch.arange(data()[2][0].nodes.shape[1])
    if atoms == "bare":  # elements, and the charge, the third last
        keep = torch.tensor([*range(len(ELEMENTS) + 1), len(keep) - 3])
    shown = []
    for it in data()[2]:
        edges = NONE if bonds == "none" else it.edges
        features = it.edge_features if bonds == "kinds" else None
        shown.append(lm.Graph(it.nodes[:, keep], edges, features))
    return shown


def error(found: Any, of: np.ndarray) -> float:
    """Root mean square error on some rows."""
    right = data()[1].numpy()[of]
    return float(np.sqrt(((np.asarray(found, dtype=float) - right) ** 2).mean()))


def gin(
    atoms: str, bonds: str, split: int, setting: float, readout: str = "mean"
) -> dict[str, Any]:
    """Train a GIN; the validation part says after which epoch it is measured."""
    table, y, _ = data()
    parts, shown = scaffold_split(table.scaffold, split), graphs(atoms, bonds)
    train = parts["train"]
    mean, spread = y[train].mean(), y[train].std()
    torch.manual_seed(split)
    model = lm.GraphNetwork(
        lm.GraphNetworkConfig(
            shown[0].nodes.shape[1], 1, "gin", d_hidden=64, n_layer=3, residual=True, norm=True,
            d_edge=shown[0].edge_features.shape[1] if bonds == "kinds" else None,
            readout=readout, dropout=0.0,
        )
    )  # fmt: skip
    optimiser = torch.optim.AdamW(model.parameters(), lr=setting, weight_decay=0.01)
    steps = EPOCHS * (len(train) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, setting, total_steps=steps)
    held = {
        part: side_by_side([shown[i] for i in parts[part]])
        for part in ("validation", "test")
    }
    best: dict[str, Any] = {"validation": float("inf")}
    for epoch in range(1, EPOCHS + 1):
        model.train()
        order = np.random.default_rng((split, epoch)).permutation(train)
        for batch in np.split(order[: len(order) // 64 * 64], len(order) // 64):
            found = model(side_by_side([shown[i] for i in batch]))[:, 0]
            loss = (found - (y[batch] - mean) / spread).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        if epoch % 2 == 0:
            model.eval()
            with torch.no_grad():
                out = {part: model(it)[:, 0] * spread + mean for part, it in held.items()}
            errors = {part: error(it, parts[part]) for part, it in out.items()}
            if errors["validation"] < best["validation"]:
                best = errors | {"epoch": epoch, "training_loss": loss.item()}
    return best


@functools.cache
def table_of(kind: str) -> np.ndarray:
    """Each molecule as a row of numbers."""
    if kind == "atoms":
        return np.stack([it.nodes.sum(0).numpy() for it in data()[2]])
    read = [Chem.MolFromSmiles(it) for it in data()[0].smiles]
    if kind == "morgan":
        generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
        return np.stack([generator.GetCountFingerprintAsNumPy(it) for it in read]).astype(
            float
        )
    RDLogger.DisableLog("rdApp.*")
    values = np.array(
        [[f(it) for _, f in Descriptors.descList] for it in read], dtype=float
    )
    return np.clip(np.nan_to_num(values, posinf=1e6, neginf=-1e6), -1e6, 1e6)


def trees(kind: str, split: int, setting: float) -> dict[str, Any]:
    """A forest, or boosted trees for the descriptors; LADDERS says what is set."""
    table, y, _ = data()
    parts, x = scaffold_split(table.scaffold, split), table_of(kind)
    if kind != "descriptors":
        model: Any = RandomForestRegressor(200, max_features=setting, random_state=split)
    else:
        model = HistGradientBoostingRegressor(
            learning_rate=setting, max_iter=200, random_state=split, early_stopping=False
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x[parts["train"]], y.numpy()[parts["train"]])
    held = ("validation", "test")
    found = {part: error(model.predict(x[parts[part]]), parts[part]) for part in held}
    return found | {"columns": x.shape[1]}


def constant(split: int) -> dict[str, Any]:
    """The training mean for every molecule, and the sizes of the parts."""
    table, y, _ = data()
    parts = scaffold_split(table.scaffold, split)
    mean = y[parts["train"]].mean().item()
    sizes = {f"n_{part}": len(rows) for part, rows in parts.items()}
    held = ("validation", "test")
    return sizes | {
        part: error(np.full(len(parts[part]), mean), parts[part]) for part in held
    }


def validated(study: lm.studies.Study, compute: Any, setting: float, **same: Any) -> float:
    """The error on the validation part with a setting."""
    found: float = study.row(compute, setting=setting, **same)["validation"]
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/graph_networks_molecules")
    for split in SPLITS:
        study.row(constant, split=split)
        for kind, (ladder, first) in LADDERS.items():
            same = {"kind": kind, "split": split}
            score = functools.partial(validated, study, trees, **same)
            with contextlib.suppress(*[lm.studies.StudyError] * (kind != "descriptors")):
                lm.studies.best_inside(
                    ladder, [first], score
                )  # all columns, 1.0, is a limit
    for atoms in ("full", "bare"):
        for bonds in ("kinds", "bonds", "none"):
            same = {"atoms": atoms, "bonds": bonds}
            score = functools.partial(validated, study, gin, **same, split=0)
            rate = lm.studies.best_inside(RATES, [1e-2], score)
            for split in SPLITS[1:]:
                study.row(gin, **same, split=split, setting=rate)
    study.save()
