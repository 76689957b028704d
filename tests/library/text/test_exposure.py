"""Exposure, against the probabilities of whole texts."""

from __future__ import annotations

import torch

from largemodels.models.gpt import GPT, GPTConfig
from largemodels.text.exposure import code_log_probabilities, exposure
from largemodels.text.tokenizers import CharTokenizer


def test_codes_have_the_probability_of_their_digits() -> None:
    torch.manual_seed(0)
    tokenizer = CharTokenizer("9876543210 code")
    config = GPTConfig(tokenizer.vocab_size, 16, n_layer=1, n_head=2, d_model=8, embedding_std=0.5)
    model = GPT(config)
    found = code_log_probabilities(model, tokenizer, "code ", 3)
    assert found.shape == (1000,)
    for code in (0, 7, 48, 905):
        tokens = tokenizer.encode(f"code {code:03d}")
        with torch.no_grad():
            each = model(tokens[None, :-1])[0].log_softmax(-1)
        expected = sum(each[place, tokens[place + 1]] for place in (4, 5, 6))
        torch.testing.assert_close(found[code], expected)


def test_exposure_is_in_bits_of_the_rank() -> None:
    values = torch.tensor([0.1, 0.4, 0.2, 0.3])
    assert [exposure(values, it) for it in (1, 3, 0)] == [2.0, 1.0, 0.0]


class Backwards(CharTokenizer):
    """A tokenizer in which larger digits are smaller tokens."""

    def encode(self, text: str) -> torch.Tensor:
        return self.vocab_size - 1 - super().encode(text)


def test_codes_are_in_the_order_of_the_numbers_not_of_the_tokens() -> None:
    torch.manual_seed(0)
    tokenizer = Backwards("0123456789 code")
    model = GPT(GPTConfig(tokenizer.vocab_size, 16, n_layer=1, n_head=2, d_model=8, embedding_std=0.5))
    found = code_log_probabilities(model, tokenizer, "code ", 2)
    assert not found.requires_grad
    for code in (3, 48, 90):
        tokens = tokenizer.encode(f"code {code:02d}")
        each = model(tokens[None, :-1])[0].log_softmax(-1).detach()
        expected = each[4, tokens[5]] + each[5, tokens[6]]
        torch.testing.assert_close(found[code], expected)
