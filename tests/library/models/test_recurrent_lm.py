from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from largemodels.data.copying import copy_batches, copy_vocab_size
from largemodels.models.lstm import LSTM, LSTMConfig
from largemodels.models.recurrent_lm import RecurrentLM, RecurrentLMConfig
from largemodels.models.rnn import RNN, RNNConfig
from largemodels.text.evaluation import evaluate
from largemodels.training.checkpoints import load_weights
from largemodels.training.config import TrainingConfig
from largemodels.training.loop import train

BOTH = pytest.mark.parametrize("cell", ["rnn", "lstm"])


@BOTH
def test_shapes_and_parameters(cell: str) -> None:
    model = RecurrentLM(RecurrentLMConfig(vocab_size=11, d_model=6, n_layer=2, cell=cell))
    assert model(torch.randint(11, (4, 7))).shape == (4, 7, 11)
    maps = 1 if cell == "rnn" else 4
    assert model.n_parameters() == 11 * 6 + 2 * maps * (2 * 36 + 12) + 6 * 11 + 11


@BOTH
def test_reading_in_pieces_is_reading_at_once(cell: str) -> None:
    model = RecurrentLM(RecurrentLMConfig(vocab_size=11, d_model=6, n_layer=2, cell=cell))
    tokens = torch.randint(11, (3, 9))
    state, pieces = None, []
    for part in tokens.split([4, 1, 4], dim=1):
        logits, state = model.step(part, state)
        pieces.append(logits)
    assert_close(torch.cat(pieces, dim=1), model(tokens))


@BOTH
def test_no_position_sees_what_comes_after_it(cell: str) -> None:
    model = RecurrentLM(RecurrentLMConfig(vocab_size=11, d_model=6, cell=cell))
    tokens = torch.randint(11, (2, 9))
    other = tokens.clone()
    other[:, 5:] = (other[:, 5:] + 1) % 11
    assert_close(model(tokens)[:, :5], model(other)[:, :5])
    assert not torch.allclose(model(tokens)[:, 5:], model(other)[:, 5:])


@BOTH
def test_targets_of_minus_100_do_not_count(cell: str) -> None:
    model = RecurrentLM(RecurrentLMConfig(vocab_size=11, d_model=6, cell=cell))
    tokens = torch.randint(11, (2, 5))
    targets = tokens.clone()
    targets[:, 3:] = -100
    assert_close(model.loss(tokens, targets), model.loss(tokens[:, :3], tokens[:, :3]))


@BOTH
def test_it_learns_to_copy_over_a_short_gap_and_is_saved(cell: str, tmp_path) -> None:
    config = RecurrentLMConfig(copy_vocab_size(4), d_model=24, cell=cell)
    torch.manual_seed(0)
    model = RecurrentLM(config)
    recipe = TrainingConfig(steps=150, learning_rate=5e-3, weight_decay=0.0, evaluate_every=150)
    train(model, lambda number: copy_batches(4, 1, 3, 32, seed=number), recipe, checkpoint=tmp_path)
    tokens, targets = next(copy_batches(4, 1, 3, 100, seed=1_000))
    assert (model(tokens)[:, -1].argmax(-1) == targets[:, -1]).float().mean() > 0.95
    again = RecurrentLM(config)
    load_weights(again, tmp_path)
    assert torch.equal(again(tokens), model(tokens))


def test_evaluate_takes_it() -> None:
    model = RecurrentLM(RecurrentLMConfig(vocab_size=11, d_model=6))
    assert evaluate(model, torch.randint(11, (60,)), 8, overlap=4) > 0


def test_forget_gates_begin_open() -> None:
    layer = LSTM(LSTMConfig(3, 5, forget_bias=2.5)).layers[0]
    bias = layer.input.bias + layer.recurrent.bias
    assert bias.tolist() == [0] * 5 + [2.5] * 5 + [0] * 10


def test_recurrent_weights_begin_as_turns() -> None:
    for weight in (
        RNN(RNNConfig(3, 5)).layers[0].recurrent.weight,
        *LSTM(LSTMConfig(3, 5)).layers[0].recurrent.weight.chunk(4),
    ):
        assert_close(weight @ weight.T, torch.eye(5))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (lambda: RNNConfig(3, 0), "d_hidden must be at least 1"),
        (lambda: LSTMConfig(3, 4, n_layer=0), "n_layer must be at least 1"),
        (lambda: RecurrentLMConfig(0, 4), "vocab_size must be at least 1"),
        (lambda: RecurrentLMConfig(3, 4, cell="gru"), "cell must be one of rnn, lstm"),
    ],
)
def test_errors_in_words(config, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config()
