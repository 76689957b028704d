"""Weights to and from Hugging Face ``transformers``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from .models.gpt import GPT, GPTConfig

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

# Name of a module in our block, name in the reference's. "Conv1D" of the reference is a linear layer whose weight
# is stored transposed.
_BLOCK = {
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.project": "attn.c_proj",
    "mlp_norm": "ln_2",
    "expand": "mlp.c_fc",
    "contract": "mlp.c_proj",
}
_CONV1D = ("attention.qkv", "attention.project", "expand", "contract")


def gpt_from_transformers(reference: GPT2LMHeadModel) -> GPT:
    """A :class:`~largemodels.models.gpt.GPT` with the weights of a ``GPT2LMHeadModel``.

    Raises:
        ValueError: if the reference uses an activation other than GPT-2's.
    """
    theirs = reference.config
    if theirs.activation_function != "gelu_new":
        raise ValueError(f"GPT-2 uses the activation gelu_new, this model {theirs.activation_function}.")
    config = GPTConfig(
        vocab_size=theirs.vocab_size,
        context_length=theirs.n_positions,
        n_layer=theirs.n_layer,
        n_head=theirs.n_head,
        d_model=theirs.n_embd,
        dropout=theirs.resid_pdrop,
    )
    model = GPT(config)
    model.load_state_dict(_translate(reference.state_dict(), config.n_layer))
    return model


def _translate(theirs: dict[str, Tensor], n_layer: int) -> dict[str, Tensor]:
    """Weights of the reference under our names and in our layout."""
    ours = {
        "token_embedding.weight": theirs["transformer.wte.weight"],
        "position_embedding.weight": theirs["transformer.wpe.weight"],
        "final_norm.weight": theirs["transformer.ln_f.weight"],
        "final_norm.bias": theirs["transformer.ln_f.bias"],
    }
    for layer in range(n_layer):
        for our_name, their_name in _BLOCK.items():
            for kind in ("weight", "bias"):
                weight = theirs[f"transformer.h.{layer}.{their_name}.{kind}"]
                transposed = our_name in _CONV1D and kind == "weight"
                ours[f"blocks.{layer}.{our_name}.{kind}"] = weight.T if transposed else weight
    return ours
