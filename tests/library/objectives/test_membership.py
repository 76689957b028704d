"""The likelihood-ratio attack, against a computation for one model and one example."""

from __future__ import annotations

import pytest
import torch

from largemodels.objectives.membership import likelihood_ratios, true_positives


def drawn(gap: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    member = torch.rand(12, 700, generator=generator).argsort(0) < 6  # of each example, in six models
    hard = 4 * torch.randn(700, generator=generator)  # some examples are easy for every model
    scores = hard + torch.randn(12, 700, generator=generator) + gap * member
    return scores.double(), member


def test_the_attacked_model_is_left_out_of_the_means() -> None:
    scores, member = drawn(1.0)
    found = likelihood_ratios(scores, member)
    others = [it for it in range(12) if it != 7]
    means, variances = [], []
    for side in (member, ~member):
        means.append(scores[others, 5][side[others, 5]].mean())
        columns = [scores[side[:, it], it] for it in range(700)]
        squares = sum(((it - it.mean()) ** 2).sum() for it in columns)
        variances.append(squares / sum(len(it) - 1 for it in columns))
    inside, outside = (
        -((scores[7, 5] - m) ** 2) / (2 * v) - v.log() / 2 for m, v in zip(means, variances, strict=True)
    )
    torch.testing.assert_close(found[7, 5], inside - outside)


def test_it_beats_a_threshold_and_finds_nothing_where_nothing_is() -> None:
    scores, member = drawn(2.0)
    ratios = likelihood_ratios(scores, member)
    both = [
        torch.stack([true_positives(a[it], member[it], 0.05) for it in range(12)]).mean()
        for a in (scores, ratios)
    ]
    assert both[1] > 2 * both[0]
    scores, member = drawn(0.0)
    ratios = likelihood_ratios(scores, member)
    found = torch.stack([true_positives(a, m, 0.05) for a, m in zip(ratios, member, strict=True)]).mean()
    assert found.item() == pytest.approx(0.05, abs=0.02)


def test_too_few_models_are_refused() -> None:
    with pytest.raises(ValueError, match="three models"):
        likelihood_ratios(torch.zeros(4, 2), torch.tensor([[True, False]] * 2 + [[False, True]] * 2))


def test_true_positives_are_counted_above_the_others() -> None:
    scores = torch.tensor([5.0, 3, 1, 4, 2, 0])
    member = torch.tensor([True, True, True, False, False, False])
    assert true_positives(scores, member, 0.0).item() == pytest.approx(1 / 3)
    assert true_positives(scores, member, 0.34).item() == pytest.approx(2 / 3)
    assert true_positives(scores, member, 1.0).item() == 1


def test_examples_count_in_the_variances_by_their_models() -> None:
    """Examples with 3, 4, 5 and 6 of nine models trained on them, computed one at a time."""
    generator = torch.Generator().manual_seed(1)
    member = torch.rand(9, 4, generator=generator).argsort(0) < torch.tensor([3, 4, 5, 6])
    scores = torch.randn(9, 4, generator=generator).double() * torch.tensor([1.0, 2.0, 3.0, 4.0])
    found = likelihood_ratios(scores, member)
    logs = []
    for side in (member, ~member):
        columns = [scores[side[:, it], it] for it in range(4)]
        variance = sum(it.var() * (len(it) - 1) for it in columns) / sum(len(it) - 1 for it in columns)
        log = torch.zeros(9, 4).double()
        for model in range(9):
            for example in range(4):
                rows = [it for it in range(9) if it != model and side[it, example]]
                mean = scores[rows, example].mean()
                log[model, example] = (
                    -((scores[model, example] - mean) ** 2) / (2 * variance) - variance.log() / 2
                )
        logs.append(log)
    torch.testing.assert_close(found, logs[0] - logs[1])


@pytest.mark.parametrize("trained", [2, 3])
def test_too_few_models_on_one_side_are_refused(trained: int) -> None:
    member = (torch.arange(5) < trained)[:, None].repeat(1, 2)
    with pytest.raises(ValueError, match="three models"):
        likelihood_ratios(torch.zeros(5, 2), member)


def test_a_share_of_false_positives_is_not_exceeded() -> None:
    scores = torch.tensor([5.0, 3, 1, 4, 2, 0])
    member = torch.tensor([True, True, True, False, False, False])
    assert true_positives(scores, member, 0.5).item() == pytest.approx(2 / 3)  # one of three, not two
    ties = torch.tensor([2.0, 3, 2, 1])
    assert true_positives(ties, torch.tensor([True, True, False, False]), 0.0).item() == 0.5
