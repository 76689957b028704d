"""Study of the chapter "Environment and data": what does a network take from the rest of a play?

    make study NAME=05_project/environment_and_data_network

One thread, about 6 minutes. An interrupted study goes on where it stopped.

A small GPT and a 5-gram are trained on the same text, and tested on a tenth of the windows of
*Macbeth* and *Twelfth Night*. The text is the rest of the two plays, that rest with words replaced,
or two other plays. Draws, replaced words and recipe are those of the study `environment_and_data`.
"""

from __future__ import annotations

import re

import environment_and_data_study as first
import torch

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.models.presets import preset

ORDER, STEPS = 5, 800
TEXTS = ("nothing", "capitals and own", "as many others", "two other plays")


def parted(change: str, seed: int) -> tuple[str, str]:
    """A tenth of the windows, and the rest with its words replaced."""
    plays, new = first.texts()[3], first.replacements(change, seed)
    altered = [
        re.sub("[A-Za-z]+", lambda it: new.get(it[0], it[0]), play) for play in plays
    ]
    return first.parted(plays, altered, "windows", seed)


def trained(text: str, seed: int) -> dict[str, float]:
    """Losses of both models in nats a character; the text "nothing" is the rest, unchanged."""
    tokenizer, corpus = first.texts()[0], lm.shakespeare()
    if text == "two other plays":
        test, rest = parted("nothing", seed)
        rest = (corpus.train["hamlet"] + corpus.train["as_you_like_it"])[: len(rest)]
    else:
        test, rest = parted(text, seed)
    tokens, training = tokenizer.encode(test), tokenizer.encode(rest)
    counted = lm.NGram(ORDER, tokenizer.vocab_size).fit(training.numpy())
    torch.manual_seed(seed)
    sizes = dict(vocab_size=tokenizer.vocab_size, n_layer=2, n_head=4, d_model=64)
    model = lm.GPT(preset("modern", context_length=64, **sizes))
    recipe = lm.TrainingConfig(
        steps=STEPS,
        optimizer="muon",
        learning_rate=8e-3,
        matrix_learning_rate=0.03,
        warmup_steps=STEPS // 20,
        evaluate_every=STEPS,
    )
    history = lm.train(
        model,
        lm.batches(training, 16, 64, seed),
        recipe,
        lambda: {"loss": lm.evaluate(model, tokens, 64, overlap=32)},
    )
    return {
        "network": float(history.loss.iloc[-1]),
        "five_gram": float(-counted.log_probs(tokens.numpy()).mean()),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("05_project/environment_and_data_network")
    for seed in range(3):
        for text in TEXTS:
            study.row(trained, text=text, seed=seed)
    study.save()
