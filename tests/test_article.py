"""What the audit of the article calls computed is computed here; `data/audit.toml` names these tests."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
import torch


def test_the_worked_example() -> None:
    """Section 4.5: the first line is right, the sign is lost in the second, the sum is not the printed one."""
    labels, probabilities = [0, 1, 0, 1], [0.2, 0.5, 0.3, 0.1]
    first = -sum(label * math.log(p) for label, p in zip(labels, probabilities, strict=True))
    second = math.log(0.5) + math.log(0.1)
    assert first == pytest.approx(math.log(2) + math.log(10)) == pytest.approx(-second)
    assert round(first, 3) == 2.996
    assert round(math.log(10), 3) == 2.303
    its_numbers = 0.693 + 2.302
    assert its_numbers == pytest.approx(2.995)


def _gpt2() -> torch.nn.Module:
    """A tiny model of the class that the article's program loads."""
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        n_layer=1, n_head=1, n_embd=4, vocab_size=7, n_positions=8, bos_token_id=0, eos_token_id=0
    )
    model: torch.nn.Module = transformers.GPT2LMHeadModel(config)
    return model


def test_the_model_returns_an_object_and_not_logits() -> None:
    """Section 5.2: the loss is given what the model returns."""
    returned = _gpt2()(torch.tensor([[1, 2, 3]]))
    assert not isinstance(returned, torch.Tensor)
    assert returned.logits.shape == (1, 3, 7)


def test_the_model_has_no_trainable_variables() -> None:
    """Section 5.2: the attribute is one of Keras."""
    model = _gpt2()
    assert isinstance(model, torch.nn.Module)
    assert not hasattr(model, "trainable_variables")


def test_a_line_of_text_is_no_pair() -> None:
    """Section 5.2: the loop of training takes each of the lines for a pair."""
    with pytest.raises(ValueError, match="too many values to unpack"):
        for inputs, labels in ["What's to do?"]:
            raise AssertionError((inputs, labels))
    for inputs, labels in ["Oh"]:
        assert (inputs, labels) == ("O", "h")


@pytest.mark.parametrize("character", ["好", "🙂"])
def test_bytes_of_a_character_are_no_text_alone(character: str) -> None:
    """Section 5.2: tokens of bytes are decoded one by one; each byte alone is no text."""
    parts = [bytes([byte]) for byte in character.encode()]
    assert len(parts) > 1
    assert b"".join(parts).decode() == character
    assert {part.decode(errors="replace") for part in parts} == {"\ufffd"}


def _tokenizer() -> Any:
    """A tokenizer of two words, of the library that the article's program uses."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    words = tokenizers.models.WordLevel({"a": 0, "b": 1}, unk_token="a")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(words))


def test_training_is_no_argument_of_the_model() -> None:
    """Section 5.2: the argument is one of Keras."""
    model = _gpt2().eval()
    assert "training" not in inspect.signature(model.forward).parameters
    assert not model.training


def test_a_nested_list_is_not_decoded() -> None:
    """Section 5.2: the list holds the array of the likeliest token, which has two dimensions."""
    tokenizer = _tokenizer()
    predictions = torch.tensor([[[0.0, 2.0]]]).topk(1).indices[:, -1]
    assert predictions.shape == (1, 1)
    assert tokenizer.decode(predictions[0].tolist()) == "b"
    with pytest.raises(TypeError):
        tokenizer.decode([predictions.numpy()])


def test_the_tokenizer_makes_no_arrays_of_tensorflow() -> None:
    """Section 5.2: later versions of the library refuse what the program asks for."""
    tokenizer = _tokenizer()
    assert tokenizer.encode("b", return_tensors="np").tolist() == [[1]]
    with pytest.raises(ValueError, match="tf"):
        tokenizer.encode("b", return_tensors="tf")
