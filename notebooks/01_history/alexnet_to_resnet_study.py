"""Study of the chapter "From AlexNet to ResNet": does depth hurt, and do skip connections mend it?

    make study NAME=01_history/alexnet_to_resnet

One thread, about ten minutes. Learning rates are chosen for each network and depth on the
validation digits, with as many trials for each, by a seed that is not reported. An interrupted
study goes on where it stopped.
"""

from __future__ import annotations

import time

import torch

import largemodels as lm
from largemodels.data.batches import shuffled

DEPTHS = (10, 18, 34, 50)  # layers with weights
LEARNING_RATES = (1e-3, 3e-3, 1e-2, 3e-2)
SEEDS, TUNING_SEED = range(3), 100
CHANNELS, BATCH_SIZE = 16, 32


def network(depth: int, residual: bool) -> lm.ResNet:
    """Basic blocks at 8 × 8 pixels from end to end, between a convolution and a linear head."""
    return lm.ResNet(
        lm.ResNetConfig(
            in_channels=1, stem_channels=CHANNELS, channels=(CHANNELS,),
            n_blocks=((depth - 2) // 2,), block="basic", stem="small", residual=residual,
            n_classes=10,
        )
    )  # fmt: skip


@torch.no_grad()
def measure(
    model: lm.ResNet, pictures: torch.Tensor, labels: torch.Tensor
) -> tuple[float, float]:
    """Share of wrong answers in per cent, and loss in nats a picture."""
    logits = model.eval()(pictures)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    return 100 * (logits.argmax(dim=1) != labels).float().mean().item(), loss.item()


def train(depth: int, residual: bool, learning_rate: float, steps: int, seed: int) -> dict:
    """Train one network: size, seconds on one core, errors in per cent, losses in nats."""
    parts = lm.digits()
    torch.manual_seed(seed)
    model = network(depth, residual)
    recipe = lm.TrainingConfig(
        steps=steps,
        learning_rate=learning_rate,
        warmup_steps=steps // 20,
        evaluate_every=50,
    )
    began = time.process_time()  # of one thread: what else the machine does is not counted
    history = lm.train(
        model, shuffled(*parts["train"], batch_size=BATCH_SIZE, seed=seed), recipe
    )
    results = {
        "n_parameters": model.n_parameters(),
        "core_seconds": time.process_time() - began,
        "batch_loss": history.training_loss.iloc[
            -1
        ],  # of the last 50 batches, as training saw them
    }
    for part, (pictures, labels) in parts.items():
        results[f"{part}_error"], results[f"{part}_loss"] = measure(model, pictures, labels)
    return results


if __name__ == "__main__":
    torch.set_num_threads(1)
    study = lm.studies.Study("01_history/alexnet_to_resnet")
    best = {}
    for depth in DEPTHS:
        for residual in (False, True):
            trials = [
                study.row(
                    train,
                    depth=depth,
                    residual=residual,
                    learning_rate=rate,
                    steps=300,
                    seed=TUNING_SEED,
                )
                for rate in LEARNING_RATES
            ]
            chosen = min(
                trials, key=lambda row: (row["validation_error"], row["validation_loss"])
            )
            best[depth, residual] = chosen["learning_rate"]
    for seed in SEEDS:
        for (depth, residual), rate in best.items():
            study.row(
                train,
                depth=depth,
                residual=residual,
                learning_rate=rate,
                steps=300,
                seed=seed,
            )
    # Does the deepest plain network only need more time? The learning rate stays as it was chosen.
    for seed in SEEDS:
        rate = best[max(DEPTHS), False]
        study.row(
            train,
            depth=max(DEPTHS),
            residual=False,
            learning_rate=rate,
            steps=1_200,
            seed=seed,
        )
    study.save()
