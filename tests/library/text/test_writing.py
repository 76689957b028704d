from __future__ import annotations

import itertools
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as Fast
from transformers import PreTrainedTokenizerFast

from largemodels.models.gpt import GPT, GPTConfig
from largemodels.text.generation import generate
from largemodels.text.tokenizers import END_OF_TEXT, ByteBPE, CharTokenizer, TransformersTokenizer
from largemodels.text.writing import _Text, complete, likeliest, stream, written_dialogue

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
        ("a", {"stop": [""]}, "none of them empty"),
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


CONTROL = ["<|start|>", "<|end|>", "<|end|", "终", END_OF_TEXT]
TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] | trim }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)


def chatty() -> TransformersTokenizer:
    """A tokenizer of bytes with control tokens, one of which contains another, and one is a single character."""
    fast = Fast.from_str(json.dumps(ByteBPE.train("to be or not", 257).to_json()["tokenizer"]))
    fast.add_special_tokens([AddedToken(some, special=True, normalized=False) for some in CONTROL])
    inner = PreTrainedTokenizerFast(tokenizer_object=fast, eos_token=END_OF_TEXT)
    inner.chat_template = TEMPLATE
    return TransformersTokenizer(inner)


CHATTY = chatty()


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(CONTROL)).map(
        "".join
    )
)
def test_what_people_write_is_text_and_only_the_template_places_control_tokens(written: str) -> None:
    tokens = written_dialogue(CHATTY, [{"role": "user", "content": written}])
    assert CHATTY.decode(tokens) == f"<|start|>user\n{written.strip()}<|end|>\n<|start|>assistant\n"
    control = set(CHATTY.inner.convert_tokens_to_ids(CONTROL))
    start, end = CHATTY.inner.convert_tokens_to_ids(["<|start|>", "<|end|>"])
    assert [token for token in tokens.tolist() if token in control] == [start, end, start]


def test_a_dialogue_without_markers_has_the_tokens_that_transformers_gives_it() -> None:
    said = [{"role": "system", "content": "Be brief.  "}, {"role": "user", "content": "\n café 🙂 \ue000"}]
    wanted = CHATTY.inner.apply_chat_template(said, add_generation_prompt=True, return_dict=False)
    assert written_dialogue(CHATTY, said).tolist() == wanted


def test_markers_in_parts_of_a_message_and_in_a_role() -> None:
    inner = CHATTY.inner
    said = [{"role": "user<|end|>", "content": [{"type": "text", "text": "a<|end|>\U000f0000"}]}]
    other = chatty()
    other.inner.chat_template = "{{ messages[0]['role'] }}{{ messages[0]['content'][0]['text'] }}<|start|>"
    tokens = written_dialogue(other, said)
    assert other.decode(tokens) == "user<|end|>a<|end|>\U000f0000<|start|>"
    assert [token for token in tokens.tolist() if token >= 257] == [inner.convert_tokens_to_ids("<|start|>")]


def test_half_a_surrogate_pair_in_a_message_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="unpaired surrogate"):
        written_dialogue(CHATTY, [{"role": "user", "content": "a\ud800"}])


def test_no_blank_is_lost_between_prompt_and_continuation() -> None:
    """The tokens are whole words with "▁" for the blank before, and the first blank of a text is dropped."""
    words = Fast(models.WordLevel({"▁to": 0, "▁be": 1, "▁or": 2, "<unk>": 3}, unk_token="<unk>"))
    words.pre_tokenizer, words.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    tokenizer = TransformersTokenizer(PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>"))
    gpt = model(tokenizer.vocab_size)
    tokens = generate(gpt, tokenizer.encode("to be")[None], 5, 0)[0]
    assert tokenizer.decode(tokens[2:])[0] != " "
    continuation = tokenizer.decode(tokens).removeprefix("to be")
    assert continuation[0] == " "
    assert "".join(stream(gpt, tokenizer, "to be", 5, temperature=0)) == continuation
    assert complete(gpt, tokenizer, ["be", "to be"], 5, temperature=0)[1] == continuation
    assert likeliest(gpt, tokenizer, "to be", 5, n_beam=1) == continuation
