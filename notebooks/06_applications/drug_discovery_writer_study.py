"""Study of the chapter "Drug discovery": does a GPT that writes SMILES find better molecules?

    make study NAME=06_applications/drug_discovery_writer

One thread, about 5 minutes. A GPT learns 8,000 molecules of a screening library. A property that
RDKit computes (QED, or log P) is to be high; each call for it counts, 500 in all. Ways: draws
from the library ("library"); draws of the GPT ("gpt"); the GPT trained further in four rounds on
the best so far ("tuned"); random changes of the best so far ("changes"). Then the calls go into
a forest that predicts the property, and the ways may ask it as often as they like: what does
it promise of its favourites, and what does RDKit say of them?
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rdkit import Chem, RDLogger
from rdkit.Chem import QED, Crippen, rdFingerprintGenerator
from sklearn.ensemble import RandomForestRegressor

import largemodels as lm
from largemodels.data import compounds
from largemodels.data.molecules import solubility

STEPS, BATCH, CALLS, ROUNDS, SEEDS = 1_000, 64, 500, 4, (0, 1, 2)
# Molecules that a forest learns from; that it is asked about; favourites.
FEW, MANY, ASKED = 500, 1_000, 20
PROPERTY: dict[str, Callable[[Any], float]] = {"qed": QED.qed, "logp": Crippen.MolLogP}
Score = Callable[[list[str]], np.ndarray]


@functools.cache
def library() -> list[str]:
    """The molecules in random order: 8,000 to learn, the rest held out."""
    RDLogger.DisableLog("rdApp.*")
    found = compounds.unlabelled("screening", without=solubility().smiles)
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))]


@functools.cache
def tokens() -> compounds.SmilesTokens:
    """The pieces of the library."""
    return compounds.SmilesTokens(library())


def learn(model: lm.GPT, smiles: list[str], steps: int, rate: float, seed: int) -> None:
    """Train on texts, drawn anew for each step, towards the next token."""
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    model.train()
    for _ in range(steps):
        rows = rng.integers(len(smiles), size=min(BATCH, len(smiles)))
        loss = model.loss(*ahead([smiles[i] for i in rows]))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    model.eval()


def ahead(smiles: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and those that follow."""
    both = tokens().batch(smiles)
    targets = both[:, 1:]
    return both[:, :-1], targets.masked_fill(targets == compounds.PAD, -100)


@functools.cache
def writer() -> lm.GPT:
    """The GPT after it has learnt the library."""
    torch.manual_seed(0)
    config = lm.GPTConfig(len(tokens()), 96, n_layer=3, n_head=4, d_model=64)
    model = lm.GPT(config)
    learn(model, library()[:8000], STEPS, 3e-3, 0)
    return model


def write(model: lm.GPT, n: int, seed: int) -> list[str]:
    """Texts, whatever they are."""
    start, texts = torch.full((250, 1), compounds.START), []
    generator = torch.Generator().manual_seed(seed)
    while len(texts) < n:
        found = lm.generate(model, start, 80, generator=generator, end_token=compounds.END)
        texts += [tokens().decode(it) for it in found[:, 1:].tolist()]
    return texts[:n]


def canonical(text: str) -> str | None:
    """The molecule as RDKit writes it, or None if the text is none that RDKit reads back."""
    read = Chem.MolFromSmiles(text) if text else None
    if read is None or "." in text:
        return None
    written = Chem.MolToSmiles(read)
    return written if Chem.MolFromSmiles(written) is not None else None


def molecules(texts: list[str], known: set[str]) -> list[str]:
    """The molecules among some texts, each once, without those that are known."""
    found = dict.fromkeys(it for it in map(canonical, texts) if it)
    return [it for it in found if it not in known]


def changed(smiles: str, rng: np.random.Generator) -> str:
    """A text of which one token is replaced, inserted or left out."""
    pieces = compounds.PIECE.findall(smiles)
    at, new = rng.integers(len(pieces)), tokens().pieces[rng.integers(5, len(tokens()))]
    how = rng.integers(3)
    return "".join([*pieces[:at], *([new] if how else []), *pieces[at + (how < 2) :]])


def variants(
    best: list[str], n: int, known: set[str], rng: np.random.Generator
) -> list[str]:
    """New molecules, one token away from a writing of one of the best."""
    found: list[str] = []
    while len(found) < n:
        of = [best[i] for i in rng.integers(len(best), size=n)]
        texts = [
            changed(it[0], rng)
            for it in compounds.writings(of, 1, int(rng.integers(1_000_000)))
        ]
        found += molecules(texts, known | set(found))
    return found[:n]


def search(way: str, seed: int, calls: int, score: Score) -> tuple[list[str], np.ndarray]:
    """All molecules that a way asks about, and their scores."""
    rng, known = np.random.default_rng(seed), set(library()[:8000])
    model, asked, scores = writer(), [], np.empty(0)
    if way == "tuned":
        model = lm.GPT(model.config)
        model.load_state_dict(writer().state_dict())
    for turn in range(ROUNDS):
        n, best = calls // ROUNDS, [asked[i] for i in scores.argsort()[::-1][:100]]
        if way == "library" or (way == "changes" and not turn):
            drawn = [library()[i] for i in rng.permutation(8000)]
            new = [it for it in drawn if it not in set(asked)][:n]
        elif way == "changes":
            new = variants(best, n, set(asked), rng)
        else:
            if way == "tuned" and turn:
                learn(model, best, 20, 1e-3, seed)
            new = []
            while len(new) < n:  # what is no molecule costs no call
                texts = write(model, 250, int(rng.integers(1_000_000)))
                new += molecules(texts, known | set(asked) | set(new))
            new = new[:n]
        asked, scores = asked + new, np.append(scores, score(new))
    return asked, scores


def computed(name: str) -> Score:
    """What RDKit says."""
    return lambda smiles: np.array(
        [PROPERTY[name](Chem.MolFromSmiles(it)) for it in smiles]
    )


@functools.cache
def forest(name: str, part: int) -> Score:
    """A forest on fingerprints that has learnt the property of a few molecules held out."""
    few = library()[8000 + FEW * part :][:FEW]
    model = RandomForestRegressor(200, max_features=0.1, random_state=0)
    model.fit(counted(few), computed(name)(few))
    return lambda smiles: model.predict(counted(smiles))


def counted(smiles: list[str]) -> np.ndarray:
    """Counted Morgan fingerprints."""
    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return np.stack(
        [make.GetCountFingerprintAsNumPy(Chem.MolFromSmiles(it)) for it in smiles]
    )


def training(steps: int) -> dict[str, Any]:
    """Train the GPT, keep it, and its loss on molecules held out."""
    study.keep("writer", writer())
    with torch.no_grad():
        losses = [
            writer().loss(*ahead(it)).item() for it in (library()[:500], library()[9000:])
        ]
    pieces = tokens().pieces[len(compounds.SPECIAL) :]
    return {"training_loss": losses[0], "loss": losses[1], "pieces": pieces}


def written(n: int, seed: int) -> dict[str, Any]:
    """Of texts of the GPT: shares of molecules, of different ones, of new ones; the same of the
    library's molecules with one carbon more.
    """
    known, rng = set(library()[:8000]), np.random.default_rng(seed)
    texts, carbons = write(writer(), n, seed), []
    for i in rng.integers(8000, size=n):
        pieces = compounds.PIECE.findall(library()[i])
        for at in rng.permutation(len(pieces) + 1):
            text = "".join([*pieces[:at], "C", *pieces[at:]])
            if (read := canonical(text)) and read not in known:
                carbons.append(text)
                break
    row = {}
    for name, its in (("gpt", texts), ("carbon", carbons)):
        valid = [it for it in map(canonical, its) if it]
        new = set(valid) - known
        row |= {
            f"{name} valid": len(valid) / n,
            f"{name} different": len(set(valid)) / len(valid),
        }
        row |= {f"{name} new": len(new) / len(set(valid))}
    return row


def steered(way: str, target: str, seed: int) -> dict[str, Any]:
    """The best ten of a way after all calls."""
    asked, scores = search(way, seed, CALLS, computed(target))
    best = scores.argsort()[::-1][:10]
    return {"best": float(scores[best].mean()), "first": asked[best[0]]}


def fooled(way: str, target: str, seed: int) -> dict[str, Any]:
    """What a forest promises of its favourites, what another says, and what is true."""
    promised, other, true = forest(target, 0), forest(target, 1), computed(target)
    asked, scores = search(way, seed, MANY, promised)
    best = [asked[i] for i in scores.argsort()[::-1][:ASKED]]
    found = {"promised": promised(best), "other": other(best), "true": true(best)}
    rest = {"promised of all": scores, "true of all": true(asked[:500])}
    return {name: float(it.mean()) for name, it in (found | rest).items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/drug_discovery_writer")
    study.row(training, steps=STEPS)
    for seed in SEEDS:
        study.row(written, n=1000, seed=seed)
    for seed in SEEDS:
        for way in ("library", "gpt", "tuned", "changes"):
            for target in PROPERTY:
                study.row(steered, way=way, target=target, seed=seed)
            study.row(fooled, way=way, target="logp", seed=seed)
    study.save()
