from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from largemodels.models.transformer import Transformer, TransformerConfig
from largemodels.text.generation import beam_search, generate, pad
from largemodels.training.checkpoints import load_weights
from largemodels.training.config import TrainingConfig
from largemodels.training.loop import train
from largemodels.training.optimizers import make_optimizers, matrices

CONFIG = TransformerConfig(
    vocab_size=11, context_length=9, n_layer=2, n_decoder_layer=3, n_head=3, d_model=15, d_hidden=17
)
OTHER = replace(
    CONFIG, source_vocab_size=13, norm_first=True, position="learned", tied_head=False, bias=False
)
NO_POSITIONS = replace(CONFIG, position="none", activation="gelu")
CONFIGS = pytest.mark.parametrize("config", [CONFIG, OTHER, NO_POSITIONS], ids=["published", "other", "none"])


def randomised(config: TransformerConfig) -> Transformer:
    """In such sizes that the output depends on every token of source and target."""
    torch.manual_seed(2)
    model = Transformer(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            is_norm = "norm" in name and name.endswith("weight")
            parameter.copy_(1 + 0.2 * noise if is_norm else 0.4 * noise)
    return model.eval()


def tokens(*shape: int) -> Tensor:
    return torch.randint(11, shape)


@CONFIGS
def test_shapes_and_parameters(config: TransformerConfig) -> None:
    model = Transformer(config)
    source, target = tokens(4, 7), tokens(4, 5)
    memory = model.encode(source)
    assert memory.shape == (4, 7, 15)
    model.eval()
    assert_close(model.logits(model.decode(target, model.encode(source))), model(source, target))
    assert model(source, target).shape == (4, 5, 11)
    attention, network, norm = 4 * 15 * 15, 2 * 15 * 17, 15
    blocks = 2 * (attention + network + 2 * norm) + 3 * (2 * attention + network + 3 * norm)
    if config.bias:
        blocks += 2 * (4 * 15 + 32 + 2 * norm) + 3 * (2 * 4 * 15 + 32 + 3 * norm)
        assert model.n_parameters() == blocks + 11 * 15  # one matrix for source, target and head
    else:
        assert model.n_parameters() == blocks + (11 + 13 + 11) * 15 + 2 * 9 * 15 + 2 * norm


def test_published_sizes() -> None:
    """Table 3 of the paper says 65 million for the base model."""
    with torch.device("meta"):
        model = Transformer(TransformerConfig())
    assert model.n_parameters() == 63_082_496
    assert model.n_parameters() == pytest.approx(65e6, rel=0.04)


@CONFIGS
def test_it_starts_with_streams_and_logits_of_variance_one(config: TransformerConfig) -> None:
    torch.manual_seed(0)
    model = Transformer(replace(config, vocab_size=601, d_model=90, d_hidden=360)).eval()
    source, target = torch.randint(13, (8, 9)), torch.randint(13, (8, 9))
    assert model(source, target).var().item() == pytest.approx(1, rel=0.3)


def test_each_map_of_a_stack_is_initialised_by_its_own_size() -> None:
    model = Transformer(replace(CONFIG, d_model=90))
    bound = (6 / (90 + 90)) ** 0.5  # Glorot and Bengio, equation 16
    block = model.decoder[1]
    for matrix in (block.attention.layer.qkv.weight, block.cross_attention.layer.key_value.weight):
        for part in matrix.split(90):
            assert bound * 0.99 < part.abs().max().item() <= bound


@CONFIGS
@torch.no_grad()
def test_the_target_looks_back_only_and_at_the_whole_source(config: TransformerConfig) -> None:
    model, source, target = randomised(config), tokens(2, 7), tokens(2, 6)
    logits = model(source, target)
    for at in range(6):
        other = target.clone()
        other[:, at] = (other[:, at] + 1) % 11
        changed = (model(source, other) - logits).abs().amax((0, 2)) > 1e-4
        assert changed.tolist() == [False] * at + [True] * (6 - at)
    for at in range(7):
        other = source.clone()
        other[:, at] = (other[:, at] + 1) % 11
        assert ((model(other, target) - logits).abs().amax((0, 2)) > 1e-4).all()


@torch.no_grad()
def test_without_positions_the_source_is_a_bag() -> None:
    source, target = tokens(2, 7), tokens(2, 6)
    model = randomised(NO_POSITIONS)
    assert_close(model(source.flip(1), target), model(source, target), rtol=1e-4, atol=1e-5)
    model = randomised(CONFIG)
    assert not torch.allclose(model(source.flip(1), target), model(source, target), atol=1e-2)


# Padding.

SOURCE_MASK = torch.tensor([[1, 1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]])
TARGET_MASK = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])


@CONFIGS
def test_padding_on_either_side_of_either_sequence_changes_nothing(config: TransformerConfig) -> None:
    model, source, target = randomised(config), tokens(3, 7), tokens(3, 5)
    logits = model(source, target, SOURCE_MASK, TARGET_MASK)
    losses, count = 0.0, 0
    for row in range(3):
        source_alone, target_alone = (
            whole[row][mask[row].bool()][None]
            for whole, mask in ((source, SOURCE_MASK), (target, TARGET_MASK))
        )
        alone = model(source_alone, target_alone)[0]
        assert_close(logits[row][TARGET_MASK[row].bool()], alone, rtol=1e-4, atol=1e-4)
        losses += model.loss(source_alone, target_alone).item() * (target_alone.shape[1] - 1)
        count += target_alone.shape[1] - 1
    # A start token is given, never predicted; in the first row the padding before it would predict it.
    right = TARGET_MASK.clone()
    right[0] = torch.tensor([1, 1, 1, 0, 0])
    target[0] = target[0].roll(-2)
    loss = model.loss(source, target, SOURCE_MASK, right)
    assert loss.item() == pytest.approx(losses / count, rel=1e-4)


@CONFIGS
def test_padding_gets_no_gradient(config: TransformerConfig) -> None:
    model = randomised(replace(config, source_vocab_size=13))
    source, target = tokens(3, 7), tokens(3, 5)
    source[~SOURCE_MASK.bool()] = 12  # in no other place
    model.loss(source, target, SOURCE_MASK).backward()
    gradient = model.source_embedding.weight.grad
    assert gradient is not None
    assert not gradient[12].any()
    assert gradient[source[2]].any(dim=1).all()


# Cached decoding.


@CONFIGS
@pytest.mark.parametrize("chunks", [[5], [1] * 5, [2, 1, 2]])
@pytest.mark.parametrize("padded", [False, True])
@torch.no_grad()
def test_a_cache_changes_nothing(config: TransformerConfig, chunks: list[int], padded: bool) -> None:
    model, source, target = randomised(config), tokens(3, 7), tokens(3, 5)
    source_mask, target_mask = (SOURCE_MASK, TARGET_MASK) if padded else (None, None)
    memory = model.encode(source, source_mask)
    cache = model.new_cache(memory, source_mask, 5)
    masks = target_mask.split(chunks, dim=1) if target_mask is not None else [None] * len(chunks)
    pieces = [
        model.logits(model.decode(piece, target_mask=mask, cache=cache))
        for piece, mask in zip(target.split(chunks, dim=1), masks, strict=True)
    ]
    assert cache.length == 5
    real = TARGET_MASK.bool() if padded else torch.ones_like(target).bool()
    found, expected = torch.cat(pieces, dim=1), model(source, target, source_mask, target_mask)
    assert_close(found[real], expected[real], rtol=1e-4, atol=1e-4)


@CONFIGS
@torch.no_grad()
def test_it_writes_as_a_plain_loop_does(config: TransformerConfig) -> None:
    """A batch of padded sources; also beyond the context, where the last tokens are read anew."""
    model, source, start = randomised(config), tokens(3, 7), tokens(3, 1)
    text = start
    for _ in range(12):
        seen = text[:, -9:]
        text = torch.cat([text, model(source, seen, SOURCE_MASK)[:, -1].argmax(-1, keepdim=True)], dim=1)
    decoder = model.decoder_for(source, SOURCE_MASK)
    assert torch.equal(generate(decoder, start, 12, 0), text)
    assert torch.equal(beam_search(decoder, start, 12, 1), text)


@CONFIGS
@torch.no_grad()
def test_each_source_is_read_once_in_evaluation_mode(config: TransformerConfig) -> None:
    model, source, read = randomised(config).train(), tokens(2, 7), []
    model.encoder[0].register_forward_hook(
        lambda module, given, _: read.append((*given[0].shape[:2], module.training))
    )
    decoder = model.decoder_for(source)
    found = beam_search(decoder, tokens(2, 1), 4, 3)
    assert read == [(2, 7, False)]
    assert model.training and decoder.training
    assert found.shape == (2, 5)


@torch.no_grad()
def test_a_wide_beam_finds_the_best_of_all_for_each_source() -> None:
    model, source, start = randomised(CONFIG), tokens(3, 7), torch.zeros(3, 1, dtype=torch.long)
    found = beam_search(model.decoder_for(source, SOURCE_MASK), start, 3, 11**2)
    every = torch.cartesian_prod(*[torch.arange(11)] * 3)  # (11³, 3), all continuations
    target = torch.cat([torch.zeros(len(every), 1, dtype=torch.long), every], dim=1)
    for row in range(3):
        alone = source[row][SOURCE_MASK[row].bool()].expand(len(every), -1)
        log_probs = model(alone, target[:, :-1]).log_softmax(-1).gather(2, every[..., None]).sum((1, 2))
        assert found[row, 1:].tolist() == every[log_probs.argmax()].tolist()


@torch.no_grad()
def test_targets_may_begin_with_several_tokens_padded_on_the_left() -> None:
    model, source = randomised(CONFIG), tokens(3, 7)
    begun = [tokens(length) for length in (1, 4, 2)]
    start, mask = pad(begun)
    for search in (generate, beam_search):
        options: dict[str, Any] = {"temperature": 0} if search is generate else {"n_beam": 3}
        together = search(model.decoder_for(source, SOURCE_MASK), start, 5, mask=mask, **options)
        for row in range(3):
            decoder = model.decoder_for(source[row][SOURCE_MASK[row].bool()][None])
            alone = search(decoder, begun[row][None], 5, **options)[0, len(begun[row]) :]
            assert together[row, 4:].tolist() == alone.tolist()


# What is refused.


def test_what_does_not_fit_is_refused_in_words() -> None:
    model = Transformer(CONFIG).eval()
    with pytest.raises(ValueError, match="A source of 10 tokens does not fit into a context of 9"):
        model(tokens(1, 10), tokens(1, 3))
    with pytest.raises(ValueError, match="A target of 12 tokens does not fit into a context of 9"):
        model(tokens(1, 3), tokens(1, 12))
    with pytest.raises(ValueError, match="needs a context, or a cache"):
        model.decode(tokens(1, 3))
    memory = model.encode(tokens(1, 3)).detach()
    with pytest.raises(ValueError, match="A cache holds 1 to 9 tokens, not 10"):
        model.new_cache(memory, length=10)
    with torch.no_grad():
        cache = model.new_cache(memory, length=4)
        model.decode(tokens(1, 3), cache=cache)
        with pytest.raises(ValueError, match="5 tokens do not fit into a cache of 4"):
            model.decode(tokens(1, 2), cache=cache)
    with pytest.raises(ValueError, match="3 targets do not belong to 2 sources"):
        generate(model.decoder_for(tokens(2, 3)), tokens(3, 1), 2, 0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"vocab_size": 0}, "vocab_size must be at least 1"),
        ({"source_vocab_size": 0}, "source_vocab_size must be at least 1"),
        ({"n_decoder_layer": 0}, "n_decoder_layer must be at least 1"),
        ({"n_head": 4}, "d_model .15. must be a multiple of n_head .4."),
        ({"position": "rotary"}, "position must be one of sinusoidal, learned, none"),
        ({"activation": "tanh"}, "activation must be one of"),
        ({"norm_eps": 0.0}, "norm_eps must be positive"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        ({"label_smoothing": -0.1}, "label_smoothing must be at least 0 and below 1"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **wrong)


# Training.


@CONFIGS
def test_muon_gets_every_map_and_nothing_else(config: TransformerConfig) -> None:
    model = Transformer(config)
    by_muon = {id(weight): group["parts"] for group in matrices(model) for weight in group["params"]}
    for name, parameter in model.named_parameters():
        is_map = parameter.ndim == 2 and not name.startswith(("head", "source_", "target_"))
        assert (id(parameter) in by_muon) == is_map, name
        parts = (15, 15, 15) if "qkv" in name else (15, 15) if "key_value" in name else None
        assert by_muon.get(id(parameter)) == (parts if is_map else None)
    optimizers = make_optimizers(model, TrainingConfig(steps=1, optimizer="muon"))
    assert sum(len(group["params"]) for o in optimizers for group in o.param_groups) == len(
        list(model.parameters())
    )


def reversal(number: int, n: int = 64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sequences of 2 to 7 of the tokens 3 to 10, and the same backwards between start (1) and end (2); padding is 0."""
    generator = torch.Generator().manual_seed(number)
    lengths = torch.randint(2, 8, (n, 1), generator=generator)
    place = torch.arange(7)
    mask = place < lengths
    source = torch.randint(3, 11, (n, 7), generator=generator).masked_fill(~mask, 0)
    backwards = source.gather(1, (lengths - 1 - place).clamp(min=0)).masked_fill(~mask, 0)
    target = torch.cat([torch.ones(n, 1).long(), backwards, torch.zeros(n, 1).long()], dim=1)
    target.scatter_(1, lengths + 1, 2)
    return source, target, mask, target > 0


@pytest.mark.parametrize(("norm_first", "optimizer"), [(False, "adamw"), (True, "muon")])
def test_it_learns_to_reverse_and_is_saved(norm_first: bool, optimizer: Any, tmp_path) -> None:
    torch.manual_seed(0)
    sizes = {"n_layer": 1, "n_decoder_layer": 1, "d_model": 48, "d_hidden": 96}
    config = replace(CONFIG, **sizes, norm_first=norm_first, dropout=0.0)
    model = Transformer(config)
    training = TrainingConfig(steps=400, learning_rate=3e-3, optimizer=optimizer, warmup_steps=40)
    train(model, lambda start: map(reversal, range(start, 400)), training, checkpoint=tmp_path)
    other = Transformer(config).eval()
    load_weights(other, tmp_path)
    source, target, source_mask, _ = reversal(10_000)
    start = torch.ones(64, 1, dtype=torch.long)
    for search, options in ((generate, {"temperature": 0}), (beam_search, {"n_beam": 3})):
        decoder = other.decoder_for(source, source_mask)
        found = search(decoder, start, 8, end_token=2, **options)  # type: ignore[operator]
        after_end = (found == 2).cumsum(1) - (found == 2).long() > 0
        right = (found.masked_fill(after_end, 0) == target).all(1).float().mean().item()
        assert right > 0.95
    with pytest.raises(Exception, match="norm_first = "):
        load_weights(Transformer(replace(config, norm_first=not norm_first)), tmp_path)


def test_labels_are_smoothed_in_training_only() -> None:
    model, source, target = randomised(replace(CONFIG, dropout=0.0)), tokens(3, 7), tokens(3, 5)
    log_probs = model(source, target[:, :-1]).log_softmax(-1)
    plain = -log_probs.gather(2, target[:, 1:, None]).mean()
    assert_close(model.loss(source, target), plain)
    assert_close(model.train().loss(source, target), 0.9 * plain - 0.1 * log_probs.mean())


def test_smoothed_labels_without_padding_written_out() -> None:
    """Of each real token: 1 - ε times its own loss, and ε times the mean loss over all tokens of the vocabulary."""
    model = randomised(replace(CONFIG, dropout=0.0, label_smoothing=0.3)).train()
    source, target = tokens(3, 7), tokens(3, 5)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 1, 0]]).bool()
    losses = -model(source, target[:, :-1]).log_softmax(-1)  # (batch, time - 1, vocab_size)
    terms = []
    for row, length in enumerate(mask.sum(1).tolist()):
        for time in range(length - 1):
            of_token = torch.full((11,), 0.3 / 11)
            of_token[target[row, time + 1]] += 0.7
            terms.append((of_token * losses[row, time]).sum())
    expected = torch.stack(terms).mean()
    assert_close(model.loss(source, target, target_mask=mask), expected)
    assert abs(model.loss(source, target).item() - expected.item()) > 1e-2  # padding would count


def test_dropout_is_in_every_part() -> None:
    model = randomised(replace(CONFIG, dropout=0.5)).train()
    dropped = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Dropout)]
    assert len(dropped) == 1 + 2 * 2 + 3 * 3
    source, target = tokens(2, 7), tokens(2, 5)
    assert not torch.equal(model(source, target), model(source, target))
    model.eval()
    assert torch.equal(model(source, target), model(source, target))
