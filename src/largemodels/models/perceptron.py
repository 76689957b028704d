"""The perceptron: a threshold on a weighted sum, and a rule that corrects the weights after each mistake.

Rosenblatt, 1958, "The perceptron: a probabilistic model for information storage and organization in the brain"
(https://doi.org/10.1037/h0042519), reduced to its trained unit, with the rule of Rosenblatt's *Principles of
Neurodynamics*, 1962: after a mistake on the example x with the sign s = ±1,

    w ← w + s x,   b ← b + s.

A score of 0 counts as a mistake, so that the rule can start from zero weights. Gives the same weights as
``sklearn.linear_model.Perceptron`` for the same order of examples. Differs from the paper in that the first layer,
fixed random connections to a retina, is left to the caller: ``x`` may hold any numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Perceptron:
    """A linear classifier of two classes, 0 and 1, trained by Rosenblatt's rule."""

    def __init__(self) -> None:
        self.weights: Floats = np.zeros(0)  # (d_input,)
        self.bias = 0.0
        self.mistakes: list[int] = []  # corrections in each pass over the examples
        self.converged = False  # whether the last pass was without a mistake

    def fit(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        epochs: int = 100,
        rng: np.random.Generator | None = None,
    ) -> Perceptron:
        """Start from zero and correct mistakes until a whole pass has none, or ``epochs`` passes are done.

        Args:
            x: examples ``(n, d_input)``.
            y: their classes, 0 or 1, ``(n,)``.
            epochs: maximum number of passes.
            rng: shuffles the examples before every pass; None: in the order given.

        Returns:
            the perceptron itself.

        Raises:
            ValueError: if there are classes other than 0 and 1, or the number of labels is not that of the examples.
        """
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y)
        if x.ndim != 2 or y.shape != x.shape[:1]:
            raise ValueError(
                f"{y.shape} labels do not fit examples of shape {x.shape}: one label per example."
            )
        if not np.isin(y, (0, 1)).all():
            raise ValueError("A perceptron separates two classes: the labels must be 0 or 1.")
        signs = 2.0 * y - 1
        self.weights, self.bias, self.mistakes, self.converged = np.zeros(x.shape[1]), 0.0, [], False
        for _ in range(epochs):
            order = np.arange(len(x)) if rng is None else rng.permutation(len(x))
            self.mistakes.append(self._pass(x[order], signs[order]))
            if self.mistakes[-1] == 0:
                self.converged = True
                break
        return self

    def _pass(self, x: Floats, signs: Floats) -> int:
        """One pass; returns the number of mistakes. Finds the next mistake with one matrix product."""
        start, mistakes = 0, 0
        while True:
            wrong = np.flatnonzero((x[start:] @ self.weights + self.bias) * signs[start:] <= 0)
            if not len(wrong):
                return mistakes
            at = start + wrong[0]
            self.weights = self.weights + signs[at] * x[at]
            self.bias += signs[at]
            start, mistakes = at + 1, mistakes + 1

    def scores(self, x: npt.ArrayLike) -> Floats:
        """Weighted sums ``(n,)`` of examples ``(n, d_input)``; positive for class 1.

        Raises:
            ValueError: if the perceptron has not been fitted.
        """
        if not len(self.weights):
            raise ValueError("Not fitted yet: call fit first.")
        scores: Floats = np.asarray(x, dtype=np.float64) @ self.weights + self.bias
        return scores

    def predict(self, x: npt.ArrayLike) -> Ints:
        """Classes ``(n,)``, 0 or 1."""
        return (self.scores(x) > 0).astype(np.int64)


def mistake_bound(x: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike, bias: float) -> float:
    """Upper bound on the mistakes that the rule makes on separable data, in any order: (R / γ)².

    Novikoff, 1962, "On convergence proofs on perceptrons". The bias counts as the weight of an input that is always 1.
    R is the norm of the longest example, γ the margin: the smallest distance of an example from the hyperplane. Every
    hyperplane that separates the data gives a bound; the one with the widest margin gives the tightest.

    Args:
        x: examples ``(n, d_input)``.
        y: their classes, 0 or 1, ``(n,)``.
        weights: of a separating hyperplane, ``(d_input,)``.
        bias: of that hyperplane.

    Returns:
        the bound; infinite if the hyperplane does not separate the examples.
    """
    x, weights, signs = np.asarray(x), np.asarray(weights), 2.0 * np.asarray(y) - 1
    margin = ((x @ weights + bias) * signs).min() / np.sqrt(weights @ weights + bias**2)
    longest_squared = (x * x).sum(axis=1).max() + 1
    return float(longest_squared / margin**2) if margin > 0 else float("inf")
