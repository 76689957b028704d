from __future__ import annotations

import pytest
import torch
from torch import nn

from largemodels.models.modes import evaluating, start_training


def network() -> nn.Sequential:
    lower = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    return nn.Sequential(lower, nn.Linear(3, 2), nn.Dropout(0.5))


def modes(model: nn.Module) -> list[bool]:
    return [module.training for module in model.modules()]


def test_evaluating_restores_each_mode_also_after_an_error() -> None:
    model = network()
    model[0][1].eval()
    before = modes(model)
    with pytest.raises(KeyError), evaluating(model):
        assert not any(modes(model))
        raise KeyError
    assert modes(model) == before


def test_an_error_while_switching_restores_each_mode() -> None:
    class Stubborn(nn.Module):
        def train(self, mode: bool = True) -> nn.Module:
            raise RuntimeError("I stay as I am")

    model = nn.Sequential(network(), Stubborn(), network())
    before = modes(model)
    with pytest.raises(RuntimeError, match="I stay"), evaluating(model):
        pass
    assert modes(model) == before


def test_what_is_in_evaluation_mode_in_a_training_model_stays_so() -> None:
    model = network()
    model[0][1].eval()
    before = modes(model)
    start_training(model)
    assert modes(model) == before


def test_of_a_model_in_evaluation_mode_only_frozen_parts_stay() -> None:
    model = network().eval()
    model[0].requires_grad_(False)
    start_training(model)
    assert [model.training, model[1].training, model[2].training] == [True] * 3
    assert not any(modes(model[0]))
    whole = network().eval()
    start_training(whole)
    assert all(modes(whole))


def test_frozen_statistics_do_not_move() -> None:
    model = network().eval()
    model[0].requires_grad_(False)
    start_training(model)
    model(torch.randn(8, 3))
    assert torch.equal(model[0][1].running_mean, torch.zeros(3))
