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


class HandPerplexityBaseTwo(Wrong):
    part, loses = "hand", 1
    hint = "Your perplexity raises 2 to a loss in nats, which go with e."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        k = sum(halvings(variant))
        return {"by_hand": [k / 6 * math.log(2), k / 15, 2 ** (k / 6 * math.log(2))]}


class HandNatsPerByte(Wrong):
    part, loses = "hand", 1
    hint = "Your first number is shared among the bytes. It is asked for per token."

    @staticmethod
    def values(variant: int) -> dict[str, Any]:
        k = sum(halvings(variant))
        return {"by_hand": [k / 15 * math.log(2), k / 15, 2 ** (k / 6)]}


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


class BatchStartsTooLate(Wrong):
    part, loses = "batch", 2
    hint = (
        "One of your starts is too late: its last target lies behind the end of the text, "
        "which now and then is an IndexError. How many starts leave room for both?"
    )

    def batch(tokens, batch_size, length, generator):
        starts = torch.randint(
            len(tokens) - length + 1, (batch_size, 1), generator=generator
        )
        places = starts + torch.arange(length)
        return tokens[places], tokens[places + 1]


class BatchRunsShort(Wrong):
    part, loses = "batch", 2
    hint = (
        "At your last start the targets are one token short, and rows of several lengths "
        "cannot be stacked. How many starts leave room for inputs and targets?"
    )

    def batch(tokens, batch_size, length, generator):
        starts = torch.randint(len(tokens) - length + 1, (batch_size,), generator=generator)
        inputs = torch.stack([tokens[it : it + length] for it in starts])
        targets = torch.stack([tokens[it + 1 : it + length + 1] for it in starts])
        return inputs, targets


class BatchWithoutRepetition(Wrong):
    part, loses = "batch", 2
    hint = (
        "No start comes twice in a batch (`randperm` shuffles), and a short text gives fewer "
        "rows than asked for. Rows draw independently of one another."
    )

    def batch(tokens, batch_size, length, generator):
        starts = torch.randperm(len(tokens) - length, generator=generator)[:batch_size]
        places = starts[:, None] + torch.arange(length)
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
    part, loses = "block", 2
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
    part, loses = "block", 2
    hint = "Both branches have the norm `norm_1`; `norm_2` is never used."

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


class BlockWithStrictMask(Wrong):
    part, loses = "block", 3
    hint = (
        "The diagonal of your mask is False: no position sees itself, and the first sees "
        "nothing at all."
    )

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            allowed = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril(-1)
            x = x + self.attention(self.norm_1(x), allowed)
            return x + self.contract(F.gelu(self.expand(self.norm_2(x))))


class BlockWithRelu(Wrong):
    part, loses = "block", 2
    hint = (
        "Your small network has another activation, ReLU. GELU lets a little of the negative "
        "numbers through."
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
            return x + self.contract(F.relu(self.expand(self.norm_2(x))))


class BlockNormsTheStreamFirst(Wrong):
    part, loses = "block", 4
    hint = (
        "The second branch is right. Before the first you overwrite the stream by its "
        "normalised copy, and attention is added to that."
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
            return x + self.contract(F.gelu(self.expand(self.norm_2(x))))


class BlockNormsTheStreamSecond(Wrong):
    part, loses = "block", 4
    hint = (
        "The first branch is right. Before the second you overwrite the stream by its "
        "normalised copy, and the network is added to that."
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
            x = self.norm_2(x)
            return x + self.contract(F.gelu(self.expand(x)))


class BlockNearSighted(Wrong):
    """No hint foresees it."""

    part, loses = "block", 2

    class Block(nn.Module):
        def __init__(self, d_model, n_head):
            super().__init__()
            self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.attention = Attention(d_model, n_head)
            self.expand = nn.Linear(d_model, 4 * d_model)
            self.contract = nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            allowed = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
            x = x + self.attention(self.norm_1(x), allowed.triu(-2))
            return x + self.contract(F.gelu(self.expand(self.norm_2(x))))


class LossShiftedAgain(Wrong):
    part, loses = "loss", 2
    hint = (
        "You shift once more inside the loss. `batch` has done so already: position t of the "
        "logits belongs to position t of the targets."
    )

    def loss(logits, targets):
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten())


class LossOfProbabilities(Wrong):
    part, loses = "loss", 2
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
    part, loses = "loss", 1
    hint = (
        "Bytes and tokens are exchanged. What all tokens cost together is shared among the "
        "bytes."
    )

    def bits_per_byte(nats, n_tokens, n_bytes):
        return nats / math.log(2) * n_bytes / n_tokens


class LossCutOff(Wrong):
    part, loses = "loss", 1
    hint = (
        "Your loss is cut off from the logits, as by `.item()`, `.detach()` or `float`, so "
        "`backward` has nothing to follow."
    )

    def loss(logits, targets):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten()).detach()


class LossPerRow(Wrong):
    part, loses = "loss", 2
    hint = "You divide by the number of rows alone. The mean is over their positions, too."

    def loss(logits, targets):
        log_probs = logits.log_softmax(dim=-1).gather(-1, targets[..., None])
        return -log_probs.sum() / len(logits)


class LossPerPosition(Wrong):
    part, loses = "loss", 2
    hint = "You divide by the positions of one row alone. There are several rows."

    def loss(logits, targets):
        log_probs = logits.log_softmax(dim=-1).gather(-1, targets[..., None])
        return -log_probs.sum() / logits.shape[1]


class LossSmoothed(Wrong):
    """No hint foresees it."""

    part, loses = "loss", 2

    def loss(logits, targets):
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=0.1)


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


class EvaluateWithoutAWindow(Wrong):
    part, loses = "evaluate", 1
    hint = (
        "A text shorter than `length` gives you no window, and so a division by zero. The "
        "last window may be shorter than the others, also if it is the only one."
    )

    def evaluate(model, tokens, length):
        training, costs = model.training, []
        model.eval()
        with torch.no_grad():
            for start in range(0, len(tokens) - length, length):
                window = tokens[start : start + length + 1]
                costs.append(loss(model(window[None, :-1]), window[None, 1:]).item())
        model.train(training)
        return sum(costs) / len(costs)


class EvaluateLosesTheBorders(Wrong):
    part, loses = "evaluate", 2
    hint = (
        "You cut the text into pieces that share no token, so the first token of each is "
        "never a target. Where does the answer to a window's last input stand?"
    )

    def evaluate(model, tokens, length):
        training, costs, counts = model.training, [], []
        model.eval()
        with torch.no_grad():
            for window in tokens.split(length):
                if len(window) > 1:
                    costs.append(loss(model(window[None, :-1]), window[None, 1:]).item())
                    counts.append(len(window) - 1)
        model.train(training)
        return sum(a * b for a, b in zip(costs, counts)) / sum(counts)


class EvaluateOfAnEmptyPiece(Wrong):
    part, loses = "evaluate", 2
    hint = (
        "You cut the text into pieces that share no token: the first of each is never a "
        "target, and a last piece of one token has no target at all, which gives NaN."
    )

    def evaluate(model, tokens, length):
        training, total, count = model.training, 0.0, 0
        model.eval()
        with torch.no_grad():
            for window in tokens.split(length):
                targets = window[None, 1:]
                total += loss(model(window[None, :-1]), targets).item() * targets.numel()
                count += targets.numel()
        model.train(training)
        return total / count


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


class RateRisesTooLong(Wrong):
    part, loses = "steps", 1
    hint = (
        "Your warm-up is a step too long: steps are counted from 0, so number `warm_up` is "
        "the first of the cosine. With `warm_up=0` you divide by zero."
    )

    def learning_rate(step, steps, peak, warm_up):
        if step <= warm_up:
            return peak * (step + 1) / warm_up
        progress = (step - warm_up) / (steps - 1 - warm_up)
        return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


class ClipACopy(Wrong):
    part, loses = "steps", 1
    hint = (
        "The shortened gradients are new tensors that nobody keeps; those of the parameters "
        "stay as they were."
    )

    def clip(parameters, limit):
        gradients = [it.grad for it in parameters if it.grad is not None]
        length = math.sqrt(sum((it**2).sum().item() for it in gradients))
        for it in gradients:
            it = it * min(1, limit / length)
        return length


class ClipSumOfLengths(Wrong):
    part, loses = "steps", 2
    hint = (
        "You add up the lengths of the parameters' gradients. The length of one long vector "
        "is less than the lengths of its pieces together."
    )

    def clip(parameters, limit):
        gradients = [it.grad for it in parameters if it.grad is not None]
        length = sum(it.norm().item() for it in gradients)
        for it in gradients:
            it *= min(1, limit / length)
        return length


class TrainToCopy(Wrong):
    part, loses = "train", 3
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
    part, loses = "train", 2
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
    part, loses = "train", 2
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
    part, loses = "train", 2
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
    part, loses = "train", 2
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


class TrainWithDefaults(Wrong):
    part, loses = "train", 1
    hint = (
        "Your optimizer has the betas and the weight decay that AdamW takes where none are "
        "given. The task names others."
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(model.parameters())
        losses = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, steps // 10)
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainWithDefaultBetas(Wrong):
    part, loses = "train", 1
    hint = (
        "Your betas are those that AdamW takes where none are given. The task names others."
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
        losses = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, steps // 10)
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainWithDefaultDecay(Wrong):
    part, loses = "train", 1
    hint = (
        "Your weight decay is the one that AdamW takes where none is given. The task names "
        "another."
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95))
        losses = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, steps // 10)
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainByAdam(Wrong):
    part, loses = "train", 2
    hint = (
        "Your optimizer is `Adam`, which adds the weight decay to the gradient. `AdamW` keeps "
        "the two apart."
    )

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.Adam(
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
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainIgnoresTheSeed(Wrong):
    part, loses = "train", 1
    hint = "Another `seed` gives the same run: your generator has a seed of its own."

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(0)
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
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(now.item())
        return losses


class TrainReportsAfterTheStep(Wrong):
    part, loses = "train", 1
    hint = (
        "You report the loss after each update. The first of the losses should be that of "
        "the model as it came."
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
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            losses.append(loss(model(inputs), targets).item())
        return losses


class TrainSetsTheRateTooLate(Wrong):
    part, loses = "train", 1
    hint = "The rate of a step is set after the step, so it acts one step later."

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=peak, betas=(0.9, 0.95), weight_decay=0.1
        )
        losses = []
        for step in range(steps):
            inputs, targets = batch(tokens, batch_size, length, generator)
            now = loss(model(inputs), targets)
            optimizer.zero_grad()
            now.backward()
            clip(list(model.parameters()), 1.0)
            optimizer.step()
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, steps // 10)
            losses.append(now.item())
        return losses


class TrainWithoutWarmUp(Wrong):
    part, loses = "train", 1
    hint = "Your rates begin at the peak. The first tenth of the steps should warm up."

    def train(model, tokens, steps, batch_size, length, peak, seed=0):
        generator = torch.Generator().manual_seed(seed)
        optimizer = torch.optim.AdamW(
            model.parameters(), betas=(0.9, 0.95), weight_decay=0.1
        )
        losses = []
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, peak, 0)
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
    part, loses = "knobs", 1
    hint = "Your k are the smallest logits. In which direction does the sorting go?"

    def next_probs(logits, temperature=1.0, top_k=None):
        logits = logits / temperature
        if top_k is not None and top_k < len(logits):
            logits = logits.masked_fill(logits > logits.sort().values[top_k - 1], -math.inf)
        return logits.softmax(dim=-1)


class TemperatureSharesOut(Wrong):
    part, loses = "knobs", 2
    hint = (
        "You divide probabilities by the temperature, so they no longer sum to one. It acts "
        "on the logits."
    )

    def next_probs(logits, temperature=1.0, top_k=None):
        if top_k is not None and top_k < len(logits):
            logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], -math.inf)
        return logits.softmax(dim=-1) / temperature


class TopWithoutItsLast(Wrong):
    part, loses = "knobs", 1
    hint = (
        "The smallest of the k logits is left out with the rest. With `top_k=1` nothing "
        "remains, and the probabilities are NaN."
    )

    def next_probs(logits, temperature=1.0, top_k=None):
        logits = logits / temperature
        if top_k is not None and top_k < len(logits):
            logits = logits.masked_fill(logits <= logits.topk(top_k).values[-1], -math.inf)
        return logits.softmax(dim=-1)


class TopKeepsOneMore(Wrong):
    """No hint foresees it."""

    part, loses = "knobs", 1

    def next_probs(logits, temperature=1.0, top_k=None):
        logits = logits / temperature
        if top_k is not None and top_k < len(logits):
            smallest = logits.topk(top_k + 1).values[-1]
            logits = logits.masked_fill(logits < smallest, -math.inf)
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
    part, loses = "write", 1
    hint = (
        "The generator is made anew for each token, so each draw has the same random number. "
        "Seed it once."
    )

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        for _ in range(n_new):
            generator = torch.Generator().manual_seed(seed)
            probs = next_probs(model(tokens[None, -context:])[0, -1], temperature, top_k)
            tokens = torch.cat([tokens, torch.multinomial(probs, 1, generator=generator)])
        return tokens


class WriteWithoutGenerator(Wrong):
    part, loses = "write", 1
    hint = (
        "The same `seed` gives another text each time: your draws come from PyTorch's global "
        "generator."
    )

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        for _ in range(n_new):
            probs = next_probs(model(tokens[None, -context:])[0, -1], temperature, top_k)
            tokens = torch.cat([tokens, torch.multinomial(probs, 1)])
        return tokens


class WriteSeesTheBeginning(Wrong):
    part, loses = "write", 1
    hint = (
        "The model is shown the first `context` tokens of the text, so from then on nothing "
        "new reaches it."
    )

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        generator = torch.Generator().manual_seed(seed)
        for _ in range(n_new):
            probs = next_probs(model(tokens[None, :context])[0, -1], temperature, top_k)
            tokens = torch.cat([tokens, torch.multinomial(probs, 1, generator=generator)])
        return tokens


class WriteLeavesOutThePrompt(Wrong):
    part, loses = "write", 1
    hint = "Your result holds the new tokens alone. The prompt belongs before them."

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        generator = torch.Generator().manual_seed(seed)
        for _ in range(n_new):
            probs = next_probs(model(tokens[None, -context:])[0, -1], temperature, top_k)
            tokens = torch.cat([tokens, torch.multinomial(probs, 1, generator=generator)])
        return tokens[-n_new:]


class WriteIgnoresTheKnobs(Wrong):
    """No hint foresees it."""

    part, loses = "write", 2

    def write(model, tokens, n_new, context, temperature=1.0, top_k=None, seed=0):
        generator = torch.Generator().manual_seed(seed)
        for _ in range(n_new):
            probs = model(tokens[None, -context:])[0, -1].softmax(dim=0)
            tokens = torch.cat([tokens, torch.multinomial(probs, 1, generator=generator)])
        return tokens
