"""Likelihoods of continuations against transformers' loss with the prompt's labels left out."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.testing import assert_close
from transformers import LlamaConfig, LlamaForCausalLM

from largemodels.pretrained.gpt import gpt_from_transformers
from largemodels.text.choices import log_likelihoods

CONFIG = LlamaConfig(
    vocab_size=41,
    hidden_size=36,
    intermediate_size=50,
    num_hidden_layers=2,
    num_attention_heads=6,
    num_key_value_heads=2,
    max_position_embeddings=31,
    initializer_range=0.3,
    bos_token_id=None,
    eos_token_id=None,
    pad_token_id=None,
)


@torch.no_grad()
def test_sum_over_the_continuation(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = LlamaForCausalLM(CONFIG).eval()
    theirs.save_pretrained(tmp_path)
    lengths = ((4, 3), (1, 6), (9, 1), (5, 5))
    prompts = [torch.randint(41, (n,)) for n, _ in lengths]
    ends = [torch.randint(41, (n,)) for _, n in lengths]
    found = log_likelihoods(gpt_from_transformers(tmp_path), prompts, ends, batch_size=3)
    for prompt, end, ours in zip(prompts, ends, found, strict=True):
        text = torch.cat([prompt, end])[None]
        labels = text.clone()
        labels[:, : len(prompt)] = -100
        loss = theirs(text, labels=labels).loss  # a mean over the continuation
        assert_close(ours, -loss * len(end), rtol=1e-4, atol=1e-4)
