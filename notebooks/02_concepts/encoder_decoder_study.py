"""Study of the chapter "Encoder and decoder": must everything pass through one vector?

    make study NAME=02_concepts/encoder_decoder

One thread, about 12 minutes. An interrupted study goes on where it stopped.

Two LSTMs learn to pronounce 30,000 words of the CMU dictionary, all for the same number of steps:
the decoder sees the encoder's last state only, or attends to all of its states. Learning rates are
chosen on validation words, those of the wider and the reversed network, too. Two rivals do not
learn by gradient: the pronunciation of the most similar training word, and a table of letters in
their context.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor

import largemodels as lm
from largemodels.data import pronunciation as p
from largemodels.data.batches import shuffled
from largemodels.models.seq2seq import Conditioned

STEPS, BATCH_SIZE, N_TRAINING, LONGEST = 400, 128, 30_000, 30
RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
MODELS = {  # attention, width of the states, source reversed
    "attention": (True, 128, False),
    "last state": (False, 128, False),
    "last state, reversed": (False, 128, True),
    "last state, twice as wide": (False, 256, False),
}
BINS = ((2, 5), (6, 7), (8, 9), (10, 11), (12, 99))  # letters


def words() -> dict[str, list[p.Word]]:
    """For training 30,000, validation 1,500, test 3,000 and all others of 12 letters or more."""
    parts = p.pronunciations()
    draw = random.Random(0)
    test = draw.sample(parts["test"], len(parts["test"]))
    return {
        "training": draw.sample(parts["training"], N_TRAINING),
        "validation": draw.sample(parts["validation"], 1_500),
        "test": test[:3_000] + [word for word in test[3_000:] if len(word.letters) >= 12],
    }


def sources(some: list[p.Word], backwards: bool) -> Tensor:
    """Letters, `(words, longest + 1)`, perhaps in reverse order."""
    letters = [word.letters[::-1] if backwards else word.letters for word in some]
    return p.encode(letters, p.LETTERS)


def batches(
    some: list[p.Word], backwards: bool, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Sources and targets, cut to the longest of each batch."""
    targets = p.encode([word.sounds[0] for word in some], p.SOUNDS, start=True)
    for pair in shuffled(
        sources(some, backwards), targets, batch_size=BATCH_SIZE, seed=seed
    ):
        yield tuple(rows[:, : int((rows != p.PAD).sum(dim=1).max())] for rows in pair)


def pronounce(model: lm.Seq2Seq, source: Tensor, n_beam: int = 1) -> list[tuple[str, ...]]:
    """Greedily, or by beam search."""
    start = torch.full((len(source), 1), p.START)
    if n_beam == 1:
        said = lm.generate(
            Conditioned(model, source), start, LONGEST, temperature=0, end_token=p.END
        )
    else:
        said = lm.beam_search(
            Conditioned(model, source), start, LONGEST, n_beam, end_token=p.END
        )
    return [p.decode(row, p.SOUNDS) for row in said.tolist()]


def scores(said: list[tuple[str, ...]], some: list[p.Word]) -> dict[str, float]:
    """Phoneme error rate and share of words right, over all and by length."""
    counts = [
        (len(word.letters), *p.nearest(one, word))
        for one, word in zip(said, some, strict=True)
    ]
    found = {}
    everything = (2, 99)
    for low, high in (everything, *BINS):
        of = [
            (edits, length) for letters, edits, length in counts if low <= letters <= high
        ]
        name = "" if (low, high) == everything else f" {low}"
        found["per" + name] = sum(e for e, _ in of) / sum(n for _, n in of)
        found["right" + name] = sum(e == 0 for e, _ in of) / len(of)
        found["n" + name] = len(of)
    return found


@torch.no_grad()
def forced(model: lm.Seq2Seq, source: Tensor, some: list[p.Word]) -> float:
    """Share of sounds and ends that are wrong, given the right sounds before them."""
    target = p.encode([word.sounds[0] for word in some], p.SOUNDS, start=True)
    wrong = model.eval()(source, target[:, :-1]).argmax(dim=-1) != target[:, 1:]
    return wrong[target[:, 1:] != p.PAD].double().mean().item()


def train(study: lm.studies.Study, phase: str, model: str, rate: float, seed: int) -> dict:
    """One network."""
    attention, width, backwards = MODELS[model]
    some = words()
    torch.manual_seed(seed)
    sizes = dict(d_model=64, d_hidden=width, attention=attention)
    network = lm.Seq2Seq(lm.Seq2SeqConfig(len(p.LETTERS), len(p.SOUNDS), **sizes))
    recipe = lm.TrainingConfig(
        steps=STEPS,
        learning_rate=rate,
        warmup_steps=STEPS // 20,
        weight_decay=0.0,
        evaluate_every=STEPS,
    )
    began = time.process_time()
    lm.train(network, batches(some["training"], backwards, seed), recipe)
    row = {
        "n_parameters": network.n_parameters(),
        "core_seconds": time.process_time() - began,
    }
    if phase == "trial":
        source = sources(some["validation"], backwards)
        return row | scores(pronounce(network, source), some["validation"])
    source = sources(some["test"], backwards)
    greedy = pronounce(network, source)
    row |= scores(greedy, some["test"])
    first = slice(0, 1_000)
    row["forced"] = forced(network, source[first], some["test"][first])
    few = some["test"][first]
    row["greedy 1000"] = scores(greedy[first], few)["right"]
    row["beam 1000"] = scores(pronounce(network, source[first], 4), few)["right"]
    if model == "attention" and seed == 1:
        study.keep("attention", network)
    return row


def most_similar(some: dict[str, list[p.Word]]) -> list[tuple[str, ...]]:
    """For each test word the pronunciation of the training word with the most similar letters."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 4), preprocessor="<{}>".format
    )
    known = vectors.fit_transform([word.letters for word in some["training"]])
    asked = vectors.transform([word.letters for word in some["test"]])
    found: list[tuple[str, ...]] = []
    for begin in range(0, asked.shape[0], 250):
        best = (asked[begin : begin + 250] @ known.T).toarray().argmax(axis=1)
        found += [some["training"][k].sounds[0] for k in best]
    return found


def aligned(
    letters: str, sounds: tuple[str, ...], cost: dict
) -> list[tuple[str, ...]] | None:
    """Give each letter none, one or two of the sounds, in order, at the least cost."""
    best = {0: (0.0, [])}
    for letter in letters:
        after: dict[int, tuple[float, list]] = {}
        for at, (total, chunks) in best.items():
            for n in (0, 1, 2):
                chunk = sounds[at : at + n]
                if len(chunk) == n:
                    new = total + cost.get((letter, chunk), 12.0)
                    if at + n not in after or new < after[at + n][0]:
                        after[at + n] = new, [*chunks, chunk]
        best = after
    return best[len(sounds)][1] if len(sounds) in best else None


def by_table(some: dict[str, list[p.Word]]) -> list[tuple[str, ...]]:
    """Of each letter the commonest sounds in the widest context seen, at most 4 on either side."""
    pairs = [(word.letters, word.sounds[0]) for word in some["training"]]
    costs: dict = {}
    counts: Counter = Counter()
    for letters, sounds in pairs:  # at first, sounds at about the same place in the word
        for i, letter in enumerate(letters):
            j = round(i * (len(sounds) - 1) / max(1, len(letters) - 1))
            counts[letter, sounds[j : j + 1]] += 1
    for _ in range(4):
        of = Counter()
        for (letter, _chunk), n in counts.items():
            of[letter] += n
        costs = {
            key: -torch.log(torch.tensor(n / of[key[0]])).item()
            for key, n in counts.items()
        }
        for letter in of:
            costs.setdefault((letter, ()), 4.0)
        cuts = [aligned(letters, sounds, costs) for letters, sounds in pairs]
        counts = Counter()
        for (letters, _), chunks in zip(pairs, cuts, strict=True):
            counts.update(zip(letters, chunks or (), strict=bool(chunks)))
    windows = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4), (4, 4)]
    table: dict = defaultdict(Counter)
    for (letters, _), chunks in zip(pairs, cuts, strict=True):
        padded = f"<<<<{letters}>>>>"
        for i, chunk in enumerate(chunks or ()):
            for left, right in windows:
                table[left, padded[i + 4 - left : i + 5 + right]][chunk] += 1
    found = []
    for word in some["test"]:
        padded, said = f"<<<<{word.letters}>>>>", ()
        for i in range(len(word.letters)):
            for left, right in reversed(windows):
                seen = table.get((left, padded[i + 4 - left : i + 5 + right]))
                if seen:
                    said += seen.most_common(1)[0][0]
                    break
        found.append(said)
    return found


RIVALS = {"most similar word": most_similar, "table of letters": by_table}


def rival(phase: str, model: str) -> dict:
    """One that is not trained by gradient."""
    some = words()
    began = time.process_time()
    said = RIVALS[model](some)
    return {"core_seconds": time.process_time() - began} | scores(said, some["test"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("02_concepts/encoder_decoder")

    def row(**key: object) -> dict:
        """The row of this network."""
        return study.row(lambda **key: train(study, **key), **key)

    for model in RIVALS:
        study.row(rival, phase="test", model=model)
    for model, seeds in (
        ("attention", 5), ("last state", 5), ("last state, reversed", 5),
        ("last state, twice as wide", 3),
    ):  # fmt: skip

        def score(rate: float, model: str = model) -> float:
            """Sounds wrong on validation words."""
            return row(phase="trial", model=model, rate=rate, seed=101)["per"]

        rate = lm.studies.best_inside(RATES, (1e-2,), score)
        for seed in range(1, seeds + 1):
            row(phase="test", model=model, rate=rate, seed=seed)
    study.save()
