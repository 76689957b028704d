from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from largemodels.models.norm import make_norm, rms_norm


def test_layernorm_is_the_formula() -> None:
    norm, x = make_norm("layernorm", 7, eps=0.5), torch.randn(3, 7)
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.square().mean(-1, keepdim=True) + 0.5).sqrt()
    assert_close(norm(x), scaled * norm.weight + norm.bias)
    assert make_norm("layernorm", 7, bias=False).bias is None


def test_rmsnorm_is_the_formula_and_takes_the_type_of_its_input() -> None:
    norm, x = make_norm("rmsnorm", 7, eps=0.5), torch.randn(3, 7)
    nn.init.normal_(norm.weight)
    expected = x / (x.square().mean(-1, keepdim=True) + 0.5).sqrt() * norm.weight
    assert_close(norm(x), expected)
    assert_close(rms_norm(x, norm), expected)
    assert rms_norm(x.bfloat16(), norm).dtype == torch.bfloat16
    assert rms_norm(x, None) is x
    assert [name for name, _ in norm.named_parameters()] == ["weight"]


def test_an_unknown_norm_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="norm must be one of layernorm, rmsnorm, not 'batchnorm'"):
        make_norm("batchnorm", 7)
