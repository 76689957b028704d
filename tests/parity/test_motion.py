"""Our networks for motion against torch.nn, eight bits against integers, and features against numpy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.testing import assert_close

from largemodels.models.motion import (
    BANDS,
    Int8Convolutions,
    MotionConvolutions,
    MotionConvolutionsConfig,
    MotionTransformer,
    MotionTransformerConfig,
    motion_features,
)

from .random_weights import randomised

CONVOLUTIONS = MotionConvolutionsConfig(in_channels=3, n_classes=5, channels=(7, 4, 9), kernel=5, stride=3)
ATTENTION = MotionTransformerConfig(
    in_channels=3, n_classes=5, length=33, patch=11, d_model=35, n_layer=2, n_head=5, d_hidden=53, dropout=0.0
)


def their_convolutions(ours: MotionConvolutions) -> nn.Sequential:
    """The same as a sequence of torch's layers, which has another order of parameters in no layer."""
    layers: list[nn.Module] = []
    sizes = (3, 7, 4, 9)
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Conv1d(a, b, 5, stride=3, padding=2), nn.BatchNorm1d(b), nn.ReLU()]
    theirs = nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(9, 5))
    state = ours.state_dict()
    for place in range(3):
        for name in ("weight", "bias"):
            getattr(theirs[3 * place], name).data.copy_(state[f"convolutions.{place}.{name}"])
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(theirs[3 * place + 1], name).data.copy_(state[f"norms.{place}.{name}"])
    theirs[-1].load_state_dict(ours.head.state_dict())
    return theirs.eval()


def test_convolutions_equal_torchs() -> None:
    ours = randomised(MotionConvolutions(CONVOLUTIONS)).eval()
    motion = torch.randn(2, 41, 3)
    theirs = their_convolutions(ours)
    assert_close(ours(motion), theirs(motion.transpose(1, 2)))
    assert not torch.allclose(ours(motion.flip(2)), theirs(motion.transpose(1, 2)), atol=1e-3)


def test_folding_the_normalisation_changes_nothing() -> None:
    ours = randomised(MotionConvolutions(CONVOLUTIONS)).eval()
    motion = torch.randn(2, 41, 3)
    x = motion.transpose(1, 2)
    for weight, bias in ours.folded():
        x = torch.relu(torch.nn.functional.conv1d(x, weight, bias, stride=3, padding=2))
    assert_close(ours.head(x.mean(2)), ours(motion), atol=1e-4, rtol=1e-4)


def test_transformer_equals_torchs() -> None:
    ours = randomised(MotionTransformer(ATTENTION)).eval()
    layer = nn.TransformerEncoderLayer(
        35, 5, 53, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    theirs = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(35), enable_nested_tensor=False).eval()
    with torch.no_grad():
        for block, its in zip(ours.encoder.blocks, theirs.layers, strict=True):
            pairs = [
                (block.attention_norm, its.norm1),
                (block.attention.project, its.self_attn.out_proj),
                (block.mlp_norm, its.norm2),
                (block.mlp.expand, its.linear1),
                (block.mlp.contract, its.linear2),
            ]
            for our_module, their_module in pairs:
                their_module.weight.copy_(our_module.weight)
                their_module.bias.copy_(our_module.bias)
            its.self_attn.in_proj_weight.copy_(block.attention.qkv.weight)
            its.self_attn.in_proj_bias.copy_(block.attention.qkv.bias)
        theirs.norm.load_state_dict(ours.encoder.final_norm.state_dict())
    motion = torch.randn(2, 33, 3)
    # A convolution as wide as its stride is the linear map of the patches.
    kernels = ours.patch_embedding.weight.view(35, 11, 3).transpose(1, 2)
    patches = torch.nn.functional.conv1d(
        motion.transpose(1, 2), kernels, ours.patch_embedding.bias, stride=11
    )
    hidden = theirs(patches.transpose(1, 2) + ours.position_embedding.weight)
    assert_close(ours(motion), ours.head(hidden.mean(1)), atol=1e-5, rtol=1e-5)


def test_eight_bits_equal_integer_arithmetic() -> None:
    model = randomised(MotionConvolutions(CONVOLUTIONS)).eval()
    examples, motion = torch.randn(19, 41, 3), torch.randn(2, 41, 3)
    small = Int8Convolutions(model, examples)

    def rounded(x: np.ndarray) -> np.ndarray:
        return np.clip(np.round(x), -127, 127).astype(np.int64)

    x = rounded(motion.numpy().transpose(0, 2, 1) / np.float32(small.ranges[0]))
    for (weight, scale, bias), step, after in zip(
        small.layers, small.ranges[:-1], small.ranges[1:], strict=True
    ):
        w = weight.numpy().astype(np.int64)
        assert np.array_equal(w, weight.numpy()) and abs(w).max() == 127
        padded = np.pad(x, ((0, 0), (0, 0), (2, 2)))
        places = range(0, padded.shape[2] - 4, 3)
        sums = np.stack([np.einsum("nck,ock->no", padded[:, :, at : at + 5], w) for at in places], axis=2)
        y = sums * (scale.numpy() * np.float32(step))[:, None] + bias.numpy()[:, None]
        x = rounded(np.maximum(y, 0) / after)
    weight, scale, bias = small.head
    mean = rounded(x.mean(axis=2))
    logits = mean @ weight.numpy().T * scale.numpy() * small.ranges[-1] + bias.numpy()
    np.testing.assert_allclose(small(motion).detach().numpy(), logits, rtol=1e-4, atol=1e-4)
    assert small.bytes() == sum(it.weight.numel() for it, _ in model.layers()) + 45 + 8 * (7 + 4 + 9 + 5)


@pytest.mark.parametrize("time", [80, 101])
def test_features_equal_numpys(time: int) -> None:
    motion = torch.randn(3, time, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = motion_features(motion)
    assert found.shape == (3, 156)
    one = motion[1].numpy()
    signals = np.column_stack([one, np.linalg.norm(one[:, :3], axis=1), np.linalg.norm(one[:, 3:], axis=1)])
    expected = [signals.mean(0), signals.std(0), np.log(signals.std(0) + 1e-3)]
    expected += [np.quantile(signals, it, axis=0) for it in (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)]
    power = abs(np.fft.rfft(signals - signals.mean(0), axis=0)) ** 2
    expected += [np.log(power[a:b].sum(0) + 1e-3) for a, b in BANDS]
    expected += [stats.pearsonr(signals[:, a], signals[:, b])[0] for a in range(8) for b in range(a + 1, 8)]
    expected += [abs(np.diff(signals, axis=0)).mean(0)]
    right: Tensor = torch.from_numpy(np.hstack(expected))
    assert_close(found[1], right, atol=1e-5, rtol=1e-5)
