"""Study of "Fraud and credit": four methods on two tables, tuned alike, by nested cross-validation.

    make study NAME=06_applications/fraud_and_credit

One thread, about eight minutes. Each table is cut into five parts. With each part as the test, a
method has twelve trials inside the other four: German credit by two halves that predict each other,
the larger table by a quarter held out. The trial with the lowest log loss is trained on all four
parts, networks and forests from two seeds, and Platt's two numbers, fitted on the held-out
predictions of the same trial, calibrate its probabilities. Every trial is stored, and every test
prediction, so that costs are computed later.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.preprocessing import KBinsDiscretizer

import largemodels as lm
from largemodels.book.studies import Study
from largemodels.data.batches import shuffled
from largemodels.data.tables import TARGET, Columns

TABLES = {"german": lm.german_credit, "scoring": lm.credit_scoring}
METHODS = ("scorecard", "forest", "boosting", "transformer", "untuned")
STRENGTHS = (
    0.01,
    0.03,
    0.1,
    0.3,
    1.0,
    3.0,
)  # C of the logistic regression: less is more penalty
ROUNDS = (40, 100, 250)  # trees of boosting
EPOCHS = {"german": (12, 24, 48), "scoring": (8, 16, 32)}
BATCH = {"german": 128, "scoring": 256}
SIZES = ((8, 1, 0.4), (16, 1, 0.4), (32, 1, 0.4), (32, 2, 0.2))  # width, blocks, dropout
SEEDS = 2

Rows = tuple[np.ndarray, np.ndarray]  # numbers and categories
Trial = tuple[Any, ...]


@cache
def table(data: str) -> pd.DataFrame:
    """A table, read once."""
    return TABLES[data]()


def outer(data: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test rows of the five parts, the same for every method."""
    bad = table(data)[TARGET]
    return list(StratifiedKFold(5, shuffle=True, random_state=0).split(bad, bad))


def inner(data: str, rows: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to train on and rows held out, within the training rows."""
    bad = table(data)[TARGET].to_numpy()[rows]
    if data == "german":
        folds = StratifiedKFold(2, shuffle=True, random_state=1).split(rows, bad)
        return [(rows[a], rows[b]) for a, b in folds]
    return [tuple(train_test_split(rows, test_size=0.25, stratify=bad, random_state=1))]


def hot(rows: Rows, cardinalities: tuple[int, ...]) -> np.ndarray:
    """One column of zeros and ones for each category."""
    parts = [np.eye(n)[rows[1][:, it]] for it, n in enumerate(cardinalities)]
    return np.concatenate(parts, axis=1)


def scorecard(
    data: str, sizes, train: Rows, bad, test: Rows, trials, seed
) -> Iterator[np.ndarray]:
    """Logistic regression on zeros and ones; numbers as they are, or cut into five bins."""
    for form, strength in trials:
        parts = [train[0], test[0]]
        if form == "bins":
            cut = KBinsDiscretizer(
                5, encode="onehot-dense", quantile_method="averaged_inverted_cdf"
            )
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", UserWarning
                )  # bins of columns with few values
                parts = [cut.fit_transform(train[0]), cut.transform(test[0])]
        ready = [
            np.concatenate([a, hot(b, sizes)], axis=1)
            for a, b in zip(parts, (train, test), strict=True)
        ]
        fitted = LogisticRegression(C=strength, max_iter=3_000).fit(ready[0], bad)
        yield fitted.predict_proba(ready[1])[:, 1]


def forest(
    data: str, sizes, train: Rows, bad, test: Rows, trials, seed
) -> Iterator[np.ndarray]:
    """A random forest on the same columns."""
    ready = [np.concatenate([it[0], hot(it, sizes)], axis=1) for it in (train, test)]
    for leaf, share in trials:
        trees = RandomForestClassifier(
            100, min_samples_leaf=leaf, max_features=share, random_state=seed
        )
        yield trees.fit(ready[0], bad).predict_proba(ready[1])[:, 1]


def boosting(
    data: str, sizes, train: Rows, bad, test: Rows, trials, seed
) -> Iterator[np.ndarray]:
    """Boosted trees, which take categories as they are."""
    ready = [np.concatenate(it, axis=1) for it in (train, test)]
    kinds = np.arange(ready[0].shape[1]) >= train[0].shape[1]
    for leaves in dict.fromkeys(it for it, _ in trials):
        rounds = [n for it, n in trials if it == leaves]
        trees = HistGradientBoostingClassifier(
            learning_rate=0.08,
            max_iter=max(rounds),
            max_leaf_nodes=leaves,
            categorical_features=kinds,
            early_stopping=False,
            random_state=seed,
        ).fit(ready[0], bad)
        stages = list(trees.staged_predict_proba(ready[1]))
        yield from (stages[n - 1][:, 1] for n in rounds)


def untuned(
    data: str, sizes, train: Rows, bad, test: Rows, trials, seed
) -> Iterator[np.ndarray]:
    """Boosted trees with scikit-learn's own settings: 100 trees of 31 leaves, learning rate 0.1."""
    ready = [np.concatenate(it, axis=1) for it in (train, test)]
    kinds = np.arange(ready[0].shape[1]) >= train[0].shape[1]
    trees = HistGradientBoostingClassifier(
        categorical_features=kinds, early_stopping=False, random_state=seed
    )
    yield trees.fit(ready[0], bad).predict_proba(ready[1])[:, 1]


def network(sizes: tuple[int, ...], n_numbers: int, shape: tuple) -> lm.FTTransformer:
    """An FT-Transformer of a width, a number of blocks and a dropout."""
    width, blocks, dropout = shape
    return lm.FTTransformer(
        lm.FTTransformerConfig(
            n_numbers,
            sizes,
            d_model=width,
            n_layer=blocks,
            n_head=4,
            d_hidden=4 * width // 3,
            attention_dropout=dropout,
            hidden_dropout=dropout,
        )
    )


def transformer(
    data: str, sizes, train: Rows, bad, test: Rows, trials, seed
) -> Iterator[np.ndarray]:
    """FT-Transformer: the epochs of a shape are stages of one training run."""
    ready = [[torch.tensor(part) for part in it] for it in (train, test)]
    each = -(-len(bad) // BATCH[data])  # steps of an epoch
    for shape in dict.fromkeys(it[:3] for it in trials):
        epochs = [it[3] for it in trials if it[:3] == shape]
        torch.manual_seed(seed)
        model = network(sizes, train[0].shape[1], shape)
        model.train()
        target = torch.tensor(bad, dtype=torch.float32)
        batches = shuffled(*ready[0], target, batch_size=BATCH[data], seed=seed)
        stages: dict[int, np.ndarray] = {}

        def keep(model=model, stages=stages) -> dict[str, float]:
            stages[len(stages)] = model(*ready[1])[:, 0].sigmoid().double().numpy()
            return {}

        every = int(np.gcd.reduce(epochs))
        lm.train(
            model,
            batches,
            lm.TrainingConfig(
                max(epochs) * each,
                2e-3,
                warmup_steps=each,
                final_fraction=1.0,
                weight_decay=0.01,
                betas=(0.9, 0.999),
                evaluate_every=every * each,
            ),
            keep,
        )
        yield from (stages[n // every] for n in epochs)


FIT: dict[str, Callable[..., Iterator[np.ndarray]]] = {
    "scorecard": scorecard,
    "forest": forest,
    "boosting": boosting,
    "transformer": transformer,
    "untuned": untuned,
}


def trials(data: str, method: str) -> list[Trial]:
    """The trials of a method."""
    return {
        "scorecard": [(form, it) for form in ("line", "bins") for it in STRENGTHS],
        "forest": [
            (leaf, share) for leaf in (1, 3, 10, 30) for share in ("sqrt", 0.4, 1.0)
        ],
        "boosting": [(leaves, n) for leaves in (2, 4, 8, 16) for n in ROUNDS],
        "transformer": [(*shape, n) for shape in SIZES for n in EPOCHS[data]],
        "untuned": [()],
    }[method]


def fitted(
    data: str,
    method: str,
    train: np.ndarray,
    test: np.ndarray,
    its: list[Trial],
    without,
    seed=0,
) -> list[np.ndarray]:
    """Predicted chances of the test rows for each trial, after training on the training rows."""
    columns = table(data).drop(columns=[TARGET, *without])
    known = Columns.fit(columns.iloc[train])
    parts = [
        tuple(it.numpy() for it in known.tensors(columns.iloc[rows]))
        for rows in (train, test)
    ]
    bad = table(data)[TARGET].to_numpy()[train].astype(float)
    return list(FIT[method](data, known.cardinalities, parts[0], bad, parts[1], its, seed))


def logit(chance: np.ndarray) -> np.ndarray:
    """Log odds of chances, which are kept away from 0 and 1."""
    safe = np.clip(chance, 1e-4, 1 - 1e-4)
    return np.log(safe / (1 - safe))


def whole(values: np.ndarray) -> str:
    """Chances as whole numbers of 1/10,000."""
    return " ".join(str(round(10_000 * it)) for it in values)


def run(data: str, method: str, fold: int, without: str = "") -> dict[str, Any]:
    """Tune within the training rows, train on all of them, predict the test rows."""
    train, test = outer(data)[fold]
    its, left_out = trials(data, method), without.split()
    bad = table(data)[TARGET].to_numpy()
    splits = inner(data, train)
    held = np.concatenate([b for _, b in splits])
    found = [fitted(data, method, a, b, its, left_out) for a, b in splits]
    chances = [np.concatenate(it) for it in zip(*found, strict=True)]
    losses = [log_loss(bad[held], np.clip(it, 1e-4, 1 - 1e-4)) for it in chances]
    best = int(np.argmin(losses))
    platt = LogisticRegression(C=1e6).fit(logit(chances[best])[:, None], bad[held])
    seeds = SEEDS if method in ("forest", "transformer") else 1
    chance = [
        fitted(data, method, train, test, [its[best]], left_out, seed)[0]
        for seed in range(seeds)
    ]
    return {
        "best": " ".join(map(str, its[best])),
        "losses": " ".join(f"{it:.4f}" for it in losses),
        "slope": float(platt.coef_[0, 0]),
        "shift": float(platt.intercept_[0]),
        "chances": "|".join(whole(it) for it in chance),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("06_applications/fraud_and_credit")
    for name in TABLES:
        for way in METHODS:
            for part in range(5):
                study.row(run, data=name, method=way, fold=part)
    study.save()
