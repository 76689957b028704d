"""Third study of "Interpretability": where in SmolLM2 a capital or a language is decided.

    make study NAME=07_challenges/interpretability_facts

One thread, about four minutes. Prompts are made by rule from countries of one token, and kept where
the model's first choice is right. Each is paired with the next one of the same length. The states
after a layer, at one position, are put from the one prompt into the other, and it is noted whether
the answer becomes that of the one. A third country's states are the control. The logit lens reads
the same states instead of moving them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

import largemodels as lm
from largemodels.models import rotary
from largemodels.models.gpt import GPT

PROMPTS = {
    "capital": "The capital of {} is the city of",
    "capital, told otherwise": "In {}, the seat of government and largest city is called",
    "language": "Most people who grew up in {} speak the language called",
}
PAIRS, LAYERS = 14, (0, 6, 12, 15, 18, 21, 24, 27, 29)
CAPITALS = """Afghanistan Kabul, Algeria Algiers, Argentina Buenos, Armenia Yerevan, Austria Vienna,
Bangladesh Dhaka, Belgium Brussels, Bulgaria Sofia, Cambodia Phnom, Chile Santiago, Croatia Zagreb,
Cuba Havana, Cyprus Nicosia, Denmark Copenhagen, Egypt Cairo, Estonia Tallinn, Ethiopia Addis,
Finland Helsinki, France Paris, Georgia Tbilisi, Germany Berlin, Ghana Accra, Greece Athens,
Hungary Budapest, Iceland Reykjavik, Indonesia Jakarta, Iran Tehran, Iraq Baghdad, Ireland Dublin,
Italy Rome, Jamaica Kingston, Japan Tokyo, Jordan Amman, Kenya Nairobi, Latvia Riga, Lebanon Beirut,
Libya Tripoli, Lithuania Vilnius, Malta Valletta, Mongolia Ulaan, Nepal Kathmandu, Norway Oslo,
Peru Lima, Philippines Manila, Poland Warsaw, Portugal Lisbon, Qatar Doha, Romania Bucharest,
Russia Moscow, Senegal Dakar, Serbia Belgrade, Somalia Mogadishu, Spain Madrid, Sudan Khartoum,
Sweden Stockholm, Syria Damascus, Thailand Bangkok, Tunisia Tunis, Uruguay Montevideo,
Venezuela Caracas, Vietnam Hanoi, Zimbabwe Harare"""
LANGUAGES = """Albania Albanian, Armenia Armenian, Bangladesh Bengali, Brazil Portuguese,
Bulgaria Bulgarian, China Chinese, Croatia Croatian, Denmark Danish, Egypt Arabic, England English,
Estonia Estonian, Finland Finnish, France French, Georgia Georgian, Germany German, Greece Greek,
Hungary Hungarian, Iceland Icelandic, Iran Persian, Italy Italian, Japan Japanese, Korea Korean,
Latvia Latvian, Lithuania Lithuanian, Mexico Spanish, Nepal Nepali, Norway Norwegian, Poland Polish,
Romania Romanian, Russia Russian, Serbia Serbian, Somalia Somali, Spain Spanish, Sweden Swedish,
Thailand Thai, Turkey Turkish, Ukraine Ukrainian, Vietnam Vietnamese"""
Fact = tuple[
    str, Tensor, int, int
]  # country, tokens, where it stands, first token of the answer


@cache
def loaded() -> tuple[GPT, Any]:
    """SmolLM2 and its tokenizer."""
    return lm.load_smollm2()


@torch.no_grad()
def facts(relation: str) -> tuple[list[Fact], int]:
    """Prompts whose answer the model knows, in alphabetical order; and how many there were."""
    gpt, tokenizer = loaded()
    known, asked = [], 0
    for line in (
        (LANGUAGES if relation == "language" else CAPITALS).replace("\n", " ").split(", ")
    ):
        country, answer = line.split()
        name, first = (
            tokenizer.encode(f" {country}"),
            tokenizer.encode(f" {answer}")[0].item(),
        )
        if len(name) > 1:
            continue
        tokens, asked = tokenizer.encode(PROMPTS[relation].format(country)), asked + 1
        if gpt(tokens[None])[0, -1].argmax() == first:
            known.append((country, tokens, tokens.tolist().index(name.item()), first))
    return known, asked


@torch.no_grad()
def states(tokens: Tensor) -> list[Tensor]:
    """What each block gives for prompts, ``(batch, time, width)`` each."""
    gpt, _ = loaded()
    x, found = gpt.token_embedding(tokens), []
    turn = rotary.rotation(
        torch.arange(tokens.shape[1]), gpt.config.d_head, gpt.config.rope_base
    )
    for block in gpt.blocks:
        x = block(x, None, turn)
        found.append(x)
    return found


@torch.no_grad()
def after(x: Tensor, layer: int) -> Tensor:
    """Logits of the next token from states after a layer, ``(batch, vocabulary)``."""
    gpt, _ = loaded()
    turn = rotary.rotation(
        torch.arange(x.shape[1]), gpt.config.d_head, gpt.config.rope_base
    )
    for block in gpt.blocks[layer + 1 :]:
        x = block(x, None, turn)
    return gpt.logits(gpt.final_norm(x[:, -1]))


def pair(one: Fact, other: Fact, third: Fact) -> dict[str, list[list[int]]]:
    """What the model says of ``other`` when a state comes from ``one``, or from ``third``.

    Lists by layer and position (country, last but one, last): 1 if the answer becomes that of
    ``one``, 0 if it stays, -1 otherwise; and whether the lens reads the answer of ``one`` in its
    own state.
    """
    gpt, end = loaded()[0], len(one[1]) - 1
    source, target, control = (states(it[1][None]) for it in (one, other, third))
    found: dict[str, list[list[int]]] = {"patched": [], "control": [], "lens": []}
    spots = (one[2], end - 1, end)
    for layer in LAYERS:
        rows = target[layer].repeat(5, 1, 1)
        for at, place in enumerate(spots):
            rows[at, place] = source[layer][0, place]
        for at, place in enumerate((spots[0], spots[2])):
            rows[3 + at, place] = control[layer][0, place]
        said = after(rows, layer).argmax(1)
        code = (said == one[3]).int() - ((said != one[3]) & (said != other[3])).int()
        found["patched"].append(code[:3].tolist())
        found["control"].append(code[3:].tolist())
        with torch.no_grad():
            read = gpt.logits(gpt.final_norm(source[layer][0, list(spots)])).argmax(1)
        found["lens"].append((read == one[3]).int().tolist())
    return found


def run(relation: str) -> dict[str, Any]:
    """One row: all pairs of a relation."""
    known, asked = facts(relation)
    n, rows = len(known), []
    pairs = []
    for at in range(n):
        one, other, third = (known[(at + step) % n] for step in (0, 1, n // 2))
        if len({it[3] for it in (one, other, third)}) == 3:
            pairs.append((one, other, third))
    for its in pairs[:PAIRS]:
        rows.append(pair(*its))
    return {
        "asked": asked, "known": n, "layers": list(LAYERS),
        "countries": [its[0][0] for its in pairs[:PAIRS]],
        **{name: [row[name] for row in rows] for name in rows[0]},
    }  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("07_challenges/interpretability_facts")
    for relation in PROMPTS:
        study.row(run, relation=relation)
    study.save()
