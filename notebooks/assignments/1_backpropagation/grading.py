"""Parts of the assignment on backpropagation: what is called, and what is marked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tools.course.judge import Case, Part

SECONDS = 60.0


def by_hand(student: SimpleNamespace) -> dict[str, Any]:
    """What was computed on paper."""
    import numpy as np

    def number(value: Any) -> Any:
        return np.squeeze(np.array(value, dtype=float))

    found = student.by_hand
    return {
        "loss": lambda: number(found["loss"]),
        "output": lambda: [*number(found["dv"]).tolist(), float(number(found["dc"]))],
        "dW": lambda: number(found["dW"]),
        "db": lambda: number(found["db"]),
    }


def layers(variant: int) -> dict[str, Any]:
    """Inputs, weights and what comes from above, of odd sizes."""
    drawn = np.random.default_rng(100 + variant)
    return {
        "x": drawn.normal(size=(7, 5)),
        "W": drawn.normal(size=(5, 3)),
        "b": drawn.normal(size=3),
        "dy": drawn.normal(size=(7, 3)),
        "square": drawn.normal(size=(3, 4, 4)),
    }


def linear(
    student: SimpleNamespace, x: Any, W: Any, b: Any, dy: Any, square: Any
) -> dict[str, Any]:
    """A layer forward and backward, also where all sizes are equal."""

    def backward(number: int) -> Any:
        return student.linear_backward(dy.copy(), x.copy(), W.copy())[number]

    return {
        "forward": lambda: student.linear(x.copy(), W.copy(), b.copy()),
        "dx": lambda: backward(0),
        "dW": lambda: backward(1),
        "db": lambda: backward(2),
        "square": lambda: [*student.linear_backward(*square.copy())[:2]],
    }


def numbers(variant: int) -> dict[str, Any]:
    """Numbers of both signs, and zeros."""
    drawn = np.random.default_rng(200 + variant)
    return {"a": 2 * drawn.normal(size=(4, 3, 2)), "dh": drawn.normal(size=(4, 3, 2))}


def activations(student: SimpleNamespace, a: Any, dh: Any) -> dict[str, Any]:
    """Both functions and their slopes, at ordinary numbers, at zero and far away."""
    import numpy as np

    def call(function: Any, *given: Any) -> dict[str, Any]:
        lent = [it.copy() for it in given]
        found = np.array(function(*lent))
        return {"found": found, "kept": [bool((a == b).all()) for a, b in zip(lent, given)]}

    flat = np.array([-2.0, 0, 0, 1])
    far = np.array([-1000.0, -30, 30, 1000])
    ones = np.ones(4)
    return {
        "forward": lambda: [call(student.relu, a), call(student.sigmoid, a)],
        "relu": lambda: call(student.relu_backward, dh, a),
        "zero": lambda: student.relu_backward(ones.copy(), flat.copy()),
        "sigmoid": lambda: call(student.sigmoid_backward, dh, a),
        "far": lambda: [
            student.sigmoid(far.copy()),
            student.sigmoid_backward(ones.copy(), far.copy()),
        ],
    }


def logits(variant: int) -> dict[str, Any]:
    """Logits of a batch and labels."""
    drawn = np.random.default_rng(300 + variant)
    return {"logits": 2 * drawn.normal(size=(7, 4)), "labels": drawn.integers(0, 4, size=7)}


def loss(student: SimpleNamespace, logits: Any, labels: Any) -> dict[str, Any]:
    """Loss and derivative, also with large logits and for one example."""
    import numpy as np

    large = np.array([[900.0, -900, 0], [1000, 1000, -1000], [5, -800, 5]])
    rows = np.array([1, 0, 2])

    def found(number: int, one: Any, other: Any) -> Any:
        return student.cross_entropy(one.copy(), other.copy())[number]

    def lent() -> list[Any]:
        given = large.copy()
        found = np.array(student.cross_entropy(given, rows.copy())[1])
        return [found, bool((given == large).all())]

    return {
        "loss": lambda: found(0, logits, labels),
        "derivative": lambda: found(1, logits, labels),
        "large loss": lambda: found(0, large, rows),
        "large derivative": lent,
    }


def networks(variant: int) -> dict[str, Any]:
    """A network and a batch, of odd sizes."""
    drawn = np.random.default_rng(400 + variant)
    sizes = {"W1": (5, 6), "b1": (6,), "W2": (6, 3), "b2": (3,)}
    parameters = {name: 0.5 * drawn.normal(size=size) for name, size in sizes.items()}
    parameters["b2"] += [0.8, 0, -1.6]  # logits of both signs
    return {
        "parameters": parameters,
        "x": drawn.normal(size=(9, 5)),
        "labels": drawn.integers(0, 3, size=9),
    }


def network(
    student: SimpleNamespace, parameters: Any, x: Any, labels: Any
) -> dict[str, Any]:
    """The loss and each derivative."""

    def found() -> Any:
        copied = {name: it.copy() for name, it in parameters.items()}
        return student.loss_and_gradients(copied, x.copy(), labels.copy())

    return {
        "loss": lambda: found()[0],
        "second": lambda: {name: found()[1][name] for name in ("W2", "b2")},
        "first": lambda: found()[1]["W1"],
        "first bias": lambda: found()[1]["b1"],
    }


def arrays(variant: int) -> dict[str, Any]:
    """Places at which a function is differentiated."""
    drawn = np.random.default_rng(500 + variant)
    return {"w": 1 + drawn.random(size=4), "matrix": 1 + drawn.random(size=(2, 3))}


def check(student: SimpleNamespace, w: Any, matrix: Any) -> dict[str, Any]:
    """Differences of known functions with a large step, so that the way of taking them shows."""
    import numpy as np

    def cube(w: Any) -> float:
        return float(np.asarray(w).sum() ** 3)

    def product(w: Any) -> float:
        return float(w[0, 0] * w[1, 2] + np.sin(w[0, 1]) * w[1, 0] ** 3)

    def left(w: Any) -> Any:
        student.numerical_gradient(cube, w, eps=0.01)
        return w

    return {
        "cubes": lambda: student.numerical_gradient(cube, w.copy(), eps=0.1),
        "matrix": lambda: student.numerical_gradient(product, matrix.copy()),
        "whole": lambda: student.numerical_gradient(cube, np.array([1, 2, -4])),
        "left": lambda: left(w.copy()),
        "error": lambda: [
            float(student.relative_error(*pair))
            for pair in ((w, 3 * w), (matrix, matrix + 1), (0 * w, w), (0 * w, 0 * w))
        ],
    }


def step(student: SimpleNamespace, parameters: Any, x: Any, labels: Any) -> dict[str, Any]:
    """One step: new parameters, the loss, and the old parameters afterwards."""

    def copied() -> dict[str, Any]:
        return {name: it.copy() for name, it in parameters.items()}

    def old() -> dict[str, Any]:
        given = copied()
        held = dict(given)
        student.step(given, x.copy(), labels.copy(), 0.5)
        return {"dictionary": given, "arrays": held}

    def found(*names: str) -> dict[str, Any]:
        after, _ = student.step(copied(), x.copy(), labels.copy(), 0.5)
        return {name: after[name] for name in names}

    return {
        "second": lambda: found("W2", "b2"),
        "first": lambda: found("W1", "b1"),
        "loss": lambda: student.step(copied(), x.copy(), labels.copy(), 0.5)[1],
        "old": old,
    }


def train(student: SimpleNamespace, parameters: Any, x: Any, labels: Any) -> dict[str, Any]:
    """Trained networks: whole batches, cut ones, other seeds, and real pictures."""
    import numpy as np
    from sklearn.datasets import load_digits

    def run(x: Any, labels: Any, **how: Any) -> Any:
        given = {name: it.copy() for name, it in parameters.items()}
        return student.train(given, x.copy(), labels.copy(), **how)

    def once() -> Any:
        after, _ = run(x, labels, rate=1e-6, epochs=1, batch_size=3, seed=0)
        return {name: (parameters[name] - after[name]) / 1e-6 for name in parameters}

    def digits() -> float:
        pictures, answers = load_digits(return_X_y=True)
        drawn = np.random.default_rng(0)
        sizes = {"W1": (64, 32), "b1": (32,), "W2": (32, 10), "b2": (10,)}
        given = {name: 0.17 * drawn.normal(size=size) for name, size in sizes.items()}
        how = {"rate": 0.1, "epochs": 15, "batch_size": 10, "seed": 0}
        return float(student.train(given, pictures[:500] / 16, answers[:500], **how)[1][-1])

    def seeds() -> list[bool]:
        short = {"rate": 0.5, "epochs": 2, "batch_size": 2}
        one, same, other = (
            run(x, labels, **short, seed=seed)[0]["W1"] for seed in (1, 1, 2)
        )
        many = {"rate": 0.5, "epochs": 100, "batch_size": 2, "seed": 1}
        late = [float(it) for it in run(alike, mixed, **many)[1]][-20:]
        moving = max(late) - min(late) > 1e-5  # a fixed order settles
        return [bool(np.allclose(one, same)), bool(np.allclose(one, other)), moving]

    alike, answers = np.repeat(x[:1], 10, axis=0), np.full(10, 2)
    mixed = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2])  # labels that contradict each other
    whole = {"rate": 0.5, "epochs": 4, "batch_size": len(x)}
    cut = {"rate": 0.1, "epochs": 2, "batch_size": 4}
    return {
        "losses": lambda: [float(it) for it in run(x, labels, **whole, seed=0)[1]],
        "rest": lambda: run(alike, answers, **cut, seed=0)[0]["b2"],
        "once": once,
        "seeds": seeds,
        "digits": digits,
    }


PARTS = [
    Part(
        "hand",
        "Part 1: numbers by hand",
        ["by_hand"],
        by_hand,
        [
            Case("the loss", 1, "loss", tolerance=0.01),
            Case(
                "derivatives by the output's weights and bias", 2, "output", tolerance=0.01
            ),
            Case("derivatives by the hidden units' weights", 2, "dW", tolerance=0.01),
            Case("derivatives by the hidden units' biases", 1, "db", tolerance=0.01),
        ],
    ),
    Part(
        "linear",
        "Part 2: a linear layer",
        ["linear", "linear_backward"],
        linear,
        [
            Case("the layer forward", 1, "forward"),
            Case("derivatives by the inputs", 1, "dx"),
            Case("derivatives by the weights", 1, "dW"),
            Case("derivatives by the biases", 1, "db"),
            Case("where all sizes are equal, so that no error warns", 1, "square"),
        ],
        layers,
    ),
    Part(
        "activations",
        "Part 3: activations",
        ["relu", "relu_backward", "sigmoid", "sigmoid_backward"],
        activations,
        [
            Case("both functions forward, their arguments unchanged", 1, "forward"),
            Case("back through ReLU, its arguments unchanged", 1, "relu"),
            Case("the slope of ReLU at zero", 1, "zero"),
            Case(
                "back through the logistic function, its arguments unchanged", 1, "sigmoid"
            ),
            Case("large numbers do no harm", 1, "far", tolerance=1e-9),
        ],
        numbers,
    ),
    Part(
        "loss",
        "Part 4: softmax with cross-entropy",
        ["cross_entropy"],
        loss,
        [
            Case("the loss", 2, "loss"),
            Case("its derivative", 2, "derivative"),
            Case("the loss with large logits", 1, "large loss"),
            Case(
                "the derivative with large logits, which stay unchanged",
                1,
                "large derivative",
            ),
        ],
        logits,
    ),
    Part(
        "network",
        "Part 5: a network of two layers",
        ["loss_and_gradients"],
        network,
        [
            Case("the loss", 1, "loss"),
            Case("derivatives by the second layer", 2, "second"),
            Case("derivatives by the first layer's weights", 2, "first"),
            Case("derivatives by the first layer's biases", 1, "first bias"),
        ],
        networks,
        needs=["linear", "activations", "loss"],
    ),
    Part(
        "check",
        "Part 6: a check that needs no derivation",
        ["numerical_gradient", "relative_error"],
        check,
        [
            Case("differences to both sides", 2, "cubes"),
            Case("a matrix, with a small step", 1, "matrix"),
            Case("an array of whole numbers", 1, "whole"),
            Case("the array is afterwards as it was", 1, "left", tolerance=1e-12),
            Case("relative errors", 1, "error"),
        ],
        arrays,
    ),
    Part(
        "step",
        "Part 7: one step downhill",
        ["step"],
        step,
        [
            Case("the second layer after the step", 1, "second"),
            Case("the first layer after the step", 1, "first"),
            Case("the loss before the step", 1, "loss"),
            Case("the old parameters stay as they were", 1, "old", tolerance=1e-12),
        ],
        networks,
        needs=["linear", "activations", "loss", "network"],
    ),
    Part(
        "train",
        "Part 8: training",
        ["train"],
        train,
        [
            Case("the loss on all examples after each epoch", 2, "losses"),
            Case("a last, smaller batch counts", 1, "rest"),
            Case("each example once an epoch", 1, "once", tolerance=1e-3),
            Case("the seed decides the orders, a new one each epoch", 1, "seeds"),
            Case("a loss below 0.1 on handwritten digits", 1, "digits", at_most=0.1),
        ],
        networks,
        needs=["linear", "activations", "loss", "network", "step"],
    ),
]
