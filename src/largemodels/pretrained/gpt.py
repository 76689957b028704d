"""Converting weights from and to Hugging Face ``transformers``: GPT-2, and models like Llama.

``gpt_to_transformers(model).save_pretrained(folder)`` writes a folder that ``AutoModelForCausalLM.from_pretrained``
opens, and so does any tool built on ``transformers``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..models.gpt import GPT, GPTConfig

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class _Kind:
    """How a family of models in transformers ("theirs") corresponds to our GPT ("ours")."""

    fields: dict[str, str]  # our config field: theirs, with the same value
    ours: dict[str, Any]  # our fields with a fixed value
    theirs: dict[str, Any]  # their fields with a required value
    activation: str  # their field for the activation
    activations: dict[str, str]  # our activation: theirs
    blocks: str  # path of their blocks
    modules: dict[str, tuple[str, ...]]  # our module: theirs, stacked along the output dimension
    transposed: tuple[str, ...] = ()  # modules whose weight they store transposed


_GPT2 = _Kind(
    fields={
        "vocab_size": "vocab_size",
        "context_length": "n_positions",
        "n_layer": "n_layer",
        "n_head": "n_head",
        "d_model": "n_embd",
        "d_hidden": "n_inner",
        "dropout": "resid_pdrop",
        "norm_eps": "layer_norm_epsilon",
        "tied_head": "tie_word_embeddings",
    },
    ours={
        "norm": "layernorm",
        "position": "learned",
        "qk_norm": False,
        "n_kv_head": None,
        "bias": True,
    },
    theirs={
        "scale_attn_weights": True,
        "scale_attn_by_inverse_layer_idx": False,
        "add_cross_attention": False,
    },
    activation="activation_function",
    activations={"gelu_tanh": "gelu_new", "gelu": "gelu", "quick_gelu": "quick_gelu", "relu": "relu"},
    blocks="transformer.h",
    modules={
        "token_embedding": ("transformer.wte",),
        "position_embedding": ("transformer.wpe",),
        "attention_norm": ("ln_1",),
        "attention.qkv": ("attn.c_attn",),
        "attention.project": ("attn.c_proj",),
        "mlp_norm": ("ln_2",),
        "mlp.expand": ("mlp.c_fc",),
        "mlp.contract": ("mlp.c_proj",),
        "final_norm": ("transformer.ln_f",),
        "head": ("lm_head",),
    },
    transposed=("attention.qkv", "attention.project", "mlp.expand", "mlp.contract"),  # their Conv1D
)
_LLAMA = _Kind(
    fields={
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "n_kv_head": "num_key_value_heads",
        "d_model": "hidden_size",
        "d_hidden": "intermediate_size",
        "norm_eps": "rms_norm_eps",
        "bias": "attention_bias",
        "tied_head": "tie_word_embeddings",
    },
    ours={
        "norm": "rmsnorm",
        "position": "rotary",
        "dropout": 0.0,
        "qk_norm": False,
    },
    theirs={
        "attention_dropout": 0.0
    },  # theirs is of attention weights alone, ours of four kinds of activations
    activation="hidden_act",
    activations={"swiglu": "silu"},
    blocks="model.layers",
    modules={
        "token_embedding": ("model.embed_tokens",),
        "attention_norm": ("input_layernorm",),
        "attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        "attention.q_norm": ("self_attn.q_norm",),
        "attention.k_norm": ("self_attn.k_norm",),
        "attention.project": ("self_attn.o_proj",),
        "mlp_norm": ("post_attention_layernorm",),
        "mlp.expand": ("mlp.gate_proj", "mlp.up_proj"),
        "mlp.contract": ("mlp.down_proj",),
        "final_norm": ("model.norm",),
        "head": ("lm_head",),
    },
)


def gpt_from_transformers(reference: PreTrainedModel | Path | str) -> GPT:
    """A :class:`~largemodels.models.gpt.GPT` with the weights of a model of ``transformers``.

    Args:
        reference: a ``GPT2LMHeadModel``, ``LlamaForCausalLM`` or ``Qwen3ForCausalLM``; or a folder with one, or its
            name on the Hugging Face Hub, such as "gpt2".

    Raises:
        ValueError: if the reference has features that our GPT lacks; the message names them. Or if the folder's model
            is damaged.
        FileNotFoundError: if there is no such folder, and no such model on the Hub or no connection to it.
    """
    if isinstance(reference, Path | str):
        reference = _loaded(reference)
    config = _our_config(reference.config)
    theirs, state = reference.state_dict(), {}
    with torch.device("meta"):  # shapes only: spends no memory or time on initial weights
        model = GPT(config)
    for name in model.state_dict():
        names, transposed = _over_there(name, config)
        for their_name in names:
            if their_name not in theirs:
                raise ValueError(
                    f"This model has no {their_name}: its layers were replaced. If by adapters of peft, merge them "
                    "first: model.merge_and_unload()."
                )
        pieces = [theirs[their_name].detach() for their_name in names]
        state[name] = torch.cat([piece.T if transposed else piece for piece in pieces]).contiguous()
    model.load_state_dict(state, assign=True)
    return model.train(reference.training)


def gpt_to_transformers(model: GPT) -> PreTrainedModel:
    """The model as a ``GPT2LMHeadModel`` or ``LlamaForCausalLM`` with its own copy of the weights.

    Raises:
        ValueError: if neither has the same architecture; the message names the field that differs.
    """
    from transformers import AutoModelForCausalLM

    dtype = model.token_embedding.weight.dtype
    reference = AutoModelForCausalLM.from_config(_their_config(model)).to(dtype)
    theirs = reference.state_dict()
    for name, weight in model.state_dict().items():
        names, transposed = _over_there(name, model.config)
        targets = [theirs[their_name].T if transposed else theirs[their_name] for their_name in names]
        for target, piece in zip(targets, weight.split([len(target) for target in targets]), strict=True):
            target.copy_(piece)
    return reference.train(model.training)


def _loaded(reference: Path | str) -> PreTrainedModel:
    """The model in a folder or on the Hub; raises as :func:`gpt_from_transformers`."""
    from transformers import AutoModelForCausalLM

    try:
        found: Any = AutoModelForCausalLM.from_pretrained(reference, output_loading_info=True)
    except Exception as error:  # whatever a damaged or foreign configuration may cause
        reason = str(error).partition(".")[0].partition("\n")[0] or type(error).__name__
        if (Path(reference) / "config.json").exists():
            raise ValueError(f"The model in '{reference}' cannot be loaded ({reason}).") from None
        raise FileNotFoundError(
            f"'{reference}' is not a folder with a model, and no model of that name could be loaded from the Hub "
            f"({reason}). Without the Hub, use load_smollm2()."
        ) from None
    model: PreTrainedModel = found[0]
    if missing := sorted(found[1]["missing_keys"]):  # transformers would start them at random
        raise ValueError(
            f"The model in '{reference}' lacks {len(missing)} weights, the first is {missing[0]}."
        )
    return model


def _kind(config: GPTConfig) -> _Kind:
    return _GPT2 if config.position == "learned" else _LLAMA


def _over_there(name: str, config: GPTConfig) -> tuple[list[str], bool]:
    """Their names of one of our tensors, and whether they store it transposed."""
    kind = _kind(config)
    module, _, parameter = name.rpartition(".")
    prefix = ""
    if module.startswith("blocks."):
        _, layer, module = module.split(".", 2)
        prefix = f"{kind.blocks}.{layer}."
    transposed = module in kind.transposed and parameter == "weight"
    return [f"{prefix}{theirs}.{parameter}" for theirs in kind.modules[module]], transposed


def _our_config(theirs: PretrainedConfig) -> GPTConfig:
    """Convert their configuration to ours; refuses features that our GPT lacks."""
    kinds = {"gpt2": _GPT2, "llama": _LLAMA, "qwen3": _LLAMA}
    if theirs.model_type not in kinds:
        raise ValueError(f"Models of type {theirs.model_type!r} are not supported; {', '.join(kinds)} are.")
    kind = kinds[theirs.model_type]
    wanted = kind.theirs
    if kind is _GPT2:  # our one dropout is in the places of their three
        wanted = wanted | dict.fromkeys(("embd_pdrop", "attn_pdrop"), theirs.resid_pdrop)
    ours = kind.ours | {field: getattr(theirs, name) for field, name in kind.fields.items()}
    if kind is _LLAMA:
        rope = theirs.rope_parameters
        if rope["rope_type"] != "default":
            raise ValueError(f"Rotary positions of type {rope['rope_type']!r} are not supported.")
        ours |= {"rope_base": rope["rope_theta"], "qk_norm": theirs.model_type == "qwen3"}
        wanted = wanted | {"head_dim": theirs.hidden_size // theirs.num_attention_heads}
        # We have one switch for all biases; Qwen3 never has one in the feed-forward network.
        wanted |= {"attention_bias": getattr(theirs, "mlp_bias", False)}
        if theirs.model_type == "qwen3":
            wanted |= {"use_sliding_window": False}
    for name, value in wanted.items():
        if getattr(theirs, name) != value:
            advice = ""
            if name in ("embd_pdrop", "attn_pdrop", "attention_dropout"):
                advice = f" Without it: AutoModelForCausalLM.from_pretrained(…, {name}={value!r})."
            raise ValueError(
                f"Our GPT needs {name} = {value!r}; this model has {getattr(theirs, name)!r}.{advice}"
            )
    ours["activation"] = _translated(
        getattr(theirs, kind.activation),
        {there: here for here, there in kind.activations.items()},
        f"Our GPT needs {kind.activation} = {{}}; this model has {{}}.",
    )
    return GPTConfig(**ours)


def _translated(value: str, dictionary: dict[str, str], message: str) -> str:
    """Translate a value from one side's vocabulary to the other's.

    Raises:
        ValueError: with ``message``, into which the known values and the one found are filled.
    """
    if value not in dictionary:
        raise ValueError(message.format(" or ".join(map(repr, dictionary)), repr(value)))
    return dictionary[value]


def _their_config(model: GPT) -> PretrainedConfig:
    """Convert our configuration to theirs; refuses features that they lack."""
    from transformers import GPT2Config, LlamaConfig

    kind, config = _kind(model.config), model.config
    for name, value in kind.ours.items():
        if getattr(config, name) != value:
            raise ValueError(
                f"No model of transformers with {config.position} positions is known here that has "
                f"{name} = {getattr(config, name)!r}: it would have to be {value!r}."
            )
    theirs = kind.theirs | {name: getattr(config, field) for field, name in kind.fields.items()}
    theirs[kind.activation] = _translated(
        config.activation,
        kind.activations,
        f"No model of transformers with {config.position} positions is known here that has activation = {{1}}: it "
        "would have to be {0}.",
    )
    theirs |= {"bos_token_id": None, "eos_token_id": None}  # belong to a tokenizer
    if kind is _GPT2:
        return GPT2Config(**theirs, embd_pdrop=config.dropout, attn_pdrop=config.dropout)
    rope = {"rope_type": "default", "rope_theta": config.rope_base}
    theirs["intermediate_size"] = model.state_dict()["blocks.0.mlp.contract.weight"].shape[1]
    return LlamaConfig(**theirs, rope_parameters=rope, mlp_bias=config.bias, head_dim=config.d_head)
