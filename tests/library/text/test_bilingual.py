from __future__ import annotations

import itertools

import torch

from largemodels.text.bilingual import END, START, PairTokens, padded, pair_batches


def test_tokens() -> None:
    tokens = PairTokens(["press one", "appuyez sur 1 à côté"] * 5, 300)
    source, target = tokens.source("à côté"), tokens.target("à côté")
    assert target[0] == START and torch.equal(target[1:], source) and source[-1] == END
    assert source.max() < 300 and source[:-1].min() >= 3
    assert tokens.decode([*source.tolist(), 7]) == "à côté"
    assert tokens.decode(source[:-1].tolist()) == "à côté"


def test_padding() -> None:
    filled, mask = padded([torch.ones(2, 3), torch.ones(4, 3)])
    assert filled.shape == (2, 4, 3) and mask.tolist() == [[True, True, False, False], [True] * 4]
    assert filled[0, 2:].abs().sum() == 0


def test_batches_hold_each_pair_once() -> None:
    sources = [torch.full((n, 2), float(n)) for n in range(1, 12)]
    targets = [torch.full((n + 1,), n) for n in range(1, 12)]
    seen: list[int] = []
    for source, target, source_mask, target_mask in pair_batches(sources, targets, 30):
        lengths = source_mask.sum(1)
        assert torch.equal(lengths.float(), source[:, 0, 0]) and torch.equal(target_mask.sum(1), lengths + 1)
        assert len(source) == 1 or len(source) * int((2 * lengths + 1).max()) <= 30
        seen += target[:, 0].tolist()
        if len(seen) == 11:
            break
    assert sorted(seen) == list(range(1, 12))
    first, again = (list(itertools.islice(pair_batches(sources, targets, 30, 5), 9)) for _ in range(2))
    assert all(torch.equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
