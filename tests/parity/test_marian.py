"""Our translator with a recurrent decoder: by hand in double precision, and its parts against torch's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from largemodels.models.marian import SSRU, Marian, MarianConfig
from largemodels.text.generation import generate


@pytest.fixture
def model() -> Marian:
    torch.manual_seed(0)
    some = Marian(MarianConfig(23, 11, n_layer=2, n_decoder_layer=3, n_head=3, d_model=12, d_hidden=17))
    for it in some.parameters():
        nn.init.normal_(it, std=0.3)
    return some.double().eval()


def test_the_unit_is_a_weighted_sum() -> None:
    torch.manual_seed(1)
    unit = SSRU(5).double()
    x, c = torch.randn(3, 7, 5, dtype=torch.double), torch.randn(3, 5, dtype=torch.double)
    gate, new = torch.sigmoid(x @ unit.forget.weight.T + unit.forget.bias), x @ unit.candidate.weight.T
    said, last = unit(x, c)
    for t in range(7):
        whole = c * gate[:, : t + 1].prod(dim=1)
        for s in range(t + 1):
            whole = whole + (1 - gate[:, s]) * new[:, s] * gate[:, s + 1 : t + 1].prod(dim=1)
        torch.testing.assert_close(said[:, t], F.relu(whole))
    torch.testing.assert_close(last, whole)
    torch.testing.assert_close(unit(x)[0], unit(x, torch.zeros_like(c))[0])


def test_an_encoder_block_is_that_of_torch(model: Marian) -> None:
    ours = model.encoder[0]
    theirs = nn.TransformerEncoderLayer(12, 3, 17, 0.0, layer_norm_eps=1e-9, batch_first=True).double().eval()
    names = {
        "self_attn.in_proj_": "attention.qkv.",
        "self_attn.out_proj.": "attention.project.",
        "linear1.": "mlp.expand.",
        "linear2.": "mlp.contract.",
        "norm1.": "attention_norm.",
        "norm2.": "mlp_norm.",
    }
    state = ours.state_dict()
    theirs.load_state_dict({a + it: state[b + it] for a, b in names.items() for it in ("weight", "bias")})
    x = torch.randn(2, 5, 12, dtype=torch.double)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))


def test_step_by_step_equals_all_at_once(model: Marian) -> None:
    source, target = torch.randint(23, (3, 7)), torch.randint(23, (3, 6))
    mask = torch.arange(7) < torch.tensor([[7], [4], [1]])
    with torch.no_grad():
        whole = model(source, target, mask)
        cache = model.new_cache(model.encode(source, mask), mask)
        steps = [model.logits(model.decode(target[:, t : t + 1], cache=cache)) for t in range(6)]
        torch.testing.assert_close(torch.cat(steps, dim=1), whole)
        for row, length in enumerate((7, 4, 1)):  # padding has no effect
            alone = model(source[row : row + 1, :length], target[row : row + 1])
            torch.testing.assert_close(alone[0], whole[row])
        other = target.clone()
        other[:, 0] = (target[:, 0] + 1) % 23  # the first token is not read
        torch.testing.assert_close(model(source, other, mask), whole)
        other[:, 3] = (target[:, 3] + 1) % 23
        assert torch.equal(model(source, other, mask)[:, :3], whole[:, :3])
        assert not torch.allclose(model(source, other, mask)[:, 3:], whole[:, 3:])


def test_several_targets_of_a_source(model: Marian) -> None:
    """The targets of one source are adjacent rows."""
    source, target = torch.randint(23, (2, 5)), torch.randint(23, (4, 3))
    with torch.no_grad():
        memory = model.encode(source)
        shared = model.decode(target, cache=model.new_cache(memory, n_beam=2))
        torch.testing.assert_close(shared, model.decode(target, memory.repeat_interleave(2, 0)))


def test_candidates(model: Marian) -> None:
    source, target = torch.randint(23, (2, 5)), torch.randint(23, (2, 4))
    some = torch.tensor([1, 4, 9])
    bound = model.decoder_for(source, None, some)
    with torch.no_grad():
        few = bound.logits(bound.hidden(target))
        every = model(source, target)
    torch.testing.assert_close(few[..., some], every[..., some])
    assert torch.isinf(few).sum() == few.numel() - few[..., some].numel()
    said = generate(bound, target[:, :1], 6, temperature=0)
    assert set(said[:, 1:].flatten().tolist()) <= {1, 4, 9}


def test_what_is_refused(model: Marian) -> None:
    source = torch.randint(23, (1, 3))
    with pytest.raises(ValueError, match="right"):
        model.encode(source, torch.tensor([[False, True, True]]))
    with pytest.raises(ValueError, match="right"):
        model.decode(source, model.encode(source), target_mask=torch.tensor([[False, True, True]]))
    with pytest.raises(ValueError, match="context"):
        model.encode(torch.randint(23, (1, 12)))
    for length in (0, 12):
        with pytest.raises(ValueError, match="cache"):
            model.new_cache(model.encode(source), length=length)
    with pytest.raises(ValueError, match="multiple"):
        MarianConfig(n_head=7)
    with pytest.raises(ValueError, match="n_layer"):
        MarianConfig(n_layer=0)
