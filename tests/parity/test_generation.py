"""Our greedy and beam search against ``transformers.generate``, token for token."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from largemodels.models.gpt import GPT
from largemodels.pretrained.gpt import gpt_from_transformers
from largemodels.text.generation import beam_search, generate, pad

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
VOCAB, N_NEW = 31, 17
SEEDS = range(6)


def models(seed: int) -> tuple[GPT2LMHeadModel, GPT]:
    """The same random weights twice, in such sizes that the text depends on all that came before."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=VOCAB,
        n_positions=29,
        n_layer=3,
        n_head=5,
        n_embd=35,
        bos_token_id=None,
        eos_token_id=None,
        tie_word_embeddings=False,  # a tied head would mostly repeat the last token
    )
    theirs = GPT2LMHeadModel(config).eval()
    sizes = {"wte": 1.0, "wpe": 0.5, "lm_head": 0.3}
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            noise = torch.randn_like(parameter)
            if "ln" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                size = next((size for part, size in sizes.items() if part in name), 0.35)
                parameter.copy_((0.1 if parameter.ndim < 2 else size) * noise)
    return theirs, gpt_from_transformers(theirs)


def prompts(seed: int) -> tuple[Tensor, Tensor]:
    """Three prompts of 3, 11 and 7 tokens, padded on the left, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    return pad(
        [torch.randint(VOCAB, (length,), generator=generator) for length in (3, 11, 7)], token=VOCAB - 1
    )


def theirs_generate(model: PreTrainedModel, tokens: Tensor, mask: Tensor, **options: Any) -> Tensor:
    end_token = options.pop("end_token", None)
    found = model.generate(
        tokens,
        attention_mask=mask.long(),
        max_new_tokens=N_NEW,
        do_sample=False,
        eos_token_id=end_token,
        pad_token_id=VOCAB - 1 if end_token is None else end_token,
        **options,
    )
    assert isinstance(found, Tensor)
    return found


def likely_end(model: GPT, tokens: Tensor, mask: Tensor) -> int:
    """A token that some rows write soon, and others late or never."""
    written = generate(model, tokens, N_NEW, temperature=0, mask=mask)[:, tokens.shape[1] :]
    return int(written[1, 4])


def agree(ours: Tensor, theirs: Tensor) -> None:
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("penalty", [1.0, 1.3, 0.8])
def test_greedy(seed: int, penalty: float) -> None:
    """One prompt after the other: transformers would count padding as repeated."""
    theirs, ours = models(seed)
    for row, mask in zip(*prompts(seed), strict=True):
        prompt = row[mask][None]
        for end_token in (None, likely_end(ours, *prompts(seed))):
            found = generate(ours, prompt, N_NEW, 0, repetition_penalty=penalty, end_token=end_token)
            wanted = theirs_generate(
                theirs, prompt, torch.ones_like(prompt), repetition_penalty=penalty, end_token=end_token
            )
            agree(found, wanted)


@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_padded_batch(seed: int) -> None:
    theirs, ours = models(seed)
    tokens, mask = prompts(seed)
    agree(generate(ours, tokens, N_NEW, 0, mask=mask), theirs_generate(theirs, tokens, mask))
    end = likely_end(ours, tokens, mask)
    found = generate(ours, tokens, N_NEW, 0, mask=mask, end_token=end)
    agree(found, theirs_generate(theirs, tokens, mask, end_token=end))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_beam", [1, 2, 5])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.5, -1.0])
@pytest.mark.parametrize("ends", [False, True])
def test_beam_search_padded_batch(seed: int, n_beam: int, length_penalty: float, ends: bool) -> None:
    theirs, ours = models(seed)
    tokens, mask = prompts(seed)
    end = likely_end(ours, tokens, mask) if ends else None
    found = beam_search(ours, tokens, N_NEW, n_beam, length_penalty=length_penalty, mask=mask, end_token=end)
    wanted = theirs_generate(
        theirs, tokens, mask, num_beams=n_beam, length_penalty=length_penalty, end_token=end
    )
    agree(found, wanted)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("penalty", [1.3, 0.8])
def test_beam_search_with_repetition_penalty(seed: int, penalty: float) -> None:
    theirs, ours = models(seed)
    end = likely_end(ours, *prompts(seed))
    for row, mask in zip(*prompts(seed), strict=True):
        prompt = row[mask][None]
        found = beam_search(ours, prompt, N_NEW, 3, repetition_penalty=penalty, end_token=end)
        wanted = theirs_generate(
            theirs, prompt, torch.ones_like(prompt), num_beams=3, repetition_penalty=penalty, end_token=end
        )
        agree(found, wanted)


@pytest.mark.parametrize("seed", SEEDS)
def test_rotary_positions_and_shared_keys(seed: int) -> None:
    """A small Llama: the cache holds turned keys of fewer heads."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=36,
        intermediate_size=53,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=29,
        bos_token_id=None,
        eos_token_id=None,
        tie_word_embeddings=False,
    )
    theirs = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    ours = gpt_from_transformers(theirs)
    tokens, mask = prompts(seed)
    end = likely_end(ours, tokens, mask)
    found = generate(ours, tokens, N_NEW, 0, mask=mask, end_token=end)
    agree(found, theirs_generate(theirs, tokens, mask, end_token=end))
    found = beam_search(ours, tokens, N_NEW, 3, mask=mask, end_token=end)
    agree(found, theirs_generate(theirs, tokens, mask, num_beams=3, end_token=end))


def test_the_cases_above_are_not_all_alike() -> None:
    """What would make the comparisons easy: rows that never end, options that change nothing."""
    ended, shorter, changed = (
        set(),
        set(),
        {"n_beam": 0, "length_penalty": 0, "repetition_penalty": 0, "mask": 0},
    )
    for seed in SEEDS:
        _, ours = models(seed)
        tokens, mask = prompts(seed)
        end = likely_end(ours, tokens, mask)
        options: dict[str, Any] = {"n_beam": 3, "length_penalty": 1.0, "mask": mask, "end_token": end}
        plain = beam_search(ours, tokens, N_NEW, **options)
        ended |= set((plain[:, tokens.shape[1] :] == end).any(dim=1).tolist())
        shorter.add(plain.shape[1] < tokens.shape[1] + N_NEW)
        others = {"n_beam": 2, "length_penalty": -1.0, "repetition_penalty": 1.3, "mask": None}
        for name, value in others.items():
            other = beam_search(ours, tokens, N_NEW, **(options | {name: value}))
            changed[name] += plain.tolist() != other.tolist()
    assert ended == {True, False}
    assert shorter == {True, False}
    assert all(changed.values()), changed


def swap_keys_and_values(model: GPT) -> None:
    weight = model.blocks[1].attention.qkv.weight
    with torch.no_grad():
        q, k, v = weight.clone().chunk(3)
        weight.copy_(torch.cat([q, v, k]))


def swap_positions(model: GPT) -> None:
    with torch.no_grad():
        model.position_embedding.weight.copy_(model.position_embedding.weight.flip(0).clone())


@pytest.mark.parametrize("perturb", [swap_keys_and_values, swap_positions])
def test_a_perturbed_model_writes_something_else(perturb) -> None:
    theirs, ours = models(0)
    tokens, mask = prompts(0)
    perturb(ours)
    with pytest.raises(AssertionError):
        agree(generate(ours, tokens, N_NEW, 0, mask=mask), theirs_generate(theirs, tokens, mask))
    with pytest.raises(AssertionError):
        agree(
            beam_search(ours, tokens, N_NEW, 3, mask=mask), theirs_generate(theirs, tokens, mask, num_beams=3)
        )
