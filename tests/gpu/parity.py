"""Compare our models on the device with transformers, and attention with its formula in double precision."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

import largemodels as lm
from largemodels.models.attention import Attention

from .report import Report


def parity(report: Report) -> None:
    """In fp32, logits and gradients agree up to rounding; in bf16 ours are about as close to fp32 as theirs."""
    torch.manual_seed(0)
    for theirs in references(report.dry):
        kind = type(theirs).__name__.removesuffix("LMHeadModel").removesuffix("ForCausalLM")
        theirs = theirs.to(report.device).eval()
        ours = lm.gpt_from_transformers(theirs).to(report.device).eval()
        vocab_size, time = ours.config.vocab_size, ours.config.context_length
        tokens, targets = torch.randint(vocab_size, (2, 4, time), device=report.device)
        exact = theirs(tokens).logits
        error = distance(ours(tokens), exact)
        report.add("parity", f"{kind}: logits in fp32, relative distance", error, "", error < 1e-4)
        error = _gradient_distance(ours, theirs, tokens, targets)
        report.add("parity", f"{kind}: gradient of the embedding in fp32", error, "", error < 1e-3)
        with torch.no_grad():
            rounded = distance(theirs.bfloat16()(tokens).logits, exact)
            error = distance(ours.bfloat16()(tokens), exact)
        report.add(
            "parity", f"{kind}: logits in bf16, ours from fp32", error, "", error < 1.5 * rounded + 1e-3
        )
        report.add("parity", f"{kind}: logits in bf16, transformers' from fp32", rounded)
    _attention(report)


def references(dry: bool) -> list[PreTrainedModel]:
    """GPT-2 and a Llama whose query heads share keys and values, with random weights, biases and norms."""
    d_model, time = (32, 12) if dry else (512, 512)
    common = {"bos_token_id": None, "eos_token_id": None, "vocab_size": 211}
    gpt2 = GPT2Config(n_positions=time, n_layer=3, n_head=8, n_embd=d_model, **common)
    llama = LlamaConfig(
        hidden_size=d_model,
        intermediate_size=3 * d_model,
        num_hidden_layers=3,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=time,
        pad_token_id=None,
        **common,
    )
    models = [GPT2LMHeadModel(gpt2), LlamaForCausalLM(llama)]
    with (
        torch.no_grad()
    ):  # the initial biases are 0 and the norms 1, so that swapped ones would not be noticed
        for parameter in (p for model in models for p in model.parameters()):
            noise = torch.randn_like(parameter)
            parameter.copy_(noise / math.sqrt(d_model) if parameter.ndim == 2 else 1 + 0.3 * noise)
    return models


def distance(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over the norm of what is expected."""
    found, expected = found.detach().double().cpu(), expected.detach().double().cpu()
    return ((found - expected).norm() / expected.norm()).item()


def _gradient_distance(ours: nn.Module, theirs: PreTrainedModel, tokens: Tensor, targets: Tensor) -> float:
    ours.loss(tokens, targets).backward()
    logits = theirs(tokens).logits
    nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    found, expected = ours.token_embedding.weight.grad, theirs.get_input_embeddings().weight.grad
    return distance(found, expected)


def _attention(report: Report) -> None:
    """Our module against the formula, with and without padding, and with shared keys and values."""
    d_model, n_head, time = (32, 4, 9) if report.dry else (512, 8, 384)
    for dtype, bound in ((torch.float32, 1e-5), (torch.bfloat16, 2e-2)):
        for n_kv_head in (n_head, n_head // 2):
            module = Attention(d_model, n_head, causal=True, n_kv_head=n_kv_head).to(report.device).eval()
            x = torch.randn(3, time, d_model, device=report.device)
            padding = torch.ones(3, time, dtype=torch.bool, device=report.device)
            padding[1, time // 2 :] = False
            for title, mask in (("causal", None), ("causal and padded", padding)):
                with torch.no_grad():
                    expected = _by_formula(module.double(), x.double(), mask)
                    found = module.to(dtype)(x.to(dtype), mask=mask)
                real = padding if mask is not None else torch.ones_like(padding)
                error = distance(found[real], expected[real])
                what = f"attention, {title}, {n_head}:{n_kv_head} heads, {str(dtype).removeprefix('torch.')}"
                report.add("parity", what, error, "", error < bound)


def _by_formula(module: Attention, x: Tensor, padding: Tensor | None) -> Tensor:
    """softmax(Q Kᵀ / √d) V, head by head."""
    n_head, n_kv_head = module.n_head, module.n_kv_head
    d_head = x.shape[-1] // n_head
    q, k, v = module.qkv(x).split([n_head * d_head, n_kv_head * d_head, n_kv_head * d_head], dim=-1)
    seen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
    seen = seen.expand(len(x), -1, -1) if padding is None else seen & padding[:, None, :]
    heads = []
    for head in range(n_head):
        of_q = slice(head * d_head, (head + 1) * d_head)
        shared = head * n_kv_head // n_head
        of_kv = slice(shared * d_head, (shared + 1) * d_head)
        scores = q[..., of_q] @ k[..., of_kv].mT / math.sqrt(d_head)
        heads.append(scores.masked_fill(~seen, -math.inf).softmax(-1) @ v[..., of_kv])
    return module.project(torch.cat(heads, dim=-1))
