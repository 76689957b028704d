from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from largemodels.models.bert import BERT, BERTConfig
from largemodels.training.optimizers import matrices

SIZES = dict(vocab_size=23, context_length=9, n_layer=2, n_head=3, d_model=18, d_hidden=31, dropout=0.0)
TOKENS = torch.tensor([[5, 6, 7, 8, 9, 0, 0], [0, 0, 3, 4, 5, 6, 7]])
MASK = TOKENS > 0


def test_the_published_size() -> None:
    with torch.device("meta"):
        assert BERT(BERTConfig()).n_parameters() == 110_106_428  # of the released BERT-Base, lower case


@pytest.mark.parametrize(("n_segment", "position"), [(0, "learned"), (2, "learned"), (2, "rotary")])
@torch.no_grad()
def test_padding_changes_nothing(n_segment: int, position: str) -> None:
    model = BERT(BERTConfig(**SIZES, n_segment=n_segment, position=position))
    hidden = model(TOKENS, MASK)
    noise = torch.randint_like(TOKENS, 23)
    assert_close(model(TOKENS.where(MASK, noise), MASK)[MASK], hidden[MASK])
    assert_close(model(TOKENS[:1, :5])[0], hidden[0, :5])
    assert_close(model(TOKENS[1:, 2:])[0], hidden[1, 2:])
    assert_close(model.pooled(hidden, MASK)[1:], model.pooled(model(TOKENS[1:, 2:])))
    assert not torch.allclose(model(TOKENS)[0, :5], hidden[0, :5])


def test_loss_of_masked_words_only() -> None:
    model = BERT(BERTConfig(**SIZES))
    targets = torch.full_like(TOKENS, -100)
    assert model.loss(TOKENS, targets, MASK) == 0
    targets[0, 2] = 11
    logits = model.word_logits(model(TOKENS, MASK))[0, 2]
    assert_close(model.loss(TOKENS, targets, MASK), -logits.log_softmax(0)[11])


@torch.no_grad()
@pytest.mark.parametrize("position", ["learned", "rotary"])
def test_the_order_of_words_is_seen(position: str) -> None:
    """By the first word, whose own place stays the same."""
    torch.manual_seed(0)
    model = BERT(BERTConfig(**SIZES, position=position))
    for p in model.parameters():
        if p.ndim > 1:  # not those of the norms, which would make the outputs small
            p.normal_(std=0.5)
    one, other = (model(torch.tensor([[5, *rest]]))[0, 0] for rest in ((6, 7), (7, 6)))
    assert (one - other).abs().max() > 1e-2  # more than sums in another order differ by


def test_rotary_positions_need_even_heads() -> None:
    with pytest.raises(ValueError, match="an even d_model / n_head, not 3"):
        BERTConfig(n_head=6, d_model=18, position="rotary")
    with pytest.raises(ValueError, match="position"):
        BERTConfig(position="sinusoidal")


@pytest.mark.parametrize("position", ["learned", "rotary"])
def test_every_parameter_has_a_gradient(position: str) -> None:
    model = BERT(BERTConfig(**SIZES, position=position))
    tokens, segments = torch.randint(23, (4, 9)), torch.randint(2, (4, 9))
    hidden = model(tokens, segments=segments)
    (model.word_logits(hidden).square().sum() + model.class_logits(hidden).square().sum()).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]


def test_what_muon_takes() -> None:
    model = BERT(BERTConfig(**SIZES))
    groups = {group["parts"]: len(group["params"]) for group in matrices(model)}
    # Two blocks: project, expand and contract; the pooler and the transform of the masked words' head.
    assert groups == {(18, 18, 18): 2, None: 8}


def test_a_copy_with_other_classes() -> None:
    model = BERT(BERTConfig(**SIZES)).eval()
    tuned = model.with_classes(5)
    assert (tuned.config.n_classes, tuned.config.masked_head, tuned.training) == (5, False, False)
    assert_close(tuned(TOKENS, MASK), model(TOKENS, MASK))
    assert_close(tuned.pooled(tuned(TOKENS, MASK)), model.pooled(model(TOKENS, MASK)))
    assert tuned.class_logits(tuned(TOKENS, MASK)).shape == (2, 5)
    with torch.no_grad():
        tuned.token_embedding.weight.zero_()
    assert model.token_embedding.weight.any()
    plain = BERT(BERTConfig(**SIZES, pooler=False, n_classes=0))
    assert plain.with_classes(2).class_logits(plain(TOKENS, MASK)).shape == (2, 2)


def test_saved_and_loaded(tmp_path: Path) -> None:
    model, again = BERT(BERTConfig(**SIZES)), BERT(BERTConfig(**SIZES))
    save_file(model.state_dict(), tmp_path / "bert.safetensors")
    again.load_state_dict(load_file(tmp_path / "bert.safetensors"))
    hidden = model(TOKENS, MASK)
    assert torch.equal(again(TOKENS, MASK), hidden)
    assert torch.equal(again.word_logits(hidden), model.word_logits(hidden))


def test_a_missing_part_is_named() -> None:
    model = BERT(BERTConfig(**SIZES, n_segment=0, masked_head=False, pooler=False, n_classes=0))
    hidden = model(TOKENS, MASK)
    for call, message in [
        (lambda: model.word_logits(hidden), "no masked_head: make it with masked_head=True"),
        (lambda: model.pooled(hidden), "no pooler: make it with pooler=True"),
        (lambda: model.class_logits(hidden), "no classes: make it with n_classes, or use with_classes"),
        (lambda: model(TOKENS, MASK, TOKENS), "no segments"),
        (lambda: model(torch.zeros(1, 10, dtype=torch.long)), "10 tokens do not fit into a context of 9"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_layer": 0}, "n_layer must be at least 1"),
        ({"n_segment": -1}, "n_segment must be at least 0"),
        ({"d_model": 16}, "multiple of n_head"),
        ({"activation": "swiglu"}, "activation must be one of"),
        ({"norm_eps": 0.0}, "norm_eps must be positive"),
        ({"dropout": 1.0}, "dropout must be"),
        ({"pooler": False}, "needs pooler=True"),
    ],
)
def test_a_bad_config_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BERTConfig(**(SIZES | change))


def test_weights_start_as_in_the_published_code() -> None:
    """Normal with 0.02, cut off at two standard deviations, which leaves 0.88 of it; biases 0, norms the identity."""
    torch.manual_seed(0)
    model = BERT(BERTConfig(vocab_size=501, context_length=33, n_layer=2, n_head=3, d_model=96, d_hidden=200))
    for name, parameter in model.named_parameters():
        if "norm" in name:
            assert (parameter == (1 if name.endswith("weight") else 0)).all(), name
        elif name.endswith("bias"):
            assert (parameter == 0).all(), name
        else:
            assert parameter.abs().max() <= 0.04, name
    assert model.token_embedding.weight.std().item() == pytest.approx(0.88 * 0.02, rel=0.02)
