"""Our Transformer against ``torch.nn.Transformer`` and ``transformers.MarianMTModel``, with the same weights.

Each reference's parameters are named and laid out as ours by one function, which also translates their gradients.
Marian puts all sines of the positions before all cosines, where ours take turns, so each channel of its residual stream
is moved to the place that ours has for it; LayerNorm does not mind.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.testing import assert_close
from transformers import MarianConfig, MarianMTModel

from largemodels.models.positions import sinusoidal
from largemodels.models.transformer import Transformer, TransformerConfig
from largemodels.text.generation import beam_search, generate

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
BATCH, SOURCE, TARGET = 3, 11, 7
CONFIG = TransformerConfig(
    vocab_size=37,
    source_vocab_size=41,
    context_length=13,
    n_layer=2,
    n_decoder_layer=3,
    n_head=5,
    d_model=35,
    d_hidden=53,
    norm_eps=1e-3,
    dropout=0.0,
    tied_head=False,
)
PAD = 36


def batch(padded: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Source, target and their masks."""
    source, target = torch.randint(PAD, (BATCH, SOURCE)), torch.randint(PAD, (BATCH, TARGET))
    source_mask, target_mask = torch.ones_like(source).bool(), torch.ones_like(target).bool()
    if padded:
        source_mask[1, 7:] = source_mask[2, 3:] = target_mask[0, 4:] = target_mask[2, 6:] = False
    return source, target, source_mask, target_mask


Module = TypeVar("Module", bound=nn.Module)


def randomised(model: Module) -> Module:
    """Random weights, biases and norms, of sizes with which the output depends on every token of source and target."""
    torch.manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            if "norm" in name and name.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(noise * (0.2 if parameter.ndim == 2 else 0.1))
    return model


def check(
    ours: Transformer, theirs: nn.Module, run: Callable[..., Tensor], named: Naming, padded: bool
) -> None:
    """The same logits and gradients."""
    source, target, _, target_mask = given = batch(padded)
    found = ours(*given) if padded else ours(source, target)
    expected = run(*given)
    assert_close(found[target_mask], expected[target_mask], rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(found[target_mask])  # any scalar has a gradient
    (found[target_mask] * weights).sum().backward()
    (expected[target_mask] * weights).sum().backward()
    gradients = named((name, p.grad) for name, p in theirs.named_parameters() if p.grad is not None)
    assert gradients.keys() == dict(ours.named_parameters()).keys()
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-4)


Naming = Callable[[Iterable[tuple[str, Tensor]]], dict[str, Tensor]]


def filled(ours: Transformer, weights: dict[str, Tensor]) -> Transformer:
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            parameter.copy_(weights.pop(name))
    assert not weights
    return ours.eval()


# torch.nn.Transformer, which leaves the embeddings and the head to its user.


class Whole(nn.Module):
    """``torch.nn.Transformer`` with embeddings and a head; post-norm it has no final norms, as published."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.target_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.source_embedding = nn.Embedding(config.source_vocab_size or 0, config.d_model)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        sizes = (config.d_model, config.n_head, config.d_hidden, 0.0, config.activation, config.norm_eps)
        encoder = nn.TransformerEncoderLayer(*sizes, batch_first=True, norm_first=config.norm_first)
        decoder = nn.TransformerDecoderLayer(*sizes, batch_first=True, norm_first=config.norm_first)
        norms = [
            nn.LayerNorm(config.d_model, config.norm_eps) if config.norm_first else None for _ in range(2)
        ]
        self.network = nn.Transformer(
            custom_encoder=nn.TransformerEncoder(
                encoder, config.n_layer, norms[0], enable_nested_tensor=False
            ),
            custom_decoder=nn.TransformerDecoder(decoder, config.n_decoder_layer or 0, norms[1]),
            batch_first=True,
            d_model=config.d_model,
            nhead=config.n_head,
        )

    def forward(self, source: Tensor, target: Tensor, source_mask: Tensor, target_mask: Tensor) -> Tensor:
        d_model, time = CONFIG.d_model, target.shape[1]
        found: Tensor = self.network(
            self.source_embedding(source) * math.sqrt(d_model) + sinusoidal(source.shape[1], d_model),
            self.target_embedding(target) * math.sqrt(d_model) + sinusoidal(time, d_model),
            tgt_mask=torch.ones(time, time).triu(1).bool(),
            src_key_padding_mask=~source_mask,
            memory_key_padding_mask=~source_mask,
            tgt_key_padding_mask=~target_mask,
        )
        logits: Tensor = self.head(found)
        return logits


def from_torch(tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Parameters, or gradients, of :class:`Whole` by our names."""
    d_model, found = CONFIG.d_model, {}
    norms = {
        "encoder": ("attention.norm", "mlp.norm"),
        "decoder": ("attention.norm", "cross_attention.norm", "mlp.norm"),
    }
    plain = {
        "self_attn.in_proj_": "attention.layer.qkv.",
        "self_attn.out_proj": "attention.layer.project",
        "multihead_attn.out_proj": "cross_attention.layer.project",
        "linear1": "mlp.layer.expand",
        "linear2": "mlp.layer.contract",
    }
    for name, tensor in tensors:
        name = re.sub(r"^network\.(encoder|decoder)\.norm", r"\1_norm", name).removeprefix("network.")
        name = name.replace(".layers.", ".")
        for theirs, ours in plain.items():
            name = name.replace(theirs, ours)
        if number := re.search(r"\.norm(\d)", name):
            name = name.replace(number[0], "." + norms[name[:7]][int(number[1]) - 1])
        if "in_proj_" in name:
            stem, kind = name.split("multihead_attn.in_proj_")
            query, key_value = tensor[:d_model], tensor[d_model:]
            found |= {f"{stem}cross_attention.layer.query.{kind}": query}
            found |= {f"{stem}cross_attention.layer.key_value.{kind}": key_value}
        else:
            found[name] = tensor
    return found


def beside_torch(norm_first: bool, activation: str = "relu") -> tuple[Transformer, Whole]:
    config = replace(CONFIG, norm_first=norm_first, activation=activation)
    theirs = randomised(Whole(config)).eval()
    return filled(Transformer(config), from_torch(theirs.named_parameters())), theirs


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("padded", [False, True])
def test_torch(norm_first: bool, activation: str, padded: bool) -> None:
    ours, theirs = beside_torch(norm_first, activation)
    theirs.train()  # no fast path, which has no gradients; dropout is 0
    check(ours, theirs, theirs, from_torch, padded)


# transformers.MarianMTModel, whose embeddings and head are one matrix.


def marian(shared: bool = True) -> MarianMTModel:
    config = MarianConfig(
        vocab_size=CONFIG.vocab_size if shared else CONFIG.source_vocab_size,
        decoder_vocab_size=CONFIG.vocab_size,
        share_encoder_decoder_embeddings=shared,
        max_position_embeddings=CONFIG.context_length,
        encoder_layers=CONFIG.n_layer,
        decoder_layers=CONFIG.n_decoder_layer,
        encoder_attention_heads=CONFIG.n_head,
        decoder_attention_heads=CONFIG.n_head,
        encoder_ffn_dim=CONFIG.d_hidden,
        decoder_ffn_dim=CONFIG.d_hidden,
        d_model=CONFIG.d_model,
        activation_function="relu",
        scale_embedding=True,
        dropout=0.0,
        pad_token_id=PAD,
        decoder_start_token_id=0,
        eos_token_id=None,
        forced_eos_token_id=None,
    )
    model = randomised(MarianMTModel(config)).eval()
    nn.init.normal_(model.final_logits_bias)
    for part in (model.model.encoder, model.model.decoder):
        part.embed_positions.weight.data = part.embed_positions.create_weight()
    return model


def from_marian(tensors: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Parameters, or gradients, of a Marian model by our names and in our order of channels."""
    given = {name.removeprefix("model."): tensor for name, tensor in tensors if "embed_positions" not in name}
    found, half = {}, (CONFIG.d_model + 1) // 2
    order = torch.tensor([i // 2 + half * (i % 2) for i in range(CONFIG.d_model)])  # ours of theirs
    tables = {"shared": "target_embedding", "decoder.embed_tokens": "target_embedding"}
    tables |= {"encoder.embed_tokens": "source_embedding"}
    for theirs, ours in tables.items():
        if f"{theirs}.weight" in given:
            found[f"{ours}.weight"] = given.pop(f"{theirs}.weight")[:, order]
    for name in [name for name in given if "q_proj" in name]:
        stem, own, kind = re.fullmatch(r"(.*\.)(self|encoder)_attn\.q_proj\.(.*)", name).groups()
        maps = [given.pop(f"{stem}{own}_attn.{which}_proj.{kind}") for which in "qkv"]
        maps = [m[:, order] if kind == "weight" else m for m in maps]
        if own == "self":
            found[f"{stem}attention.layer.qkv.{kind}"] = torch.cat(maps)
        else:
            found[f"{stem}cross_attention.layer.query.{kind}"] = maps[0]
            found[f"{stem}cross_attention.layer.key_value.{kind}"] = torch.cat(maps[1:])
    names = {
        "self_attn_layer_norm": "attention.norm",
        "encoder_attn_layer_norm": "cross_attention.norm",
        "final_layer_norm": "mlp.norm",
        "self_attn.out_proj": "attention.layer.project",
        "encoder_attn.out_proj": "cross_attention.layer.project",
        "fc1": "mlp.layer.expand",
        "fc2": "mlp.layer.contract",
    }
    for name, tensor in given.items():
        stem, theirs, kind = re.fullmatch(r"(.*\.\d+\.)(.*)\.(weight|bias)", name).groups()
        if theirs != "fc1":  # its rows are channels
            tensor = tensor[order]
        elif kind == "weight":
            tensor = tensor[:, order]
        found[f"{stem}{names[theirs]}.{kind}"] = tensor
    return {name.replace(".layers.", "."): tensor for name, tensor in found.items()}


def beside_marian(shared: bool = True) -> tuple[Transformer, MarianMTModel]:
    theirs = marian(shared)
    source_vocab_size = None if shared else CONFIG.source_vocab_size
    config = replace(CONFIG, source_vocab_size=source_vocab_size, tied_head=True, norm_eps=1e-5)
    ours = Transformer(config)
    return filled(ours, from_marian(theirs.named_parameters())), theirs


def logits_of(theirs: MarianMTModel) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """Without the constant that Marian adds to the logits: the paper has none."""
    return lambda source, target, source_mask, target_mask: (
        theirs(
            input_ids=source,
            attention_mask=source_mask.long(),
            decoder_input_ids=target,
            decoder_attention_mask=target_mask.long(),
        ).logits
        - theirs.final_logits_bias
    )


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("padded", [False, True])
def test_marian(shared: bool, padded: bool) -> None:
    ours, theirs = beside_marian(shared)
    check(ours, theirs, logits_of(theirs), from_marian, padded)


@pytest.mark.parametrize("n_beam", [1, 4])
@torch.no_grad()
def test_marian_writes_the_same(n_beam: int) -> None:
    """Greedy and beam search, for a batch of padded sources, of targets that end."""
    ours, theirs = beside_marian()
    theirs.final_logits_bias.zero_()
    source, _, mask, _ = batch(padded=True)
    decoder, start = ours.decoder_for(source, mask), torch.zeros(BATCH, 1, dtype=torch.long)
    end = int(generate(decoder, start, 10, 0)[1, 4])  # one row writes it early
    if n_beam == 1:
        found = generate(decoder, start, 10, 0, end_token=end)
    else:
        found = beam_search(decoder, start, 10, n_beam, end_token=end)
    wanted = theirs.generate(
        source,
        attention_mask=mask.long(),
        max_new_tokens=10,
        num_beams=n_beam,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=end,
    )
    assert found.tolist() == wanted.tolist()
    assert len({tuple(row) for row in found.tolist()}) == BATCH  # what is written depends on the source


def test_label_smoothing_is_that_of_torch() -> None:
    ours, theirs = beside_marian()
    source, target, source_mask, target_mask = batch(padded=True)
    logits = logits_of(theirs)(source, target, source_mask, target_mask)[:, :-1].flatten(0, 1)
    labels = target[:, 1:].masked_fill(~target_mask[:, 1:], -100).flatten()
    smoothed = F.cross_entropy(logits, labels, label_smoothing=0.1)
    assert_close(ours.train().loss(source, target, source_mask, target_mask), smoothed)
    plain = F.cross_entropy(logits, labels)
    assert_close(ours.eval().loss(source, target, source_mask, target_mask), plain)


# A wrong layout is noticed.


def swap_keys_and_values(model: Transformer) -> None:
    weight = model.decoder[1].cross_attention.layer.key_value.weight
    weight.copy_(torch.cat(weight.clone().chunk(2)[::-1]))


def swap_heads_and_width(model: Transformer) -> None:
    weight = model.decoder[0].cross_attention.layer.query.weight
    weight.copy_(weight.view(CONFIG.n_head, -1, CONFIG.d_model).transpose(0, 1).reshape(weight.shape))


def swap_norms(model: Transformer) -> None:
    block = model.decoder[2]
    block.attention.norm, block.cross_attention.norm = block.cross_attention.norm, block.attention.norm


def swap_embeddings(model: Transformer) -> None:
    model.source_embedding.weight[: CONFIG.vocab_size] = model.target_embedding.weight.clone()


def other_order_of_norms(model: Transformer) -> None:
    for module in model.encoder.modules():
        if hasattr(module, "norm_first"):
            module.norm_first = not module.norm_first


def sines_before_cosines(model: Transformer) -> None:
    model.positions.copy_(torch.cat([model.positions[:, 0::2], model.positions[:, 1::2]], dim=1))


def one_position_later(model: Transformer) -> None:
    model.positions.copy_(model.positions.roll(1, 0))


def decoder_sees_ahead(model: Transformer) -> None:
    model.decoder[0].attention.layer.causal = False


@pytest.mark.parametrize(
    "perturb",
    [
        swap_keys_and_values,
        swap_heads_and_width,
        swap_norms,
        swap_embeddings,
        other_order_of_norms,
        sines_before_cosines,
        one_position_later,
        decoder_sees_ahead,
    ],
)
@pytest.mark.parametrize("norm_first", [False, True])
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(perturb: Callable[[Transformer], None], norm_first: bool) -> None:
    ours, theirs = beside_torch(norm_first)
    source, target, *masks = batch(padded=False)
    assert_close(ours(source, target), theirs(source, target, *masks), rtol=1e-5, atol=1e-5)
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(ours(source, target), theirs(source, target, *masks), rtol=1e-5, atol=1e-5)
