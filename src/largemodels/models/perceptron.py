"""The perceptron: a threshold on a weighted sum, and a rule that corrects it after each mistake.

Rosenblatt, 1958, "The perceptron: a probabilistic model for information storage and organization in the brain"
(https://doi.org/10.1037/h0042519), reduced to its trained unit, with the rule of Rosenblatt's *Principles of
Neurodynamics*, 1962: after a mistake on the example x with the sign s = ±1,

    w ← w + s x,   b ← b + s.

A score of 0 counts as a mistake, so that the rule has a start from zeros. Gives the weights of
``sklearn.linear_model.Perceptron`` on the same order of examples. Differs from the paper in that the first layer, fixed
random connections to a retina, is left to the caller: ``x`` may be any numbers.
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
        """Begin at zero and correct until a whole pass is without a mistake, or the passes are used up.

        Args:
            x: examples ``(n, d_input)``.
            y: their classes, 0 or 1, ``(n,)``.
            epochs: the most passes.
            rng: draws a new order of the examples for every pass; None: as they come.

        Returns:
            the perceptron itself.

        Raises:
            ValueError: if there are other classes than 0 and 1, or as many labels as examples are not given.
        """
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y)
        if x.ndim != 2 or y.shape != x.shape[:1]:
            raise ValueError(
                f"{y.shape} labels do not fit examples of shape {x.shape}: one label an example."
            )
        if not np.isin(y, (0, 1)).all():
            raise ValueError("A perceptron tells two classes apart, called 0 and 1.")
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
        """One pass; returns its mistakes. What lies before the next mistake is skipped in one product."""
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
            ValueError: if nothing was learnt yet.
        """
        if not len(self.weights):
            raise ValueError("Nothing learnt yet: call fit first.")
        scores: Floats = np.asarray(x, dtype=np.float64) @ self.weights + self.bias
        return scores

    def predict(self, x: npt.ArrayLike) -> Ints:
        """Classes ``(n,)``, 0 or 1."""
        return (self.scores(x) > 0).astype(np.int64)


def mistake_bound(x: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike, bias: float) -> float:
    """The most mistakes that the rule can make on separable data, in any order: (R / γ)².

    Novikoff, 1962, "On convergence proofs on perceptrons". The bias counts as the weight of an input that is always 1.
    R is the length of the longest example, γ the margin: the least distance of an example from the plane. Every plane
    that separates the data gives a bound; the one with the widest margin gives the lowest.

    Args:
        x: examples ``(n, d_input)``.
        y: their classes, 0 or 1, ``(n,)``.
        weights: of a separating plane, ``(d_input,)``.
        bias: of that plane.

    Returns:
        the bound; infinite if the plane does not separate the examples.
    """
    x, weights, signs = np.asarray(x), np.asarray(weights), 2.0 * np.asarray(y) - 1
    margin = ((x @ weights + bias) * signs).min() / np.sqrt(weights @ weights + bias**2)
    longest_squared = (x * x).sum(axis=1).max() + 1
    return float(longest_squared / margin**2) if margin > 0 else float("inf")
