"""Study of the chapter "From the RNN to attention": which letters of a longer word go wrong?

    make study NAME=01_history/rnn_and_lstm_letters

One thread, about 2 minutes. An interrupted study goes on where it stopped.

The GPT with learned positions of the study of words is trained as there, on words of three to ten
letters, and spells words of 10, 11 and 12 letters backwards; the share of right letters is counted
at each place. Two learning rates, because one trial could not tell them apart.
"""

from __future__ import annotations

import torch

import largemodels as lm
from largemodels.data.batches import shuffled
from largemodels.data.spelling import VOCAB_SIZE, distinct_words, spelled_backwards
from largemodels.models.presets import preset

WIDTH, STEPS, BATCH_SIZE = 32, 680, 64
RATES = (3e-2, 1e-2)
SEEDS = (1, 2, 3, 4, 5)
SHORTEST, LONGEST, BEYOND, N_HELD_OUT = 3, 10, 12, 1_000


@torch.no_grad()
def letters_right(model: lm.GPT, words: list[str]) -> list[float]:
    """Share of right letters at each place of the reversed word, each given those before it."""
    n = len(words[0])
    tokens, targets = spelled_backwards(words)
    right = model(tokens).argmax(dim=-1) == targets
    return right[:, n : 2 * n].double().mean(dim=0).tolist()


def train(model: str, rate: float, seed: int) -> dict:
    """Train one GPT as in the study of words."""
    text = lm.shakespeare().text("train")
    words = distinct_words(text, SHORTEST, LONGEST, seed=0)
    torch.manual_seed(seed)
    sizes = dict(n_layer=2, n_head=2, d_model=WIDTH, context_length=2 * BEYOND + 1)
    network = lm.GPT(preset("modern", vocab_size=VOCAB_SIZE, position=model, **sizes))
    recipe = lm.TrainingConfig(
        steps=STEPS,
        learning_rate=rate,
        warmup_steps=STEPS // 20,
        weight_decay=0.0,
        evaluate_every=STEPS,
    )
    data = spelled_backwards(words[2 * N_HELD_OUT :])
    lm.train(network, shuffled(*data, batch_size=BATCH_SIZE, seed=seed), recipe)
    network.eval()
    tokens, targets = spelled_backwards(words[:N_HELD_OUT])
    with torch.no_grad():
        right = network(tokens).argmax(dim=-1) == targets
    row = {"test_right": (right | (targets == -100)).all(dim=1).double().mean().item()}
    longer = distinct_words(text, LONGEST + 1, BEYOND, seed=0)[:N_HELD_OUT]
    for n in range(LONGEST, BEYOND + 1):
        of_n = [word for word in (*words[:N_HELD_OUT], *longer) if len(word) == n]
        for place, share in enumerate(letters_right(network, of_n), start=1):
            row[f"{n} letters: {place}"] = share
    return row


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/rnn_and_lstm_letters")
    for rate in RATES:
        for seed in SEEDS:
            study.row(train, model="learned", rate=rate, seed=seed)
    study.save()
