"""Our encoder and decoder against PyTorch's LSTMs, a sequence at a time without padding, and attention by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from torch.testing import assert_close

import largemodels as lm
from largemodels.models.seq2seq import Conditioned, Seq2Seq, Seq2SeqConfig

from .random_weights import randomised

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
SOURCE, TARGET, D_MODEL, D_HIDDEN, D_ATTENTION = 11, 13, 5, 7, 3
LENGTHS, TIME = (4, 9, 1, 6), 8
BOTH = pytest.mark.parametrize("attention", [False, True], ids=["last state", "attention"])


def ours(attention: bool, n_layer: int = 2) -> Seq2Seq:
    return randomised(
        Seq2Seq(
            Seq2SeqConfig(
                SOURCE,
                TARGET,
                D_MODEL,
                D_HIDDEN,
                attention=attention,
                d_attention=D_ATTENTION,
                n_layer=n_layer,
            )
        )
    )


def as_torch(ours: nn.Module) -> nn.LSTM:
    theirs = nn.LSTM(ours.config.d_input, ours.config.d_hidden, ours.config.n_layer, batch_first=True)
    with torch.no_grad():
        for number, layer in enumerate(ours.layers):
            for part, name in ((layer.input, "ih"), (layer.recurrent, "hh")):
                getattr(theirs, f"weight_{name}_l{number}").copy_(part.weight)
                getattr(theirs, f"bias_{name}_l{number}").copy_(part.bias)
    return theirs


class Reference(nn.Module):
    """The same network, one source at a time, written with PyTorch's modules and sums by hand."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__()
        self.model = model
        self.encoder, self.decoder = as_torch(model.encoder), as_torch(model.decoder)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """``(source,)`` without padding and ``(time,)`` to ``(time, vocab)``."""
        m = self.model
        states, last = self.encoder(m.source_embedding.weight[source][None])
        rows = []
        for token in target:
            x = m.target_embedding.weight[token]
            context = x.new_zeros(0)
            if m.attention is not None:
                query = m.attention.query.weight @ last[0][-1, 0]
                scores = [
                    m.attention.score.weight[0] @ torch.tanh(query + m.attention.key.weight @ state)
                    for state in states[0]
                ]
                total = sum(torch.exp(score) for score in scores)
                context = sum(
                    torch.exp(score) / total * state for score, state in zip(scores, states[0], strict=True)
                )
            out, last = self.decoder(torch.cat([x, context])[None, None], last)
            rows.append(m.head.weight @ torch.cat([out[0, 0], context]) + m.head.bias)
        return torch.stack(rows)


def example() -> tuple[Tensor, Tensor]:
    source = torch.randint(1, SOURCE, (len(LENGTHS), max(LENGTHS)))
    for row, length in enumerate(LENGTHS):
        source[row, length:] = 0
    return source, torch.randint(1, TARGET, (len(LENGTHS), TIME))


def apart(model: Seq2Seq, reference: Reference, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    theirs = torch.stack([reference(row[:n], t) for row, n, t in zip(source, LENGTHS, target, strict=True)])
    return model(source, target), theirs


@BOTH
@pytest.mark.parametrize("n_layer", [1, 2])
def test_logits_and_gradients_agree(attention: bool, n_layer: int) -> None:
    model = ours(attention, n_layer)
    reference = Reference(model)
    source, target = example()
    weight = torch.linspace(-1, 1, len(LENGTHS) * TIME * TARGET).view(len(LENGTHS), TIME, TARGET)
    mine, theirs = apart(model, reference, source, target)
    assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    (mine * weight).sum().backward()
    found = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()
    (theirs * weight).sum().backward()
    for name, parameter in model.named_parameters():
        if not name.startswith(("encoder", "decoder")):
            assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-4)
    for part in ("encoder", "decoder"):
        for number in range(n_layer):
            for layer, short in (("input", "ih"), ("recurrent", "hh")):
                for kind in ("weight", "bias"):
                    grad = getattr(getattr(reference, part), f"{kind}_{short}_l{number}").grad
                    assert_close(found[f"{part}.layers.{number}.{layer}.{kind}"], grad, rtol=1e-4, atol=1e-4)


def swap_gates(model: Seq2Seq) -> None:
    weight = model.encoder.layers[0].recurrent.weight
    weight.copy_(weight.roll(D_HIDDEN, dims=0))


def swap_query_and_key(model: Seq2Seq) -> None:
    query, key = model.attention.query.weight, model.attention.key.weight
    kept = query.clone()
    query.copy_(key)
    key.copy_(kept)


def swap_context_and_token(model: Seq2Seq) -> None:
    weight = model.decoder.layers[0].input.weight
    weight.copy_(weight.roll(D_MODEL, dims=1))


@pytest.mark.parametrize("change", [swap_gates, swap_query_and_key, swap_context_and_token])
def test_another_layout_is_noticed(change) -> None:
    model, other = ours(True), ours(True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # so that the attention is far from even
        other.load_state_dict(model.state_dict())
        change(model)
    reference = Reference(other)
    mine, theirs = apart(model, reference, *example())
    assert (mine - theirs).abs().max() > 1e-3


@BOTH
def test_padding_changes_nothing(attention: bool) -> None:
    model = ours(attention)
    source, target = example()
    more = torch.cat([source, source.new_zeros(len(source), 5)], dim=1)
    assert_close(model(more, target), model(source, target), rtol=1e-5, atol=1e-5)
    longer = torch.cat([target, target.new_zeros(len(target), 3)], dim=1)
    assert_close(model.loss(source, longer), model.loss(source, target), rtol=1e-5, atol=1e-5)


@BOTH
def test_steps_give_what_the_whole_gives_and_beams_are_at_least_as_likely(attention: bool) -> None:
    model = ours(attention)
    source, _ = example()
    start = torch.ones(len(source), 1, dtype=torch.long)
    said = lm.generate(Conditioned(model, source), start, TIME, temperature=0)
    assert_close(model(source, said[:, :-1]).argmax(dim=-1), said[:, 1:])

    def likelihood(tokens: Tensor) -> Tensor:
        logs = model(source, tokens[:, :-1]).log_softmax(dim=-1)
        return logs.gather(2, tokens[:, 1:, None]).sum(dim=(1, 2))

    one = lm.beam_search(Conditioned(model, source), start, TIME, 1)
    assert_close(one, said)
    wide = lm.beam_search(Conditioned(model, source), start, TIME, TARGET**2)
    assert (likelihood(wide) >= likelihood(said) - 1e-4).all()


def test_saved_and_loaded(tmp_path: Path) -> None:
    model, other = ours(True), ours(True)
    save_model(model, tmp_path / "model.safetensors")
    load_model(other, tmp_path / "model.safetensors")
    assert_close(other(*example()).shape, model(*example()).shape)
    source, target = example()
    assert_close(other(source, target), model(source, target))


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="d_hidden must be at least 1"):
        Seq2SeqConfig(3, 3, 4, 0)
    with pytest.raises(ValueError, match="not padded"):
        Conditioned(ours(True), example()[0]).hidden(torch.ones(4, 1, dtype=torch.long), torch.ones(4, 1))
