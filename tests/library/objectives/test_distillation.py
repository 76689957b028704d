from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from largemodels.objectives.distillation import hard_distillation, soft_distillation

STUDENT = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0]])
TEACHER = torch.tensor([[1.0, 3.0, 0.0], [0.0, 0.0, 4.0]])
LABELS = torch.tensor([0, 2])


def softmax(logits: list[float]) -> list[float]:
    powers = [math.exp(x) for x in logits]
    return [p / sum(powers) for p in powers]


def test_the_soft_loss_is_the_formula() -> None:
    tau, lam, total = 2.0, 0.3, 0.0
    for student, teacher, label in zip(STUDENT.tolist(), TEACHER.tolist(), LABELS.tolist(), strict=True):
        p, q = (softmax([x / tau for x in logits]) for logits in (teacher, student))
        divergence = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        total += (1 - lam) * -math.log(softmax(student)[label]) + lam * tau**2 * divergence
    found = soft_distillation(STUDENT, TEACHER, LABELS, temperature=tau, weight=lam)
    assert_close(found, torch.tensor(total / 2))


def test_the_hard_loss_is_the_formula() -> None:
    total = 0.0
    for student, teacher, label in zip(STUDENT.tolist(), TEACHER.tolist(), LABELS.tolist(), strict=True):
        learned = [x + 1.0 * (i == 1) for i, x in enumerate(student)]
        total += -math.log(softmax(student)[label]) / 2
        total += -math.log(softmax(learned)[teacher.index(max(teacher))]) / 2
    second = STUDENT + torch.tensor([0.0, 1.0, 0.0])
    assert_close(hard_distillation(STUDENT, second, TEACHER, LABELS), torch.tensor(total / 2))


def test_a_student_that_agrees_with_its_teacher_has_only_the_first_term() -> None:
    found = soft_distillation(STUDENT, STUDENT, LABELS, temperature=5.0, weight=0.5)
    assert_close(found, 0.5 * torch.nn.functional.cross_entropy(STUDENT, LABELS))


def test_the_teacher_receives_no_gradient() -> None:
    student, teacher = STUDENT.clone().requires_grad_(), TEACHER.clone().requires_grad_()
    (
        soft_distillation(student, teacher, LABELS) + hard_distillation(student, student, teacher, LABELS)
    ).backward()
    assert student.grad is not None and teacher.grad is None


@pytest.mark.parametrize(
    ("change", "message"), [({"temperature": 0.0}, "temperature"), ({"weight": 1.5}, "weight must lie")]
)
def test_faults(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        soft_distillation(STUDENT, TEACHER, LABELS, **change)
