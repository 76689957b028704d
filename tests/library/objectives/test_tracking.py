from __future__ import annotations

import numpy as np
import torch

from largemodels.objectives.tracking import followed, standing


def test_a_swap_by_hand() -> None:
    """Two people in four frames; their tracks swap numbers after the first."""
    boxes = torch.tensor([[0.0, 0, 4, 10], [20, 0, 24, 10]])
    people = torch.tensor([7, 9])
    truth = [(people, boxes)] * 4
    reported = [(torch.tensor(it), boxes) for it in ([1, 2], [2, 1], [2, 1], [2, 1])]
    its = followed(truth, reported)
    assert its.switches.tolist() == [1, 1] and its.own.tolist() == [3, 3]
    assert its.idf1() == 0.75 and its.mota() == 0.75
    assert its.idf1(np.array([2, 0])) == 0.75


def test_nothing_reported_and_nobody_there() -> None:
    none = (torch.zeros(0, dtype=torch.long), torch.zeros(0, 4))
    one = (torch.tensor([3]), torch.tensor([[0.0, 0, 4, 10]]))
    its = followed([one, none], [none, one])
    assert its.found.sum() == 0 and its.idf1() == 0 and its.mota() == -1


def test_standing() -> None:
    assert standing(torch.tensor([[0.0, 0, 10, 20]]), 0.4).tolist() == [[1, 0, 9, 20]]
