"""Study of the chapter "Drug discovery": who predicts the solubility of molecules of a new kind?

    make study NAME=06_applications/drug_discovery

One thread, about 5 minutes. Molecules are grouped by structure ("similar": Butina's clusters;
"scaffold": the same rings, molecules without rings by clusters; "random": each by itself). A sixth
of the groups chooses settings, the rest is predicted in four folds, each by models trained on
the other three. A setting is chosen among those of a ladder on the first fold of "similar", by the
error on the sixth, and used in all folds and splits. Nobody stops early. Here are the methods on
tables and the graph network, and the pretraining of the reader of SMILES, which fills in masked
tokens of 14,000 other molecules; the study "text" trains it on.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rdkit import Chem, RDLogger
from rdkit.Chem import Crippen, Descriptors, Lipinski, rdFingerprintGenerator
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import largemodels as lm
from largemodels.data import compounds
from largemodels.data.molecules import molecule, solubility
from largemodels.models.graph import side_by_side
from largemodels.objectives.masked import mask_words

FOLDS, LEAST = 4, 0.35  # of similarity within a cluster
PRETRAINING, EPOCHS, BATCH, N_WRITINGS = 1_500, 30, 32, 20
GRAPH_EPOCHS = 40  # as in the chapter on graph networks
RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]
# What is set: the penalty of ridge, a learning rate, or the share of columns tried at a fork.
LADDERS: dict[str, tuple[list[float], list[float]]] = {
    "esol linear": ([1e-2, 1e-1, 1, 10, 100, 1000], [1, 10, 100]),
    "esol": ([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4], [0.02, 0.05, 0.1]),
    "descriptors": ([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4], [0.02, 0.05, 0.1]),
    "forest": ([0.01, 0.03, 0.1, 0.2, 0.33, 0.5, 0.7, 1.0], [0.1, 0.2, 0.33]),
    "morgan": ([0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0], [0.03, 0.1, 0.3]),
    "graph": (RATES, [3e-3, 1e-2, 3e-2]),
}


@functools.cache
def data() -> tuple[list[str], np.ndarray, list[list[str]], compounds.SmilesTokens]:
    """Structures, solubilities, writings of each, and the tokens of all molecules used."""
    table = solubility()
    smiles = table.smiles.tolist()
    others = compounds.writings(smiles, N_WRITINGS, 0)
    written = itertools.chain(smiles, *others, *unlabelled())
    tokens = compounds.SmilesTokens(written)
    return smiles, table.solubility.to_numpy(), others, tokens


@functools.cache
def unlabelled() -> list[list[str]]:
    """Three writings of each molecule without a measurement, none of them a measured one."""
    found = solubility().smiles.tolist()
    n_measured = len(found)
    for source in compounds.SOURCES:
        found += compounds.unlabelled(source, without=found)
    return compounds.writings(found[n_measured:], 3, 1)


@functools.cache
def folds(split: str) -> np.ndarray:
    """Of each molecule: -1 if it chooses settings, or its fold from 0."""
    smiles = data()[0]
    groups = np.arange(len(smiles))
    if split != "random":
        groups = compounds.similar_groups(smiles, LEAST)
    if split == "scaffold":
        scaffold = solubility().scaffold.to_numpy()
        groups = np.array([s or str(g) for s, g in zip(scaffold, groups, strict=True)])
    names = np.unique(groups)
    few = np.array([name for name in names if (groups == name).sum() <= len(smiles) / 20])
    order, chosen = np.random.default_rng(0).permutation(few), np.zeros(len(smiles), bool)
    for name in order:
        if chosen.sum() < len(smiles) / 6:
            chosen |= groups == name
    found = np.full(len(smiles), -1)
    found[~chosen] = compounds.group_folds(groups[~chosen], FOLDS, 0)
    return found


@functools.cache
def columns(kind: str) -> np.ndarray:
    """Each molecule as a row of numbers."""
    RDLogger.DisableLog("rdApp.*")
    read = [Chem.MolFromSmiles(it) for it in data()[0]]
    if kind == "morgan":
        generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
        return np.array([generator.GetCountFingerprintAsNumPy(it) for it in read], float)
    if kind.startswith("esol"):
        return np.array([esol(it) for it in read])
    rows = [[f(it) for _, f in Descriptors.descList] for it in read]
    return np.clip(np.nan_to_num(np.array(rows, float), posinf=1e6, neginf=-1e6), -1e6, 1e6)


def esol(read: Any) -> list[float]:
    """Delaney's four: log P, weight, bonds that turn, share of heavy atoms that are aromatic."""
    aromatic = sum(it.GetIsAromatic() for it in read.GetAtoms()) / read.GetNumHeavyAtoms()
    turn = Lipinski.NumRotatableBonds(read)
    return [Crippen.MolLogP(read), Descriptors.MolWt(read), turn, aromatic]


def batches(tokens: list[torch.Tensor], rng: np.random.Generator) -> list[np.ndarray]:
    """Rows for each step of an epoch; texts of about the same length go together."""
    order = rng.permutation(len(tokens))
    parts = np.array_split(order, max(1, len(order) // (BATCH * 8)))
    length = np.array([len(it) for it in tokens])
    found = []
    for part in parts:
        part = part[length[part].argsort(kind="stable")]
        found += np.array_split(part, max(1, round(len(part) / BATCH)))
    return [found[i] for i in rng.permutation(len(found))]


def padded(tokens: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens side by side, and where they are real."""
    both = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True)
    return both, both != compounds.PAD


def encoded(smiles: list[str]) -> list[torch.Tensor]:
    """Tokens of SMILES."""
    return [torch.tensor(data()[3].encode(it)) for it in smiles]


def reader(seed: int) -> lm.BERT:
    """A RoBERTa with random weights."""
    torch.manual_seed(seed)
    return lm.BERT(
        lm.BERTConfig(len(data()[3]), 128, 0, 2, 4, 64, dropout=0.0, n_classes=1)
    )


@functools.cache
def pretrained() -> tuple[lm.BERT, list[float]]:
    """The reader after it filled in masked tokens, and its losses on held-out molecules."""
    texts = unlabelled()
    rng, draw = np.random.default_rng(0), torch.Generator().manual_seed(0)
    held, held_draw = padded(encoded([it[0] for it in texts[::40]])), torch.Generator()
    train = [it for i, it in enumerate(texts) if i % 40]
    special, size = list(range(5)), len(data()[3])
    hide = functools.partial(
        mask_words, mask_token=compounds.MASK, vocab_size=size, special=special
    )
    held_out = hide(held[0], generator=held_draw.manual_seed(1))
    model, losses, step = reader(0), [], 0
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=PRETRAINING)
    while step < PRETRAINING:
        shown = encoded([it[rng.integers(3)] for it in train])
        for rows in batches(shown, rng):
            if step % 500 == 0:
                with torch.no_grad():
                    losses.append(model.eval().loss(*held_out, held[1]).item())
                model.train()
            if step == PRETRAINING:
                break
            tokens, mask = padded([shown[i] for i in rows])
            update(model.loss(*hide(tokens, generator=draw), mask), optimiser, schedule)
            step += 1
    return model, losses


def update(loss: torch.Tensor, optimiser: Any, schedule: Any) -> None:
    """One step."""
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], 1.0)
    optimiser.step()
    schedule.step()


@functools.cache
def graphs() -> list[lm.Graph]:
    """The molecules as graphs."""
    return [molecule(it) for it in data()[0]]


def graph(kind: str, train: np.ndarray, setting: float, seed: int) -> Callable[..., Any]:
    """Train a GIN as in the chapter on graph networks, with the sum over atoms."""
    y, shown = data()[1], graphs()
    centre, width = y[train].mean(), y[train].std()
    target = torch.tensor((y - centre) / width).float()
    torch.manual_seed(seed)
    d_in, d_edge = shown[0].nodes.shape[1], shown[0].edge_features.shape[1]
    model = lm.GraphNetwork(
        lm.GraphNetworkConfig(
            d_in, 1, "gin", d_hidden=64, n_layer=3, residual=True, norm=True,
            d_edge=d_edge, readout="sum", dropout=0.0,
        )
    )  # fmt: skip
    steps, rng = len(train) // BATCH, np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(model.parameters(), setting, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, setting, total_steps=GRAPH_EPOCHS * steps
    )
    for _ in range(GRAPH_EPOCHS):
        order = rng.permutation(train)[: steps * BATCH]
        for rows in order.reshape(steps, BATCH):
            found = model(side_by_side([shown[i] for i in rows]))[:, 0]
            update((found - target[rows]).square().mean(), optimiser, schedule)
    model.eval()

    @torch.no_grad()
    def answer(rows: np.ndarray) -> tuple[np.ndarray, None]:
        found = model(side_by_side([shown[i] for i in rows]))[:, 0].numpy()
        return found * width + centre, None

    return answer


def table(kind: str, train: np.ndarray, setting: float, seed: int) -> Callable[..., Any]:
    """A model of a table: ridge, boosted trees, or a forest with the spread of its trees."""
    x, y = columns("descriptors" if kind == "forest" else kind), data()[1]
    if kind == "esol linear":
        model: Any = make_pipeline(StandardScaler(), Ridge(setting))
    elif kind in ("morgan", "forest"):
        model = RandomForestRegressor(100, max_features=setting, random_state=seed)
    else:
        model = HistGradientBoostingRegressor(
            learning_rate=setting, max_iter=200, max_features=0.3, random_state=seed
        )
    model.fit(x[train], y[train])

    def answer(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        trees = getattr(model, "estimators_", None)
        spread = None if trees is None else np.std([it.predict(x[rows]) for it in trees], 0)
        return model.predict(x[rows]), spread

    return answer


@functools.cache
def fitted(
    kind: str, split: str, fold: int, setting: float, seed: int
) -> Callable[..., Any]:
    """A model trained on all folds but one."""
    train = np.flatnonzero((folds(split) >= 0) & (folds(split) != fold))
    return WAYS.get(kind, table)(kind, train, setting, seed)


WAYS = {"graph": graph}  # of the other studies, too; all else is a table


def error(found: np.ndarray, rows: np.ndarray) -> float:
    """Root mean square error."""
    return float(np.sqrt(((found - data()[1][rows]) ** 2).mean()))


def trial(kind: str, setting: float) -> dict[str, Any]:
    """The error on the molecules that choose, of a model of the first fold."""
    rows = np.flatnonzero(folds("similar") < 0)
    return {"validation": error(fitted(kind, "similar", 0, setting, 0)(rows)[0], rows)}


def test(kind: str, split: str, fold: int, setting: float, seed: int) -> dict[str, Any]:
    """Predictions of one fold."""
    rows = np.flatnonzero(folds(split) == fold)
    found, spread = fitted(kind, split, fold, setting, seed)(rows)
    spreads = None if spread is None else [round(float(it), 3) for it in spread]
    predicted = [round(float(it), 3) for it in found]
    return {"test": error(found, rows), "predicted": predicted, "spread": spreads}


def learning(steps: int) -> dict[str, Any]:
    """Pretrain the reader and keep it."""
    model, losses = pretrained()
    study.keep("reader", model)
    pieces = data()[3].pieces[len(compounds.SPECIAL) :]
    return {"losses": losses, "n_molecules": len(unlabelled()), "pieces": pieces}


def choose(study: lm.studies.Study, kind: str) -> float:
    """The best setting of a ladder; the share of all columns, 1, is a natural end."""
    ladder, start = LADDERS[kind]

    def score(setting: float) -> float:
        return float(study.row(trial, kind=kind, setting=setting)["validation"])

    try:
        return lm.studies.best_inside(ladder, start, score)
    except lm.studies.StudyError:
        if ladder[-1] != 1.0:
            raise
        return 1.0


def predict(
    study: lm.studies.Study, kind: str, split: str, setting: float, seed: int
) -> None:
    """All folds of a split."""
    same = {"kind": kind, "split": split, "setting": setting, "seed": seed}
    for fold in range(FOLDS):
        study.row(test, fold=fold, **same)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/drug_discovery")
    study.row(learning, steps=PRETRAINING)
    for kind in LADDERS:
        setting = choose(study, kind)
        for split in ("similar", "random", "scaffold"):
            twice = kind in ("descriptors", "graph") and split == "similar"
            for seed in (0, 1) if twice else (0,):
                predict(study, kind, split, setting, seed)
    study.save()
