"""Generation takes any model that keeps to the protocol: recurrent ones, and those that look at another sequence."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from largemodels.models.attention import CrossAttention
from largemodels.models.cache import KVCache
from largemodels.models.encoder import Encoder, EncoderConfig
from largemodels.models.feed_forward import FeedForward
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.models.recurrent_lm import RecurrentLM, RecurrentLMConfig
from largemodels.text.evaluation import continuation_loss
from largemodels.text.generation import beam_search, generate, pad
from largemodels.text.tokenizers import CharTokenizer
from largemodels.text.writing import complete, likeliest, stream

VOCAB = 7


def filled(model: Any) -> Any:
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.6)
    return model.eval()


def all_continuations(model: nn.Module, prompt: Tensor, n_new: int) -> dict[tuple[int, ...], float]:
    """Each continuation and its log-probability, the model called anew for every one."""
    begun: dict[tuple[int, ...], float] = {(): 0.0}
    for _ in range(n_new):
        longer = {}
        for tokens, score in begun.items():
            text = torch.cat([prompt, torch.tensor([tokens], dtype=torch.long)], dim=1)
            for token, log_prob in enumerate(model(text)[0, -1].log_softmax(-1).tolist()):
                longer[(*tokens, token)] = score + log_prob
        begun = longer
    return begun


# Recurrent models.

CELLS = pytest.mark.parametrize("cell", ["rnn", "lstm"])


def recurrent(cell: str) -> RecurrentLM:
    return filled(RecurrentLM(RecurrentLMConfig(VOCAB, d_model=12, n_layer=2, cell=cell)))


@CELLS
@torch.no_grad()
def test_a_recurrent_model_writes_as_a_plain_loop_does(cell: str) -> None:
    model, prompt = recurrent(cell), torch.randint(VOCAB, (3, 4))
    text, state, new = prompt, None, prompt
    for _ in range(40):
        logits, state = model.step(new, state)
        new = logits[:, -1].argmax(-1, keepdim=True)
        text = torch.cat([text, new], dim=1)
    assert torch.equal(generate(model, prompt, 40, temperature=0), text)


@CELLS
@torch.no_grad()
def test_each_token_is_read_once(cell: str) -> None:
    model, read = recurrent(cell), []
    model.embedding.register_forward_hook(lambda _, given, __: read.append(given[0].shape[1]))
    generate(model, torch.randint(VOCAB, (3, 4)), 5, temperature=0)
    assert read == [4, 1, 1, 1, 1]


@CELLS
@torch.no_grad()
def test_a_wide_beam_finds_the_best_of_all(cell: str) -> None:
    """Also of two rows at once: a beam that goes on takes its own state along."""
    model, prompts = recurrent(cell), torch.tensor([[2, 5], [1, 1]])
    found = beam_search(model, prompts, 3, VOCAB**3)
    for row, prompt in zip(found, prompts, strict=True):
        whole = all_continuations(model, prompt[None], 3)
        assert tuple(row[2:].tolist()) == max(whole, key=whole.__getitem__)


@CELLS
@torch.no_grad()
def test_padded_prompts_give_what_they_give_alone(cell: str) -> None:
    model = recurrent(cell)
    prompts = [torch.randint(VOCAB, (length,)) for length in (1, 4, 3)]
    tokens, mask = pad(prompts, token=6)
    for search in (generate, beam_search):
        options: dict[str, Any] = {"temperature": 0} if search is generate else {"n_beam": 3}
        together = search(model, tokens, 9, mask=mask, **options)
        for row, prompt in zip(together, prompts, strict=True):
            assert row[4:].tolist() == search(model, prompt[None], 9, **options)[0, len(prompt) :].tolist()


@CELLS
@torch.no_grad()
def test_padding_leaves_the_state_as_it_is(cell: str) -> None:
    """In the middle, too; and from a state that is there already."""
    model, tokens = recurrent(cell), torch.randint(VOCAB, (2, 6))
    mask = torch.tensor([[1, 1, 1, 0, 0, 1], [0, 0, 1, 1, 1, 1]])
    cache = model.new_cache(2)
    pieces = [model.hidden(t, m, cache) for t, m in zip(tokens.split(3, 1), mask.split(3, 1), strict=True)]
    assert cache.length == 6
    for row in range(2):
        alone = model.hidden(tokens[row][mask[row].bool()][None])[0]
        torch.testing.assert_close(torch.cat(pieces, dim=1)[row][mask[row].bool()], alone)


@CELLS
def test_a_recurrent_model_writes_text(cell: str) -> None:
    model, tokenizer = recurrent(cell), CharTokenizer("abcdefg")
    assert tokenizer.vocab_size == VOCAB
    streamed = "".join(stream(model, tokenizer, "abba", 20, temperature=0))
    assert complete(model, tokenizer, ["abba", "c"], 20, temperature=0)[0] == streamed
    assert likeliest(model, tokenizer, "abba", 20, n_beam=1) == streamed


@torch.no_grad()
def test_continuations_of_any_length_are_scored() -> None:
    model, prompt, rest = recurrent("lstm"), torch.tensor([1, 2]), torch.randint(VOCAB, (200,))
    log_probs = model(torch.cat([prompt, rest])[None, :-1])[0].log_softmax(-1)
    expected = -log_probs[1:].gather(1, rest[:, None]).sum().item()
    assert continuation_loss(model, [prompt], [rest]) == pytest.approx(expected, rel=1e-5)
    gpt = GPT(GPTConfig(VOCAB, context_length=5, n_layer=1, n_head=1, d_model=4))
    with pytest.raises(ValueError, match="202 tokens are too many for a context of 5"):
        continuation_loss(gpt, [prompt], [rest])


# Translation: a decoder that looks at a source, which the beams of a search share.


class TranslationCache:
    """Own keys and values, those of the source, and which of the source is padding."""

    def __init__(self, own: KVCache, source: KVCache, source_mask: Tensor) -> None:
        self.own, self.source, self.source_mask = own, source, source_mask

    @property
    def length(self) -> int:
        return self.own.length

    def select(self, rows: Tensor) -> None:
        self.own.select(rows)
        self.source.select(rows)
        self.source_mask = self.source_mask[rows]


class Translator(nn.Module):
    """An encoder, and a GPT's block with cross-attention after it, as small as can be."""

    def __init__(self) -> None:
        super().__init__()
        self.gpt = GPT(GPTConfig(VOCAB, context_length=9, n_layer=1, n_head=2, d_model=12, position="rotary"))
        self.encoder = Encoder(EncoderConfig(d_model=12, n_layer=1, n_head=3))
        self.cross = CrossAttention(12, 3)
        self.mlp = FeedForward(12, 20)

    def encoded(self, source: Tensor, mask: Tensor) -> Tensor:
        return self.encoder(self.gpt.token_embedding(source), mask)

    def hidden(
        self, tokens: Tensor, mask: Tensor | None, memory: Tensor | None, source_mask: Tensor, cache: Any
    ) -> Tensor:
        x = self.gpt.hidden(tokens, mask, cache and cache.own)
        x = x + self.cross(x, memory, source_mask, cache and cache.source)
        return x + self.mlp(x)


class BoundTranslator(nn.Module):
    """The model and the sentences to translate: with these it predicts the next token from those before it."""

    def __init__(self, model: Translator, source: Tensor, source_mask: Tensor) -> None:
        super().__init__()
        self.model, self.source, self.source_mask = model, source, source_mask
        self.context_length, self.encodings = model.gpt.context_length, 0

    def new_cache(self, batch_size: int, length: int) -> TranslationCache:
        """All beams of a sentence begin with the same keys and values of it, computed once."""
        beams = batch_size // len(self.source)
        memory, mask = self.model.encoded(self.source, self.source_mask), self.source_mask
        self.encodings += 1
        cross = KVCache(1, len(memory), 3, memory.shape[1], 4)
        self.model.cross(memory[:, :1], memory, mask, cross)
        cross.length = memory.shape[1]
        cache = TranslationCache(self.model.gpt.new_cache(batch_size, length), cross, mask)
        rows = torch.arange(len(memory)).repeat_interleave(beams)
        cross.select(rows)
        cache.source_mask = mask[rows]
        return cache

    def hidden(self, tokens: Tensor, mask: Tensor | None = None, cache: Any = None) -> Tensor:
        if cache is not None:
            return self.model.hidden(tokens, mask, None, cache.source_mask, cache)
        memory = self.model.encoded(self.source, self.source_mask)
        return self.model.hidden(tokens, mask, memory, self.source_mask, None)

    def logits(self, hidden: Tensor) -> Tensor:
        return self.model.gpt.logits(hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.logits(self.hidden(tokens))


SOURCE = torch.tensor([[1, 2, 3, 4, 5], [6, 5, 4, 0, 0]])
SOURCE_MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def bound(*rows: int) -> BoundTranslator:
    model = filled(Translator())
    for name, parameter in model.named_parameters():  # what is the same for all sources would outweigh them
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    return BoundTranslator(model, SOURCE[list(rows)], SOURCE_MASK[list(rows)]).eval()


@torch.no_grad()
def test_a_translator_writes_as_a_plain_loop_does() -> None:
    model, text = bound(0, 1), torch.zeros(2, 1, dtype=torch.long)
    prompt = text
    for _ in range(8):
        text = torch.cat([text, model(text)[:, -1].argmax(-1, keepdim=True)], dim=1)
    assert torch.equal(generate(model, prompt, 8, temperature=0), text)
    assert model.encodings == 1
    assert not torch.equal(text[0], text[1])  # what is written depends on the source


@torch.no_grad()
def test_beams_of_several_sentences_keep_to_their_own() -> None:
    prompts = torch.zeros(2, 1, dtype=torch.long)
    found = beam_search(bound(0, 1), prompts, 3, VOCAB**3)
    for row in range(2):
        whole = all_continuations(bound(row), prompts[:1], 3)
        assert tuple(found[row, 1:].tolist()) == max(whole, key=whole.__getitem__)
