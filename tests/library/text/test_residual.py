"""A network beside an n-gram model: what it adds up to, and that no count knows the token that it predicts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import largemodels as lm
from largemodels.models.ngram import MISSING, _Order
from largemodels.text.generation import beam_search, generate, pad
from largemodels.text.residual import HeldOut, ResidualLM
from largemodels.training.checkpoints import CheckpointError, load_weights
from largemodels.training.optimizers import matrices

VOCAB, CONTEXT = 7, 9
NETWORKS = pytest.mark.parametrize("kind", ["gpt", "lstm"])


def some_text(n: int = 400, seed: int = 0) -> Tensor:
    """Tokens in which counting finds something: each is likely to be one more than the one before."""
    jumps = torch.randint(VOCAB, (n,), generator=torch.Generator().manual_seed(seed))
    return torch.cumsum(torch.where(jumps < 5, 1, jumps), 0) % VOCAB


def residual(kind: str = "gpt", order: int = 4, text: Tensor | None = None) -> ResidualLM:
    """Random weights, large enough for both parts to matter."""
    torch.manual_seed(3)
    network: lm.GPT | lm.RecurrentLM
    if kind == "gpt":
        sizes = {"context_length": CONTEXT, "n_layer": 2, "n_head": 2, "d_model": 8}
        network = lm.GPT(lm.GPTConfig(VOCAB, **sizes, tied_head=False))
    else:
        network = lm.RecurrentLM(lm.RecurrentLMConfig(VOCAB, d_model=10))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.5)
    model = ResidualLM(network, lm.NGram(order, VOCAB).fit(some_text() if text is None else text))
    torch.nn.init.normal_(model.gate.weight, std=0.2)
    return model.eval()


def silenced(model: ResidualLM) -> ResidualLM:
    """No logits, and all weight on the highest order."""
    for parameter in (*model.network.head.parameters(), model.gate.weight):
        torch.nn.init.zeros_(parameter)
    return model


def held(text: Tensor, order: int, folds: int = 10) -> HeldOut:
    return HeldOut(lm.NGram(order, VOCAB).fit(text), text, folds)


# What both parts add up to.


@NETWORKS
@pytest.mark.parametrize("order", [1, 2, 4])
@torch.no_grad()
def test_without_logits_it_is_the_ngram_model(kind: str, order: int) -> None:
    model, text = silenced(residual(kind, order)), some_text(6, seed=1)
    predicted = model(text[None, :-1]).log_softmax(-1)[0].gather(1, text[1:, None])[:, 0]
    np.testing.assert_allclose(predicted, model.ngram.log_probs(text)[1:], rtol=1e-5)


@NETWORKS
@torch.no_grad()
def test_logits_are_the_networks_plus_weighted_log_probabilities(kind: str) -> None:
    """Order by order, by models of that order; those below the highest count what comes before, not how often."""
    model, tokens = residual(kind, order=3), some_text(3 * CONTEXT, seed=2).view(3, CONTEXT)
    states = model.network.hidden(tokens, None, None)
    expected = model.network.logits(states)
    for order in (1, 2, 3):
        lower = lm.NGram(order, VOCAB)
        lower._orders = model.ngram._orders[:order]
        probs = np.stack([[lower.next_probs(row[: t + 1]) for t in range(CONTEXT)] for row in tokens])
        weight = model.gate(states)[..., order - 1, None]
        expected = expected + weight * torch.from_numpy(np.log(probs)).float()
    torch.testing.assert_close(model(tokens), expected)


@torch.no_grad()
def test_low_precision_leaves_the_log_probabilities_alone() -> None:
    model, tokens = residual(), some_text(CONTEXT)[None]
    exact = model.hidden(tokens)[..., model.gate.in_features :]
    half = model.bfloat16()
    assert torch.equal(half.hidden(tokens)[..., model.gate.in_features :], exact)
    assert half(tokens).dtype == torch.float32


# Generation.


def without_cache(model: ResidualLM, text: Tensor, n_new: int) -> Tensor:
    """Greedy, everything computed anew for each token."""
    for _ in range(n_new):
        seen = text[:, -CONTEXT:] if model.context_length else text
        text = torch.cat([text, model(seen)[:, -1].argmax(-1, keepdim=True)], dim=1)
    return text


@NETWORKS
@pytest.mark.parametrize("order", [1, 2, 4])
@torch.no_grad()
def test_greedy_text_is_that_of_full_recomputation(kind: str, order: int) -> None:
    """Also beyond the context, where the n-gram model, too, sees only the window."""
    model, prompt = residual(kind, order), some_text(6, seed=4).view(2, 3)
    assert torch.equal(generate(model, prompt, 14, temperature=0), without_cache(model, prompt, 14))


@NETWORKS
@torch.no_grad()
def test_padding_changes_nothing(kind: str) -> None:
    model = residual(kind)
    prompts = [some_text(n, seed=n) for n in (1, 2, 4)]
    tokens, mask = pad(prompts)
    together = generate(model, tokens, 4, temperature=0, mask=mask)
    for row, prompt in zip(together, prompts, strict=True):
        alone = generate(model, prompt[None], 4, temperature=0)[0]
        assert torch.equal(row[-4:], alone[-4:])


@torch.no_grad()
def test_beams_take_their_last_tokens_along() -> None:
    model, prompt = residual(), some_text(4, seed=5).view(2, 2)
    best = beam_search(model, prompt, 3, n_beam=VOCAB**2)
    for row, start in zip(best, prompt, strict=True):
        every = torch.cartesian_prod(*[torch.arange(VOCAB)] * 3)
        texts = torch.cat([start.expand(len(every), -1), every], dim=1)
        scores = model(texts[:, :-1]).log_softmax(-1).gather(2, texts[:, 1:, None])[:, 1:].sum((1, 2))
        assert torch.equal(row, texts[scores.argmax()])


# Training: counts of the other folds.


def counted_without(text: list[int], ends: range, order: int) -> lm.NGram:
    """A model that has counted the n-grams one by one, but for those that end at these positions."""
    model = lm.NGram(order, VOCAB)
    grams = [text[end - order + 1 : end + 1] for end in range(order - 1, len(text)) if end not in ends]
    keys = [sum(token * VOCAB ** (order - 1 - i) for i, token in enumerate(gram)) for gram in grams]
    ngrams, counts = np.unique(keys, return_counts=True)
    model._orders = [_Order.counted(ngrams, counts, VOCAB)]
    for n in range(order - 1, 0, -1):
        ngrams, counts = np.unique(ngrams % VOCAB**n, return_counts=True)
        model._orders.insert(0, _Order.counted(ngrams, counts, VOCAB))
    return model


def test_each_target_is_predicted_by_counts_without_its_fold() -> None:
    """Position by position, from an n-gram model that was fitted on the other n-grams one by one."""
    text, order, folds = some_text(53), 3, 4
    held_out = held(text, order, folds)
    windows = torch.stack([torch.arange(start, start + 7) for start in (1, 9, 24, 46)])
    inputs, targets, log_probs = next(held_out.batches([(windows[:, :-1], windows[:, 1:])]))
    assert torch.equal(inputs, text[windows[:, :-1]])
    assert torch.equal(targets, text[windows[:, 1:]])
    borders = [2, 14, 27, 40, 53]  # the first two tokens end no trigram
    for row, window in enumerate(windows):
        for column, position in enumerate(window[1:].tolist()):
            (fold,) = (k for k in range(folds) if borders[k] <= position < borders[k + 1])
            own = range(borders[fold], borders[fold + 1])
            expected = counted_without(text.tolist(), own, order).next_probs(inputs[row, : column + 1])
            np.testing.assert_allclose(log_probs[row, column, -1].exp(), expected, rtol=1e-5)


def test_a_planted_string_is_unknown_in_its_own_fold() -> None:
    """Token 6 occurs only in 6 6 6, so the counts of the other folds predict it as one that never occurs."""
    text = some_text() % 6
    text[270:273] = 6
    held_out = held(text, 3, folds=8)  # of 50 tokens
    window = torch.arange(266, 276)[None]
    inputs, targets, log_probs = next(held_out.batches([(window[:, :-1], window[:, 1:])]))
    planted = log_probs[0, targets[0] == 6, -1, 6]
    other = text.clone()
    other[270:273] = 0  # a text without it, whose other folds are the same
    never = held(other, 3, folds=8).models[5]
    expected = [never.next_probs(inputs[0, : 4 + i])[6] for i in range(3)]
    np.testing.assert_allclose(planted.exp(), expected, rtol=1e-5)
    whole = lm.NGram(3, VOCAB).fit(text).log_probs(text)[270:273]
    assert whole[1:].min() > planted[1:].max() + 1  # counts of the whole text give it away
    same = [
        a.fingerprint() == b.fingerprint()
        for a, b in zip(held_out.models, held(other, 3, folds=8).models, strict=True)
    ]
    assert same == [fold == 5 for fold in range(8)]  # all others have counted it


@torch.no_grad()
def test_evaluation_uses_all_counts() -> None:
    text = some_text(5 * CONTEXT + 1)
    model = residual(text=text)
    expected = torch.nn.functional.cross_entropy(
        model(text[:-1].view(5, CONTEXT)).flatten(0, 1), text[1:].flatten()
    )
    assert lm.evaluate(model, text, CONTEXT) == pytest.approx(expected.item(), rel=1e-5)
    held_out = held(text, 4, folds=5)
    windows = held_out.positions[:-1].view(5, CONTEXT)
    batch = next(held_out.batches([(windows, windows + 1)]))
    assert model.loss(*batch) > expected + 0.1


def test_the_first_step_starts_at_the_loss_of_counting() -> None:
    text = some_text(3_000)
    model, held_out = residual(text=text[:2_000]), held(text[:2_000], 4)
    silenced(model)
    windows = partial(lm.batches, held_out.positions, 8, CONTEXT, 0)
    (inputs, targets, log_probs) = next(held_out.batches(windows()))
    counted = -log_probs[:, :, -1].gather(2, targets[..., None]).mean()
    torch.testing.assert_close(model.loss(inputs, targets, log_probs), counted)
    config = lm.TrainingConfig(steps=60, learning_rate=1e-2, evaluate_every=60)
    history = lm.train(
        model,
        held_out.batches(windows()),
        config,
        lambda: {"loss": lm.evaluate(model, text[2_000:], CONTEXT)},
    )
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def test_muon_leaves_gate_and_head_to_adamw() -> None:
    model = residual()
    by_muon = {id(weight) for group in matrices(model) for weight in group["params"]}
    assert id(model.network.blocks[0].mlp.expand.weight) in by_muon
    assert not by_muon & {id(model.gate.weight), id(model.network.head.weight)}


class Stop(Exception):
    """Ends a run in the middle."""


def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    text = some_text(500)
    held_out = held(text, 3)
    config = lm.TrainingConfig(steps=8, learning_rate=1e-2, evaluate_every=2, save_every=4, optimizer="muon")

    def batches(number: int):
        return held_out.batches(lm.batches(held_out.positions, 4, CONTEXT, 0, number))

    def stopped(number: int):
        for batch, left in zip(batches(number), range(6, -1, -1), strict=False):
            if not left:
                raise Stop
            yield batch

    whole, parts = residual(text=text, order=3), residual(text=text, order=3)
    lm.train(whole, batches, config, checkpoint=tmp_path / "whole")
    with pytest.raises(Stop):
        lm.train(parts, stopped, config, checkpoint=tmp_path / "parts")
    again = residual(text=text, order=3)
    lm.train(again, batches, config, checkpoint=tmp_path / "parts")
    for expected, got in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(expected, got)


# Saving and loading.


def test_weights_load_only_beside_the_same_counts(tmp_path: Path) -> None:
    text = some_text(300)
    held_out, model = held(text, 4), residual(text=text)

    def batches(number: int):
        return held_out.batches(lm.batches(held_out.positions, 4, CONTEXT, 0, number))

    lm.train(model, batches, lm.TrainingConfig(steps=2), checkpoint=tmp_path)
    loaded = residual(text=text)
    load_weights(loaded, tmp_path)
    tokens = some_text(CONTEXT, seed=9)[None]
    assert torch.equal(loaded.eval()(tokens), model.eval()(tokens))
    with pytest.raises(CheckpointError, match="counts"):
        load_weights(residual(text=some_text(300, seed=1)), tmp_path)
    with pytest.raises(CheckpointError, match="order"):
        load_weights(residual(text=text, order=3), tmp_path)


def test_errors_in_words() -> None:
    with pytest.raises(ValueError, match="call fit first"):
        lm.NGram(2, VOCAB).distributions(np.array([[MISSING]]))
    with pytest.raises(ValueError, match="call fit first"):
        ResidualLM(residual().network, lm.NGram(2, VOCAB))
    with pytest.raises(ValueError, match="folds must be at least 2"):
        held(some_text(), 2, folds=1)
    windows = torch.arange(CONTEXT)[None]
    with pytest.raises(ValueError, match="3-gram model, but this one has order 4"):
        residual().loss(*next(held(some_text(), 3).batches([(windows, windows + 1)])))
    with pytest.raises(ValueError, match="too few for 10 folds"):
        held(some_text(10), 4)
    with pytest.raises(ValueError, match="not counted"):
        HeldOut(lm.NGram(3, VOCAB).fit(some_text()), some_text(seed=1))
    with pytest.raises(ValueError, match="no n-gram is left"):
        next(lm.NGram(3, VOCAB).fit(some_text()).without([some_text()]))
    with pytest.raises(ValueError, match="vocabular"):
        ResidualLM(residual().network, lm.NGram(2, VOCAB + 1).fit(some_text()))
