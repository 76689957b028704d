"""Our CTC against torch's, and its decoders and templates against counting everything."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from largemodels.models.templates import warping_distances
from largemodels.objectives import ctc


@pytest.mark.parametrize("text", [[1, 1, 3, 2], [4], [2, 3, 2]])
def test_loss_and_gradient(text: list[int]) -> None:
    torch.manual_seed(len(text))
    logits = torch.randn(9, 5, dtype=torch.double, requires_grad=True)
    log_probs, numbers = logits.log_softmax(-1), torch.tensor(text)
    ours = ctc.ctc_loss(log_probs, numbers)
    theirs = F.ctc_loss(
        log_probs, numbers[None], torch.tensor([9]), torch.tensor([len(text)]), reduction="sum"
    )
    torch.testing.assert_close(ours, theirs)
    (a,) = torch.autograd.grad(ours, logits, retain_graph=True)
    (b,) = torch.autograd.grad(theirs, logits)
    torch.testing.assert_close(a, b)


def test_decoders_find_what_counting_finds() -> None:
    torch.manual_seed(0)
    log_probs = torch.randn(6, 4).log_softmax(-1)
    paths = {
        path: float(sum(log_probs[t, k] for t, k in enumerate(path)))
        for path in itertools.product(range(4), repeat=6)
    }
    texts: Counter[tuple[int, ...]] = Counter()
    for path, score in paths.items():
        texts[tuple(ctc.collapse(list(path)))] += float(torch.tensor(score).exp())
    likeliest, chance = max(texts.items(), key=lambda it: it[1])
    assert tuple(ctc.beam_search(log_probs, 10_000, n_letters=4)) == likeliest
    loss = ctc.ctc_loss(log_probs, torch.tensor(likeliest))
    assert float(loss.exp()) == pytest.approx(1 / chance, rel=1e-4)
    ours = tuple(ctc.alignment(log_probs, torch.tensor(likeliest)))
    assert ours == max(
        (path for path in paths if tuple(ctc.collapse(list(path))) == likeliest), key=paths.__getitem__
    )
    assert ctc.greedy(log_probs) == ctc.collapse(list(max(paths, key=paths.__getitem__)))


def test_a_model_of_letters_helps() -> None:
    log_probs = torch.tensor([[0.1, 0.5, 0.4], [0.8, 0.1, 0.1]]).log()
    assert ctc.beam_search(log_probs) == [1]
    only_second = torch.tensor([0.0, 0.01, 0.99]).clamp(min=1e-9).log()
    assert ctc.beam_search(log_probs, language=lambda _: only_second) == [2]


def test_a_text_that_does_not_fit() -> None:
    log_probs = torch.zeros(3, 4).log_softmax(-1)
    assert ctc.ctc_loss(log_probs, torch.tensor([1, 1, 2])) > 1e20
    with pytest.raises(ValueError, match="does not fit"):
        ctc.alignment(log_probs, torch.tensor([1, 1, 2]))
    with pytest.raises(ValueError, match="no letters"):
        ctc.encode("a1")


def test_warping_is_the_cheapest_path() -> None:
    torch.manual_seed(0)
    x, templates = torch.randn(7, 3), [torch.randn(n, 3) for n in (4, 9, 1)]
    wanted = []
    for it in templates:
        distance = torch.cdist(x, it)
        cost = torch.full(distance.shape, torch.inf)
        for i, j in itertools.product(range(len(x)), range(len(it))):
            ways = [2 * distance[0, 0]] if i == j == 0 else []
            ways += [cost[i - 1, j] + distance[i, j]] if i else []
            ways += [cost[i, j - 1] + distance[i, j]] if j else []
            ways += [cost[i - 1, j - 1] + 2 * distance[i, j]] if i and j else []
            cost[i, j] = min(ways)
        wanted.append(cost[-1, -1] / (len(x) + len(it)))
    torch.testing.assert_close(warping_distances(x, templates), torch.stack(wanted))
