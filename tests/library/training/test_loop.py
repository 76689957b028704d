from __future__ import annotations

import inspect
import itertools
import math
import random
import re
import time
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from largemodels.data.batches import batches
from largemodels.models.gpt import GPT, GPTConfig
from largemodels.text.evaluation import evaluate
from largemodels.text.generation import generate
from largemodels.training import loop as training
from largemodels.training.batch import n_targets
from largemodels.training.config import TrainingConfig
from largemodels.training.loop import schedule, train
from largemodels.training.parallel import Team

SIZES = {"vocab_size": 7, "context_length": 8, "n_layer": 2, "n_head": 2, "d_model": 16}
PERIODIC = torch.tensor([0, 1, 2, 3, 4, 5, 6] * 40)


def gpt(**changes) -> GPT:
    torch.manual_seed(0)
    return GPT(GPTConfig(**(SIZES | changes)))


def windows(batch_size: int = 5) -> Iterator[tuple[Tensor, Tensor]]:
    return batches(PERIODIC, batch_size, context_length=8, seed=0)


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def trained(steps: int | None = 60, **settings) -> tuple[GPT, pd.DataFrame]:
    model = gpt()
    config = TrainingConfig(**({"steps": steps, "learning_rate": 1e-2, "evaluate_every": 25} | settings))
    history = train(model, windows(), config, lambda: {"validation_loss": evaluate(model, PERIODIC, 8)})
    return model, history


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "muon", "matrix_learning_rate": 0.05},
        {"precision": "bf16"},
        {"accumulate": 2},
    ],
)
def test_a_periodic_text_is_learnt(settings: dict) -> None:
    model, history = trained(warmup_steps=5, **settings)
    assert list(history.step) == [0, 25, 50, 60]
    assert history.validation_loss.iloc[0] == pytest.approx(math.log(7), abs=0.2)
    assert history.validation_loss.iloc[-1] < 0.1
    assert math.isnan(history.training_loss.iloc[0])
    assert history.seconds.is_monotonic_increasing
    assert model.training
    continued = generate(model, torch.tensor([[3, 4, 5]]), n_new=9, temperature=0)
    assert continued.tolist() == [[3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0]]


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = trained(20)[0], trained(20)[0]
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_step_is_what_the_book_says() -> None:
    """Gradient, clipping, schedule and AdamW, each written out, for three steps of two batches."""
    model, copy = gpt(), gpt()
    config = TrainingConfig(steps=3, learning_rate=3e-3, warmup_steps=2, clip_norm=0.1, accumulate=2)
    history = train(model, windows(), config)
    means = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in copy.named_parameters()}
    source, losses = windows(), []
    for step, rate in enumerate((1.5e-3, 3e-3, 3e-3)):
        pair = [copy.loss(*next(source)) for _ in range(2)]
        copy.zero_grad()
        (sum(pair) / 2).backward()
        losses.append(sum(pair).item() / 2)
        norm = math.sqrt(sum(p.grad.square().sum().item() for p in copy.parameters()))
        assert norm > 0.1
        with torch.no_grad():
            for name, p in copy.named_parameters():
                gradient = p.grad * 0.1 / norm
                first, second = means[name]
                first.copy_(0.9 * first + 0.1 * gradient)
                second.copy_(0.95 * second + 0.05 * gradient.square())
                unbiased = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.95 ** (step + 1))
                p -= rate * (0.1 if p.ndim >= 2 else 0.0) * p
                p -= rate * unbiased[0] / (unbiased[1].sqrt() + 1e-8)
    for name, p in copy.named_parameters():
        torch.testing.assert_close(model.get_parameter(name), p, rtol=1e-3, atol=1e-5)
    assert history.training_loss.iloc[-1] == pytest.approx(np.mean(losses), rel=1e-5)


def test_gradients_from_before_do_not_count() -> None:
    expected, model = gpt(), gpt()
    model.loss(*next(windows())).backward()
    for one in (expected, model):
        train(one, windows(), TrainingConfig(steps=1))
    for ours, theirs in zip(expected.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_accumulated_batches_are_one_larger_batch() -> None:
    small, large = gpt(), gpt()
    (whole,) = itertools.islice(windows(6), 1)
    halves = [tuple(part[i : i + 3] for part in whole) for i in (0, 3)]
    train(small, halves, TrainingConfig(steps=1, accumulate=2, optimizer="muon"))
    train(large, [whole], TrainingConfig(steps=1, optimizer="muon"))
    for name, value in weights(large).items():
        torch.testing.assert_close(small.get_parameter(name), value, rtol=1e-3, atol=1e-5)


def uneven(count_in_first: int = 3) -> tuple[Tensor, Tensor]:
    """Six rows, of which the first three have few targets."""
    inputs, targets = next(windows(6))
    targets = targets.clone()
    targets[:3, count_in_first // 3 :] = -100
    return inputs, targets


def gradients_after(batches: list, **settings) -> tuple[dict[str, Tensor], float]:
    """The gradient of one update, read from a plain gradient step of size 1, and the loss."""
    model = gpt()
    before = weights(model)
    config = TrainingConfig(steps=1, clip_norm=None, **settings.pop("config", {}))
    sgd = lambda model: [torch.optim.SGD(model.parameters(), lr=1.0)]  # noqa: E731
    history = train(model, batches, config, optimizers=sgd, **settings)
    return {name: before[name] - value for name, value in weights(model).items()}, history.training_loss[1]


@pytest.mark.parametrize("in_first", [3, 0])
@pytest.mark.parametrize("parts", [2, 3])
def test_accumulated_batches_count_by_their_targets(in_first: int, parts: int) -> None:
    """Also where one of them has no target at all."""
    whole = uneven(in_first)
    split = list(zip(*(tensor.chunk(parts) for tensor in whole), strict=True))
    expected, loss = gradients_after([whole])
    for ordered in (split, split[::-1]):
        found, mean = gradients_after(ordered, config={"accumulate": parts})
        assert mean == pytest.approx(loss, rel=1e-6)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)


def test_whoever_counts_otherwise_says_so() -> None:
    """Rows of which the loss takes the first three positions only."""
    batch = uneven(15)
    rows = [tuple(tensor[i:j] for tensor in batch) for i, j in ((0, 1), (1, 6))]
    given = {
        "loss": lambda model, x, y: F.cross_entropy(model(x)[:, :3].flatten(0, 1), y[:, :3].flatten()),
        "count": lambda x, y: 3 * len(y),
    }
    expected, _ = gradients_after([batch], **given)
    found, _ = gradients_after(rows, config={"accumulate": 2}, **given)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ((torch.zeros(4, 3),), 4),
        ((torch.zeros(4, 3), torch.zeros(4)), 4),
        ((torch.zeros(4, 3), torch.tensor([0, 1, -100, 2])), 3),
        ((torch.zeros(2, 3), torch.tensor([[0, 1, 2], [3, -100, -100]]), torch.ones(2, 3).long()), 4),
        ({"pictures": torch.zeros(4, 3), "labels": torch.tensor([0, 1, -100, 2])}, 3),
        ({"tokens": torch.zeros(4, 3).long(), "mask": torch.zeros(4, 3).bool()}, 4),
    ],
)
def test_what_counts_as_a_target(batch: tuple | dict, expected: int) -> None:
    assert n_targets(batch) == expected


def test_a_frozen_normalisation_keeps_its_mode_and_its_statistics() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model[1].eval()
    points = itertools.repeat((torch.randn(6, 3) + 5, torch.randint(2, (6,))))
    loss = lambda model, x, y: F.cross_entropy(model(x), y)  # noqa: E731
    train(model, points, TrainingConfig(steps=2, evaluate_every=1), lambda: {"n": 1}, loss=loss)
    assert [model.training, *(part.training for part in model)] == [True, True, False, True]
    assert torch.equal(model[1].running_mean, torch.zeros(4))


def test_a_failed_evaluation_restores_the_mode() -> None:
    model = gpt()
    with pytest.raises(KeyError):
        train(model, windows(), TrainingConfig(steps=1), lambda: {}["missing"])
    assert all(module.training for module in model.modules())


def test_more_processes_than_devices_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)
    assert training.device() == torch.device("cuda")
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    assert training.device() == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    message = "2 processes were started, but there is only 1 device of type cuda"
    with pytest.raises(ValueError, match=message):
        training.device()
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=message):
        Team(torch.device("cuda", 0))


def test_learning_rate_rises_and_falls() -> None:
    config = TrainingConfig(steps=101, warmup_steps=20, final_fraction=0.25)
    shares = [schedule(step, config) for step in range(101)]
    assert shares[0] == pytest.approx(0.05)
    assert shares[19] == shares[20] == max(shares) == 1
    assert shares[60] == pytest.approx(0.25 + 0.75 / 2)
    assert shares[-1] == pytest.approx(0.25)


def test_learning_rate_falls_with_time() -> None:
    config = TrainingConfig(seconds=60, warmup_steps=2, final_fraction=0.25)
    assert schedule(1, config, 20) == 1
    assert schedule(500, config, 30) == pytest.approx(0.25 + 0.75 / 2)
    assert schedule(501, config, 70) == pytest.approx(0.25)
    both = TrainingConfig(steps=101, seconds=60, final_fraction=0.0)
    assert schedule(50, both, 1) == pytest.approx(0.5)  # the steps are further on
    assert schedule(1, both, 30) == pytest.approx(0.5)  # the time is


def test_a_budget_of_seconds() -> None:
    began = time.perf_counter()
    _, history = trained(steps=None, seconds=0.4)
    assert 0.4 <= history.seconds.iloc[-1] < 1.5
    assert time.perf_counter() - began < 10
    assert history.step.iloc[-1] > 0
    _, history = trained(steps=3, seconds=60)
    assert history.step.iloc[-1] == 3


class Pictures(nn.Module):
    """No language model: a convolution, a frozen layer and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 3, 3)
        self.frozen = nn.Linear(12, 10).requires_grad_(False)
        self.head = nn.Linear(10, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(self.frozen(self.convolution(pictures).relu().flatten(1)).relu())


def pictures() -> Iterator[dict[str, Tensor]]:
    """Bright on the left, or on the right."""
    while True:
        sides = torch.randint(2, (8,))
        drawn = torch.rand(8, 1, 4, 4)
        drawn[torch.arange(8), 0, :, 3 * sides] += 2
        yield {"pictures": drawn, "sides": sides}


def side_loss(model: nn.Module, pictures: Tensor, sides: Tensor) -> Tensor:
    return F.cross_entropy(model(pictures), sides)


def test_any_model_any_batch_any_loss(capsys: pytest.CaptureFixture[str]) -> None:
    model = Pictures()
    frozen = model.frozen.weight.clone()
    history = train(
        model, pictures(), TrainingConfig(steps=150, learning_rate=2e-2, evaluate_every=75), loss=side_loss
    )
    assert history.training_loss.iloc[-1] < 0.2 < history.training_loss.iloc[1]
    assert torch.equal(model.frozen.weight, frozen)
    assert "examples/s" in capsys.readouterr().err


def test_a_model_without_a_loss_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"Pictures has no method loss\(…\)"):
        train(Pictures(), pictures(), TrainingConfig(steps=1))


def test_the_bar_shows_loss_and_speed(capsys: pytest.CaptureFixture[str]) -> None:
    trained(3)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert re.search(r"loss \d\.\d{3}, [\d,]+ tokens/s", shown)


def test_matrix_products_in_bf16_weights_in_fp32() -> None:
    model, seen = gpt(), []
    model.blocks[0].mlp.expand.register_forward_hook(lambda module, given, result: seen.append(result.dtype))
    train(model, windows(), TrainingConfig(steps=1, precision="bf16"))
    assert seen == [torch.bfloat16]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_compiled_training_is_the_same_training() -> None:
    def run(compiled: bool) -> tuple[nn.Module, pd.DataFrame]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
        points = torch.randn(7, 3)
        source = itertools.repeat((points, points.sum(1, keepdim=True)))
        loss = lambda model, inputs, targets: F.mse_loss(model(inputs), targets)  # noqa: E731
        config = TrainingConfig(steps=5, compile=compiled, evaluate_every=1)
        return model, train(model, source, config, loss=loss)

    (plain, plain_history), (compiled, compiled_history) = run(False), run(True)
    np.testing.assert_allclose(plain_history.training_loss, compiled_history.training_loss, rtol=1e-4)
    for ours, theirs in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_the_loop_is_short_enough_to_be_read() -> None:
    assert len(inspect.getsource(training).splitlines()) < 300


def test_training_stops_when_nothing_gets_better() -> None:
    values = iter([math.nan, 2.0, 2.5, 1.9, 1.9, 2.0, 1.0])
    config = TrainingConfig(steps=50, evaluate_every=2, patience=2, watch="error")
    history = train(gpt(), windows(), config, lambda: {"error": next(values)})
    assert list(history.error[1:]) == [2.0, 2.5, 1.9, 1.9, 2.0]
    assert history.step.iloc[-1] == 10


def test_patience_needs_something_to_watch() -> None:
    with pytest.raises(ValueError, match="patience watches 'validation_loss', but evaluate returns no such"):
        train(gpt(), windows(), TrainingConfig(steps=5, patience=2))


def test_evaluation_does_not_change_the_training() -> None:
    def noisy() -> dict[str, float]:
        return {"drawn": torch.rand(()).item() + random.random() + np.random.rand()}

    models = [gpt(dropout=0.3), gpt(dropout=0.3)]
    for model, every in zip(models, (1, 6), strict=True):
        torch.manual_seed(1)
        train(model, windows(), TrainingConfig(steps=6, evaluate_every=every), noisy)
    for ours, theirs in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(ours, theirs)


def test_evaluation_is_without_dropout_and_gradients() -> None:
    model, seen = gpt(dropout=0.3), []
    train(
        model,
        windows(),
        TrainingConfig(steps=1),
        lambda: seen.append((model.training, torch.is_grad_enabled())) or {},
    )
    assert seen == [(False, False), (False, False)]
    assert model.training


def test_the_history_plots_itself() -> None:
    _, history = trained(10)
    assert isinstance(history, pd.DataFrame)
    assert isinstance(history.iloc[1:], type(history))
    axis = history.plot_losses(plt.figure().subplots())
    assert axis.get_legend_handles_labels()[1] == ["training loss", "validation loss"]
    assert axis.get_xlabel() == "step"
    np.testing.assert_array_equal(axis.lines[1].get_ydata(), history.validation_loss)
    plt.close("all")


def test_a_loss_that_is_not_finite_stops_in_words() -> None:
    model = gpt()
    sound = list(itertools.islice(windows(), 5))
    poisoned = (sound[0][0], torch.full_like(sound[0][1], -100))  # no target counts: 0 / 0
    with pytest.raises(
        FloatingPointError, match=r"The loss became nan in step 6\. Train again with a lower learning rate"
    ):
        train(model, [*sound, poisoned, *sound], TrainingConfig(steps=9))


def test_a_gradient_that_is_not_finite_stops_in_words() -> None:
    def loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        return model.loss(inputs, targets) + 0 * model.final_norm.bias.sum().sqrt()  # √0: infinite slope

    with pytest.raises(FloatingPointError, match=r"gradient norm became nan in step 1\."):
        train(gpt(), windows(), TrainingConfig(steps=2), loss=loss)


def test_batches_that_end_too_early_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="The batches ran out before training was done"):
        train(gpt(), list(itertools.islice(windows(), 3)), TrainingConfig(steps=4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": None}, "Say how long"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"warmup_steps": 11}, "warmup_steps"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"seconds": math.nan}, "seconds must be positive"),
        ({"optimizer": "adamm"}, "optimizer must be one of adamw, muon, not 'adamm'"),
        ({"precision": "fp8"}, "precision must be one of fp32, bf16"),
    ],
)
def test_a_bad_config_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**({"steps": 10} | settings))


def test_evaluation_scores_every_token_once() -> None:
    model = gpt()
    tokens = torch.randint(7, (33,))
    logits = torch.cat([model(tokens[i : i + 8][None])[0] for i in range(0, 32, 8)])
    expected = F.cross_entropy(logits, tokens[1:]).item()
    assert evaluate(model, tokens, 8, batch_size=3) == pytest.approx(expected, rel=1e-5)


def test_evaluation_with_overlap_scores_what_has_context() -> None:
    model = gpt()
    tokens = torch.randint(7, (18,))  # windows begin at 0, 3, 6, 9
    logits = model(torch.stack([tokens[i : i + 8] for i in (0, 3, 6, 9)]))
    scored = torch.cat([logits[0], *(logits[i, 5:] for i in (1, 2, 3))])
    expected = F.cross_entropy(scored, tokens[1:18]).item()
    assert evaluate(model, tokens, 8, overlap=5, batch_size=3) == pytest.approx(expected, rel=1e-5)


def test_evaluation_leaves_no_gradients_and_restores_the_mode() -> None:
    model = gpt(dropout=0.4)
    first, second = evaluate(model, PERIODIC, 8), evaluate(model, PERIODIC, 8)
    assert first == second
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_too_short_a_text_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        evaluate(gpt(), PERIODIC[:8], 8)
    with pytest.raises(ValueError, match="overlap"):
        evaluate(gpt(), PERIODIC, 8, overlap=8)
