"""Right solutions that look different: loops, library calls, other names and other dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.course.judge import Right


class Attention(nn.Module):
    """Attention, as the assignment gives it."""

    def __init__(self, d_model: int, n_head: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.qkv, self.out = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)

    def forward(self, x: Tensor, allowed: Tensor) -> Tensor:
        """Row i of the boolean mask says where position i may look."""
        parts = self.qkv(x).unflatten(-1, (3, self.n_head, -1))
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return self.out(heads.transpose(1, 2).flatten(2))


def halvings(variant: int) -> list[int]:
    """The powers of a half of the first part."""
    return [1 + variant % 3, 2, 4, 1, 7 - variant % 4, 1 + variant % 2]


class HandRounded(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        k = sum(halvings(variant))
        return {
            "by_hand": [round(0.693 * k / 6, 3), round(k / 15, 3), round(2 ** (k / 6), 2)]
        }


class HandFromProbabilities(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        probs = np.array([0.5**k for k in halvings(variant)])
        n_bytes = len("I am at a café".encode())
        nats = -np.log(probs)
        bits = nats.sum() / np.log(2)
        perplexity = probs.prod() ** (-1 / 6)
        return {"by_hand": tuple(map(float, (nats.mean(), bits / n_bytes, perplexity)))}


class HandFromBits(Right):
    part = "hand"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        bits = sum(halvings(variant)) / 6
        return {"by_hand": [bits * math.log(2), bits * 6 / 15, 2**bits]}


class BatchByLoop(Right):
    part = "batch"

    def batch(text, size, length, generator):
        inputs, targets = [], []
        for _ in range(size):
            start = int(torch.randint(0, len(text) - length, (1,), generator=generator))
            inputs.append(text[start : start + length])
            targets.append(text[start + 1 : start + length + 1])
        return torch.stack(inputs), torch.stack(targets)


class BatchByUnfold(Right):
    part = "batch"

    def batch(tokens, batch_size, length, generator):
        windows = tokens.unfold(0, length + 1, 1)
        chosen = torch.randint(len(windows), (batch_size,), generator=generator)
        return windows[chosen, :-1], windows[chosen, 1:]


class BatchFromFractions(Right):
    part = "batch"

    def batch(tokens, batch_size, length, generator):
        where = torch.rand(batch_size, generator=generator, dtype=torch.float64)
        starts = (where * (len(tokens) - length)).long().tolist()
        rows = torch.stack([tokens[it : it + length + 1] for it in starts])
        return rows[:, :-1], rows[:, 1:]


class BlockInSmallSteps(Right):
    part = "block"

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.contract = nn.Linear(4 * d_model, d_model, bias=True)
            self.expand = nn.Linear(d_model, 4 * d_model, bias=True)
            self.norm_2 = nn.LayerNorm(d_model)
            self.norm_1 = nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)

        def forward(self, x):
            n = x.size(1)
            past = torch.arange(n)[None, :] <= torch.arange(n)[:, None]
            branch = self.norm_1(x)
            branch = self.attention(branch, past)
            x = x + branch
            branch = self.contract(F.gelu(self.expand(self.norm_2(x))))
            return x + branch


class BlockWithOtherGelu(Right):
    part = "block"

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            for name in ("norm_1", "norm_2"):
                setattr(self, name, nn.LayerNorm(d_model))
            self.attention = Attention(d_model, n_head)
            self.expand, self.contract = (
                nn.Linear(d_model, d_model * 4),
                nn.Linear(d_model * 4, d_model),
            )
            self.gelu = nn.GELU("tanh")

        def network(self, x):
            return self.contract(self.gelu(self.expand(x)))

        def forward(self, x):
            future = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
            after = x + self.attention(self.norm_1(x), ~future)
            return after + self.network(self.norm_2(after))


class BlockPositionByPosition(Right):
    part = "block"

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            rows = []
            for t in range(x.shape[1]):
                seen = x[:, : t + 1]
                free = torch.ones(t + 1, t + 1, dtype=torch.bool)
                row = seen[:, -1] + self.attention(self.norm_1(seen), free)[:, -1]
                rows.append(row + self.contract(F.gelu(self.expand(self.norm_2(row)))))
            return torch.stack(rows, dim=1)


class BlockWithMaskAsBuffer(Right):
    part = "block"

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)
            self.register_buffer("mask", torch.ones(256, 256, dtype=torch.bool).tril())

        def forward(self, x):
            n = x.shape[1]
            x = x + self.attention(self.norm_1(x), self.mask[:n, :n])
            return x + self.contract(F.gelu(self.expand(self.norm_2(x))))


class LossByLogSoftmax(Right):
    part = "loss"

    def loss(logits, targets):
        return -logits.log_softmax(dim=-1).gather(-1, targets[..., None]).mean()

    def bits_per_byte(nats, n_tokens, n_bytes):
        return nats * n_tokens / (n_bytes * math.log(2))


class LossWithChannelsSecond(Right):
    part = "loss"

    def loss(logits, targets):
        return F.cross_entropy(logits.transpose(1, 2), targets)

    def bits_per_byte(nats, n_tokens, n_bytes):
        return math.log2(math.e) * nats * (n_tokens / n_bytes)


class LossByLoopInDouble(Right):
    part = "loss"

    def loss(logits, targets):
        total = 0.0
        for row, answers in zip(logits.double(), targets, strict=True):
            for scores, answer in zip(row, answers, strict=True):
                total = total + scores.logsumexp(dim=0) - scores[answer]
        return total / targets.numel()

    def bits_per_byte(nats, n_tokens, n_bytes):
        return math.log2(math.exp(nats)) * n_tokens / n_bytes


class EvaluateAsDecorated(Right):
    part = "evaluate"

    @torch.no_grad()
    def evaluate(model, tokens, length):
        before, costs, counts = model.training, [], []
        model.eval()
        for x, y in zip(tokens[:-1].split(length), tokens[1:].split(length), strict=True):
            costs.append(float(loss(model(x.unsqueeze(0)), y.unsqueeze(0))))
            counts.append(len(y))
        if before:
            model.train()
        return sum(a * b for a, b in zip(costs, counts, strict=True)) / sum(counts)


class EvaluateByInference(Right):
    part = "evaluate"

    def evaluate(model, tokens, length):
        mode = model.training
        try:
            model.train(False)
            with torch.inference_mode():
                parts = []
                for i in range(0, len(tokens) - 1, length):
                    y = tokens[i + 1 : i + 1 + length]
                    logits = model(tokens[None, i : i + len(y)])[0]
                    parts.append(F.cross_entropy(logits, y, reduction="none"))
                return torch.cat(parts).double().mean().item()
        finally:
            model.train(mode)


class EvaluateInOneBatch(Right):
    part = "evaluate"

    def evaluate(model, tokens, length):
        mode, x, y = model.training, tokens[:-1], tokens[1:]
        whole = len(x) // length * length
        model.eval()
        total = 0.0
        with torch.no_grad():
            for a, b in (
                (x[:whole].view(-1, length), y[:whole].view(-1, length)),
                (x[None, whole:], y[None, whole:]),
            ):
                if a.numel():
                    total += loss(model(a), b).item() * b.numel()
        model.train(mode)
        return total / len(y)


class StepsByLibrary(Right):
    part = "steps"

    def learning_rate(step, steps, peak, warm_up):
        import numpy as np

        rising = np.interp(step + 1, [0, max(warm_up, 1)], [0, peak])
        turn = np.cos(np.pi * (step - warm_up) / (steps - 1 - warm_up))
        return float(rising if step < warm_up else peak * (0.55 + 0.45 * turn))

    def clip(parameters, limit):
        length = nn.utils.get_total_norm(
            [it.grad for it in parameters if it.grad is not None]
        )
        nn.utils.clip_grads_with_norm_(parameters, limit, length)
        return length.item()


class StepsInOneVector(Right):
    part = "steps"

    def learning_rate(s, S, r, w):
        if s >= w:
            return 0.1 * r + 0.9 * r * math.cos(math.pi / 2 * (s - w) / (S - 1 - w)) ** 2
        return (s + 1) / w * r

    def clip(parameters, limit):
        having = [it for it in parameters if it.grad is not None]
        whole = torch.cat([it.grad.flatten() for it in having]).double()
        length = whole.norm()
        factor = min(1.0, limit / float(length))
        for it in having:
            it.grad.mul_(factor)
        return float(length)


class StepsWithNewGradients(Right):
    part = "steps"

    def learning_rate(step, steps, peak, warm_up):
        low = peak / 10
        if step + 1 <= warm_up:
            return (step + 1) * (peak / warm_up)
        share = (1 + math.cos((step - warm_up) * math.pi / (steps - warm_up - 1))) / 2
        return low + (peak - low) * share

    def clip(parameters, limit):
        total = 0.0
        for it in parameters:
            if it.grad is not None:
                total += float(it.grad.norm()) ** 2
        for it in parameters:
            if it.grad is not None and total**0.5 > limit:
                it.grad = it.grad / total**0.5 * limit
        return total**0.5


class TrainWithScheduler(Right):
    part = "train"

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=1.0, betas=(0.9, 0.95), weight_decay=0.1
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda it: learning_rate(min(it, steps - 1), steps, peak, steps // 10),
        )
        history = []
        for _ in range(steps):
            optimizer.zero_grad()
            x, y = batch(tokens, batch_size, length, generator)
            value = loss(model(x), y)
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            history.append(value.item())
        return history


class TrainZeroingAfter(Right):
    part = "train"

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        draws = torch.Generator()
        draws.manual_seed(seed)
        weights = list(model.parameters())
        optimizer = torch.optim.AdamW(weights, lr=peak, betas=(0.9, 0.95), weight_decay=0.1)
        losses = torch.zeros(steps)
        for s in range(steps):
            x, y = batch(tokens, batch_size, length, draws)
            cost = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
            cost.backward()
            nn.utils.clip_grad_norm_(weights, max_norm=1)
            optimizer.param_groups[0]["lr"] = learning_rate(s, steps, peak, steps // 10)
            optimizer.step()
            for it in weights:
                it.grad = None
            losses[s] = cost.detach()
        return losses.tolist()


class TrainOnOtherWindows(Right):
    part = "train"

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), betas=(0.9, 0.95), weight_decay=0.1
        )
        windows, losses = tokens.unfold(0, length + 1, 1), []
        for step in range(steps):
            chosen = torch.randint(len(windows), (batch_size,), generator=generator)
            for group in optimizer.param_groups:
                group.update(lr=learning_rate(step, steps, peak, steps // 10))
            model.zero_grad()
            log_probs = model(windows[chosen, :-1]).log_softmax(dim=-1)
            cost = -log_probs.gather(-1, windows[chosen, 1:, None]).mean()
            cost.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(cost.item())
        return losses


class KnobsSorted(Right):
    part = "knobs"

    def next_probs(logits, temperature=1.0, top_k=None):
        k = len(logits) if top_k is None else min(top_k, len(logits))
        values, places = (logits / temperature).sort(descending=True)
        probs = torch.zeros_like(logits)
        probs[places[:k]] = values[:k].softmax(dim=0)
        return probs


class KnobsByPowers(Right):
    part = "knobs"

    def next_probs(logits, temperature=1.0, top_k=None):
        powers = ((logits - logits.max()) / temperature).exp()
        if top_k is not None:
            kept = torch.zeros_like(powers)
            best = powers.topk(min(top_k, len(powers)))
            powers = kept.scatter(0, best.indices, best.values)
        return powers / powers.sum()


class KnobsInDouble(Right):
    part = "knobs"

    def next_probs(logits, temperature=1.0, top_k=None):
        probs = (logits.double() / temperature).softmax(dim=-1)
        if top_k is not None:
            probs[probs.argsort(descending=True)[top_k:]] = 0
        return probs / probs.sum()


class KnobsInPlace(Right):
    part = "knobs"

    def next_probs(logits, temperature=1.0, top_k=None):
        logits /= temperature
        if top_k is not None:
            logits[logits < logits.topk(min(top_k, len(logits))).values.min()] = -math.inf
        return F.softmax(logits, dim=0)


class WriteSorted(Right):
    part = "write"

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        generator, written = torch.Generator().manual_seed(seed), tokens.tolist()
        with torch.inference_mode():
            for _ in range(n_new):
                logits = model(torch.tensor([written[-context:]]))[0, -1, :]
                probs = next_probs(logits, temperature, top_k)
                written.append(torch.multinomial(probs, 1, generator=generator).item())
        return torch.tensor(written)


class WriteInDouble(Right):
    part = "write"

    @torch.no_grad()
    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        draws = torch.Generator().manual_seed(seed)
        whole = tokens.new_zeros(len(tokens) + n_new)
        whole[: len(tokens)] = tokens
        for t in range(len(tokens), len(whole)):
            seen = whole[max(0, t - context) : t]
            probs = next_probs(model(seen[None])[0, -1], temperature, top_k)
            whole[t] = torch.multinomial(probs, 1, generator=draws)[0]
        return whole


class WriteByGumbel(Right):
    part = "write"

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        """Draws by the largest of log-probabilities with noise, which is the same distribution."""
        generator = torch.Generator().manual_seed(seed)
        for _ in range(n_new):
            logits = model(tokens[None, -context:])[0, -1].detach()
            probs = next_probs(logits, temperature, top_k)
            noise = -torch.rand(len(probs), generator=generator).log()
            tokens = torch.cat([tokens, (probs / noise).argmax()[None]])
        return tokens
