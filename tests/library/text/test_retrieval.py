"""BM25 against numbers by hand and another package, and the fusion of ranks."""

from __future__ import annotations

import math

import pytest
import torch

from largemodels.text.retrieval import BM25, ranks, reciprocal_rank_fusion, words

PASSAGES = ["a cat sat", "a dog sat", "a cat saw a cat", ""]


def test_scores_by_hand() -> None:
    index = BM25(PASSAGES[:3], k1=1, b=0)
    rare = math.log(1 + 1.5 / 2.5)
    torch.testing.assert_close(
        index.scores(["cat", "Cat cat", "mouse"]),
        torch.tensor([[rare / 2, 0, rare * 2 / 3], [rare, 0, rare * 4 / 3], [0.0, 0, 0]]),
    )
    long = BM25(PASSAGES[:3], k1=1, b=1).scores(["cat"])[0]
    torch.testing.assert_close(long[0], torch.tensor(rare / (1 + 3 / (11 / 3))))


@pytest.mark.parametrize(("k1", "b"), [(1.5, 0.75), (0.9, 0.4), (2.0, 1.0)])
def test_equal_to_bm25s(k1: float, b: float) -> None:
    bm25s = pytest.importorskip("bm25s")
    texts = ["the lake of the north", "a river", "the river of the lake people and the lake", "mountains"]
    theirs = bm25s.BM25(method="lucene", k1=k1, b=b)
    theirs.index([words(it) for it in texts], show_progress=False)
    ours = BM25(texts, k1, b)
    for query in ("the lake", "river people", "mountains of the river"):
        expected = torch.tensor(theirs.get_scores(words(query)))
        torch.testing.assert_close(ours.scores([query])[0], expected)


def test_other_words_and_empty_passages() -> None:
    index = BM25(["ab", "bc", ""], cut=list)
    assert index.scores(["b", ""]).tolist()[0][2] == 0
    assert (index.scores(["a"])[0] > 0).tolist() == [True, False, False]


def test_refusals() -> None:
    with pytest.raises(ValueError, match="no words"):
        BM25(["", "  "])
    for k1, b in ((-0.1, 0.5), (1.0, 1.1), (1.0, -0.1)):
        with pytest.raises(ValueError, match="from 0 to 1"):
            BM25(PASSAGES, k1, b)
    with pytest.raises(TypeError, match="single query"):
        BM25(PASSAGES).scores("cat")


def test_ranks_and_fusion() -> None:
    one, two = torch.tensor([[0.1, 0.9, 0.5, 0.5]]), torch.tensor([[4.0, 1.0, 3.0, 2.0]])
    assert ranks(one).tolist() == [[4, 1, 2, 3]]  # of equal scores, the earlier comes first
    assert ranks(two).tolist() == [[1, 4, 2, 3]]
    assert ranks(torch.zeros(1, 1000)).tolist() == [list(range(1, 1001))]
    both = reciprocal_rank_fusion([one, two], k=0)
    torch.testing.assert_close(both, torch.tensor([[1.25, 1.25, 1.0, 2 / 3]]))
    for scores, k in (([], 60), ([one, two[:, :3]], 60), ([one], -1)):
        with pytest.raises(ValueError, match="Fusion"):
            reciprocal_rank_fusion(scores, k)
