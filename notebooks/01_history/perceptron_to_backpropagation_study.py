"""Study of the chapter "From the perceptron to backpropagation": does a learnt hidden layer pay?

    make study NAME=01_history/perceptron_to_backpropagation

One thread, about eight minutes. Rows of three kinds:

- `film`: weights of one 2-2-1 network while it learns XOR, for the chapter's first picture;
- `xor`: of 1,000 random starts, how many have learnt XOR after 2,000 and after 20,000 steps;
- the comparison: accuracy of each method in five folds, at five seeds of the folds. In each fold
  a method's setting is the best of its 20 by accuracy on a fifth of the training part; of several
  best the one nearest to the middle of the grid. Learnt and frozen hidden layers differ only in
  whether their weights may change.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import largemodels as lm

SEEDS, N_FOLD = range(5), 5
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # (4, 2)
XOR = np.array([[0], [1], [1], [0]])  # (4, 1)
GRIDS: dict[str, tuple[Sequence[Any], ...]] = {  # 20 trials each
    "logistic": ([10 ** (power / 3) for power in range(-10, 10)],),  # C
    "nearest": (
        (1, 2, 3, 4, 5, 6, 8, 10, 14, 20),
        ("uniform", "distance"),
    ),  # neighbours, weights
    "svm": (
        (0.3, 3, 30, 300),
        (0.00025, 0.001, 0.004, 0.016, 0.064),
    ),  # C, γ of the RBF kernel
    "learnt": (
        (1e-1, 1e-2, 1e-3, 1e-4, 1e-5),
        (0.5, 1, 2, 4),
    ),  # decay, scale of the first weights
    "frozen": ((1e-3, 1e-4, 1e-5, 1e-6), (0.5, 1, 2, 4, 8)),  # the same
}
WIDTHS = {"learnt": (2, 8, 32), "frozen": (2, 8, 32, 128, 512, 2_048)}


def sigmoid(a: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-np.clip(a, -500, 500)))


def start(
    d_input: int, d_hidden: int, d_output: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Standard normal weights and biases."""
    shapes = [(d_input, d_hidden), (d_hidden,), (d_hidden, d_output), (d_output,)]
    return [rng.normal(size=shape) for shape in shapes]


def film(seed: int, d_hidden: int, learning_rate: float) -> dict[str, Any]:
    """Weights at some steps of gradient descent on XOR, full batch, sigmoid output."""
    w1, b1, w2, b2 = start(2, d_hidden, 1, np.random.default_rng(seed))
    frames: dict[str, Any] = {}
    for step in range(2_001):
        hidden = sigmoid(CORNERS @ w1 + b1)
        if step in (0, 100, 150, 200, 250, 300, 400, 2_000):
            frames[str(step)] = [weight.tolist() for weight in (w1, b1, w2, b2)]
        delta2 = (sigmoid(hidden @ w2 + b2) - XOR) / 4
        delta1 = delta2 @ w2.T * hidden * (1 - hidden)
        w1, b1 = (
            w1 - learning_rate * CORNERS.T @ delta1,
            b1 - learning_rate * delta1.sum(axis=0),
        )
        w2, b2 = (
            w2 - learning_rate * hidden.T @ delta2,
            b2 - learning_rate * delta2.sum(axis=0),
        )
    return {"method": "film", "frames": frames}


def learn_xor(
    d_hidden: int, learning_rate: float, n_start: int, seed: int
) -> dict[str, Any]:
    """Gradient descent from many starts, the first axis: how many end with four right answers."""
    rng = np.random.default_rng((seed, d_hidden))
    w1, b1, w2, b2 = (
        rng.normal(size=(n_start, *shape))
        for shape in ((2, d_hidden), (1, d_hidden), (d_hidden, 1), (1, 1))
    )
    solved = {}
    for step in range(20_001):
        hidden = sigmoid(CORNERS @ w1 + b1)
        logits = hidden @ w2 + b2
        if step in (2_000, 20_000):
            solved[f"solved_{step}"] = int(
                ((logits > 0) == (XOR > 0)).all(axis=(1, 2)).sum()
            )
        delta2 = (sigmoid(logits) - XOR) / 4
        delta1 = delta2 @ w2.swapaxes(1, 2) * hidden * (1 - hidden)
        w1 -= learning_rate * (CORNERS.T @ delta1)
        b1 -= learning_rate * delta1.sum(axis=1, keepdims=True)
        w2 -= learning_rate * (hidden.swapaxes(1, 2) @ delta2)
        b2 -= learning_rate * delta2.sum(axis=1, keepdims=True)
    return {"method": "xor", **solved}


def network(
    x: np.ndarray,
    y: np.ndarray,
    d_hidden: int,
    decay: float,
    scale: float,
    learn: bool,
    seed: int,
) -> Callable[[np.ndarray], np.ndarray]:
    """A hidden layer, frozen unless `learn`, and one sigmoid output, trained by L-BFGS.

    Added to the loss: `decay` / 2 times the squares of the weights that change, biases apart.
    """
    w1, b1, w2, b2 = start(x.shape[1], d_hidden, 1, np.random.default_rng(seed))
    w1, b1, w2 = w1 * scale / np.sqrt(x.shape[1]), b1 * scale, w2 / np.sqrt(d_hidden)
    y, frozen = y[:, None], sigmoid(x @ w1 + b1)
    first = [w1, b1, w2, b2] if learn else [w2, b2]
    ends = np.cumsum([weight.size for weight in first])[:-1]

    def unpack(theta: np.ndarray) -> list[np.ndarray]:
        parts = zip(np.split(theta, ends), first, strict=True)
        ours = [part.reshape(weight.shape) for part, weight in parts]
        return ours if learn else [w1, b1, *ours]

    def loss_and_gradient(theta: np.ndarray) -> tuple[float, np.ndarray]:
        v1, c1, v2, c2 = unpack(theta)
        hidden = sigmoid(x @ v1 + c1) if learn else frozen
        logits = hidden @ v2 + c2
        loss = (np.logaddexp(0, logits) - y * logits).mean() + decay / 2 * (v2**2).sum()
        delta2 = (sigmoid(logits) - y) / len(x)
        gradients = [hidden.T @ delta2 + decay * v2, delta2.sum(axis=0)]
        if learn:
            loss += decay / 2 * (v1**2).sum()
            delta1 = delta2 @ v2.T * hidden * (1 - hidden)
            gradients = [x.T @ delta1 + decay * v1, delta1.sum(axis=0), *gradients]
        return float(loss), np.concatenate([gradient.ravel() for gradient in gradients])

    theta = np.concatenate([weight.ravel() for weight in first])
    options = {"maxiter": 200, "maxfun": 300}
    found = minimize(
        loss_and_gradient, theta, jac=True, method="L-BFGS-B", options=options
    ).x
    w1, b1, w2, b2 = unpack(found)
    return lambda some: (sigmoid(some @ w1 + b1) @ w2 + b2 > 0)[:, 0].astype(int)


def trials(method: str) -> list[tuple[Any, ...]]:
    """A method's settings, from the middle of its grid outwards."""
    axes = GRIDS[method]
    places = itertools.product(*[range(len(axis)) for axis in axes])
    middles = [(len(axis) - 1) / 2 for axis in axes]
    outwards = sorted(
        places,
        key=lambda place: sum(
            (i - middle) ** 2 for i, middle in zip(place, middles, strict=True)
        ),
    )
    return [
        tuple(axis[i] for axis, i in zip(axes, place, strict=True)) for place in outwards
    ]


def fitted(
    method: str,
    trial: Sequence[Any],
    d_hidden: int,
    seed: int,
    x: np.ndarray,
    y: np.ndarray,
) -> Callable[[np.ndarray], np.ndarray]:
    """The method's predictions after training."""
    if method == "logistic":
        return LogisticRegression(C=trial[0], max_iter=5_000).fit(x, y).predict
    if method == "nearest":
        return KNeighborsClassifier(trial[0], weights=trial[1]).fit(x, y).predict
    if method == "svm":
        return SVC(C=trial[0], gamma=trial[1]).fit(x, y).predict
    return network(x, y, d_hidden, *trial, learn=method == "learnt", seed=seed)


def data(question: str) -> tuple[np.ndarray, np.ndarray]:
    """Examples and answers, 0 or 1."""
    if question == "benign":
        return load_breast_cancer(return_X_y=True)
    x, digit = load_digits(return_X_y=True)
    return x, digit % 2


def compare(question: str, method: str, d_hidden: int, seed: int) -> dict[str, Any]:
    """Accuracy in each fold in per cent, and the settings that were chosen there."""
    x, y = data(question)
    folds = StratifiedKFold(N_FOLD, shuffle=True, random_state=seed)
    began, accuracies, chosen = time.process_time(), [], []
    for learn, judge in folds.split(x, y):
        scaler = StandardScaler().fit(x[learn])
        x_learn, x_judge = scaler.transform(x[learn]), scaler.transform(x[judge])
        fit_x, val_x, fit_y, val_y = train_test_split(
            x_learn, y[learn], test_size=0.2, stratify=y[learn], random_state=seed
        )
        scores = [
            (fitted(method, trial, d_hidden, seed, fit_x, fit_y)(val_x) == val_y).mean()
            for trial in trials(method)
        ]
        best = trials(method)[int(np.argmax(scores))]
        predict = fitted(method, best, d_hidden, seed, x_learn, y[learn])
        accuracies.append(100 * float((predict(x_judge) == y[judge]).mean()))
        chosen.append(list(best))
    return {
        "accuracies": accuracies,
        "chosen": chosen,
        "core_seconds": time.process_time() - began,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/perceptron_to_backpropagation")
    study.row(film, seed=0, d_hidden=2, learning_rate=2.0)
    for d_hidden in (2, 3, 4, 8):
        study.row(learn_xor, d_hidden=d_hidden, learning_rate=2.0, n_start=1_000, seed=0)
    for learning_rate in (0.5, 8.0):  # is it the learning rate?
        study.row(learn_xor, d_hidden=2, learning_rate=learning_rate, n_start=1_000, seed=0)
    for question in ("benign", "odd"):
        for seed in SEEDS:
            for method in GRIDS:
                for d_hidden in WIDTHS.get(method, (0,)):
                    study.row(
                        compare,
                        question=question,
                        method=method,
                        d_hidden=d_hidden,
                        seed=seed,
                    )
    study.save()
