"""Our BERT against transformers' BERT, RoBERTa and RoFormer with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch.testing import assert_close
from transformers import PreTrainedModel

from largemodels.models.bert import BERT
from largemodels.pretrained.bert import bert_from_transformers

from .random_weights import randomised

# Odd and unequal, so that a swapped or transposed dimension cannot fit by chance.
SIZES = {
    "vocab_size": 37,
    "max_position_embeddings": 17,
    "num_hidden_layers": 3,
    "num_attention_heads": 5,
    "hidden_size": 35,
    "intermediate_size": 53,
    "num_labels": 7,
    "layer_norm_eps": 1e-3,
}
BATCH, TIME = 4, 11
PADDING = {"Bert": 0, "Roberta": 1, "RoFormer": 0}  # the token
CHANGED: dict[str, dict[str, Any]] = {  # RoFormer's heads have an even width, and no attention but their own
    "RoFormer": {"hidden_size": 30, "embedding_size": 30}
}
CLASSES = [
    "BertModel",
    "BertForMaskedLM",
    "BertForNextSentencePrediction",
    "BertForPreTraining",
    "BertForSequenceClassification",
    "RobertaModel",
    "RobertaForMaskedLM",
    "RobertaForSequenceClassification",
    "RoFormerModel",
    "RoFormerForMaskedLM",
]


def family(name: str) -> str:
    return next(kind for kind in PADDING if name.startswith(kind))


def reference(name: str, attention: str = "sdpa", **changes: Any) -> PreTrainedModel:
    segments = 1 if family(name) == "Roberta" else 3
    own = {"type_vocab_size": segments, "pad_token_id": PADDING[family(name)]} | CHANGED.get(family(name), {})
    if family(name) == "RoFormer":
        attention = "eager"
    config = getattr(transformers, f"{family(name)}Config")(
        **(SIZES | own | changes), attn_implementation=attention
    )
    model = randomised(getattr(transformers, name)(config)).eval()
    for module in model.modules():
        if hasattr(module, "create_weight"):  # RoFormer's sines and cosines, which are not learned
            module.weight.data = module.create_weight()
    return model


def inputs(name: str, padded: str) -> tuple[Tensor, Tensor, Tensor | None]:
    """Tokens, the mask, and segments."""
    mask = torch.ones(BATCH, TIME, dtype=torch.bool)
    if padded != "none":
        mask[1, 7:] = mask[2, 3:] = False
    if padded == "left":
        mask = mask.flip(1)
    tokens = torch.randint(2, SIZES["vocab_size"], (BATCH, TIME)).where(mask, PADDING[family(name)])
    return tokens, mask, torch.randint(3, (BATCH, TIME)) if family(name) != "Roberta" else None


def our_outputs(ours: BERT, tokens: Tensor, mask: Tensor, segments: Tensor | None) -> dict[str, Tensor]:
    hidden = ours(tokens, mask, segments)
    found = {"hidden": hidden[mask]}
    if ours.config.masked_head:
        found["words"] = ours.word_logits(hidden)[mask]
    if ours.config.n_classes:
        found["classes"] = ours.class_logits(hidden, mask)
    elif ours.config.pooler:
        found["pooled"] = ours.pooled(hidden, mask)
    return found


def their_outputs(
    theirs: PreTrainedModel, tokens: Tensor, mask: Tensor, segments: Tensor | None
) -> dict[str, Tensor]:
    """The same of theirs."""
    name = type(theirs).__name__
    extra: dict[str, Any] = {} if segments is None else {"token_type_ids": segments}
    if family(name) == "Bert":  # positions count real tokens, which RoBERTa does by itself
        extra["position_ids"] = (mask.long().cumsum(1) - 1).clamp(min=0)
    out = theirs(tokens, attention_mask=mask.long(), output_hidden_states=True, **extra)
    found = {"hidden": out.hidden_states[-1][mask]}
    if "pooler_output" in out:
        found["pooled"] = out.pooler_output
    if "prediction_logits" in out:
        found |= {"words": out.prediction_logits[mask], "classes": out.seq_relationship_logits}
    elif "logits" in out:
        found |= {"words": out.logits[mask]} if out.logits.ndim == 3 else {"classes": out.logits}
    return found


def compare(name: str, padded: str, attention: str, **changes: Any) -> None:
    theirs = reference(name, attention, **changes)
    ours, batch = bert_from_transformers(theirs), inputs(name, padded)
    found, expected = our_outputs(ours, *batch), their_outputs(theirs, *batch)
    assert found.keys() == expected.keys()
    for output in found:
        assert_close(found[output], expected[output], rtol=1e-5, atol=1e-5)

    weights = {
        output: torch.randn_like(value) for output, value in found.items()
    }  # any scalar has a gradient
    for outputs in (found, expected):
        sum((outputs[output] * weights[output]).mean() for output in outputs).backward()
    assert_close(
        gradients(ours),
        gradients(bert_from_transformers(with_gradients(theirs)), weights=True),
        rtol=1e-4,
        atol=1e-4,
    )


def with_gradients(theirs: PreTrainedModel) -> PreTrainedModel:
    """The model with its gradients in place of its weights, so that conversion gives them our names and shapes."""
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            # Of RoBERTa our positions contain the one segment, whose gradient is not theirs.
            one_segment = name.endswith("token_type_embeddings.weight") and len(parameter) == 1
            parameter.copy_(0 if parameter.grad is None or one_segment else parameter.grad)
    return theirs


def gradients(ours: BERT, weights: bool = False) -> dict[str, Tensor]:
    return {
        name: p.detach() if weights else torch.zeros_like(p) if p.grad is None else p.grad
        for name, p in ours.named_parameters()
    }


@pytest.mark.parametrize("padded", ["none", "right"])
@pytest.mark.parametrize("name", CLASSES)
def test_outputs_and_gradients_agree(name: str, padded: str) -> None:
    compare(name, padded, "sdpa")


@pytest.mark.parametrize("name", ["BertForPreTraining", "RobertaForMaskedLM"])
def test_with_their_own_attention_too(name: str) -> None:
    compare(name, "right", "eager")


@pytest.mark.parametrize("activation", ["gelu_new", "quick_gelu", "relu"])
def test_other_activations_are_translated(activation: str) -> None:
    compare("BertForPreTraining", "none", "sdpa", hidden_act=activation)


@torch.no_grad()
@pytest.mark.parametrize("name", ["BertModel", "RobertaForMaskedLM"])
def test_padding_on_the_left_agrees(name: str) -> None:
    theirs, batch = reference(name), inputs(name, "left")
    found, expected = our_outputs(bert_from_transformers(theirs), *batch), their_outputs(theirs, *batch)
    assert_close(found["hidden"], expected["hidden"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["BertForPreTraining", "RobertaForMaskedLM"])
def test_the_loss_of_masked_words_agrees(name: str) -> None:
    theirs = reference(name)
    tokens, mask, segments = inputs(name, "none")
    targets = torch.randint(SIZES["vocab_size"], (BATCH, TIME)).where(torch.rand(BATCH, TIME) < 0.3, -100)
    targets[0, 0] = 5
    logits = their_outputs(theirs, tokens, mask, segments)["words"]
    expected = torch.nn.functional.cross_entropy(logits, targets.flatten(), ignore_index=-100)
    found = bert_from_transformers(theirs).loss(tokens, targets, segments=segments)
    assert_close(found, expected, rtol=1e-5, atol=1e-5)


def swap_keys_and_values(model: BERT) -> None:
    for parameter in model.blocks[1].attention.qkv.parameters():
        q, k, v = parameter.clone().chunk(3)
        parameter.copy_(torch.cat([q, v, k]))


def swap_heads_and_width(model: BERT) -> None:
    weight = model.blocks[0].attention.qkv.weight
    weight.copy_(weight.view(3, 5, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape))


def transpose_square_projection(model: BERT) -> None:
    project = model.blocks[2].attention.project
    project.weight.copy_(project.weight.T.clone())


def swap_norms(model: BERT) -> None:
    block = model.blocks[0]
    block.attention_norm, block.mlp_norm = block.mlp_norm, block.attention_norm


def other_gelu(model: BERT) -> None:
    for block in model.blocks:
        block.mlp.activation = "gelu_tanh"


def other_gelu_in_the_head(model: BERT) -> None:
    model.masked_head.activation = "gelu_tanh"


def shift_positions(model: BERT) -> None:
    model.position_embedding.weight.copy_(model.position_embedding.weight.roll(1, 0))


def swap_segments(model: BERT) -> None:
    model.segment_embedding.weight.copy_(model.segment_embedding.weight.flip(0))


def turn_the_other_way(model: BERT) -> None:
    for block in model.blocks:
        block.attention.forward = lambda x, mask, turned, forward=block.attention.forward: forward(
            x, mask, (turned[0], -turned[1])
        )


def pair_neighbours(model: BERT) -> None:
    for block in model.blocks:
        rows = block.attention.qkv.weight[:30].unflatten(0, (5, 6))  # queries, of five heads
        block.attention.qkv.weight[:30] = rows[:, [0, 3, 1, 4, 2, 5]].flatten(0, 1)


def drop_a_bias(model: BERT) -> None:
    model.masked_head.bias.zero_()


def transpose_the_pooler(model: BERT) -> None:
    model.pooler.weight.copy_(model.pooler.weight.T.clone())


def another_epsilon(model: BERT) -> None:
    model.embedding_norm.eps = 1e-2


@pytest.mark.parametrize(
    "perturb",
    [
        swap_keys_and_values,
        swap_heads_and_width,
        transpose_square_projection,
        swap_norms,
        other_gelu,
        other_gelu_in_the_head,
        shift_positions,
        swap_segments,
        drop_a_bias,
        transpose_the_pooler,
        another_epsilon,
    ],
)
@torch.no_grad()
def test_a_perturbed_layout_is_noticed(perturb: Callable[[BERT], None]) -> None:
    theirs = reference("BertForPreTraining")
    ours, batch = bert_from_transformers(theirs), inputs("BertForPreTraining", "right")
    expected = their_outputs(theirs, *batch)
    assert_close(our_outputs(ours, *batch), expected, rtol=1e-5, atol=1e-5)
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(our_outputs(ours, *batch), expected, rtol=1e-5, atol=1e-5)
    assert_close(their_outputs(theirs, *batch), expected)  # the two share no memory


@pytest.mark.parametrize("perturb", [turn_the_other_way, pair_neighbours])
@torch.no_grad()
def test_other_rotations_are_noticed(perturb: Callable[[BERT], None]) -> None:
    theirs = reference("RoFormerForMaskedLM")
    ours, batch = bert_from_transformers(theirs), inputs("RoFormerForMaskedLM", "right")
    assert_close(our_outputs(ours, *batch), expected := their_outputs(theirs, *batch), rtol=1e-5, atol=1e-5)
    perturb(ours)
    with pytest.raises(AssertionError):
        assert_close(our_outputs(ours, *batch), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("BertForTokenClassification", {}, "A BertForTokenClassification is not supported; BertModel, "),
        ("BertModel", {"hidden_act": "silu"}, "needs hidden_act = 'gelu' or .*has 'silu'"),
        ("RobertaForMaskedLM", {"hidden_act": "relu"}, "needs hidden_act = 'gelu'; this model has 'relu'"),
        ("RobertaModel", {"type_vocab_size": 2}, "needs type_vocab_size = 1"),
        ("BertModel", {"is_decoder": True}, "needs is_decoder = False"),
        ("BertModel", {"attention_probs_dropout_prob": 0.2}, "needs attention_probs_dropout_prob = 0.1"),
        ("BertForMaskedLM", {"tie_word_embeddings": False}, "needs tie_word_embeddings = True"),
        ("RoFormerModel", {"rotary_value": True}, "needs rotary_value = False"),
        ("RoFormerModel", {"embedding_size": 20}, "needs embedding_size = 30"),
    ],
)
def test_what_our_bert_has_not_is_refused(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bert_from_transformers(reference(name, **change))
