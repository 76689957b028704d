"""Misconceptions about a GPT and its loop, each as the program of someone who has it."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.course.judge import Wrong


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


class HandInBits(Wrong):
    part, loses = "hand", 1
    hint = "Your first number is in bits per token: nats use the natural logarithm."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        k = sum(halvings(variant))
        return {"by_hand": [k / 6, k / 15, 2 ** (k / 6)]}


class HandPerCharacter(Wrong):
    part, loses = "hand", 1
    hint = "You divided the bits by the number of characters. How many bytes does é have?"

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        k = sum(halvings(variant))
        return {"by_hand": [k / 6 * math.log(2), k / 14, 2 ** (k / 6)]}


class HandPerToken(Wrong):
    part, loses = "hand", 1
    hint = "Your second number is bits per token. Share the bits of all tokens among the bytes."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        k = sum(halvings(variant))
        return {"by_hand": [k / 6 * math.log(2), k / 6, 2 ** (k / 6)]}


class HandMeanOfProbabilities(Wrong):
    part, loses = "hand", 3
    hint = (
        "You took the logarithm of the mean probability. The loss is the mean of the "
        "logarithms, which is another number."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        mean = sum(2.0**-k for k in halvings(variant)) / 6
        return {"by_hand": [-math.log(mean), -math.log2(mean) * 6 / 15, 1 / mean]}


class HandPerplexityOfBits(Wrong):
    part, loses = "hand", 1
    hint = (
        "Your perplexity raises e to a loss in bits. The base has to be that of the "
        "logarithm."
    )

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        k = sum(halvings(variant))
        return {"by_hand": [k / 6 * math.log(2), k / 15, math.exp(k / 6)]}


class BatchNotShifted(Wrong):
    part, loses = "batch", 2
    hint = (
        "Inputs and targets are the same tokens, so the model is asked for what it has just "
        "read. At which position does the answer to position 0 stand?"
    )

    def batch(tokens, batch_size, length, generator):
        starts = torch.randint(len(tokens) - length, (batch_size, 1), generator=generator)
        places = starts + torch.arange(length)
        return tokens[places], tokens[places]


class BatchShiftedByTwo(Wrong):
    part, loses = "batch", 3
    hint = (
        "Your targets are two steps later than the inputs. The shift is made twice; look at "
        "the first row that the check prints."
    )

    def batch(tokens, batch_size, length, generator):
        starts = torch.randint(
            len(tokens) - length - 1, (batch_size, 1), generator=generator
        )
        places = starts + torch.arange(length)
        return tokens[places], tokens[places + 2]


class BatchRolled(Wrong):
    part, loses = "batch", 2
    hint = (
        "The last target of each row is the row's first input: `roll` goes round in a circle. "
        "A window needs one token more than it has inputs."
    )

    def batch(tokens, batch_size, length, generator):
        starts = torch.randint(len(tokens) - length, (batch_size, 1), generator=generator)
        inputs = tokens[starts + torch.arange(length)]
        return inputs, inputs.roll(-1, dims=1)


class BatchMissesTheEnd(Wrong):
    part, loses = "batch", 2
    hint = (
        "The last possible start is never drawn, so the end of the text is never a target. "
        "`randint` leaves out its upper end already."
    )

    def batch(tokens, batch_size, length, generator):
        starts = torch.randint(
            len(tokens) - length - 1, (batch_size, 1), generator=generator
        )
        places = starts + torch.arange(length)
        return tokens[places], tokens[places + 1]


class BatchOfOneStart(Wrong):
    part, loses = "batch", 2
    hint = "All rows of a batch are the same window. Draw one start for each row."

    def batch(tokens, batch_size, length, generator):
        start = torch.randint(len(tokens) - length, (1, 1), generator=generator)
        places = start + torch.arange(length).repeat(batch_size, 1)
        return tokens[places], tokens[places + 1]


class BatchIgnoresGenerator(Wrong):
    part, loses = "batch", 1
    hint = (
        "The same seed gives other batches: your starts do not come from `generator`, so a "
        "run cannot be repeated."
    )

    def batch(tokens, batch_size, length, generator):
        starts = torch.randint(len(tokens) - length, (batch_size, 1))
        places = starts + torch.arange(length)
        return tokens[places], tokens[places + 1]


class BlockWithNormsLast(Wrong):
    part, loses = "block", 4
    hint = (
        "Your norms stand behind the sums, on the stream itself, as in the Transformer of "
        "2017. Here they stand at the start of each branch."
    )

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            allowed = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
            x = self.norm_1(x + self.attention(x, allowed))
            return self.norm_2(x + self.contract(F.gelu(self.expand(x))))


class BlockAddsToTheNormed(Wrong):
    part, loses = "block", 4
    hint = (
        "You overwrite the stream by its normalised copy and add to that. What is added to "
        "must be the stream as it came."
    )

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            allowed = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
            x = self.norm_1(x)
            x = x + self.attention(x, allowed)
            x = self.norm_2(x)
            return x + self.contract(F.gelu(self.expand(x)))


class BlockWithoutMask(Wrong):
    part, loses = "block", 3
    hint = (
        "Each position sees what comes after it, and so the answer that it is asked for. A "
        "model of such blocks has a loss too good to be true and writes nonsense."
    )

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            allowed = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool)
            x = x + self.attention(self.norm_1(x), allowed)
            return x + self.contract(F.gelu(self.expand(self.norm_2(x))))


class BlockWithMaskUpsideDown(Wrong):
    part, loses = "block", 3
    hint = (
        "Your positions see the future and not the past. `allowed` is True where a row may "
        "look at a column."
    )

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            allowed = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu()
            x = x + self.attention(self.norm_1(x), allowed)
            return x + self.contract(F.gelu(self.expand(self.norm_2(x))))


class BlockWithoutSecondSum(Wrong):
    part, loses = "block", 4
    hint = (
        "The second branch replaces the stream instead of adding to it: with silent branches "
        "nothing comes out."
    )

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            allowed = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
            x = x + self.attention(self.norm_1(x), allowed)
            return self.contract(F.gelu(self.expand(self.norm_2(x))))


class BlockInParallel(Wrong):
    part, loses = "block", 3
    hint = (
        "Both branches read the stream as it came. The small network should read it after "
        "attention has added to it."
    )

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            allowed = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
            found = self.attention(self.norm_1(x), allowed)
            return x + found + self.contract(F.gelu(self.expand(self.norm_2(x))))


class BlockWithOneNorm(Wrong):
    """No hint foresees it."""

    part, loses = "block", 3

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            allowed = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
            x = x + self.attention(self.norm_1(x), allowed)
            return x + self.contract(F.gelu(self.expand(self.norm_1(x))))


class LossShiftedAgain(Wrong):
    part, loses = "loss", 3
    hint = (
        "You shift once more inside the loss. `batch` has done so already: position t of the "
        "logits belongs to position t of the targets."
    )

    def loss(logits, targets):
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())


class LossOfProbabilities(Wrong):
    part, loses = "loss", 3
    hint = (
        "You apply a softmax before `cross_entropy`, which has one inside, so even a sure "
        "and right model pays nearly as much as a guessing one."
    )

    def loss(logits, targets):
        return F.cross_entropy(logits.softmax(dim=-1).flatten(0, 1), targets.flatten())


class LossSummed(Wrong):
    part, loses = "loss", 2
    hint = "The costs are summed, so the loss grows with the batch. A mean is asked for."

    def loss(logits, targets):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


class LossOverflows(Wrong):
    part, loses = "loss", 1
    hint = (
        "Right for small logits, but a probability that rounds to 0 has no logarithm. "
        "`log_softmax` never leaves the logarithms."
    )

    def loss(logits, targets):
        probs = logits.softmax(dim=-1).gather(-1, targets[..., None])
        return -probs.log().mean()


class BitsMultiplied(Wrong):
    part, loses = "loss", 1
    hint = (
        "You multiply by ln 2. A bit is 0.69 nats, so the same cost is a larger number in "
        "bits."
    )

    def bits_per_byte(nats, n_tokens, n_bytes):
        return nats * math.log(2) * n_tokens / n_bytes


class BitsPerToken(Wrong):
    part, loses = "loss", 1
    hint = (
        "These are bits per token: right only where each token is a byte. What do all "
        "tokens together cost?"
    )

    def bits_per_byte(nats, n_tokens, n_bytes):
        return nats / math.log(2)


class BitsTimesBytes(Wrong):
    """No hint foresees it."""

    part, loses = "loss", 1

    def bits_per_byte(nats, n_tokens, n_bytes):
        return nats / math.log(2) * n_bytes / n_tokens


class EvaluateInTraining(Wrong):
    part, loses = "evaluate", 1
    hint = "The model measures in training mode, where dropout would disturb the result."

    def evaluate(model, tokens, length):
        total = 0.0
        with torch.no_grad():
            for start in range(0, len(tokens) - 1, length):
                targets = tokens[start + 1 : start + 1 + length]
                logits = model(tokens[start : start + len(targets)][None])
                total += loss(logits, targets[None]).item() * len(targets)
        return total / (len(tokens) - 1)


class EvaluateLeavesItThere(Wrong):
    part, loses = "evaluate", 1
    hint = (
        "After the measurement the model stays in evaluation mode, so the rest of a training "
        "run would go on without dropout."
    )

    def evaluate(model, tokens, length):
        model.eval()
        total = 0.0
        with torch.no_grad():
            for start in range(0, len(tokens) - 1, length):
                targets = tokens[start + 1 : start + 1 + length]
                logits = model(tokens[start : start + len(targets)][None])
                total += loss(logits, targets[None]).item() * len(targets)
        return total / (len(tokens) - 1)


class EvaluateAlwaysTrainsAfter(Wrong):
    part, loses = "evaluate", 1
    hint = (
        "A model that came in evaluation mode goes away in training mode. Note the mode "
        "before you change it."
    )

    def evaluate(model, tokens, length):
        model.eval()
        total = 0.0
        with torch.no_grad():
            for start in range(0, len(tokens) - 1, length):
                targets = tokens[start + 1 : start + 1 + length]
                logits = model(tokens[start : start + len(targets)][None])
                total += loss(logits, targets[None]).item() * len(targets)
        model.train()
        return total / (len(tokens) - 1)


class EvaluateWithGradients(Wrong):
    part, loses = "evaluate", 1
    hint = (
        "A graph for gradients is built while you measure: evaluation mode does not prevent "
        "that, and on a long text the memory runs full."
    )

    def evaluate(model, tokens, length):
        training = model.training
        model.eval()
        total = 0.0
        for start in range(0, len(tokens) - 1, length):
            targets = tokens[start + 1 : start + 1 + length]
            logits = model(tokens[start : start + len(targets)][None])
            total += loss(logits, targets[None]).item() * len(targets)
        model.train(training)
        return total / (len(tokens) - 1)


class EvaluateMeanOfWindows(Wrong):
    part, loses = "evaluate", 1
    hint = (
        "You take the mean of the windows' means, so a token in the short last window counts "
        "more than others."
    )

    def evaluate(model, tokens, length):
        training, costs = model.training, []
        model.eval()
        with torch.no_grad():
            for start in range(0, len(tokens) - 1, length):
                targets = tokens[start + 1 : start + 1 + length]
                logits = model(tokens[start : start + len(targets)][None])
                costs.append(loss(logits, targets[None]).item())
        model.train(training)
        return sum(costs) / len(costs)


class EvaluateDropsTheRest(Wrong):
    part, loses = "evaluate", 1
    hint = "The end of the text is left out where it does not fill a window."

    def evaluate(model, tokens, length):
        training, costs = model.training, []
        model.eval()
        with torch.no_grad():
            for start in range(0, len(tokens) - length, length):
                window = tokens[start : start + length + 1]
                costs.append(loss(model(window[None, :-1]), window[None, 1:]).item())
        model.train(training)
        return sum(costs) / max(len(costs), 1)


class EvaluateOverlapping(Wrong):
    """No hint foresees it."""

    part, loses = "evaluate", 2

    def evaluate(model, tokens, length):
        training, costs = model.training, []
        model.eval()
        with torch.no_grad():
            for start in range(max(len(tokens) - length, 1)):
                window = tokens[start : start + length + 1]
                costs.append(loss(model(window[None, :-1]), window[None, 1:]).item())
        model.train(training)
        return sum(costs) / len(costs)


class RateFromZero(Wrong):
    part, loses = "steps", 1
    hint = "Your first step has the rate 0 and changes nothing. Steps are counted from 0."

    def learning_rate(step, steps, peak, warm_up):
        if step < warm_up:
            return peak * step / warm_up
        progress = (step - warm_up) / (steps - 1 - warm_up)
        return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


class RateToZero(Wrong):
    part, loses = "steps", 1
    hint = "Your rate falls to 0; a tenth of the peak should be left at the last step."

    def learning_rate(step, steps, peak, warm_up):
        if step < warm_up:
            return peak * (step + 1) / warm_up
        progress = (step - warm_up) / (steps - 1 - warm_up)
        return peak * (1 + math.cos(math.pi * progress)) / 2


class RateWithoutLastStep(Wrong):
    part, loses = "steps", 1
    hint = (
        "Your cosine ends one step after the last, so the rate never gets down to a tenth. "
        "Which number has the last step?"
    )

    def learning_rate(step, steps, peak, warm_up):
        if step < warm_up:
            return peak * (step + 1) / warm_up
        progress = (step - warm_up) / (steps - warm_up)
        return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


class ClipEachApart(Wrong):
    part, loses = "steps", 1
    hint = (
        "Each parameter is clipped for itself, which turns the gradient. Its length is that "
        "of all parameters' gradients together."
    )

    def clip(parameters, limit):
        squares = 0.0
        for it in parameters:
            if it.grad is not None:
                length = it.grad.norm().item()
                squares += length**2
                it.grad *= min(1, limit / length)
        return math.sqrt(squares)


class ClipValues(Wrong):
    part, loses = "steps", 1
    hint = (
        "You cut off each number at the limit, which turns the gradient. Multiply all of "
        "them by one factor."
    )

    def clip(parameters, limit):
        squares = 0.0
        for it in parameters:
            if it.grad is not None:
                squares += (it.grad**2).sum().item()
                it.grad.clamp_(-limit, limit)
        return math.sqrt(squares)


class ClipLengthens(Wrong):
    part, loses = "steps", 1
    hint = "Short gradients are lengthened to the limit. They should stay as they are."

    def clip(parameters, limit):
        gradients = [it.grad for it in parameters if it.grad is not None]
        length = math.sqrt(sum((it**2).sum().item() for it in gradients))
        for it in gradients:
            it *= limit / length
        return length


class ClipSaysAfter(Wrong):
    part, loses = "steps", 1
    hint = "Your function returns the length after clipping; that before it is asked for."

    def clip(parameters, limit):
        gradients = [it.grad for it in parameters if it.grad is not None]
        length = math.sqrt(sum((it**2).sum().item() for it in gradients))
        for it in gradients:
            it *= min(1, limit / length)
        return min(limit, length)


class TrainToCopy(Wrong):
    part, loses = "train", 4
    hint = (
        "Your loss is lower than any model can reach, and new sentences cost far more: "
        "the model is trained to repeat what it reads. Which targets does your loop use?"
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), betas=(0.9, 0.95), weight_decay=0.1
        )
        losses = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, steps // 10)
            inputs, _ = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), inputs)
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainShiftedByTwo(Wrong):
    part, loses = "train", 3
    hint = (
        "The model learns to say the token after the next one: `batch` shifts the targets, "
        "and your loop shifts them again."
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), betas=(0.9, 0.95), weight_decay=0.1
        )
        losses = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, steps // 10)
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs)[:, :-1], targets[:, 1:])
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainWithoutZeroGrad(Wrong):
    part, loses = "train", 3
    hint = (
        "Gradients of earlier batches stay and pile up: `backward` adds to what is there. "
        "Your steps follow the sum of all batches so far."
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), betas=(0.9, 0.95), weight_decay=0.1
        )
        losses = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, steps // 10)
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainZeroesTooLate(Wrong):
    part, loses = "train", 5
    hint = (
        "The optimizer sees gradients of zero: you empty them between `backward` and `step`, "
        "so nothing is learnt."
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), betas=(0.9, 0.95), weight_decay=0.1
        )
        losses = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, steps // 10)
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            now.backward()
            optimizer.zero_grad(set_to_none=False)
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainAtOneRate(Wrong):
    part, loses = "train", 1
    hint = (
        "All steps have the peak rate. Set the rate of each step in `optimizer.param_groups` "
        "before the step."
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=peak, betas=(0.9, 0.95), weight_decay=0.1
        )
        losses = []
        for _ in range(steps):
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainAtDefaultRate(Wrong):
    part, loses = "train", 3
    hint = (
        "`peak` has no effect: your steps have the rate that AdamW takes where none is "
        "given, and 250 of them are too short to get anywhere."
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), betas=(0.9, 0.95), weight_decay=0.1
        )
        losses = []
        for _ in range(steps):
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainWithoutClipping(Wrong):
    part, loses = "train", 1
    hint = "Gradients are not clipped: `clip` belongs between `backward` and `step`."

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), betas=(0.9, 0.95), weight_decay=0.1
        )
        losses = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, steps // 10)
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            optimizer.zero_grad()
            now.backward()
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainOnOneBatch(Wrong):
    part, loses = "train", 3
    hint = (
        "What you report is low and new sentences cost much: each step draws the same batch, "
        "which is learnt by heart. Where is the generator made?"
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        optimizer = torch.optim.AdamW(
            model.parameters(), betas=(0.9, 0.95), weight_decay=0.1
        )
        losses = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, steps // 10)
            generator = torch.Generator().manual_seed(seed)
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainByPlainDescent(Wrong):
    """No hint foresees it."""

    part, loses = "train", 2

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=peak)
        losses = []
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = learning_rate(step, steps, peak, steps // 10)
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TemperatureMultiplies(Wrong):
    part, loses = "knobs", 2
    hint = (
        "A high temperature makes your model more careful, not bolder: logits are divided by "
        "it."
    )

    def next_probs(logits, temperature=1.0, top_k=None):
        logits = logits * temperature
        if top_k is not None and top_k < len(logits):
            logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], -math.inf)
        return logits.softmax(dim=-1)


class TemperatureOfProbabilities(Wrong):
    part, loses = "knobs", 2
    hint = (
        "You divide probabilities by the temperature and scale them back, which changes "
        "nothing. It acts on the logits."
    )

    def next_probs(logits, temperature=1.0, top_k=None):
        if top_k is not None and top_k < len(logits):
            logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], -math.inf)
        probs = logits.softmax(dim=-1) / temperature
        return probs / probs.sum()


class TopWithZeroLogits(Wrong):
    part, loses = "knobs", 1
    hint = (
        "Tokens outside the top k get a logit of 0, which is no probability of 0: its "
        "exponential is 1."
    )

    def next_probs(logits, temperature=1.0, top_k=None):
        logits = logits / temperature
        if top_k is not None and top_k < len(logits):
            logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], 0.0)
        return logits.softmax(dim=-1)


class TopNotShared(Wrong):
    part, loses = "knobs", 1
    hint = "The kept probabilities sum to less than 1 when `top_k` leaves some out."

    def next_probs(logits, temperature=1.0, top_k=None):
        probs = (logits / temperature).softmax(dim=-1)
        if top_k is not None and top_k < len(logits):
            probs = probs.masked_fill(probs < probs.topk(top_k).values[-1], 0.0)
        return probs


class TopKeepsTheSmallest(Wrong):
    """No hint foresees it."""

    part, loses = "knobs", 1

    def next_probs(logits, temperature=1.0, top_k=None):
        logits = logits / temperature
        if top_k is not None and top_k < len(logits):
            logits = logits.masked_fill(logits > logits.sort().values[top_k - 1], -math.inf)
        return logits.softmax(dim=-1)


class WriteBeyondTheContext(Wrong):
    part, loses = "write", 1
    hint = (
        "Your text outgrows the model's table of positions. Give it the last `context` "
        "tokens only."
    )

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        generator = torch.Generator().manual_seed(seed)
        for _ in range(n_new):
            probs = next_probs(model(tokens[None])[0, -1], temperature, top_k)
            tokens = torch.cat([tokens, torch.multinomial(probs, 1, generator=generator)])
        return tokens


class WriteAlwaysTheLikeliest(Wrong):
    part, loses = "write", 1
    hint = (
        "Your text always takes the likeliest token; temperature has no effect on it. Draw "
        "from the probabilities."
    )

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        for _ in range(n_new):
            logits = model(tokens[None, -context:])[0, -1]
            likeliest = next_probs(logits, temperature, top_k).argmax()
            tokens = torch.cat([tokens, likeliest[None]])
        return tokens


class WriteFromTheFirstPosition(Wrong):
    part, loses = "write", 1
    hint = (
        "The next token follows from the logits of the last position; yours come from "
        "another one."
    )

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        generator = torch.Generator().manual_seed(seed)
        for _ in range(n_new):
            probs = next_probs(model(tokens[None, -context:])[0, 0], temperature, top_k)
            tokens = torch.cat([tokens, torch.multinomial(probs, 1, generator=generator)])
        return tokens


class WriteOneSeedATime(Wrong):
    """No hint foresees it."""

    part, loses = "write", 1

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        for _ in range(n_new):
            generator = torch.Generator().manual_seed(seed)
            probs = next_probs(model(tokens[None, -context:])[0, -1], temperature, top_k)
            tokens = torch.cat([tokens, torch.multinomial(probs, 1, generator=generator)])
        return tokens
