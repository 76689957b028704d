from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from largemodels.models.gpt import GPT, GPTConfig
from largemodels.text.generation import generate
from largemodels.text.tokenizers import ByteBPE, CharTokenizer
from largemodels.text.writing import _Text, complete, stream

CHARACTERS = CharTokenizer("abcdefg\n")
BYTES = ByteBPE.train(["naïve café 🙂 to be or not to be " * 3], 280)


def model(vocab_size: int, context_length: int = 40) -> GPT:
    torch.manual_seed(1)
    sizes = dict(context_length=context_length, n_layer=2, n_head=3, d_model=18, tied_head=False)
    gpt = GPT(GPTConfig(vocab_size=vocab_size, **sizes))
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.normal_(std=0.5)
    return gpt


def test_the_pieces_are_the_decoded_tokens() -> None:
    gpt = model(CHARACTERS.vocab_size)
    pieces = list(stream(gpt, CHARACTERS, "abc", 12, temperature=0))
    tokens = generate(gpt, CHARACTERS.encode("abc")[None], 12, 0)[0, 3:]
    assert "".join(pieces) == CHARACTERS.decode(tokens)
    assert [len(piece) for piece in pieces] == [1] * 12 + [0]


def test_a_piece_comes_before_the_next_is_computed() -> None:
    gpt, calls = model(CHARACTERS.vocab_size), []
    gpt.final_norm.register_forward_hook(lambda *_: calls.append(1))
    pieces = stream(gpt, CHARACTERS, "abc", 12)
    for n in range(1, 4):
        next(pieces)
        assert len(calls) == n


def feed(tokenizer, tokens: list[int], stop: list[str]) -> list[str]:
    """The pieces of a text that is given token by token."""
    text = _Text(tokenizer, stop)
    pieces = []
    for token in tokens:
        pieces.append(text.add(token))
        if text.ended:
            return pieces
    return [*pieces, text.rest()]


@settings(deadline=None)
@given(
    written=st.text(alphabet="abc", max_size=12),
    stop=st.lists(st.text(alphabet="abc", min_size=1, max_size=4)),
)
def test_a_stop_string_ends_the_text_wherever_tokens_are_cut(written: str, stop: list[str]) -> None:
    """Compared with looking through every beginning of the text, which needs no waiting."""
    beginnings = (written[:end] for end in range(len(written) + 1))
    wanted = written
    for begun in beginnings:
        if found := [begun.find(some) for some in stop if some in begun]:
            wanted = begun[: min(found)]
            break
    assert "".join(feed(CHARACTERS, CHARACTERS.encode(written).tolist(), stop)) == wanted


def test_what_could_begin_a_stop_string_waits() -> None:
    assert feed(CHARACTERS, CHARACTERS.encode("abcabd").tolist(), ["abd"]) == ["", "", "abc", "", "", ""]
    assert feed(CHARACTERS, CHARACTERS.encode("aab").tolist(), ["ac"]) == ["", "a", "ab", ""]


@settings(deadline=None)
@given(st.text(max_size=20))
def test_characters_come_whole(written: str) -> None:
    pieces = feed(BYTES, BYTES.encode(written).tolist(), [])
    assert "".join(pieces) == written
    if "\ufffd" not in written:
        assert not any("\ufffd" in piece for piece in pieces)


def test_half_a_character_at_the_end_is_shown_as_such() -> None:
    tokens = BYTES.encode("🙈").tolist()
    assert len(tokens) > 1
    assert feed(BYTES, tokens[:-1], [])[-1].startswith("\ufffd")


def test_the_end_of_the_text_ends_it_and_is_not_shown() -> None:
    tokens = [*BYTES.encode("to be").tolist(), BYTES.end_of_text, *BYTES.encode("or").tolist()]
    assert "".join(feed(BYTES, tokens, [])) == "to be"
    assert "".join(feed(BYTES, tokens, ["bee"])) == "to be"  # what waited is given at the end


@pytest.mark.parametrize("kind", ["characters", "byte pairs"])
def test_several_prompts_give_what_each_gives_alone(kind: str) -> None:
    tokenizer = CHARACTERS if kind == "characters" else BYTES
    gpt = model(tokenizer.vocab_size)
    prompts = ["abcdefg", "c", "fga"]
    stop = ["".join(stream(gpt, tokenizer, "c", 9, temperature=0))[2:4]]
    options: dict = {"stop": stop, "temperature": 0, "repetition_penalty": 1.2}
    together = complete(gpt, tokenizer, prompts, 9, **options)
    assert together == ["".join(stream(gpt, tokenizer, prompt, 9, **options)) for prompt in prompts]
    assert not any(stop[0] in some for some in together)


def test_it_ends_when_all_have_stopped() -> None:
    gpt, calls = model(CHARACTERS.vocab_size), []
    gpt.final_norm.register_forward_hook(lambda *_: calls.append(1))
    assert complete(gpt, CHARACTERS, ["a", "bc"], 30, stop=list("abcdefg\n")) == ["", ""]
    assert len(calls) == 1


def test_the_text_goes_on_beyond_the_context() -> None:
    gpt = model(CHARACTERS.vocab_size, context_length=4)
    options: dict = {"temperature": 0}
    assert len("".join(stream(gpt, CHARACTERS, "abcdefgabc", 20, **options))) == 20
    (short,) = complete(gpt, CHARACTERS, ["gabc"], 20, **options)
    assert complete(gpt, CHARACTERS, ["abcdefgabc"], 20, **options) == [short]  # only the last 4 are seen


def test_a_generator_makes_it_repeatable() -> None:
    gpt = model(CHARACTERS.vocab_size)
    one, two, three = (
        complete(gpt, CHARACTERS, ["ab", "c"], 20, generator=torch.Generator().manual_seed(seed), top_p=0.9)
        for seed in (0, 0, 1)
    )
    assert one == two != three


def test_stopping_early_leaves_the_model_as_it_was() -> None:
    gpt = model(CHARACTERS.vocab_size).train()
    assert len(list(itertools.islice(stream(gpt, CHARACTERS, "a", 9), 2))) == 2
    assert gpt.training


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        ("", {}, "[Pp]rompt is empty"),
        ("xyz", {}, "No token for 'x' 'y' 'z'"),
        ("a", {"stop": "abc"}, "stop must be a list of strings"),
        ("a", {"stop": [""]}, "not empty"),
        ("a", {"temperature": -1}, "temperature"),
        ("a", {"top_p": 2}, "top_p"),
    ],
)
def test_bad_input_is_refused_in_words(prompt: str, options: dict, message: str) -> None:
    gpt = model(CHARACTERS.vocab_size)
    with pytest.raises(ValueError, match=message):
        stream(gpt, CHARACTERS, prompt, 3, **options)
    with pytest.raises(ValueError, match=message):
        complete(gpt, CHARACTERS, ["a", prompt], 3, **options)


def test_no_prompt_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="prompt"):
        complete(model(CHARACTERS.vocab_size), CHARACTERS, [], 3)
