"""Places, recall and NDCG: by hand, against scikit-learn, with ties and hidden items."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import ndcg_score, top_k_accuracy_score
from torch.testing import assert_close

from largemodels.objectives.ranking import ndcg, places, recall


def test_by_hand() -> None:
    found = places(torch.tensor([[0.1, 0.7, 0.4, 0.5]]), torch.tensor([2]))
    assert found.tolist() == [[2, 1]]
    assert recall(found, 2).tolist() == [0] and recall(found, 3).tolist() == [1]
    assert ndcg(found, 3).item() == pytest.approx(1 / 2)  # 1 / log2(1 + 3)


def test_tied_items_share_their_places() -> None:
    found = places(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.tensor([3]))
    assert found.tolist() == [[1, 3]]
    assert recall(found, 2).item() == pytest.approx(1 / 3)


@pytest.mark.parametrize("tied", [False, True])
def test_equal_to_scikit_learn(tied: bool) -> None:
    torch.manual_seed(0)
    scores = torch.rand(17, 11)
    scores = (5 * scores).round() if tied else scores
    right = torch.randint(11, (17,))
    relevant = torch.zeros(17, 11).scatter_(1, right[:, None], 1)
    found = places(scores, right)
    for k in (1, 3, 11):
        each = [ndcg_score(relevant[row : row + 1], scores[row : row + 1], k=k) for row in range(17)]
        assert_close(ndcg(found, k), torch.tensor(each, dtype=torch.float64))
        if not tied and k < 11:
            share = top_k_accuracy_score(right, scores, k=k, labels=range(11))
            assert recall(found, k).mean().item() == pytest.approx(share)


def test_hidden_items_leave_the_ranking() -> None:
    scores, right = torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([2])
    assert places(scores, right, [[0]]).tolist() == [[1, 1]]
    assert scores[0, 0] == 3  # the argument is left alone
    with pytest.raises(ValueError, match="row 0 is hidden"):
        places(scores, right, [torch.tensor([2])])
