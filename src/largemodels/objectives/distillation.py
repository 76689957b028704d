"""Distillation: a student learns a teacher's answers.

Softly, from the teacher's probabilities (Hinton, Vinyals and Dean, 2015, "Distilling the knowledge in a neural
network", https://arxiv.org/abs/1503.02531); or hard, from the class that the teacher finds most probable (Touvron
et al., 2021, section 4, equations 2 and 3, https://arxiv.org/abs/2012.12877), which the paper on DeiT found better for
its distillation token.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .checks import share


def soft_distillation(
    logits: Tensor, teacher: Tensor, labels: Tensor, *, temperature: float = 3.0, weight: float = 0.1
) -> Tensor:
    """(1 - λ) H(labels, student) + λ τ² KL(teacher at τ ‖ student at τ), the mean over the batch, in nats.

    The factor τ² keeps the size of the second term's gradient about the same whatever τ is.

    Args:
        logits: of the student, ``(batch, n_classes)``.
        teacher: logits of the teacher, same shape; they receive no gradient.
        labels: ``(batch,)``.
        temperature: τ, by which both logits are divided in the second term; the default is DeiT's.
        weight: λ, of the second term; the default is DeiT's.

    Raises:
        ValueError: if the temperature is not positive or the weight no share.
    """
    share(weight=weight)
    if not temperature > 0:
        raise ValueError(f"temperature ({temperature}) must be above 0.")
    student = F.log_softmax(logits / temperature, dim=1)
    wanted = F.log_softmax(teacher.detach() / temperature, dim=1)
    divergence = F.kl_div(student, wanted, log_target=True, reduction="batchmean")
    return (1 - weight) * F.cross_entropy(logits, labels) + weight * temperature**2 * divergence


def hard_distillation(logits: Tensor, learned: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """½ H(labels, student) + ½ H(the teacher's class, student's second head), the mean over the batch, in nats.

    Args:
        logits: of the student's classifier, ``(batch, n_classes)``.
        learned: of the classifier that learns from the teacher, the second of
            :meth:`~largemodels.models.vit.ViT.both`; ``logits`` again if there is one classifier only.
        teacher: logits of the teacher, same shape.
        labels: ``(batch,)``.
    """
    return (F.cross_entropy(logits, labels) + F.cross_entropy(learned, teacher.argmax(dim=1))) / 2
