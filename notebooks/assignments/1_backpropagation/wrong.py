"""Misconceptions about backpropagation, each as the program of someone who has it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tools.course.judge import Wrong


def numbers(variant: int) -> tuple[Any, ...]:
    """What is given in the first part."""
    x, W = [1, 2 + variant % 3], [[2, 1], [variant % 5 - 1, -1]]
    return np.array(x), np.array(W), np.array([3, 0]), np.array([2, 3]), -1, -2


def results(
    variant: int, error: Any = None, da: Any = None, **other: Any
) -> dict[str, Any]:
    """A dictionary of the first part, right where nothing else is said."""
    x, W, b, v, c, y = numbers(variant)
    a = x @ W + b
    h = np.maximum(a, 0)
    right = h @ v + c - y
    error = right if error is None else error
    da = error * v * (a > 0) if da is None else da
    found = {
        "loss": right**2 / 2,
        "dv": error * h,
        "dc": error,
        "dW": np.outer(x, da),
        "db": da,
    }
    return {
        "by_hand": {name: np.array(it).tolist() for name, it in (found | other).items()}
    }


def error_of(variant: int) -> Any:
    """The difference of output and target in the first part, and the hidden units' inputs."""
    x, W, b, v, c, y = numbers(variant)
    a = x @ W + b
    return np.maximum(a, 0) @ v + c - y, a, v


class HandWithoutGate(Wrong):
    part, loses = "hand", 3
    hint = (
        "A derivative passes a hidden unit of yours whose ReLU is at zero. How much does its "
        "output change if its input rises a little?"
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        error, _, v = error_of(variant)
        return results(variant, da=error * v)


class HandWithTwice(Wrong):
    part, loses = "hand", 5
    hint = (
        "Your loss is right, and all derivatives are twice too large: what does the half in "
        "front of the square do when you differentiate?"
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return results(variant, error=2 * error_of(variant)[0])


class HandUphill(Wrong):
    part, loses = "hand", 5
    hint = (
        "All derivatives have the wrong sign. If the output lies above the target and rises "
        "further, does the loss rise or fall?"
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return results(variant, error=-error_of(variant)[0])


class HandTransposed(Wrong):
    part, loses = "hand", 2
    hint = (
        "Rows and columns of `dW` are exchanged: a row belongs to an input, a column to a "
        "hidden unit, as in `W`."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        right = results(variant)["by_hand"]["dW"]
        return results(variant, dW=np.transpose(right))


class HandPastTheWeight(Wrong):
    part, loses = "hand", 3
    hint = (
        "The error reaches your hidden units without the weights that it comes through. By "
        "which number is each unit multiplied in z?"
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        error, a, _ = error_of(variant)
        return results(variant, da=error * (a > 0))


class HandWithPreactivation(Wrong):
    part, loses = "hand", 2
    hint = "For `dv` you multiplied by a. The weights v act on what comes out of ReLU."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        error, a, _ = error_of(variant)
        return results(variant, dv=error * a)


class HandLossNotHalved(Wrong):
    part, loses = "hand", 1
    hint = "The derivatives are right, the loss is twice too large: read its formula again."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        return results(variant, loss=error_of(variant)[0] ** 2)


class LinearWithoutTranspose(Wrong):
    part, loses = "linear", 4
    hint = (
        "For `dx` you multiply by W as it is. It goes from inputs to outputs; you go back. "
        "Equal sizes hide this, others give an error."
    )

    def linear(x, W, b):
        return x @ W + b

    def linear_backward(dy, x, W):
        return dy @ W, x.T @ dy, dy.sum(axis=0)


class LinearLazily(Wrong):
    part, loses = "linear", 2
    hint = (
        "Your `dx` is right for oblong W and wrong for a square one: it turns W round by its "
        "shape. The formula does not ask for shapes."
    )

    def linear(x, W, b):
        return x @ W + b

    def linear_backward(dy, x, W):
        dx = dy @ W if dy.shape[1] == W.shape[0] else W @ dy.T
        return dx, x.T @ dy, dy.sum(axis=0)


class LinearOutputsFirst(Wrong):
    part, loses = "linear", 2
    hint = (
        "Your `dW` has a row for each output, as PyTorch's layers have. Here it has the shape "
        "of W, `(d_in, d_out)`."
    )

    def linear(x, W, b):
        return x @ W + b

    def linear_backward(dy, x, W):
        return dy @ W.T, dy.T @ x, dy.sum(axis=0)


class LinearBiasNotSummed(Wrong):
    part, loses = "linear", 1
    hint = (
        "Your `db` has a row for each example. One b serves all of them, so what they say "
        "about it adds up."
    )

    def linear(x, W, b):
        return x @ W + b

    def linear_backward(dy, x, W):
        return dy @ W.T, x.T @ dy, dy


class LinearBiasAveraged(Wrong):
    part, loses = "linear", 1
    hint = (
        "Your `db` is the mean over the batch. The layer sums; if the loss is a mean, `dy` is "
        "already divided."
    )

    def linear(x, W, b):
        return x @ W + b

    def linear_backward(dy, x, W):
        return dy @ W.T, x.T @ dy, dy.mean(axis=0)


class LinearAveraged(Wrong):
    part, loses = "linear", 3
    hint = (
        "You divide `dW` and `db` by the number of examples. The layer sums; if the loss is a "
        "mean, `dy` is already divided."
    )

    def linear(x, W, b):
        return x @ W + b

    def linear_backward(dy, x, W):
        return dy @ W.T, x.T @ dy / len(x), dy.mean(axis=0)


class LinearWeightsAveraged(Wrong):
    part, loses = "linear", 2
    hint = (
        "Your `dW` is divided by the number of examples, your `db` is not. The layer sums; if the "
        "loss is a mean, `dy` is already divided."
    )

    def linear(x, W, b):
        return x @ W + b

    def linear_backward(dy, x, W):
        return dy @ W.T, x.T @ dy / len(x), dy.sum(axis=0)


class LinearBiasOverOutputs(Wrong):
    part, loses = "linear", 1
    hint = (
        "Your `db` sums over the outputs and keeps the examples. It should be the other way "
        "round: what is the shape of b?"
    )

    def linear(x, W, b):
        return x @ W + b

    def linear_backward(dy, x, W):
        return dy @ W.T, x.T @ dy, dy.sum(axis=1)


class ReluGatedByGradient(Wrong):
    part, loses = "activations", 2
    hint = (
        "ReLU's backward pass of yours is a ReLU of the derivative: negative derivatives are "
        "lost. What decides is the sign of what went in, a."
    )

    def relu(a):
        return np.maximum(a, 0)

    def relu_backward(dh, a):
        return np.maximum(dh, 0)

    def sigmoid(a):
        return np.exp(-np.logaddexp(0, -a))

    def sigmoid_backward(dh, a):
        return dh * sigmoid(a) * (1 - sigmoid(a))


class ReluInPlace(Wrong):
    part, loses = "activations", 1
    hint = (
        "Your ReLU writes its zeros into the array that it is given, so what went in is lost. The "
        "backward pass will ask for it."
    )

    def relu(a):
        a[a < 0] = 0
        return a

    def relu_backward(dh, a):
        return dh * (a > 0)

    def sigmoid(a):
        return np.exp(-np.logaddexp(0, -a))

    def sigmoid_backward(dh, a):
        return dh * sigmoid(a) * (1 - sigmoid(a))


class ReluBackwardInPlace(Wrong):
    part, loses = "activations", 1
    hint = (
        "Your backward pass of ReLU writes its zeros into `dh`, which belongs to the caller. Make "
        "a new array."
    )

    def relu(a):
        return np.maximum(a, 0)

    def relu_backward(dh, a):
        dh[a <= 0] = 0
        return dh

    def sigmoid(a):
        return np.exp(-np.logaddexp(0, -a))

    def sigmoid_backward(dh, a):
        return dh * sigmoid(a) * (1 - sigmoid(a))


class ReluInPlaceBothWays(Wrong):
    part, loses = "activations", 2
    hint = (
        "ReLU and its backward pass of yours write their zeros into the arrays that they are "
        "given, which belong to the caller. Make new ones."
    )

    def relu(a):
        a[a < 0] = 0
        return a

    def relu_backward(dh, a):
        dh[a <= 0] = 0
        return dh

    def sigmoid(a):
        return np.exp(-np.logaddexp(0, -a))

    def sigmoid_backward(dh, a):
        return dh * sigmoid(a) * (1 - sigmoid(a))


class ReluOpenAtZero(Wrong):
    part, loses = "activations", 1
    hint = (
        "At a = 0 your ReLU lets the derivative through. The task says which of the two it "
        "takes there."
    )

    def relu(a):
        return np.maximum(a, 0)

    def relu_backward(dh, a):
        return dh * (a >= 0)

    def sigmoid(a):
        return np.exp(-np.logaddexp(0, -a))

    def sigmoid_backward(dh, a):
        return dh * sigmoid(a) * (1 - sigmoid(a))


class SlopesAlone(Wrong):
    part, loses = "activations", 2
    hint = (
        "Your backward passes give the slopes alone. The chain rule multiplies them by what "
        "comes from above, `dh`."
    )

    def relu(a):
        return np.maximum(a, 0)

    def relu_backward(dh, a):
        return (a > 0) * 1.0

    def sigmoid(a):
        return np.exp(-np.logaddexp(0, -a))

    def sigmoid_backward(dh, a):
        return sigmoid(a) * (1 - sigmoid(a))


class SlopeOfTheOutput(Wrong):
    part, loses = "activations", 2
    hint = (
        "The slope of σ is taken at its output: σ is applied twice. The slope belongs to the "
        "number that went in."
    )

    def relu(a):
        return np.maximum(a, 0)

    def relu_backward(dh, a):
        return dh * (a > 0)

    def sigmoid(a):
        return np.exp(-np.logaddexp(0, -a))

    def sigmoid_backward(dh, a):
        h = sigmoid(sigmoid(a))
        return dh * h * (1 - h)


class SlopeOfTheInput(Wrong):
    part, loses = "activations", 2
    hint = (
        "The formula h (1 − h) holds for the output h of σ. You put in a, which is what went "
        "into σ."
    )

    def relu(a):
        return np.maximum(a, 0)

    def relu_backward(dh, a):
        return dh * (a > 0)

    def sigmoid(a):
        return np.exp(-np.logaddexp(0, -a))

    def sigmoid_backward(dh, a):
        return dh * a * (1 - a)


class SigmoidOverflows(Wrong):
    part, loses = "activations", 1
    hint = (
        "Large inputs give NaN: infinity divided by infinity. Which way of writing σ has only "
        "one exponential in it?"
    )

    def relu(a):
        return np.maximum(a, 0)

    def relu_backward(dh, a):
        return dh * (a > 0)

    def sigmoid(a):
        return np.exp(a) / (1 + np.exp(a))

    def sigmoid_backward(dh, a):
        h = np.exp(a) / (1 + np.exp(a))
        return dh * h * (1 - h)


class LossSummed(Wrong):
    part, loses = "loss", 6
    hint = (
        "Loss and derivative are sums over the batch, so they grow with it. The mean is asked "
        "for."
    )

    def cross_entropy(logits, labels):
        rows = np.arange(len(labels))
        log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        derivative = np.exp(log_p)
        derivative[rows, labels] -= 1
        return -log_p[rows, labels].sum(), derivative


class DerivativeOfTheSum(Wrong):
    part, loses = "loss", 3
    hint = (
        "The loss is a mean, but its derivative is that of the sum: p − y for each example, "
        "whatever the size of the batch."
    )

    def cross_entropy(logits, labels):
        rows = np.arange(len(labels))
        log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        derivative = np.exp(log_p)
        derivative[rows, labels] -= 1
        return -log_p[rows, labels].mean(), derivative


class SoftmaxOverTheBatch(Wrong):
    part, loses = "loss", 6
    hint = (
        "Your softmax runs down the batch: each class spreads its probability over examples. "
        "Which axis should sum to one?"
    )

    def cross_entropy(logits, labels):
        rows = np.arange(len(labels))
        log_p = logits - np.logaddexp.reduce(logits, axis=0, keepdims=True)
        derivative = np.exp(log_p)
        derivative[rows, labels] -= 1
        return -log_p[rows, labels].mean(), derivative / len(labels)


class DerivativeByProbabilities(Wrong):
    part, loses = "loss", 3
    hint = (
        "Your derivative is −1/p at the right class, which is the one by the probabilities. "
        "It must still go back through the softmax."
    )

    def cross_entropy(logits, labels):
        rows = np.arange(len(labels))
        log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        derivative = np.zeros(np.shape(logits))
        derivative[rows, labels] = -1 / np.exp(log_p[rows, labels])
        return -log_p[rows, labels].mean(), derivative / len(labels)


class DerivativeUphill(Wrong):
    part, loses = "loss", 3
    hint = (
        "Your derivative has the wrong sign. If the logit of the right class rises, does the "
        "loss rise or fall?"
    )

    def cross_entropy(logits, labels):
        rows = np.arange(len(labels))
        log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        derivative = -np.exp(log_p)
        derivative[rows, labels] += 1
        return -log_p[rows, labels].mean(), derivative / len(labels)


class SoftmaxOverflows(Wrong):
    part, loses = "loss", 2
    hint = (
        "Right for small logits, but exponentials of large ones overflow. What may one "
        "subtract from a row without changing its softmax?"
    )

    def cross_entropy(logits, labels):
        rows = np.arange(len(labels))
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        derivative = p.copy()
        derivative[rows, labels] -= 1
        return -np.log(p[rows, labels]).mean(), derivative / len(labels)


class LossInPlace(Wrong):
    part, loses = "loss", 1
    hint = (
        "All numbers are right, but you subtract from the logits in place, and they belong to the "
        "caller. What does `-=` do to an array that someone else holds?"
    )

    def cross_entropy(logits, labels):
        rows = np.arange(len(labels))
        logits -= logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        derivative = np.exp(log_p)
        derivative[rows, labels] -= 1
        return -log_p[rows, labels].mean(), derivative / len(labels)


class LogarithmOfZero(Wrong):
    part, loses = "loss", 1
    hint = (
        "Your softmax survives large logits, its logarithm does not: a probability rounded to "
        "0 has lost how small it was. Simplify ln p before you compute."
    )

    def cross_entropy(logits, labels):
        rows = np.arange(len(labels))
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        derivative = p.copy()
        derivative[rows, labels] -= 1
        return -np.log(p[rows, labels]).mean(), derivative / len(labels)


class LogarithmClipped(Wrong):
    part, loses = "loss", 1
    hint = (
        "A tiny number added to p, or a bound on it, avoids ln 0, but the loss can then not "
        "exceed some thirty. Simplify ln p before you compute."
    )

    def cross_entropy(logits, labels):
        rows = np.arange(len(labels))
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        derivative = p.copy()
        derivative[rows, labels] -= 1
        return -np.log(p[rows, labels] + 1e-12).mean(), derivative / len(labels)


class NetworkWithoutGate(Wrong):
    part, loses = "network", 3
    hint = (
        "The second layer is right. On the way to the first the derivative must pass ReLU; "
        "yours goes round it."
    )

    def loss_and_gradients(parameters, x, labels):
        a = linear(x, parameters["W1"], parameters["b1"])
        h = relu(a)
        logits = linear(h, parameters["W2"], parameters["b2"])
        loss, dlogits = cross_entropy(logits, labels)
        dh, dW2, db2 = linear_backward(dlogits, h, parameters["W2"])
        _, dW1, db1 = linear_backward(dh, x, parameters["W1"])
        return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


class NetworkGatedByGradient(Wrong):
    part, loses = "network", 3
    hint = (
        "On the way back you apply ReLU itself to the derivative. Which hidden units let it "
        "through was decided by a, in the forward pass."
    )

    def loss_and_gradients(parameters, x, labels):
        a = linear(x, parameters["W1"], parameters["b1"])
        h = relu(a)
        logits = linear(h, parameters["W2"], parameters["b2"])
        loss, dlogits = cross_entropy(logits, labels)
        dh, dW2, db2 = linear_backward(dlogits, h, parameters["W2"])
        _, dW1, db1 = linear_backward(relu(dh), x, parameters["W1"])
        return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


class NetworkKeepsPreactivation(Wrong):
    part, loses = "network", 2
    hint = (
        "The second layer's weights are differentiated as if a went into them. Keep what "
        "really did, h."
    )

    def loss_and_gradients(parameters, x, labels):
        a = linear(x, parameters["W1"], parameters["b1"])
        logits = linear(relu(a), parameters["W2"], parameters["b2"])
        loss, dlogits = cross_entropy(logits, labels)
        dh, dW2, db2 = linear_backward(dlogits, a, parameters["W2"])
        _, dW1, db1 = linear_backward(relu_backward(dh, a), x, parameters["W1"])
        return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


class NetworkWithReluAtTheEnd(Wrong):
    part, loses = "network", 6
    hint = (
        "A ReLU stands behind your second layer, too. Logits may be negative: how else could "
        "a class get less than its share?"
    )

    def loss_and_gradients(parameters, x, labels):
        a = linear(x, parameters["W1"], parameters["b1"])
        h = relu(a)
        logits = linear(h, parameters["W2"], parameters["b2"])
        loss, dlogits = cross_entropy(relu(logits), labels)
        dlogits = relu_backward(dlogits, logits)
        dh, dW2, db2 = linear_backward(dlogits, h, parameters["W2"])
        _, dW1, db1 = linear_backward(relu_backward(dh, a), x, parameters["W1"])
        return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


class NetworkWithoutRelu(Wrong):
    part, loses = "network", 6
    hint = (
        "Your network has no ReLU forward: two linear layers in a row are one. Where does it "
        "stand?"
    )

    def loss_and_gradients(parameters, x, labels):
        h = linear(x, parameters["W1"], parameters["b1"])
        logits = linear(h, parameters["W2"], parameters["b2"])
        loss, dlogits = cross_entropy(logits, labels)
        dh, dW2, db2 = linear_backward(dlogits, h, parameters["W2"])
        _, dW1, db1 = linear_backward(dh, x, parameters["W1"])
        return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


class NetworkWithSoftmaxTwice(Wrong):
    part, loses = "network", 6
    hint = (
        "You give probabilities to the loss, which applies the softmax once more. It takes "
        "logits."
    )

    def loss_and_gradients(parameters, x, labels):
        a = linear(x, parameters["W1"], parameters["b1"])
        h = relu(a)
        logits = linear(h, parameters["W2"], parameters["b2"])
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        loss, dlogits = cross_entropy(p / p.sum(axis=1, keepdims=True), labels)
        dh, dW2, db2 = linear_backward(dlogits, h, parameters["W2"])
        _, dW1, db1 = linear_backward(relu_backward(dh, a), x, parameters["W1"])
        return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


class NetworkAveragedTwice(Wrong):
    part, loses = "network", 5
    hint = (
        "Your derivatives are divided by the size of the batch twice; the loss has done it "
        "once already."
    )

    def loss_and_gradients(parameters, x, labels):
        a = linear(x, parameters["W1"], parameters["b1"])
        h = relu(a)
        logits = linear(h, parameters["W2"], parameters["b2"])
        loss, dlogits = cross_entropy(logits, labels)
        dlogits = dlogits / len(x)
        dh, dW2, db2 = linear_backward(dlogits, h, parameters["W2"])
        _, dW1, db1 = linear_backward(relu_backward(dh, a), x, parameters["W1"])
        return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


class DifferencesToOneSide(Wrong):
    part, loses = "check", 2
    hint = (
        "You take differences to one side, f(w + ε) − f(w). Their error falls like ε; that of "
        "differences to both sides like ε²."
    )

    def numerical_gradient(f, w, eps=1e-5):
        found = np.zeros(np.shape(w))
        for at in np.ndindex(*found.shape):
            up = np.array(w, dtype=float)
            up[at] += eps
            found[at] = (f(up) - f(np.array(w, dtype=float))) / eps
        return found

    def relative_error(one, other):
        lengths = np.linalg.norm(one) + np.linalg.norm(other)
        return np.linalg.norm(one - other) / lengths if lengths else 0.0


class DifferencesNotHalved(Wrong):
    part, loses = "check", 4
    hint = "Your derivatives are twice too large: how far apart are w + ε and w − ε?"

    def numerical_gradient(f, w, eps=1e-5):
        found = np.zeros(np.shape(w))
        for at in np.ndindex(*found.shape):
            up, down = np.array(w, dtype=float), np.array(w, dtype=float)
            up[at] += eps
            down[at] -= eps
            found[at] = (f(up) - f(down)) / eps
        return found

    def relative_error(one, other):
        lengths = np.linalg.norm(one) + np.linalg.norm(other)
        return np.linalg.norm(one - other) / lengths if lengths else 0.0


class DifferencesOfAllElements(Wrong):
    part, loses = "check", 4
    hint = (
        "You move all elements at once, which gives the sum of all derivatives. Move one, "
        "leave the rest."
    )

    def numerical_gradient(f, w, eps=1e-5):
        w = np.array(w, dtype=float)
        return np.full(w.shape, (f(w + eps) - f(w - eps)) / (2 * eps))

    def relative_error(one, other):
        lengths = np.linalg.norm(one) + np.linalg.norm(other)
        return np.linalg.norm(one - other) / lengths if lengths else 0.0


class DifferencesNotTakenBack(Wrong):
    part, loses = "check", 4
    hint = (
        "Elements are moved and not put back, so later derivatives are taken at another "
        "place, and the caller's array has changed."
    )

    def numerical_gradient(f, w, eps=1e-5):
        found = np.zeros(np.shape(w))
        for at in np.ndindex(*found.shape):
            w[at] += eps
            up = f(w)
            w[at] -= 2 * eps
            found[at] = (up - f(w)) / (2 * eps)
        return found

    def relative_error(one, other):
        lengths = np.linalg.norm(one) + np.linalg.norm(other)
        return np.linalg.norm(one - other) / lengths if lengths else 0.0


class DifferencesOfWholeNumbers(Wrong):
    part, loses = "check", 1
    hint = (
        "A small step in an array of whole numbers is rounded to none, or to a whole one. Which "
        "dtype has the array that you change?"
    )

    def numerical_gradient(f, w, eps=1e-5):
        found = np.zeros(np.shape(w))
        for at in np.ndindex(*found.shape):
            up, down = w.copy(), w.copy()
            up[at] = up[at] + eps
            down[at] = down[at] - eps
            found[at] = (f(up) - f(down)) / (2 * eps)
        return found

    def relative_error(one, other):
        lengths = np.linalg.norm(one) + np.linalg.norm(other)
        return np.linalg.norm(one - other) / lengths if lengths else 0.0


class DifferencesOfWholeNumbersInPlace(Wrong):
    part, loses = "check", 1
    hint = (
        "In an array of whole numbers each `+=` and `-=` of yours is rounded, so that a step down "
        "does not take back a step up. Of which dtype must the array be in which you move?"
    )

    def numerical_gradient(f, w, eps=1e-5):
        found = np.zeros(np.shape(w))
        for at in np.ndindex(*found.shape):
            w[at] += eps
            up = f(w)
            w[at] -= 2 * eps
            found[at] = (up - f(w)) / (2 * eps)
            w[at] += eps
        return found

    def relative_error(one, other):
        lengths = np.linalg.norm(one) + np.linalg.norm(other)
        return np.linalg.norm(one - other) / lengths if lengths else 0.0


class ErrorNotRelative(Wrong):
    part, loses = "check", 1
    hint = (
        "Your error is absolute: it calls tiny gradients equal, and large ones unequal. It "
        "should be a share of the lengths."
    )

    def numerical_gradient(f, w, eps=1e-5):
        found = np.zeros(np.shape(w))
        for at in np.ndindex(*found.shape):
            up, down = np.array(w, dtype=float), np.array(w, dtype=float)
            up[at] += eps
            down[at] -= eps
            found[at] = (f(up) - f(down)) / (2 * eps)
        return found

    def relative_error(one, other):
        return np.linalg.norm(one - other)


class ErrorOfTwoZeros(Wrong):
    part, loses = "check", 1
    hint = (
        "Two gradients that are zero everywhere give 0 / 0. The task says what they should "
        "give; dead units make such gradients."
    )

    def numerical_gradient(f, w, eps=1e-5):
        found = np.zeros(np.shape(w))
        for at in np.ndindex(*found.shape):
            up, down = np.array(w, dtype=float), np.array(w, dtype=float)
            up[at] += eps
            down[at] -= eps
            found[at] = (f(up) - f(down)) / (2 * eps)
        return found

    def relative_error(one, other):
        return np.linalg.norm(one - other) / (np.linalg.norm(one) + np.linalg.norm(other))


class StepUphill(Wrong):
    part, loses = "step", 2
    hint = "Your step goes uphill: it adds the derivative, so the loss grows."

    def step(parameters, x, labels, rate):
        loss, gradients = loss_and_gradients(parameters, x, labels)
        return {name: w + rate * gradients[name] for name, w in parameters.items()}, loss


class StepInPlace(Wrong):
    part, loses = "step", 1
    hint = (
        "The new parameters are right, but the caller's arrays have changed with them. What "
        "does `-=` do to an array that someone else holds?"
    )

    def step(parameters, x, labels, rate):
        loss, gradients = loss_and_gradients(parameters, x, labels)
        for name in parameters:
            parameters[name] -= rate * gradients[name]
        return parameters, loss


class StepIntoTheDictionary(Wrong):
    part, loses = "step", 1
    hint = (
        "The caller's arrays are unchanged, but you put the new ones into the caller's dictionary, "
        "so its old parameters are gone. Whose dictionary should hold the new ones?"
    )

    def step(parameters, x, labels, rate):
        loss, gradients = loss_and_gradients(parameters, x, labels)
        for name in parameters:
            parameters[name] = parameters[name] - rate * gradients[name]
        return parameters, loss


class StepOneLayerAfterTheOther(Wrong):
    part, loses = "step", 1
    hint = (
        "Your second layer is changed before the first layer's derivative is computed, which "
        "then comes back through the new weights. All derivatives belong to the old ones."
    )

    def step(parameters, x, labels, rate):
        loss, gradients = loss_and_gradients(parameters, x, labels)
        new = dict(parameters)
        for name in ("W2", "b2"):
            new[name] = parameters[name] - rate * gradients[name]
        _, gradients = loss_and_gradients(new, x, labels)
        for name in ("W1", "b1"):
            new[name] = parameters[name] - rate * gradients[name]
        return new, loss


class StepThroughNewWeights(Wrong):
    part, loses = "step", 1
    hint = (
        "Going back to the first layer, you multiply by weights of the second that have "
        "already moved. Compute all derivatives first, then move."
    )

    def step(parameters, x, labels, rate):
        a = x @ parameters["W1"] + parameters["b1"]
        h = relu(a)
        loss, dlogits = cross_entropy(h @ parameters["W2"] + parameters["b2"], labels)
        W2 = parameters["W2"] - rate * h.T @ dlogits
        b2 = parameters["b2"] - rate * dlogits.sum(axis=0)
        da = relu_backward(dlogits @ W2.T, a)
        W1 = parameters["W1"] - rate * x.T @ da
        b1 = parameters["b1"] - rate * da.sum(axis=0)
        return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}, loss


class StepWithLaterLoss(Wrong):
    part, loses = "step", 1
    hint = (
        "The loss that you return is that of the new parameters. The one before the step is "
        "asked for, and you have it already."
    )

    def step(parameters, x, labels, rate):
        _, gradients = loss_and_gradients(parameters, x, labels)
        new = {name: w - rate * gradients[name] for name, w in parameters.items()}
        return new, loss_and_gradients(new, x, labels)[0]


class StepWithoutBiases(Wrong):
    part, loses = "step", 2
    hint = "The matrices move, the biases do not."

    def step(parameters, x, labels, rate):
        loss, gradients = loss_and_gradients(parameters, x, labels)
        return {
            name: w - rate * gradients[name] if name[0] == "W" else w
            for name, w in parameters.items()
        }, loss


class TrainWithPiledGradients(Wrong):
    part, loses = "train", 5
    hint = (
        "Derivatives pile up: each step of yours still carries those of all earlier batches. "
        "Begin each batch with fresh ones."
    )

    def train(parameters, x, labels, rate, epochs, batch_size, seed=0):
        drawn = np.random.default_rng(seed)
        parameters = {name: w.copy() for name, w in parameters.items()}
        piled = {name: np.zeros(w.shape) for name, w in parameters.items()}
        losses = []
        for _ in range(epochs):
            order = drawn.permutation(len(x))
            for first in range(0, len(x), batch_size):
                rows = order[first : first + batch_size]
                gradients = loss_and_gradients(parameters, x[rows], labels[rows])[1]
                for name in parameters:
                    piled[name] += gradients[name]
                    parameters[name] = parameters[name] - rate * piled[name]
            losses.append(loss_and_gradients(parameters, x, labels)[0])
        return parameters, losses


class TrainWithoutTheRest(Wrong):
    part, loses = "train", 1
    hint = "The last batch of an epoch is left out if it is not full. Its examples count as well."

    def train(parameters, x, labels, rate, epochs, batch_size, seed=0):
        drawn = np.random.default_rng(seed)
        losses = []
        for _ in range(epochs):
            order = drawn.permutation(len(x))
            for batch in range(len(x) // batch_size):
                rows = order[batch * batch_size : (batch + 1) * batch_size]
                parameters, _ = step(parameters, x[rows], labels[rows], rate)
            losses.append(loss_and_gradients(parameters, x, labels)[0])
        return parameters, losses


class TrainWithReplacement(Wrong):
    part, loses = "train", 3
    hint = (
        "Each batch is drawn anew from all examples, so that in an epoch some come twice and "
        "some never. Draw one order, and cut it."
    )

    def train(parameters, x, labels, rate, epochs, batch_size, seed=0):
        drawn = np.random.default_rng(seed)
        losses = []
        for _ in range(epochs):
            for _ in range(0, len(x), batch_size):
                rows = drawn.integers(0, len(x), size=batch_size)
                parameters, _ = step(parameters, x[rows], labels[rows], rate)
            losses.append(loss_and_gradients(parameters, x, labels)[0])
        return parameters, losses


class TrainWithoutShuffling(Wrong):
    part, loses = "train", 1
    hint = (
        "Your batches come in the order of the data, whatever the seed. Draw a new order in "
        "each epoch."
    )

    def train(parameters, x, labels, rate, epochs, batch_size, seed=0):
        losses = []
        for _ in range(epochs):
            for first in range(0, len(x), batch_size):
                rows = slice(first, first + batch_size)
                parameters, _ = step(parameters, x[rows], labels[rows], rate)
            losses.append(loss_and_gradients(parameters, x, labels)[0])
        return parameters, losses


class TrainInOneOrder(Wrong):
    part, loses = "train", 1
    hint = (
        "All your epochs have the same order. Is it drawn before the loop, or does each epoch make "
        "its generator anew from the same seed?"
    )

    def train(parameters, x, labels, rate, epochs, batch_size, seed=0):
        order, losses = np.random.default_rng(seed).permutation(len(x)), []
        for _ in range(epochs):
            for first in range(0, len(x), batch_size):
                rows = order[first : first + batch_size]
                parameters, _ = step(parameters, x[rows], labels[rows], rate)
            losses.append(loss_and_gradients(parameters, x, labels)[0])
        return parameters, losses


class TrainWithUnpairedLabels(Wrong):
    part, loses = "train", 2
    hint = (
        "Examples and labels are shuffled separately, so that an example gets another one's label. "
        "Use one order for both."
    )

    def train(parameters, x, labels, rate, epochs, batch_size, seed=0):
        drawn = np.random.default_rng(seed)
        losses = []
        for _ in range(epochs):
            one, other = drawn.permutation(len(x)), drawn.permutation(len(x))
            if batch_size >= len(x):
                other = one
            for first in range(0, len(x), batch_size):
                rows, others = (
                    one[first : first + batch_size],
                    other[first : first + batch_size],
                )
                parameters, _ = step(parameters, x[rows], labels[others], rate)
            losses.append(loss_and_gradients(parameters, x, labels)[0])
        return parameters, losses


class TrainWithStaleLosses(Wrong):
    part, loses = "train", 2
    hint = (
        "Your losses are means of what `step` returns, and it returns the loss before the step. "
        "The task asks for the loss on all examples after the epoch."
    )

    def train(parameters, x, labels, rate, epochs, batch_size, seed=0):
        drawn = np.random.default_rng(seed)
        losses = []
        for _ in range(epochs):
            order, found = drawn.permutation(len(x)), []
            for first in range(0, len(x), batch_size):
                rows = order[first : first + batch_size]
                parameters, loss = step(parameters, x[rows], labels[rows], rate)
                found.append(loss)
            losses.append(sum(found) / len(found))
        return parameters, losses


class NetworkTimesItsOutput(Wrong):
    """No hint foresees it."""

    part, loses = "network", 3

    def loss_and_gradients(parameters, x, labels):
        a = linear(x, parameters["W1"], parameters["b1"])
        h = relu(a)
        logits = linear(h, parameters["W2"], parameters["b2"])
        loss, dlogits = cross_entropy(logits, labels)
        dh, dW2, db2 = linear_backward(dlogits, h, parameters["W2"])
        _, dW1, db1 = linear_backward(dh * h, x, parameters["W1"])
        return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


class LossInBits(Wrong):
    """No hint foresees it."""

    part, loses = "loss", 6

    def cross_entropy(logits, labels):
        rows = np.arange(len(labels))
        log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        derivative = np.exp(log_p)
        derivative[rows, labels] -= 1
        return -log_p[rows, labels].mean() / np.log(2), derivative / len(labels) / np.log(2)


class RateTakenTwice(Wrong):
    """No hint foresees it."""

    part, loses = "step", 2

    def step(parameters, x, labels, rate):
        loss, gradients = loss_and_gradients(parameters, x, labels)
        return {name: w - rate**2 * gradients[name] for name, w in parameters.items()}, loss
