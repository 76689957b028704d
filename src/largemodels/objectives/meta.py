"""Meta-learning by gradients: starting weights from which a few steps on a new task lead far.

MAML: Finn, Abbeel and Levine, 2017, "Model-agnostic meta-learning for fast adaptation of deep networks"
(https://arxiv.org/abs/1703.03400), with its first-order form. Reptile: Nichol, Achiam and Schulman, 2018, "On
first-order meta-learning algorithms" (https://arxiv.org/abs/1803.02999).

``maml`` and ``reptile`` fill the gradients of a model, for any optimiser and for ``lm.train(…, gradients=…)``. All
tasks of a batch are computed at once by ``torch.func.vmap``, so a model may not change a state of its own as it runs,
as batch normalisation does. Differs from Reptile's paper in that the difference of the weights is handed to an
optimiser as a gradient, which the paper suggests.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

Parameters = dict[str, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]  # of predictions and targets; a scalar


def adapt(
    model: nn.Module,
    parameters: Parameters,
    inputs: Tensor,
    targets: Tensor,
    *,
    loss: Loss,
    rate: float,
    steps: int = 1,
    first_order: bool = False,
) -> Parameters:
    """The parameters after gradient steps on one task, as a function of those before.

    Args:
        model: gives predictions for inputs.
        parameters: by name, to start from; they are left as they are.
        inputs: the task's examples, ``(n, …)``, the same in each step.
        targets: for the loss, ``(n, …)``.
        loss: of predictions and targets.
        rate: learning rate of the steps.
        steps: how many.
        first_order: treat the gradient of each step as a constant, so that no second derivatives arise.
    """

    def of(parameters: Parameters) -> Tensor:
        return loss(functional_call(model, parameters, (inputs,)), targets)

    for _ in range(steps):
        slopes = grad(of)(parameters)
        if first_order:
            slopes = {name: slope.detach() for name, slope in slopes.items()}
        parameters = {name: value - rate * slopes[name] for name, value in parameters.items()}
    return parameters


def maml(
    model: nn.Module,
    support: tuple[Tensor, Tensor],
    query: tuple[Tensor, Tensor],
    *,
    loss: Loss,
    rate: float,
    steps: int = 1,
    first_order: bool = False,
) -> Tensor:
    """Fill the gradients of the loss after adaptation, with respect to the weights before it.

    Args:
        model: whose parameters get the gradients.
        support: inputs and targets to adapt to, ``(tasks, n, …)`` each.
        query: inputs and targets of the same tasks, which judge the adapted weights, ``(tasks, m, …)`` each.
        loss: of predictions and targets, for the adaptation and for the judgement.
        rate: learning rate of the adaptation.
        steps: of the adaptation.
        first_order: leave out the second derivatives, as FOMAML does.

    Returns:
        the mean loss on the queries.
    """

    def after(parameters: Parameters, x: Tensor, y: Tensor, new_x: Tensor, new_y: Tensor) -> Tensor:
        adapted = adapt(
            model,
            parameters,
            x,
            y,
            loss=loss,
            rate=rate,
            steps=steps,
            first_order=first_order,
        )
        return loss(functional_call(model, adapted, (new_x,)), new_y)

    def mean(parameters: Parameters) -> tuple[Tensor, Tensor]:
        losses = vmap(after, in_dims=(None, 0, 0, 0, 0))(parameters, *support, *query)
        return losses.mean(), losses.mean().detach()

    slopes, value = grad(mean, has_aux=True)(_values(model))
    _fill(model, slopes)
    return value


def reptile(model: nn.Module, inputs: Tensor, targets: Tensor, *, loss: Loss, rate: float) -> Tensor:
    """Fill the gradients with the way back from where the steps on each task lead, averaged over tasks.

    Args:
        model: whose parameters get the gradients.
        inputs: ``(tasks, steps, n, …)``: n examples of a task for each of its steps.
        targets: for the loss, ``(tasks, steps, n, …)``.
        loss: of predictions and targets.
        rate: learning rate of the steps.

    Returns:
        the mean loss of the adapted weights on the examples of their last step.
    """

    def one(parameters: Parameters, x: Tensor, y: Tensor) -> tuple[Parameters, Tensor]:
        for now_x, now_y in zip(x, y, strict=True):
            parameters = adapt(model, parameters, now_x, now_y, loss=loss, rate=rate)
        return parameters, loss(functional_call(model, parameters, (x[-1],)), y[-1])

    before = _values(model)
    with torch.no_grad():
        after, losses = vmap(one, in_dims=(None, 0, 0))(before, inputs, targets)
    _fill(model, {name: value - after[name].mean(dim=0) for name, value in before.items()})
    return losses.mean()


def _values(model: nn.Module) -> Parameters:
    return {name: value.detach() for name, value in model.named_parameters()}


def _fill(model: nn.Module, slopes: Parameters) -> None:
    for name, parameter in model.named_parameters():
        parameter.grad = slopes[name].detach()
