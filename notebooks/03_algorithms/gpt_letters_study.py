"""Study of the chapter "GPT": a network that has read no language, on the letters of three.

    make study NAME=03_algorithms/gpt_letters

One thread, about 4 minutes. A modern GPT of two blocks is trained on Markov chains of 27 symbols
and its weights are kept. Then it reads letters and spaces of texts that it has never seen: messages
of a program in French, Portuguese and English. Beside it stand counts of what followed each letter
in the same window, with the number that is added to each count chosen for the language by its
validation messages.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import torch
from torch import Tensor

import largemodels as lm
from largemodels.data.chains import chain_batches, chain_log_probs
from largemodels.models.presets import preset

SIZES = dict(vocab_size=27, context_length=256, n_layer=2, n_head=4, d_model=64)
CONCENTRATION, BATCH_SIZE, STEPS = 0.1, 16, 1_500
N_WINDOWS = 100
ADDED = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # to each count, of pairs and of letters
LANGUAGES = ("French", "Portuguese", "English")


def letters(text: str) -> Tensor:
    """A text as 0 between words and 1 to 26 for letters without accents, ``(time,)``."""
    plain = unicodedata.normalize("NFD", text.lower())
    plain = "".join(it for it in plain if not unicodedata.combining(it))
    plain = re.sub("[^a-z]+", " ", plain)
    return torch.tensor([0 if it == " " else ord(it) - 96 for it in plain])


def windows(language: str, part: str) -> Tensor:
    """Windows of a language's messages, one after another, ``(n, context_length + 1)``."""
    pairs = lm.translations("pt" if language == "Portuguese" else "fr")[part]
    text = letters(" ".join(pairs.source if language == "English" else pairs.target))
    length = SIZES["context_length"] + 1
    return text[: len(text) // length * length].view(-1, length)[:N_WINDOWS]


def by_place(log_probs: Tensor) -> list[float]:
    """Mean loss after 1, 2, … symbols of a window, nats."""
    return [round(it, 4) for it in (-log_probs).mean(dim=0).tolist()]


def counted(language: str, pairs: bool) -> dict[str, Any]:
    """Counts in the window: the loss by place with what is best to add to them."""
    losses = {
        it: -chain_log_probs(windows(language, "validation"), 27, it, pairs=pairs)
        .mean()
        .item()
        for it in ADDED
    }
    added = min(losses, key=losses.__getitem__)
    found = chain_log_probs(windows(language, "test"), 27, added, pairs=pairs)
    inside = added not in (ADDED[0], ADDED[-1])
    row = {"added": added, "inside": inside, "loss": -found.mean().item()}
    return row | {"by_place": by_place(found)}


def learnt(seed: int) -> dict[str, Any]:
    """Train on chains; excess loss over the best prediction of chains, every 100 steps."""
    torch.manual_seed(seed)
    model = lm.GPT(preset("modern", **SIZES))
    length = SIZES["context_length"]
    inputs, targets = next(chain_batches(27, length, CONCENTRATION, 64, 1_000_001))
    tokens = torch.cat([inputs, targets[:, -1:]], dim=1)
    best = -chain_log_probs(tokens, 27, CONCENTRATION).mean().item()
    recipe = lm.TrainingConfig(
        steps=STEPS, optimizer="muon", learning_rate=1e-2, matrix_learning_rate=2e-2,
        warmup_steps=STEPS // 20, weight_decay=0.0, evaluate_every=100,
    )  # fmt: skip
    fresh = chain_batches(27, length, CONCENTRATION, BATCH_SIZE, seed)
    history = lm.train(
        model, fresh, recipe, lambda: {"excess": model.loss(inputs, targets).item() - best}
    )
    study.keep("gpt", model)
    model.load_state_dict(
        {name: it.half().float() for name, it in model.state_dict().items()}
    )
    row: dict[str, Any] = {
        "best": best,
        "curve": [round(it, 4) for it in history.excess.tolist()],
    }
    for language in LANGUAGES:
        log_probs = read(model.eval(), windows(language, "test"))
        row[language], row[f"{language} by place"] = (
            -log_probs.mean().item(),
            by_place(log_probs),
        )
    return row


@torch.no_grad()
def read(model: lm.GPT, tokens: Tensor) -> Tensor:
    """Log-probabilities of the symbols of windows, ``(n, context_length)``."""
    log_probs = model(tokens[:, :-1]).log_softmax(-1)
    return log_probs.gather(-1, tokens[:, 1:, None])[..., 0]


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("03_algorithms/gpt_letters")
    for language in LANGUAGES:
        for pairs in (True, False):
            study.row(counted, language=language, pairs=pairs)
    study.row(learnt, seed=0)
    study.save()
