from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from largemodels.models.answer_counts import NAMES, answer_counts, answer_design
from largemodels.models.bkt import BKT
from largemodels.models.dkt import DKT, DKTConfig
from largemodels.models.sakt import SAKT, SAKTConfig

MODELS: dict[str, Any] = {
    "dkt": lambda: DKT(DKTConfig(5, None, 4)),
    "dkt, told": lambda: DKT(DKTConfig(5, 7, 4)),
    "sakt": lambda: SAKT(SAKTConfig(5, None, 6, 4, 2)),
    "sakt, told": lambda: SAKT(SAKTConfig(5, 7, 6, 4, 2)),
}


def asked() -> tuple[Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(0)
    skills, problems, right = (torch.randint(it, (3, 6), generator=chance) for it in (5, 7, 2))
    return skills, problems, right


def moved(model: torch.nn.Module) -> Any:
    """With weights that are not those of the beginning."""
    torch.manual_seed(0)
    with torch.no_grad():
        for it in model.parameters():
            it.add_(torch.randn_like(it))
    return model.eval()


@pytest.mark.parametrize("name", [*MODELS, "bkt"])
def test_an_answer_changes_what_comes_after_it_and_nothing_before(name: str) -> None:
    model = moved(BKT(5) if name == "bkt" else MODELS[name]())
    skills, problems, right = asked()
    skills[:, 2:] = skills[:, 2:3]  # so that the answer tells of the same skill
    other = right.clone()
    other[:, 2] = 1 - other[:, 2]
    more = () if name == "bkt" else (problems,)
    before, after = model(skills, right, *more), model(skills, other, *more)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert ((before[:, 3:] - after[:, 3:]).abs() > 1e-5).any(dim=0).all()


@pytest.mark.parametrize("name", [*MODELS, "bkt"])
def test_padding_does_not_count_in_the_loss(name: str) -> None:
    model = moved(BKT(5) if name == "bkt" else MODELS[name]())
    skills, problems, right = asked()
    real = torch.ones_like(right, dtype=torch.bool)
    real[1, 4:] = False
    loss = model.loss(skills, problems, right, real)
    right[1, 4:] = 1 - right[1, 4:]
    assert torch.equal(loss, model.loss(skills, problems, right, real)) and loss > 0


@pytest.mark.parametrize("kind", ["dkt", "sakt"])
def test_an_easier_problem_is_answered_right_more_often_at_first(kind: str) -> None:
    model = MODELS[f"{kind}, told"]().eval()
    with torch.no_grad():
        model.ease.weight[:, 0] = torch.arange(7.0)
        for name, it in model.named_parameters():
            if "change" in name:
                it.zero_()
    skills, problems = torch.tensor([[2], [2]]), torch.tensor([[1], [6]])
    one, two = model.chances(skills, torch.zeros_like(skills), problems)[:, 0]
    assert torch.allclose(two.logit() - one.logit(), torch.tensor(5.0), atol=1e-4)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="n_skills"):
        DKTConfig(0)
    with pytest.raises(ValueError, match="multiple of n_head"):
        SAKTConfig(5, d_model=6, n_head=4)
    with pytest.raises(ValueError, match="7 questions"):
        MODELS["sakt"]()(torch.zeros(1, 7).long(), torch.zeros(1, 7).long())


def test_bkt_by_hand() -> None:
    model = BKT(2)
    with torch.no_grad():
        model.logits.copy_(torch.tensor([[0.5, 0.2, 0.25, 0.1]] * 2).logit())
    said = model(torch.tensor([[0, 0, 1]]), torch.tensor([[1, 1, 1]]))[0]
    has = 0.5 * 0.9 / 0.575
    has = has + (1 - has) * 0.2
    torch.testing.assert_close(said, torch.tensor([0.575, has * 0.9 + (1 - has) * 0.25, 0.575]))


def test_counts_of_one_student() -> None:
    skills, problems, right = np.array([3, 3, 1, 3]), np.array([5, 6, 0, 5]), np.array([1, 0, 1, 1])
    found = answer_counts(skills, problems, right, keep_skill=0.5, keep_all=1.0)
    assert found.shape == (4, len(NAMES)) and not found[0].any()
    log2, log3 = np.log(2), np.log(3)
    np.testing.assert_allclose(found[1], [log2, 0, log2, 0, 0.25, 0.25, 1, 0, 0])
    np.testing.assert_allclose(found[2], [0, 0, log2, log2, 0, 0, 0, 0, 0])
    # Of skill 3: one right and one wrong, the later counts double; problem 5 again, one answer between.
    np.testing.assert_allclose(found[3], [log2, log2, log3, log2, 1 / 2.5 - 0.5, 2.5 / 4 - 0.5, -1, 1, log2])


def test_design_marks_skills_and_problems() -> None:
    skills, problems = torch.tensor([[1, 1, 0], [2, 0, 0]]), torch.tensor([[3, 0, 0], [1, 0, 0]])
    right = torch.tensor([[1, 1, 0], [0, 0, 0]])
    real = torch.tensor([[True, True, False], [True, False, False]])
    made = answer_design(skills, problems, right, real, 3, 4, columns=(0,)).toarray()
    assert made.shape == (3, 1 + 3 * 3 + 4)
    np.testing.assert_allclose(made[:, 0], [0, np.log(2), 0])
    assert made[:, 1:4].argmax(axis=1).tolist() == [1, 1, 2]
    np.testing.assert_allclose(made[1, 4:7], [0, np.log(2), 0])
    assert made[:, 10:].argmax(axis=1).tolist() == [3, 0, 1]
    assert answer_design(skills, problems, right, real, 3).shape == (3, 9 + 9)
