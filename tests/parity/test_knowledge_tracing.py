"""Knowledge tracing against other implementations: torch's LSTM and attention, and pyBKT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pyBKT.fit import predict_onestep
from torch import Tensor, nn
from torch.testing import assert_close

from largemodels.models.bkt import BKT
from largemodels.models.dkt import DKT, DKTConfig
from largemodels.models.sakt import SAKT, SAKTConfig

from .random_weights import randomised

N_SKILLS, N_PROBLEMS, BATCH, TIME = 7, 11, 3, 5


def asked() -> tuple[Tensor, Tensor, Tensor]:
    """Skills, right or wrong, problems."""
    chance = torch.Generator().manual_seed(1)
    sizes = (N_SKILLS, 2, N_PROBLEMS)
    skills, right, problems = (torch.randint(it, (BATCH, TIME), generator=chance) for it in sizes)
    return skills, right, problems


def test_dkt_is_torchs_lstm_with_the_paper_s_output_layer() -> None:
    ours = randomised(DKT(DKTConfig(N_SKILLS, None, 6))).eval()
    skills, right, _ = asked()
    theirs = nn.LSTM(2 * N_SKILLS, 6, batch_first=True)  # reads marks instead of vectors
    output = nn.Linear(6, N_SKILLS)
    layer: Any = ours.network.layers[0]
    with torch.no_grad():
        # A product with marks looks up a column of the weights.
        theirs.weight_ih_l0.copy_(layer.input.weight @ ours.answer_embedding.weight.T)
        theirs.bias_ih_l0.copy_(layer.input.bias)
        theirs.weight_hh_l0.copy_(layer.recurrent.weight)
        theirs.bias_hh_l0.copy_(layer.recurrent.bias)
        output.weight.copy_(ours.skill_weight.weight)
        output.bias.copy_(ours.skill_bias.weight[:, 0])
    marks = nn.functional.one_hot(2 * skills + right, 2 * N_SKILLS).float()
    logits = output(theirs(marks)[0])  # (batch, time, skills)
    wanted = logits[:, :-1].gather(2, skills[:, 1:, None]).squeeze(2)
    assert_close(ours(skills, right)[:, 1:], wanted)
    assert_close(ours(skills, right)[:, 0], output.bias[skills[:, 0]])


@pytest.mark.parametrize("told", [False, True])
def test_sakt_is_torchs_attention_as_in_the_paper(told: bool) -> None:
    n_head, width = 2, 6
    config = SAKTConfig(N_SKILLS, N_PROBLEMS if told else None, 9, width, n_head)
    ours = randomised(SAKT(config)).eval()
    skills, right, problems = asked()
    theirs = nn.MultiheadAttention(width, n_head, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.attention.query.weight, ours.attention.key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.attention.query.bias, ours.attention.key_value.bias]))
        theirs.out_proj.weight.copy_(ours.attention.project.weight)
        theirs.out_proj.bias.copy_(ours.attention.project.bias)
    state = ours.state_dict()
    answers, bias = 2 * skills + right, state["skill_bias.weight"][skills]
    told_, query = state["answer_embedding.weight"][answers], state["skill_embedding.weight"][skills]
    if told:
        ease = state["ease.weight"][problems]
        told_ = told_ + ease * state["answer_change.weight"][answers]
        query, bias = query + ease * state["skill_change.weight"][skills], bias + ease
    keys = torch.cat(
        [
            state["start"].expand(BATCH, 1, width),
            told_[:, :-1] + state["position_embedding.weight"][: TIME - 1],
        ],
        dim=1,
    )
    later = torch.triu(torch.ones(TIME, TIME, dtype=torch.bool), diagonal=1)
    x = ours.attention_norm(query + theirs(query, keys, keys, attn_mask=later)[0])
    x = ours.mlp_norm(x + ours.mlp(x))
    assert_close(ours(skills, right, problems), (ours.head(x) + bias).squeeze(-1))


def test_bkt_is_that_of_pybkt() -> None:
    ours = BKT(1)
    first, learn, guess, slip = 0.31, 0.12, 0.23, 0.07
    with torch.no_grad():
        ours.logits.copy_(torch.tensor([[first, learn, guess, slip]]).logit())
    right = torch.tensor([[1, 0, 0, 1, 1, 0], [0, 0, 1, 1, 0, 1]])
    model = {
        "learns": np.array([learn]),
        "forgets": np.array([0.0]),
        "guesses": np.array([guess]),
        "slips": np.array([slip]),
        "prior": first,
    }
    data = {
        "data": right.reshape(1, -1).numpy() + 1,  # 1: wrong, 2: right
        "resources": np.ones(right.numel(), int),
        "starts": np.array([1, 7]),
        "lengths": np.array([6, 6]),
    }
    theirs = predict_onestep.run(model, data, parallel=False)[0]
    assert_close(
        ours(torch.zeros_like(right), right).detach().flatten().double(),
        torch.from_numpy(theirs),
        atol=1e-6,
        rtol=0,
    )
