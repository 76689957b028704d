from __future__ import annotations

import copy
import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

import largemodels as lm
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.models.presets import preset
from largemodels.training.config import TrainingConfig
from largemodels.training.optimizers import (
    Muon,
    make_optimizers,
    matrices,
    newton_schulz,
    newton_schulz_by_gram,
)

SHAPES = [(3, 7), (7, 3), (5, 5), (3, 7), (7, 3)]  # wide, tall, square; some twice


def slowly_orthogonal(matrix: Tensor) -> Tensor:
    """Newton–Schulz on the singular values themselves, in fp64."""
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    s = s / s.square().sum().sqrt()
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u @ torch.diag(s) @ v


BOTH = pytest.mark.parametrize("orthogonalise", [newton_schulz, newton_schulz_by_gram])


@BOTH
@pytest.mark.parametrize("shape", sorted(set(SHAPES)))
def test_newton_schulz_acts_on_the_singular_values(
    orthogonalise: Callable[[Tensor], Tensor], shape: tuple[int, int]
) -> None:
    drawn = torch.randn(4, *shape) * torch.tensor([1.0, 1e-3, 1e3, 2.0])[:, None, None]
    together = orthogonalise(drawn)
    for ours, matrix in zip(together, drawn, strict=True):
        assert_close(ours, slowly_orthogonal(matrix).float(), rtol=1e-3, atol=1e-4)
    values = torch.linalg.svdvals(together)
    assert values.max() < 1.25
    assert (values > 0.6).float().mean() > 0.8  # very small ones are still on their way up


@BOTH
def test_a_gradient_of_zero_stays_zero(orthogonalise: Callable[[Tensor], Tensor]) -> None:
    assert not orthogonalise(torch.zeros(1, 3, 4)).any()


@pytest.mark.parametrize("shape", [(40, 160), (96, 64)])
def test_rounding_stays_small_for_gradients_of_low_rank(shape: tuple[int, int]) -> None:
    """As they are at the start, below projections of zeros."""
    rows, cols = shape
    drawn = torch.randn(3, rows, 2) @ torch.randn(3, 2, cols)
    exact = newton_schulz(drawn.double())
    for orthogonalise in (newton_schulz, newton_schulz_by_gram):
        assert (orthogonalise(drawn) - exact).norm() < 1e-3 * exact.norm()


def test_bf16_is_exact_enough() -> None:
    drawn = torch.randn(3, 24, 40)
    exact = newton_schulz(drawn)
    assert (newton_schulz(drawn.bfloat16()) - exact).norm() < 0.03 * exact.norm()


def test_muon_is_what_its_formula_says() -> None:
    """Five steps of five matrices, by singular values and in fp64."""
    weights = [nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    unused = nn.Parameter(torch.ones(3, 7))
    slow = [weight.detach().double() for weight in weights]
    momenta = [torch.zeros_like(weight) for weight in slow]
    optimizer = Muon([*weights, unused], lr=0.1, momentum=0.8, weight_decay=0.5)
    for step in range(5):
        optimizer.param_groups[0]["lr"] = rate = 0.1 / (step + 1)
        for i, weight in enumerate(weights):
            weight.grad = torch.randn(weight.shape)
            gradient = weight.grad.double()
            momenta[i] = 0.8 * momenta[i] + 0.2 * gradient
            direction = slowly_orthogonal(0.8 * momenta[i] + 0.2 * gradient)
            rows, cols = weight.shape
            slow[i] = (1 - rate * 0.5) * slow[i] - rate * math.sqrt(max(1, rows / cols)) * direction
        optimizer.step()
    for ours, theirs in zip(weights, slow, strict=True):
        assert_close(ours, theirs.float(), rtol=1e-3, atol=1e-4)
    assert torch.equal(unused, torch.ones(3, 7))


def test_maps_in_one_matrix_are_treated_one_by_one() -> None:
    """Queries of five rows, keys and values of three: as three matrices of their own."""
    together = nn.Parameter(torch.randn(11, 4))
    alone = [nn.Parameter(part.clone()) for part in together.detach().split((5, 3, 3))]
    first = Muon([{"params": [together], "parts": (5, 3, 3)}], lr=0.1, weight_decay=0.2)
    second = Muon(alone, lr=0.1, weight_decay=0.2)
    for _ in range(2):
        together.grad = torch.randn(11, 4)
        for part, gradient in zip(alone, together.grad.split((5, 3, 3)), strict=True):
            part.grad = gradient.clone()
        first.step()
        second.step()
    assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("gated", [True, False])
def test_models_say_where_several_maps_are_in_one(gated: bool) -> None:
    sizes = {"n_layer": 1, "n_head": 4, "n_kv_head": 2, "d_model": 16, "d_hidden": 24}
    model = GPT(GPTConfig(11, 8, **sizes, activation="swiglu" if gated else "gelu"))
    parts = {group["parts"] for group in matrices(model)}
    assert parts == {(16, 8, 8), None} | ({(24, 24)} if gated else set())


@pytest.mark.parametrize("shape", [(24, 40), (40, 24)])
def test_muon_agrees_with_that_of_torch(shape: tuple[int, int]) -> None:
    """Which works in bf16, so only roughly."""
    ours, theirs = (nn.Parameter(torch.ones(shape)) for _ in range(2))
    first = Muon([ours], lr=0.1, momentum=0.9, weight_decay=0.3)
    second = torch.optim.Muon([theirs], lr=0.1, momentum=0.9, weight_decay=0.3, adjust_lr_fn="original")
    for _ in range(3):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        first.step()
        second.step()
    moved, expected = ours - 1, theirs - 1
    assert (moved - expected).norm() < 0.03 * expected.norm()


def test_adamw_is_what_its_formula_says() -> None:
    model = nn.Linear(3, 5)
    config = TrainingConfig(steps=1, learning_rate=0.01, weight_decay=0.4, betas=(0.8, 0.9))
    (optimizer,) = make_optimizers(model, config)
    slow = {name: value.detach().double() for name, value in model.named_parameters()}
    first = {name: torch.zeros_like(value) for name, value in slow.items()}
    second = {name: torch.zeros_like(value) for name, value in slow.items()}
    for step in range(1, 5):
        for name, parameter in model.named_parameters():
            parameter.grad = torch.randn(parameter.shape)
            gradient = parameter.grad.double()
            first[name] = 0.8 * first[name] + 0.2 * gradient
            second[name] = 0.9 * second[name] + 0.1 * gradient**2
            decay = 0.4 if name == "weight" else 0.0
            slow[name] = slow[name] * (1 - 0.01 * decay)
            scale = (second[name] / (1 - 0.9**step)).sqrt() + 1e-8
            slow[name] = slow[name] - 0.01 * first[name] / (1 - 0.8**step) / scale
        optimizer.step()
    for name, parameter in model.named_parameters():
        assert_close(parameter, slow[name].float())
    assert optimizer.defaults["fused"]


@pytest.mark.parametrize("tied", [True, False])
def test_muon_takes_the_matrices_of_the_blocks(tied: bool) -> None:
    model = GPT(GPTConfig(11, 8, n_layer=2, n_head=2, d_model=16, tied_head=tied))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    config = TrainingConfig(steps=1, optimizer="muon", learning_rate=0.003, matrix_learning_rate=0.05)
    muon, adamw = make_optimizers(model, config)
    packed, single = ([names[id(p)] for p in group["params"]] for group in muon.param_groups)
    by_muon = [*packed, *single]
    assert packed == [f"blocks.{i}.attention.qkv.weight" for i in (0, 1)]
    assert muon.param_groups[0]["parts"] == (16, 16, 16)
    inner = ("attention.project", "mlp.expand", "mlp.contract")
    assert single == [f"blocks.{i}.{part}.weight" for i in (0, 1) for part in inner]
    decayed, kept = ([names[id(p)] for p in group["params"]] for group in adamw.param_groups)
    heads = [] if tied else ["head.weight"]
    assert decayed == ["token_embedding.weight", "position_embedding.weight", *heads]
    assert all(name.endswith("bias") or "norm" in name for name in kept)
    assert len(by_muon) + len(decayed) + len(kept) == len(names)
    assert muon.param_groups[0]["initial_lr"] == 0.05
    assert [group["initial_lr"] for group in adamw.param_groups] == [0.003, 0.003]


MODELS = {
    "gpt2": lambda: lm.GPT(preset("gpt2", vocab_size=11, n_layer=2, n_head=2, d_model=16)),
    "modern": lambda: lm.GPT(preset("modern", vocab_size=11, n_layer=2, n_head=2, d_model=16)),
    "llama": lambda: lm.GPT(preset("smollm2-135m", vocab_size=11, n_layer=1, n_head=3, d_model=24)),
    "rnn": lambda: lm.RecurrentLM(lm.RecurrentLMConfig(11, 6, n_layer=2, cell="rnn")),
    "lstm": lambda: lm.RecurrentLM(lm.RecurrentLMConfig(11, 6, n_layer=2)),
    "mlp": lambda: lm.MLP(lm.MLPConfig(5, (4, 3), 2)),
    "alexnet": lambda: lm.AlexNet(lm.AlexNetConfig(channels=(4,) * 5, d_hidden=6)),
    "resnet": lambda: lm.ResNet(lm.ResNetConfig(channels=(8, 8), n_blocks=(1, 1))),
    "efficientnet": lambda: lm.EfficientNetLite(lm.EfficientNetLiteConfig(head_channels=8)),
}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("name", MODELS)
def test_matrices_and_filters_decay_in_every_model_and_heads_are_adamws(name: str, optimizer: str) -> None:
    """In our models so far that is what the numbers of dimensions and the names say, too."""
    model = MODELS[name]()
    named = dict(model.named_parameters())
    linear = {n for n, m in model.named_modules() if isinstance(m, nn.Linear)}
    config = TrainingConfig(steps=1, optimizer=optimizer)
    if optimizer == "muon" and linear == {"head"}:
        with pytest.raises(ValueError, match="no linear layers for Muon"):
            make_optimizers(model, config)
        return
    *others, adamw = make_optimizers(model, config)
    by_muon = [p for one in others for group in one.param_groups for p in group["params"]]
    if optimizer == "muon":
        assert {n for n, p in named.items() if any(p is q for q in by_muon)} == {
            f"{n}.weight" for n in linear if n != "head"
        }
    rest = [p for p in named.values() if not any(p is q for q in by_muon)]
    groups = [group["params"] for group in adamw.param_groups]
    expected = [[p for p in rest if p.ndim >= 2], [p for p in rest if p.ndim < 2]]
    assert [[id(p) for p in group] for group in groups] == [[id(p) for p in group] for group in expected]


class Viewer(nn.Module):
    """What a ViT has besides linear layers: patches, a class token, positions; and a matrix of its own."""

    by_adamw = ("last",)
    decayed = ("mixing",)

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 4, 2)
        self.class_token = nn.Parameter(torch.ones(1, 1, 4))
        self.positions = nn.Parameter(torch.ones(7, 4))
        self.mixing = nn.Parameter(torch.ones(4, 4))
        self.norm = nn.LayerNorm((7, 4))
        self.inner = nn.Linear(4, 4)
        self.head = nn.Linear(4, 4)
        self.last = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))


def test_modules_say_what_muon_takes_and_what_decays() -> None:
    model = Viewer()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    muon, adamw = make_optimizers(model, TrainingConfig(steps=1, optimizer="muon"))
    (by_muon,) = ([names[id(p)] for p in group["params"]] for group in muon.param_groups)
    assert by_muon == ["inner.weight", "head.weight"]
    decays, _ = ([names[id(p)] for p in group["params"]] for group in adamw.param_groups)
    assert decays == ["mixing", "patches.weight", "last.0.weight", "last.1.weight"]


def test_muon_says_that_it_needs_whole_matrices() -> None:
    muon, adamw = make_optimizers(MODELS["gpt2"](), TrainingConfig(steps=1, optimizer="muon"))
    assert muon.needs_whole_matrices and not hasattr(adamw, "needs_whole_matrices")


def test_a_weight_shared_with_an_embedding_is_none_of_muons() -> None:
    embedding, linear = nn.Embedding(5, 3), nn.Linear(3, 5)
    linear.weight = embedding.weight
    inner = nn.Linear(3, 4)
    model = nn.ModuleDict({"a": embedding, "b": linear, "c": inner, "d": inner})
    assert matrices(model) == [{"params": [inner.weight], "parts": None}]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_only_matrices_decay(optimizer: str) -> None:
    """With zero gradients only the decay moves weights."""
    model = GPT(GPTConfig(7, 8, n_layer=1, n_head=2, d_model=16))
    for value in model.parameters():
        if value.ndim == 1:
            nn.init.ones_(value)  # a zero could not decay
    before = {name: value.clone() for name, value in model.named_parameters()}
    config = TrainingConfig(steps=3, weight_decay=0.5, learning_rate=0.1, matrix_learning_rate=0.1)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for one in make_optimizers(model, config):
        one.step()
    assert {value.ndim for value in before.values()} == {1, 2}
    for name, value in model.named_parameters():
        assert_close(value, before[name] * (0.95 if value.ndim == 2 else 1.0))


def test_the_state_can_be_saved_and_loaded() -> None:
    weights = [nn.Parameter(torch.randn(3, 4)) for _ in range(2)]
    first = Muon(weights)
    others = copy.deepcopy(weights)
    second = Muon(others)
    for weight in weights:
        weight.grad = torch.randn(3, 4)
    first.step()
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for weight, other in zip(weights, others, strict=True):
        other.data.copy_(weight.data)
        other.grad = weight.grad
    first.step()
    second.step()
    for weight, other in zip(weights, others, strict=True):
        assert torch.equal(weight, other)


def test_what_cannot_be_trained_is_refused_in_words() -> None:
    muon = TrainingConfig(steps=1, optimizer="muon")
    with pytest.raises(ValueError, match=r"Muon is for matrices, not for a tensor of shape \(3,\)"):
        Muon([nn.Parameter(torch.zeros(3))])
    with pytest.raises(ValueError, match="no linear layers for Muon"):
        make_optimizers(nn.Embedding(3, 4), muon)
    with pytest.raises(ValueError, match="all are frozen"):
        make_optimizers(nn.Linear(3, 4).requires_grad_(False), muon)


def test_what_a_model_leaves_to_adamw_is_a_layer_of_its_own() -> None:
    """A name that is no layer, such as "layers.0", would do nothing, and nobody would notice."""
    named = {}
    for module in pkgutil.iter_modules(lm.models.__path__, "largemodels.models."):
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if "by_adamw" in vars(found):
                named[found] = inspect.getsource(found)
    assert len(named) >= 8
    for found, source in named.items():
        for name in found.by_adamw:
            assert f"self.{name} = " in source, f"{found.__name__}: {name}"
