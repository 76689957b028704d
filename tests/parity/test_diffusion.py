"""Our U-Net and diffusion against diffusers: its blocks, its schedulers of DDIM and DDPM. Sizes are odd and unequal."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, DDPMScheduler
from diffusers.models.embeddings import get_timestep_embedding
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.testing import assert_close

from largemodels.models.unet import ResidualBlock, UNet, UNetConfig, time_features
from largemodels.objectives.diffusion import noised, step_towards, told_apart, v_of

from .random_weights import randomised

CONFIG = UNetConfig(picture_channels=2, channels=(6, 9, 15), n_classes=4, d_time=10, groups=3)
NAMES = {
    "norm_1": "norm1",
    "norm_2": "norm2",
    "conv_1": "conv1",
    "conv_2": "conv2",
    "told": "time_emb_proj",
}


def their_block(block: ResidualBlock, channels: int) -> ResnetBlock2D:
    """The block of diffusers with the same weights."""
    it = ResnetBlock2D(
        in_channels=channels,
        temb_channels=CONFIG.d_time,
        groups=CONFIG.groups,
        eps=1e-5,
        time_embedding_norm="scale_shift",
    )
    for ours, theirs in NAMES.items():
        getattr(it, theirs).load_state_dict(getattr(block, ours).state_dict())
    return it.eval()


def theirs(model: UNet, pictures: Tensor, time: Tensor, labels: Tensor) -> Tensor:
    """The network of three resolutions, written out with blocks of diffusers."""
    features = get_timestep_embedding(1_000 * time, CONFIG.d_time, downscale_freq_shift=0)
    told = model.time(features) + nn.functional.embedding(labels, model.label.weight)
    a, b, c = CONFIG.channels
    high = model.first(pictures)
    middle = their_block(model.before[0], b)(model.down[0](high), told)
    low = their_block(model.before[1], c)(model.down[1](middle), told)
    low = their_block(model.after[2], c)(low, told)
    middle = middle + F.interpolate(model.up[1](low), scale_factor=2.0, mode="nearest")
    middle = their_block(model.after[1], b)(middle, told)
    high = high + F.interpolate(model.up[0](middle), scale_factor=2.0, mode="nearest")
    high = their_block(model.after[0], a)(high, told)
    return model.last(F.silu(model.norm(high)))


@pytest.fixture
def model() -> UNet:
    torch.manual_seed(0)
    return randomised(UNet(CONFIG)).eval()


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    return torch.randn(5, 2, 12, 20), torch.rand(5), torch.tensor([0, 3, 4, 1, 1])


def test_the_network_agrees(model: UNet) -> None:
    x = inputs()
    assert_close(model(*x), theirs(model, *x), rtol=1e-4, atol=1e-4)


def swap_skips(model: UNet) -> None:
    model.norm.bias.data = model.norm.bias.data.flip(0)


def scale_by_shift(model: UNet) -> None:
    told = model.after[1].told
    told.weight.data = told.weight.data.roll(CONFIG.channels[1], 0)


@pytest.mark.parametrize("perturb", [swap_skips, scale_by_shift])
def test_a_perturbed_layout_is_noticed(model: UNet, perturb) -> None:
    x = inputs()
    before = theirs(model, *x)
    perturb(model)
    with pytest.raises(AssertionError):
        assert_close(model(*x), before, rtol=1e-4, atol=1e-4)


def test_time_features_agree() -> None:
    time = torch.rand(7)
    assert_close(time_features(time, 14), get_timestep_embedding(1_000 * time, 14, downscale_freq_shift=0))


def scheduler(kind: type, **more):
    return kind(num_train_timesteps=40, beta_schedule="squaredcos_cap_v2", clip_sample=False, **more)


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize("eta", [0.0, 0.6])
def test_ddims_step_agrees(eta: float, clip: bool) -> None:
    """The network's answer as v, at steps of 4 of 40 times; the same new noise for both."""
    reference = DDIMScheduler(
        num_train_timesteps=40,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=clip,
    )
    reference.set_timesteps(10)
    torch.manual_seed(1)
    z = torch.randn(3, 2, 5, 7)
    for time in reference.timesteps.tolist():
        v = torch.randn(3, 2, 5, 7)
        signal = reference.alphas_cumprod[time]
        earlier = time - 4
        then = reference.alphas_cumprod[earlier] if earlier >= 0 else reference.final_alpha_cumprod
        seen, noise = told_apart(z, v, signal)
        if clip:
            seen = seen.clamp(-1, 1)
            noise = (z - signal.sqrt() * seen) / (1 - signal).sqrt()
        torch.manual_seed(time)
        new = step_towards(seen, noise, signal, then, eta)
        torch.manual_seed(time)
        variance = torch.randn(3, 2, 5, 7)
        expected = reference.step(
            v, time, z, eta=eta, use_clipped_model_output=clip, variance_noise=variance if eta else None
        )
        assert_close(expected.pred_original_sample, seen, rtol=1e-5, atol=1e-5)
        assert_close(new, expected.prev_sample, rtol=1e-5, atol=1e-5)
        z = new


def test_ddpms_step_agrees() -> None:
    """With eta 1, one time after the other."""
    reference = scheduler(DDPMScheduler, prediction_type="v_prediction")
    z = torch.randn(2, 1, 3, 5)
    for time in (39, 20, 1):
        v, signal = torch.randn(2, 1, 3, 5), reference.alphas_cumprod[time]
        seen, noise = told_apart(z, v, signal)
        torch.manual_seed(time)
        ours = step_towards(seen, noise, signal, reference.alphas_cumprod[time - 1], eta=1.0)
        expected = reference.step(v, time, z, generator=torch.Generator().manual_seed(time)).prev_sample
        assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_mixtures_and_v_agree() -> None:
    reference = scheduler(DDPMScheduler)
    x, noise, times = torch.randn(4, 2, 3, 5), torch.randn(4, 2, 3, 5), torch.tensor([0, 7, 20, 39])
    signal = reference.alphas_cumprod[times][:, None, None, None]
    assert_close(noised(x, noise, signal), reference.add_noise(x, noise, times))
    assert_close(v_of(x, noise, signal), reference.get_velocity(x, noise, times))
