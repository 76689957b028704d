from __future__ import annotations

import pytest
import torch

from largemodels.generation import generate
from largemodels.models.gpt import GPT, GPTConfig


def model() -> GPT:
    gpt = GPT(GPTConfig(vocab_size=7, context_length=5, n_layer=1, n_head=3, d_model=9))
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.normal_()
    return gpt


def test_greedy_takes_the_likeliest_token_of_the_last_window() -> None:
    gpt = model().eval()
    tokens = torch.tensor([[1, 2, 3, 4], [6, 5, 0, 0]])
    continued = generate(gpt, tokens, n_new=4, temperature=0)
    assert continued.shape == (2, 8)
    assert torch.equal(continued[:, :4], tokens)
    for end in range(4, 8):
        window = continued[:, max(0, end - 5) : end]
        assert torch.equal(continued[:, end], gpt(window)[:, -1].argmax(dim=-1))


def test_samples_follow_the_probabilities() -> None:
    gpt = model().eval()
    n, temperature = 20_000, 1.7
    prompt = torch.tensor([[3, 1]])
    probs = (gpt(prompt)[0, -1] / temperature).softmax(dim=-1)
    drawn = generate(gpt, prompt.expand(n, -1), 1, temperature, generator=torch.Generator().manual_seed(1))[
        :, -1
    ]
    frequency = torch.bincount(drawn, minlength=7) / n
    # Five standard deviations of a frequency: a right sampler is outside once in hundreds of thousands of runs.
    assert ((frequency - probs).abs() < 5 * (probs * (1 - probs) / n).sqrt() + 1e-4).all()


def test_top_k_draws_the_k_likeliest_only() -> None:
    gpt = model().eval()
    prompt = torch.tensor([[2]])
    allowed = set(gpt(prompt)[0, -1].topk(3).indices.tolist())
    drawn = generate(gpt, prompt.expand(2_000, -1), 1, temperature=5.0, top_k=3)[:, -1]
    assert set(drawn.tolist()) == allowed


def test_a_generator_makes_samples_repeatable() -> None:
    gpt, prompt = model(), torch.tensor([[2]])
    first = generate(gpt, prompt, 20, generator=torch.Generator().manual_seed(3))
    assert torch.equal(first, generate(gpt, prompt, 20, generator=torch.Generator().manual_seed(3)))
    assert not torch.equal(first, generate(gpt, prompt, 20, generator=torch.Generator().manual_seed(4)))
    assert gpt.training


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        (torch.zeros(1, 0, dtype=torch.long), {}, "prompt is empty"),
        (torch.zeros(1, 1, dtype=torch.long), {"temperature": -0.1}, "temperature"),
        (torch.zeros(1, 1, dtype=torch.long), {"top_k": 0}, "top_k"),
    ],
)
def test_bad_input_is_refused_in_words(prompt, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        generate(model(), prompt, 3, **options)
