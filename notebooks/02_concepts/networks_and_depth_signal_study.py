"""Is it the scale of the weights or the shrunken signal that keeps 32 ReLU layers from learning?

PyTorch's weights stay as they are; one number multiplies the last hidden layer before the head.
The biases of the hidden layers start at zero and are held there, trained, or trained with a smaller
learning rate of their own. As in the study of depth, each way gets its own best learning rate, over
three seeds that are not reported.
"""

import networks_and_depth_deep_study as first
import torch
import torch.nn.functional as F
from torch import Tensor

from largemodels.book.studies import Study

DEPTH = 32


class Network(first.Network):
    """The network of the study of depth with PyTorch's weights and a multiplied signal."""

    def __init__(self, factor: float, held: bool) -> None:
        super().__init__(DEPTH, scale=1.0, biases=False, residual=False, norm=False)
        self.factor = factor
        for layer in self.layers:
            layer.bias.requires_grad_(not held)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels `(batch, 64)` to logits `(batch, 10)`."""
        for layer in self.layers:
            x = F.relu(layer(x))
        return self.head(self.factor * x)


def run(
    power: int, held: bool, rate: float, seed: int, slower: int = 0
) -> dict[str, float]:
    """The signal times 6^power; the rate of the hidden biases divided by 6^slower."""
    torch.manual_seed(seed)
    model = Network(6.0**power, held)
    weights = [*(layer.weight for layer in model.layers), *model.head.parameters()]
    groups = [{"params": weights, "lr": rate}]
    if not held:
        biases = [layer.bias for layer in model.layers]
        groups.append({"params": biases, "lr": rate / 6.0**slower})
    return first.trained(model, groups)


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = Study("02_concepts/networks_and_depth_signal")
    for power, held in ((0, True), (16, True), (16, False)):
        first.tuned(study, run, power=power, held=held)
    first.tuned(study, run, power=16, held=False, slower=16)
    study.save()
