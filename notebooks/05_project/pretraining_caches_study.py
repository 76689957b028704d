"""Study of the chapter "Pretraining a GPT": how much of a GPT's lead is repetition.

    make study NAME=05_project/pretraining_caches

One thread, about 2 minutes. It needs the weights that the study `pretraining_longer` has kept.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pretraining_counts_study as counting
import torch

import largemodels as lm
from largemodels.book import studies

BLOCK = 1_000  # tokens whose mean is one observation for the standard errors
KINDS = dict(label=r"(?<=\n\n)[A-Z][A-Z ]+(?=\.\n)", direction=r"\[[^\]]*\]")
GRIDS = (
    dict(  # λ of the recent tokens; λ and k of what followed the last token, the last two
        recent=np.linspace(0, 0.3, 31).tolist(),
        one=np.linspace(0, 1, 41).tolist(),
        one_k=[0, *(0.01 * 2**i for i in range(13))],
        two=np.linspace(0, 1, 41).tolist(),
        two_k=[0, *(0.01 * 2**i for i in range(13))],
    )
)
NUMBERS = {  # that are chosen; the others stay zero
    "weighted": [],
    "recent tokens": ["recent"],
    "recent tokens and matches": list(GRIDS),
}


class Part(NamedTuple):
    """Tokens of the validation or of the test plays, all those for which the GPT is asked."""

    characters_a_token: float
    gpt: (
        np.ndarray
    )  # log-probabilities of the tokens that came, in the second halves of windows
    weighted: np.ndarray  # the same by weighted counts
    kinds: np.ndarray  # "label", "direction" or "other"
    second: np.ndarray  # whether it belongs to the second of the two plays
    recent: dict[str, np.ndarray]  # how often, by what is seen, the token occurred
    seen: dict[str, np.ndarray]  # among how many
    matches: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]]  # followed by it; all


@cache
def prepared() -> dict[str, Part]:
    """Everything that the rows share, so that it is computed once."""
    texts = counting.texts()
    kept = studies.weights("05_project/pretraining_longer", "gpt")
    gpt = lm.GPT(lm.GPTConfig(**kept.config))
    gpt.load_state_dict(kept.state)
    byte_pairs = lm.ByteBPE.train(texts["train"], gpt.config.vocab_size)
    train = byte_pairs.encode(texts["train"])
    order, half = counting.ORDER_OF_PAIRS, gpt.context_length // 2
    ngram = lm.NGram(order, gpt.config.vocab_size).fit(train.numpy())
    weights = counting.weights_of_orders(train, ngram, seed=0)
    parts = {}
    for name in ("validation", "test"):
        tokens = byte_pairs.encode(texts[name])
        of_gpt = counting.gpt_log_probs(gpt, tokens)
        asked = half + 1 + np.arange(len(of_gpt))
        weighted = counting.weighted_log_probs(ngram, tokens, weights)[asked - order + 1]
        begins = np.cumsum([0, *(len(byte_pairs.decode([it])) for it in tokens.tolist())])
        kinds = np.full(len(texts[name]) + 1, "other", dtype="<U9")
        for kind, pattern in KINDS.items():
            for found in re.finditer(pattern, texts[name]):
                kinds[found.start() : found.end()] = kind
        second = texts[name].index([*getattr(lm.shakespeare(), name).values()][1])
        seen = {
            "window": half + 1 + np.arange(len(asked)) % half,  # what the GPT sees
            "128": asked.clip(max=gpt.context_length),
        }
        recent, matches = occurrences(tokens.numpy(), asked, seen)
        parts[name] = Part(
            len(texts[name]) / len(tokens), of_gpt, weighted, kinds[begins[asked]],
            begins[asked] >= second, recent, seen, matches,
        )  # fmt: skip
    return parts


def occurrences(
    tokens: np.ndarray, asked: np.ndarray, seen: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[tuple[str, int], tuple[np.ndarray, np.ndarray]]]:
    """Among the tokens seen before each that is asked: itself, and what followed its context."""
    recent = {name: np.zeros(len(asked)) for name in seen}
    matches = {
        (name, length): (np.zeros(len(asked)), np.zeros(len(asked)))
        for name in seen
        for length in (1, 2)
    }
    for back in range(1, max(it.max() for it in seen.values()) + 1):
        earlier = asked - back  # where the token itself may have occurred
        same = tokens[asked] == tokens[earlier.clip(0)]
        context = np.ones(len(asked), bool)
        for name, n in seen.items():
            recent[name] += same & (back <= n)
        for length in (1, 2):
            at = (earlier - length).clip(0)
            context &= tokens[asked - length] == tokens[at]
            for name, n in seen.items():
                found = context & (back + length <= n)
                matches[name, length][0][:] += found & same
                matches[name, length][1][:] += found
    return recent, matches


def log_probs(part: Part, seen: str, numbers: dict[str, float]) -> np.ndarray:
    """Of the tokens that came, by weighted counts with caches of these numbers."""
    share = part.recent[seen] / part.seen[seen]
    p = (1 - numbers["recent"]) * np.exp(part.weighted) + numbers["recent"] * share
    for name, length in (("one", 1), ("two", 2)):
        followed, n = part.matches[seen, length]
        n_or_1 = n.clip(1)  # where n is zero, so is the weight
        weight = numbers[name] * n / (n_or_1 + numbers[f"{name}_k"])
        p = (1 - weight) * p + weight * followed / n_or_1
    return np.log(p)


def chosen(part: Part, seen: str, names: list[str]) -> dict[str, float]:
    """The best numbers: each in turn is set to the best of its grid, until none changes."""
    numbers = {name: 1.0 if name.endswith("_k") else 0.0 for name in GRIDS}
    before = None
    while before != numbers:
        before = dict(numbers)
        for pair in (["recent"], ["one", "one_k"], ["two", "two_k"]):
            tried = [{}]
            for name in pair:
                if name in names:
                    tried = [it | {name: value} for it in tried for value in GRIDS[name]]
            losses = [-log_probs(part, seen, numbers | it).mean() for it in tried]
            numbers |= tried[int(np.argmin(losses))]
    return numbers


def against_gpt(model: str, seen: str) -> dict[str, Any]:
    """Counts with caches of what is `seen`: losses and the GPT's lead, in nats a character.

    The lead by kind of token is of use for the test plays only: in *Romeo and Juliet*, one of the
    validation plays, the names in front of the speeches are not in capitals.
    """
    parts = prepared()
    names = NUMBERS[model]
    numbers = chosen(parts["validation"], seen, names)
    # A k of zero is no edge: it means a weight of λ, however many matches there are.
    inside = [
        (numbers[name] > 0 or name.endswith("_k")) and numbers[name] < GRIDS[name][-1]
        for name in names
    ]
    row: dict[str, Any] = {
        "numbers": [numbers[name] for name in names],
        "inside": all(inside),
    }
    for name, part in parts.items():
        found = log_probs(part, seen, numbers) / part.characters_a_token
        of_gpt = part.gpt / part.characters_a_token
        row[f"{name}_tokens"] = len(found)
        row[f"{name}_loss"], row[f"{name}_gpt_loss"] = -found.mean(), -of_gpt.mean()
        lead = of_gpt - found  # positive where the GPT is better
        blocks = lead[: len(lead) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
        row[f"{name}_lead"] = lead.mean()
        row[f"{name}_lead_error"] = blocks.std(ddof=1) / len(blocks) ** 0.5
        row[f"{name}_lead_by_play"] = [lead[~part.second].mean(), lead[part.second].mean()]
        for kind in ("label", "direction", "other"):
            these = part.kinds == kind
            row[f"{name}_{kind}_share"] = these.mean()
            row[f"{name}_{kind}_lead"] = (lead * these).mean()  # they sum to the lead
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = studies.Study("05_project/pretraining_caches")
    for model in NUMBERS:
        study.row(against_gpt, model=model, seen="window")
    study.row(against_gpt, model="recent tokens and matches", seen="128")
    study.save()
