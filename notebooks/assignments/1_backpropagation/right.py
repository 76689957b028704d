"""Right solutions that look different: loops, einsum, library calls, other names and dtypes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from tools.course.judge import Right


def hand(variant: int) -> tuple[int, int, int]:
    """The second input, the first hidden unit, and the error at the output."""
    second = 2 + variant % 3
    unit = 2 + second * (variant % 5 - 1) + 3
    return second, unit, 2 * unit + 1


class HandAsLists(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        second, unit, error = hand(variant)
        d = 2 * error
        return {
            "by_hand": {
                "loss": error**2 / 2,
                "dv": [error * unit, 0],
                "dc": error,
                "dW": [[d, 0], [d * second, 0]],
                "db": [d, 0],
            }
        }


class HandAsTuples(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        second, unit, error = hand(variant)
        d = 2.0 * error
        return {
            "by_hand": {
                "db": (d, -0.0),
                "dW": ((d, 0.0), (second * d, 0.0)),
                "dc": [error],
                "dv": (float(error * unit), 0.0),
                "loss": float(Fraction(error**2, 2)),
            }
        }


class HandInColumns(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        second, unit, error = hand(variant)
        return {
            "by_hand": {
                "loss": round(0.5 * error * error, 2),
                "dv": [[error * unit], [0]],
                "dc": [[error]],
                "dW": [[2 * error, 0], [2 * error * second, 0]],
                "db": [[2 * error, 0]],
            }
        }


class LinearByEinsum(Right):
    part = "linear"

    def linear(x, W, b):
        return np.einsum("ni,io->no", x, W) + b[None, :]

    def linear_backward(dy, x, W):
        dx = np.einsum("no,io->ni", dy, W)
        return dx, np.einsum("ni,no->io", x, dy), np.einsum("no->o", dy)


class LinearByLoops(Right):
    part = "linear"

    def linear(inputs, weights, biases):
        rows = [
            [sum(x * w for x, w in zip(row, column)) for column in weights.T]
            for row in inputs
        ]
        return [[it + b for it, b in zip(row, biases)] for row in rows]

    def linear_backward(dy, x, W):
        dx, dW, db = np.zeros(x.shape), np.zeros(W.shape), np.zeros(W.shape[1])
        for n in range(len(x)):
            for o in range(W.shape[1]):
                db[o] += dy[n, o]
                for i in range(len(W)):
                    dx[n, i] += dy[n, o] * W[i, o]
                    dW[i, o] += dy[n, o] * x[n, i]
        return [dx, dW, db]


class LinearExampleByExample(Right):
    part = "linear"

    def linear(x, W, b):
        return np.stack([row.dot(W) + b for row in x])

    def linear_backward(dy, x, W):
        dW = sum(np.outer(row, d) for row, d in zip(x, dy))
        return np.stack([W @ d for d in dy]), dW, np.ones(len(x)) @ dy


class ActivationsByWhere(Right):
    part = "activations"

    def relu(a):
        return np.where(a > 0, a, 0.0)

    def relu_backward(dh, a):
        return np.where(a > 0, dh, 0.0)

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    def sigmoid_backward(dh, a):
        p = 1 / (1 + np.exp(-a))
        return p * (1 - p) * dh


class ActivationsByTanh(Right):
    part = "activations"

    def relu(a):
        return (a + abs(a)) / 2

    def relu_backward(dh, a):
        found = dh.copy()
        found[a <= 0] = 0
        return found

    def sigmoid(a):
        return (1 + np.tanh(a / 2)) / 2

    def sigmoid_backward(dh, a):
        return dh * (1 - np.tanh(a / 2) ** 2) / 4


class ActivationsOfSciPy(Right):
    part = "activations"

    def relu(a):
        return a.clip(min=0)

    def relu_backward(dh, a):
        return dh * np.heaviside(a, 0)

    def sigmoid(a):
        from scipy.special import expit

        return expit(a)

    def sigmoid_backward(dh, a):
        from scipy.special import expit

        return dh * expit(a) * expit(-a)


class ActivationsInTorch(Right):
    part = "activations"

    def relu(a):
        import torch

        return torch.from_numpy(a).relu()

    def relu_backward(dh, a):
        import torch

        return torch.from_numpy(dh) * (torch.from_numpy(a) > 0)

    def sigmoid(a):
        import torch

        return torch.from_numpy(a).sigmoid()

    def sigmoid_backward(dh, a):
        import torch

        h = torch.from_numpy(a).sigmoid()
        return torch.from_numpy(dh) * (h - h**2)


class LossByShiftedExponentials(Right):
    part = "loss"

    def cross_entropy(logits, labels):
        shifted = logits - logits.max(axis=1, keepdims=True)
        powers = np.exp(shifted)
        sums = powers.sum(axis=1)
        rows = range(len(labels))
        d = powers / sums[:, None]
        d[rows, labels] -= 1
        return np.mean(np.log(sums) - shifted[rows, labels]), d / len(labels)


class LossExampleByExample(Right):
    part = "loss"

    def cross_entropy(logits, labels):
        loss, found = 0.0, np.zeros(logits.shape)
        for i, (row, label) in enumerate(zip(logits, labels)):
            row = row - max(row)
            loss += np.log(np.exp(row).sum()) - row[label]
            found[i] = np.exp(row) / np.exp(row).sum()
            found[i, label] -= 1
        return loss / len(labels), found / len(labels)


class LossOfSciPy(Right):
    part = "loss"

    def cross_entropy(logits, labels):
        from scipy.special import log_softmax, softmax

        wanted = np.eye(logits.shape[1])[labels]
        loss = -(wanted * log_softmax(logits, axis=1)).sum() / len(logits)
        return float(loss), (softmax(logits, axis=1) - wanted) / len(logits)


class LossWithJacobian(Right):
    part = "loss"

    def cross_entropy(s, y):
        s = s - s.max(axis=1, keepdims=True)
        log_p = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
        p = np.exp(log_p)
        wanted = (np.arange(s.shape[1]) == y[:, None]) * 1.0
        jacobian = np.eye(s.shape[1])[None] - p[:, None, :]  # of ln p, (n, k, m)
        d = -np.einsum("nk,nkm->nm", wanted, jacobian) / len(s)
        return -np.mean(np.take_along_axis(log_p, y[:, None], axis=1)), d


class NetworkInFull(Right):
    part = "network"

    def loss_and_gradients(p, x, labels):
        z1 = x @ p["W1"] + p["b1"]
        h = np.where(z1 > 0, z1, 0)
        s = h @ p["W2"] + p["b2"]
        e = np.exp(s - s.max(1, keepdims=True))
        probability = e / e.sum(1, keepdims=True)
        n = len(x)
        loss = -np.log(probability[np.arange(n), labels]).sum() / n
        ds = probability
        ds[np.arange(n), labels] -= 1
        ds /= n
        dz1 = ds @ p["W2"].T * (h > 0)
        return loss, {"b2": ds.sum(0), "W2": h.T @ ds, "b1": dz1.sum(0), "W1": x.T @ dz1}


class NetworkExampleByExample(Right):
    part = "network"

    def loss_and_gradients(parameters, x, labels):
        total = 0.0
        found = {name: np.zeros_like(w) for name, w in parameters.items()}
        for i in range(len(x)):
            a = linear(x[i : i + 1], parameters["W1"], parameters["b1"])
            logits = linear(relu(a), parameters["W2"], parameters["b2"])
            loss, d = cross_entropy(logits, labels[i : i + 1])
            dh, dW2, db2 = linear_backward(d, relu(a), parameters["W2"])
            _, dW1, db1 = linear_backward(
                relu_backward(dh, a), x[i : i + 1], parameters["W1"]
            )
            total += loss / len(x)
            for name, it in {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}.items():
                found[name] += it / len(x)
        return total, found


class NetworkWithLayersInAList(Right):
    part = "network"

    def loss_and_gradients(parameters, x, labels):
        inputs, sums = [], []
        for number in "12":
            inputs.append(x)
            sums.append(linear(x, parameters["W" + number], parameters["b" + number]))
            x = relu(sums[-1])
        loss, d = cross_entropy(sums[-1], labels)
        found = {}
        for number in "21":
            d, found["W" + number], found["b" + number] = linear_backward(
                d, inputs.pop(), parameters["W" + number]
            )
            sums.pop()
            if sums:
                d = relu_backward(d, sums[-1])
        return loss, found


class CheckInFlatOrder(Right):
    part = "check"

    def numerical_gradient(f, w, eps=1e-5):
        flat = np.asarray(w, dtype=np.float64).ravel()
        found = []
        for i in range(flat.size):
            e = np.zeros(flat.size)
            e[i] = eps
            up, down = (flat + e).reshape(w.shape), (flat - e).reshape(w.shape)
            found.append((f(up) - f(down)) / (2 * eps))
        return np.array(found).reshape(w.shape)

    def relative_error(one, other):
        top = ((one - other) ** 2).sum() ** 0.5
        bottom = (one**2).sum() ** 0.5 + (other**2).sum() ** 0.5
        return 0 if bottom == 0 else top / bottom


class CheckInPlace(Right):
    part = "check"

    def numerical_gradient(f, w, eps=1e-5):
        if w.dtype != np.float64:
            w = w.astype(np.float64)
        found = np.empty(w.shape)
        it = np.nditer(w, flags=["multi_index"])
        for _ in it:
            at = it.multi_index
            old = w[at]
            w[at] = old + eps
            up = f(w)
            w[at] = old - eps
            down = f(w)
            w[at] = old
            found[at] = (up - down) / (2 * eps)
        return found

    def relative_error(g, h):
        lengths = np.sqrt(np.sum(np.square(g))) + np.sqrt(np.sum(np.square(h)))
        return np.sqrt(np.sum(np.square(g - h))) / max(lengths, 1e-300)


class CheckByUnitVectors(Right):
    part = "check"

    def numerical_gradient(f, w, eps=1e-5):
        units = np.eye(w.size).reshape(w.size, *w.shape)
        halves = [(f(w + eps * unit) - f(w - eps * unit)) / eps / 2 for unit in units]
        return np.reshape(halves, w.shape)

    def relative_error(one, other):
        if not (np.any(one) or np.any(other)):
            return 0.0
        norm = np.linalg.norm
        return norm(one - other) / (norm(one) + norm(other))


class StepInTwoLines(Right):
    part = "step"

    def step(parameters, x, labels, rate):
        loss, g = loss_and_gradients(parameters, x, labels)
        return dict(
            zip(parameters, [parameters[it] - rate * g[it] for it in parameters])
        ), loss


class StepOnCopies(Right):
    part = "step"

    def step(parameters, x, labels, rate):
        loss, gradients = loss_and_gradients(parameters, x, labels)
        new = {name: w.copy() for name, w in parameters.items()}
        for name in new:
            new[name] -= rate * gradients[name]
        return new, float(loss)


class StepOnDeepCopies(Right):
    part = "step"

    def step(parameters, x, labels, rate):
        import copy

        new = copy.deepcopy(parameters)
        loss, gradients = loss_and_gradients(new, x, labels)
        for name, gradient in gradients.items():
            np.subtract(new[name], rate * gradient, out=new[name])
        return [new, loss]


class TrainBySplitting(Right):
    part = "train"

    def train(parameters, x, labels, rate, epochs, batch_size, seed=0):
        generator, losses = np.random.default_rng(seed), []
        for _ in range(epochs):
            order = generator.permutation(len(labels))
            for rows in np.split(order, range(batch_size, len(labels), batch_size)):
                parameters, _ = step(parameters, x[rows], labels[rows], rate)
            losses.append(float(loss_and_gradients(parameters, x, labels)[0]))
        return parameters, losses


class TrainOnShuffledCopies(Right):
    part = "train"

    def train(parameters, x, labels, rate, epochs, batch_size, seed=0):
        random = np.random.RandomState(seed)
        history = np.zeros(epochs)
        for epoch in range(epochs):
            order = np.arange(len(x))
            random.shuffle(order)
            x_now, labels_now = x[order], labels[order]
            at = 0
            while at < len(x):
                parameters, _ = step(
                    parameters,
                    x_now[at : at + batch_size],
                    labels_now[at : at + batch_size],
                    rate,
                )
                at += batch_size
            history[epoch], _ = loss_and_gradients(parameters, x, labels)
        return parameters, history


class TrainByLibrary(Right):
    part = "train"

    def train(parameters, x, labels, rate, epochs, batch_size, seed=0):
        import torch
        from torch.utils.data import DataLoader

        torch.manual_seed(seed)
        losses = []
        loader = DataLoader(range(len(x)), batch_size=batch_size, shuffle=True)
        for _ in range(epochs):
            for rows in loader:
                parameters = step(parameters, x[rows.numpy()], labels[rows.numpy()], rate)[
                    0
                ]
            losses.append(loss_and_gradients(parameters, x, labels)[0])
        return parameters, losses
