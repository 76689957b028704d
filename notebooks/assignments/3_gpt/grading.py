"""Parts of the assignment on a GPT and its loop: what is called, and what is marked."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import torch

from tools.course.judge import Case, Part

SECONDS = 120.0
UPPER, LOWER = 0.75, 0.18  # nats a byte; the entropy of the rule is about 0.20


def by_hand(student: SimpleNamespace) -> dict[str, Any]:
    """The three numbers that were computed on paper."""
    return {
        "nats": lambda: float(student.by_hand[0]),
        "bits": lambda: float(student.by_hand[1]),
        "perplexity": lambda: float(student.by_hand[2]),
    }


def batch(student: SimpleNamespace) -> dict[str, Any]:
    """Windows of a text in which each token says its place."""
    import torch

    text = torch.arange(100, 123)
    long = torch.arange(20_000)  # where the ends of the text are hardly ever met

    def drawn(seed: int, *size: int, tokens: Any = long) -> Any:
        return student.batch(tokens.clone(), *size, torch.Generator().manual_seed(seed))

    def starts() -> Any:
        found = torch.bincount(
            drawn(1, 3_000, 5, tokens=text)[0][:, 0].flatten() - 100, minlength=18
        )
        return (found / 3_000 * 18 > 0.6).float()

    def shift() -> Any:
        inputs, targets = drawn(0, 50, 7)
        return targets - inputs

    def again() -> Any:
        generator = torch.Generator().manual_seed(3)
        first, second = (student.batch(long, 6, 4, generator)[0] for _ in range(2))
        return [
            bool((drawn(3, 6, 4)[0] == first).all()),
            bool((first == second).all()),
            bool((first == first[:1]).all()),
        ]

    return {
        "shift": shift,
        "neighbours": lambda: drawn(0, 50, 7)[0].diff(dim=1),
        "starts": starts,
        "whole": lambda: torch.stack(drawn(0, 20, 22, tokens=text)),
        "again": again,
    }


def streams(variant: int) -> dict[str, Any]:
    """Streams and weights of blocks."""
    generator = torch.Generator().manual_seed(300 + variant)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    d = 12
    weights = {
        "attention.out.bias": draw(d) / 3,
        "attention.out.weight": draw(d, d) / 3,
        "attention.qkv.bias": draw(3 * d) / 3,
        "attention.qkv.weight": draw(3 * d, d) / 3,
        "contract.bias": draw(d) / 3,
        "contract.weight": draw(d, 4 * d) / 3,
        "expand.bias": draw(4 * d) / 3,
        "expand.weight": draw(4 * d, d) / 3,
        "norm_1.bias": draw(d) / 3,
        "norm_1.weight": 1 + draw(d) / 3,
        "norm_2.bias": draw(d) / 3,
        "norm_2.weight": 1 + draw(d) / 3,
    }
    return {"x": 2 * draw(2, 7, d), "weights": weights}


def block(student: SimpleNamespace, x: Any, weights: dict[str, Any]) -> dict[str, Any]:
    """A block with given weights."""
    import torch

    def made(**others: Any) -> Any:
        found = student.Block(12, 3)
        found.load_state_dict(found.state_dict() | weights | others)  # buffers stay
        return found.eval()

    def names() -> str:
        found = student.Block(20, 5).named_parameters()
        return "; ".join(sorted(f"{name} {list(it.shape)}" for name, it in found))

    def past() -> bool:
        later = x.clone()
        later[:, -3:] = later[:, -3:].flip(-1)
        return bool((made()(later) - made()(x.clone()))[:, :-3].abs().max() < 1e-4)

    silent = {
        name: torch.zeros_like(it)
        for name, it in weights.items()
        if name.startswith(("attention.out", "contract"))
    }
    quiet = {name: it for name, it in silent.items() if name.startswith("contract")}
    return {
        "names": names,
        "values": lambda: made()(x.clone()),
        "past": past,
        "stream": lambda: made(**silent)(x.clone()),
        "single": lambda: made(**quiet)(x[:, :1].clone()),
    }


def logits(variant: int) -> dict[str, Any]:
    """Logits and targets."""
    generator = torch.Generator().manual_seed(400 + variant)
    return {
        "logits": 2 * torch.randn(3, 5, 7, generator=generator),
        "targets": torch.randint(7, (3, 5), generator=generator),
    }


def loss(student: SimpleNamespace, logits: Any, targets: Any) -> dict[str, Any]:
    """Losses of logits of several sizes, and changes of unit."""

    def cost(logits: Any, targets: Any) -> Any:
        return student.loss(logits.clone(), targets.clone())

    def flows() -> bool:
        found = student.loss(logits.clone().requires_grad_(), targets)
        return bool(getattr(found, "requires_grad", False))

    return {
        "value": lambda: [cost(logits, targets), cost(logits[:1, :1], targets[:1, :1])],
        "large": lambda: cost(700 * logits, targets),
        "flows": flows,
        "bits": lambda: [
            float(student.bits_per_byte(1.5, 30, 30)),
            float(student.bits_per_byte(2.5, 30, 111)),
        ],
    }


def measured(variant: int) -> dict[str, Any]:
    """A table of logits and a text."""
    generator = torch.Generator().manual_seed(500 + variant)
    return {
        "table": 2 * torch.randn(11, 11, generator=generator),
        "text": torch.randint(11, (60,), generator=generator),
    }


def evaluate(student: SimpleNamespace, table: Any, text: Any) -> dict[str, Any]:
    """Losses of a model that notes in which mode it is asked."""
    import torch

    class Model(torch.nn.Module):
        """Logits by the last token, and by its place in the window."""

        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Parameter(table.clone())
            self.modes: list[tuple[bool, bool]] = []

        def forward(self, tokens: Any) -> Any:
            self.modes.append((self.training, torch.is_grad_enabled()))
            places = torch.arange(tokens.shape[-1])[:, None]
            return self.table[tokens] * (1 + 0.2 * places)

    def asked(tokens: Any, length: int, training: bool = True) -> tuple[float, Any]:
        model = Model().train(training)
        return float(student.evaluate(model, tokens, length)), model

    def modes(which: int) -> bool:
        found = [it[which] for it in asked(text[:41], 8)[1].modes]
        return any(found) or not found

    return {
        "value": lambda: asked(text[:41], 8)[0],
        "rest": lambda: [asked(text[:44], 8)[0], asked(text[:5], 8)[0]],
        "training": lambda: modes(0),
        "gradients": lambda: modes(1),
        "restored": lambda: [asked(text[:41], 8, it)[1].training for it in (True, False)],
    }


def gradients(variant: int) -> dict[str, Any]:
    """Gradients of two parameters."""
    generator = torch.Generator().manual_seed(600 + variant)
    return {
        "one": torch.randn(3, 4, generator=generator),
        "other": 3 * torch.randn(5, generator=generator),
    }


def steps(student: SimpleNamespace, one: Any, other: Any) -> dict[str, Any]:
    """Learning rates, and gradients before and after clipping."""
    import torch

    def rates(first: int, last: int, *recipe: Any) -> list[float]:
        return [float(student.learning_rate(it, *recipe)) for it in range(first, last)]

    def clipped(scale: float, limit: float) -> tuple[float, Any]:
        found = [torch.nn.Parameter(torch.zeros_like(it)) for it in (one, other, other)]
        found[0].grad, found[2].grad = scale * one, scale * other
        length = float(student.clip(found, limit))
        return length, torch.cat([found[0].grad.flatten(), found[2].grad])

    return {
        "warm": lambda: rates(0, 7, 30, 0.5, 7),
        "fall": lambda: rates(7, 30, 30, 0.5, 7) + rates(0, 12, 12, 2.0, 0),
        "clipped": lambda: clipped(1.0, 0.7)[1],
        "short": lambda: clipped(0.01, 0.7)[1],
        "length": lambda: [clipped(1.0, 0.7)[0], clipped(0.01, 0.7)[0]],
    }


def texts(variant: int) -> dict[str, Any]:
    """Sentences to train on, and others by the same rule."""
    rule = (
        "the fisherman|a child|my sister|the old cook|one sailor|the gull|our teacher|a painter",
        "mends|sees|loses|paints|carries|hides|finds|sells",
        "a lantern|the blue net|two letters|an anchor|the last oar|a brass bell|some bread|the map",
        "by the sea|on the roof|at noon|near the café|in the rain|under the bridge|today|at church",
    )

    def told(n: int, seed: int) -> torch.Tensor:
        draw = random.Random(seed)
        lines = [" ".join(draw.choice(it.split("|")) for it in rule) for _ in range(n)]
        return torch.tensor(list("".join(f"{it}.\n" for it in lines).encode()))

    return {
        "told": told(400, 70 + variant),
        "new": told(60, 9_000 + variant),
        "seed": variant,
    }


def train(student: SimpleNamespace, told: Any, new: Any, seed: int) -> dict[str, Any]:
    """A training run, watched; its model on new sentences; and small runs of a single table."""
    import functools
    import math

    import torch
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    watched: list[tuple[float, float]] = []
    made: list[Any] = []

    def watch(optimizer: Any, *_: Any) -> None:
        squares = [
            float((it.grad**2).sum())
            for group in optimizer.param_groups
            for it in group["params"]
            if it.grad is not None
        ]
        watched.append((float(optimizer.param_groups[0]["lr"]), math.sqrt(sum(squares))))
        numbers = {
            (*map(float, group.get("betas", ())), float(group.get("weight_decay", 0)))
            for group in optimizer.param_groups
        }
        made[:] = [isinstance(optimizer, torch.optim.AdamW), sorted(numbers)]

    def run(*arguments: Any) -> list[float]:
        watched.clear()
        handle = register_optimizer_step_pre_hook(watch)
        try:
            return [float(it) for it in student.train(*arguments)]
        finally:
            handle.remove()

    @functools.cache
    def trained() -> Any:
        torch.manual_seed(seed)
        model = student.GPT(256, 32, 1, 4, 64)
        return run(model, told, 250, 8, 32, 7e-3, seed), model

    def on_new() -> float:
        model, costs = trained()[1].eval(), []
        with torch.no_grad():
            for start in range(0, len(new) - 32, 32):
                logits = model(new[None, start : start + 32])[0].log_softmax(-1)
                costs.append(-logits[range(32), new[start + 1 : start + 33]].mean().item())
        return sum(costs) / len(costs)

    class Table(torch.nn.Module):
        """Logits by the last token alone, times a scale that sets the size of gradients."""

        def __init__(self, scale: float) -> None:
            super().__init__()
            self.table, self.scale = torch.nn.Parameter(torch.zeros(5, 5)), scale

        def forward(self, tokens: Any) -> Any:
            return self.scale * self.table[tokens]

    def lengths(scale: float) -> list[float]:
        """Lengths of gradients where all batches are alike and the weights stand still."""
        run(Table(scale), torch.full((40,), 2), 12, 3, 4, 0.0, 0)
        return [it for _, it in watched]

    def rates() -> list[float]:
        run(Table(1.0), told % 5, 30, 2, 6, 0.01, 0)
        return [it for it, _ in watched]

    def circle() -> list[float]:
        model = Table(1.0)
        found = run(model, torch.arange(60) % 5, 50, 4, 6, 0.1, 0)
        return [len(found), found[0], *model.table.argmax(dim=1).tolist()]

    def asked() -> dict[str, Any]:
        """The optimizer's numbers, and whether runs with equal and other seeds are alike."""
        one, same, other = (run(Table(1.0), told % 5, 4, 2, 6, 0.1, it) for it in (3, 3, 4))
        return {"optimizer": list(made), "seeds": [one == same, one == other]}

    return {
        "circle": circle,
        "asked": asked,
        "rates": rates,
        "clipped": lambda: lengths(100.0),
        "fresh": lambda: lengths(0.01),
        "reported": lambda: sum(trained()[0][-20:]) / 20,
        "new": on_new,
    }


def asked(variant: int) -> dict[str, Any]:
    """Logits of one position, and a table of logits by token."""
    generator = torch.Generator().manual_seed(800 + variant)
    return {
        "logits": 0.3 * torch.randperm(9, generator=generator).float(),
        "table": 3 * torch.randn(9, 9, generator=generator),
    }


def knobs(student: SimpleNamespace, logits: Any, table: Any) -> dict[str, Any]:
    """Probabilities by temperature and top-k."""
    import torch

    def probs(*all_: tuple[float, int | None]) -> Any:
        return torch.stack([student.next_probs(logits.clone(), *it) for it in all_])

    return {
        "plain": lambda: student.next_probs(logits.clone()),
        "temperature": lambda: probs((0.4, None), (2.5, None)),
        "top": lambda: probs((1.5, 1), (1.5, 4), (0.7, 9), (0.7, 50)),
    }


def write(student: SimpleNamespace, logits: Any, table: Any) -> dict[str, Any]:
    """Texts of a model that takes no more than six tokens, and of one that always says the same."""
    import torch

    class Model(torch.nn.Module):
        """Logits by the last token and an earlier one; never the last one again."""

        def forward(self, tokens: Any) -> Any:
            if tokens.shape[-1] > 6:
                raise IndexError("more tokens than positions")
            found = table[tokens] + 2 * table[tokens.roll(5, dims=-1)].flip(-1)
            return 0.3 * found - 50 * torch.nn.functional.one_hot(tokens, 9)

    class Always(torch.nn.Module):
        """The same logits everywhere."""

        def forward(self, tokens: Any) -> Any:
            return logits.repeat(*tokens.shape, 1)

    prompt = torch.tensor([1, 4, 8])

    def written(n_new: int, seed: int) -> Any:
        return student.write(Always(), prompt.clone(), n_new, 6, 0.8, 4, seed)

    def shares() -> Any:
        texts = torch.cat([written(375, it)[3:] for it in range(4)])
        return torch.bincount(texts, minlength=9) / 1_500

    def drawn() -> dict[str, Any]:
        one, same, other = (written(40, it) for it in (7, 7, 8))
        again = [bool((one == same).all()), bool((one == other).all())]
        return {"shares": shares(), "again": again}

    return {
        "likeliest": lambda: student.write(Model(), prompt.clone(), 25, 6, 1.0, 1, 0),
        "drawn": drawn,
    }


PARTS = [
    Part(
        "hand",
        "Part 1: the loss by hand",
        ["by_hand"],
        by_hand,
        [
            Case("nats per token", 1, "nats", tolerance=0.005),
            Case("bits per byte", 1, "bits", tolerance=0.005),
            Case("perplexity", 1, "perplexity", tolerance=0.01),
        ],
    ),
    Part(
        "batch",
        "Part 2: questions and answers",
        ["batch"],
        batch,
        [
            Case("inputs are neighbours in the text", 1, "neighbours"),
            Case("targets are one step later", 1, "shift"),
            Case("each start is possible, and about equally likely", 1, "starts"),
            Case("a text of one window", 1, "whole"),
            Case("the generator alone decides, for each row apart", 1, "again"),
        ],
    ),
    Part(
        "block",
        "Part 3: a block",
        ["Block"],
        block,
        [
            Case("names and shapes of the parameters", 1, "names"),
            Case("values of the block", 2, "values", tolerance=2e-3),
            Case("what comes later changes nothing before it", 1, "past"),
            Case(
                "where both branches are silent, the stream passes unchanged", 1, "stream"
            ),
            Case("attention of a single position", 1, "single", tolerance=2e-3),
        ],
        streams,
    ),
    Part(
        "loss",
        "Part 4: what a prediction costs",
        ["loss", "bits_per_byte"],
        loss,
        [
            Case("the mean cost of the targets", 1, "value"),
            Case("large logits", 1, "large"),
            Case("gradients flow through it", 1, "flows"),
            Case("bits per byte", 1, "bits"),
        ],
        logits,
    ),
    Part(
        "evaluate",
        "Part 5: measuring without touching",
        ["evaluate"],
        evaluate,
        [
            Case("the mean over whole windows", 1, "value"),
            Case("a shorter last window counts by its targets", 1, "rest"),
            Case("the model measures in evaluation mode", 1, "training"),
            Case("no gradients are kept", 1, "gradients"),
            Case("the model gets its mode back", 1, "restored"),
        ],
        measured,
        needs=["loss"],
    ),
    Part(
        "steps",
        "Part 6: steps of the right size",
        ["learning_rate", "clip"],
        steps,
        [
            Case("the rate rises", 1, "warm"),
            Case("the rate falls to a tenth", 1, "fall"),
            Case("long gradients are shortened to the limit", 1, "clipped"),
            Case("short gradients stay", 1, "short"),
            Case("the length before clipping is returned", 1, "length"),
        ],
        gradients,
    ),
    Part(
        "train",
        "Part 7: the loop",
        ["train"],
        train,
        [
            Case(
                "a loss for each step, before it; and 0 1 2 3 4 0 1 2 … is learnt",
                1,
                "circle",
            ),
            Case("AdamW with its numbers, and batches that `seed` decides", 1, "asked"),
            Case("the rates of the schedule", 1, "rates", tolerance=1e-5),
            Case("gradients are clipped to 1", 1, "clipped", tolerance=1e-3),
            Case("each step has the gradient of its own batch alone", 1, "fresh"),
            Case(
                f"what is reported is not below {LOWER}, which none can reach",
                1,
                "reported",
                at_least=LOWER,
            ),
            Case(
                f"new sentences cost between {LOWER} and {UPPER}",
                1,
                "new",
                at_most=UPPER,
                at_least=LOWER,
            ),
        ],
        texts,
        needs=["batch", "block", "loss", "evaluate", "steps"],
        seconds=60,
        variants=5,
    ),
    Part(
        "knobs",
        "Part 8: temperature and top-k",
        ["next_probs"],
        knobs,
        [
            Case("probabilities without any knob", 1, "plain"),
            Case("temperature", 1, "temperature"),
            Case("top-k", 1, "top"),
        ],
        asked,
    ),
    Part(
        "write",
        "Part 9: let it write",
        ["write"],
        write,
        [
            Case("a text of the likeliest tokens, longer than the context", 1, "likeliest"),
            Case(
                "tokens are drawn as often as they should, and `seed` alone decides",
                1,
                "drawn",
                tolerance=0.06,
            ),
        ],
        asked,
        needs=["knobs"],
    ),
]
