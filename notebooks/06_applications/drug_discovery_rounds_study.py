"""Study of the chapter "Drug discovery": more rounds of steering, and molecules left unsteered.

    make study NAME=06_applications/drug_discovery_rounds

One thread, about 3 minutes. Steering by a property of RDKit in 500 calls as in the study "writer",
in more rounds, each from fewer parents, by random changes and by a GPT that is trained further,
with the GPT that it kept. Then random changes of random molecules of the library ("unsteered"):
what does a forest promise of its favourites among them?
"""

from __future__ import annotations

from typing import Any

import drug_discovery_fooled_study as fooled
import numpy as np
import torch
from rdkit import Chem

import largemodels as lm

first = fooled.first
# Rounds, and from how many of the best each but the first begins.
PLANS = ((4, 100), (10, 20), (20, 10), (25, 5))
STEPS = 20  # of training in a round


def steered(way: str, target: str, seed: int, rounds: int, parents: int) -> dict[str, Any]:
    """The best ten after all calls, and how many heavy atoms they have."""
    rng, known = np.random.default_rng(seed), set(first.library()[:8000])
    score, model = first.computed(target), lm.GPT(first.writer().config)
    model.load_state_dict(first.writer().state_dict())
    asked: list[str] = []
    scores, n = np.empty(0), first.CALLS // rounds
    for turn in range(rounds):
        best = [asked[i] for i in scores.argsort()[::-1][:parents]]
        if way == "tuned":
            new = written(model, best, n, known | set(asked), rng, seed)
        elif turn:
            new = first.variants(best, n, set(asked), rng)
        else:
            new = [first.library()[i] for i in rng.permutation(8000)[:n]]
        asked, scores = asked + new, np.append(scores, score(new))
    top = [asked[i] for i in scores.argsort()[::-1][:10]]
    atoms = [Chem.MolFromSmiles(it).GetNumHeavyAtoms() for it in top]
    return {
        "best": float(score(top).mean()),
        "atoms": float(np.mean(atoms)),
        "first": top[0],
    }


def written(
    model: lm.GPT,
    best: list[str],
    n: int,
    known: set[str],
    rng: np.random.Generator,
    seed: int,
) -> list[str]:
    """New molecules of the GPT after it has learnt the best so far."""
    if best:
        first.learn(model, best, STEPS, 1e-3, seed)
    new: list[str] = []
    while len(new) < n:
        texts = first.write(model, 250, int(rng.integers(1_000_000)))
        new += first.molecules(texts, known | set(new))
    return new[:n]


def unsteered(target: str, seed: int) -> dict[str, Any]:
    """What a forest promises of its favourites among random changes of random molecules."""
    promised, other = first.forest(target, 0), first.forest(target, 1)
    true, rng = first.computed(target), np.random.default_rng(100 + seed)
    start = [first.library()[i] for i in rng.permutation(8000)[: first.MANY]]
    asked = first.variants(start, first.MANY, set(start), rng)
    scores = promised(asked)
    best = [asked[i] for i in scores.argsort()[::-1][: first.ASKED]]
    found = {"promised": promised(best), "other": other(best), "true": true(best)}
    rest = {"promised of all": scores, "true of all": true(asked)}
    return {name: float(it.mean()) for name, it in (found | rest).items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("06_applications/drug_discovery_rounds")
    for target in ("qed", "logp"):
        for seed in first.SEEDS:
            study.row(unsteered, target=target, seed=seed)
    for way in ("changes", "tuned"):
        for rounds, parents in PLANS:
            for target in ("logp", "qed"):
                for seed in first.SEEDS:
                    study.row(
                        steered,
                        way=way,
                        target=target,
                        seed=seed,
                        rounds=rounds,
                        parents=parents,
                    )
        study.save()
