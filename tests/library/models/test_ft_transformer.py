from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from largemodels.models.ft_transformer import FTTransformer, FTTransformerConfig


def model(**others: object) -> FTTransformer:
    sizes = dict(d_model=6, n_layer=2, n_head=3, d_hidden=5) | others
    return FTTransformer(FTTransformerConfig(2, (3, 4), **sizes))  # type: ignore[arg-type]


def test_a_token_is_a_number_times_a_vector_or_a_categorys_vector() -> None:
    tokenizer = model().tokenizer
    tokens = tokenizer(torch.tensor([[2.0, -1.0]]), torch.tensor([[1, 3]]))[0]
    assert tokens.shape == (4, 6)
    assert_close(tokens[1], -tokenizer.numeric[1] + tokenizer.columns[1])
    assert_close(tokens[2], tokenizer.categories[1] + tokenizer.columns[2])
    assert_close(
        tokens[3], tokenizer.categories[3 + 3] + tokenizer.columns[3]
    )  # after the three of the other column


def test_tables_of_one_kind_only() -> None:
    for numeric, categories in [(3, ()), (0, (2, 2))]:
        network = FTTransformer(FTTransformerConfig(numeric, categories, d_model=6, n_head=2))
        found = network(torch.randn(5, numeric), torch.zeros(5, len(categories), dtype=torch.long))
        assert found.shape == (5, 1)


def test_dropout_is_for_training_only() -> None:
    network = model(attention_dropout=0.5, hidden_dropout=0.5, residual_dropout=0.5)
    row = torch.randn(1, 2), torch.tensor([[0, 0]])
    assert not torch.equal(network(*row), network(*row))
    network.eval()
    assert torch.equal(network(*row), network(*row))


def test_the_loss_is_the_cross_entropy_of_the_logits() -> None:
    network = model().eval()
    numbers, categories, targets = torch.randn(4, 2), torch.zeros(4, 2).long(), torch.tensor([0.0, 1, 1, 0])
    chance = network(numbers, categories)[:, 0].sigmoid()
    expected = -(targets * chance.log() + (1 - targets) * (1 - chance).log()).mean()
    assert_close(network.loss(numbers, categories, targets), expected)


@pytest.mark.parametrize(
    ("numbers", "categories", "message"),
    [
        (
            torch.zeros(1, 3),
            torch.zeros(1, 2).long(),
            "2 columns of numbers and 2 of categories, not 3 and 2",
        ),
        (torch.zeros(1, 2), torch.zeros(1, 1).long(), "not 2 and 1"),
        (
            torch.zeros(1, 2),
            torch.tensor([[3, 0]]),
            "a number that its column",
        ),  # would be the other column's
        (torch.zeros(1, 2), torch.tensor([[0, -1]]), "a number that its column"),
    ],
)
def test_wrong_rows_are_refused(numbers: torch.Tensor, categories: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model()(numbers, categories)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(n_numeric=-1), "n_numeric"),
        (dict(n_numeric=0), "at least one column"),
        (dict(n_numeric=1, cardinalities=(2, 0)), "at least 1 value"),
        (dict(n_numeric=1, d_model=10, n_head=4), "multiple"),
        (dict(n_numeric=1, hidden_dropout=1.0), "hidden_dropout"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FTTransformerConfig(**settings)  # type: ignore[arg-type]
