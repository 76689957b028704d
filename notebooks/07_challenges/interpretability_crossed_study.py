"""Seventh study of "Interpretability": does a state carry the country, or the answer?

    make study NAME=07_challenges/interpretability_crossed

One thread, about a minute. The state at the country, from a prompt about its language, is put into
a prompt about another country's capital, and the other way round. If the capital of the first one
follows, the state carried the country, as the prompt that it came from asked for no capital.
Countries are those whose capital and language SmolLM2 knows; each is paired with the next one.
"""

from __future__ import annotations

from typing import Any

import interpretability_facts_study as first
import torch

import largemodels as lm


@torch.no_grad()
def run(source: str, target: str) -> dict[str, Any]:
    """One row: states from prompts of one relation in prompts of another."""
    gives, takes = ({it[0]: it for it in first.facts(name)[0]} for name in (source, target))
    names = [it for it in takes if it in gives]
    pairs = [
        (one, other)
        for one, other in zip(names, names[1:] + names[:1], strict=True)
        if takes[one][3] != takes[other][3]
    ]
    rows = []
    for one, other in pairs:
        state, run_of = (first.states(it[1][None]) for it in (gives[one], takes[other]))
        row = []
        for layer in first.LAYERS:
            x = run_of[layer].clone()
            x[:, takes[other][2]] = state[layer][:, gives[one][2]]
            said = first.after(x, layer)[0].argmax().item()
            row.append(1 if said == takes[one][3] else 0 if said == takes[other][3] else -1)
        rows.append(row)
    return {"layers": list(first.LAYERS), "pairs": pairs, "patched": rows}


def paired(relation: str) -> dict[str, Any]:
    """One row: which countries the third study paired, to draw them again."""
    known, n = first.facts(relation)[0], len(first.facts(relation)[0])
    pairs = []
    for at in range(n):
        one, other, third = (known[(at + step) % n] for step in (0, 1, n // 2))
        if len({it[3] for it in (one, other, third)}) == 3:
            pairs.append((one[0], other[0]))
    return {"pairs": pairs[: first.PAIRS]}


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/interpretability_crossed")
    study.row(run, source="language", target="capital")
    study.row(run, source="capital", target="language")
    study.row(run, source="capital", target="capital")
    for relation in first.PROMPTS:
        study.row(paired, relation=relation)
    study.save()
