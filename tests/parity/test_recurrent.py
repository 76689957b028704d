"""Our simple RNN and our LSTM against PyTorch's, with the same weights, both ways."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn
from torch.testing import assert_close

from largemodels.models.lstm import LSTM
from largemodels.models.rnn import RNN

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
D_INPUT, D_HIDDEN, N_LAYER, BATCH, TIME = 5, 7, 3, 4, 11

KINDS = ["rnn", "lstm", "lstm, loop"]


def pair(kind: str, n_layer: int = N_LAYER) -> tuple[nn.Module, nn.Module]:
    """A reference with random weights and biases, and our copy of it."""
    reference = nn.RNN if kind == "rnn" else nn.LSTM
    theirs = reference(D_INPUT, D_HIDDEN, n_layer, batch_first=True)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_(std=0.5)
    if kind == "rnn":
        return theirs, RNN.from_torch(theirs)
    ours = LSTM.from_torch(theirs)
    if kind == "lstm":
        return theirs, ours
    loop = LSTM(replace(ours.config, fused=False))
    loop.load_state_dict(ours.state_dict())
    return theirs, loop


def begin(kind: str, n_layer: int = N_LAYER) -> tuple[Tensor, Tensor | tuple[Tensor, Tensor]]:
    x = torch.randn(BATCH, TIME, D_INPUT)
    h, c = torch.randn(2, n_layer, BATCH, D_HIDDEN)
    return x, h if kind == "rnn" else (h, c)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_layer", [1, 3])
@pytest.mark.parametrize("given", [False, True], ids=["from zeros", "from a state"])
def test_states_and_gradients_agree(kind: str, n_layer: int, given: bool) -> None:
    theirs, ours = pair(kind, n_layer)
    x, state = begin(kind, n_layer)
    inputs = {name: x.clone().requires_grad_() for name in ("ours", "theirs")}
    results = {}
    for name, model in (("ours", ours), ("theirs", theirs)):
        out, last = model(inputs[name], state if given else None)
        parts = [out, *([last] if kind == "rnn" else last)]
        sum((part * torch.linspace(-1, 1, part.numel()).view_as(part)).sum() for part in parts).backward()
        results[name] = parts
    for mine, other in zip(results["ours"], results["theirs"], strict=True):
        assert_close(mine, other, rtol=1e-5, atol=1e-5)
    assert_close(inputs["ours"].grad, inputs["theirs"].grad, rtol=1e-4, atol=1e-4)
    for number, layer in enumerate(ours.layers):
        for part, name in ((layer.input, "ih"), (layer.recurrent, "hh")):
            weight, bias = (getattr(theirs, f"{kind_}_{name}_l{number}").grad for kind_ in ("weight", "bias"))
            assert_close(part.weight.grad, weight, rtol=1e-4, atol=1e-4)
            assert_close(part.bias.grad, bias, rtol=1e-4, atol=1e-4)


def transpose_recurrence(model: nn.Module) -> None:
    weight = model.layers[1].recurrent.weight
    square = weight[: model.config.d_hidden]
    square.copy_(square.T.clone())


def swap_gates_or_units(model: nn.Module) -> None:
    """Another order of the slices: for the LSTM forget gate and candidate, for the RNN two halves."""
    for part in (model.layers[0].input, model.layers[0].recurrent):
        for values in (part.weight, part.bias):
            slices = list(values.clone().split(len(values) // 4 + (len(values) % 4 > 0)))
            slices[1], slices[2] = slices[2], slices[1]
            values.copy_(torch.cat(slices))


def drop_a_bias(model: nn.Module) -> None:
    model.layers[2].recurrent.bias.zero_()


def swap_layers(model: nn.Module) -> None:
    model.layers[1].load_state_dict(
        dict(zip(model.layers[1].state_dict(), model.layers[2].state_dict().values(), strict=True))
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("perturb", [transpose_recurrence, swap_gates_or_units, drop_a_bias, swap_layers])
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(kind: str, perturb) -> None:
    theirs, ours = pair(kind)
    x, state = begin(kind)
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(x, state)[0], theirs(x, state)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_what_is_saved_loads_again(kind: str, tmp_path: Path) -> None:
    _, ours = pair(kind)
    save_model(ours, str(tmp_path / "model.safetensors"))
    again = type(ours)(ours.config)
    load_model(again, tmp_path / "model.safetensors")
    x, state = begin(kind)
    assert torch.equal(again(x, state)[0], ours(x, state)[0])


def test_the_two_share_no_memory() -> None:
    theirs, ours = pair("lstm")
    x, state = begin("lstm")
    before = theirs(x, state)[0]
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.zero_()
    assert_close(theirs(x, state)[0], before)


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        (RNN, lambda: nn.RNN(3, 4, nonlinearity="relu"), "nonlinearity = 'tanh'; the reference has 'relu'"),
        (RNN, lambda: nn.RNN(3, 4, bidirectional=True), "bidirectional = False; the reference has True"),
        (RNN, lambda: nn.RNN(3, 4, 2, dropout=0.2), "dropout = 0; the reference has 0.2"),
        (LSTM, lambda: nn.LSTM(3, 4, bias=False), "bias = True; the reference has False"),
        (LSTM, lambda: nn.LSTM(3, 4, proj_size=2), "proj_size = 0; the reference has 2"),
        (LSTM, lambda: nn.LSTM(3, 4, 2, dropout=0.3), "dropout = 0; the reference has 0.3"),
    ],
)
def test_what_ours_has_not_is_refused(ours, theirs, message: str) -> None:
    with pytest.raises(ValueError, match=f"Ours needs {message}"):
        ours.from_torch(theirs())


def test_the_advice_about_dropout_works() -> None:
    theirs = nn.LSTM(3, 4, 2, dropout=0.3).eval()
    with pytest.raises(ValueError, match="set it to 0 first"):
        LSTM.from_torch(theirs)
    theirs.dropout = 0
    x = torch.randn(5, 2, 3)
    assert_close(LSTM.from_torch(theirs)(x.transpose(0, 1))[0].transpose(0, 1), theirs(x)[0])


@pytest.mark.parametrize(("ours", "theirs"), [(RNN, nn.RNN), (LSTM, nn.LSTM)])
def test_precision_and_mode_are_kept(ours, theirs) -> None:
    reference = theirs(3, 4, 2, batch_first=True).double().eval()
    copy, x = ours.from_torch(reference), torch.randn(2, 5, 3, dtype=torch.float64)
    assert not copy.training
    assert_close(copy(x)[0], reference(x)[0], rtol=1e-12, atol=1e-12)
